"""What each chat may be sent next: the walks through the library, and who took what.

A chat walks through Stash's order `random_<seed>` page by page. The page in use is its
hand; an image drawn from it is taken until it is discarded or given back. What was
seen is asked of the database each time, so that a walk is only a hint and a restart
repeats nothing. When a page has nothing unseen, ids alone are searched, a thousand at
a time; when a whole pass has nothing unseen, the images shown longest ago come again,
and with each of them we look for new ones.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from random import Random

from . import picker
from .errors import NothingToSend
from .models import Image, Walk
from .picker import PAGE, SCAN
from .stash.client import StashClient
from .store import Store

#: How long a library counts as wholly seen before a whole pass is made again: an image
#: may have come back, or may have been seen so long ago that it is as good as new.
RECHECK = timedelta(days=1)
#: How long an image that Stash no longer has is left out.
GONE = timedelta(days=1)


@dataclass
class _Hand:
    """The images in use; `since` is set when they were seen before and come again."""

    images: list[Image]
    since: datetime | None = None


class Deck:
    """Draws images for chats, no image twice. Thread-safe.

    The lock guards memory and one read of the database; Stash is asked outside of it.
    It fetches no files and writes nothing but the walks.
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
        self._random = random
        self._now = now
        self._lock = threading.Lock()
        self._hands: dict[int, _Hand] = {}
        self._walks: dict[int, Walk] = {}
        self._taken: defaultdict[int, set[int]] = defaultdict(set)

    def draw(self, chat_id: int) -> Image:
        """Take an image for this chat: one that it has not seen, else the one seen longest ago.

        Raises NothingToSend, StashError, StoreError.
        """
        self._look_for_new(chat_id)
        while (image := self._take(chat_id)) is None:
            self._deal(chat_id)
        return image

    def discard(self, chat_id: int, image: Image) -> None:
        """The image was sent, or cannot be; the database knows, so it is taken no longer."""
        with self._lock:
            self._taken[chat_id].discard(image.id)

    def give_back(self, chat_id: int, image: Image) -> None:
        """The image was not sent, and may be drawn again."""
        with self._lock:
            self._taken[chat_id].discard(image.id)
            if hand := self._hands.get(chat_id):
                hand.images.insert(0, image)

    def _take(self, chat_id: int) -> Image | None:
        with self._lock:
            hand = self._hands.get(chat_id)
            if hand is None:
                return None
            taken = self._unavailable(chat_id, [image.id for image in hand.images], hand.since)
            if hand.since is None:
                image = picker.pick(hand.images, taken, self._random)
            else:
                image = picker.first(hand.images, taken)
            if image is not None:
                self._taken[chat_id].add(image.id)
                hand.images.remove(image)
            return image

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
        hand = self._again(chat_id) if walk.exhausted_at else _Hand(images)
        with self._lock:
            self._hands[chat_id] = hand

    def _next_walk(self, chat_id: int) -> Walk:
        """Where to look for the next hand; after a start, where the last one came from."""
        walk = self._walk(chat_id)
        if walk is None:
            return picker.new_walk(self._random)
        if walk.exhausted_at:
            is_fresh = self._now() - walk.exhausted_at < RECHECK
            return walk if is_fresh else picker.new_walk(self._random)
        return picker.next_page(walk) if chat_id in self._hands else walk

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
        ids = [image.id for image in images]
        return not self._unavailable(chat_id, ids).issuperset(ids)

    def _search(self, chat_id: int, walk: Walk) -> Walk:
        """The walk at its next page with something unseen, or a new one, or an exhausted one."""
        walks = [walk] if walk.offset == 0 else [walk, picker.new_walk(self._random)]
        newest = 0
        for start in walks:
            found, newest = self._scan(chat_id, start)
            if found:
                return found
        if not newest:
            raise NothingToSend("the library is empty", is_empty=True)
        return replace(walks[-1], exhausted_at=self._now(), newest_id=newest)

    def _scan(self, chat_id: int, walk: Walk) -> tuple[Walk | None, int]:
        """Where the rest of a pass has something unseen, and the highest id on the way."""
        newest = 0
        for block in count(walk.offset // SCAN):
            ids = self._stash.ids(walk.seed, block * SCAN, SCAN)
            newest = max([newest, *ids])
            found = picker.page_with_unseen(walk, block, ids, self._unavailable(chat_id, ids))
            if found or len(ids) < SCAN:
                return found, newest
        raise AssertionError

    def _again(self, chat_id: int) -> _Hand:
        """The images that the chat saw longest ago, as far as Stash still has them."""
        now = self._now()
        while ids := self._store.shown_longest_ago(chat_id, PAGE, now):
            images = self._stash.images(ids)
            for gone in set(ids) - {image.id for image in images}:
                self._store.skip_image(gone, "not in Stash any more", now + GONE)
            if not self._taken[chat_id].issuperset(image.id for image in images):
                return _Hand(images, since=now)
            if images:
                break
        raise NothingToSend("every image is on its way or left out", is_empty=False)

    def _look_for_new(self, chat_id: int) -> None:
        """Where all was seen, put what has come into the library since on top."""
        walk = self._walk(chat_id)
        if walk is None or walk.exhausted_at is None:
            return
        ids = self._stash.newer_ids(walk.newest_id, PAGE)
        unseen = set(ids) - self._unavailable(chat_id, ids)
        if unseen:
            images = self._stash.images([id for id in ids if id in unseen])
            with self._lock:
                self._hands[chat_id] = _Hand(images)
        elif ids:
            self._keep(chat_id, replace(walk, newest_id=ids[-1]))
