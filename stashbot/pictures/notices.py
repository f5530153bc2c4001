"""The words of a request for its user: that it takes longer, or why no picture comes."""

from __future__ import annotations

import threading
import time
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from ..errors import (
    NothingReason,
    NothingToSend,
    StashbotError,
    StashError,
    StashProblem,
    StoreError,
    store_failures_logged,
)
from ..messages import sources as words
from ..messages.catalogue import TEXTS, Texts, calendar_day, choose, recurring
from ..messages.labels import shortened
from ..messages.plain_text import cleaned
from ..models import LIBRARY, Priority, Reply, Request
from ..rules.sources import MOST_PICTURES
from ..rules.when.reading import recurrence
from ..settings.keys import Settings
from ..stash.client import StashClient
from ..store.store import Store
from ..telegram.errors import PicturesForbidden
from ..telegram.outbox import Outbox
from .delivery import Serving
from .sources.errors import NoSource, SourceProblem

log = structlog.get_logger()

#: The user sees that a picture is on its way when it is not out after this time.
ACTION_AFTER_S = 0.5
#: Telegram shows a chat action for five seconds.
ACTION_AGAIN_S = 4.5
#: A user does not look at the chat for longer.
ACTION_LIMIT_S = 60.0
#: The user is told that the picture takes longer when it is not being uploaded after this time.
SLOW_AFTER_S = 4.0
#: Stash is said not to answer when an answer is outstanding for longer.
SILENT_AFTER_S = 1.5
#: The owner hears once in this time about the same trouble.
OWNER_PAUSE_S = 86_400.0
#: Characters of a name in a sentence.
NAME = 60


