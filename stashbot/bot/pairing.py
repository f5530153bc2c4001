"""The code that makes its sender the owner, while the bot has none."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ..store.people import PeopleStore
from ..telegram.client import TelegramClient

log = structlog.get_logger()

#: The code is logged after so many seconds again.
LOG_EVERY_S = 3600.0
#: The next look for the bot's name, which the link needs.
NAME_PAUSE_S = 0.5
#: After so many wrong codes a user's tries do not count for an hour.
MOST_TRIES = 5
DEAF_S = 3600.0
#: After so many wrong codes of all users the code changes, at most once in ten minutes.
MOST_WRONG = 50
CHANGE_PAUSE_S = 600.0
#: The users whose tries are counted, the latest ones.
MOST_USERS = 1000

_CODE = re.compile(r"(?:/start(?:@\w+)?\s+)?(?P<code>[0-9]{8})\s*")


@dataclass(frozen=True)
class _Tries:
    """The wrong codes of a user, and the time of the last one in monotonic seconds."""

    wrong: int
    at: float


class Pairing:
    """Chooses, logs and checks the code. Owned by the receiver thread; any may call `announce`."""

    def __init__(
        self,
        people: PeopleStore,
        telegram: TelegramClient,
        clock: Callable[[], float] = time.monotonic,
        choose: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._people = people
        self._telegram = telegram
        self._clock = clock
        self._choose = choose
        self._tries: dict[int, _Tries] = {}
        self._wrong = 0
        self._changed_at = self._log_at = -CHANGE_PAUSE_S
        self._code = self._new_code()

    def announce(self) -> float | None:
        """Log the code if it is time; the seconds until the next call, None with an owner."""
        if self._people.known.owner is not None:
            return None
        if not self._telegram.name:
            return NAME_PAUSE_S
        if (early := self._log_at - self._clock()) > 0:
            return early  # the pool was hurried
        self._log()
        return LOG_EVERY_S

    def is_owner(self, user_id: int, text: str) -> bool:
        """Whether a user's private text is the code. A wrong code counts as a try."""
        match = _CODE.fullmatch(text)
        if self._people.known.owner is not None or not match:
            return False
        now, tries = self._clock(), self._tries.pop(user_id, _Tries(0, 0.0))
        if now - tries.at >= DEAF_S:
            tries = _Tries(0, now)
        if tries.wrong < MOST_TRIES:
            if secrets.compare_digest(match["code"], self._code):
                return True
            tries = _Tries(tries.wrong + 1, now)
            self._count_wrong(now)
        self._tries[user_id] = tries
        if len(self._tries) > MOST_USERS:
            del self._tries[next(iter(self._tries))]
        return False

    def _count_wrong(self, now: float) -> None:
        self._wrong += 1
        if self._wrong >= MOST_WRONG and now - self._changed_at >= CHANGE_PAUSE_S:
            self._code, self._wrong, self._changed_at = self._new_code(), 0, now
            self._log()

    def _new_code(self) -> str:
        return f"{self._choose(10**8):08}"

    def _log(self) -> None:
        self._log_at = self._clock() + LOG_EVERY_S
        link = f"https://t.me/{self._telegram.name}?start={self._code}"
        log.warning("pairing_code", code=self._code, link=link)
