"""Tells the owner of trouble in Telegram: once when it begins and once when it ends.

The owner's chat keeps the troubles that were told, so a restart does not repeat them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from ..errors import Interrupted, StashError, StoreError
from ..messages.catalogue import TEXTS, choose, size
from ..models import ChatValues
from ..pictures.files import cache_folder
from ..pictures.notices import Notices
from ..rules.timetable import window
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.errors import PollConflict
from .news import AFTER_S, CALM_S, Trouble, news

#: From one look to the next, in seconds.
LOOK_S = 60.0
#: A disk with fewer free bytes is nearly full.
LEAST_FREE = 200_000_000


class Alerts:
    """Looks for trouble. One thread at a time calls `turn`."""

    def __init__(
        self,
        *,
        store: Store,
        notices: Notices,
        telegram: TelegramClient,
        now: Callable[[], datetime],
    ) -> None:
        self.after, self.calm_s, self.least_free = AFTER_S, CALM_S, LEAST_FREE
        self._store = store
        self._notices = notices
        self._stash = notices.stash
        self._telegram = telegram
        self._settings = notices.settings
        self._now = now
        self._since: dict[Trouble, float] = {}  # the beginning of each trouble that is there
        # The owner's chat as the database has it, with alerts that could not be stored there.
        self._owner: int | None = None
        self._told: set[Trouble] = set()
        self._values, self._texts = ChatValues(), TEXTS["en"]

    def turn(self) -> float | None:
        """Look once; the seconds until the next look, None if the owner wants no alerts."""
        if not self._settings.telegram.alerts:
            return None
        if owner := self._store.people.known.owner:
            self._read(owner)
            self._look(owner)
        return LOOK_S

    def _look(self, owner: int) -> None:
        began = time.monotonic()
        self._since = {each: self._since.get(each, began) for each in self._present()}
        polls = self._telegram.outage.error
        if polls and not isinstance(polls, PollConflict):
            return  # a message would not arrive
        now, values = self._now(), self._values
        is_quiet = window(values.quiet, values.timezone, now) is not None
        lasting = {each: began - since for each, since in self._since.items()}
        begun, over = news(lasting, self._told, self._after(), is_quiet=is_quiet)
        if begun or over:
            self._tell(owner, begun, over, now)

    def _read(self, owner: int) -> None:
        """Read the settings of the owner's chat; without the database the last ones count."""
        chats = self._store.chats
        with suppress(StoreError):
            self._values = chats.values(owner)
            language = choose(self._values.language, chats.language(owner) or None)
            self._texts = TEXTS[language]
            if owner != self._owner:
                self._owner = owner
                self._told |= {each for each in Trouble if each in self._values.alerts.split()}

    def _after(self) -> dict[Trouble, float]:
        """The time after which each trouble is told; one that only the owner can end, at once."""
        after, error = dict(self.after), self._stash.outage.error
        if isinstance(error, StashError) and error.problem.needs_owner:
            after[Trouble.STASH] = 0.0
        return after

    def _tell(self, owner: int, begun: set[Trouble], over: set[Trouble], now: datetime) -> None:
        """Store and send the news; without the database no trouble is over."""
        told = (self._told | begun) - over
        try:
            self._store.chats.change(owner, "alerts", " ".join(sorted(told)), now)
        except StoreError:
            told, over = self._told | begun, set()
        self._told = told
        for trouble in sorted(over):
            self._notices.outbox.say(owner, self._texts(f"alert.over.{trouble}"))
        for trouble in sorted(begun):
            self._notices.outbox.say(owner, f"{self._words(trouble, owner)}\n/status")

    def _words(self, trouble: Trouble, owner: int) -> str:
        error, texts, reason = self._stash.outage.error, self._texts, ""
        if isinstance(error, StashError):
            reason = self._notices.stash_words(error, owner, texts)
        token = self._settings.located("telegram.token")
        free = size(self._free(), texts)
        return texts(f"alert.{trouble}", reason=reason, free=free, token=token).strip()

    # The troubles

    def _present(self) -> list[Trouble]:
        checks: dict[Trouble, Callable[[], bool]] = {
            Trouble.STASH: self._is_stash_away,
            Trouble.SCHEDULES: self._is_schedule_missed,
            Trouble.RATINGS: self._are_ratings_waiting,
            Trouble.DATABASE: self._is_database_failing,
            Trouble.DISK: self._is_disk_full,
            Trouble.POLLING: self._is_other_polling,
        }
        return [trouble for trouble, is_there in checks.items() if is_there()]

    def _is_held(self, trouble: Trouble) -> bool:
        """Whether a trouble was there at the last look, also that of the last process."""
        return trouble in self._since or trouble in self._told

    def _is_stash_away(self) -> bool:
        """Ask Stash, if it was away: without requests it would seem so for ever."""
        outage = self._stash.outage
        if outage.error or self._is_held(Trouble.STASH):
            try:
                self._stash.server()
            except Interrupted:
                return True
            except StashError:
                pass
        return outage.error is not None

    def _is_schedule_missed(self) -> bool:
        """Whether a schedule was missed, and not served since.

        After a trouble of the last process, any that is served counts.
        """
        schedules = self._store.schedules
        with suppress(StoreError):
            there = {(each.chat_id, each.when) for each in schedules.active()}
            served = [each for key, each in schedules.was_served.copy().items() if key in there]
            is_held = Trouble.SCHEDULES in self._told and bool(there) and not served
            return is_held or not all(served)
        return self._is_held(Trouble.SCHEDULES)

    def _are_ratings_waiting(self) -> bool:
        if self._settings.votes.write_ratings == "never":
            return False
        with suppress(StoreError):
            return self._store.ratings.first() is not None
        return self._is_held(Trouble.RATINGS)

    def _is_database_failing(self) -> bool:
        """Whether it failed a while ago, or did so before and is not sound yet."""
        database, failed_at = self._store.database, self._store.database.failed_at
        if failed_at is None and Trouble.DATABASE not in self._told:
            return False
        if failed_at is not None and time.monotonic() - failed_at < self.calm_s:
            return True
        with suppress(StoreError):
            return database.check_integrity() is not None
        return True

    def _is_disk_full(self) -> bool:
        # Half as much again, so that a disk on the edge is one trouble.
        wanted = self.least_free * (3 if self._is_held(Trouble.DISK) else 2) / 2
        return self._free() < wanted

    def _free(self) -> int:
        """The free bytes of the fullest disk; a folder that is gone is on none."""
        database, found = self._settings.database, [self.least_free * 2]
        for folder in (database.parent, cache_folder(database)):
            with suppress(OSError):
                found.append(shutil.disk_usage(folder).free)
        return min(found)

    def _is_other_polling(self) -> bool:
        conflict_at = self._telegram.conflict_at
        return conflict_at is not None and time.monotonic() - conflict_at < self.calm_s
