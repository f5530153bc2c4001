"""Prepared pictures: those that lie ready on the disk, one a chat, and their albums.

A picture that is lost with the process was only claimed.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ..models import LIBRARY, Image, Kind, KnownFile, Place, Upload

#: Pictures in an album: https://core.telegram.org/bots/api#sendmediagroup
MOST_IN_ALBUM = 10
#: Bytes of the files in one album: Telegram takes 50 MB in one call.
ALBUM_BYTES = 45_000_000
MOST_CHATS = 100
MOST_BYTES = 256 * 2**20
#: After this time a picture is prepared anew, for the present words of its caption.
FRESH_S = 3600.0
#: The same for other sources than the library: its image may have left the source by then.
SOURCE_FRESH_S = 600.0


@dataclass(frozen=True)
class Prepared:
    """One image of a place that can be sent, and how long that took.

    The `document` follows a photo that is too long to be read. `prepared_at` is on the monotonic
    clock, in seconds; `pick_ms` and `fetch_ms` are milliseconds.
    """

    image: Image
    place: Place
    file: Upload | KnownFile
    prepared_at: float
    pick_ms: float
    fetch_ms: float
    document: Upload | None = None

    @property
    def size(self) -> int:
        """The bytes to upload, without the document."""
        return self.file.size if isinstance(self.file, Upload) else 0

    def is_from(self, place: Place) -> bool:
        """Whether the image still belongs to a place, as far as that is known."""
        return self.place.is_same(place) and place.may_have(self.image.id)

    @property
    def bytes_on_disk(self) -> int:
        return self.size + (self.document.size if self.document else 0)


class Prefetched:
    """Keeps one picture a chat, with its claim. Thread-safe.

    A new picture takes the place of those that were put there longest ago, where there is no
    room. A picture's claim ends when the picture is dropped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ready: OrderedDict[int, tuple[Prepared, ExitStack]] = OrderedDict()

    def has(self, chat_id: int, place: Place = LIBRARY) -> bool:
        """Whether a fresh picture of a place lies ready for a chat."""
        ready = self._ready.get(chat_id)
        return ready is not None and self._is_fresh(ready[0]) and ready[0].is_from(place)

    @property
    def is_full(self) -> bool:
        """Whether one more picture would drop another."""
        with self._lock:
            return len(self._ready) >= MOST_CHATS or self._bytes() > MOST_BYTES // 2

    def put(self, chat_id: int, prepared: Prepared, claim: ExitStack) -> None:
        """Keep a picture and its claim, in place of the chat's last one."""
        with self._lock:
            dropped = [self._ready.pop(chat_id)] if chat_id in self._ready else []
            self._ready[chat_id] = prepared, claim
            while len(self._ready) > MOST_CHATS or self._bytes() > MOST_BYTES:
                dropped.append(self._ready.popitem(last=False)[1])
        for _, other in dropped:
            other.close()

    def take(self, chat_id: int, place: Place) -> tuple[Prepared, ExitStack] | None:
        """Hand over a chat's picture and its claim; None if no fresh one of the place lies ready.

        Any other that lies ready is dropped: its image may be one of this place.
        """
        with self._lock:
            ready = self._ready.pop(chat_id, None)
        if ready and not (self._is_fresh(ready[0]) and ready[0].is_from(place)):
            ready[1].close()
            return None
        return ready

    def drop(self, chat_id: int) -> None:
        """Give up the picture that lies ready for a chat."""
        with self._lock:
            _, claim = self._ready.pop(chat_id, (None, None))
        if claim:
            claim.close()

    def _is_fresh(self, prepared: Prepared) -> bool:
        fresh_s = FRESH_S if prepared.place.is_library else SOURCE_FRESH_S
        return self._clock() - prepared.prepared_at < fresh_s

    def _bytes(self) -> int:
        return sum(prepared.bytes_on_disk for prepared, _ in self._ready.values())


def albums(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """Cut pictures, in their order, into messages.

    Photos and videos that follow each other share an album, up to ten of them and as
    many bytes as Telegram takes in one call; anything else goes alone.
    """
    groups: list[list[Prepared]] = []
    room = 0
    for one in prepared:
        fits_album = one.file.kind in (Kind.PHOTO, Kind.VIDEO)
        if groups and fits_album and len(groups[-1]) < MOST_IN_ALBUM and one.size <= room:
            groups[-1].append(one)
        else:
            groups.append([one])
            room = ALBUM_BYTES if fits_album else -1  # nothing joins a file that goes alone
        room -= one.size
    return groups
