"""Requests waiting to be carried out, and what happens to them when a service is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import structlog

from ..errors import (
    AllExcluded,
    AllUnderWay,
    ChatGone,
    ChatMoved,
    Interrupted,
    NoRoom,
    NothingToSend,
    StashError,
    StashProblem,
    StoreError,
    TelegramError,
)
from ..messages.catalogue import TEXTS
from ..models import Priority, Request, Shown, Trigger
from ..runtime.outage import Outage
from ..runtime.pool import Pool
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.outbox import Outbox
from .delivery import Courier
from .preparation import Delivery, Packer

log = structlog.get_logger()

#: Seconds after which the user hears that the picture takes longer, if Stash has owed an
#: answer for LATE seconds by then; else it is looked at again, as many times as LOOKS.
PATIENCE, LATE, LOOK_AGAIN, LOOKS = 4.0, 1.5, 0.5, 120
#: Seconds for which a request waits for Stash, and for Telegram.
STASH_LIMIT, TELEGRAM_LIMIT = 900.0, 86_400.0
#: How long what the clock wants waits for either.
ORDER_LIMIT = timedelta(minutes=15)
#: Seconds in which an image that is on its way should have gone out, or made room for another.
SOON = 0.5
#: Seconds after which it is looked whether a picture that is being prepared is done.
AT_HAND = 0.05
#: Seconds before Telegram is tried again, and the longest pause that grows from it.
PAUSE, LONGEST_PAUSE = 1.0, 60.0


@dataclass
class _Job:
    """A request in memory, owned by the thread that serves it.

    `accepted_at` is when that was, `without_stash_since` and `without_telegram_since` when
    that service began to fail it, `under_way_since` when it began to wait for what is on its
    way already, on the monotonic clock; `pause` the seconds before Telegram is tried
    again; `looks` how often it is still looked at whether it is late; `is_told`, that the
    user knows.
    """

    delivery: Delivery
    accepted_at: float
    without_stash_since: float | None = None
    without_telegram_since: float | None = None
    under_way_since: float | None = None
    pause: float = PAUSE
    looks: int = LOOKS
    is_told: bool = False

    @property
    def request(self) -> Request:
        return self.delivery.request


class RequestQueue:
    """Keeps each request until it is served, refused for good, or too old. Thread-safe.

    While Stash is away, one request after the other tries it again, with pauses; the
    others wait without asking.
    """

    def __init__(
        self,
        courier: Courier,
        packer: Packer,
        store: Store,
        sender: TelegramClient,
        outbox: Outbox,
        pool: Pool,
        stash: Outage,
        now: Callable[[], datetime],
    ) -> None:
        self._courier = courier
        self._packer = packer
        self._store = store
        self._sender = sender
        self._outbox = outbox
        self._pool = pool
        self._stash = stash
        self._now = now
        self._lock = threading.Lock()
        self._waiting: dict[int, int] = {}  # the chats of the requests, by their ids

    def __len__(self) -> int:
        """How many requests are not served yet."""
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
        after: Shown | None = None,
    ) -> None:
        """Keep a request of a person, and serve it. Raises StoreError.

        An update asks once, however often it comes. One `after` another picture is wanted
        only while that is the chat's newest.
        """
        request = self._store.add_request(
            update_id=update_id,
            chat_id=chat_id,
            user_id=user_id,
            count=count,
            trigger=trigger,
            language=language,
            now=self._now(),
            after=after,
        )
        if request:
            self.accept(request)

    def accept(self, request: Request) -> None:
        """Serve this request, which is in the database already."""
        job = _new_job(request)
        self._waiting[request.id] = request.chat_id
        self._pool.submit(
            partial(self._serve, job), lane=request.chat_id, priority=request.priority
        )
        if request.priority is Priority.USER:
            self._outbox.later(partial(self._tell_if_late, job), PATIENCE)

    def give_up(self, request: Request, reason: str) -> None:
        """Do not serve a request of the clock any more."""
        self._end(_new_job(request), "failed", reason)

    # Pictures that lie ready

    def prepare(self, chat_id: int, count: int = 1, priority: Priority = Priority.SCHEDULE) -> None:
        """Have the next pictures of a chat lie ready, once nothing else is to be done for it.

        Unless a person has just asked (`priority`), only while there is room. It is done in a lane
        of its own, so that what lies ready already does not wait behind it.
        """
        job = partial(self._prepare, chat_id, count, priority)
        begin = partial(
            self._pool.submit, job, lane=("ready", chat_id), priority=Priority.BACKGROUND
        )
        self._pool.submit(begin, lane=chat_id, priority=Priority.BACKGROUND)

    def _prepare(self, chat_id: int, count: int, priority: Priority) -> float | None:
        """Prepare one picture; 0 if there may be another to prepare, else None."""
        is_full = self._packer.is_busy and priority is not Priority.USER
        if is_full or self._stash.error or self._is_awaited(chat_id):
            return None
        request = Request(0, chat_id, 0, 1, Trigger.COMMAND, self._now(), "en")
        delivery = Delivery(request, left=1, is_awaited=False)
        with self._packer.preparing(delivery):
            # Whoever has asked since then looks for it, and whoever had asked before is seen.
            if self._is_awaited(chat_id):
                return None
            return 0.0 if self._make_ready(delivery, count) else None

    def _is_awaited(self, chat_id: int) -> bool:
        """Whether somebody waits for a picture in a chat; no other is prepared there then."""
        return chat_id in self._waiting.copy().values()

    def _make_ready(self, delivery: Delivery, count: int) -> bool:
        try:
            return self._packer.prepare(delivery, count)
        except Interrupted:
            return False
        except (StashError, NothingToSend, NoRoom, StoreError) as error:
            # Nobody waits for it. Whoever asks next hears what is wrong.
            log.debug("not_prepared", chat_id=delivery.request.chat_id, error=str(error))
            return False

    # Requests

    def _serve(self, job: _Job) -> float | None:
        """One try; the seconds until the next, None where there will be none."""
        request = job.request
        if request.due and self._now() - request.requested_at > ORDER_LIMIT:
            self._end(job, "failed", "nothing could be sent for 15 minutes")
            return None
        if wait := self._sender.take_turn(request.chat_id, request.priority, job.delivery.left):
            return wait
        try:
            is_wanted = not request.due or self._store.orders.is_wanted(request.id)
        except StoreError:
            is_wanted = True  # the try will tell
        if not is_wanted:
            self._end(job, "failed", "the schedule was removed")
            return None
        is_ready = self._packer.is_ready(job.delivery)
        if not is_ready and self._packer.in_preparation(request.chat_id):
            return self._wait_for_others(job, AT_HAND, "gave_up")
        if is_ready or self._stash.may_try():
            return self._try(job)
        return self._wait_for_stash(job)

    def _try(self, job: _Job) -> float | None:
        try:
            self._courier.carry(job.delivery)
            self._end(job, "done")
            self.prepare(job.request.chat_id, priority=job.request.priority)
        except Interrupted:
            return None  # it is taken up at the next start
        except StashError as error:
            self._stash.down(error, error.retry_after)
            return self._wait_for_stash(job)
        except TelegramError as error:
            return self._wait_for_telegram(job, error)
        except NoRoom:
            return self._wait_for_others(job, SOON, "gave_up")
        except AllUnderWay:
            return self._wait_for_others(job, SOON, "nothing_usable")
        except NothingToSend as error:
            self._stash.up()  # which has answered: it has nothing more
            log.error("nothing_to_send", error=str(error), chat_id=job.request.chat_id)
            self._give_up(job, _in_words(error))
        except StoreError as error:
            log.error("store_failed", error=str(error), chat_id=job.request.chat_id)
            self._give_up(job, "cannot_answer")
        except BaseException:
            # A bug. The request is tried again after the next start.
            self._waiting.pop(job.request.id, None)
            raise
        return None

    def _wait_for_others(self, job: _Job, pause: float, key: str) -> float | None:
        """Wait until what is on its way has gone out; not for ever, lest it never does."""
        now = time.monotonic()
        job.under_way_since = job.under_way_since or now
        if now - job.under_way_since <= STASH_LIMIT:
            return pause
        log.error("nothing_to_send", error=TEXTS["en"](key), chat_id=job.request.chat_id)
        self._give_up(job, key)
        return None

    # When Stash is away

    def _wait_for_stash(self, job: _Job) -> float | None:
        now = time.monotonic()
        # It may have waited behind another request while Stash was away for both.
        job.without_stash_since = job.without_stash_since or max(
            job.accepted_at, self._stash.since or now
        )
        if now - job.without_stash_since > STASH_LIMIT:
            self._give_up(job, "gave_up")
            return None
        if isinstance(error := self._stash.error, StashError):
            self._tell(job, error)
        return max(0.05, self._stash.wait)

    def _tell_if_late(self, job: _Job) -> float | None:
        """Say that Stash is slow, or away, if that is why the picture is not out yet."""
        delivery = job.delivery
        job.looks -= 1
        if delivery.request.id not in self._waiting or not job.looks:
            return None
        since = self._asking_since(delivery)
        if not since and self._has_all(delivery):
            return LOOK_AGAIN  # it is Telegram that is slow, and a file may be wanted again
        error = self._stash.error
        if since and time.monotonic() - since > LATE:
            error = StashError(StashProblem.SLOW, f"no answer for {LATE} s")
            self._stash.down(error)
        if isinstance(error, StashError):
            self._tell(job, error)
            return None
        return LOOK_AGAIN

    def _asking_since(self, delivery: Delivery) -> float | None:
        """Since when Stash owes an answer for a request, or for the picture it waits for."""
        if delivery.asking_since or self._has_all(delivery):
            return delivery.asking_since
        ahead = self._packer.in_preparation(delivery.request.chat_id)
        return ahead.asking_since if ahead else None

    def _has_all(self, delivery: Delivery) -> bool:
        """Whether a request has all that it needs of Stash, as far as is known."""
        return delivery.is_sending or self._packer.is_ready(delivery)

    def _tell(self, job: _Job, error: StashError) -> None:
        """Tell who has asked, once, what is wrong and that the picture will follow."""
        with self._lock:
            if job.is_told or job.request.priority is not Priority.USER:
                return
            job.is_told = True
        texts = TEXTS[job.request.language]
        problem = texts(f"stash.{error.problem}", version=error.version)
        follows = texts("picture_follows", n=job.delivery.left)
        self._outbox.say(job.request.chat_id, f"{problem} {follows}")

    # When Telegram is away

    def _wait_for_telegram(self, job: _Job, error: TelegramError) -> float | None:
        request = job.request
        job.without_stash_since = job.under_way_since = None  # there was something to send
        job.without_telegram_since = job.without_telegram_since or time.monotonic()
        if isinstance(error, ChatMoved):
            self._outbox.move_chat(request.chat_id, error.chat_id)
            job.delivery.request = replace(request, chat_id=error.chat_id)
            return 0.0
        if isinstance(error, ChatGone):
            self._outbox.lose_chat(request.chat_id, error)
            self._end(job, "failed", "the chat is gone")
        elif time.monotonic() - job.without_telegram_since > TELEGRAM_LIMIT:
            log.error("request_failed", chat_id=request.chat_id, error=str(error))
            self._give_up(job, "nothing_usable")
        else:
            pause, job.pause = job.pause, min(job.pause * 2, LONGEST_PAUSE)
            return error.retry_after or pause
        return None

    # The end of a request

    def _give_up(self, job: _Job, key: str) -> None:
        """Tell a person why nothing comes; what the clock wanted is logged alone."""
        if job.request.priority is Priority.USER:
            self._outbox.say(job.request.chat_id, TEXTS[job.request.language](key))
        self._end(job, "failed", TEXTS["en"](key))

    def _end(self, job: _Job, state: Literal["done", "failed"], reason: str = "") -> None:
        request = job.request
        self._waiting.pop(request.id, None)
        if job.delivery.is_settled:
            return
        if request.due and state == "failed":
            due = request.due.isoformat()
            about = {"chat_id": request.chat_id, "when": request.when, "due": due}
            log.warning("schedule_missed", **about, reason=reason)
        try:
            self._store.finish_request(request.id, state, self._now())
        except StoreError as error:
            log.error("store_failed", error=str(error), chat_id=request.chat_id)


def _new_job(request: Request) -> _Job:
    return _Job(Delivery(request, left=request.count), time.monotonic())


def _in_words(error: NothingToSend) -> str:
    """The key of the sentence that tells why nothing comes."""
    if isinstance(error, AllExcluded):
        return "all_excluded"
    return "nothing_to_send" if error.is_empty else "nothing_usable"
