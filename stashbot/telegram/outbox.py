"""Sends texts and edits in the background, and keeps the state of the chats.

A message that Telegram surely did not get is tried again, with growing pauses, until it
is too old. A text that may have arrived is sent once more: twice is better than not at all.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from ..errors import TelegramError, store_failures_logged
from ..models import Priority, Reply, Rows
from ..runtime.backoff import Backoff
from ..runtime.pool import Job, Pool
from .client import TelegramClient
from .errors import ChatGone, ChatMoved
from .rate_limit import Traffic

log = structlog.get_logger()

Call = Callable[[], object]

#: A text that is not sent by then is dropped.
TEXT_LIFE_S = 900.0
#: Telegram takes no answer to an older callback query.
PRESS_LIFE_S = 60.0
#: New buttons are of use as long as a user looks at their message.
EDIT_LIFE_S = 86_400.0
#: A small call waits no longer, whatever Telegram asks for.
LONGEST_WAIT_S = 300.0


class ChatStore(Protocol):
    """Stores that a chat cannot be written to, or has moved. Its methods raise StoreError."""

    def set_gone(self, chat_id: int, reason: str, now: datetime) -> None: ...
    def move_chat(self, old: int, new: int, now: datetime) -> None: ...


class MessageStore(Protocol):
    """Stores the messages that belong to pictures. Its methods raise StoreError."""

    def add(self, chat_id: int, message_id: int, now: datetime) -> None: ...


class Stores(Protocol):
    """The stores that the outbox needs."""

    @property
    def chats(self) -> ChatStore: ...
    @property
    def messages(self) -> MessageStore: ...


class Outbox:
    """Accepts messages at once, and sends them in the threads of its pools. Thread-safe.

    `answers` sends; `questions` computes the replies that need Stash or much reading.
    """

    def __init__(
        self,
        *,
        telegram: TelegramClient,
        store: Stores,
        answers: Pool,
        questions: Pool,
        now: Callable[[], datetime],
    ) -> None:
        self._telegram = telegram
        self._chats = store.chats
        self._messages = store.messages
        self._answers = answers
        self._questions = questions
        self._now = now
        self._lock = threading.Lock()
        # The last edit of each message that waits for one, by chat and message.
        self._edits: dict[int, dict[int, _Errand]] = {}

    def __len__(self) -> int:
        """Return how many messages and small calls wait."""
        return len(self._answers)

    # Messages

    def say(
        self,
        chat_id: int,
        text: str,
        *,
        keyboard: str = "",
        rows: Rows = (),
        reply_to: int | None = None,
        is_html: bool = False,
        is_about_pictures: bool = False,
        topic: int = 0,
    ) -> None:
        """Send a text to a chat, or to a forum topic in it, after the texts before it.

        A text about pictures is deleted with them; so is a reply to one.
        """
        send = partial(
            self._telegram.send_text,
            text=text,
            keyboard=keyboard,
            rows=rows,
            reply_to=reply_to,
            is_html=is_html,
            topic=topic,
        )
        is_noted = is_about_pictures or reply_to is not None
        self.send(chat_id, partial(self._send_noted, send) if is_noted else send)

    def send(self, chat_id: int, send: Callable[[int], object]) -> None:
        """Make the call that sends a text to a chat by its id, after the texts before it."""
        self._submit_text(chat_id, partial(self._say, chat_id, send))

    def note(self, chat_id: int, message_id: int) -> None:
        """Remember that a message belongs to a picture, and is deleted with it."""
        with store_failures_logged(chat_id=chat_id):
            self._messages.add(chat_id, message_id, self._now())

    def _send_noted(self, send: Callable[[int], int], chat_id: int) -> None:
        self.note(chat_id, send(chat_id))

    def say_to_stranger(self, chat_id: int, text: str) -> None:
        """Send plain text, and store nothing about the chat if it refuses."""
        self._submit_text(chat_id, partial(self._telegram.send_text, chat_id, text))

    def reply(
        self,
        chat_id: int,
        compute: Callable[[], Reply],
        trouble: str,
        reply_to: int | None = None,
        *,
        edits: int | None = None,
        topic: int = 0,
    ) -> None:
        """Send the reply that `compute` returns, or `trouble` if it raises StoreError.

        It takes the place of the message that it `edits`, if there is one.
        """

        def job() -> None:
            reply = Reply(trouble)
            with store_failures_logged(chat_id=chat_id):
                reply = compute()
            if edits:
                self.edit(chat_id, edits, reply)
                return
            self.say(
                chat_id,
                reply.text,
                rows=reply.rows,
                reply_to=reply_to,
                is_html=reply.is_html,
                is_about_pictures=reply.is_about_pictures,
                topic=topic,
            )

        self._questions.submit(job)

    def edit(self, chat_id: int, message_id: int, reply: Reply) -> None:
        edit = partial(self._telegram.edit_text, chat_id, message_id, reply)
        self._submit_edit(chat_id, message_id, edit)

    def redraw(self, chat_id: int, message_id: int, rows: Rows, caption: str | None = None) -> None:
        """Replace the buttons of a message and, if there is one, the caption in the same edit."""
        edit = partial(self._telegram.edit_buttons, chat_id, message_id, rows)
        if caption is not None:
            edit = partial(self._telegram.edit_caption, chat_id, message_id, caption, rows)
        self._submit_edit(chat_id, message_id, edit)

    def _submit_edit(self, chat_id: int, message_id: int, edit: Call) -> None:
        """Submit the last edit of a message, in place of an edit of it that still waits."""
        errand = _Errand(partial(self._in_turn, chat_id, "edit", edit), EDIT_LIFE_S)
        with self._lock:
            waiting = self._edits.setdefault(chat_id, {})
            is_new = message_id not in waiting
            waiting[message_id] = errand
        if is_new:
            job = partial(self._edit_newest, waiting)
            # The low priority keeps one thread free for texts, even if edits hang.
            self._answers.submit(job, lane=("edits", chat_id), priority=Priority.BACKGROUND)

    def _edit_newest(self, waiting: dict[int, _Errand]) -> float | None:
        """Edit a chat's newest message that waits for it: the user looks at that one."""
        with self._lock:
            if not waiting:
                return None
            message_id = max(waiting)
            errand = waiting.pop(message_id)
        pause = errand()
        if pause is not None:
            with self._lock:
                waiting.setdefault(message_id, errand)  # unless a later edit has come
        return pause

    def _submit_text(self, chat_id: int, call: Call) -> None:
        attempt = partial(self._in_turn, chat_id, "text", call)
        self._answers.submit(_Errand(attempt, TEXT_LIFE_S, repeats=1), lane=chat_id)

    def _in_turn(self, chat_id: int, traffic: Traffic, call: Call) -> None:
        """Make a call; TelegramError if it has to wait for the rate limit first."""
        if wait := self._telegram.take_turn(chat_id, traffic=traffic):
            raise TelegramError("the rate limit", retry_after=wait)
        call()

    # Small calls

    def answer(self, press_id: str, text: str = "") -> None:
        self.repeat(partial(self._telegram.answer, press_id, text), PRESS_LIFE_S)

    def repeat(self, call: Call, life_s: float = math.inf) -> None:
        """Make a call that is harmless if repeated, until it succeeds or is so old."""
        self._answers.submit(_Errand(call, life_s))

    def show_uploading(self, chat_id: int, topic: int) -> None:
        """Show for five seconds that a picture is on its way."""
        self.repeat(partial(self._telegram.send_chat_action, chat_id, "upload_photo", topic), 0.0)

    def later(self, job: Job, delay: float) -> None:
        self._answers.submit(job, delay)

    # Chats

    def lose_chat(self, chat_id: int, error: ChatGone) -> None:
        """Remember that the bot cannot write to a chat until it writes again."""
        with store_failures_logged(chat_id=chat_id):  # the next refusal tells the same
            self._chats.set_gone(chat_id, str(error), self._now())
        log.warning("chat_gone", chat_id=chat_id, error=str(error))

    def move_chat(self, chat_id: int, new_id: int) -> None:
        """Remember that a group has become a supergroup with another id."""
        with store_failures_logged(chat_id=chat_id):
            self._chats.move_chat(chat_id, new_id, self._now())
        log.warning("chat_moved", chat_id=chat_id, new_id=new_id)

    def _say(self, chat_id: int, send: Callable[[int], object]) -> None:
        try:
            send(chat_id)
        except ChatMoved as moved:
            self.move_chat(chat_id, moved.chat_id)
            send(moved.chat_id)
        except ChatGone as error:
            self.lose_chat(chat_id, error)


@dataclass
class _Errand:
    """A job that makes a call until it succeeds, fails for good, or is `life_s` old.

    It repeats the call after at most `repeats` failures that leave open whether it arrived.
    """

    call: Call
    life_s: float
    repeats: float = math.inf
    began: float = field(default_factory=time.monotonic)
    backoff: Backoff = field(default_factory=Backoff)

    def __call__(self) -> float | None:
        try:
            self.call()
        except TelegramError as error:
            self.repeats -= error.maybe_sent
            is_final = error.permanent or self.repeats < 0
            if not is_final and time.monotonic() - self.began <= self.life_s:
                return min(error.retry_after or self.backoff.next(), LONGEST_WAIT_S)
            log.warning("message_lost", error=str(error), maybe_sent=error.maybe_sent)
        return None
