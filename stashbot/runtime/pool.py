"""Jobs for a few threads, in lanes, by priority and time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ..models import Priority
from .heartbeat import resting

#: What a pool does; it returns the seconds after which it is to be called again, if any.
Job = Callable[[], float | None]


class Pool:
    """Jobs for a few threads. Thread-safe.

    A job is a function without arguments that returns None, or the seconds after which
    it is to be called again. Those of one lane are done one after the other, in the order
    in which they came: one that is to be called again keeps its place, and the others
    behind it wait. Of the lanes whose turn it is, that of the highest priority comes first, be
    it not for its first job. At most `aside` lanes are served at a time that nobody waits
    for; with fewer than there are threads, somebody always finds a free one. Of the threads
    that wait, that comes first which has worked last: its connections are still open. What a
    job raises costs that job only, and is the business of the thread's loop.
    """

    def __init__(self, aside: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_aside = aside
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[threading.Condition] = []  # one of each thread that waits
        self._closed = False
        # A lane is in one of these while it has a job and none of it is being done:
        # by the time when its first job is due, or, when that has come, in the line of its
        # priority.
        self._lanes: dict[Hashable, deque[_Task]] = {}
        self._due: list[tuple[float, int, Hashable]] = []
        self._lines: dict[Priority, dict[Hashable, None]] = {priority: {} for priority in Priority}
        self._aside: set[Hashable] = set()
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
        """Have `job` done in `delay` seconds, or as soon as it has its turn after that.

        Without a `lane` it waits for no other.
        """
        task = _Task(job, self._clock() + delay, priority)
        with self._lock:
            if lane is None:
                lane = task
            tasks = self._lanes.setdefault(lane, deque())
            tasks.append(task)
            if len(tasks) == 1:
                self._line_up(lane)
                self._call()
            elif self._move_up(lane, priority):
                self._call()

    def hurry(self) -> None:
        """Make all that waits for its time due now."""
        with self._lock:
            now = self._clock()
            for tasks in self._lanes.values():
                for task in tasks:
                    task.due = min(task.due, now)
            self._due = [(min(due, now), order, lane) for due, order, lane in self._due]
            heapq.heapify(self._due)
            self._call()

    def close(self) -> None:
        """Let the waiting threads go; what has not begun is left undone."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._call()

    def turn(self) -> None:
        """Do the next job, waiting for one; return at once when the pool is closed."""
        lane = self._next()
        if lane is None:
            return
        try:
            again = self._lanes[lane][0].job()
        except BaseException:
            self._done(lane, None)
            with self._lock:
                self._call()  # this thread may not come back so soon
            raise
        self._done(lane, again)

    def _next(self) -> Hashable | None:
        """The lane whose first job is to be done; None when the pool is closed."""
        with self._lock:
            while not self._closed:
                wait = self._call_up()
                if (lane := self._take_first()) is not None:
                    # There may be work for another thread, now or after a while.
                    if self._due or any(self._lines.values()):
                        self._call()
                    return lane
                self._wait(wait)
        return None

    def _wait(self, seconds: float | None) -> None:
        """Wait to be called, for so many seconds at most."""
        bell = threading.Condition(self._lock)
        self._idle.append(bell)
        with resting():
            bell.wait(seconds)
        if bell in self._idle:  # nobody has called
            self._idle.remove(bell)

    def _call(self) -> None:
        """Let one of the threads that wait have a look."""
        if self._idle:
            self._idle.pop().notify()

    def _take_first(self) -> Hashable | None:
        """Take the lane that is next from its line; None if none is to be served now."""
        for priority, line in self._lines.items():
            is_aside = priority is Priority.BACKGROUND
            if line and not (is_aside and len(self._aside) >= self._most_aside):
                lane = next(iter(line))
                del line[lane]
                if is_aside:
                    self._aside.add(lane)
                return lane
        return None

    def _call_up(self) -> float | None:
        """Move the lanes whose time has come; the seconds until the next, None for none."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            lane = heapq.heappop(self._due)[2]
            priority = min(task.priority for task in self._lanes[lane])
            self._lines[priority][lane] = None
        return self._due[0][0] - now if self._due else None

    def _move_up(self, lane: Hashable, priority: Priority) -> bool:
        """Let a lane stand in the line of this priority, if it stands in one of a lower."""
        for lower, line in self._lines.items():
            if lower > priority and lane in line:
                del line[lane]
                self._lines[priority][lane] = None
                return True
        return False

    def _line_up(self, lane: Hashable) -> None:
        heapq.heappush(self._due, (self._lanes[lane][0].due, next(self._order), lane))

    def _done(self, lane: Hashable, again: float | None) -> None:
        with self._lock:
            self._aside.discard(lane)
            tasks = self._lanes[lane]
            if again is None:
                tasks.popleft()
            else:
                tasks[0].due = self._clock() + again
            # The thread looks for its next job right after; nobody else need be called.
            if tasks:
                self._line_up(lane)
            else:
                del self._lanes[lane]


@dataclass(eq=False)
class _Task:
    job: Job
    due: float
    priority: Priority
