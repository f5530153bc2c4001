"""The scheduler thread: runs schedules when they are due, and the daily chores.

One `schedule.Scheduler` holds a job for the next moment of each schedule and for each chore.
`rules.timetable` finds the moments; the request queue sends the pictures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import schedule
import structlog

from ..errors import store_failures_logged
from ..models import Request
from ..rules.timetable import due
from ..runtime.heartbeat import resting
from ..store.store import Store
from .schedules import ChatSchedules, Entry

log = structlog.get_logger()

#: The pause before a failed job is tried again.
AGAIN = timedelta(seconds=20)
#: The longest wait in seconds: the clock may be set, or the machine sleep, and neither wakes a
#: thread.
LONGEST_WAIT_S = 10.0
#: From the start to the first check of the database.
CHECK_AFTER = timedelta(minutes=10)
#: From one run of a chore to the next.
DAY = timedelta(days=1)
#: From the preparation of a picture to the moment at which it is due.
AHEAD = timedelta(minutes=1)
# The tags of the jobs: to load the schedules, to run one of them, to prepare a picture for one, and
# to do a daily chore.
LOAD = "load"
DUE = "due"
SOON = "soon"
CHORE = "chore"
#: Days that a picture stays in the history after `keep_days`. One day, so that the candidates
#: have long taken the image for unseen; two, as far as an accepted clock may be ahead.
SPARE_DAYS = 3


class RequestQueue(Protocol):
    """Sends the pictures of a request, and prepares a picture that a chat will soon be sent."""

    def accept(self, request: Request) -> None: ...
    def prefetch(self, chat_id: int, source: str) -> None: ...


class Scheduler:
    """Runs the jobs that are due. Owned by the scheduler thread.

    Others set `wake` when schedules have changed, and at the end of the program. A job that
    fails is tried again after a pause; a moment counts as served only when it is claimed.
    """

    def __init__(
        self,
        *,
        store: Store,
        schedules: ChatSchedules,
        requests: RequestQueue,
        wake: threading.Event,
        keep_days: int,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._schedules = schedules
        self._requests = requests
        self._wake = wake
        self._keep_days = keep_days
        self._now = now
        self._jobs = schedule.Scheduler()
        self._seen: datetime | None = None

    def next_due(self) -> datetime | None:
        """The next moment of all schedules; None if there is none. Thread-safe."""
        return self._jobs.get_next_run(DUE)

    def turn(self) -> None:
        """Run the jobs that are due, and wait for the next one."""
        self.work()
        with resting():
            self._wake.wait(self._pause())

    def work(self) -> None:
        now = self._now()
        if self._seen is None or now < self._seen:  # the start, or the clock was put back
            self._jobs.clear()
            # At the start too: a bot that is restarted every day would never prune.
            self._plan(now, self.prune, CHORE)
            self._plan(now + CHECK_AFTER, self.check_database, CHORE)
            self._plan(now + CHECK_AFTER, self.retry_gone_chats, CHORE)
            self._wake.set()
        self._seen = now
        if self._wake.is_set():
            self._wake.clear()
            for tag in (LOAD, DUE, SOON):
                self._jobs.clear(tag)
            self._plan(now, self._load, LOAD)
            self._jobs.run_pending()
        self._jobs.run_pending()

    def _pause(self) -> float:
        next_run = self._jobs.next_run
        left = (next_run - self._now()).total_seconds() if next_run else LONGEST_WAIT_S
        return min(max(0.0, left), LONGEST_WAIT_S)

    def _plan(self, moment: datetime, action: Callable[[], None], tag: str) -> None:
        self._jobs.jobs.append(_Job(moment, action, tag, self._now))

    # Schedules

    def _load(self) -> None:
        """Plan the next moment of each schedule. Raises StoreError."""
        self._store.schedules.rewind(self._now())
        for entry in self._schedules.entries():
            self._plan_next(entry, entry.schedule.handled_until)

    def _plan_next(self, entry: Entry, handled_until: datetime) -> None:
        moment = entry.next_after(handled_until, self._now())
        self._plan(moment, partial(self._serve, entry, handled_until), DUE)
        if moment > self._now() and entry.schedule.count == 1:  # albums are not prepared
            planned = entry.schedule
            prefetch = partial(self._requests.prefetch, planned.chat_id, planned.source)
            self._plan(moment - AHEAD, prefetch, SOON)

    def _serve(self, entry: Entry, handled_until: datetime) -> None:
        """Claim the moment that is due of a schedule, and log the moments that were missed."""
        served, now, request = entry.schedule, self._now(), None
        passed = due(entry.timetable, entry.zone, handled_until, now, entry.quiet)
        if passed.serve:
            request = self._store.schedules.claim(served, passed.serve, entry.language, now)
        elif passed.missed:
            self._store.schedules.skip(served, passed.missed[1])
        about = {"chat_id": served.chat_id, "when": served.when}
        if passed.missed:
            first, last = (moment.isoformat() for moment in passed.missed)
            log.warning("schedule_missed", **about, due=last, since=first, reason="not running")
            self._store.schedules.was_served[served.chat_id, served.when] = False
        if request and passed.serve:
            log.info("schedule_fired", **about, due=passed.serve.isoformat())
            self._requests.accept(request)
        self._plan_next(entry, passed.until or handled_until)

    # Chores

    def prune(self) -> None:
        """Delete the history that is older than the owner wants to keep.

        A clock may have jumped, also before the start. It is believed only if the history has a
        picture of the day before the last 24 hours: then it is ahead by two days at most.
        Otherwise nothing is deleted, and the next day tries again.
        """
        now = self._now()
        if self._store.pictures_since(now - 2 * DAY) == self._store.pictures_since(now - DAY):
            log.debug("history_not_pruned", reason="no picture shows that the clock is right")
            return
        deleted = self._store.prune(now, self._keep_days + SPARE_DAYS)
        log.info("history_pruned", deleted=deleted)

    def retry_gone_chats(self) -> None:
        """Let a schedule of each chat that is gone try once more: this runs once a day."""
        now = self._now()
        # Half a day, since the last try came later in its day than this does.
        if self._store.chats.retry_gone(now - DAY / 2, now):
            self._wake.set()

    def check_database(self) -> None:
        if damage := self._store.check_integrity():
            log.error("database_damaged", error=damage, do="stop, and restore a backup")


class _Job(schedule.Job):
    """A job at a given moment, which comes again if it fails; a chore comes every day.

    The library's own jobs use the machine's wall clock, which repeats an hour in autumn.
    """

    def __init__(
        self, moment: datetime, action: Callable[[], None], tag: str, now: Callable[[], datetime]
    ) -> None:
        super().__init__(1)
        self.next_run = moment
        self.job_func = partial(action)
        self.tag(tag)
        self._now = now

    @property
    def should_run(self) -> bool:
        return self.next_run is not None and self._now() >= self.next_run

    def run(self) -> type[schedule.CancelJob] | None:
        """Run, and leave the scheduler unless it comes again."""
        is_chore = CHORE in self.tags
        # Before the run: a job that raises would block the others for ever.
        self.next_run = self._now() + (DAY if is_chore else AGAIN)
        with store_failures_logged():
            self.job_func()  # type: ignore[misc]
            return None if is_chore else schedule.CancelJob
        return None
