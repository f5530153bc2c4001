"""The stand-ins in their own processes, called through proxies.

A server in another language has no garbage collector that would count as its time: what a
process begins with is frozen.
Times are monotonic seconds; on Linux all processes share that clock.
"""

from __future__ import annotations

import gc
import io
import math
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from math import gcd
from multiprocessing.managers import BaseManager
from typing import Any

import requests
from PIL import Image as Pixels

from stashbot.demo.pictures.picture import Gallery, Picture
from stashbot.demo.stash.library import as_dict
from stashbot.demo.telegram.chats import User
from stashbot.stash import queries
from tests.pictures.awkward import MP4
from tests.standins.library import Library
from tests.standins.stash import StashStandIn
from tests.standins.telegram import Call, TelegramStandIn

#: Every 20th picture is large: 12 megapixels and 6 MB.
LARGE_EVERY = 20
CLIP_BYTES = 45_000_000
#: Interval of polling in seconds.
POLL_S = 0.05
# (offset, seconds) of a page in Stash 0.30.1's random order of a million images, measured on
# two cores with the database in memory. The time is proportional to the number of images.
_PAGE_SECONDS = ((0, 0.205), (40_000, 0.316), (900_000, 2.7))
_COUNT_SECONDS = 0.145


@cache
def photo(width: int, height: int, noise: int, form: str = "JPEG", quality: int = 92) -> bytes:
    """A photo with about the detail and the size of a camera's."""
    pixels = Pixels.effect_noise((width // 2, height // 2), noise).resize((width, height))
    colour = Pixels.linear_gradient("L").resize((width, height))
    data = io.BytesIO()
    Pixels.merge("RGB", (pixels, colour, pixels.rotate(180))).save(data, form, quality=quality)
    return data.getvalue()


def large() -> bytes:
    return photo(4000, 3000, 45)


@cache
def clip() -> bytes:
    """A valid clip of 45 MB: six frames and a free box."""
    room = CLIP_BYTES - len(MP4)
    return MP4 + struct.pack(">L4s", room, b"free") + bytes(room - 8)


#: The large files by name. All bytes are made when they are first needed.
FILES: Mapping[str, Callable[[], bytes]] = {
    "12-megapixels.jpg": large,
    "24-megapixels.jpg": partial(photo, 6000, 4000, 45),
    "24-megapixels.png": partial(photo, 6000, 4000, 45, "PNG"),
    "24-megapixels.webp": partial(photo, 6000, 4000, 45, "WEBP", 80),
    "50-megapixels.webp": partial(photo, 8660, 5774, 45, "WEBP", 80),
    "clip.mp4": clip,
}


def picture(number: int) -> Picture:
    """A picture of everyday size or a large one; the metadata differ for each number."""
    is_large = number % LARGE_EVERY == 0
    return Picture(
        id=number,
        path=f"{number}.jpg",
        load=large if is_large else lambda: photo(1600, 1200, 40),
        size=(6_000_000 if is_large else 500_000) + number,
        width=4000 if is_large else 1600,
        height=3000 if is_large else 1200,
        title=f"A picture with the number {number}",
        performers=(f"Artist {number % 97}", f"Artist {number % 89}"),
        galleries=(Gallery(f"Gallery {number % 1009}"),),
        tags=tuple(f"tag {number % each}" for each in (7, 11, 13, 17)),
        studio=f"Studio {number % 23}",
    )


def large_picture(number: int) -> Picture:
    return replace(picture(number * LARGE_EVERY), id=number)


def clip_or_large(number: int) -> Picture:
    """The clip has the number 1."""
    photo = large_picture(number)
    return photo if number > 1 else replace(photo, path="clip.mp4", load=clip, size=CLIP_BYTES)


#: Makes the picture of a number.
Maker = Callable[[int], Picture]


@dataclass(frozen=True)
class Distance:
    """Seconds of a round trip to each server."""

    telegram: float = 0.080
    stash: float = 0.010


class _Shuffled(Sequence[int]):
    """The ids 1 to `count` in an order that depends on `word`, computed on demand."""

    def __init__(self, word: str, count: int) -> None:
        seed = zlib.crc32(word.encode())
        self._count = count
        self._start = seed % count
        self._step = next(
            step for step in range(seed % count or 1, 2 * count) if gcd(step, count) == 1
        )

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(self._count))]
        return (self._start + at * self._step) % self._count + 1


