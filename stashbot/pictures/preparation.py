"""Images chosen, downloaded and converted, until they can be sent."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from ..errors import ImageUnusable, NoRoom, NothingReason, NothingToSend, StashError
from ..models import Image, Kind, KnownFile, Priority, Upload
from ..runtime.heartbeat import beat
from ..runtime.pool import Pool
from ..stash.client import StashClient
from ..store.store import Store
from . import media
from .candidates import Candidates
from .prefetch import Prefetched, Prepared

#: Unusable images after which a request gives up.
MOST_UNUSABLE = 50
#: Bytes of the files in one album: Telegram takes 50 MB in one call.
ALBUM_BYTES = 45_000_000
#: A request whose files have more bytes is a large one: it has them in memory.
LARGE_BYTES = 10_000_000
#: Large requests that may run at once.
MOST_LARGE = 2
#: Between two beats of a thread that waits for others.
BEAT_EVERY_S = 5.0
#: The size of a file is taken for this where Stash does not know it.
UNKNOWN_BYTES = 1_000_000


@dataclass
class Batch:
    """Pictures that are ready to be sent, and the images that were found to be unusable.

    `error` says why there are no more pictures, if there are fewer than were asked for.
    """

    prepared: list[Prepared] = field(default_factory=list)
    unusable: list[tuple[Image, str]] = field(default_factory=list)
    error: NothingToSend | NoRoom | StashError | None = None


@dataclass(frozen=True)
class PhotoFormat:
    """The form of uploads: the bot that makes them, and the longer side in pixels (0: any)."""

    bot_id: int
    max_side: int

    @property
    def shape(self) -> str:
        """The name under which files of this form are known again."""
        return str(self.max_side)


class Preparation:
    """Prepares pictures, several at a time. Thread-safe; it sends nothing."""

    def __init__(
        self,
        *,
        store: Store,
        stash: StashClient,
        candidates: Candidates,
        pool: Pool,
        format: PhotoFormat,
    ) -> None:
        self.stash = stash
        self.format = format
        self._store = store
        self._candidates = candidates
        self._prefetched = Prefetched()
        self._pool = pool
        self._large = threading.Semaphore(MOST_LARGE)

    def is_ready(self, chat_id: int, count: int) -> bool:
        """Whether one picture is asked for, and one lies ready."""
        return count == 1 and self._prefetched.has(chat_id)

    @property
    def is_full(self) -> bool:
        """Whether one more picture that lies ready would drop another."""
        return self._prefetched.is_full

    def prepare_batch(
        self, chat_id: int, count: int, without: Collection[int], block: ExitStack
    ) -> Batch:
        """Prepare up to `count` pictures, as many as fit into an album.

        The end of `block` releases their claims. `without` are ids of images to pass over. Raises
        StoreError.
        """
        batch = Batch()
        if ready := self._take_ready(chat_id, block):
            batch.prepared.append(ready)
        has_room = True
        try:
            while has_room and (missing := count - len(batch.prepared)):
                has_room = self._fill(batch, chat_id, missing, without, block)
        except (NothingToSend, NoRoom, StashError) as error:
            batch.error = error
        return batch

    def prefetch(self, chat_id: int) -> None:
        """Prepare the next picture of a chat, unless one lies ready that is still wanted.

        Only unseen images are prepared. Raises NothingToSend, NoRoom, ImageUnusable, StashError,
        StoreError.
        """
        with ExitStack() as block:
            prepared = self._take_ready(chat_id, block)
            if not prepared:
                chosen = self._candidates.choose(chat_id, unseen_only=True)
                [image] = block.enter_context(chosen)
                if image.size > LARGE_BYTES:
                    raise NoRoom("the file is too large to lie ready")
                prepared = self._prepare(image)
            self._prefetched.put(chat_id, prepared, block.pop_all())

    def read_page(self, chat_id: int) -> None:
        """Read the page of candidates that the next request of a chat needs, if it needs one.

        Raises NothingToSend, StashError, StoreError.
        """
        with self._candidates.choose(chat_id, unseen_only=True):
            pass  # the claim ends here

    def prepare_otherwise(self, refused: Prepared) -> Prepared:
        """Prepare a picture in another form, after Telegram refused this one.

        A file that Telegram knows is uploaded anew; any other becomes a document. Raises
        ImageUnusable where there is no other form, StashError, StoreError.
        """
        if isinstance(refused.file, KnownFile):
            self._store.forget_file(self.format.bot_id, refused.image.id)
            return replace(refused, file=self._download(refused.image))
        if refused.file.kind is Kind.DOCUMENT:
            raise ImageUnusable("Telegram refuses the file as a document too")
        return replace(refused, file=media.as_document(refused.file.data, refused.image))

    def _take_ready(self, chat_id: int, block: ExitStack) -> Prepared | None:
        ready = self._prefetched.take(chat_id)
        if ready is None:
            return None
        prepared, claim = ready
        if not self._candidates.is_wanted(chat_id, prepared.image):
            claim.close()
            return None
        block.enter_context(claim)
        return prepared

    def _fill(
        self, batch: Batch, chat_id: int, count: int, without: Collection[int], block: ExitStack
    ) -> bool:
        """Choose up to `count` images and add to the batch those that can be sent.

        False if no more files fit into the same album.
        """
        started = time.monotonic()
        chosen = block.enter_context(self._candidates.choose(chat_id, count, without))
        room = ALBUM_BYTES - sum(each.size for each in batch.prepared)
        images = _fitting(chosen, room)
        pick_ms = milliseconds(started) / len(images)
        self._admit(images, block)
        calls = [partial(self._prepare, image, pick_ms) for image in images]
        failure: BaseException | None = None
        futures = _side_by_side(self._pool, calls)
        for image, future in zip(images, futures, strict=True):
            error = future.exception()
            if error is None:
                batch.prepared.append(future.result())
            elif isinstance(error, ImageUnusable):
                batch.unusable.append((image, str(error)))
            else:
                failure = error
        if failure:
            raise failure
        if len(batch.unusable) >= MOST_UNUSABLE:
            raise NothingToSend(NothingReason.UNUSABLE, "too many images cannot be used")
        return len(images) == len(chosen)

    def _admit(self, images: Sequence[Image], block: ExitStack) -> None:
        """Take a place among the large requests until `block` ends, if one is needed."""
        if sum(image.size or UNKNOWN_BYTES for image in images) <= LARGE_BYTES:
            return
        if not self._large.acquire(blocking=False):
            raise NoRoom("other large files are on their way")
        block.callback(self._large.release)

    def _prepare(self, image: Image, pick_ms: float = 0.0) -> Prepared:
        started = time.monotonic()
        file = self._known(image) or self._download(image)
        return Prepared(image, file, time.monotonic(), pick_ms, milliseconds(started))

    def _download(self, image: Image) -> Upload:
        data = self.stash.download(image, media.UPLOAD_LIMIT)
        return media.fit(data, image, self.format.max_side)

    def _known(self, image: Image) -> KnownFile | None:
        if not image.fingerprint:
            return None
        return self._store.known_file(self.format.bot_id, image, self.format.shape)


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


def milliseconds(started: float) -> float:
    """The time since a moment on the monotonic clock, in milliseconds."""
    return round((time.monotonic() - started) * 1000, 1)
