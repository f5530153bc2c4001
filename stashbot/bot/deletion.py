"""Deletes the bot's pictures, and the messages that belong to them: by age, and on `/purge`.

A message stays in the database until Telegram has deleted it, so a crash in between deletes it
once more. `/purge` only marks messages: they go the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from ..errors import TelegramError, store_failures_logged
from ..messages.catalogue import TEXTS, Texts, choose
from ..messages.chat_settings import PURGE_STEPS, purge
from ..models import Reply
from ..rules.deletion import plan
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.errors import ChatGone, ChatMoved
from ..telegram.outbox import Outbox

log = structlog.get_logger()

#: Seconds between two looks for messages that are due.
PAUSE_S = 60.0


class Deletion:
    """Deletes messages. Thread-safe; its methods call Telegram, and are slow."""

    def __init__(
        self,
        *,
        store: Store,
        telegram: TelegramClient,
        outbox: Outbox,
        now: Callable[[], datetime],
    ) -> None:
        self._messages = store.messages
        self._chats = store.chats
        self._telegram = telegram
        self._outbox = outbox
        self._people = store.people
        self._now = now

    def turn(self) -> float:
        """Delete messages that are due; the seconds until the next look."""
        with store_failures_logged():
            return min((self._delete(*each) for each in self._messages.chats()), default=PAUSE_S)
        return PAUSE_S

    def answer(self, chat_id: int, topic: int, user_id: int, step: str, texts: Texts) -> Reply:
        """Answer a step of `/purge`: two questions, then the messages go. Raises StoreError."""
        try:
            may = chat_id > 0 or user_id == self._people.known.owner or step == "no"
            if not may and not self._telegram.is_administrator(chat_id, user_id):
                return self._refuse(chat_id, topic, step, texts("purge.administrators"), texts)
        except TelegramError:
            return self._refuse(chat_id, topic, step, texts("purge.unchecked"), texts)
        return self._purge(chat_id, topic, texts) if step == "yes" else purge(step, texts)

    def _refuse(self, chat_id: int, topic: int, step: str, reason: str, texts: Texts) -> Reply:
        """Say why the press has no effect; the question keeps its buttons for administrators."""
        if step == PURGE_STEPS[0]:
            return Reply(reason)
        self._outbox.say(chat_id, reason, topic=topic)
        return purge(PURGE_STEPS[PURGE_STEPS.index(step) - 1], texts)

    def _purge(self, chat_id: int, topic: int, texts: Texts) -> Reply:
        count = self._messages.discard(chat_id)
        self._delete(chat_id, texts.language, topic)
        left = len(self._messages.of(chat_id))
        key = "purge.later" if left else "purge.done" if count else "purge.nothing"
        return Reply(texts(key))

    def _delete(self, chat_id: int, language: str, topic: int = 0) -> float:
        """Delete a chat's messages that are due, until a failure; the seconds to the next try."""
        now, values = self._now(), self._chats.values(chat_id)
        due = plan(self._messages.of(chat_id), values.delete_after, now)
        if (due.batches or due.too_old) and not self._telegram.agrees(now):
            log.warning("not_deleted", chat_id=chat_id, reason="Telegram tells no such time")
            return PAUSE_S
        refused = list[int]()
        for batch in due.batches:
            # No limit counts deletions, but a pause that Telegram asked for holds for them too.
            if wait := self._telegram.take_turn(chat_id, messages=0, traffic="text"):
                return min(wait, PAUSE_S)
            try:
                self._telegram.delete(chat_id, batch)
            except TelegramError as error:
                if isinstance(error, ChatMoved):
                    self._outbox.move_chat(chat_id, error.chat_id)
                elif isinstance(error, ChatGone):
                    self._outbox.lose_chat(chat_id, error)
                elif error.permanent:
                    refused += batch
                    continue
                return PAUSE_S
            self._messages.forget(chat_id, batch)
            log.info("messages_deleted", chat_id=chat_id, messages=len(batch))
        texts = TEXTS[choose(values.language, language or None)]
        for key, ids in (("purge.refused", refused), ("purge.too_old", due.too_old)):
            if ids:
                self._outbox.say(chat_id, texts(key, n=len(ids)), topic=topic)
                self._messages.forget(chat_id, ids)
        return PAUSE_S
