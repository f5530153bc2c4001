"""Small messages out, in the background: answers, notes, the list of commands.

A message that Telegram surely did not get is tried again, with growing pauses, until it
is too old to be of use. What may have arrived is never repeated, unless repeating does
no harm.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from ..errors import ChatGone, ChatMoved, StoreError, TelegramError
from ..models import Priority, Reply, Rows
from ..runtime.pool import Job, Pool
from .client import TelegramClient

log = structlog.get_logger()

Call = Callable[[], None]

#: Seconds for which an unsent message, and the answer to a press, are of use.
USEFUL, PRESS = 900, 60
#: The same for new buttons: they are of use as long as their message is looked at.
BUTTONS = 86_400
#: Seconds before the second try; it doubles up to a minute.
PAUSE, LONGEST_PAUSE = 1.0, 60.0


class ChatStore(Protocol):
    """Where the state of chats is stored. Its methods raise StoreError."""

    def set_gone(self, chat_id: int, reason: str, now: datetime) -> None:
        """Note that the chat cannot be written to."""

    def move_chat(self, old: int, new: int, now: datetime) -> None:
        """Note that a group has become the supergroup `new`."""


class Outbox:
    """Thread-safe. Takes messages at once, and sends them when its threads come to it."""

    def __init__(
        self, sender: TelegramClient, store: ChatStore, pool: Pool, now: Callable[[], datetime]
    ) -> None:
        self._sender = sender
        self._store = store
        self._pool = pool
        self._now = now
        self._lock = threading.Lock()
        # The buttons that wait, by chat and message; there is an errand for each.
        self._redraws: defaultdict[int, dict[int, Rows]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._pool)

    def say(self, chat_id: int, text: str, *, keyboard: str = "", rows: Rows = ()) -> None:
        """Send plain text to a chat, after all that it was told before."""
        send = partial(self._sender.send_text, text=text, keyboard=keyboard, rows=rows)
        self._tell(chat_id, partial(self._say, chat_id, send))

    def edit(self, chat_id: int, message_id: int, listing: Reply) -> None:
        """Put another text and other buttons into a message of ours."""
        edit = partial(self._sender.edit_text, chat_id, message_id, listing.text, listing.rows)
        self._tell(chat_id, edit, is_harmless=True)

    def redraw(self, chat_id: int, message_id: int, rows: Rows) -> None:
        """Put other buttons under a message of ours, once nobody waits for anything else.

        Of a chat's messages that wait for it the newest comes first: it is looked at.
        """
        with self._lock:
            waiting = self._redraws[chat_id]
            is_awaited = message_id in waiting
            waiting[message_id] = rows
        if not is_awaited:
            redraw = _Redraw(waiting, self._lock, partial(self._sender.edit_buttons, chat_id))
            wait = partial(self._sender.wait_for, chat_id, Priority.BACKGROUND)
            errand = _Errand(redraw, time.monotonic() + BUTTONS, is_harmless=True, wait=wait)
            self._pool.submit(errand, lane=("buttons", chat_id), priority=Priority.BACKGROUND)

    def answer(self, press_id: str, text: str = "") -> None:
        """End the spinning of a pressed button."""
        self.repeat(lambda: self._sender.answer(press_id, text), PRESS)

    def repeat(self, call: Call, patience: float = USEFUL) -> None:
        """Make a call that does no harm when it is made twice, until it succeeds once."""
        self._pool.submit(_Errand(call, time.monotonic() + patience, is_harmless=True))

    def later(self, job: Job, delay: float) -> None:
        """Do something in `delay` seconds; it should take no time."""
        self._pool.submit(job, delay)

    def lose_chat(self, chat_id: int, error: ChatGone) -> None:
        """Remember that nothing can be sent to this chat until it writes again."""
        with _logged_trouble(chat_id):
            self._store.set_gone(chat_id, str(error), self._now())
        log.warning("chat_gone", chat_id=chat_id, error=str(error))

    def move_chat(self, chat_id: int, new_id: int) -> None:
        """Remember that a group has become a supergroup with another id."""
        with _logged_trouble(chat_id):
            self._store.move_chat(chat_id, new_id, self._now())
        log.warning("chat_moved", chat_id=chat_id, new_id=new_id)

    def _tell(self, chat_id: int, call: Call, *, is_harmless: bool = False) -> None:
        wait = partial(self._sender.wait_for, chat_id, Priority.USER)
        errand = _Errand(call, time.monotonic() + USEFUL, is_harmless=is_harmless, wait=wait)
        self._pool.submit(errand, lane=chat_id)

    def _say(self, chat_id: int, send: Callable[[int], None]) -> None:
        try:
            send(chat_id)
        except ChatMoved as moved:
            self.move_chat(chat_id, moved.chat_id)
            send(moved.chat_id)
        except ChatGone as error:
            self.lose_chat(chat_id, error)


@dataclass
class _Redraw:
    """Draws the buttons of one message: of those that wait by then, the newest."""

    waiting: dict[int, Rows]
    lock: threading.Lock
    draw: Callable[[int, Rows], None]
    chosen: tuple[int, Rows] | None = None

    def __call__(self) -> None:
        if self.chosen is None:
            with self.lock:
                newest = max(self.waiting)
                self.chosen = newest, self.waiting.pop(newest)
        self.draw(*self.chosen)


@dataclass
class _Errand:
    """A call that is made until it succeeds once, or fails for good. A job of one lane.

    `wait` tells how long it is not yet its turn.
    """

    call: Call
    deadline: float
    is_harmless: bool
    wait: Callable[[], float] = float  # which is 0.0
    pause: float = PAUSE

    def __call__(self) -> float | None:
        # When it is too late the sender itself refuses, and the message is lost.
        if (wait := self.wait()) and time.monotonic() < self.deadline:
            return wait
        try:
            self.call()
        except TelegramError as error:
            lost = error.permanent or (error.maybe_sent and not self.is_harmless)
            if not lost and time.monotonic() < self.deadline:
                pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
                return error.retry_after or pause
            log.warning("message_lost", error=str(error), maybe_sent=error.maybe_sent)
        return None


@contextmanager
def _logged_trouble(chat_id: int) -> Iterator[None]:
    """Say what is wrong with the database, and go on: Telegram will tell us once more."""
    try:
        yield
    except StoreError as error:
        log.error("store_failed", error=str(error), chat_id=chat_id)
