"""Errors that a caller may want to tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

import structlog

log = structlog.get_logger()

#: Python's own exceptions for data from outside that has another shape than expected.
WRONG_SHAPE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class StashbotError(Exception):
    """Base of every error that stashbot raises on purpose."""


class SettingsError(StashbotError):
    """The settings are wrong. `faults` has one line a fault: its key, and the right value."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class StoreError(StashbotError):
    """The database cannot be read or written: locked, full, damaged, or not ours."""


class StoreLocked(StoreError):
    """Another program has locked the database; the same call may work later."""


@contextmanager
def store_failures_logged(**about: object) -> Iterator[None]:
    """Log a StoreError of the block, with the fields `about`, and go on after the block."""
    try:
        yield
    except StoreError as error:
        log.error("store_failed", error=str(error), **about)


class NothingReason(StrEnum):
    """The reasons why there is no image to send; the values are keys of the locale files."""

    EMPTY = "nothing_to_send"
    EXCLUDED = "all_excluded"
    NOTHING_NEW = "nothing_new"
    UNUSABLE = "nothing_usable"
    DISK_FULL = "disk_full"


class NothingToSend(StashbotError):
    """There is no image for this request.

    For NOTHING_NEW, `since` is the time (UTC) since when nothing has come into the library.
    """

    def __init__(self, reason: NothingReason, text: str, since: datetime | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.since = since


class GaveUp(StashbotError):
    """A request could not be served in its time."""


class NoRoom(StashbotError):
    """Another large file is on its way; there will be room when it is sent."""


class DiskFull(StashbotError):
    """The disk has no room for the temporary file of a picture, or cannot be written."""


class ImageUnusable(StashbotError):
    """One image cannot be sent: its file is gone, empty, or over every limit."""


class StashProblem(StrEnum):
    """The states of a Stash that cannot serve; each has its sentence in the locale files."""

    UNREACHABLE = "unreachable"
    SLOW = "slow"
    BROKEN = "broken"  # it answers, but not as Stash does
    CERTIFICATE = "certificate"  # expired, for another name, or not trusted
    PROXY = "proxy"  # the answer comes from a proxy in front of it
    KEY_REFUSED = "key_refused"
    LOCKED = "locked"  # by its public-access tripwire
    NEEDS_SETUP = "needs_setup"
    NEEDS_MIGRATION = "needs_migration"
    TOO_OLD = "too_old"

    @property
    def needs_owner(self) -> bool:
        """Whether it lasts until its owner acts; the others may pass by themselves."""
        passing = (StashProblem.UNREACHABLE, StashProblem.SLOW, StashProblem.BROKEN)
        return self not in (*passing, StashProblem.PROXY)


class StashError(StashbotError):
    """Stash is away, refuses the bot, or is in a state in which it cannot serve.

    `version` is the release that was found, for `TOO_OLD`, else empty. `retry_after` is the
    pause that it asks for, in seconds.
    """

    def __init__(
        self, problem: StashProblem, text: str, version: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(text)
        self.problem = problem
        self.version = version
        self.retry_after = retry_after


class Interrupted(StashError):
    """The end of the program has cut the work on a picture short; Stash is not at fault."""

    def __init__(self) -> None:
        super().__init__(StashProblem.UNREACHABLE, "stopping")


class TelegramError(StashbotError):
    """Telegram refuses a call, asks for a pause, or cannot be reached.

    A `permanent` error comes back for the same call at any time. `retry_after` is the pause
    that Telegram asks for, in seconds. `maybe_sent`: the request went out and the answer is
    lost or makes no sense, so the message may have arrived and must not be sent again.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        maybe_sent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after
        self.maybe_sent = maybe_sent
