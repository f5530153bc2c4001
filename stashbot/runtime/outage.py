"""Whether an outside service is away, since when, and when to try it again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from .backoff import Backoff

log = structlog.get_logger()

FIRST_PAUSE_S = 1.0


class Outage:
    """The state of one service. Thread-safe.

    The client of the service reports each failure with `down` and each answer with `up`. The
    log gets `<name>_down` and `<name>_up`, once an outage. While the service is away, one
    caller after each pause may try it; the pauses grow up to `longest_pause` seconds.
    """

    def __init__(
        self, name: str, longest_pause: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        #: Called after the service answers again. To be set before the threads start.
        self.when_back: Callable[[], None] = lambda: None
        #: The last failure, None while the service answers.
        self.error: Exception | None = None
        #: When the outage began, by the clock; None while the service answers.
        self.since: float | None = None
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._backoff = Backoff(FIRST_PAUSE_S, longest_pause)
        self._try_at = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next try, 0 if the service may be tried now."""
        return max(0.0, self._try_at - self._clock())

    def may_try(self) -> bool:
        """Tell the caller whether to try the service; one caller a pause during an outage."""
        with self._lock:
            return self.error is None or self._begin_pause(self._clock())

    def down(self, error: Exception, retry_after: float | None = None) -> None:
        """Note a failure; the service asked for `retry_after` seconds without requests, if set.

        A failure within a pause does not make the pause longer: many calls may fail at once.
        """
        with self._lock:
            now = self._clock()
            self.error = error
            is_new = self.since is None
            if is_new:
                self.since = now
            self._begin_pause(now)
            if retry_after:
                self._try_at = now + retry_after
        if is_new:
            log.warning(f"{self._name}_down", error=str(error))

    def up(self) -> None:
        if self.since is None:  # the usual case, without the lock
            return
        with self._lock:
            if self.since is None:
                return
            seconds = self._clock() - self.since
            self.since = self.error = None
            self._try_at = 0.0
            self._backoff.reset()
        log.info(f"{self._name}_up", seconds=round(seconds, 1))
        self.when_back()

    def _begin_pause(self, now: float) -> bool:
        """Begin the next pause if the last one is over; whether it was."""
        is_over = now >= self._try_at
        if is_over:
            self._try_at = now + self._backoff.next()
        return is_over
