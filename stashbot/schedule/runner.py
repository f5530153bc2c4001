"""The clock: standing orders when they are due, and chores that come round.

One `schedule.Scheduler` holds a job for the next moment of each order and for each chore.
The moments themselves are the timetable's business, serving them is the publisher's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import schedule
import structlog

from ..errors import StoreError
from ..models import Request
from ..rules.timetable import due
from ..runtime.heartbeat import resting
from ..store.store import Store
from .schedules import ChatSchedules, Entry

log = structlog.get_logger()

#: How long until what has failed is tried again.
AGAIN = timedelta(seconds=20)
#: Seconds after which the clock is looked at while there are orders: it may have been set,
#: or the machine been asleep, and neither wakes a thread.
GLANCE = 10.0
#: When the database is read through for the first time, and how often each chore is done.
CHECK_AFTER, DAY = timedelta(minutes=10), timedelta(days=1)
#: How long before it is due a picture is prepared.
AHEAD = timedelta(minutes=1)
#: How the jobs are told apart.
ORDER, SOON, CHORE = "order", "soon", "chore"


class Scheduler:
    """Runs what is due. Owned by the scheduler thread.

    `wake` is set by others when orders have changed, and when all is to end. `accept` is
    given the requests that orders have made, and `prepare` which chat will soon be due, and
    for how many pictures.
    A job that fails is tried again after a while; a moment counts as served when it is
    claimed, and not before.
    """

    def __init__(
        self,
        store: Store,
        keep_days: int,
        schedules: ChatSchedules,
        accept: Callable[[Request], None],
        prepare: Callable[[int, int], None],
        wake: threading.Event,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._keep_days = keep_days
        self._schedules = schedules
        self._accept = accept
        self._prepare = prepare
        self._wake = wake
        self._now = now
        self._jobs = schedule.Scheduler()
        self._seen: datetime | None = None
        self._next_due: datetime | None = None

    def next_due(self) -> datetime | None:
        """When the next order is due; None if there is none. Thread-safe."""
        return self._next_due

    def turn(self) -> None:
        """Run what is due, and wait for what is next."""
        self.work()
        with resting():
            self._wake.wait(self._pause())

    def work(self) -> None:
        """Run what is due now."""
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
            planned = [job.next_run for job in self._jobs.get_jobs(ORDER) if job.next_run]
            self._next_due = min(planned, default=None)

    def _begin(self, now: datetime) -> None:
        self._jobs.clear()
        # At the start too, or a bot that is restarted daily would never come to it.
        self._plan(now, partial(self._chore, self.prune), CHORE)
        self._plan(now + CHECK_AFTER, partial(self._chore, self.check_database), CHORE)
        self._wake.set()

    def _pause(self) -> float:
        """Seconds until there is something to do."""
        next_run = self._jobs.next_run
        left = max(0.0, (next_run - self._now()).total_seconds()) if next_run else GLANCE
        # Chores may be late.
        return min(left, GLANCE) if self._jobs.get_jobs(ORDER) else left

    def _plan(self, moment: datetime, job: Callable[[], None], tag: str) -> schedule.Job:
        once = _Once(moment, job, self._now, self._jobs)
        once.tag(tag)
        return once

    # Schedules

    def _load(self) -> None:
        """Plan the next moment of each order anew."""
        self._jobs.clear(ORDER)
        self._jobs.clear(SOON)
        retry = self._plan(self._now() + AGAIN, self._load, ORDER)
        try:
            self._store.orders.rewind(self._now())
            entries = self._schedules.entries()
        except StoreError as error:
            log.error("store_failed", error=str(error))
            return
        for entry in entries:
            self._plan_next(entry)
        self._jobs.cancel_job(retry)

    def _plan_next(self, entry: Entry) -> None:
        order = entry.order
        moment = entry.next_after(order.handled_until)
        self._plan(moment, partial(self._serve, entry), ORDER)
        if moment > self._now():
            self._plan(moment - AHEAD, partial(self._prepare, order.chat_id, order.count), SOON)

    def _serve(self, entry: Entry) -> None:
        """Claim what is due of an order, and say what was missed of it."""
        # Should this fail, by a bug even, it is due again after a while, and not lost.
        again = self._plan(self._now() + AGAIN, partial(self._serve, entry), ORDER)
        try:
            served = self._serve_due(entry)
        except StoreError as error:
            log.error("store_failed", error=str(error), chat_id=entry.order.chat_id)
            return
        self._jobs.cancel_job(again)
        self._plan_next(served)

    def _serve_due(self, entry: Entry) -> Entry:
        order, now = entry.order, self._now()
        passed = due(entry.timetable, entry.zone, order.handled_until, now)
        until = passed.serve or passed.last_missed
        if until is None:
            return entry
        if passed.serve:
            request = self._store.orders.claim(order, passed.serve, entry.language, now)
        else:
            request = None
            self._store.orders.skip(order, until)
        about = {"chat_id": order.chat_id, "when": order.when}
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
            self._accept(request)
        return replace(entry, order=replace(order, handled_until=until))

    # Chores

    def _chore(self, chore: Callable[[], None]) -> None:
        self._plan(self._now() + DAY, partial(self._chore, chore), CHORE)
        try:
            chore()
        except StoreError as error:
            log.error("store_failed", error=str(error))

    def prune(self) -> None:
        """Delete history that is older than the owner wants to keep.

        A day later than that, so that the deck has long found to be unseen what is forgotten.
        """
        deleted = self._store.prune(self._now(), self._keep_days + 1)
        log.info("history_pruned", deleted=deleted)

    def check_database(self) -> None:
        """Read the whole database, and say if it is damaged."""
        if damage := self._store.check_integrity():
            log.error("database_damaged", error=damage, do="stop, and put a backup in its place")


class _Once(schedule.Job):
    """A job that is run once, at a moment.

    The library's own jobs go by the machine's wall clock, which repeats an hour in autumn.
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
        """Do it, if it was not cancelled by one that came before it, and leave the scheduler."""
        if self in self._jobs.jobs:
            # First, or a job that raises would stand in the way of the others for ever.
            self._jobs.cancel_job(self)
            self._job()
        return schedule.CancelJob

    def _schedule_next_run(self) -> None:
        """Nothing: its one moment was given."""
