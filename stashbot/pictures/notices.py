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
#: The owner hears once in this time about the same schedule.
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
        self._schedules = store.schedules
        self.stash = stash
        self.settings = settings
        self._lock = threading.Lock()
        self._told_at: dict[tuple[int, str], float] = {}
        self._done_at: dict[int, float] = {}  # when each chat's last request was done

    def watch(self, serving: Serving) -> None:
        """Show and say, at the right times, that the pictures of a request are on their way."""
        self.outbox.later(partial(self._show_action, serving), ACTION_AFTER_S)
        self.outbox.later(partial(self._tell_if_slow, serving), SLOW_AFTER_S)

    def note_done(self, chat_id: int) -> None:
        """Note that a request of a chat is done: those behind it are getting on."""
        self._done_at[chat_id] = time.monotonic()

    def tell_of_limit(self, serving: Serving) -> None:
        """Say that a request has no more pictures than it has."""
        request = serving.request
        text = TEXTS[request.language]("random.at_most", n=MOST_PICTURES)
        self.outbox.say(request.chat_id, text, topic=request.topic)

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
            texts, chat_id = TEXTS[request.language], request.chat_id
            reply = self.answer(error, request.count, texts, chat_id, serving.source)
            self.outbox.say(chat_id, reply.text, rows=reply.rows, topic=request.topic)
            return
        # A missing source is no miss for the alert: the owner gets a sentence of its own below.
        is_served = _is_answer(error, serving.source)
        self._schedules.was_served[request.chat_id, request.when] = is_served
        if isinstance(error, NoSource):
            self._tell_owner(request, error)

    def answer(
        self,
        error: StashbotError,
        count: int,
        texts: Texts,
        chat_id: int,
        source: str = "",
    ) -> Reply:
        """The words for an error in a chat; `source` is the key of the source that was asked."""
        match error:
            case NoSource():
                return _no_source(error, count, texts)
            case NothingToSend(reason=NothingReason.NOTHING_NEW, since=since) if since:
                day = calendar_day(since.astimezone(self._zone(chat_id)), texts)
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
                return Reply(self.stash_words(error, chat_id, texts))
        return Reply(texts("gave_up"))

    def stash_words(self, error: StashError, chat_id: int, texts: Texts) -> str:
        """Why Stash cannot serve. The owner reads the remedy, others that the owner hears of it."""
        problem, owner = error.problem, self._people.known.owner
        fact = texts(f"stash.{problem}", version=error.version)
        if chat_id == owner:  # a private chat has its user's id
            return f"{fact} {self.settings.located(texts(f'stash.remedy.{problem}'))}"
        if owner is None or not self.settings.telegram.alerts:
            return f"{fact} {texts('owner.unaware')}"
        return f"{fact} {texts('owner.told' if problem.needs_owner else 'owner.later')}"

    def _tell_owner(self, request: Request, error: NoSource) -> None:
        """Tell the owner, once a day, about a schedule whose source cannot be used."""
        owner, now = self._people.known.owner, time.monotonic()
        if owner is None or not self.settings.telegram.alerts:
            return
        about = (request.chat_id, request.source)
        with self._lock:
            told_at = self._told_at.get(about)
            if told_at is not None and now - told_at < OWNER_PAUSE_S:
                return
            self._told_at[about] = now
        texts, times = self._owner_texts(owner), recurrence(request.when)
        when = recurring(times, texts) if times else request.when
        reason = self.answer(error, 1, texts, owner).text
        self.outbox.say(owner, texts("schedule.no_source", when=when, reason=reason))

    def _zone(self, chat_id: int) -> ZoneInfo:
        with store_failures_logged(chat_id=chat_id):
            return self._chats.values(chat_id).timezone
        return self.settings.timezone

    def _owner_texts(self, owner: int) -> Texts:
        with store_failures_logged(chat_id=owner):
            setting = self._chats.values(owner).language
            return TEXTS[choose(setting, self._chats.language(owner) or None)]
        return TEXTS[choose(self.settings.telegram.language, None)]

    def _show_action(self, serving: Serving) -> float | None:
        """Show in the chat that a picture is on its way, for a minute at most."""
        age = time.monotonic() - serving.accepted_at
        if serving.is_over or age > ACTION_LIMIT_S:
            return None
        if not self.stash.outage.error:
            self.outbox.show_uploading(serving.request.chat_id, serving.request.topic)
        return ACTION_AGAIN_S

    def _tell_if_slow(self, serving: Serving) -> float | None:
        """Say that the picture takes longer, and why as far as is known."""
        if serving.is_over or serving.is_uploading:
            return None
        if (early := serving.accepted_at + SLOW_AFTER_S - time.monotonic()) > 0:
            return early  # the pool was hurried
        request = serving.request
        texts = TEXTS[request.language]
        error = self.stash.outage.error or serving.stash_error
        if isinstance(error, StashError):
            reason = self.stash_words(error, serving.request.chat_id, texts)
        elif self.stash.silent_for() > SILENT_AFTER_S:
            reason = texts(f"stash.{StashProblem.SLOW}")
        else:
            since = self._done_at.get(request.chat_id, serving.accepted_at)
            if (early := since + SLOW_AFTER_S - time.monotonic()) > 0:
                return early
            reason = texts("takes_longer")
        follows = texts("picture_follows", n=serving.left)
        self.outbox.say(request.chat_id, f"{reason} {follows}", topic=request.topic)
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
