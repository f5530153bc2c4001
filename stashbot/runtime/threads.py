"""The supervisor: the threads of the program, their turns, and the end of all of them."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Collection

import structlog

from .heartbeat import Heartbeat, adopt

log = structlog.get_logger()

#: Interval in seconds between two looks at a thread that is ending.
POLL_S = 0.02
#: Interval in seconds between two looks at the whole program.
LOOK_S = 60.0
#: Pause in seconds after a turn that failed.
FAILED_PAUSE_S = 1.0
#: The signals that end the program. They are blocked in all threads and the main thread waits
#: for them, so that no handler ever interrupts a thread.
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


class Supervisor:
    """Runs the threads of the program. The main thread owns it; `quit` is thread-safe.

    A thread calls its turn, a function that returns after one piece of work, until `stop` is
    set. An error in a turn is logged and costs that turn alone.
    """

    def __init__(self) -> None:
        #: Set when the program is to end; every wait of a thread is a wait for this event.
        self.stop = threading.Event()
        self.exit_code = 0
        self._threads: dict[threading.Thread, Callable[[], bool]] = {}
        self._heartbeats: dict[str, Heartbeat] = {}
        self._closers: list[Callable[[], None]] = []
        self._thread_closers: list[Callable[[], None]] = []
        self._is_waiting = False

    def start(
        self,
        name: str,
        turn: Callable[[], None],
        *,
        is_idle: Callable[[], bool] = lambda: False,
        longest_turn_s: float = math.inf,
    ) -> None:
        """Start a thread that calls `turn` again and again.

        `end` does not wait for a thread while its `is_idle` is true. A thread is overdue after
        `longest_turn_s` seconds of work without a beat.
        """
        self._heartbeats[name] = Heartbeat(longest_turn_s)
        thread = threading.Thread(target=self._run, args=(name, turn), name=name, daemon=True)
        self._threads[thread] = is_idle
        thread.start()

    def overdue(self) -> list[str]:
        return [name for name, heartbeat in self._heartbeats.items() if heartbeat.is_overdue]

    def at_thread_end(self, close: Callable[[], None]) -> None:
        """Have each thread call `close` last, for the connections that it alone uses."""
        self._thread_closers.append(close)

    def at_end(self, close: Callable[[], None]) -> None:
        """Have `end` call `close`, in the reverse order of these calls."""
        self._closers.append(close)

    def quit(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.stop.set()
        if self._is_waiting:
            os.kill(os.getpid(), signal.SIGTERM)

    def wait(
        self,
        signals: Collection[int],
        interval_s: float = LOOK_S,
        look: Callable[[], None] = lambda: None,
    ) -> int:
        """Wait for one of these blocked signals; its number. `quit` counts as SIGTERM.

        Calls `look` every `interval_s` seconds.
        """
        self._is_waiting = True
        while not self.stop.is_set():
            if came := signal.sigtimedwait(signals, interval_s):
                return came.si_signo
            look()
        return signal.SIGTERM

    def end(self, timeout_s: float) -> None:
        """Stop all threads, and give them so many seconds in all for their last turn.

        A thread that hangs is left behind: the database holds all that the next start needs.
        """
        self.stop.set()
        for close in reversed(self._closers):
            close()
        deadline = time.monotonic() + timeout_s
        for thread, is_idle in self._threads.items():
            while thread.is_alive() and not is_idle() and time.monotonic() < deadline:
                thread.join(POLL_S)

    def _run(self, name: str, turn: Callable[[], None]) -> None:
        heartbeat = self._heartbeats[name]
        adopt(heartbeat)
        with structlog.contextvars.bound_contextvars(thread=name):
            try:
                while not self.stop.is_set():
                    heartbeat.beat()
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
            self.stop.wait(FAILED_PAUSE_S)
