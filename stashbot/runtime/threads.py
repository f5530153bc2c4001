"""Who runs: the threads, what they are given to do, and how all of it ends."""

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


#: Seconds between two looks at a thread that is to end.
GLANCE = 0.02
#: The signals that ask for an end. They are never delivered to a handler: the main
#: thread waits for them, so that no thread is ever interrupted at an odd moment.
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


class Supervisor:
    """The threads of the program, and the end of it.

    A thread's work is a function that does one turn and returns; it is called until
    `stop` is set. An error in a turn is logged and costs that turn only.
    """

    def __init__(self) -> None:
        #: Set when the program is to end; every wait in it is a wait for this.
        self.stop = threading.Event()
        self.exit_code = 0
        self._threads: dict[threading.Thread, Callable[[], bool]] = {}
        self._pulses: dict[str, Heartbeat] = {}
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
        self._pulses[name] = pulse = Heartbeat(patience)
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

    def _loop(self, name: str, turn: Callable[[], None], pulse: Heartbeat) -> None:
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
