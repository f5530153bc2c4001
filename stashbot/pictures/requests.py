"""The requests for pictures: each is served until it is done, given up or refused for good.

One generator serves one request from its beginning to its end, and is owned by the thread that
runs its next step. It yields where it has to wait; the pool runs it on when the time has come,
one request of a chat after the other. The images that it has claimed are released by the
`with` block that claimed them, however that block ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from ..errors import (
    DiskFull,
    GaveUp,
    ImageUnusable,
    Interrupted,
    NoRoom,
    NothingReason,
    NothingToSend,
    StashError,
    StoreError,
    store_failures_logged,
)
from ..models import Place, Priority, Request, Shown, SourceKind, Trigger
from ..runtime.pool import Again, Pool
from ..stash.queries import QueryFailed
from ..store.store import Store
from ..telegram.errors import ChatGone, ChatMoved, PicturesForbidden
from .delivery import MOST_REFUSALS, Delivery, Serving
from .notices import Notices
from .preparation import MOST_UNUSABLE, Batch, Preparation
from .sources.errors import NoSource
from .sources.finding import Sources

log = structlog.get_logger()

#: A request waits for Stash for at most this time.
STASH_LIMIT_S = 900.0
#: A schedule's request waits for at most this time.
SCHEDULE_LIMIT_S = 900.0
#: A user's request waits for Telegram for at most this time.
TELEGRAM_LIMIT_S = 86_400.0
#: A request that waits for Stash, or for other large files, tries again after this time.
STEP_S = 0.5


class RequestQueue:
    """Takes requests and serves them. Thread-safe.

    While Stash is away, one request after the other tries it, with pauses; the others wait.
    """

    def __init__(
        self,
        *,
        store: Store,
        preparation: Preparation,
        delivery: Delivery,
        sources: Sources,
        notices: Notices,
        pool: Pool,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._preparation = preparation
        self._delivery = delivery
        self._writes = delivery.writes
        self._sources = sources
        self._notices = notices
        self._outbox = notices.outbox
        self._pool = pool
        self._now = now
        self._stash = preparation.stash
        self._waiting: dict[int, int] = {}  # the chats of the unfinished requests, by their ids

    def __len__(self) -> int:
        """The number of unfinished requests."""
        return len(self._waiting)

    def ask(
        self,
        update_id: int,
        chat_id: int,
        user_id: int,
        *,
        count: int = 1,
        trigger: Trigger = Trigger.COMMAND,
        language: str,
        source: str = "",
        after: Shown | None = None,
        topic: int = 0,
    ) -> None:
        """Store a user's request and serve it. Raises StoreError.

        An update makes one request, however often it is delivered. A request `after` a picture
        counts only while that picture is the chat's newest. Its pictures go to the forum `topic`,
        0 for none.
        """
        request = self._store.add_request(
            update_id=update_id,
            chat_id=chat_id,
            user_id=user_id,
            count=count,
            trigger=trigger,
            language=language,
            source=source,
            now=self._now(),
            after=after,
            topic=topic,
        )
        if request:
            self.accept(request)

    def accept(self, request: Request, refusals: int = 0) -> None:
        """Serve a request that is in the database.

        `refusals` is how often Telegram refused it before its chat moved.
        """
        serving = _new_serving(request, refusals)
        self._waiting[request.id] = request.chat_id
        steps = self._serve(serving)
        priority = Priority.READY if self._is_ready(serving) else request.priority
        self._pool.submit(partial(next, steps, None), lane=request.chat_id, priority=priority)
        if request.priority is Priority.USER:
            self._notices.watch(serving)

    def give_up(self, request: Request, reason: str) -> None:
        """End a schedule's request without serving it; `reason` is for the log."""
        self._end(_new_serving(request), reason)
        self._store.schedules.was_served[request.chat_id, request.when] = False

    def prefetch(self, chat_id: int, source: str = "", *, is_for_user: bool = False) -> None:
        """Have a chat's next picture of a source lie ready, once its requests are served.

        If it is not for a user, only while there is room; else a page of candidates is read. An
        empty key stands for the chat's standing source.
        """
        job = partial(self._prefetch, chat_id, source, is_for_user=is_for_user)
        self._pool.submit(job, lane=chat_id, priority=Priority.BACKGROUND)

    def drop(self, chat_id: int) -> None:
        """Give up the picture that lies ready for a chat, also one that is yet to be prepared.

        A request that is served now has the next picture prepared at its end: after that one.
        """
        drop = partial(self._preparation.drop, chat_id)
        submit = partial(self._pool.submit, lane=chat_id, priority=Priority.BACKGROUND)
        submit(partial(submit, drop))

    # The way of a request

    def _serve(self, serving: Serving) -> Iterator[Again]:
        """Serve one request to its end; yield before each wait."""
        request = serving.request
        try:
            yield from self._send_all(serving)
            self._end(serving)
            self._notices.note_done(request.chat_id)
            is_for_user = request.priority is Priority.USER
            self.prefetch(request.chat_id, serving.source, is_for_user=is_for_user)
        except Interrupted:
            pass  # the request is taken up at the next start
        except ChatMoved as moved:
            self._outbox.move_chat(request.chat_id, moved.chat_id)
            self._serve_again(serving, moved.chat_id)
        except ChatGone as error:
            self._outbox.lose_chat(request.chat_id, error)
            self._end(serving, "the chat is gone")
        except (PicturesForbidden, NothingToSend, NoSource, GaveUp, StoreError) as error:
            self._notices.refuse(serving, error)
            self._end(serving, str(error))
        finally:
            serving.is_over = True
            if self._waiting.get(request.id) == request.chat_id:
                del self._waiting[request.id]

    def _is_ready(self, serving: Serving) -> bool:
        """Whether the picture of a request lies ready, as far as is known without Stash."""
        chat_id = serving.request.chat_id
        with store_failures_logged(chat_id=chat_id):
            serving.source = serving.source or self._sources.standing(chat_id).key
            place = self._sources.known(chat_id, serving.source)
            return bool(place and self._preparation.is_ready(chat_id, serving.left, place))
        return False

    def _serve_again(self, serving: Serving, chat_id: int) -> None:
        """Serve the rest of a request in another chat; that counts as a refusal."""
        rest = replace(serving.request, chat_id=chat_id, count=serving.left)
        if serving.refusals + 1 < MOST_REFUSALS:
            self.accept(rest, serving.refusals + 1)
        else:
            self._end(serving, "the chat moves again and again")

    def _send_all(self, serving: Serving) -> Iterator[Again]:
        """Prepare and deliver until nothing is left; wait while Stash is away."""
        request = serving.request
        while serving.left > 0:
            self._check_wanted(serving)
            error: Exception | None = None
            with ExitStack() as block:
                batch = self._prepare(serving, block)
                if batch.prepared:
                    serving.failing_since = None
                    # From here on the request needs only Telegram.
                    yield Again(0.0, Priority.READY)
                    try:
                        yield from self._delivery.deliver(serving, batch.prepared, block)
                    except StashError as raised:
                        error = raised
                    if serving.left:
                        yield Again(0.0, request.priority)  # the next step needs Stash
                else:
                    error = batch.error
            if isinstance(error, Interrupted):
                raise error
            if isinstance(batch.error, NothingToSend):
                return self._accept_end(serving, batch)
            if error:
                self._note_failure(serving, error)
                yield Again(max(STEP_S, self._stash.outage.wait), request.priority)

    def _check_wanted(self, serving: Serving) -> None:
        """Raise GaveUp, or Interrupted without a word, if a request is not wanted any more."""
        if not self._store.schedules.is_wanted(serving.request.id):
            if serving.request.due:
                raise GaveUp("the schedule was removed")
            raise Interrupted  # the owner has removed the chat
        if time.monotonic() > serving.give_up_at:
            raise GaveUp("it waited too long")

    def _note_failure(self, serving: Serving, error: Exception) -> None:
        """Note that a step failed. Raises GaveUp after STASH_LIMIT_S without a picture."""
        if isinstance(error, StashError) and serving.stash_error is None:
            serving.stash_error = error
            if self._stash.outage.error is None:  # else the outage is in the log
                log.warning("stash_failed", error=str(error), chat_id=serving.request.chat_id)
        now = time.monotonic()
        if serving.failing_since is None:
            # While the request waited behind others, Stash may have been away for all of them.
            serving.failing_since = max(serving.accepted_at, self._stash.outage.since or now)
        if now - serving.failing_since > STASH_LIMIT_S:
            raise GaveUp("Stash gave no picture for 15 minutes")

    def _accept_end(self, serving: Serving, batch: Batch) -> None:
        """Be content with fewer pictures; raise NothingToSend if none was sent."""
        if serving.left < serving.request.count:
            return
        if batch.prepared:
            raise NothingToSend(NothingReason.UNUSABLE, "Telegram takes none of the images")
        if serving.passed_over:
            count, (_, reason) = len(serving.passed_over), serving.passed_over[-1]
            text = f"none of {count} images can be sent; the last: {reason}"
            raise NothingToSend(NothingReason.UNUSABLE, text)
        raise batch.error or AssertionError

    def _prepare(self, serving: Serving, block: ExitStack) -> Batch:
        """Prepare the next pictures; without effect while it is not this request's turn."""
        chat_id = serving.request.chat_id
        if not self._is_ready(serving) and not self._stash.outage.may_try():
            return Batch(error=NoRoom("another request tries Stash"))
        try:
            place = self._find(serving)
        except StashError as error:
            return Batch(error=error)
        preparation = self._preparation
        batch = preparation.prepare_batch(chat_id, serving.left, serving.used, block, place)
        if isinstance(batch.error, QueryFailed) and (fault := self._sources.filters.blame(place)):
            raise fault
        serving.pass_over(batch.unusable)
        serving.used.update(image.id for image, _ in batch.too_large)
        if len(serving.passed_over) >= MOST_UNUSABLE and not batch.prepared:
            batch.error = NothingToSend(NothingReason.UNUSABLE, "too many images cannot be used")
        return batch

    def _find(self, serving: Serving) -> Place:
        """Find the source of a request; a name is looked up once."""
        found = self._sources.find(serving.request, serving.source)
        serving.source = found.place.source.key
        if found.count < serving.request.count:
            serving.request = replace(serving.request, count=found.count)
            serving.left = found.count
        if found.is_cut:
            self._notices.tell_of_limit(serving)
        return found.place

    def _prefetch(self, chat_id: int, source: str, *, is_for_user: bool) -> None:
        is_awaited = chat_id in self._waiting.copy().values()
        if is_awaited or self._stash.outage.error:
            return
        try:
            place = self._sources.known(chat_id, source)
            # An unknown place would cost a question that may not be asked again.
            if place is None or place.source.kind is SourceKind.BEST:
                return
            if is_for_user or not self._preparation.is_full:
                self._preparation.prefetch(chat_id, place)
            else:
                self._preparation.read_page(chat_id, place)
        except (StashError, NothingToSend, NoRoom, DiskFull, ImageUnusable, StoreError) as error:
            # No user waits for it. The next request says it if something is wrong.
            log.debug("not_prefetched", chat_id=chat_id, error=str(error))

    # The end of a request

    def _end(self, serving: Serving, failure: str = "") -> None:
        """Record the end of a request; `failure` is empty if it was served."""
        request = serving.request
        if serving.source != SourceKind.BEST:  # other requests upload a file that is not known
            self._delivery.leave_out(serving)
        if request.due and not failure:
            self._store.schedules.was_served[request.chat_id, request.when] = True
        if serving.is_recorded:
            return
        if request.due and failure:
            due = request.due.isoformat()
            about = {"chat_id": request.chat_id, "when": request.when, "due": due}
            log.warning("schedule_missed", **about, reason=failure)
        state = "failed" if failure else "done"
        finish = partial(self._store.finish_request, request.id, state, self._now())
        self._writes.write(finish, chat_id=request.chat_id)


def _new_serving(request: Request, refusals: int = 0) -> Serving:
    is_scheduled = request.priority is Priority.SCHEDULE
    limit_s = SCHEDULE_LIMIT_S if is_scheduled else TELEGRAM_LIMIT_S
    now = time.monotonic()
    return Serving(
        request, now, now + limit_s, source=request.source, left=request.count, refusals=refusals
    )
