"""Tells from polls and pictures whether Telegram is away."""

from __future__ import annotations

import threading
from enum import IntEnum

from ..errors import TelegramError
from ..runtime.outage import Outage
from .errors import TelegramUnreachable


class Side(IntEnum):
    """The calls that show an outage; the value is the failures in a row that mean one."""

    POLLS = 1
    PICTURES = 2


class Health:
    """Reports to the outage of Telegram, which lasts while one side fails. Thread-safe.

    Polls fail with any error, and pictures with a doubtful answer. A picture that finds no
    connection shows nothing: the next poll finds none either.
    """

    def __init__(self, outage: Outage) -> None:
        self.is_closed = False  # if true, report no more failures
        self._outage = outage
        self._lock = threading.Lock()
        self._failures = dict.fromkeys(Side, 0)

    def note(self, side: Side, error: TelegramError | None = None) -> None:
        """Note how a call ended; a picture that Telegram refuses shows that it works."""
        if side is Side.PICTURES and isinstance(error, TelegramUnreachable):
            return
        with self._lock:
            has_failed = error and (side is Side.POLLS or error.maybe_sent)
            self._failures[side] = self._failures[side] + 1 if has_failed else 0
            if all(count < side for side, count in self._failures.items()):
                self._outage.up()
            elif error and has_failed and not self.is_closed:
                self._outage.down(error, error.retry_after)
