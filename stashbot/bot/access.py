"""Which users and chats the bot serves, and how often it answers strangers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from telebot import types

from ..errors import store_failures_logged
from ..messages.catalogue import TEXTS, Texts, choose
from ..schedule.schedules import ChatSchedules
from ..settings.keys import TelegramSettings
from ..store.store import Store
from ..telegram.client import TelegramClient

log = structlog.get_logger()

#: The bot answers so many strangers within this time, and each of them once.
MOST_STRANGERS = 100
STRANGER_PAUSE_S = 60.0


class Strangers:
    """Limits the answers to strangers. Owned by the receiver thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered: dict[tuple[int, int], float] = {}

    def may_answer(self, user_id: int, chat_id: int) -> bool:
        """Tell whether to answer this stranger now, and remember the answer."""
        now, stranger = self._clock(), (user_id, chat_id)
        recent = {key: at for key, at in self._answered.items() if at > now - STRANGER_PAUSE_S}
        may = stranger not in recent and len(recent) < MOST_STRANGERS
        self._answered = recent | {stranger: now} if may else recent
        return may


class Access:
    """Decides which updates count. Owned by the receiver thread; it makes no slow call."""

    def __init__(
        self,
        *,
        settings: TelegramSettings,
        store: Store,
        telegram: TelegramClient,
        schedules: ChatSchedules,
        now: Callable[[], datetime],
    ) -> None:
        self.strangers = Strangers()
        self._settings = settings
        self._store = store
        self._telegram = telegram
        self._schedules = schedules
        self._now = now

    def admits(self, user: types.User, chat: types.Chat) -> bool:
        if user.id not in self._settings.allowed_users:
            return False
        return chat.type == "private" or self.is_allowed_group(chat.id)

    def is_allowed_group(self, chat_id: int) -> bool:
        """Tell whether a group stands in the settings, or was one of these before it moved."""
        allowed = self._settings.allowed_chats
        with store_failures_logged(chat_id=chat_id):
            return chat_id in allowed or self._store.chats.moved_chats().get(chat_id) in allowed
        return False  # better to refuse a friend than to serve a stranger

    def is_owner(self, user_id: int) -> bool:
        return user_id == self._settings.allowed_users[0]

    def is_for_us(self, name: str, chat: types.Chat) -> bool:
        """Tell whether a command to the bot `name` is for this bot.

        Until the own name is known, a group's command counts as another bot's.
        """
        own_name = self._telegram.name
        return name.lower() == own_name.lower() if own_name else chat.type == "private"

    def texts(self, user: types.User) -> Texts:
        """Return the texts in the language of the settings, else in the user's own."""
        return TEXTS[choose(self._settings.language, user.language_code)]

    def meet(self, chat_id: int, texts: Texts) -> None:
        """Note that a chat can be written to, and resume its schedules. Raises StoreError."""
        if self._store.chats.meet_chat(chat_id, texts.language, self._now()):
            log.info("chat_back", chat_id=chat_id)
            self._schedules.changed()
