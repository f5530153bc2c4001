"""Which images a chat may be sent next: one walk for each source that it uses."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

from ..errors import NothingToSend, StashError
from ..models import LIBRARY, Image, Place
from ..stash.client import StashClient
from ..store.exclusions import is_excluded
from ..store.store import Store
from .claims import Claims, Postponed
from .walk import Library, Walk

#: The pages that are kept for sources that a chat used before its present one, in all chats
#: together: a page takes about 70 kB.
MOST_OLDER = 30


class Candidates:
    """Chooses images for chats, none twice. One thread at a time may choose for a chat."""

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
        self._claims = Claims()
        self._postponed = Postponed()
        self._library = Library(store, stash, self._claims, self._postponed, random, now, avoid)
        self._lock = threading.Lock()
        self._walks: dict[int, tuple[str, Walk]] = {}
        self._older: OrderedDict[tuple[int, str], Walk] = OrderedDict()
        #: Choose others first for a minute: the bot died while these were being converted.
        self.postpone = self._postponed.postpone

    @contextmanager
    def choose(
        self,
        chat_id: int,
        count: int = 1,
        without: Collection[int] = (),
        *,
        place: Place = LIBRARY,
        unseen_only: bool = False,
    ) -> Iterator[list[Image]]:
        """Claim up to `count` images, at least one; the end of the block releases them.

        Unseen images come first, then, unless `unseen_only`, those shown longest ago. `without`
        are ids to pass over. Raises NothingToSend, StashError, StoreError.
        """
        walk = self._walk(chat_id, place)
        with self._claims.hold(chat_id) as claim:
            for image_id in without:
                claim(image_id)
            images = list[Image]()
            try:
                while len(images) < count:
                    images += walk.choose(place, claim, unseen_only=unseen_only)
            except (NothingToSend, StashError):
                if not images:
                    raise
            yield images

    def is_wanted(self, chat_id: int, image: Image) -> bool:
        """Whether the chat has not excluded the image. Raises StoreError."""
        return not is_excluded(image, self._store.exclusions.of(chat_id))

    def _walk(self, chat_id: int, place: Place) -> Walk:
        """The chat's walk through a source, which is its present one from now on."""
        key = place.source.key
        with self._lock:
            if chat_id in self._walks:
                present, its_walk = self._walks.pop(chat_id)
                self._older[chat_id, present] = its_walk
            found = self._older.pop((chat_id, key), None)
            walk = found or Walk(chat_id, place, self._library)
            self._walks[chat_id] = key, walk
            while len(self._older) > MOST_OLDER:
                self._older.popitem(last=False)
        return walk
