"""Prepared pictures, sent: each is recorded as `sending` before, and as `sent` after.

A delivery waits for the rate limit and for Telegram without being given up, and goes on with
another form where Telegram refuses one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from ..errors import (
    DiskFull,
    GaveUp,
    ImageUnusable,
    NoRoom,
    NothingReason,
    NothingToSend,
    StashError,
    StoreError,
    TelegramError,
)
from ..messages.caption import caption
from ..messages.catalogue import TEXTS
from ..messages.keyboards import UnderPicture, under_picture
from ..messages.sources import heading
from ..models import (
    Image,
    KnownFile,
    MediaOptions,
    Place,
    Priority,
    Request,
    Rows,
    Sent,
    SentPicture,
)
from ..runtime.backoff import Backoff
from ..runtime.pool import Again
from ..settings.keys import PhotosSettings
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.errors import ChatGone, ChatMoved, MediaRefused, PicturesForbidden
from .late_writes import LateWrites
from .prefetch import Prepared, albums
from .preparation import Preparation, milliseconds

log = structlog.get_logger()

#: Called for each album that was sent, with its place, its images and its first message.
AfterAlbum = Callable[[Request, Place, Sequence[Image], int], None]

#: Refusals and doubtful answers of Telegram after which a request gives up.
MOST_REFUSALS = 10
#: An image that cannot be sent is left out for this time.
LEFT_OUT = timedelta(days=1)
#: Between two tries of a Telegram that is away.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


@dataclass
class Serving:
    """A request while it is served. Changed by the thread that serves it, read by timers.

    `accepted_at` and `give_up_at` are on the monotonic clock. `source` is the key of the source,
    that of the request until it is found. `left` counts the pictures still to
    be sent. `used` are the ids of the images that this request does not choose again;
    `passed_over` are those that it goes on without, with the reasons. `is_uploading` stays set
    after a picture was sent; `is_recorded` is set when the end of the request is in the database.
    `stash_error` is the first failure of Stash, and `failing_since` when it began.
    """

    request: Request
    accepted_at: float
    give_up_at: float
    source: str
    left: int
    refusals: int = 0
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S))
    used: set[int] = field(default_factory=set)
    passed_over: list[tuple[Image, str]] = field(default_factory=list)
    stash_error: StashError | None = None
    failing_since: float | None = None
    is_uploading: bool = False
    is_over: bool = False
    is_recorded: bool = False

    def count_refusal(self) -> None:
        """Count a refusal or a doubtful answer. Raises NothingToSend when there are too many."""
        self.refusals += 1
        if self.refusals >= MOST_REFUSALS:
            raise NothingToSend(NothingReason.UNUSABLE, "Telegram takes none of the pictures")

    def pass_over(self, images: Iterable[tuple[Image, str]]) -> None:
        """Go on without these images."""
        for image, reason in images:
            self.used.add(image.id)
            self.passed_over.append((image, reason))


class Delivery:
    """Sends pictures. Thread-safe."""

    def __init__(
        self,
        *,
        store: Store,
        telegram: TelegramClient,
        preparation: Preparation,
        photos: PhotosSettings,
        writes: LateWrites,
        after_album: AfterAlbum,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._telegram = telegram
        self._preparation = preparation
        self._photos = photos
        self.writes = writes
        self._after_album = after_album
        self._now = now

    def deliver(
        self, serving: Serving, prepared: Sequence[Prepared], block: ExitStack
    ) -> Iterator[Again]:
        """Send the pictures, as far as Telegram takes them; yield before each wait.

        Files of other forms belong to `block`. Raises ChatGone, ChatMoved, PicturesForbidden,
        NothingToSend, GaveUp, StoreError, and StashError after the last picture if a refused one
        could not be downloaded again.
        """
        groups, stash_error = deque(albums(prepared)), None
        while groups:
            yield from self._wait_for_turn(serving, len(groups[0]))
            group = groups.popleft()
            try:
                sent = self._send(serving, group)
                serving.backoff.reset()
                for each in sent:
                    yield from self._send_document(serving, each)
            except (ChatGone, ChatMoved, PicturesForbidden):
                raise
            except TelegramError as error:
                if error.permanent:
                    try:
                        others = self._otherwise(serving, group, error, block)
                        groups.extendleft(reversed(others))
                    except StashError as raised:
                        stash_error = raised
                elif error.maybe_sent:
                    serving.count_refusal()
                    yield from self._pause_if_down(serving)
                else:
                    groups.appendleft(group)
                    yield self._pause(serving, error.retry_after or serving.backoff.next())
        if stash_error:
            raise stash_error

    def leave_out(self, serving: Serving) -> None:
        """Leave out for a while, in every chat, the images that this request passed over.

        Only if it sent another picture: then neither the disk nor the chat is the cause.
        """
        while serving.passed_over and serving.left < serving.request.count:
            image, reason = serving.passed_over.pop()
            until = self._now() + LEFT_OUT
            self.writes.write(partial(self._store.skip_image, image.id, reason, until))
            log.warning("image_skipped", image_id=image.id, reason=reason)

    # Waiting

    def _wait_for_turn(self, serving: Serving, messages: int) -> Iterator[Again]:
        request = serving.request
        while wait := self._telegram.take_turn(request.chat_id, request.priority, messages):
            yield self._pause(serving, wait)

    def _pause_if_down(self, serving: Serving) -> Iterator[Again]:
        if self._telegram.outage.error:
            yield self._pause(serving, serving.backoff.next())

    def _pause(self, serving: Serving, seconds: float) -> Again:
        if time.monotonic() + seconds > serving.give_up_at:
            raise GaveUp("Telegram took nothing in time")
        return Again(seconds, Priority.READY)

    # Sending

    def _send(self, serving: Serving, group: Sequence[Prepared]) -> Sequence[Prepared]:
        """Record, send, record; the pictures that were sent, without those not wanted any more.

        If the bot stops in between, they count as seen.
        """
        started = time.monotonic()
        images, source = [each.image for each in group], group[0].place.source
        rows = self._store.begin(serving.request, images, self._now(), source)
        serving.used.update(each.image.id for each in group)
        group = [each for each in group if each.image.id in rows]
        if not group:
            return group
        serving.is_uploading = True
        try:
            sent = self._call(serving.request, group)
        except (TelegramError, StoreError) as error:
            serving.is_uploading = False
            maybe_sent = isinstance(error, TelegramError) and error.maybe_sent
            self._record_failure(list(rows.values()), maybe_sent=maybe_sent)
            _log_failed(group, f"maybe sent: {error}" if maybe_sent else str(error))
            raise
        self._record(serving, group, rows, sent)
        _log_sent(serving.request, group, milliseconds(started))
        if len(group) > 1:
            sent_images = [each.image for each in group]
            self._after_album(serving.request, group[0].place, sent_images, sent[0].message_id)
        return group

    def _send_document(self, serving: Serving, one: Prepared) -> Iterator[Again]:
        """Send the document of a photo that is too long to be read, if there is one.

        Its failure is only logged: the photo has arrived.
        """
        chat_id, document = serving.request.chat_id, one.document
        try:
            while document:
                yield from self._wait_for_turn(serving, 1)
                try:
                    options = self._options(serving.request)
                    sent = self._telegram.send_file(chat_id, document, "", (), None, options)
                    note = partial(self._store.messages.add, chat_id, sent.message_id, self._now())
                    self.writes.write(note, chat_id=chat_id)
                    document = None
                except TelegramError as error:
                    if error.permanent or error.maybe_sent:
                        raise
                    yield self._pause(serving, error.retry_after or serving.backoff.next())
        except (TelegramError, StoreError, GaveUp) as error:
            _log_failed([one], f"its document: {error}")

    def _call(self, request: Request, group: Sequence[Prepared]) -> list[Sent]:
        chat_id, options = request.chat_id, self._options(request)
        if len(group) > 1:
            items = [(each.file, self._caption(request, each)) for each in group]
            return self._telegram.send_album(chat_id, items, options)
        [one] = group
        words, rows = self._caption(request, one), self._rows(request, one)
        return [self._telegram.send_file(chat_id, one.file, words, rows, options=options)]

    def _options(self, request: Request) -> MediaOptions:
        is_scheduled = request.priority is Priority.SCHEDULE
        values = self._store.chats.values(request.chat_id)
        options = values.media(request.topic, is_scheduled=is_scheduled)
        return replace(options, silent=True) if request.is_silent else options

    def _caption(self, request: Request, one: Prepared) -> str:
        texts = TEXTS[request.language]
        above = heading(one.place, one.image.features, texts)
        return caption(one.image, self._photos.caption, texts, above)

    def _rows(self, request: Request, one: Prepared) -> Rows:
        """Return the buttons under a picture; in a channel, where nobody may vote, none."""
        chat_id, image, texts = request.chat_id, one.image, TEXTS[request.language]
        if self._telegram.is_channel(chat_id):
            return ()
        about = UnderPicture(
            image=image.itself,
            features=image.features,
            votes=self._store.votes.of_image(chat_id, image.id),
            sent=SentPicture(one.place.source.key),
            is_private=chat_id > 0,
        )
        return under_picture(about, texts)

    def _record(
        self, serving: Serving, group: Sequence[Prepared], rows: dict[int, int], sent: list[Sent]
    ) -> None:
        is_last = serving.left == len(group)
        arrived = [
            (rows[each.image.id], each.image, one) for each, one in zip(group, sent, strict=True)
        ]
        ends = serving.request if is_last else None
        bot_id, shape = self._telegram.bot_id, self._preparation.shape
        settle = partial(
            self._store.settle, arrived, self._now(), bot_id=bot_id, shape=shape, ends=ends
        )
        self.writes.write(settle, chat_id=serving.request.chat_id)
        serving.is_recorded = is_last
        serving.left -= len(group)

    def _record_failure(self, row_ids: Sequence[int], *, maybe_sent: bool) -> None:
        if maybe_sent:
            self.writes.write(partial(self._store.lose, row_ids, self._now()))
        else:
            self.writes.write(partial(self._store.withdraw, row_ids))

    # When Telegram refuses

    def _otherwise(
        self, serving: Serving, group: Sequence[Prepared], error: TelegramError, block: ExitStack
    ) -> list[list[Prepared]]:
        """Return the messages that replace a refused one: single pictures, or another form."""
        serving.count_refusal()
        if len(group) > 1:
            return [[each] for each in group]
        [one] = group
        reason = f"Telegram refuses it: {error}"
        if isinstance(error, MediaRefused):
            try:
                return [[self._preparation.prepare_otherwise(one, block, serving.source)]]
            except (ImageUnusable, DiskFull, NoRoom):
                pass
        serving.pass_over([(one.image, reason)])
        return []


def _log_failed(group: Iterable[Prepared], reason: str) -> None:
    for each in group:
        log.warning("photo_failed", image_id=each.image.id, reason=reason)


def _log_sent(request: Request, group: Sequence[Prepared], send_ms: float) -> None:
    for each in group:
        log.info(
            "photo_sent",
            chat_id=request.chat_id,
            user_id=request.user_id,
            image_id=each.image.id,
            kind="album" if len(group) > 1 else each.file.kind,
            trigger=request.trigger,
            source=each.place.source.key,
            pick_ms=each.pick_ms,
            fetch_ms=each.fetch_ms,
            send_ms=send_ms,
            bytes=each.size,
            reused=isinstance(each.file, KnownFile),
        )
