"""Images picked, fetched and fitted, until they are ready to go.

What may be sent next is the deck's business, what Telegram takes that of `media`. A
failure of Stash ends the try, with everything given back that is not packed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from ..errors import AllUnderWay, ImageUnusable, NoRoom, NothingToSend
from ..models import Image, KnownFile, Priority, Request, Upload
from ..runtime.outage import Outage
from ..runtime.pool import Pool
from ..stash.client import StashClient
from ..store.store import Store
from . import media
from .candidates import Deck
from .memory_limit import Freight, Load
from .prefetch import BYTES as SHELF
from .prefetch import Parcel, Shelf

log = structlog.get_logger()

#: How many unusable images in a row make us give up, and how many are packed at once.
TRIES, ABREAST = 50, 3
#: How long an image that cannot be sent is left out.
LEFT_OUT = timedelta(days=1)
#: Bytes that go into one album: Telegram takes 50 MB in one request.
ALBUM_BYTES = 45_000_000


@dataclass
class Delivery:
    """How far a request has come. Changed by the threads that carry it, read by others.

    `left` counts the images still to be sent; `parcels` are ready and belong to this
    request until they are sent; what is `done` with in this try, and what was `refused` for a
    reason of its own, does not come again in it. One that is not `is_awaited` is only prepared.
    """

    request: Request
    left: int
    is_awaited: bool = True
    is_sending: bool = False
    is_settled: bool = False
    parcels: list[Parcel] = field(default_factory=list)
    done: list[Image] = field(default_factory=list)
    refused: list[tuple[Image, ImageUnusable]] = field(default_factory=list)
    load: Load = field(init=False)
    _asked_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.load = Load(self.request.priority if self.is_awaited else Priority.BACKGROUND)

    @property
    def asking_since(self) -> float | None:
        """When Stash was asked what it has not answered yet, on the monotonic clock."""
        return min(list(self._asked_at), default=None)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Note for others, while it lasts, that this request waits for an answer of Stash."""
        now = time.monotonic()
        self._asked_at.append(now)
        try:
            yield
        finally:
            self._asked_at.remove(now)


