"""What people may do and how they are answered: access, commands, buttons.

Everything slow is handed on: what talks to Stash, and what talks to Telegram. The one
thing done here and now is to store a request, so that it survives a crash.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog
from telebot import types

from ..errors import ChatGone, StoreError
from ..messages.catalogue import LANGUAGES, TEXTS, Texts, choose
from ..messages.plain_text import message
from ..models import Reply
from ..pictures.requests import RequestQueue
from ..rules.timetable import GRACE
from ..runtime.pool import Pool
from ..schedule.schedules import ChatSchedules
from ..settings.keys import TelegramSettings
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.outbox import Outbox
from ..votes.voting import Voting
from .callbacks import Presses, Reaction
from .status import StatusReports

log = structlog.get_logger()

#: In the order in which they are listed; `start` is pressed once and needs no place.
COMMANDS = ("random", "schedule", "preferences", "excluded", "stats", "status", "help")
#: How many strangers are remembered, and the seconds before one is answered again.
STRANGERS, STRANGER_PAUSE = 100, 60.0
#: Small messages waiting to go out beyond which strangers get none, not even for a press.
CROWD = 100
DICE = "🎲"

_COUNT = re.compile("0*([1-9]|10)")
_COMMAND = re.compile(r"/(?P<name>\w+)(?:@(?P<bot>\w+))?(?:\s+(?P<argument>.*))?\s*", re.DOTALL)


class Strangers:
    """How often those are answered whom we do not know. Owned by the receiver thread.

    It remembers a bounded number of them: while that many have been answered within
    the last minute, nobody else is.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered: OrderedDict[tuple[int, int], float] = OrderedDict()

    def may_answer(self, user_id: int, chat_id: int) -> bool:
        now = self._clock()
        while self._answered and next(iter(self._answered.values())) <= now - STRANGER_PAUSE:
            self._answered.popitem(last=False)
        if (user_id, chat_id) in self._answered or len(self._answered) >= STRANGERS:
            return False
        self._answered[user_id, chat_id] = now
        return True


def images_wanted(argument: str) -> int | None:
    """How many images `/random <argument>` asks for, None if that cannot be told."""
    if not argument:
        return 1
    match = _COUNT.fullmatch(argument)
    return int(match[1]) if match else None


