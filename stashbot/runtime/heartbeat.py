"""Heartbeats: whether each thread still makes progress.

A thread that waits for work is never overdue. A thread that works is overdue when
`longest_turn_s` seconds pass without a beat.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


class Heartbeat:
    """The moment at which one thread is overdue. Written by that thread, read by others."""

    def __init__(self, longest_turn_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_turn_s = longest_turn_s
        self._clock = clock
        self._overdue_at = clock() + longest_turn_s

    def beat(self) -> None:
        """Note progress: the limit counts from now, unless a longer rest goes on."""
        self._overdue_at = max(self._overdue_at, self._clock() + self._longest_turn_s)

    @contextmanager
    def resting(self, longest_s: float) -> Iterator[None]:
        """Mark the block as waiting for others, for at most so many seconds."""
        self._overdue_at = self._clock() + longest_s
        try:
            yield
        finally:
            self._overdue_at = self._clock() + self._longest_turn_s

    @property
    def is_overdue(self) -> bool:
        return self._clock() > self._overdue_at


class _Own(threading.local):
    heartbeat = Heartbeat(math.inf)  # of each thread that has none of its own


_own = _Own()


def adopt(heartbeat: Heartbeat) -> None:
    """Make this the heartbeat of the calling thread."""
    _own.heartbeat = heartbeat


def beat() -> None:
    """Note progress of the calling thread."""
    _own.heartbeat.beat()


def resting(longest_s: float = math.inf) -> AbstractContextManager[None]:
    """Mark the block of the calling thread as waiting for others, as `Heartbeat.resting`."""
    return _own.heartbeat.resting(longest_s)
