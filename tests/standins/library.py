"""The demo's library with all criteria, the random order of Stash, and caches."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from graphql import GraphQLError

from stashbot.demo.pictures.picture import Details, Picture
from stashbot.demo.stash import library

from .criteria import MORE_CRITERIA, check

T = TypeVar("T")

SEEDS = 10**8  # larger seeds wrap


class Library(library.Library):
    """Thread-safe. The caches need no lock: each thread computes equal values."""

    criteria = MORE_CRITERIA

    def __init__(self, pictures: Iterable[Picture], details: Iterable[Details] = ()) -> None:
        super().__init__(pictures, details)
        self._results: dict[tuple[object, ...], Any] = {}
        self._results_kept = max(4, 4_000_000 // max(1, len(self.by_id)))

    def _matching(self, q: str, image_filter: dict[str, Any]) -> set[int]:
        check(image_filter)
        key = (q, json.dumps(image_filter, sort_keys=True))
        return self._kept(key, partial(super()._matching, q, image_filter))

    def _order(self, wanted: dict[str, Any]) -> Sequence[int]:
        key = (wanted.get("sort"), wanted.get("direction") == "DESC")
        return self._kept(key, partial(super()._order, wanted))

    def _kept(self, key: tuple[object, ...], find: Callable[[], T]) -> T:
        """The result from the cache, else that of `find`."""
        found: T | None = self._results.get(key)
        if found is None:
            found = find()
            if len(self._results) >= self._results_kept:
                self._results.clear()
            self._results[key] = found
        return found

    def _random(self, key: int, sort: str) -> float:
        digits = sort.removeprefix("random_")
        if not (digits.isascii() and digits.isdecimal() and int(digits) < 2**64):
            raise GraphQLError(f"invalid random seed: {digits}")
        return shuffle_key(key, int(digits) % SEEDS)


def shuffle_key(id: int, seed: int) -> float:
    """`mod(n * n * 52959209 + n * 1047483763, 2147483647)` with n = id + seed, as in SQLite.

    SQLite computes in 64-bit integers until one overflows, then in doubles. Its mod() always
    works on doubles.
    """
    n = id + seed
    squared, linear = n * n * 52959209, n * 1047483763
    if squared >= 2**63:
        return math.fmod(float(n * n) * 52959209.0 + float(linear), 2147483647.0)
    return math.fmod(float(squared + linear), 2147483647.0)
