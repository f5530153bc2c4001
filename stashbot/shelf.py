"""Pictures that lie ready: one for a chat, to be sent as soon as it asks.

Nothing of this outlives the process: a picture that is lost with it was only reserved.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .models import Image, KnownFile, Upload

#: How many chats have one, and how many bytes all of them.
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

    What has lain there longest makes room for what is new.
    """

    def __init__(
        self,
        give_up: Callable[[int, Image], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._give_up = give_up
        self._clock = clock
        self._lock = threading.Lock()
        self._parcels: OrderedDict[int, Parcel] = OrderedDict()

    def __contains__(self, chat_id: int) -> bool:
        return chat_id in self._parcels

    @property
    def is_busy(self) -> bool:
        """Whether it is full of what was put there just now."""
        with self._lock:
            oldest = next(iter(self._parcels.values()), None)
            is_full = len(self._parcels) >= CHATS
        return is_full and oldest is not None and self._clock() - oldest.packed_at < FRESH

    def put(self, chat_id: int, parcel: Parcel) -> None:
        """Keep a parcel; what has no room is given up, and so is one that is larger than all."""
        if parcel.size > BYTES:
            self._drop([(chat_id, parcel)])
            return
        with self._lock:
            dropped = [(chat_id, self._parcels.pop(chat_id))] if chat_id in self._parcels else []
            self._parcels[chat_id] = parcel
            while len(self._parcels) > CHATS or self._bytes() > BYTES:
                dropped.append(self._parcels.popitem(last=False))
        self._drop(dropped)

    def take(self, chat_id: int) -> Parcel | None:
        """The parcel of a chat, which is its own from now on; None if there is none."""
        self.expire()
        with self._lock:
            return self._parcels.pop(chat_id, None)

    def expire(self) -> None:
        """Give up what is too old."""
        limit = self._clock() - TOO_OLD
        with self._lock:
            old = [each for each in self._parcels.items() if each[1].packed_at < limit]
            for chat_id, _ in old:
                del self._parcels[chat_id]
        self._drop(old)

    def _bytes(self) -> int:
        return sum(parcel.size for parcel in self._parcels.values())

    def _drop(self, entries: Iterable[tuple[int, Parcel]]) -> None:
        for chat_id, parcel in entries:
            self._give_up(chat_id, parcel.image)
