"""One request carried out: pick, fetch, fit, send, settle.

What may be sent next is the deck's business, what Telegram takes that of `media`. A
failure of Stash or Telegram ends the try, with everything put back that was not sent;
when to try again is decided elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from . import buttons, media
from .deck import Deck
from .errors import (
    AlreadySending,
    ExcludedMeanwhile,
    ImageUnusable,
    MediaRefused,
    NothingToSend,
    TelegramError,
)
from .models import Image, Kind, KnownFile, Request, Rows, Sent, Upload
from .outage import Outage
from .sender import Sender
from .settings import Photos
from .stash.client import StashClient
from .store import Store
from .texts import TEXTS, caption

log = structlog.get_logger()

#: How many unusable images in a row make us give up, and how many refused messages.
TRIES, REFUSALS = 50, 10
#: How long an image that cannot be sent is left out.
LEFT_OUT = timedelta(days=1)
#: Bytes that go into one album: Telegram takes 50 MB in one request.
ALBUM_BYTES = 45_000_000


@dataclass(frozen=True)
class Parcel:
    """One image, ready to go."""

    image: Image
    file: Upload | KnownFile
    caption: str
    pick_ms: float
    fetch_ms: float


@dataclass
class Delivery:
    """How far a request has come. Changed by the thread that carries it, read by others.

    `left` counts the images still to be sent. `asking_since` is when Stash was asked
    what it has not answered yet, on the monotonic clock; `parcels` are ready and belong
    to this request until they are sent; what was `sent` in this try does not come again
    in it.
    """

    request: Request
    left: int
    asking_since: float | None = None
    is_sending: bool = False
    is_settled: bool = False
    parcels: list[Parcel] = field(default_factory=list)
    sent: list[Image] = field(default_factory=list)


class Courier:
    """Carries requests out, several at a time. Thread-safe.

    It does not wait, repeat or speak to the user; it tells `outage` when Stash has given
    all that it has to give for a request.
    """

    def __init__(
        self,
        store: Store,
        deck: Deck,
        stash: StashClient,
        sender: Sender,
        photos: Photos,
        outage: Outage,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._deck = deck
        self._stash = stash
        self._sender = sender
        self._photos = photos
        self._now = now
        self._outage = outage
        self._shape = str(photos.max_side)

    def carry(self, delivery: Delivery) -> None:
        """Send all that is left of a request.

        Raises NothingToSend, StashError, TelegramError, StoreError; what was not sent
        by then may be drawn again.
        """
        chat_id = delivery.request.chat_id
        try:
            for _ in range(delivery.left + REFUSALS):
                self._prepare_all(delivery)
                self._deliver_all(delivery)
                if delivery.left <= 0:
                    return
            raise NothingToSend("Telegram refuses one image after the other", is_empty=False)
        finally:
            delivery.is_sending = False
            while delivery.parcels:
                self._deck.give_back(chat_id, delivery.parcels.pop().image)
            while delivery.sent:
                self._deck.discard(chat_id, delivery.sent.pop())

    # In from Stash

    def _prepare_all(self, delivery: Delivery) -> None:
        """Make a parcel for each image that is left to send; fewer if there are no more.

        Fewer, too, when they have as many bytes as go into one album: the others are made
        when these are out, for all at once could be half a gigabyte.
        """
        while len(delivery.parcels) < delivery.left and _bytes(delivery.parcels) < ALBUM_BYTES:
            try:
                self._prepare(delivery)
            except NothingToSend:
                if delivery.left == delivery.request.count and not delivery.parcels:
                    raise
                delivery.left = len(delivery.parcels)
        self._outage.up()

    def _prepare(self, delivery: Delivery) -> None:
        """Make a parcel of the next image that can be sent.

        Those before it that cannot are left out, but only if there is one that can: while
        no file at all is to be had, it is the disk that is missing.
        """
        passed: list[tuple[Image, ImageUnusable]] = []
        try:
            delivery.parcels.append(self._first_usable(delivery, passed))
            while passed:
                self._leave_out(delivery, *passed[-1])
                passed.pop()
        except NothingToSend as error:
            if not passed:
                raise
            reason = f"none of {len(passed)} images can be sent; the last: {passed[-1][1]}"
            raise NothingToSend(reason, is_empty=False) from error
        finally:
            for image, _ in passed:
                self._deck.give_back(delivery.request.chat_id, image)

    def _first_usable(
        self, delivery: Delivery, passed: list[tuple[Image, ImageUnusable]]
    ) -> Parcel:
        while len(passed) < TRIES:
            started = time.monotonic()
            with self._asking(delivery):
                image = self._deck.draw(delivery.request.chat_id)
            try:
                return self._wrap(delivery, image, started)
            except ImageUnusable as error:
                passed.append((image, error))
            except BaseException:
                self._deck.give_back(delivery.request.chat_id, image)
                raise
        raise NothingToSend("that is enough", is_empty=False)

    def _wrap(self, delivery: Delivery, image: Image, started: float) -> Parcel:
        """Get an image ready that was drawn just now; `started` is when drawing began."""
        picked = time.monotonic()
        file = self._known(image) or self._fetch(delivery, image)
        words = caption(image, self._photos.caption, TEXTS[delivery.request.language])
        fetched = time.monotonic()
        return Parcel(image, file, words, _ms(picked - started), _ms(fetched - picked))

    def _known(self, image: Image) -> KnownFile | None:
        if not image.fingerprint:
            return None
        return self._store.known_file(self._sender.bot_id, image, self._shape)

    def _fetch(self, delivery: Delivery, image: Image) -> Upload:
        with self._asking(delivery):
            data = self._stash.download(image, media.UPLOAD_LIMIT)
        return media.fit(data, image, self._photos.max_side)

    def _leave_out(self, delivery: Delivery, image: Image, error: ImageUnusable) -> None:
        self._store.skip_image(image.id, str(error), self._now() + LEFT_OUT)
        self._deck.discard(delivery.request.chat_id, image)
        log.warning("image_skipped", image_id=image.id, reason=str(error))

    @contextmanager
    def _asking(self, delivery: Delivery) -> Iterator[None]:
        """Note for others, while it lasts, that this request waits for an answer of Stash."""
        delivery.asking_since = time.monotonic()
        try:
            yield
        finally:
            delivery.asking_since = None

    # Out to Telegram

    def _deliver_all(self, delivery: Delivery) -> None:
        delivery.is_sending = True
        for group in albums(delivery.parcels):
            self._deliver(delivery, group)
        delivery.is_sending = False

    def _deliver(self, delivery: Delivery, group: Sequence[Parcel]) -> None:
        """Claim, send, record: what was begun and not recorded counts as sent."""
        started = time.monotonic()
        images = [parcel.image for parcel in group]
        try:
            rows = self._store.begin(delivery.request, images, self._now())
        except AlreadySending:  # by another process; others are drawn in their place
            self._remove(delivery, group)
            return
        except ExcludedMeanwhile as error:
            no_more = [each for each in group if each.image.id in error.image_ids]
            self._remove(delivery, no_more)
            if wanted := [each for each in group if each not in no_more]:
                self._deliver(delivery, wanted)
            return
        try:
            sent = self._send(delivery.request, group)
        except MediaRefused as refusal:
            self._store.withdraw(rows)
            self._try_otherwise(delivery, group, refusal)
        except TelegramError as error:
            if not error.maybe_sent:
                self._store.withdraw(rows)
                raise
            self._store.lose(rows, self._now())
            self._done_with(delivery, group)
            for image in images:
                log.warning("photo_failed", image_id=image.id, reason=f"maybe sent: {error}")
        else:
            self._settle(delivery, group, rows, sent)
            _log_sent(delivery.request, group, _ms(time.monotonic() - started))

    def _send(self, request: Request, group: Sequence[Parcel]) -> list[Sent]:
        chat_id, is_urgent = request.chat_id, request.is_urgent
        if len(group) > 1:
            items = [(parcel.file, parcel.caption) for parcel in group]
            return self._sender.send_album(chat_id, items, is_urgent=is_urgent)
        parcel = group[0]
        rows = self._rows(request, parcel.image)
        file, words = parcel.file, parcel.caption
        return [self._sender.send_file(chat_id, file, words, rows, is_urgent=is_urgent)]

    def _rows(self, request: Request, image: Image) -> Rows:
        chat_id, texts = request.chat_id, TEXTS[request.language]
        return buttons.under_picture(
            image.id,
            self._store.votes.standing(chat_id, image.id),
            [image.itself, *image.features],
            self._store.exclusions.of(chat_id),
            texts,
            is_private=chat_id > 0,
        )

    def _try_otherwise(
        self, delivery: Delivery, group: Sequence[Parcel], refusal: MediaRefused
    ) -> None:
        """Send the pictures of a refused album one by one, and a refused file in another form."""
        if len(group) > 1:
            for parcel in group:
                self._deliver(delivery, [parcel])
            return
        parcel = group[0]
        try:
            other = replace(parcel, file=self._other_form(delivery, parcel, refusal))
        except ImageUnusable as error:
            self._leave_out(delivery, parcel.image, error)
            delivery.parcels.remove(parcel)
            return
        delivery.parcels[delivery.parcels.index(parcel)] = other
        self._deliver(delivery, [other])

    def _other_form(self, delivery: Delivery, parcel: Parcel, refusal: MediaRefused) -> Upload:
        """The file itself for a file_id, a document for anything else."""
        if isinstance(parcel.file, KnownFile):
            self._store.forget_file(self._sender.bot_id, parcel.image.id)
            return self._fetch(delivery, parcel.image)
        if parcel.file.kind is Kind.DOCUMENT:
            raise ImageUnusable(f"Telegram refuses it: {refusal}")
        return media.as_document(parcel.file.data, parcel.image)

    def _settle(
        self, delivery: Delivery, group: Sequence[Parcel], rows: Sequence[int], sent: Sequence[Sent]
    ) -> None:
        images = [parcel.image for parcel in group]
        ends = delivery.request if delivery.left == len(group) else None
        self._store.settle(
            list(zip(rows, images, sent, strict=True)),
            self._now(),
            bot_id=self._sender.bot_id,
            shape=self._shape,
            ends=ends,
        )
        delivery.is_settled = ends is not None
        self._done_with(delivery, group)

    def _done_with(self, delivery: Delivery, group: Sequence[Parcel]) -> None:
        delivery.left -= len(group)
        self._remove(delivery, group)

    def _remove(self, delivery: Delivery, group: Sequence[Parcel]) -> None:
        """Free the bytes, and keep the images from being drawn once more for this request."""
        for parcel in group:
            delivery.parcels.remove(parcel)
            delivery.sent.append(parcel.image)


def albums(parcels: Sequence[Parcel]) -> list[list[Parcel]]:
    """Cut parcels, in their order, into messages.

    Photos and videos that follow each other share an album, up to ten of them and as
    many bytes as Telegram takes at once; anything else goes alone.
    """
    groups: list[list[Parcel]] = []
    room = 0
    for parcel in parcels:
        size = _bytes([parcel])
        fits_album = parcel.file.kind in (Kind.PHOTO, Kind.VIDEO)
        if groups and fits_album and len(groups[-1]) < 10 and size <= room:
            groups[-1].append(parcel)
        else:
            groups.append([parcel])
            room = ALBUM_BYTES if fits_album else -1
        room -= size
    return groups


def _bytes(parcels: Iterable[Parcel]) -> int:
    """How much there is to upload."""
    return sum(len(each.file.data) for each in parcels if isinstance(each.file, Upload))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _log_sent(request: Request, group: Sequence[Parcel], send_ms: float) -> None:
    for parcel in group:
        log.info(
            "photo_sent",
            chat_id=request.chat_id,
            user_id=request.user_id,
            image_id=parcel.image.id,
            kind="album" if len(group) > 1 else parcel.file.kind,
            trigger=request.trigger,
            pick_ms=parcel.pick_ms,
            fetch_ms=parcel.fetch_ms,
            send_ms=send_ms,
            bytes=_bytes([parcel]),
            reused=isinstance(parcel.file, KnownFile),
        )
