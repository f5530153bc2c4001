"""Which images a chat may be sent next, and which are claimed for it.

Each chat goes through Stash's order `random_<seed>` page by page. The database knows which
images the chat has seen and is asked each time, so the position in the order is only a hint,
and a restart repeats nothing. Within a page the votes of the chat decide; when the better part
of a page is used, the rest is left for a later pass. When a page has nothing unseen, ids alone
are searched, a thousand at a time. When a whole pass has nothing unseen, the images that were
shown longest ago come again, and before each of them Stash is asked for new images. That
everything is seen is believed for a day at most, and not after a restart.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count as count_from
from random import Random

from ..errors import NothingReason, NothingToSend, StashError
from ..models import Feature, Image, Shuffle
from ..rules import preferences, selection
from ..rules.selection import PAGE, SCAN
from ..stash.client import StashClient
from ..store.exclusions import is_excluded
from ..store.history import NOT_IN_STASH
from ..store.store import Store

#: A whole pass is made again after this time: an image may be as good as new by then.
RECHECK = timedelta(days=1)
#: An image that Stash no longer has is left out for this time.
GONE = timedelta(days=1)
#: An image from an older page is read from Stash again, for its present words.
PAGE_FRESH = timedelta(minutes=10)
#: See `Candidates.postpone`.
POSTPONED_S = 60.0
#: Later than every time in the history, whatever the clock was then.
END = datetime.max.replace(tzinfo=UTC)


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


@dataclass(frozen=True)
class _Page:
    """The images in use for one chat.

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