class Bot:
    """Answers updates. Owned by the receiver thread; it makes no slow call.

    The one exception is the bot's own name, asked for once when somebody writes
    `/command@name`. When that fails, so does the update, which is then to be taken again.
    """

    def __init__(
        self,
        settings: TelegramSettings,
        store: Store,
        sender: TelegramClient,
        outbox: Outbox,
        publisher: RequestQueue,
        reports: StatusReports,
        schedules: ChatSchedules,
        voting: Voting,
        questions: Pool,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._store = store
        self._sender = sender
        self._outbox = outbox
        self._publisher = publisher
        self._reports = reports
        self._schedules = schedules
        self._voting = voting
        self._presses = Presses(publisher, schedules, voting)
        self._questions = questions
        self._now = now
        self._strangers = Strangers()
        self._name = ""

    def introduce(self) -> None:
        """Register the list of commands with Telegram, in each language."""
        fallback = "en" if self._settings.language == "auto" else self._settings.language
        for code, language in {"": fallback, **dict.fromkeys(LANGUAGES)}.items():
            texts = TEXTS[language or code]
            commands = {name: texts(f"command.{name}") for name in COMMANDS}
            self._outbox.repeat(partial(self._sender.set_commands, commands, code))

    def resume(self) -> None:
        """Take up what was accepted before the last end: requests, and votes not yet shown."""
        now = self._now()
        for request in self._store.waiting_requests():
            if request.due is None:
                self._publisher.accept(request)
            elif now - request.due <= GRACE:
                self._publisher.accept(replace(request, requested_at=now))
            else:
                self._publisher.give_up(request, "not running then")
        for picture in self._voting.latest():
            self._outbox.redraw(*picture)

    def handle(self, update: types.Update) -> None:
        """Answer one update; ones that mean nothing to us are passed over in silence.

        Raises TelegramError.
        """
        if update.message:
            self._message(update.update_id, update.message)
        elif update.callback_query:
            self._press(update.update_id, update.callback_query)
        elif update.my_chat_member:
            self._membership(update.my_chat_member)

    # Access

    def _admits(self, user: types.User, chat: types.Chat) -> bool:
        if user.id not in self._settings.allowed_users:
            return False
        return chat.type == "private" or self._is_allowed_group(chat.id)

    def _is_allowed_group(self, chat_id: int) -> bool:
        """True for the groups in the settings, and for those that grew out of them."""
        allowed = self._settings.allowed_chats
        try:
            return chat_id in allowed or self._store.moved_chats().get(chat_id) in allowed
        except StoreError as error:
            log.error("store_failed", error=str(error), chat_id=chat_id)
            return False  # rather a friend refused than a stranger served

    def _refuse(self, user: types.User, chat: types.Chat) -> None:
        if not self._strangers.may_answer(user.id, chat.id):
            return
        log.warning("access_denied", user_id=user.id, chat_id=chat.id)
        if chat.type == "private" and len(self._outbox) < CROWD:
            self._outbox.say(chat.id, self._texts(user)("refused", user_id=user.id))

    def _texts(self, user: types.User) -> Texts:
        return TEXTS[choose(self._settings.language, user.language_code)]

    def _meet(self, chat_id: int, texts: Texts) -> None:
        """Note that a chat is there, and let its orders go on if it had not been."""
        self._sender.heard_from(chat_id)
        if self._store.meet_chat(chat_id, texts.language, self._now()):
            log.info("chat_back", chat_id=chat_id)
            self._schedules.resumed()

    # Messages

    def _message(self, update_id: int, message: types.Message) -> None:
        # A message without a sender is a channel's, and those are not asked for.
        user, chat = message.from_user or types.User(0, False, ""), message.chat
        if message.migrate_to_chat_id and self._is_allowed_group(chat.id):
            self._outbox.move_chat(chat.id, message.migrate_to_chat_id)
            return
        if not self._admits(user, chat):
            self._refuse(user, chat)
            return
        texts = self._texts(user)
        try:
            self._meet(chat.id, texts)
            self._obey(update_id, message, user.id, texts)
        except StoreError as error:
            log.error("store_failed", error=str(error), chat_id=chat.id)
            self._outbox.say(chat.id, texts("cannot_answer"))

    def _obey(self, update_id: int, message: types.Message, user_id: int, texts: Texts) -> None:
        chat = message.chat
        name, argument = self._command(message)
        if name == "random":
            self._random(update_id, chat.id, user_id, argument, texts)
        elif name in ("start", "help"):
            self._outbox.say(chat.id, self._help(chat.id, texts), keyboard=texts("button.random"))
        elif name == "schedule":
            self._tell(chat.id, self._schedules.change(chat.id, argument, texts))
        elif name == "excluded":
            self._tell(chat.id, self._voting.excluded(chat.id, 0, texts))
        elif name == "preferences":
            self._ask(chat.id, texts, lambda: self._voting.preferences(chat.id, texts))
        elif name == "stats":
            self._ask(chat.id, texts, lambda: Reply(self._reports.stats(chat.id, texts)))
        elif name == "status":
            self._status(chat.id, user_id, texts)
        elif chat.type == "private":
            self._outbox.say(chat.id, texts("hint"))

    def _command(self, message: types.Message) -> tuple[str, str]:
        """The command and its argument; no command, or one for another bot, is ("", "")."""
        if message.dice and message.dice.emoji == DICE and message.chat.type == "private":
            # Telegram makes a die of a lone 🎲; in a group it is a game.
            return "random", ""
        text = message.text or ""
        if text in {texts("button.random") for texts in TEXTS.values()}:
            return "random", ""
        match = _COMMAND.fullmatch(text)
        if match is None or (match["bot"] and match["bot"].lower() != self._own_name()):
            return "", ""
        return match["name"].lower(), (match["argument"] or "").strip()

    def _own_name(self) -> str:
        self._name = self._name or self._sender.get_me().lower()
        return self._name

    def _help(self, chat_id: int, texts: Texts) -> str:
        commands = [f"/{name} – {texts(f'command.{name}')}" for name in COMMANDS]
        schedules = self._schedules.summary(chat_id, texts)
        return message([texts("welcome"), "", *commands, *schedules])

    def _random(
        self, update_id: int, chat_id: int, user_id: int, argument: str, texts: Texts
    ) -> None:
        count = images_wanted(argument)
        if count is None:
            self._outbox.say(chat_id, texts("random.usage"))
            return
        self._publisher.ask(update_id, chat_id, user_id, count=count, language=texts.language)

    def _status(self, chat_id: int, user_id: int, texts: Texts) -> None:
        if user_id == self._settings.allowed_users[0]:
            self._ask(chat_id, texts, lambda: Reply(self._reports.status(texts)))
        else:
            self._outbox.say(chat_id, texts("owner_only"))

    def _tell(self, chat_id: int, listing: Reply) -> None:
        self._outbox.say(chat_id, listing.text, rows=listing.rows)

    def _ask(self, chat_id: int, texts: Texts, question: Callable[[], Reply]) -> None:
        """Have a question answered in the background: it asks Stash, or reads much."""

        def job() -> None:
            try:
                answer = question()
            except StoreError as error:
                log.error("store_failed", error=str(error), chat_id=chat_id)
                answer = Reply(texts("cannot_answer"))
            self._tell(chat_id, answer)

        self._questions.submit(job)

    # Buttons and membership

    def _press(self, update_id: int, press: types.CallbackQuery) -> None:
        user, texts = press.from_user, self._texts(press.from_user)
        # The message is missing where we do not know the chat, and then we refuse.
        chat = press.message.chat if press.message else types.Chat(0, "unknown")
        if not self._admits(user, chat):
            if len(self._outbox) < CROWD:
                self._outbox.answer(press.id, texts("refused_button"))
            self._refuse(user, chat)
            return
        reaction = Reaction()
        try:
            self._meet(chat.id, texts)
            reaction = self._presses.take(update_id, press, texts)
        except StoreError as error:
            log.error("store_failed", error=str(error), chat_id=chat.id)
            reaction = Reaction(texts("cannot_answer"))
        self._outbox.answer(press.id, reaction.note)
        if press.message and reaction.rows is not None:
            self._outbox.redraw(chat.id, press.message.message_id, reaction.rows)
        if press.message and reaction.listing:
            self._outbox.edit(chat.id, press.message.message_id, reaction.listing)

    def _membership(self, change: types.ChatMemberUpdated) -> None:
        """Note that the bot was blocked, removed, or let in again by those who may do so."""
        chat, status = change.chat, change.new_chat_member.status
        is_ours = (
            self._admits(change.from_user, chat)
            or self._is_allowed_group(chat.id)
            or self._schedules.is_fixed_chat(chat.id)
        )
        if not is_ours:
            return
        if status in ("kicked", "left"):
            self._outbox.lose_chat(chat.id, ChatGone(status))
        elif status in ("member", "administrator"):
            try:
                self._meet(chat.id, self._texts(change.from_user))
            except StoreError as error:
                log.error("store_failed", error=str(error), chat_id=chat.id)
