"""The clock: chores that come round, each at its time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import schedule
import structlog

from .store import Store

log = structlog.get_logger()


class Scheduler:
    """Runs what is due. Owned by the scheduler thread; it sleeps until the next job."""

    def __init__(
        self,
        store: Store,
        keep_days: int,
        stop: threading.Event,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._keep_days = keep_days
        self._stop = stop
        self._now = now
        self._jobs = schedule.Scheduler()
        self._jobs.every(24).hours.do(self.prune)

    def turn(self) -> None:
        """Run what is due, and wait for what is next."""
        self._jobs.run_pending()
        self._stop.wait(max(0.1, self._jobs.idle_seconds or 0.0))

    def prune(self) -> None:
        """Delete history that is older than the owner wants to keep."""
        deleted = self._store.prune(self._now(), self._keep_days)
        log.info("history_pruned", deleted=deleted)
