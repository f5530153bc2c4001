"""Which users and chats the bot serves, and how often it answers strangers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from telebot import types

from ..errors import store_failures_logged
from ..messages.catalogue import TEXTS, Texts, choose
from ..models import Request
from ..pictures.requests import RequestQueue
from ..rules.access import People
from ..schedule.schedules import ChatSchedules
from ..settings.keys import TelegramSettings
from ..store.store import Store
from ..telegram import commands
from ..telegram.client import TelegramClient
from ..telegram.outbox import Outbox
from .pairing import Pairing
from .people import PeopleRequests

log = structlog.get_logger()

#: While so many messages wait, strangers get no answer, not even to a press.
MOST_WAITING = 100
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
        outbox: Outbox,
        requests: RequestQueue,
        now: Callable[[], datetime],
    ) -> None:
        self.strangers = Strangers()
        self.pairing = Pairing(store.people, telegram)
        self.people = PeopleRequests(
            store=store,
            outbox=outbox,
            schedules=schedules,
            requests=requests,
            now=now,
        )
        self._settings = settings
        self._store = store
        self._telegram = telegram
        self._outbox = outbox
        self._schedules = schedules
        self._now = now

    def introduce(self) -> None:
        """Learn the bot's name, and register its commands. Any thread may call it."""
        self._outbox.repeat(self._telegram.get_me)
        commands.register(self._telegram, self._outbox, self._settings.language)
        for user_id in (self._known.owner, self._store.people.former_owner):
            if user_id is not None:
                self.show_commands(user_id)

    def show_commands(self, user_id: int) -> None:
        """Have Telegram list the owner's commands in the owner's chat, not in a former owner's."""
        language, is_owner = self._settings.language, self.is_owner(user_id)
        commands.register_user(self._telegram, self._outbox, language, user_id, is_owner=is_owner)

    def make_owner(self, user: types.User, texts: Texts) -> None:
        """Make a user the owner: the code has come from that user. Raises StoreError."""
        self.people.make_owner(user, texts)
        self.show_commands(user.id)

    def admits(self, user: types.User, chat: types.Chat) -> bool:
        return self.allows(user.id, user.id if chat.type == "private" else chat.id)

    def allows(self, user_id: int, chat_id: int) -> bool:
        """Tell whether a user may use the bot in a group, or in the private chat of that id."""
        return self._known.has(user_id) and self.is_allowed_group(chat_id)

    def serves(self, request: Request) -> bool:
        """Tell whether a stored request may still be served."""
        chat_id = request.chat_id
        if request.due is None:
            return self.allows(request.user_id, chat_id)
        # Only private chats have schedules of their own.
        is_fixed = chat_id < 0 or self._schedules.is_fixed_chat(chat_id)
        return is_fixed or self._known.has(chat_id)

    def is_allowed_group(self, chat_id: int) -> bool:
        """Tell whether a group is allowed, or was before it moved."""
        if self._known.has(chat_id):
            return True
        with store_failures_logged(chat_id=chat_id):
            old_id = self._store.chats.moved_chats().get(chat_id)
            return old_id is not None and self._known.has(old_id)
        return False  # better to refuse a friend than to serve a stranger

    def is_known_group(self, chat_id: int) -> bool:
        """Tell whether a group is allowed, or the owner was asked about it."""
        return self._known.find(chat_id) is not None or self.is_allowed_group(chat_id)

    def is_owner(self, user_id: int) -> bool:
        return user_id == self._known.owner

    def refuse(self, user: types.User, chat: types.Chat, *, is_asking: bool = False) -> None:
        """Tell a stranger in private that the bot is private, and ask the owner."""
        if not self.strangers.may_answer(user.id, chat.id):
            return
        log.warning("access_denied", user_id=user.id, chat_id=chat.id)
        if chat.type == "private" and len(self._outbox) < MOST_WAITING:
            is_asked = is_asking and self.consider(user, user)
            text = self.texts(user)("owner_asked" if is_asked else "refused")
            self._outbox.say_to_stranger(chat.id, text)

    def consider(self, user: types.User, chat: types.User | types.Chat) -> bool:
        """Ask the owner about a stranger, or a group that an allowed user added the bot to.

        Returns whether the request reaches the owner.
        """
        if user.is_bot or (chat.id != user.id and not self._known.has(user.id)):
            return False
        with store_failures_logged(chat_id=chat.id):
            return self.people.ask(chat)
        return False

    @property
    def _known(self) -> People:
        return self._store.people.known

    def is_for_us(self, name: str, chat: types.Chat) -> bool:
        """Tell whether a command to the bot `name` is for this bot.

        Until the own name is known, a group's command counts as another bot's.
        """
        own_name = self._telegram.name
        return name.lower() == own_name.lower() if own_name else chat.type == "private"

    def texts(self, user: types.User) -> Texts:
        """Return the texts in the language of the settings, else in the user's own."""
        return TEXTS[choose(self._settings.language, user.language_code)]

    def meet(self, chat_id: int, user: types.User) -> Texts:
        """Note that a chat can be written to, and resume its schedules. Raises StoreError.

        Returns the texts in the language of the chat, else in the user's own.
        """
        own = choose("auto", user.language_code)
        values, was_gone = self._store.chats.meet_chat(chat_id, own, self._now())
        if was_gone:
            log.info("chat_back", chat_id=chat_id)
            self._schedules.changed()
        return TEXTS[choose(values.language, user.language_code)]
