"""The clock: chores that come round, each at its time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import schedule
import structlog

from .errors import StoreError
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
        # At the start too, or a bot that is restarted daily would never come to it.
        self._jobs.every(24).hours.do(self.prune)
        self._is_first = True

    def turn(self) -> None:
        """Run what is due, and wait for what is next."""
        if self._is_first:
            self._is_first = False
            self._jobs.run_all()
        self._jobs.run_pending()
        self._stop.wait(max(0.1, self._jobs.idle_seconds or 0.0))

    def prune(self) -> None:
        """Delete history that is older than the owner wants to keep.

        A day later than that, so that the deck has long found to be unseen what is forgotten.
        """
        try:
            deleted = self._store.prune(self._now(), self._keep_days + 1)
        except StoreError as error:
            log.error("store_failed", error=str(error))
        else:
            log.info("history_pruned", deleted=deleted)