class _Vast(dict[int, Picture]):
    """`count` pictures, each made on demand."""

    def __init__(self, count: int, make: Maker) -> None:
        self._count = count
        self._make = make

    def __missing__(self, id: int) -> Picture:
        return self._make(id)

    def get(self, id: int, default: Any = None) -> Any:
        return self._make(id) if id in self else default

    def __contains__(self, id: object) -> bool:
        return isinstance(id, int) and 0 < id <= self._count

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, self._count + 1))

    def __len__(self) -> int:
        return self._count


class VastLibrary(Library):
    """A library of any size, without sorting and caches."""

    def __init__(self, count: int, make: Maker = picture) -> None:
        super().__init__([])
        self.by_id = _Vast(count, make)

    def _sorted(self, sort: str, *, reverse: bool) -> Sequence[int]:
        return (
            range(1, len(self.by_id) + 1)
            if sort in ("", "id")
            else _Shuffled(sort, len(self.by_id))
        )

    def image(self, key: int) -> dict[str, Any]:
        return as_dict(self.by_id[key])


class Telegram:
    """Telegram in its own process."""

    def __init__(self, token: str, people: Sequence[int], delay: float) -> None:
        users = [User(id, f"Person {id}") for id in people]
        self._telegram = TelegramStandIn(token, users=users, delay=delay, keep_messages=50)
        gc.freeze()

    def api_url(self) -> str:
        return self._telegram.api_url

    def limit_uploads(self, bytes_per_second: float) -> None:
        self._telegram.server.bytes_per_second = bytes_per_second

    def say(self, user_id: int, text: str) -> None:
        self._telegram.say(user_id, text)

    def wait_for_poll(self, timeout: float = 30) -> None:
        self._telegram.wait_for_poll(timeout)

    def wait_for_photos(self, count: int, timeout: float = 60) -> list[tuple[float, int]]:
        """Wait for `count` photos; returns the time and the chat of each."""
        calls = self._telegram.wait_for("sendPhoto", count=count, timeout=timeout)
        return [(call.time - self._telegram.server.delay, call.chat_id) for call in calls]

    def press(self, user_id: int, place: int = 0, timeout: float = 30) -> float:
        """Press a button under the newest picture, 👍 by default; the seconds until its edit."""
        message = next(each for each in reversed(self._telegram.messages(user_id)) if each.buttons)
        data = message.buttons[0][place].data
        pressed_at = time.monotonic()
        self._telegram.press(message, data, user_id=user_id)
        [call, *_] = self._telegram.wait_for(
            lambda call: (
                call.method == "editMessageCaption"
                and (call.chat_id, int(call.params["message_id"])) == (user_id, message.id)
            ),
            timeout=timeout,
        )
        return call.time - self._telegram.server.delay - pressed_at

    def wait_for_album(self, timeout: float = 60) -> float:
        [call, *_] = self._telegram.wait_for("sendMediaGroup", timeout=timeout)
        return call.time - self._telegram.server.delay

    def wait_for_text(self, part: str, timeout: float = 60) -> float:
        """Wait for a text that contains `part`; returns the time of the last one."""
        calls = self._telegram.wait_for(
            lambda call: call.method == "sendMessage" and part in call.params["text"],
            timeout=timeout,
        )
        return calls[-1].time - self._telegram.server.delay

    def messages(self) -> list[tuple[float, int, int]]:
        """Time, chat and image id (0: none) of each message, in order of time."""
        calls = [call for call in self._telegram.calls if call.method.startswith("send")]
        delay = self._telegram.server.delay
        return sorted((call.time - delay, call.chat_id, _image_id(call)) for call in calls)

    def wait_for_silence(self, seconds: float, timeout: float = 60) -> None:
        """Wait for a photo, and then for so many seconds without a message."""
        deadline = time.monotonic() + timeout
        self.wait_for_photos(1, timeout)
        while time.monotonic() - self.messages()[-1][0] < seconds:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {seconds:g} s without a message within {timeout:g} s")
            time.sleep(POLL_S)

    def largest_upload(self) -> float:
        """Bytes of the largest upload of a large picture; infinite if there is none."""
        sizes = [
            len(data)
            for call in self._telegram.calls
            for _, data in call.files.values()
            if _image_id(call) % LARGE_EVERY == 0
        ]
        return max(sizes, default=math.inf)


