"""How much is in memory at once: a few requests at a time have large files.

A clip, or an album, has up to 50 MB, and while it is sent it is there twice.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import NoRoom
from ..models import Priority

#: Bytes above which a request is a large one, and what a file counts for whose size Stash
#: does not know.
LARGE, UNKNOWN = 10_000_000, 1_000_000
#: How many large ones there may be for them to have one more: for a person and for the clock
#: of both together, and apart from them of what nobody waits for, which stands in nobody's way.
MOST = {Priority.USER: 2, Priority.SCHEDULE: 1, Priority.BACKGROUND: 1}
#: Bytes above which an original is heavy, how many of those are in memory before they are
#: fitted, besides one that nobody waits for, and the seconds for which one more waits: where
#: Stash hangs, none of them ends.
HEAVY, AT_ONCE, PATIENCE = 2_000_000, 2, 1.0


@dataclass
class Load:
    """The bytes that one request has in memory. `is_large`: it has leave to have many."""

    priority: Priority
    bytes: int = 0
    is_large: bool = False


class Freight:
    """Counts the requests with large files. Thread-safe.

    It makes nobody wait for long: who has no leave gives up what he has, and comes again. So
    whoever has leave can finish.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._originals, self._aside = threading.Semaphore(AT_ONCE), threading.Semaphore(1)
        self._large = Counter[Priority]()

    def add(self, load: Load, size: int) -> None:
        """Count a file that is about to be fetched; of so many bytes, 0 for unknown.

        Raises NoRoom if it makes its request a large one, and there are enough of those.
        """
        with self._lock:
            more = load.bytes + (size or UNKNOWN)
            if more > LARGE and not load.is_large:
                self._admit(load)
            load.bytes = more

    def replace(self, load: Load, size: int, fitted: int) -> None:
        """Count a file with the bytes that it has now, in place of those it was counted for."""
        with self._lock:
            load.bytes += fitted - (size or UNKNOWN)

    def clear(self, load: Load) -> None:
        """The request has nothing in memory any more."""
        with self._lock:
            self._large[load.priority] -= load.is_large
            load.bytes, load.is_large = 0, False

    @contextmanager
    def fitting(self, size: int, priority: Priority) -> Iterator[None]:
        """To be held while a file of so many bytes is fetched and fitted, which is done singly."""
        places = self._aside if priority is Priority.BACKGROUND else self._originals
        has_place = size > HEAVY and places.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if has_place:
                places.release()

    def _admit(self, load: Load) -> None:
        aside = load.priority is Priority.BACKGROUND
        rivals = [load.priority] if aside else [Priority.USER, Priority.SCHEDULE]
        if sum(self._large[priority] for priority in rivals) >= MOST[load.priority]:
            raise NoRoom("other large files are on their way")
        self._large[load.priority] += 1
        load.is_large = True
