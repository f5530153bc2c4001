"""Everything that can go wrong and that a caller may want to tell apart."""

from __future__ import annotations

from enum import StrEnum


class StashbotError(Exception):
    """Base of every error that stashbot raises on purpose."""


class SettingsError(StashbotError):
    """The settings are missing, malformed or contradictory; the owner must mend them.

    `faults` holds one line a fault, each with its key and what would be right.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class StoreError(StashbotError):
    """The database cannot be read or written: locked, full, damaged, or not ours."""


class StoreLocked(StoreError):
    """Another program has locked the database; the same call may work later."""


class TimetableFault(StrEnum):
    """Why a text names no times; each has its sentence in the locale files."""

    UNREADABLE = "unreadable"
    NEVER = "never"
    TOO_OFTEN = "too_often"


class TimetableError(StashbotError):
    """What was written is no cron expression and no words for times that we know."""

    def __init__(self, fault: TimetableFault, text: str) -> None:
        super().__init__(f"{fault}: {text}")
        self.fault = fault


class NothingReason(StrEnum):
    """Why there is no image to send; the values are keys of the locale files."""

    EMPTY = "nothing_to_send"
    EXCLUDED = "all_excluded"
    UNUSABLE = "nothing_usable"


class NothingToSend(StashbotError):
    """There is no image for this request."""

    def __init__(self, reason: NothingReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class GaveUp(StashbotError):
    """A request could not be served in its time."""


class NoRoom(StashbotError):
    """Too many large files are in memory; there will be room when they are sent."""


class ImageUnusable(StashbotError):
    """One image cannot be sent: its file is gone, empty, or over every limit.

    `str()` is the reason in a few words, for the log. Another image may do.
    """


class ServiceError(StashbotError):
    """A service outside the process refused, or did not answer.

    `permanent` errors come back the same however soon we ask again; `retry_after`
    is the number of seconds that the service asked us to wait, if it did.
    """

    def __init__(
        self, reason: str, *, permanent: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after


class StashProblem(StrEnum):
    """What is wrong with Stash; each has its sentence in the locale files."""

    UNREACHABLE = "unreachable"
    SLOW = "slow"
    BROKEN = "broken"  # it answers, but not as Stash does
    KEY_REFUSED = "key_refused"
    LOCKED = "locked"  # by its public-access tripwire
    NEEDS_SETUP = "needs_setup"
    NEEDS_MIGRATION = "needs_migration"
    TOO_OLD = "too_old"


class StashError(ServiceError):
    """Stash is away, refuses us, or is in a state in which it cannot serve.

    `version` is the release that was found, for `TOO_OLD`, else empty.
    """

    def __init__(
        self,
        problem: StashProblem,
        reason: str,
        *,
        version: str = "",
        retry_after: float | None = None,
    ) -> None:
        passing = (StashProblem.UNREACHABLE, StashProblem.SLOW, StashProblem.BROKEN)
        super().__init__(reason, permanent=problem not in passing, retry_after=retry_after)
        self.problem = problem
        self.version = version


class Interrupted(StashError):
    """The end of the program has cut an exchange with Stash short; that is no fault of Stash's."""

    def __init__(self) -> None:
        super().__init__(StashProblem.UNREACHABLE, "stopping")


class TelegramError(ServiceError):
    """Telegram refuses a call, asks for a pause, or cannot be reached.

    `maybe_sent`: the request went out and the answer is lost or makes no sense, so the
    message may have arrived and must not be sent again.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        maybe_sent: bool = False,
    ) -> None:
        super().__init__(reason, permanent=permanent, retry_after=retry_after)
        self.maybe_sent = maybe_sent


class TelegramUnreachable(TelegramError):
    """No connection to Telegram: the request never went out."""


class ChatGone(TelegramError):
    """The user blocked the bot, a group removed it, or the chat does not exist any more."""


class PicturesForbidden(TelegramError):
    """The chat is there, and takes no pictures from the bot: a right or its topic is missing."""


class ChatMoved(TelegramError):
    """The group has become a supergroup; `chat_id` is its new id."""

    def __init__(self, chat_id: int) -> None:
        super().__init__(f"the group has become the supergroup {chat_id}", permanent=True)
        self.chat_id = chat_id


class MediaRefused(TelegramError):
    """Telegram does not take this file in this form, or does not know this file_id."""


class TokenRefused(TelegramError):
    """Telegram does not know the token: it was revoked or mistyped."""


class PollConflict(TelegramError):
    """Another program polls with the same token, or a webhook is set for it."""