def _image_id(call: Call) -> int:
    """The image id in the buttons of a message; 0 if there is none."""
    found = re.search(r"vote:like:(\d+)", call.params.get("reply_markup", ""))
    return int(found[1]) if found else 0


class Stash:
    """Stash in its own process, that has answered the bot's usual question before.

    `is_slow` adds the times of a real Stash.
    """

    def __init__(self, count: int, delay: float, make: Maker, *, is_slow: bool) -> None:
        self._stash = StashStandIn([], delay=delay)
        self._stash._library = VastLibrary(count, make)
        usual = queries.PAGE.body(queries.shuffled(seed=1, offset=0, size=1))
        requests.post(f"{self._stash.url}/graphql", json=usual, timeout=60).raise_for_status()
        self._asked_before = len(self._stash.requests)
        gc.freeze()
        if is_slow:
            self._stash.per_query_seconds = lambda name, values: seconds(name, values, count)

    def url(self) -> str:
        return self._stash.url

    def graphql(self) -> tuple[int, int]:
        """The number of GraphQL requests, and the bytes of them and their answers."""
        records = self._stash.requests[self._asked_before :]
        asked = [record for record in records if record.kind == "graphql"]
        return len(asked), sum(record.bytes_in + record.bytes_out for record in asked)

    def wait_for_files(self, count: int, timeout: float = 60) -> None:
        """Wait until `count` files are fetched."""
        deadline = time.monotonic() + timeout
        while sum(record.kind == "image" for record in self._stash.requests) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {count} files were fetched within {timeout:g} s")
            time.sleep(POLL_S)


def seconds(operation: str, variables: dict[str, Any], count: int) -> float:
    """The time of a real Stash for an operation over `count` images."""
    if operation == "Count":
        return _COUNT_SECONDS * count / 1_000_000
    if operation not in ("Page", "Ids"):
        return 0.0
    wanted = variables["filter"]
    offset = (wanted.get("page", 1) - 1) * wanted["per_page"] * 1_000_000 / count
    for (low, fast), (high, slow) in pairwise(_PAGE_SECONDS):
        if offset <= high:
            share = max(0.0, offset - low) / (high - low)
            return (fast + share * (slow - fast)) * count / 1_000_000
    return _PAGE_SECONDS[-1][1] * count / 1_000_000


class _Process(BaseManager):
    """The process of one stand-in."""


_Process.register("Telegram", Telegram)
_Process.register("Stash", Stash)


@contextmanager
def standins(
    token: str,
    people: Sequence[int],
    images: int,
    distance: Distance,
    make: Maker,
    *,
    is_slow: bool,
) -> Iterator[tuple[Telegram, Stash]]:
    """Both stand-ins at this distance, with `images` pictures that `make` returns.

    `is_slow` adds the times of a real Stash with as many images.
    """
    with _Process() as first, _Process() as second:
        telegram: Any = first
        stash: Any = second
        yield (
            telegram.Telegram(token, people, distance.telegram),
            stash.Stash(images, distance.stash, make, is_slow=is_slow),
        )
