"""Jobs for a few threads: in lanes, by priority, at their time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ..models import Priority
from .heartbeat import resting


class Again(NamedTuple):
    """The job is to be called again after `seconds`, with this priority from now on."""

    seconds: float
    priority: Priority


#: A job returns None when it is done, else when it is to be called again; seconds alone keep
#: its priority.
Job = Callable[[], Again | float | None]

NO_LIMITS: Mapping[Priority, int] = MappingProxyType({})


class Pool:
    """Jobs for the threads that call `turn`. Thread-safe.

    The jobs of one lane run one after the other, in the order in which they were submitted. A
    job that is to be called again keeps its place: the jobs behind it wait. Among the lanes
    that are due, the lane with the highest-priority job goes first, even if that job is not its
    first. `limits` bounds how many jobs of a priority and all lower ones run at once, so that
    threads stay free for higher ones. Of the idle threads the one that worked last goes first:
    its connections are still open. An exception costs its job only, and goes to the thread's
    supervisor.
    """

    def __init__(
        self,
        limits: Mapping[Priority, int] = NO_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[threading.Condition] = []  # one for each idle thread
        self._closed = False
        # A lane that has jobs, and none of them running, is either in `_due`, by the time of
        # its first job, or, once that has come, in the queue of its priority.
        self._lanes: dict[Hashable, deque[_Task]] = {}
        self._due: list[tuple[float, int, Hashable]] = []
        self._queues: dict[Priority, dict[Hashable, None]] = {each: {} for each in Priority}
        self._running = Counter[Priority]()
        self._order = itertools.count()

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
    ) -> None:
        """Run `job` in `delay` seconds, or as soon after that as a thread is free.

        Without a `lane` it waits for no other job.
        """
        task = _Task(job, self._clock() + delay, priority)
        with self._lock:
            if lane is None:
                lane = task
            tasks = self._lanes.setdefault(lane, deque())
            tasks.append(task)
            if len(tasks) == 1:
                self._enqueue(lane)
                self._wake_one()
            elif self._raise_priority(lane, priority):
                self._wake_one()

    def hurry(self) -> None:
        """Make all waiting jobs due now."""
        with self._lock:
            now = self._clock()
            for tasks in self._lanes.values():
                for task in tasks:
                    task.due = min(task.due, now)
            self._due = [(min(due, now), order, lane) for due, order, lane in self._due]
            heapq.heapify(self._due)
            self._wake_one()

    def close(self) -> None:
        """Release the idle threads; jobs that wait are left undone."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._wake_one()

    def turn(self) -> None:
        """Wait for the next job and run it; return at once when the pool is closed."""
        taken = self._next()
        if taken is None:
            return
        lane, priority = taken
        try:
            again = self._lanes[lane][0].job()
        except BaseException:
            self._done(lane, priority, None)
            with self._lock:
                self._wake_one()  # this thread comes back late
            raise
        self._done(lane, priority, again)

    def _next(self) -> tuple[Hashable, Priority] | None:
        """Take the lane whose first job runs next; None when the pool is closed."""
        with self._lock:
            while not self._closed:
                wait = self._move_due()
                if taken := self._take():
                    # Another thread may have work, now or after a while.
                    if self._due or any(self._queues.values()):
                        self._wake_one()
                    return taken
                self._wait(wait)
        return None

    def _wait(self, seconds: float | None) -> None:
        """Wait to be woken, for so many seconds at most."""
        bell = threading.Condition(self._lock)
        self._idle.append(bell)
        with resting():
            bell.wait(seconds)
        if bell in self._idle:  # the time is over
            self._idle.remove(bell)

    def _wake_one(self) -> None:
        if self._idle:
            self._idle.pop().notify()

    def _take(self) -> tuple[Hashable, Priority] | None:
        """Take the first lane of the highest priority that has room; None if there is none."""
        for priority, queue in self._queues.items():
            if queue and self._has_room(priority):
                lane = next(iter(queue))
                del queue[lane]
                self._running[priority] += 1
                return lane, priority
        return None

    def _has_room(self, priority: Priority) -> bool:
        return all(
            sum(count for other, count in self._running.items() if other >= level) < limit
            for level, limit in self._limits.items()
            if level <= priority
        )

    def _move_due(self) -> float | None:
        """Queue the lanes whose time has come; the seconds until the next, None for none."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            lane = heapq.heappop(self._due)[2]
            priority = min(task.priority for task in self._lanes[lane])
            self._queues[priority][lane] = None
        return self._due[0][0] - now if self._due else None

    def _raise_priority(self, lane: Hashable, priority: Priority) -> bool:
        """Move a lane from the queue of a lower priority to this one; whether it was there."""
        for lower, queue in self._queues.items():
            if lower > priority and lane in queue:
                del queue[lane]
                self._queues[priority][lane] = None
                return True
        return False

    def _enqueue(self, lane: Hashable) -> None:
        heapq.heappush(self._due, (self._lanes[lane][0].due, next(self._order), lane))

    def _done(self, lane: Hashable, priority: Priority, again: Again | float | None) -> None:
        with self._lock:
            self._running[priority] -= 1
            tasks = self._lanes[lane]
            if again is None:
                tasks.popleft()
            else:
                task = tasks[0]
                seconds, task.priority = (
                    again if isinstance(again, Again) else (again, task.priority)
                )
                task.due = self._clock() + seconds
            # This thread looks for its next job right after, so no other is woken.
            if tasks:
                self._enqueue(lane)
            else:
                del self._lanes[lane]


@dataclass(eq=False)
class _Task:
    job: Job
    due: float
    priority: Priority
