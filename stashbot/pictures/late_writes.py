"""Changes of the database that must not be lost while it is locked or its disk is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import structlog

from ..errors import StoreError
from ..models import Priority
from ..runtime.pool import Pool

log = structlog.get_logger()

#: Between two tries.
PAUSE_S = 2.0
#: The most changes that wait; the next start finds what is missing.
MOST = 1000


class LateWrites:
    """Makes changes at once, or else as soon as the database can be written. Thread-safe."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._left: deque[Callable[[], None]] = deque(maxlen=MOST)

    def write(self, change: Callable[[], None], **about: object) -> None:
        """Make a change that may be made twice; `about` is for the log if it fails."""
        try:
            change()
        except StoreError as error:
            log.error("store_failed", error=str(error), **about)
            self._left.append(change)
            self._pool.submit(self._retry, PAUSE_S, priority=Priority.BACKGROUND)

    def _retry(self) -> float | None:
        """Make one change that is left; the seconds to the next try if it fails."""
        change = self._left.popleft() if self._left else lambda: None
        try:
            change()
        except StoreError:
            self._left.appendleft(change)
            return PAUSE_S
        return None
