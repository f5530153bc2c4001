"""Images chosen, downloaded and converted, until they can be sent."""

from __future__ import annotations

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import structlog

from ..errors import (
    WRONG_SHAPE,
    DiskFull,
    ImageUnusable,
    NoRoom,
    NothingReason,
    NothingToSend,
    StashError,
)
from ..models import LIBRARY, Image, Kind, KnownFile, Place, Priority, SourceKind, Upload
from ..rules.sizes import READABLE_RATIO, UPLOAD_LIMIT, is_too_long
from ..runtime.heartbeat import beat
from ..runtime.pool import Pool
from ..stash.client import StashClient
from ..store.store import Store
from .candidates import Candidates
from .media import Media
from .prefetch import Prefetched, Prepared

log = structlog.get_logger()

#: Unusable images after which a request gives up, and those for which the disk has no room.
MOST_UNUSABLE = 50
MOST_TOO_LARGE = 5
#: An image is not converted any more after so many deaths of the bot running: fewer may be chance.
FATAL_DEATHS = 3
#: Bytes of the files that are read side by side for one request.
BATCH_BYTES = 200_000_000
#: Bytes of a file that is read, to be converted. Above UPLOAD_LIMIT, one at a time.
SOURCE_LIMIT = 1_000_000_000
#: Between two beats of a thread that waits for others.
BEAT_EVERY_S = 5.0


@dataclass
class Batch:
    """Pictures that are ready to be sent, and the images that were found to be unusable.

    `too_large` are the images for whose files the disk has no room. `error` says why there are
    no more pictures, if there are fewer than were asked for.
    """

    prepared: list[Prepared] = field(default_factory=list)
    unusable: list[tuple[Image, str]] = field(default_factory=list)
    too_large: list[tuple[Image, DiskFull]] = field(default_factory=list)
    error: NothingToSend | NoRoom | StashError | None = None


