"""What each chat may be sent next: the walks through the library, and who took what.

A chat walks through Stash's order `random_<seed>` page by page. The page in use is its
hand; an image drawn from it is taken until it is discarded or given back. What was
seen is asked of the database each time, so that a walk is only a hint and a restart
repeats nothing. Within a page the chat's taste decides what comes first, and when the
better part of it is drawn, the rest is left for a later pass; what the chat excludes is
passed over. When a page has nothing unseen, ids alone are searched, a thousand at a time;
when a whole pass has nothing unseen, the images shown longest ago come again, and with
each of them we look for new ones. That a pass found nothing is believed for a day at
most, and never after a restart: what was on its way then may not have gone out.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from ..errors import AllExcluded, AllUnderWay, NothingToSend
from ..models import Feature, Image, Walk
from ..rules import preferences, selection
from ..rules.selection import PAGE, SCAN
from ..stash.client import StashClient
from ..store.exclusions import is_excluded
from ..store.history import NOT_IN_STASH
from ..store.store import Store

#: How long a library counts as wholly seen before a whole pass is made again: an image
#: may have come back, or may have been seen so long ago that it is as good as new.
RECHECK = timedelta(days=1)
#: How long an image that Stash no longer has is left out.
GONE = timedelta(days=1)
#: A moment after all that were ever noted, by whatever clock.
END = datetime.max.replace(tzinfo=UTC)


@dataclass
class _Hand:
    """The images in use, and `all` that were free when it was laid.

    `since` is set when they come again: what went out after it is used. `excluded` is what
    the chat excluded then, and whenever new images were looked for since.
    """

    images: list[Image]
    excluded: frozenset[Feature]
    since: datetime | None = None
    all: tuple[Image, ...] = ()


class Deck:
    """Draws images for chats, no image twice. Thread-safe.

    The lock guards memory, and is held while a few rows are read; Stash is asked outside of
    it. It fetches no files, and writes the walks and which images are gone from Stash.
    """

    def __init__(
        self,
        store: Store,
        stash: StashClient,
        avoid: timedelta,
        random: Random,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._stash = stash
        self._avoid = avoid
        # Within the days to avoid nothing becomes as good as new; without any, all is.
        self._recheck = min(RECHECK, avoid)
        self._random = random
        self._now = now
        self._lock = threading.Lock()
        self._hands: dict[int, _Hand] = {}
        self._walks: dict[int, Walk] = {}
        self._taken: defaultdict[int, set[int]] = defaultdict(set)

    def draw(self, chat_id: int) -> Image:
        """Take an image for this chat: one that it has not seen, else the one seen longest ago.

        Raises NothingToSend (AllUnderWay, if it is worth another try), StashError, StoreError.
        """
        self._look_for_new(chat_id)
        while (image := self._take(chat_id)) is None:
            self._deal(chat_id)
        return image

    def is_wanted(self, chat_id: int, image: Image) -> bool:
        """Whether the chat has not excluded it. Raises StoreError."""
        return not is_excluded(image, self._store.exclusions.of(chat_id))

    def has_seen_all(self, chat_id: int) -> bool:
        """Whether images come again in this chat, for want of new ones."""
        hand = self._hands.get(chat_id)
        return hand is not None and hand.since is not None

    def discard(self, chat_id: int, image: Image) -> None:
        """The image was sent, or cannot be; the database knows, so it is taken no longer."""
        with self._lock:
            self._taken[chat_id].discard(image.id)

    def give_back(self, chat_id: int, image: Image) -> None:
        """The image was not sent, and may be drawn again."""
        with self._lock:
            self._taken[chat_id].discard(image.id)
            hand = self._hands.get(chat_id)
            if hand and image not in hand.images:
                hand.images.insert(0, image)

    def _take(self, chat_id: int) -> Image | None:
        with self._lock:
            hand = self._hands.get(chat_id)
            if hand is None:
                return None
            image = self._choose(chat_id, hand)
            if image is not None:
                self._taken[chat_id].add(image.id)
                hand.images.remove(image)
            return image

    def _choose(self, chat_id: int, hand: _Hand) -> Image | None:
        """An image of the hand; None if nothing in it is free, or worth to wait for."""
        unwanted = self._unwanted(chat_id, hand.images)
        free = [image for image in hand.images if image.id not in unwanted]
        if hand.since:
            used = self._unwanted(chat_id, hand.images, hand.since)
            return free[0] if free else selection.first(hand.images, used)
        weights = self._weights(chat_id, {*hand.all, *hand.images})
        left = [weights[image.id] for image in free]
        if selection.is_spent([weights[image.id] for image in hand.all], left):
            hand.images.clear()
            return None
        return selection.pick(free, left, self._random)

    def _weights(self, chat_id: int, images: Collection[Image]) -> dict[int, float]:
        features = {feature for image in images for feature in image.features}
        counts = self._store.votes.counts(chat_id, features)
        ids = (image.id for image in images)
        return dict(zip(ids, preferences.weights(images, counts), strict=True))

    def _unwanted(
        self, chat_id: int, images: Iterable[Image], since: datetime | None = None
    ) -> set[int]:
        """Those of the images that are not to be sent now, or not at all to this chat."""
        images = list(images)
        excluded = self._store.exclusions.of(chat_id)
        barred = {image.id for image in images if is_excluded(image, excluded)}
        return barred | self._unavailable(chat_id, [image.id for image in images], since)

    def _unavailable(
        self, chat_id: int, ids: Sequence[int], since: datetime | None = None
    ) -> set[int]:
        now = self._now()
        seen = self._store.unavailable(chat_id, ids, since or now - self._avoid, now)
        return seen | self._taken[chat_id]

    def _deal(self, chat_id: int) -> None:
        """Give the chat its next hand, with something in it that is free."""
        walk = self._next_walk(chat_id)
        if walk.exhausted_at is None:
            images = self._page(walk)
            if not self._has_free(chat_id, images):
                walk = self._search(chat_id, walk)
                images = [] if walk.exhausted_at else self._page(walk)
        self._keep(chat_id, walk)
        if walk.exhausted_at:
            self._lay(chat_id, self._again(chat_id))
        else:
            self._lay(chat_id, _Hand(images, self._store.exclusions.of(chat_id)))

    def _lay(self, chat_id: int, hand: _Hand) -> None:
        """Use this hand from now on, with what is unseen of the last: it was given back."""
        with self._lock:
            if last := self._hands.get(chat_id):
                no_more = self._unwanted(chat_id, last.images)
                no_more.update(image.id for image in hand.images)
                hand.images[:0] = [image for image in last.images if image.id not in no_more]
            if not hand.since:
                unwanted = self._unwanted(chat_id, hand.images)
                hand.images = [image for image in hand.images if image.id not in unwanted]
            hand.all = tuple(hand.images)
            self._hands[chat_id] = hand

    def _next_walk(self, chat_id: int) -> Walk:
        """Where to look for the next hand; after a start, where the last one came from."""
        walk, is_in_use = self._walk(chat_id), chat_id in self._hands
        if walk is None or (walk.exhausted_at and not is_in_use):
            return selection.new_walk(self._random)
        if walk.exhausted_at or not is_in_use:
            return walk
        return selection.next_page(walk)

    def _walk(self, chat_id: int) -> Walk | None:
        if chat_id not in self._walks:
            walk = self._store.walk(chat_id)
            if walk is None:
                return None
            self._walks[chat_id] = walk
        return self._walks[chat_id]

    def _keep(self, chat_id: int, walk: Walk) -> None:
        if walk != self._walks.get(chat_id):
            self._store.save_walk(chat_id, walk)
            self._walks[chat_id] = walk

    def _page(self, walk: Walk) -> list[Image]:
        return self._stash.page(walk.seed, walk.offset, PAGE)

    def _has_free(self, chat_id: int, images: Iterable[Image]) -> bool:
        images = list(images)
        return not self._unwanted(chat_id, images).issuperset(image.id for image in images)

    def _search(self, chat_id: int, walk: Walk) -> Walk:
        """The walk at its next page with something unseen, or a new one, or an exhausted one."""
        walks = [walk] if walk.offset == 0 else [walk, selection.new_walk(self._random)]
        newest, barred = 0, self._stash.ids_with(self._store.exclusions.of(chat_id))
        for start in walks:
            found, newest = self._scan(chat_id, start, barred)
            if found:
                return found
        if not newest:
            raise NothingToSend("the library is empty", is_empty=True)
        return replace(walks[-1], exhausted_at=self._now(), newest_id=newest)

    def _scan(self, chat_id: int, walk: Walk, barred: set[int]) -> tuple[Walk | None, int]:
        """Where the rest of a pass has something unseen, and the highest id on the way."""
        newest = 0
        for block in count(walk.offset // SCAN):
            ids = self._stash.ids(walk.seed, block * SCAN, SCAN)
            newest = max([newest, *ids])
            unwanted = barred | self._unavailable(chat_id, ids)
            found = selection.page_with_unseen(walk, block, ids, unwanted)
            if found or len(ids) < SCAN:
                return found, newest
        raise AssertionError

    def _again(self, chat_id: int) -> _Hand:
        """The images that the chat saw longest ago, as far as Stash still has them."""
        now, taken = self._now(), self._taken[chat_id]
        is_busy, excluded = bool(taken), self._store.exclusions.of(chat_id)
        barred = self._stash.ids_with(excluded)
        longest_ago = self._store.shown_longest_ago
        while ids := longest_ago(chat_id, PAGE + len(taken), now, without=barred):
            images = self._stash.images(ids)
            there = {image.id for image in images}
            for gone in set(ids) - there:
                self._store.skip_image(gone, NOT_IN_STASH, now + GONE)
            # A clock that was put back leaves a history that lies in the future.
            for since in (now, END):
                if not self._unwanted(chat_id, images, since).issuperset(there):
                    return _Hand(images, excluded, since)
            if len(there) == len(ids):  # somebody else has taken them meanwhile
                raise AllUnderWay("every image is on its way", is_empty=False)
        if is_busy or taken:
            raise AllUnderWay("every image is on its way", is_empty=False)
        is_empty = not self._stash.count()
        if barred and not is_empty:
            raise AllExcluded("every image that is left is excluded", is_empty=False)
        raise NothingToSend("no image can be sent", is_empty=is_empty)

    def _look_for_new(self, chat_id: int) -> None:
        """Where all was seen, put what has come into the library since on top."""
        walk, hand = self._walk(chat_id), self._hands.get(chat_id)
        if walk is None or walk.exhausted_at is None or hand is None:
            return
        is_brought_back = not hand.excluded <= self._store.exclusions.of(chat_id)
        if is_brought_back or self._now() - walk.exhausted_at >= self._recheck:
            with self._lock:
                self._hands.pop(chat_id, None)
        elif not self._has_free(chat_id, hand.images):
            hand.excluded |= self._store.exclusions.of(chat_id)  # which may be passed over now
            self._keep(chat_id, self._deal_new(chat_id, walk))

    def _deal_new(self, chat_id: int, walk: Walk) -> Walk:
        """Deal the next new images, if any; the walk, past all those that were seen."""
        while ids := self._stash.newer_ids(walk.newest_id, PAGE):
            unavailable = self._unavailable(chat_id, ids)
            images = self._stash.images([id for id in ids if id not in unavailable])
            if self._has_free(chat_id, images):
                self._lay(chat_id, _Hand(images, self._store.exclusions.of(chat_id)))
                break
            walk = replace(walk, newest_id=ids[-1])
        return walk
