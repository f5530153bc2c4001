"""One request carried out: pack, claim, send, settle.

A failure of Stash or Telegram ends the try, with everything put back that was not sent;
when to try again is decided elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from ..errors import (
    AlreadySending,
    ChatGone,
    ChatMoved,
    ExcludedMeanwhile,
    ImageUnusable,
    MediaRefused,
    NothingToSend,
    StoreError,
    TelegramError,
)
from ..messages import keyboards
from ..messages.caption import caption
from ..messages.catalogue import TEXTS
from ..models import Image, Kind, KnownFile, Request, Rows, Sent, Upload
from ..settings.keys import PhotosSettings
from ..store.store import Store
from ..telegram.client import TelegramClient
from . import media
from .candidates import Deck
from .prefetch import Parcel
from .preparation import ALBUM_BYTES, Delivery, Packer, milliseconds

log = structlog.get_logger()

#: How many refused messages in a row make us give up.
REFUSALS = 10


class Courier:
    """Carries requests out, several at a time. Thread-safe.

    It does not wait, repeat or speak to the user.
    """

    def __init__(
        self,
        store: Store,
        deck: Deck,
        packer: Packer,
        sender: TelegramClient,
        photos: PhotosSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._deck = deck
        self._packer = packer
        self._sender = sender
        self._photos = photos
        self._now = now

    def carry(self, delivery: Delivery) -> None:
        """Send all that is left of a request.

        Raises NothingToSend, NoRoom, StashError, TelegramError, StoreError; what was not
        sent by then may be drawn again.
        """
        chat_id = delivery.request.chat_id
        try:
            for _ in range(delivery.left + REFUSALS):
                self._packer.pack(delivery)
                self._deliver_all(delivery)
                if delivery.left <= 0:
                    return
            raise NothingToSend("Telegram refuses one image after the other", is_empty=False)
        finally:
            delivery.is_sending = False
            self._packer.put_back(delivery)
            while delivery.done:
                self._deck.discard(chat_id, delivery.done.pop())
            while delivery.refused:
                self._deck.discard(chat_id, delivery.refused.pop()[0])

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
            if error.maybe_sent:
                self._store.lose(rows, self._now())
                self._done_with(delivery, group)
                _log_failed(images, f"maybe sent: {error}")
                return
            self._store.withdraw(rows)
            if not error.permanent or isinstance(error, (ChatGone, ChatMoved)):
                raise
            self._pass_over(delivery, group, error)
        else:
            self._settle(delivery, group, rows, sent)
            _log_sent(delivery.request, group, milliseconds(started))

    def _send(self, request: Request, group: Sequence[Parcel]) -> list[Sent]:
        chat_id = request.chat_id
        if len(group) > 1:
            items = [(parcel.file, self._caption(request, parcel.image)) for parcel in group]
            return self._sender.send_album(chat_id, items)
        file, image = group[0].file, group[0].image
        words, rows = self._caption(request, image), self._rows(request, image)
        return [self._sender.send_file(chat_id, file, words, rows)]

    def _caption(self, request: Request, image: Image) -> str:
        return caption(image, self._photos.caption, TEXTS[request.language])

    def _rows(self, request: Request, image: Image) -> Rows:
        chat_id, texts = request.chat_id, TEXTS[request.language]
        return keyboards.under_picture(
            image.id,
            self._store.votes.of_image(chat_id, image.id),
            [image.itself, *image.features],
            self._store.exclusions.of(chat_id),
            texts,
            is_private=chat_id > 0,
        )

    def _pass_over(self, delivery: Delivery, group: Sequence[Parcel], error: TelegramError) -> None:
        """Go on without a picture that Telegram refuses, whatever it is about it."""
        if len(group) > 1:
            self._deliver_one_by_one(delivery, group)
            return
        [parcel] = group
        delivery.parcels.remove(parcel)
        delivery.refused.append((parcel.image, ImageUnusable(f"Telegram refuses it: {error}")))
        _log_failed([parcel.image], str(error))

    def _deliver_one_by_one(self, delivery: Delivery, group: Sequence[Parcel]) -> None:
        for parcel in group:
            self._deliver(delivery, [parcel])

    def _try_otherwise(
        self, delivery: Delivery, group: Sequence[Parcel], refusal: MediaRefused
    ) -> None:
        """Send the pictures of a refused album one by one, and a refused file in another form."""
        if len(group) > 1:
            self._deliver_one_by_one(delivery, group)
            return
        [parcel] = group
        delivery.parcels.remove(parcel)
        chat_id, image = delivery.request.chat_id, parcel.image
        try:
            other = replace(parcel, file=self._other_form(delivery, parcel, refusal))
        except ImageUnusable as error:
            self._packer.leave_out(chat_id, image, error)
            return
        except BaseException:
            self._deck.give_back(chat_id, image)
            raise
        delivery.parcels.append(other)
        self._deliver(delivery, [other])

    def _other_form(self, delivery: Delivery, parcel: Parcel, refusal: MediaRefused) -> Upload:
        """The file itself for a file_id, a document for anything else."""
        if isinstance(parcel.file, KnownFile):
            self._store.forget_file(self._sender.bot_id, parcel.image.id)
            return self._packer.unpack(delivery, parcel.image)
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
            shape=self._packer.shape,
            ends=ends,
        )
        delivery.is_settled = ends is not None
        self._done_with(delivery, group)
        # Another was taken: so it is not the chat that does not take what they were.
        try:
            while delivery.refused:
                self._packer.leave_out(delivery.request.chat_id, *delivery.refused.pop())
        except StoreError as error:  # it may come once more then
            log.error("store_failed", error=str(error), chat_id=delivery.request.chat_id)

    def _done_with(self, delivery: Delivery, group: Sequence[Parcel]) -> None:
        delivery.left -= len(group)
        self._remove(delivery, group)

    def _remove(self, delivery: Delivery, group: Sequence[Parcel]) -> None:
        """Free the bytes, and keep the images from being drawn once more for this request."""
        for parcel in group:
            delivery.parcels.remove(parcel)
            delivery.done.append(parcel.image)


def albums(parcels: Sequence[Parcel]) -> list[list[Parcel]]:
    """Cut parcels, in their order, into messages.

    PhotosSettings and videos that follow each other share an album, up to ten of them and as
    many bytes as Telegram takes at once; anything else goes alone.
    """
    groups: list[list[Parcel]] = []
    room = 0
    for parcel in parcels:
        size = parcel.size
        fits_album = parcel.file.kind in (Kind.PHOTO, Kind.VIDEO)
        if groups and fits_album and len(groups[-1]) < 10 and size <= room:
            groups[-1].append(parcel)
        else:
            groups.append([parcel])
            room = ALBUM_BYTES if fits_album else -1
        room -= size
    return groups


def _log_failed(images: Iterable[Image], reason: str) -> None:
    for image in images:
        log.warning("photo_failed", image_id=image.id, reason=reason)


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
            bytes=parcel.size,
            reused=isinstance(parcel.file, KnownFile),
        )