class Candidates:
    """Chooses images for chats, none twice. One thread at a time may choose for a chat.

    It writes the positions in the order, and the images that Stash no longer has.
    """

    def __init__(
        self,
        *,
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
        self._claims = Claims()
        self._postponed: set[int] = set()
        self._postponed_until = 0.0
        self._pages: dict[int, _Page] = {}
        self._shuffles: dict[int, Shuffle] = {}

    @contextmanager
    def choose(
        self,
        chat_id: int,
        count: int = 1,
        without: Collection[int] = (),
        *,
        unseen_only: bool = False,
    ) -> Iterator[list[Image]]:
        """Claim up to `count` images, at least one; the end of the block releases them.

        Unseen images come first, then, unless `unseen_only`, those shown longest ago. `without`
        are ids to pass over. Raises NothingToSend, StashError, StoreError.
        """
        with self._claims.hold(chat_id) as claim:
            for image_id in without:
                claim(image_id)
            images = list[Image]()
            try:
                while len(images) < count:
                    images += self._choose(chat_id, claim, unseen_only=unseen_only)
            except (NothingToSend, StashError):
                if not images:
                    raise
            yield images

    def postpone(self, image_ids: set[int]) -> None:
        """Choose others first for a minute: the bot died while these were being converted."""
        self._postponed = image_ids
        self._postponed_until = time.monotonic() + POSTPONED_S

    def is_wanted(self, chat_id: int, image: Image) -> bool:
        """Whether the chat has not excluded the image. Raises StoreError."""
        return not is_excluded(image, self._store.exclusions.of(chat_id))

    def _choose(
        self, chat_id: int, claim: Callable[[int], None], *, unseen_only: bool
    ) -> list[Image]:
        """Claim one image and return it alone; nothing if Stash no longer has it."""
        self._look_for_new(chat_id)
        while (image := self._pick(chat_id, unseen_only=unseen_only)) is None:
            self._turn_page(chat_id)
        claim(image.id)
        if abs(self._now() - self._pages[chat_id].read_at) <= PAGE_FRESH:
            return [image]
        found = self._stash.images([image.id])
        if not found:
            self._skip_gone(image.id)
        return found

    def _pick(self, chat_id: int, *, unseen_only: bool) -> Image | None:
        """An image of the page; None if none of it is free, or worth to wait for."""
        page = self._pages.get(chat_id)
        if page is None:
            return None
        free = self._free(chat_id, page.images, page.read_at)
        if time.monotonic() < self._postponed_until:
            free = [image for image in free if image.id not in self._postponed] or free
        if page.repeats and unseen_only and not free:
            raise NothingToSend(NothingReason.UNUSABLE, "the chat has seen every image")
        if page.repeats:
            barred = page.used | self._unwanted(chat_id, page.images, END)
            image = free[0] if free else selection.first(page.images, barred)
            page.used.update([image.id] if image else [])
            return image
        weights = self._weights(chat_id, page.images)
        left = [weights[image.id] for image in free]
        if selection.is_spent(list(weights.values()), left):
            return None
        return selection.pick(free, left, self._random)

    def _weights(self, chat_id: int, images: Sequence[Image]) -> dict[int, float]:
        features = {feature for image in images for feature in image.features}
        counts = self._store.votes.counts(chat_id, features)
        ids = (image.id for image in images)
        return dict(zip(ids, preferences.weights(images, counts), strict=True))

    # Which images are free

    def _free(self, chat_id: int, images: Sequence[Image], since: datetime = END) -> list[Image]:
        """The images that are unseen, and were not shown `since` then; none that is excluded."""
        unwanted = self._unwanted(chat_id, images, min(since, self._now() - self._avoid))
        return [image for image in images if image.id not in unwanted]

    def _unwanted(self, chat_id: int, images: Sequence[Image], since: datetime) -> set[int]:
        """Ids of the images that are excluded, or unavailable as `_unavailable` says."""
        excluded = self._store.exclusions.of(chat_id)
        barred = {image.id for image in images if is_excluded(image, excluded)}
        return barred | self._unavailable(chat_id, [image.id for image in images], since)

    def _unavailable(self, chat_id: int, ids: Sequence[int], since: datetime) -> set[int]:
        """Those ids that the chat saw `since` then, or that are skipped, claimed or being sent."""
        seen = self._store.unavailable(chat_id, ids, since, self._now())
        return seen | self._claims.of(chat_id)

    # The next page

    def _turn_page(self, chat_id: int) -> None:
        """Put the next page with something free in use. Raises NothingToSend."""
        shuffle, images = self._next_position(chat_id), list[Image]()
        if not shuffle.exhausted_at:
            images = self._free(chat_id, self._read(shuffle))
            if not images:
                shuffle = self._search(chat_id, shuffle)
        if not images and not shuffle.exhausted_at:
            images = self._free(chat_id, self._read(shuffle))
        if shuffle.exhausted_at:
            self._pages[chat_id] = self._shown_longest_ago(chat_id)
        else:
            excluded = self._store.exclusions.of(chat_id)
            self._pages[chat_id] = _Page(images, self._now(), excluded)
        self._save(chat_id, shuffle)

    def _next_position(self, chat_id: int) -> Shuffle:
        """Where to read next; after a start, the page that was in use before."""
        shuffle, is_in_use = self._shuffle(chat_id), chat_id in self._pages
        if shuffle is None or (shuffle.exhausted_at and not is_in_use):
            return selection.new_shuffle(self._random)
        if shuffle.exhausted_at or not is_in_use:
            return shuffle
        return selection.next_page(shuffle)

    def _shuffle(self, chat_id: int) -> Shuffle | None:
        if chat_id not in self._shuffles:
            shuffle = self._store.shuffle(chat_id)
            if shuffle is None:
                return None
            self._shuffles[chat_id] = shuffle
        return self._shuffles[chat_id]

    def _save(self, chat_id: int, shuffle: Shuffle) -> None:
        if shuffle != self._shuffles.get(chat_id):
            self._store.save_shuffle(chat_id, shuffle)
            self._shuffles[chat_id] = shuffle

    def _read(self, shuffle: Shuffle) -> list[Image]:
        return self._stash.page(shuffle.seed, shuffle.offset, PAGE)

    def _search(self, chat_id: int, shuffle: Shuffle) -> Shuffle:
        """The next page with something unseen, in this order or a new one; else exhausted."""
        orders = [shuffle]
        if shuffle.offset:
            orders.append(selection.new_shuffle(self._random))
        newest, barred = 0, self._stash.ids_with(self._store.exclusions.of(chat_id))
        for start in orders:
            found, newest = self._scan(chat_id, start, barred)
            if found:
                return found
        if not newest:
            raise NothingToSend(NothingReason.EMPTY, "the library is empty")
        return replace(orders[-1], exhausted_at=self._now(), newest_id=newest)

    def _scan(self, chat_id: int, shuffle: Shuffle, barred: set[int]) -> tuple[Shuffle | None, int]:
        """The page where the rest of a pass has something unseen, and the highest id on the way."""
        newest = 0
        for block in count_from(shuffle.offset // SCAN):
            ids = self._stash.ids(shuffle.seed, block * SCAN, SCAN)
            newest = max([newest, *ids])
            unwanted = barred | self._unavailable(chat_id, ids, self._now() - self._avoid)
            found = selection.page_with_unseen(shuffle, block, ids, unwanted)
            if found or len(ids) < SCAN:
                return found, newest
        raise AssertionError

    # When all was seen

    def _shown_longest_ago(self, chat_id: int) -> _Page:
        """The images that the chat saw longest ago, as far as Stash still has them."""
        now, claimed = self._now(), self._claims.of(chat_id)
        excluded = self._store.exclusions.of(chat_id)
        barred = self._stash.ids_with(excluded)
        without = barred | claimed
        while ids := self._store.shown_longest_ago(chat_id, PAGE, now, without=without):
            images = self._stash.images(ids)
            for gone in set(ids) - {image.id for image in images}:
                self._skip_gone(gone)
            if selection.first(images, self._unwanted(chat_id, images, END)):
                return _Page(images, now, excluded, repeats=True, claimed=frozenset(claimed))
            without |= set(ids)
        if claimed:
            raise NothingToSend(NothingReason.UNUSABLE, "every other image is on its way")
        if not self._stash.count():
            raise NothingToSend(NothingReason.EMPTY, "the library is empty")
        if barred:
            raise NothingToSend(NothingReason.EXCLUDED, "every image that is left is excluded")
        raise NothingToSend(NothingReason.UNUSABLE, "no image can be sent")

    def _skip_gone(self, image_id: int) -> None:
        self._store.skip_image(image_id, NOT_IN_STASH, self._now() + GONE)

    def _look_for_new(self, chat_id: int) -> None:
        """Where all was seen, put the images in use that have come into the library since."""
        page, shuffle = self._pages.get(chat_id), self._shuffle(chat_id)
        if page is None or shuffle is None or shuffle.exhausted_at is None:
            return
        excluded = self._store.exclusions.of(chat_id)
        is_brought_back = not page.excluded <= excluded
        is_released = not page.claimed <= self._claims.of(chat_id)
        is_old = self._now() - shuffle.exhausted_at >= self._recheck
        if is_brought_back or is_released or is_old:
            del self._pages[chat_id]
        elif not self._free(chat_id, page.images):
            self._pages[chat_id] = replace(page, excluded=page.excluded | excluded)
            self._save(chat_id, self._use_new(chat_id, shuffle))

    def _use_new(self, chat_id: int, shuffle: Shuffle) -> Shuffle:
        """Put the next new images in use, if any; the order, past all those that were seen."""
        while ids := self._stash.newer_ids(shuffle.newest_id, PAGE):
            unavailable = self._unavailable(chat_id, ids, self._now() - self._avoid)
            images = self._stash.images([id for id in ids if id not in unavailable])
            if free := self._free(chat_id, images):
                page = self._pages[chat_id]
                self._pages[chat_id] = replace(
                    page, images=free, read_at=self._now(), repeats=False
                )
                break
            shuffle = replace(shuffle, newest_id=ids[-1])
        return shuffle
