"""Pictures that lie ready: for each chat what it will be sent next.

Nothing of this outlives the process: a picture that is lost with it was only reserved.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..models import Image, KnownFile, Upload

#: How many chats have some, and how many bytes all of them.
CHATS, BYTES = 8, 24 * 2**20
#: Seconds after which one is too old to be sent.
TOO_OLD = 86_400.0
#: Seconds within which one is not given up for what the clock will want.
FRESH = 120.0


@dataclass(frozen=True)
class Parcel:
    """One image, ready to go since a moment on the monotonic clock, and how long that took."""

    image: Image
    file: Upload | KnownFile
    packed_at: float
    pick_ms: float
    fetch_ms: float

    @property
    def size(self) -> int:
        """The bytes that there are to upload."""
        return len(self.file.data) if isinstance(self.file, Upload) else 0


class Shelf:
    """Keeps parcels for a few chats. Thread-safe; `give_up` is called for each it drops.

    The chat that had a parcel put there longest ago makes room for what is new. Whenever
    something is put there, or looked for, what is too old goes, of whatever chat.
    """

    def __init__(
        self,
        give_up: Callable[[int, Image], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._give_up = give_up
        self._clock = clock
        self._lock = threading.Lock()
        self._parcels: OrderedDict[int, list[Parcel]] = OrderedDict()

    def count(self, chat_id: int) -> int:
        """How many lie ready for a chat."""
        return len(self.ready(chat_id))

    def ready(self, chat_id: int) -> list[Parcel]:
        """Those that lie ready for a chat, the oldest first; they stay where they are."""
        with self._lock:
            old = self._take_old()
            own = list(self._parcels.get(chat_id, ()))
        self._drop(old)
        return own

    @property
    def is_busy(self) -> bool:
        """Whether it is about full, and of what was put there just now."""
        with self._lock:
            is_full = len(self._parcels) >= CHATS or self._size() > BYTES // 2
            oldest = next(iter(self._parcels.values()), [])
        return is_full and all(self._clock() - each.packed_at < FRESH for each in oldest)

    def put(self, chat_id: int, parcels: Sequence[Parcel]) -> None:
        """Keep parcels beside those that the chat has; what has no room is given up."""
        with self._lock:
            dropped = self._take_old()
            own = [*self._parcels.pop(chat_id, ()), *parcels]
            while _bytes(own) > BYTES:
                dropped.append((chat_id, own.pop()))
            if own:
                self._parcels[chat_id] = own
            while len(self._parcels) > CHATS or self._size() > BYTES:
                other, theirs = self._parcels.popitem(last=False)
                dropped += [(other, parcel) for parcel in theirs]
        self._drop(dropped)

    def take(self, chat_id: int, count: int) -> list[Parcel]:
        """Up to so many parcels of a chat, the oldest first; they are its own then."""
        with self._lock:
            old = self._take_old()
            own = self._parcels.get(chat_id, [])
            taken = own[:count]
            self._keep(chat_id, own[len(taken) :])
        self._drop(old)
        return taken

    def remove(self, chat_id: int, parcel: Parcel) -> bool:
        """Take one parcel of a chat; False if somebody else has taken it."""
        with self._lock:
            own = self._parcels.get(chat_id, [])
            rest = [each for each in own if each is not parcel]
            self._keep(chat_id, rest)
        return len(rest) < len(own)

    def _keep(self, chat_id: int, parcels: list[Parcel]) -> None:
        """Leave these to a chat, which does not count as put there."""
        if parcels:
            self._parcels[chat_id] = parcels
        else:
            self._parcels.pop(chat_id, None)

    def _take_old(self) -> list[tuple[int, Parcel]]:
        """Take what is too old from all chats."""
        limit = self._clock() - TOO_OLD
        old = []
        for chat_id, own in list(self._parcels.items()):
            old += [(chat_id, parcel) for parcel in own if parcel.packed_at < limit]
            self._keep(chat_id, [parcel for parcel in own if parcel.packed_at >= limit])
        return old

    def _size(self) -> int:
        return sum(map(_bytes, self._parcels.values()))

    def _drop(self, entries: Iterable[tuple[int, Parcel]]) -> None:
        for chat_id, parcel in entries:
            self._give_up(chat_id, parcel.image)


def _bytes(parcels: Iterable[Parcel]) -> int:
    return sum(parcel.size for parcel in parcels)
