"""Answers updates: commands, buttons, and changes of the bot's membership.

Slow work runs elsewhere: Stash is asked and Telegram is called in other threads. Only the
database is used at once, so that a request survives a crash.
"""

from __future__ import annotations

import re

import structlog
from telebot import types

from ..errors import store_failures_logged
from ..messages.catalogue import TEXTS, Texts
from ..messages.plain_text import message
from ..models import Reply
from ..pictures.requests import RequestQueue
from ..schedule.schedules import ChatSchedules
from ..telegram.errors import ChatGone
from ..telegram.outbox import Outbox
from ..votes.voting import Voting
from .access import Access
from .callbacks import Callbacks
from .status import StatusReports

log = structlog.get_logger()

#: In the order of Telegram's list; `start` is a button there and needs no entry.
COMMANDS = ("random", "schedule", "preferences", "excluded", "stats", "status", "help")
#: While so many messages wait, strangers get no answer, not even to a press.
MOST_WAITING = 100
DICE = "🎲"

_COUNT = re.compile("0*([1-9]|10)")
_COMMAND = re.compile(r"/(?P<name>\w+)(?:@(?P<bot>\w+))?(?:\s+(?P<argument>.*))?\s*", re.DOTALL)


def image_count(argument: str) -> int | None:
    """Return the number of images in `/random <argument>`, None if it is not 1 to 10."""
    if not argument:
        return 1
    match = _COUNT.fullmatch(argument)
    return int(match[1]) if match else None


class Bot:
    """Answers updates. Owned by the receiver thread; it makes no slow call."""

    def __init__(
        self,
        *,
        access: Access,
        outbox: Outbox,
        requests: RequestQueue,
        reports: StatusReports,
        schedules: ChatSchedules,
        voting: Voting,
    ) -> None:
        self._access = access
        self._outbox = outbox
        self._requests = requests
        self._reports = reports
        self._schedules = schedules
        self._voting = voting
        self._callbacks = Callbacks(outbox, requests, schedules, voting)

    def handle(self, update: types.Update) -> None:
        if update.message:
            self._message(update.update_id, update.message)
        elif update.callback_query:
            self._press(update.update_id, update.callback_query)
        elif update.my_chat_member:
            self._membership(update.my_chat_member)

    # Updates

    def _message(self, update_id: int, message: types.Message) -> None:
        # A message without a sender comes from a channel, and the bot does not ask for those.
        user, chat = message.from_user or types.User(0, False, ""), message.chat
        if message.migrate_to_chat_id and self._access.is_allowed_group(chat.id):
            self._outbox.move_chat(chat.id, message.migrate_to_chat_id)
            return
        if not self._access.admits(user, chat):
            self._refuse(user, chat)
            return
        texts = self._access.texts(user)
        with store_failures_logged(chat_id=chat.id):
            self._access.meet(chat.id, texts)
            self._obey(update_id, message, user.id, texts)
            return
        self._outbox.say(chat.id, texts("cannot_answer"))

    def _press(self, update_id: int, press: types.CallbackQuery) -> None:
        user, texts = press.from_user, self._access.texts(press.from_user)
        # Without its message the chat of a press is unknown, and the press is refused.
        chat = press.message.chat if press.message else types.Chat(0, "unknown")
        if not self._access.admits(user, chat):
            if len(self._outbox) < MOST_WAITING:
                self._outbox.answer(press.id, texts("refused_button"))
            self._refuse(user, chat)
            return
        note = texts("cannot_answer")
        with store_failures_logged(chat_id=chat.id):
            self._access.meet(chat.id, texts)
            note = self._callbacks.handle(update_id, press, texts)
        self._outbox.answer(press.id, note)

    def _membership(self, change: types.ChatMemberUpdated) -> None:
        """Note that the bot was blocked or removed, or that it is back."""
        user, chat, status = change.from_user, change.chat, change.new_chat_member.status
        is_served = self._access.admits(user, chat) or self._access.is_allowed_group(chat.id)
        if not is_served and not self._schedules.is_fixed_chat(chat.id):
            return
        if status in ("kicked", "left"):
            self._outbox.lose_chat(chat.id, ChatGone(status))
        elif status in ("member", "administrator"):
            with store_failures_logged(chat_id=chat.id):
                self._access.meet(chat.id, self._access.texts(user))

    def _refuse(self, user: types.User, chat: types.Chat) -> None:
        if not self._access.strangers.may_answer(user.id, chat.id):
            return
        log.warning("access_denied", user_id=user.id, chat_id=chat.id)
        if chat.type == "private" and len(self._outbox) < MOST_WAITING:
            text = self._access.texts(user)("refused", user_id=user.id)
            self._outbox.say_to_stranger(chat.id, text)

    def _read(self, message: types.Message) -> tuple[str, str]:
        """Return the command and its argument; ("", "") if there is none for this bot."""
        if message.dice and message.dice.emoji == DICE and message.chat.type == "private":
            # Telegram turns a single 🎲 into a dice. In a group it is a game.
            return "random", ""
        text = message.text or ""
        if text in {texts("button.random") for texts in TEXTS.values()}:
            return "random", ""
        match = _COMMAND.fullmatch(text)
        if not match or (match["bot"] and not self._access.is_for_us(match["bot"], message.chat)):
            return "", ""
        return match["name"].lower(), (match["argument"] or "").strip()

    # Commands

    def _obey(self, update_id: int, message: types.Message, user_id: int, texts: Texts) -> None:
        chat_id = message.chat.id
        name, argument = self._read(message)
        count = image_count(argument)
        replies = {
            "schedule": lambda: self._schedules.change(chat_id, argument, texts),
            "excluded": lambda: self._voting.excluded(chat_id, 0, texts),
        }
        reports = {  # computed in the background: they need Stash, or read much
            "preferences": lambda: self._voting.preferences(chat_id, texts),
            "stats": lambda: Reply(self._reports.stats(chat_id, texts)),
            "status": lambda: Reply(self._reports.status(texts)),
        }
        if name == "random" and count:
            language = texts.language
            self._requests.ask(update_id, chat_id, user_id, count=count, language=language)
        elif name == "random":
            self._outbox.say(chat_id, texts("random.usage"))
        elif name in ("start", "help"):
            self._outbox.say(chat_id, self._help(chat_id, texts), keyboard=texts("button.random"))
        elif name in replies:
            reply = replies[name]()
            self._outbox.say(chat_id, reply.text, rows=reply.rows)
        elif name == "status" and not self._access.is_owner(user_id):
            self._outbox.say(chat_id, texts("owner_only"))
        elif name in reports:
            self._outbox.reply(chat_id, reports[name], texts("cannot_answer"))
        elif message.chat.type == "private":
            self._outbox.say(chat_id, texts("hint"))

    def _help(self, chat_id: int, texts: Texts) -> str:
        commands = [f"/{name} – {texts(f'command.{name}')}" for name in COMMANDS]
        schedules = self._schedules.summary(chat_id, texts)
        return message([texts("welcome"), "", *commands, *schedules])
