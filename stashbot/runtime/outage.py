"""Whether a service is away, said once when it goes and once when it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

#: Seconds before a service that failed is tried again; they double with each try that fails.
PAUSE = 1.0


class Outage:
    """Remembers that a service is away, and when to try it again. Thread-safe.

    Whoever talks to the service reports what came of it; the log gets `<name>_down`
    and `<name>_up`, once each and not once a try. It asks the service nothing itself.
    `longest_pause` is in seconds, as is all else; `came_back` is called when the service
    answers again.
    """

    def __init__(
        self,
        name: str,
        longest_pause: float,
        came_back: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._longest_pause = longest_pause
        self._came_back = came_back
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._error: Exception | None = None
        self._pause = PAUSE
        self._try_at = 0.0
        self._is_tried = False  # by one caller, before `_try_at`

    @property
    def error(self) -> Exception | None:
        """What was last wrong with the service, None while it is there."""
        return self._error

    @property
    def since(self) -> float | None:
        """When the service began to fail, by the clock; None while it is there."""
        return self._since

    @property
    def wait(self) -> float:
        """The seconds until the next try, 0 if it may be tried now."""
        return max(0.0, self._try_at - self._clock())

    def may_try(self) -> bool:
        """True while the service is there; while it is away, to one caller after each pause."""
        with self._lock:
            now = self._clock()
            if self._error is None:
                return True
            if now < self._try_at:
                return False
            self._try_at, self._is_tried = now + self._pause, True
            return True

    def down(self, error: Exception, retry_after: float | None = None) -> None:
        """Note that the service failed, and that it asked for `retry_after` seconds of peace.

        What was under way by then fails as well, and counts for nothing: the next pause is
        longer only when a try after the last one has failed.
        """
        with self._lock:
            now = self._clock()
            self._error = error
            is_new = self._since is None
            if is_new:
                self._since = now
            if is_new or self._is_tried or now >= self._try_at:
                self._try_at, self._is_tried = now + self._pause, False
                self._pause = min(self._pause * 2, self._longest_pause)
            if retry_after:
                self._try_at = now + retry_after
        if is_new:
            log.warning(f"{self._name}_down", error=str(error))

    def up(self) -> None:
        """Note that the service answered."""
        with self._lock:
            if self._since is None:
                return
            seconds = self._clock() - self._since
            self._since = self._error = None
            self._pause, self._try_at = PAUSE, 0.0
        log.info(f"{self._name}_up", seconds=round(seconds, 1))
        self._came_back()
