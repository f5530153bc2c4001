"""The sources that are lists of images: on this day, and like one image."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random

from ...models import Facet, Feature, Place, Source, SourceKind
from ...rules import sources
from ...rules.likeness import likeness
from ...stash.client import StashClient
from ...store.store import Store
from .errors import NoSource, SourceProblem
from .memory import Memory

#: The most lists that are kept; one takes up to 100 kB.
MOST_LISTS = 10
#: A list is used for this time before it is made again.
KNOWN_FOR_S = 600.0
#: The most images of one day in twenty years: each takes 2 kB while an answer is read.
MOST_LISTED = 3000
#: The most images that are like one image.
MOST_ALIKE = 1000
#: Images that are read to find those like one image, shared out among its features, and the
#: most features. More would need more memory than anything else that the bot does.
MOST_SHARING = 2400
MOST_FEATURES = 20
#: Where a day has no images, the nearest is sought so many days before and after it.
MARGINS_DAYS = (3, 30, 182)
#: Images among which the nearest day is sought, and those with the earliest dates.
MOST_DATES = 1000
FEW_DATES = 20

_HAS_DATE = {"date": {"value": "", "modifier": "NOT_NULL"}}


class Lists:
    """Makes the lists. Thread-safe."""

    def __init__(self, *, store: Store, stash: StashClient, now: Callable[[], datetime]) -> None:
        self._store = store
        self._stash = stash
        self._now = now
        self._memory = Memory(MOST_LISTS)

    def known(self, chat_id: int, source: Source) -> Place | None:
        """Return a list that was made before, None if there is none. Raises StoreError."""
        is_day = source.kind is SourceKind.TODAY
        return self._memory.recall(self._day(chat_id, source)[1] if is_day else source.key)

    def today(self, chat_id: int, source: Source) -> Place:
        """Return the images of a day in earlier years. Raises NoSource, StashError, StoreError."""
        day, key = self._day(chat_id, source)
        if known := self._recall(key):
            return known
        days = self._earlier(day)
        found = (
            image
            for condition in sources.on_days(days)
            for image in self._stash.dates(condition, MOST_LISTED, sort=_any_order())
        )
        ids = [id for id, when in found if (when.month, when.day) == (day.month, day.day)]
        if not ids:
            near = self._nearest(day, days)
            options = [Source(SourceKind.TODAY, near)] if near else []
            raise NoSource(SourceProblem.NOTHING_TODAY, options=options)
        place = Place(source, ids=array("q", sorted(ids)))
        self._memory.keep(key, place)
        return place

    def alike(self, source: Source) -> Place:
        """Return the images that are most like one image. Raises NoSource, StashError."""
        if known := self._recall(source.key):
            return known
        features = self._features(source.id)[:MOST_FEATURES]
        scores = self._likeness(features) if features else {}
        scores.pop(source.id, None)
        if not scores:
            raise NoSource(SourceProblem.NOTHING_ALIKE)
        scores = dict(islice(scores.items(), MOST_ALIKE))
        place = Place(source, ids=array("q", sorted(scores)), scores=scores)
        self._memory.keep(source.key, place)
        return place

    def _recall(self, key: str) -> Place | None:
        """Return a list that is still used; while Stash is away, any that was made before."""
        return self._memory.recall(key, math.inf if self._stash.outage.error else KNOWN_FOR_S)

    def _likeness(self, features: Sequence[Feature]) -> dict[int, float]:
        """Return the likeness of the images that share these features, the most alike first."""
        places = (sources.place(sources.of_feature(each), self._now()) for each in features)
        limit, among = MOST_SHARING // len(features), [each.among or {} for each in places]
        shared = self._stash.sharing(among, limit, _any_order())
        found = dict(zip(features, shared.found, strict=True))
        counts = {feature: count for feature, (_, count) in found.items()}
        return likeness(shared.total, counts, {each: ids for each, (ids, _) in found.items()})

    def _features(self, image_id: int) -> list[Feature]:
        """Return the features of an image, the last known ones if Stash has it no more."""
        if found := self._stash.images([image_id]):
            return list(found[0].features)
        known = self._store.votes.features(image_id)
        return [each for each in known if each.facet is not Facet.IMAGE]

    def _day(self, chat_id: int, source: Source) -> tuple[date, str]:
        """Return the day of a source by the chat's clock, and the key of its list."""
        day = self._now().astimezone(self._store.chats.values(chat_id).timezone).date()
        if source.id:
            day = sources.day_in(day.year, source.id)
        return day, f"{source.key} {day}"

    def _earlier(self, day: date) -> list[date]:
        """Return the same day of each earlier year, back to the first that has images."""
        earliest = self._stash.dates(_HAS_DATE, FEW_DATES, sort="date")
        years = [found.year for _, found in earliest]
        if not years:  # none has a date, or those few have no day
            [(ids, _)] = self._stash.sharing([_HAS_DATE], 1).found
            years = [sources.FIRST_YEAR] if ids else [day.year]
        return sources.in_earlier_years(day, min(years))

    def _nearest(self, day: date, days: list[date]) -> int | None:
        """Return the day of the year nearest to `day` that has images, as month × 100 + day."""
        for margin in MARGINS_DAYS:
            found = [
                when
                for condition in sources.on_days(days, timedelta(days=margin))
                for _, when in self._stash.dates(condition, MOST_DATES, sort="random_1")
            ]
            if found:
                return sources.nearest_day(day, found)
        return None


def _any_order() -> str:
    return f"random_{Random().randrange(10**8)}"
