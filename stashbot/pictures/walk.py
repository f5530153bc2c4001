"""The way of one chat through one source: which image comes next.

A walk goes through Stash's order `random_<seed>` page by page. The database knows which
images the chat has seen and is asked each time, so the position in the order is only a hint,
and a restart repeats nothing. Within a page the votes of the chat decide; when the better part
of a page is used, the rest is left for a later pass. When a page has nothing unseen, ids alone
are searched, a thousand at a time. When a whole pass has nothing unseen, the images that were
shown longest ago come again, and before each of them Stash is asked for new images. That
everything is seen is believed for a day at most, and not after a restart.

A source that is a list of images is gone through in the same way. New images come in the order
of their arrival, the newest first, and none of them again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from ..errors import NothingReason, NothingToSend
from ..models import Feature, Image, Place, Shuffle, SourceKind
from ..rules import preferences, selection
from ..rules.selection import PAGE
from ..stash.client import StashClient
from ..store.exclusions import is_excluded
from ..store.history import NOT_IN_STASH
from ..store.store import Store
from .claims import Claims, Postponed
from .pages import Pages

#: A whole pass is made again after this time: an image may be as good as new by then.
RECHECK = timedelta(days=1)
#: An image that Stash no longer has is left out for this time.
GONE = timedelta(days=1)
#: An image from an older page is read from Stash again, for its present words.
PAGE_FRESH = timedelta(minutes=10)
#: While a page of new images is in use, Stash is asked for newer ones after this time.
NEW_FRESH = timedelta(minutes=2)
#: Before and after every time in the history, whatever the clock was then.
START = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Library:
    """The parts that each walk needs. The images of the chat are sought again after `avoid`."""

    store: Store
    stash: StashClient
    claims: Claims
    postponed: Postponed
    random: Random
    now: Callable[[], datetime]
    avoid: timedelta


@dataclass(frozen=True)
class _Page:
    """The images in use.

    `excluded` is what the chat excludes. Where `repeats` is set, the chat has seen the images,
    and they come again, each once: `used` has the ids of those that were chosen. They come again
    only while the images in `claimed` are claimed.
    """

    images: Sequence[Image]
    read_at: datetime
    excluded: frozenset[Feature]
    repeats: bool = False
    used: set[int] = field(default_factory=set)
    claimed: frozenset[int] = frozenset()


class Walk:
    """Chooses the images of one source for one chat. One thread at a time may use it.

    It writes its position in the order, and the images that Stash no longer has.
    """

    def __init__(self, chat_id: int, place: Place, library: Library) -> None:
        self._chat_id = chat_id
        self._place = place
        self._store = library.store
        self._stash = library.stash
        self._claims = library.claims
        self._postponed = library.postponed
        self._random = library.random
        self._now = library.now
        self._avoid = library.avoid
        self._recheck = min(RECHECK, library.avoid)  # without days to avoid all is as good as new
        self._page: _Page | None = None
        self._shuffle: Shuffle | None = None
        self._newest: datetime | None = None  # the arrival of the newest image, if it was asked
        self._looked_at = START

    def choose(
        self, place: Place, claim: Callable[[int], None], *, unseen_only: bool
    ) -> list[Image]:
        """Claim one image and return it alone; nothing if it is gone or excluded by now.

        `place` is the source as it is now. Raises NothingToSend, StashError, StoreError.
        """
        self._renew(place)
        self._look_for_new()
        while (image := self._pick(unseen_only=unseen_only)) is None:
            self._turn_page()
        claim(image.id)
        if self._page is None or abs(self._now() - self._page.read_at) <= PAGE_FRESH:
            return [image]
        found = self._by_id([image.id])
        return [each for each in found if not is_excluded(each, self._excluded())]

    def _renew(self, place: Place) -> None:
        """Put the page out of use if its source has changed, or may have."""
        page, last = self._page, self._place
        self._place = place
        if page is None:
            return
        is_query = not place.is_library and place.ids is None
        # Images asked for by their ids would be found also where the source has them no more.
        is_same = place.is_same(last) and place.ids == last.ids
        is_old = is_query and abs(self._now() - page.read_at) > PAGE_FRESH
        if not is_same or is_old or (self._is_by_age and self._has_newer()):
            self._page = None

    def _has_newer(self) -> bool:
        """Whether images have come since the last look; asked once in a while."""
        now, looked_at = self._now(), self._looked_at
        if abs(now - looked_at) <= NEW_FRESH:
            return False
        self._looked_at = now
        known, self._newest = self._newest, self._stash.newest_arrival() or START
        return self._newest > (known or looked_at)

    def _pick(self, *, unseen_only: bool) -> Image | None:
        """An image of the page; None if none of it is free, or worth to wait for."""
        page = self._page
        if page is None:
            return None
        free = self._postponed.last(self._free(page.images, page.read_at))
        if page.repeats and unseen_only and not free:
            raise NothingToSend(NothingReason.UNUSABLE, "the chat has seen every image")
        if page.repeats:
            barred = page.used | self._unwanted(page.images, END)
            image = free[0] if free else selection.first(page.images, barred)
            page.used.update([image.id] if image else [])
            return image
        if self._is_by_age:
            return free[0] if free else None
        scores = self._place.scores
        free = selection.best(free, scores) if scores else free
        weights = self._weights(page.images)
        left = [weights[image.id] for image in free]
        # A list with scores is used in its order, to the end of each page.
        if not left or (not scores and selection.is_spent(list(weights.values()), left)):
            return None
        return selection.pick(free, left, self._random)

    def _weights(self, images: Sequence[Image]) -> dict[int, float]:
        features = {feature for image in images for feature in image.features}
        counts = self._store.votes.counts(self._chat_id, features)
        ids = (image.id for image in images)
        return dict(zip(ids, preferences.weights(images, counts), strict=True))

    @property
    def _is_by_age(self) -> bool:
        return self._place.source.kind is SourceKind.NEW

    # Which images are free

    def _free(self, images: Sequence[Image], since: datetime = END) -> list[Image]:
        """The images that are unseen, and were not shown `since` then; none that is excluded."""
        unwanted = self._unwanted(images, min(since, self._unseen_since()))
        return [
            image for image in images if image.id not in unwanted and self._place.may_have(image.id)
        ]

    def _unseen_since(self) -> datetime:
        """Images that were last shown before this time count as unseen."""
        return START if self._is_by_age else self._now() - self._avoid

    def _unwanted(self, images: Sequence[Image], since: datetime) -> set[int]:
        """Ids of the images that are excluded, or unavailable as `_unavailable` says."""
        excluded = self._excluded()
        barred = {image.id for image in images if is_excluded(image, excluded)}
        return barred | self._unavailable([image.id for image in images], since)

    def _unavailable(self, ids: Sequence[int], since: datetime) -> set[int]:
        """Those ids that the chat saw `since` then, or that are skipped, claimed or being sent."""
        seen = self._store.unavailable(self._chat_id, ids, since, self._now())
        return seen | self._claims.of(self._chat_id)

    def _excluded(self) -> frozenset[Feature]:
        return self._store.exclusions.of(self._chat_id)

    # The next page

    def _turn_page(self) -> None:
        """Put the next page with something free in use. Raises NothingToSend."""
        shuffle, images = self._next_position(), list[Image]()
        if not shuffle.exhausted_at:
            images = self._free(self._pages.read(shuffle))
            if not images:
                shuffle, images = self._search(shuffle)
        if shuffle.exhausted_at:
            self._page = self._shown_longest_ago()
        else:
            self._page = _Page(images, self._now(), self._excluded())
        self._save(shuffle)

    def _next_position(self) -> Shuffle:
        """Where to read next; after a start, the page that was in use before."""
        shuffle, is_in_use = self._position(), self._page is not None
        if self._is_by_age and not is_in_use:
            self._looked_at = self._now()
            return Shuffle(seed=0)  # new images come in front
        if shuffle is None or (shuffle.exhausted_at and not is_in_use):
            return selection.new_shuffle(self._random)
        if shuffle.exhausted_at or not is_in_use:
            return shuffle
        return selection.next_page(shuffle)

    def _position(self) -> Shuffle | None:
        if self._shuffle is None and self._is_stored:
            self._shuffle = self._store.shuffle(self._chat_id, self._place.source.key)
        return self._shuffle

    def _save(self, shuffle: Shuffle) -> None:
        if shuffle != self._shuffle and self._is_stored:
            self._store.save_shuffle(self._chat_id, shuffle, self._place.source.key)
        self._shuffle = shuffle

    @property
    def _is_stored(self) -> bool:
        """Whether the position is of use after a restart: a list may be another one then."""
        return self._place.ids is None and not self._is_by_age

    @property
    def _pages(self) -> Pages:
        return Pages(self._stash, self._place)

    def _search(self, shuffle: Shuffle) -> tuple[Shuffle, list[Image]]:
        """The next page with something unseen, in this order or a new one; else exhausted.

        Its images come with it, as far as they are free.
        """
        orders = [shuffle]
        if shuffle.offset:
            orders.append(selection.new_shuffle(self._random))
        excluded = self._excluded()
        newest, barred = 0, self._stash.ids_with(excluded)
        for start in orders:
            for block, ids in self._pages.scan(start):
                newest = max([newest, *ids])
                unwanted = barred | self._unavailable(ids, self._unseen_since())
                if found := selection.page_with_unseen(start, block, ids, unwanted):
                    page, on_it = found
                    return page, self._read_again(on_it, unwanted, excluded)
        if self._is_by_age:
            since = self._stash.newest_arrival()
            raise NothingToSend(NothingReason.NOTHING_NEW, "no new image is unseen", since)
        if not newest:
            raise NothingToSend(NothingReason.EMPTY, "the source has no images")
        return replace(orders[-1], exhausted_at=self._now(), newest_id=newest), []

    def _read_again(
        self, ids: Sequence[int], unwanted: set[int], excluded: frozenset[Feature]
    ) -> list[Image]:
        """The free images among these; without one, the search does not offer them again."""
        images = self._free(self._by_id(ids))
        # A chat that has hidden more meanwhile needs another search alone.
        if not images and self._excluded() == excluded:
            self._skip({*ids} - unwanted - self._unavailable(ids, self._unseen_since()))
        return images

    # When all was seen

    def _shown_longest_ago(self) -> _Page:
        """The images that the chat saw longest ago, as far as Stash still has them."""
        now, claimed = self._now(), self._claims.of(self._chat_id)
        excluded = self._excluded()
        barred = self._stash.ids_with(excluded)
        without = barred | claimed
        while ids := self._oldest(without):
            images = self._by_id(ids)
            if selection.first(images, self._unwanted(images, END)):
                return _Page(images, now, excluded, repeats=True, claimed=frozenset(claimed))
            without |= set(ids)
        if claimed:
            raise NothingToSend(NothingReason.UNUSABLE, "every other image is on its way")
        if self._place.is_library and not self._stash.count():
            raise NothingToSend(NothingReason.EMPTY, "the library is empty")
        if barred:
            raise NothingToSend(NothingReason.EXCLUDED, "every image that is left is excluded")
        raise NothingToSend(NothingReason.UNUSABLE, "no image can be sent")

    def _oldest(self, without: set[int]) -> list[int]:
        """A page of the ids that were shown longest ago, the oldest first.

        In another source than the library, all its ids are gone through.
        """
        if self._place.is_library:
            now = self._now()
            return self._store.shown_longest_ago(self._chat_id, PAGE, now, without=without)
        oldest = list[tuple[str, int]]()
        for _, ids in self._pages.scan(Shuffle(seed=0)):
            barred = without | self._store.unavailable(self._chat_id, ids, END, self._now())
            shown = self._store.last_shown(self._chat_id, set(ids) - barred)
            oldest = heapq.nsmallest(PAGE, [*oldest, *shown])
        return [id for _, id in oldest]

    def _by_id(self, ids: Sequence[int]) -> list[Image]:
        """Read images from Stash; those that it does not have, or cannot describe, are skipped."""
        images = self._stash.images(ids)
        self._skip({*ids} - {image.id for image in images})
        return images

    def _skip(self, ids: Iterable[int]) -> None:
        for id in ids:
            self._store.skip_image(id, NOT_IN_STASH, self._now() + GONE)

    def _look_for_new(self) -> None:
        """Where all was seen, put the images in use that have come into the source since."""
        page, shuffle = self._page, self._position()
        if page is None or shuffle is None or shuffle.exhausted_at is None:
            return
        excluded = self._excluded()
        is_brought_back = not page.excluded <= excluded
        is_released = not page.claimed <= self._claims.of(self._chat_id)
        is_old = self._now() - shuffle.exhausted_at >= self._recheck
        if is_brought_back or is_released or is_old:
            self._page = None
        elif not self._free(page.images):
            self._page = replace(page, excluded=page.excluded | excluded)
            self._save(self._use_new(self._page, shuffle))

    def _use_new(self, page: _Page, shuffle: Shuffle) -> Shuffle:
        """Put the next new images in use, if any; the order, past all those that were seen."""
        while ids := self._pages.newer_ids(shuffle.newest_id):
            unavailable = self._unavailable(ids, self._unseen_since())
            images = self._stash.images([id for id in ids if id not in unavailable])
            if free := self._free(images):
                self._page = replace(page, images=free, read_at=self._now(), repeats=False)
                break
            shuffle = replace(shuffle, newest_id=ids[-1])
        return shuffle
