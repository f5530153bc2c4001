"""Who runs: the threads, what they are given to do, and how all of it ends."""

from __future__ import annotations

import heapq
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

Job = Callable[[], None]

#: Seconds between two looks at a thread that is to end.
GLANCE = 0.02
#: The signals that ask for an end. They are never delivered to a handler: the main
#: thread waits for them, so that no thread is ever interrupted at an odd moment.
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


class Pool:
    """Jobs for a few threads, in the order of their due times. Thread-safe.

    A job is a function without arguments. What it raises costs that job only, and is
    the business of the thread's loop.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._jobs: list[tuple[float, int, Job]] = []
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._jobs)

    def submit(self, job: Job, delay: float = 0.0) -> None:
        """Have `job` done in `delay` seconds, or as soon as a thread is free after that."""
        with self._changed:
            heapq.heappush(self._jobs, (self._clock() + delay, next(self._order), job))
            self._changed.notify()

    def hurry(self) -> None:
        """Make all that waits for its time due now."""
        with self._changed:
            now = self._clock()
            self._jobs = [(min(due, now), order, job) for due, order, job in self._jobs]
            heapq.heapify(self._jobs)
            self._changed.notify_all()

    def close(self) -> None:
        """Let the waiting threads go; what has not begun is left undone."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def turn(self) -> None:
        """Do the next job, waiting for one; return at once when the pool is closed."""
        job = self._next()
        if job is not None:
            job()

    def _next(self) -> Job | None:
        with self._changed:
            while not self._closed:
                if not self._jobs:
                    self._changed.wait()
                    continue
                wait = self._jobs[0][0] - self._clock()
                if wait <= 0:
                    return heapq.heappop(self._jobs)[2]
                self._changed.wait(wait)
        return None


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
        self._closers: list[Callable[[], None]] = []
        self._thread_closers: list[Callable[[], None]] = []
        self._is_waiting = False

    def start(
        self, name: str, turn: Callable[[], None], is_resting: Callable[[], bool] = bool
    ) -> None:
        """Call `turn` over and over in a thread of this name, until the end.

        While `is_resting` says so, the thread has nothing to finish: it only waits for
        somebody outside, and the end need not wait for it.
        """
        thread = threading.Thread(target=self._loop, args=(name, turn), name=name, daemon=True)
        self._threads[thread] = is_resting
        thread.start()

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

    def wait(self) -> None:
        """Wait in the main thread, with ENDING blocked, until a signal or `quit` asks for it."""
        self._is_waiting = True
        if not self.stop.is_set():
            signal.sigwait(ENDING)

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

    def _loop(self, name: str, turn: Callable[[], None]) -> None:
        with structlog.contextvars.bound_contextvars(thread=name):
            while not self.stop.is_set():
                try:
                    turn()
                except Exception as error:  # a bug costs one turn, not the thread
                    log.exception("turn_failed", error=str(error))
                    self.stop.wait(1)
            for close in self._thread_closers:
                close()
