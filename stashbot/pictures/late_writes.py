"""Changes of the database that must not be lost while it is locked or its disk is full."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from ..errors import StoreError
from ..models import Priority
from ..runtime.pool import Pool

log = structlog.get_logger()

#: Between two tries.
PAUSE_S = 2.0


class LateWrites:
    """Makes changes at once, or else as soon as the database can be written. Thread-safe."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def write(self, change: Callable[[], None], **about: object) -> None:
        """Make a change that may be made twice; `about` is for the log if it fails."""
        try:
            change()
        except StoreError as error:
            log.error("store_failed", error=str(error), **about)
            self._pool.submit(partial(_retry, change), PAUSE_S, priority=Priority.BACKGROUND)


def _retry(change: Callable[[], None]) -> float | None:
    """Make a change; the seconds to the next try if it fails."""
    try:
        change()
    except StoreError:
        return PAUSE_S
    return None
