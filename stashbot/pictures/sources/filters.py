"""Saved filters as places: read from Stash, and read again while they are in use."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...errors import StashError
from ...models import Place, Source, SourceKind
from ...rules.saved_filters import CriterionRefused, image_filter
from ...stash.client import StashClient
from ...stash.queries import QueryFailed
from ...store.store import Store
from .errors import NoSource, SourceProblem
from .memory import Memory

#: A saved filter is read again with each picture, so many times in a row, and then once in so
#: many seconds: a change counts from the next picture on, and costs few questions.
CHECKS = 3
CHECK_EVERY_S = 4.0
#: A picture waits so many seconds for this question, if the filter was read before.
CHECK_PATIENCE_S = 1.0


class SavedFilters:
    """Reads saved filters. Thread-safe."""

    def __init__(self, *, store: Store, stash: StashClient) -> None:
        self._store = store
        self._stash = stash
        self._memory = Memory()
        self._lock = threading.Lock()
        self._checks, self._counted_at = float(CHECKS), time.monotonic()

    def known(self, source: Source) -> Place | None:
        """Return the place of a filter as it was read last, None if it was not."""
        return self._memory.recall(source.key)

    def place(self, source: Source) -> Place:
        """Return the place of a filter as it is now. Raises NoSource, StashError, StoreError."""
        known = self.known(source)
        if known and (self._stash.outage.error or not self._may_check()):
            return known
        try:
            saved = self._stash.saved_filter(source.id, CHECK_PATIENCE_S if known else None)
        except StashError:
            if known:
                return known
            raise
        self._memory.forget(source.key)
        if saved is None:
            name = source.name or self._store.pictures.source_name(source.key)
            raise NoSource(SourceProblem.FILTER_GONE, name)
        try:
            among = image_filter(saved.criteria, is_decimal=self._is_decimal(saved.criteria))
        except CriterionRefused as error:
            refused = SourceProblem.FILTER_REFUSED
            raise NoSource(refused, saved.name, criterion=error.criterion) from None
        place = Place(replace(source, name=saved.name), among, saved.words)
        self._memory.keep(source.key, place)
        return place

    def blame(self, place: Place) -> NoSource | None:
        """Return an error with the criterion that Stash refuses.

        None if it refuses none, if that is not known, or if the place is no filter.
        """
        is_filter = place.source.kind is SourceKind.FILTER
        for criterion, value in (place.among or {}).items() if is_filter else ():
            try:
                self._stash.sharing([{criterion: value}], 1)
            except QueryFailed:
                refused, name = SourceProblem.FILTER_REFUSED, place.source.name
                return NoSource(refused, name, criterion=criterion)
            except StashError:
                return None
        return None

    def _may_check(self) -> bool:
        """Tell whether a filter that is known is read again for this picture, and count that."""
        with self._lock:
            now = time.monotonic()
            gained = (now - self._counted_at) / CHECK_EVERY_S
            self._checks, self._counted_at = min(CHECKS, self._checks + gained), now
            may = self._checks >= 1
            self._checks -= may
        return may

    def _is_decimal(self, criteria: Mapping[str, Any] | None) -> bool:
        """Tell the form of a rating that stands there bare: old filters have it as it is shown."""
        rating = (criteria or {}).get("rating100")
        is_bare = isinstance(rating, dict) and isinstance(rating.get("value"), int | float)
        return is_bare and self._stash.has_decimal_ratings()