class Preparation:
    """Prepares pictures, several at a time. Thread-safe; it sends nothing."""

    def __init__(
        self,
        *,
        store: Store,
        stash: StashClient,
        candidates: Candidates,
        pool: Pool,
        media: Media,
        bot_id: int,
        now: Callable[[], datetime],
    ) -> None:
        self._now = now
        self.stash = stash
        #: The name under which uploads of the present form are known again.
        self.shape = media.shape
        self._store = store
        self._candidates = candidates
        self._prefetched = Prefetched()
        #: Gives up the picture that lies ready for a chat.
        self.drop = self._prefetched.drop
        self._pool = pool
        self._media = media
        self._bot_id = bot_id
        self._reads_huge = threading.Lock()

    def is_ready(self, chat_id: int, count: int, place: Place) -> bool:
        """Whether the place needs no Stash, or one picture is asked for and one lies ready."""
        is_best = place.source.kind is SourceKind.BEST
        return is_best or (count == 1 and self._prefetched.has(chat_id, place))

    @property
    def is_full(self) -> bool:
        """Whether one more picture that lies ready would drop another."""
        return self._prefetched.is_full

    def prepare_batch(
        self,
        chat_id: int,
        count: int,
        without: Collection[int],
        block: ExitStack,
        place: Place = LIBRARY,
    ) -> Batch:
        """Prepare up to `count` pictures of a place.

        The end of `block` releases their claims and removes their files. `without` are ids of
        images to pass over. Raises StoreError.
        """
        if place.source.kind is SourceKind.BEST:
            return self._best(chat_id, count, without, place)
        batch = Batch()
        if ready := self._take_ready(chat_id, place, block):
            batch.prepared.append(ready)
        has_room = True
        try:
            while has_room and (missing := count - len(batch.prepared)):
                has_room = self._fill(batch, chat_id, place, missing, without, block)
        except (NothingToSend, NoRoom, StashError) as error:
            batch.error = error
        return batch

    def prefetch(self, chat_id: int, place: Place) -> None:
        """Prepare a chat's next picture of a place, unless one lies ready that is still wanted.

        Only unseen images are prepared. Raises NothingToSend, NoRoom, DiskFull, ImageUnusable,
        StashError, StoreError.
        """
        with ExitStack() as block:
            prepared = self._take_ready(chat_id, place, block)
            if not prepared or not self._candidates.is_wanted(chat_id, prepared.image):
                block.close()
                chosen = self._candidates.choose(chat_id, place=place, unseen_only=True)
                [image] = block.enter_context(chosen)
                if image.size > UPLOAD_LIMIT:
                    raise NoRoom("the file is too large to lie ready")
                prepared = self._prepare(image, place, block)
            self._prefetched.put(chat_id, prepared, block.pop_all())

    def read_page(self, chat_id: int, place: Place) -> None:
        """Read the page of candidates that the next request of a chat needs, if it needs one.

        Raises NothingToSend, StashError, StoreError.
        """
        with self._candidates.choose(chat_id, place=place, unseen_only=True):
            pass  # the claim ends here

    def prepare_otherwise(self, refused: Prepared, block: ExitStack, source: str) -> Prepared:
        """Prepare a picture in another form, after Telegram refused this one.

        A file that Telegram knows is uploaded anew, unless the `source` of the request is BEST;
        any other becomes a document. Raises ImageUnusable where there is no other form,
        StashError, StoreError.
        """
        image, file = refused.image, refused.file
        if isinstance(file, KnownFile):
            self._store.forget_file(self._bot_id, image.id)
            if source == SourceKind.BEST:
                raise ImageUnusable("Telegram does not know its file any more")
            return self._prepare(image, refused.place, block)
        if file.kind is Kind.DOCUMENT:
            raise ImageUnusable("Telegram refuses the file as a document too")
        with disk_errors():
            document = refused.document or self._media.as_document(file.path, image, block)
        return replace(refused, file=document, document=None)

    def _best(self, chat_id: int, count: int, without: Collection[int], place: Place) -> Batch:
        """The best pictures that Telegram has, as the database knows them: Stash is not asked."""
        limit, now = count + len(without), time.monotonic()
        known = self._store.pictures.best(chat_id, self._bot_id, self.shape, limit)
        prepared = [
            Prepared(image, place, file, now, 0.0, 0.0)
            for image, file in known
            if image.id not in without
        ]
        is_short = len(prepared) < count
        error = NothingToSend(NothingReason.EMPTY, "no other is liked") if is_short else None
        return Batch(prepared[:count], error=error)

    def _take_ready(self, chat_id: int, place: Place, block: ExitStack) -> Prepared | None:
        ready = self._prefetched.take(chat_id, place)
        if ready is None:
            return None
        prepared, claim = ready
        block.enter_context(claim)
        return prepared

    def _fill(
        self,
        batch: Batch,
        chat_id: int,
        place: Place,
        count: int,
        without: Collection[int],
        block: ExitStack,
    ) -> bool:
        """Choose up to `count` images and add to the batch those that can be sent.

        False if there was no room in the batch for the files of all of them.
        """
        started = time.monotonic()
        refused = [*without, *(image.id for image, _ in batch.too_large)]
        choice = self._candidates.choose(chat_id, count, refused, place=place)
        chosen = block.enter_context(choice)
        images = _fitting(chosen, BATCH_BYTES)
        pick_ms = milliseconds(started) / len(images)
        calls = [partial(self._prepare, image, place, block, pick_ms) for image in images]
        failure: BaseException | None = None
        futures = _side_by_side(self._pool, calls)
        for image, future in zip(images, futures, strict=True):
            error = future.exception()
            if error is None:
                batch.prepared.append(future.result())
            elif isinstance(error, DiskFull):
                batch.too_large.append((image, error))
            elif isinstance(error, ImageUnusable):
                batch.unusable.append((image, str(error)))
            else:
                failure = error
        if failure:
            raise failure
        if len(batch.unusable) >= MOST_UNUSABLE:
            raise NothingToSend(NothingReason.UNUSABLE, "too many images cannot be used")
        if len(batch.too_large) >= MOST_TOO_LARGE:
            _, error = batch.too_large[-1]
            raise NothingToSend(NothingReason.DISK_FULL, str(error))
        return len(images) == len(chosen)

    def _prepare(
        self, image: Image, place: Place, block: ExitStack, pick_ms: float = 0.0
    ) -> Prepared:
        started = time.monotonic()
        file: Upload | KnownFile | None = self._known(image)
        documents = list[Upload]()
        if file is None:
            with disk_errors():
                file, *documents = self._upload(image, block)
        document = documents[0] if documents else None
        ready_at = time.monotonic()
        return Prepared(image, place, file, ready_at, pick_ms, milliseconds(started), document)

    def _upload(self, image: Image, block: ExitStack) -> list[Upload]:
        """Download an image and bring it into the form for Telegram."""
        with ExitStack() as reading:
            source = self._media.new_file(image, block)
            limit = UPLOAD_LIMIT
            if image.size > limit:
                if not self._reads_huge.acquire(blocking=False):
                    raise NoRoom("another large file is on its way")
                reading.callback(self._reads_huge.release)
                limit = SOURCE_LIMIT
            self.stash.download(image, source, limit)
            deaths = self._store.conversions.deaths(image.id, self._now())
            if deaths >= FATAL_DEATHS:
                return [self._media.as_document(source, image, block)]
            try:
                uploads = self._media.fit(source, image, block)
            except (*WRONG_SHAPE, struct.error) as error:
                reason = f"its structure is damaged ({type(error).__name__})"
                raise ImageUnusable(reason) from error
            if deaths:
                self._store.conversions.forget(image.id)
            if all(upload.path != source for upload in uploads):
                source.unlink(missing_ok=True)
            return uploads

    def _known(self, image: Image) -> KnownFile | None:
        is_long = is_too_long((image.width, image.height), READABLE_RATIO)
        if is_long or not image.fingerprint:  # a photo that is long has a document, too
            return None
        return self._store.known_file(self._bot_id, image, self.shape)


def _fitting(images: Sequence[Image], room: int) -> list[Image]:
    """The first images whose files fit into `room` bytes together; one in any case."""
    fitting = list[Image]()
    for image in images:
        if fitting and image.size > room:
            break
        fitting.append(image)
        room -= image.size
    return fitting


def _side_by_side(pool: Pool, calls: Sequence[Callable[[], Prepared]]) -> list[Future[Prepared]]:
    """Make all calls and wait for them; idle threads of the pool help.

    The caller works too, so that all are made where no thread is free, or the pool is closed.
    """
    futures = [Future[Prepared]() for _ in calls]
    left = deque(zip(calls, futures, strict=True))

    def work() -> None:
        while left:
            try:
                call, future = left.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                future.set_result(call())
            except BaseException as error:  # it is raised by the caller
                future.set_exception(error)

    for _ in calls[1:]:
        pool.submit(work, priority=Priority.BACKGROUND)
    work()
    while wait(futures, BEAT_EVERY_S).not_done:
        beat()  # the other threads have deadlines of their own
    return futures


@contextmanager
def disk_errors() -> Iterator[None]:
    """Log that a temporary file cannot be written, and raise DiskFull."""
    try:
        yield
    except (OSError, DiskFull) as error:
        log.error("disk_failed", error=str(error), do="see the folder of the temporary files")
        raise DiskFull(str(error)) from None


def milliseconds(started: float) -> float:
    """The time since a moment on the monotonic clock, in milliseconds."""
    return round((time.monotonic() - started) * 1000, 1)
