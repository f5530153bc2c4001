"""Who runs: the threads, what they are given to do, and how all of it ends."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass

import structlog

from .models import Rank
from .pulse import Pulse, adopt, resting

log = structlog.get_logger()

#: What a pool does; it returns the seconds after which it is to be called again, if any.
Job = Callable[[], float | None]

#: Seconds between two looks at a thread that is to end.
GLANCE = 0.02
#: The signals that ask for an end. They are never delivered to a handler: the main
#: thread waits for them, so that no thread is ever interrupted at an odd moment.
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


class Pool:
    """Jobs for a few threads. Thread-safe.

    A job is a function without arguments that returns None, or the seconds after which
    it is to be called again. Those of one lane are done one after the other, in the order
    in which they came: one that is to be called again keeps its place, and the others
    behind it wait. Of the lanes whose turn it is, that of the highest rank comes first, be
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
        # rank.
        self._lanes: dict[Hashable, deque[_Task]] = {}
        self._due: list[tuple[float, int, Hashable]] = []
        self._lines: dict[Rank, dict[Hashable, None]] = {rank: {} for rank in Rank}
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
        rank: Rank = Rank.PERSON,
    ) -> None:
        """Have `job` done in `delay` seconds, or as soon as it has its turn after that.

        Without a `lane` it waits for no other.
        """
        task = _Task(job, self._clock() + delay, rank)
        with self._lock:
            if lane is None:
                lane = task
            tasks = self._lanes.setdefault(lane, deque())
            tasks.append(task)
            if len(tasks) == 1:
                self._line_up(lane)
                self._call()
            elif self._move_up(lane, rank):
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
        for rank, line in self._lines.items():
            is_aside = rank is Rank.NOBODY
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
            rank = min(task.rank for task in self._lanes[lane])
            self._lines[rank][lane] = None
        return self._due[0][0] - now if self._due else None

    def _move_up(self, lane: Hashable, rank: Rank) -> bool:
        """Let a lane stand in the line of this rank, if it stands in one of a lower."""
        for lower, line in self._lines.items():
            if lower > rank and lane in line:
                del line[lane]
                self._lines[rank][lane] = None
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
    rank: Rank


class Daemon:
    """The threads of the program, and the end of it.

    A thread's work is a function that does one turn and returns; it is called until
    `stop` is set. An error in a turn is logged and costs that turn only.
    """

    def __init__(self) -> None:
        #: Set when the program is to end; every wait in it is a wait for this.
        self.stop = threading.Event()
        self.exit_code = 0
        self._threads: dict[threading.Thread, Callable[[], bool]] = {}
        self._pulses: dict[str, Pulse] = {}
        self._closers: list[Callable[[], None]] = []
        self._thread_closers: list[Callable[[], None]] = []
        self._is_waiting = False

    def start(
        self,
        name: str,
        turn: Callable[[], None],
        is_resting: Callable[[], bool] = bool,
        patience: float = math.inf,
    ) -> None:
        """Call `turn` over and over in a thread of this name, until the end.

        While `is_resting` says so, the thread has nothing to finish: it only waits for
        somebody outside, and the end need not wait for it. A turn that takes longer than
        `patience`, in seconds and without its `resting`, is stuck.
        """
        self._pulses[name] = pulse = Pulse(patience)
        loop = threading.Thread(target=self._loop, args=(name, turn, pulse), name=name, daemon=True)
        self._threads[loop] = is_resting
        loop.start()

    def stuck(self) -> list[str]:
        """The names of the threads that do not turn any more."""
        return [name for name, pulse in self._pulses.items() if pulse.is_overdue]

    def at_thread_end(self, close: Callable[[], None]) -> None:
        """Have each thread call `close` as its last act, for what it alone has open."""
        self._thread_closers.append(close)

    def at_end(self, close: Callable[[], None]) -> None:
        """Have `close` called when the program ends; what was named last comes first."""
        self._closers.append(close)

    def quit(self, exit_code: int) -> None:
        """End the program from any thread."""
        self.exit_code = exit_code
        self.stop.set()
        if self._is_waiting:
            os.kill(os.getpid(), signal.SIGTERM)

    def wait(
        self,
        signals: Collection[int],
        interval: float = 0.0,
        look: Callable[[], object] = bool,
    ) -> int:
        """Wait in the main thread for one of these signals, which are blocked; its number.

        Calls `look` every `interval` seconds, if that is not 0. `quit` counts as SIGTERM.
        """
        self._is_waiting = True
        while not self.stop.is_set():
            if not interval:
                return signal.sigwait(signals)
            came = signal.sigtimedwait(signals, interval)
            if came is not None:
                return came.si_signo
            look()
        return signal.SIGTERM

    def end(self, patience: float) -> None:
        """Stop all threads, and give them `patience` seconds in all to finish their turn.

        A thread that hangs in a call to the network is left behind; the database
        knows what it was doing.
        """
        self.stop.set()
        for close in reversed(self._closers):
            close()
        deadline = time.monotonic() + patience
        for thread, is_resting in self._threads.items():
            while thread.is_alive() and not is_resting() and time.monotonic() < deadline:
                thread.join(GLANCE)

    def _loop(self, name: str, turn: Callable[[], None], pulse: Pulse) -> None:
        adopt(pulse)
        with structlog.contextvars.bound_contextvars(thread=name):
            try:
                while not self.stop.is_set():
                    pulse.beat()
                    self._turn(turn)
            finally:
                if not self.stop.is_set():
                    log.critical("thread_died", error="it ended by itself, and so does the bot")
                    self.quit(1)
            for close in self._thread_closers:
                close()

    def _turn(self, turn: Callable[[], None]) -> None:
        try:
            turn()
        except Exception as error:  # a bug costs one turn, not the thread
            log.exception("turn_failed", error=str(error))
            self.stop.wait(1)
