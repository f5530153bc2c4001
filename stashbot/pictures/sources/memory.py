"""The places that were found before, so that few questions go to Stash."""

from __future__ import annotations

import math
import threading
import time

from ...models import Place

#: The most places that are kept by default.
MOST_KNOWN = 100


class Memory:
    """Keeps the `most` places that were found last, by a key. Thread-safe."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Place, float]] = {}

    def recall(self, key: str, max_age_s: float = math.inf) -> Place | None:
        """Return the place of a key, None if it is not known, or was found longer ago."""
        with self._lock:
            place, kept_at = self._known.get(key, (None, 0.0))
        return place if time.monotonic() - kept_at < max_age_s else None

    def keep(self, key: str, place: Place) -> None:
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = place, time.monotonic()
            while len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def forget(self, key: str) -> None:
        with self._lock:
            self._known.pop(key, None)