class Notices:
    """Tells users about their requests. Thread-safe."""

    def __init__(
        self, *, store: Store, outbox: Outbox, stash: StashClient, settings: Settings
    ) -> None:
        self._chats = store.chats
        self.outbox = outbox
        self._people = store.people
        self._stash = stash
        self._settings = settings
        self._lock = threading.Lock()
        self._told_at: dict[tuple[object, ...], float] = {}

    def watch(self, serving: Serving) -> None:
        """Show and say, at the right times, that the pictures of a request are on their way."""
        self.outbox.later(partial(self._show_action, serving), ACTION_AFTER_S)
        self.outbox.later(partial(self._tell_if_slow, serving), SLOW_AFTER_S)

    def tell_of_limit(self, serving: Serving) -> None:
        """Say that a request has no more pictures than it has."""
        texts = TEXTS[serving.request.language]
        self.outbox.say(serving.request.chat_id, texts("random.at_most", n=MOST_PICTURES))

    def refuse(self, serving: Serving, error: StashbotError) -> None:
        """Tell the user why no picture comes; a schedule's failure is for log and owner."""
        request = serving.request
        event = "request_failed"
        if isinstance(error, NothingToSend):
            event = "nothing_to_send"
        elif isinstance(error, StoreError):
            event = "store_failed"
        is_answer = _is_answer(error, serving.source) and request.priority is Priority.USER
        (log.info if is_answer else log.error)(event, error=str(error), chat_id=request.chat_id)
        if request.priority is Priority.USER:
            texts, zone = TEXTS[request.language], self._zone(request.chat_id)
            reply = self.answer(error, request.count, texts, serving.source, zone)
            self.outbox.say(request.chat_id, reply.text, rows=reply.rows)
        elif isinstance(error, NoSource):
            texts, times = self._owner_texts(request), recurrence(request.when)
            reason = self.answer(error, 1, texts).text
            when = recurring(times, texts) if times else request.when
            self._tell_owner(request, "schedule.no_source", when=when, reason=reason)
        if isinstance(error, NothingToSend) and error.reason is NothingReason.DISK_FULL:
            self._tell_owner(request, "owner_disk_full")

    def answer(
        self,
        error: StashbotError,
        count: int,
        texts: Texts,
        source: str = "",
        zone: ZoneInfo | None = None,
    ) -> Reply:
        """The words for an error; `source` is the key of the source that was asked."""
        match error:
            case NoSource():
                return _no_source(error, count, texts)
            case NothingToSend(reason=NothingReason.NOTHING_NEW, since=since) if since:
                day = calendar_day(since.astimezone(zone or self._settings.timezone), texts)
                return Reply(texts("source.nothing_new_since", date=day))
            case NothingToSend(reason=NothingReason.EMPTY) if source not in (
                "",
                LIBRARY.source.key,
            ):
                return Reply(texts("source.empty"))
            case NothingToSend():
                return Reply(texts(error.reason))
            case PicturesForbidden():
                return Reply(texts("pictures_forbidden"))
            case StoreError():
                return Reply(texts("cannot_answer"))
            case StashError():
                return Reply(texts(f"stash.{error.problem}", version=error.version))
        return Reply(texts("gave_up"))

    def _tell_owner(self, request: Request, key: str, **values: str) -> None:
        """Tell the owner, once a day, about trouble that only the owner can mend."""
        owner, now = self._people.known.owner, time.monotonic()
        if owner is None or (request.chat_id == owner and request.priority is Priority.USER):
            return  # the answer has said it
        about = (key, *((request.chat_id, request.source) if values else ()))
        with self._lock:
            told_at = self._told_at.get(about)
            if told_at is not None and now - told_at < OWNER_PAUSE_S:
                return
            self._told_at[about] = now
        self.outbox.say(owner, self._owner_texts(request)(key, **values))

    def _zone(self, chat_id: int) -> ZoneInfo:
        with store_failures_logged(chat_id=chat_id):
            return self._chats.values(chat_id).timezone
        return self._settings.timezone

    def _owner_texts(self, request: Request) -> Texts:
        return TEXTS[choose(self._settings.telegram.language, request.language)]

    def _show_action(self, serving: Serving) -> float | None:
        """Show in the chat that a picture is on its way, for a minute at most."""
        age = time.monotonic() - serving.accepted_at
        if serving.is_over or age > ACTION_LIMIT_S:
            return None
        if not self._stash.outage.error:
            self.outbox.show_uploading(serving.request.chat_id)
        return ACTION_AGAIN_S

    def _tell_if_slow(self, serving: Serving) -> float | None:
        """Say that the picture takes longer, and why as far as is known."""
        if serving.is_over or serving.is_uploading:
            return None
        if (early := serving.accepted_at + SLOW_AFTER_S - time.monotonic()) > 0:
            return early  # the pool was hurried
        texts = TEXTS[serving.request.language]
        error = self._stash.outage.error or serving.stash_error
        if isinstance(error, StashError):
            reason = texts(f"stash.{error.problem}", version=error.version)
        elif self._stash.silent_for() > SILENT_AFTER_S:
            reason = texts(f"stash.{StashProblem.SLOW}")
        else:
            reason = texts("takes_longer")
        follows = texts("picture_follows", n=serving.left)
        self.outbox.say(serving.request.chat_id, f"{reason} {follows}")
        return None


def _is_answer(error: StashbotError, source: str) -> bool:
    """Whether an error is an ordinary answer to the request, and no trouble."""
    if not isinstance(error, NothingToSend):
        return isinstance(error, NoSource)
    is_library = source in ("", LIBRARY.source.key)
    is_empty = error.reason is NothingReason.EMPTY and not is_library
    return is_empty or error.reason is NothingReason.NOTHING_NEW


def _no_source(error: NoSource, count: int, texts: Texts) -> Reply:
    """Why a source cannot be used, with a button for each that may be meant."""
    name = shortened(cleaned(error.name), NAME)
    key = f"source.{error.problem}"
    if error.problem is SourceProblem.HIDDEN:
        [source] = error.options
        return Reply(texts(key, name=words.label(source, texts)), words.hidden(source, texts))
    text = texts(key, name=name, criterion=error.criterion)
    if error.options:
        text = f"{text} {texts(f'source.options_{error.problem}')}"
    elif error.problem is SourceProblem.UNKNOWN:
        text = f"{text} {texts('source.usage')}"
    return Reply(text, words.options(error.options, count, texts))