class Packer:
    """Packs parcels, several at a time. Thread-safe; it sends nothing.

    `shape` names the form that uploads have: the settings that decide it. It tells `outage`
    when Stash has given all that it had to give.
    """

    def __init__(
        self,
        store: Store,
        deck: Deck,
        stash: StashClient,
        shelf: Shelf,
        pool: Pool,
        outage: Outage,
        bot_id: int,
        max_side: int,
        now: Callable[[], datetime],
    ) -> None:
        self.shape = str(max_side)
        self._store = store
        self._deck = deck
        self._stash = stash
        self._shelf = shelf
        self._pool = pool
        self._outage = outage
        self._bot_id = bot_id
        self._max_side = max_side
        self._now = now
        self._freight = Freight()
        self._preparing: dict[int, Delivery] = {}  # by chat

    @property
    def is_busy(self) -> bool:
        """Whether there is no room for more to lie ready, unless for who has just asked."""
        return self._shelf.is_busy

    def prepare(self, delivery: Delivery, count: int) -> bool:
        """Have one more of the next pictures of a chat lie ready, while fewer than `count` do.

        Whether one more does. Raises as `pack`. One that comes again is not prepared: a new
        one may come in its place.
        """
        chat_id = delivery.request.chat_id
        if self._deck.has_seen_all(chat_id) or self._sorted_out(chat_id) >= count:
            return False
        made = delivery.parcels
        try:
            self._pack(delivery)
            while made and self._deck.has_seen_all(chat_id):
                self._deck.give_back(chat_id, made.pop().image)
        finally:
            self.put_back(delivery)
        ready = self._shelf.ready(chat_id)
        return any(parcel in ready for parcel in made)

    @contextmanager
    def preparing(self, delivery: Delivery) -> Iterator[None]:
        """Note for others, while it lasts, that a picture is being prepared for a chat.

        Nobody else draws for that chat then: it may be the last that is new there.
        """
        chat_id = delivery.request.chat_id
        self._preparing[chat_id] = delivery
        try:
            yield
        finally:
            del self._preparing[chat_id]

    def in_preparation(self, chat_id: int) -> Delivery | None:
        """What is being prepared for a chat right now, None if nothing is."""
        return self._preparing.get(chat_id)

    def is_ready(self, delivery: Delivery) -> bool:
        """Whether all that is left to send lies ready, so that Stash is not needed for it."""
        return self._shelf.count(delivery.request.chat_id) >= delivery.left

    def pack(self, delivery: Delivery) -> None:
        """Make a parcel for each image that is left to send; fewer if there are no more.

        Fewer, too, when they have as many bytes as go into one album: the others are made
        when these are out, for all at once could be half a gigabyte. Raises NothingToSend if
        there is none at all (AllUnderWay, if one is just being prepared), NoRoom, StashError,
        StoreError.
        """
        chat_id = delivery.request.chat_id
        delivery.parcels += self._shelf.take(chat_id, self._missing(delivery))
        self._give_up_unwanted(chat_id, delivery.parcels)
        if self._missing(delivery) and chat_id in self._preparing:
            raise AllUnderWay("the next image is being prepared", is_empty=False)
        self._pack(delivery)

    def put_back(self, delivery: Delivery) -> None:
        """Keep what was packed and not sent, for the next try."""
        self._shelf.put(delivery.request.chat_id, delivery.parcels)
        delivery.parcels = []
        self._freight.clear(delivery.load)

    def unpack(self, delivery: Delivery, image: Image) -> Upload:
        """An image's file as an upload, whatever Telegram may have of it already.

        Raises ImageUnusable, NoRoom, StashError.
        """
        upload = self._fetched(delivery, image)
        self._outage.up()
        return upload

    def leave_out(self, chat_id: int, image: Image, error: ImageUnusable) -> None:
        """Let an image rest for a while, in every chat."""
        try:
            self._store.skip_image(image.id, str(error), self._now() + LEFT_OUT)
        finally:
            self._deck.discard(chat_id, image)
        log.warning("image_skipped", image_id=image.id, reason=str(error))

    def _sorted_out(self, chat_id: int) -> int:
        """How many lie ready for a chat that may still be sent; the others are given up."""
        for parcel in self._shelf.ready(chat_id):
            is_wanted = self._deck.is_wanted(chat_id, parcel.image)
            if not is_wanted and self._shelf.remove(chat_id, parcel):
                self._deck.give_back(chat_id, parcel.image)
        return self._shelf.count(chat_id)

    def _give_up_unwanted(self, chat_id: int, parcels: list[Parcel]) -> None:
        for parcel in list(parcels):
            if not self._deck.is_wanted(chat_id, parcel.image):
                parcels.remove(parcel)
                self._deck.give_back(chat_id, parcel.image)

    def _pack(self, delivery: Delivery) -> None:
        """Pack until there is enough.

        Images that cannot be sent are left out, but only if there is one that can: while
        no file at all is to be had, it is the disk that is missing.
        """
        chat_id, passed = delivery.request.chat_id, list[tuple[Image, ImageUnusable]]()
        try:
            while (missing := self._missing(delivery)) and len(passed) < TRIES:
                if not self._pack_some(delivery, min(missing, ABREAST), passed):
                    break
                while delivery.parcels and passed:
                    self.leave_out(chat_id, *passed[-1])
                    passed.pop()
        except NothingToSend as error:
            self._make_do(delivery, passed, error)
        else:
            if passed:
                self._make_do(delivery, passed, NothingToSend("that is enough", is_empty=False))
        finally:
            for image, _ in passed:
                self._deck.give_back(chat_id, image)

    def _make_do(
        self,
        delivery: Delivery,
        passed: list[tuple[Image, ImageUnusable]],
        error: NothingToSend,
    ) -> None:
        """Be content with what there is, if there is or was anything; else say why not."""
        if delivery.parcels or delivery.left < delivery.request.count:
            delivery.left = len(delivery.parcels)
        elif passed:
            reason = f"none of {len(passed)} images can be sent; the last: {passed[-1][1]}"
            raise NothingToSend(reason, is_empty=False) from error
        else:
            raise error

    def _missing(self, delivery: Delivery) -> int:
        is_full = total(delivery.parcels) >= ALBUM_BYTES
        return 0 if is_full else delivery.left - len(delivery.parcels)

    def _pack_some(
        self, delivery: Delivery, count: int, passed: list[tuple[Image, ImageUnusable]]
    ) -> bool:
        """Draw so many images, and pack those that can be sent, side by side.

        False if the next one has no room beside those that are packed.
        """
        drawn = self._draw(delivery, count)
        calls = [partial(self._wrap, delivery, image, pick_ms) for image, pick_ms in drawn]
        failure: BaseException | None = None
        futures = _side_by_side(self._pool, calls)
        for (image, _), future in zip(drawn, futures, strict=True):
            error = future.exception()
            if error is None:
                delivery.parcels.append(future.result())
            elif isinstance(error, ImageUnusable):
                passed.append((image, error))
            else:
                self._deck.give_back(delivery.request.chat_id, image)
                failure = error
        if failure:
            raise failure
        return bool(drawn)

    def _draw(self, delivery: Delivery, count: int) -> list[tuple[Image, float]]:
        """Up to so many images, each with the milliseconds that it took.

        As many as have room in an album, by what Stash says of their files; at least one,
        if nothing is packed yet.
        """
        chat_id, drawn = delivery.request.chat_id, list[tuple[Image, float]]()
        room = ALBUM_BYTES - total(delivery.parcels)
        try:
            while len(drawn) < count:
                started = time.monotonic()
                with delivery.asking():
                    image = self._deck.draw(chat_id)
                if image.size > room and (drawn or delivery.parcels):
                    self._deck.give_back(chat_id, image)
                    break
                room -= image.size
                drawn.append((image, milliseconds(started)))
        except NothingToSend:
            if not drawn:
                raise
        except BaseException:
            for image, _ in drawn:
                self._deck.give_back(chat_id, image)
            raise
        return drawn

    def _wrap(self, delivery: Delivery, image: Image, pick_ms: float) -> Parcel:
        started = time.monotonic()
        file = self._known(image) or self._fetched(delivery, image)
        return Parcel(image, file, time.monotonic(), pick_ms, milliseconds(started))

    def _fetched(self, delivery: Delivery, image: Image) -> Upload:
        if not delivery.is_awaited and image.duration and image.size > SHELF:
            raise NoRoom("a clip that has no room where pictures lie ready")
        self._freight.add(delivery.load, image.size)
        fitted = 0
        try:
            with self._freight.fitting(image.size, delivery.load.priority):
                upload = self._fitted(delivery, image)
            fitted = len(upload.data)
        finally:
            self._freight.replace(delivery.load, image.size, fitted)
        return upload

    def _fitted(self, delivery: Delivery, image: Image) -> Upload:
        with delivery.asking():
            data = self._stash.download(image, media.UPLOAD_LIMIT)
        return media.fit(data, image, self._max_side)

    def _known(self, image: Image) -> KnownFile | None:
        if not image.fingerprint:
            return None
        return self._store.known_file(self._bot_id, image, self.shape)


def _side_by_side(pool: Pool, calls: Sequence[Callable[[], Parcel]]) -> list[Future[Parcel]]:
    """Make all calls and wait for them; what each came to, in their order.

    Threads help that have nothing else to do. The caller works too, so that all are made even
    where nobody is free, or the pool is closed.
    """
    futures = [Future[Parcel]() for _ in calls]
    left = deque(zip(calls, futures, strict=True))

    def work() -> None:
        while left:
            try:
                call, future = left.popleft()
            except IndexError:  # somebody else was faster
                return
            try:
                future.set_result(call())
            except BaseException as error:  # it is raised where it is asked for
                future.set_exception(error)

    for _ in calls[1:]:
        pool.submit(work, priority=Priority.BACKGROUND)
    work()
    wait(futures)
    return futures


def milliseconds(started: float) -> float:
    """How long it is since a moment on the monotonic clock."""
    return round((time.monotonic() - started) * 1000, 1)


def total(parcels: Iterable[Parcel]) -> int:
    """How many bytes there are to upload."""
    return sum(parcel.size for parcel in parcels)
