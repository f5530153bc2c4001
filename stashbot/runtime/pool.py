"""Jobs for a few threads: in lanes, by priority, at their time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..models import Priority
from .heartbeat import resting


class Again(NamedTuple):
    """Call the job again after `seconds`, with this priority from now on."""

    seconds: float
    priority: Priority


#: A job returns None when it is done; seconds alone call it again and keep its priority.
Job = Callable[[], Again | float | None]


class Pool:
    """Runs jobs on the threads that call `turn`. Thread-safe.

    The jobs of one lane run one at a time, in the order of `submit`. A job that is to be
    called again stays the first of its lane. A lane is due when its first job is due; it has
    the highest priority of all its jobs. Of the lanes that are due, the pool takes one with
    the highest priority, and of several such lanes the one that has been due for longest.

    `limits` is the number of jobs of a priority and all lower priorities that may run at
    once. A job that raises is done, unless it has a `retry_s`; the exception goes to the caller of
    `turn`. The pool wakes the idle thread that worked last, because its connections are still open.
    """

    def __init__(
        self, limits: Mapping[Priority, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[threading.Condition] = []  # one for each idle thread
        self._closed = False
        self._lanes: dict[Hashable, deque[_Task]] = {}
        self._running: dict[Hashable, Priority] = {}  # the lanes whose first job runs

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._lanes.values()))

    def submit(
        self,
        job: Job,
        delay: float = 0.0,
        *,
        lane: Hashable | None = None,
        priority: Priority = Priority.USER,
        retry_s: float | None = None,
    ) -> None:
        """Run `job` in `delay` seconds, or as soon after that as a thread is free.

        Without a `lane` it waits for no other job. If it raises, it comes again after `retry_s`.
        """
        task = _Task(job, self._clock() + delay, priority, retry_s)
        with self._lock:
            self._lanes.setdefault(task if lane is None else lane, deque()).append(task)
            self._wake_one()

    def hurry(self) -> None:
        """Make all waiting jobs due now."""
        with self._lock:
            now = self._clock()
            for tasks in self._lanes.values():
                for task in tasks:
                    task.due = min(task.due, now)
            self._wake_one()

    def close(self) -> None:
        """Release the idle threads; jobs that wait are left undone."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._wake_one()

    def turn(self) -> None:
        """Wait for the next job and run it; return at once when the pool is closed."""
        lane = self._next()
        if lane is None:
            return
        try:
            again = self._lanes[lane][0].job()
        except BaseException:
            self._done(lane, self._lanes[lane][0].retry_s)
            with self._lock:
                self._wake_one()  # this thread comes back late
            raise
        self._done(lane, again)

    def _next(self) -> Hashable | None:
        """Take the lane whose first job runs next; None when the pool is closed."""
        with self._lock:
            while not self._closed:
                now = self._clock()
                ranks = {
                    lane: (min(task.priority for task in tasks), tasks[0].due)
                    for lane, tasks in self._lanes.items()
                    if lane not in self._running
                }
                ready = [
                    lane
                    for lane, (priority, due) in ranks.items()
                    if due <= now and self._has_room(priority)
                ]
                if ready:
                    lane = min(ready, key=ranks.__getitem__)
                    self._running[lane] = ranks[lane][0]
                    if len(ranks) > 1:  # another thread may have work, now or after a while
                        self._wake_one()
                    return lane
                self._wait(min((due - now for _, due in ranks.values() if due > now), default=None))
        return None

    def _wait(self, seconds: float | None) -> None:
        bell = threading.Condition(self._lock)
        self._idle.append(bell)
        with resting():
            bell.wait(seconds)
        if bell in self._idle:  # the time is over
            self._idle.remove(bell)

    def _wake_one(self) -> None:
        if self._idle:
            self._idle.pop().notify()

    def _has_room(self, priority: Priority) -> bool:
        return all(
            sum(other >= level for other in self._running.values()) < limit
            for level, limit in self._limits.items()
            if level <= priority
        )

    def _done(self, lane: Hashable, again: Again | float | None) -> None:
        """Note the end of a job. Its thread looks for the next one right after."""
        with self._lock:
            del self._running[lane]
            tasks, now = self._lanes[lane], self._clock()
            if again is None:
                tasks.popleft()
                again = 0.0
            if not tasks:
                del self._lanes[lane]
                return
            if isinstance(again, Again):
                again, tasks[0].priority = again
            # Another lane that is due by now goes first.
            tasks[0].due = max(tasks[0].due, now + again)


@dataclass(eq=False)
class _Task:
    job: Job
    due: float
    priority: Priority
    retry_s: float | None
