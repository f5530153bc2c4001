"""The scheduler thread: runs schedules when they are due, and the daily chores.

One `schedule.Scheduler` holds a job for the next moment of each schedule and for each chore.
`rules.timetable` finds the moments; the request queue sends the pictures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import schedule
import structlog

from ..errors import StoreError
from ..models import Request
from ..rules.timetable import due
from ..runtime.heartbeat import resting
from ..store.store import Store
from .schedules import ChatSchedules, Entry

log = structlog.get_logger()

#: The pause before a failed job is tried again.
AGAIN = timedelta(seconds=20)
#: The longest wait in seconds while there are schedules: the clock may be set, or the machine
#: sleep, and neither wakes a thread.
LONGEST_WAIT_S = 10.0
#: From the start to the first check of the database.
CHECK_AFTER = timedelta(minutes=10)
#: From one run of a chore to the next.
DAY = timedelta(days=1)
#: From the preparation of a picture to the moment at which it is due.
AHEAD = timedelta(minutes=1)
#: The tag of the jobs that run a schedule.
DUE = "due"
#: The tag of the jobs that prepare a picture.
SOON = "soon"
#: The tag of the daily jobs.
CHORE = "chore"
#: Days that a picture stays in the history after `keep_days`. One day, so that the candidates
#: have long taken the image for unseen; two, as far as an accepted clock may be ahead.
SPARE_DAYS = 3


class RequestQueue(Protocol):
    """Takes the requests that schedules make."""

    def accept(self, request: Request) -> None:
        """Send the pictures of a request."""

    def prefetch(self, chat_id: int) -> None:
        """Prepare a picture that the chat will soon be sent."""


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
        self._next_due: datetime | None = None

    def next_due(self) -> datetime | None:
        """The next moment of all schedules; None if there is none. Thread-safe."""
        return self._next_due

    def turn(self) -> None:
        """Run the jobs that are due, and wait for the next one."""
        self.work()
        with resting():
            self._wake.wait(self._pause())

    def work(self) -> None:
        """Run the jobs that are due now."""
        now = self._now()
        if self._seen is None or now < self._seen:  # the start, or the clock was put back
            self._begin(now)
        self._seen = now
        if self._wake.is_set():
            self._wake.clear()
            self._load()
        try:
            self._jobs.run_pending()
        finally:
            planned = [job.next_run for job in self._jobs.get_jobs(DUE) if job.next_run]
            self._next_due = min(planned, default=None)

    def _begin(self, now: datetime) -> None:
        self._jobs.clear()
        # At the start too: a bot that is restarted every day would never prune.
        self._plan(now, partial(self._chore, self.prune), CHORE)
        self._plan(now + CHECK_AFTER, partial(self._chore, self.check_database), CHORE)
        self._wake.set()

    def _pause(self) -> float:
        """Seconds until the next job is due."""
        next_run = self._jobs.next_run
        left = max(0.0, (next_run - self._now()).total_seconds()) if next_run else LONGEST_WAIT_S
        # Chores may be late.
        return min(left, LONGEST_WAIT_S) if self._jobs.get_jobs(DUE) else left

    def _plan(self, moment: datetime, job: Callable[[], None], tag: str) -> schedule.Job:
        once = _Once(moment, job, self._now, self._jobs)
        once.tag(tag)
        return once

    # Schedules

    def _load(self) -> None:
        """Plan the next moment of each schedule anew."""
        self._jobs.clear(DUE)
        self._jobs.clear(SOON)
        retry = self._plan(self._now() + AGAIN, self._load, DUE)
        try:
            self._store.schedules.rewind(self._now())
            entries = self._schedules.entries()
        except StoreError as error:
            log.error("store_failed", error=str(error))
            return
        for entry in entries:
            self._plan_next(entry)
        self._jobs.cancel_job(retry)

    def _plan_next(self, entry: Entry) -> None:
        moment = entry.next_after(entry.schedule.handled_until)
        self._plan(moment, partial(self._serve, entry), DUE)
        if moment > self._now() and entry.schedule.count == 1:  # albums are not prepared
            prefetch = partial(self._requests.prefetch, entry.schedule.chat_id)
            self._plan(moment - AHEAD, prefetch, SOON)

    def _serve(self, entry: Entry) -> None:
        """Claim the moment that is due of a schedule, and log the moments that were missed."""
        # If this raises, even by a bug, the schedule is due again after a pause.
        again = self._plan(self._now() + AGAIN, partial(self._serve, entry), DUE)
        try:
            served = self._serve_due(entry)
        except StoreError as error:
            log.error("store_failed", error=str(error), chat_id=entry.schedule.chat_id)
            return
        self._jobs.cancel_job(again)
        self._plan_next(served)

    def _serve_due(self, entry: Entry) -> Entry:
        served, now = entry.schedule, self._now()
        passed = due(entry.timetable, entry.zone, served.handled_until, now)
        until = passed.serve or passed.last_missed
        if until is None:
            return entry
        if passed.serve:
            request = self._store.schedules.claim(served, passed.serve, entry.language, now)
        else:
            request = None
            self._store.schedules.skip(served, until)
        about = {"chat_id": served.chat_id, "when": served.when}
        if passed.first_missed and passed.last_missed:
            log.warning(
                "schedule_missed",
                **about,
                due=passed.last_missed.isoformat(),
                since=passed.first_missed.isoformat(),
                reason="not running then",
            )
        if request and passed.serve:
            log.info("schedule_fired", **about, due=passed.serve.isoformat())
            self._requests.accept(request)
        return replace(entry, schedule=replace(served, handled_until=until))

    # Chores

    def _chore(self, chore: Callable[[], None]) -> None:
        self._plan(self._now() + DAY, partial(self._chore, chore), CHORE)
        try:
            chore()
        except StoreError as error:
            log.error("store_failed", error=str(error))

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

    def check_database(self) -> None:
        """Read the whole database, and log its damage."""
        if damage := self._store.check_integrity():
            log.error("database_damaged", error=damage, do="stop, and put a backup in its place")


class _Once(schedule.Job):
    """A job that runs once, at a moment.

    The library's own jobs use the machine's wall clock, which repeats an hour in autumn.
    """

    def __init__(
        self,
        moment: datetime,
        job: Callable[[], None],
        now: Callable[[], datetime],
        jobs: schedule.Scheduler,
    ) -> None:
        super().__init__(1, jobs)
        self.next_run = moment
        self._job = job
        self._now = now
        self._jobs = jobs
        self.do(job)

    @property
    def should_run(self) -> bool:
        """Whether its moment has come."""
        return self.next_run is not None and self._now() >= self.next_run

    def run(self) -> type[schedule.CancelJob]:
        """Run once and leave the scheduler, unless an earlier job has cancelled this one."""
        if self in self._jobs.jobs:
            # Before the run: a job that raises would block the others for ever.
            self._jobs.cancel_job(self)
            self._job()
        return schedule.CancelJob

    def _schedule_next_run(self) -> None:
        """Do nothing: the moment is given."""
