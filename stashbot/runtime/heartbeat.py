"""Whether threads still turn: each says what it is at, and by when that is to be over.

A thread that waits for work is not stuck, however long it waits. One that works is, when
it has not come to its next turn, or to its next wait, within its patience.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Heartbeat:
    """When one thread is overdue. Written by that thread, read by others.

    `patience` is how many seconds its work may take.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._overdue_at = clock() + patience

    def beat(self) -> None:
        """Begin a new piece of work."""
        self._overdue_at = self._clock() + self._patience

    def rest(self, at_most: float) -> None:
        """Begin to wait, for so many seconds."""
        self._overdue_at = self._clock() + at_most

    @property
    def is_overdue(self) -> bool:
        """Whether the thread is stuck, as far as can be told from outside."""
        return self._clock() > self._overdue_at


def adopt(pulse: Heartbeat) -> None:
    """Make this the pulse of the calling thread."""
    _own.pulse = pulse


@contextmanager
def resting(at_most: float = math.inf) -> Iterator[None]:
    """Say, while it lasts, that the calling thread waits for others: for so many seconds."""
    pulse: Heartbeat | None = getattr(_own, "pulse", None)
    if pulse is None:
        yield
        return
    pulse.rest(at_most)
    try:
        yield
    finally:
        pulse.beat()


_own = threading.local()
