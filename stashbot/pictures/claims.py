"""The images that are on their way to chats, and those that wait for others. Thread-safe."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..models import Image

#: See `Postponed`.
POSTPONED_S = 60.0


class Claims:
    """The images that are on their way to each chat. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claimed: defaultdict[int, set[int]] = defaultdict(set)

    def of(self, chat_id: int) -> set[int]:
        """Return the ids of the images that are claimed for a chat."""
        with self._lock:
            return set(self._claimed[chat_id])

    @contextmanager
    def hold(self, chat_id: int) -> Iterator[Callable[[int], None]]:
        """Give a function that claims an image by its id; the end of the block releases all."""
        held: set[int] = set()

        def claim(image_id: int) -> None:
            with self._lock:
                self._claimed[chat_id].add(image_id)
            held.add(image_id)

        try:
            yield claim
        finally:
            with self._lock:
                self._claimed[chat_id] -= held


class Postponed:
    """Images that come after all others for a minute: the bot died while converting them."""

    def __init__(self) -> None:
        self._ids: frozenset[int] = frozenset()
        self._until = 0.0

    def postpone(self, image_ids: set[int]) -> None:
        self._ids, self._until = frozenset(image_ids), time.monotonic() + POSTPONED_S

    def last(self, images: list[Image]) -> list[Image]:
        """Return the images without the postponed ones, or all if no other is there."""
        if time.monotonic() >= self._until:
            return images
        return [image for image in images if image.id not in self._ids] or images
