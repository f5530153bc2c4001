"""Tells from the calls of the Bot API whether Telegram is away."""

from __future__ import annotations

import threading
from enum import StrEnum

from ..errors import TelegramError, TelegramUnreachable
from ..runtime.outage import Outage

#: So many doubtful answers in a row mean that Telegram is away.
DOUBTFUL_ANSWERS = 2


class Side(StrEnum):
    """The kinds of calls that can fail while the others work."""

    POLLS = "polls"
    TEXTS = "texts"
    MEDIA = "media"


class Health:
    """Reports to the outage of Telegram. Thread-safe.

    Telegram is away while one side fails: a poll at its first error, messages if Telegram
    cannot be reached or after two doubtful answers in a row. It is back when no side fails.
    """

    def __init__(self, outage: Outage) -> None:
        self._outage = outage
        self._lock = threading.Lock()
        self._doubtful = dict.fromkeys(Side, 0)
        self._failing: dict[Side, TelegramError] = {}
        self._is_closed = False

    def close(self) -> None:
        """Report no more failures."""
        self._is_closed = True

    def failed(self, side: Side, error: TelegramError) -> None:
        """Note the error of a call; a message that Telegram refuses shows that it works."""
        if self._is_closed or not self._is_failure(side, error):
            return
        with self._lock:
            self._failing[side] = error
            self._outage.down(error, error.retry_after)

    def worked(self, side: Side) -> None:
        """Note that Telegram answered a call as it should."""
        self._doubtful[side] = 0
        if not self._failing:  # the usual case, without the lock
            return
        with self._lock:
            was_away = self._failing.pop(side, None)
            if was_away and side is Side.POLLS:
                self._forget_lost_connections()
            if was_away and not self._failing:
                self._outage.up()

    def _is_failure(self, side: Side, error: TelegramError) -> bool:
        if side is Side.POLLS or isinstance(error, TelegramUnreachable):
            return True
        if not error.maybe_sent:
            self.worked(side)
            return False
        self._doubtful[side] += 1
        return self._doubtful[side] >= DOUBTFUL_ANSWERS

    def _forget_lost_connections(self) -> None:
        """Polls connect again, so messages will: none may be left that would show it."""
        for side, error in list(self._failing.items()):
            if isinstance(error, TelegramUnreachable):
                del self._failing[side]
