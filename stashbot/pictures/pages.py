"""The images of a source in an order, page by page: as Stash answers them, or from a list."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ..models import Image, Place, Shuffle
from ..rules.selection import PAGE, SCAN
from ..stash.client import StashClient


@dataclass(frozen=True)
class Pages:
    """Reads a place. All methods raise StashError."""

    stash: StashClient
    place: Place

    def read(self, shuffle: Shuffle) -> list[Image]:
        """Return the images of the page at a position in an order."""
        if self.place.ids is None:
            return self.stash.page(shuffle.seed, shuffle.offset, PAGE, self.place)
        return self.stash.images(self._listed(shuffle, shuffle.offset, PAGE))

    def scan(self, shuffle: Shuffle) -> Iterator[tuple[int, list[int]]]:
        """Yield the ids of an order by blocks, from a position on, with each block's number."""
        for block in self._blocks(shuffle.offset // SCAN):
            ids = self._ids(shuffle, block * SCAN)
            yield block, ids
            if len(ids) < SCAN:
                return

    def _blocks(self, first: int) -> Iterator[int]:
        """Yield no more blocks than the library has: a Stash may ignore the page asked for."""
        yield first
        count = self.stash.count() if self.place.ids is None else len(self.place.ids)
        yield from range(first + 1, count // SCAN + 1)

    def _ids(self, shuffle: Shuffle, offset: int) -> list[int]:
        if self.place.ids is None:
            return self.stash.ids(shuffle.seed, offset, SCAN, self.place)
        return self._listed(shuffle, offset, SCAN)

    def newer_ids(self, after: int) -> list[int]:
        """Return the first ids above `after`, ascending."""
        if self.place.ids is None:
            return self.stash.newer_ids(after, PAGE, self.place)
        at = bisect_right(self.place.ids, after)
        return list(self.place.ids[at : at + PAGE])

    def _listed(self, shuffle: Shuffle, offset: int, size: int) -> list[int]:
        """A part of the list: those with high scores first, else in the order of the seed."""
        ids, scores = list(self.place.ids or ()), self.place.scores
        if scores:
            ids.sort(key=scores.__getitem__, reverse=True)
        else:
            Random(shuffle.seed).shuffle(ids)
        return ids[offset : offset + size]
