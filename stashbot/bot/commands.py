"""Answers updates: commands, buttons, and changes of the bot's membership.

Slow work runs elsewhere: Stash is asked and Telegram is called in other threads. Only the
database is used at once, so that a request survives a crash.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from telebot import types

from ..errors import store_failures_logged
from ..messages.catalogue import Texts
from ..messages.chat_settings import PURGE_STEPS
from ..messages.plain_text import message
from ..models import Reply, Shown, Source, SourceKind
from ..pictures.requests import RequestQueue
from ..rules.sources import MOST_PICTURES, read_request
from ..rules.when.arguments import read_argument
from ..schedule.schedules import OFF
from ..telegram.commands import listed
from ..telegram.errors import ChatGone
from ..telegram.markup import topic_of
from ..telegram.outbox import Outbox
from .access import MOST_WAITING, Access
from .callbacks import Callbacks
from .charts import Charts
from .chats import ChatParts
from .filters import Filters
from .pictures import PictureParts
from .reactions import Reactions

log = structlog.get_logger()

DICE = "🎲"
#: The states of the bot in a chat that it can write to.
MEMBER = ("member", "administrator")

_NUMBER = re.compile(r"\s*[0-9]{1,2}\s*")
_COMMAND = re.compile(r"/(?P<name>\w+)(?:@(?P<bot>\w+))?(?:\s+(?P<argument>.*))?\s*", re.DOTALL)


@dataclass(frozen=True)
class _Command:
    """A command; `answered` is the message to which it is a reply, if it is one.

    `topic` is the forum topic that it comes from, 0 for none.
    """

    update_id: int
    chat_id: int
    topic: int
    user_id: int
    argument: str
    texts: Texts
    answered: int | None


class Bot:
    """Answers updates. Owned by the receiver thread; it makes no slow call."""

    def __init__(
        self,
        *,
        access: Access,
        outbox: Outbox,
        requests: RequestQueue,
        charts: Charts,
        chats: ChatParts,
        filters: Filters,
        pictures: PictureParts,
    ) -> None:
        self._access = access
        self._outbox = outbox
        self._requests = requests
        self._reports = charts.reports
        self._chats = chats
        self._schedules = chats.schedules
        self._pictures = pictures
        self._filters = filters
        self._reactions = Reactions(access=access, pictures=pictures, outbox=outbox)
        self._callbacks = Callbacks(
            outbox=outbox,
            requests=requests,
            chats=chats,
            filters=filters,
            pictures=pictures,
            charts=charts,
            people=access.people,
        )

        self._handlers = self._commands()

    def _commands(self) -> dict[str, Callable[[_Command], None]]:
        return {
            "start": self._start,
            "help": self._help,
            "random": self._random,
            "today": partial(self._word, SourceKind.TODAY),
            "new": partial(self._word, SourceKind.NEW),
            "liked": partial(self._word, SourceKind.LIKED),
            "more": self._more,
            "info": partial(self._tell, self._pictures.about.info),
            "original": partial(self._tell, self._pictures.about.original),
            "why": partial(self._tell, self._pictures.about.why),
            "hide": self._hide,
            "exclude": self._exclude,
            "filters": self._show_filters,
            "schedule": self._schedule,
            "preferences": self._preferences,
            "excluded": self._excluded,
            "stats": self._stats,
            "settings": self._settings,
            "purge": self._purge,
            "status": self._status,
            "people": self._people,
        }

    def handle(self, update: types.Update) -> None:
        if update.message:
            self._message(update.update_id, update.message)
        elif update.callback_query:
            self._press(update.update_id, update.callback_query)
        elif update.message_reaction:
            self._reactions.handle(update.update_id, update.message_reaction)
        elif update.my_chat_member:
            self._membership(update.my_chat_member)

    # Updates

    def _message(self, update_id: int, message: types.Message) -> None:
        # A message without a sender comes from a channel, and the bot does not ask for those.
        user, chat = message.from_user or types.User(0, False, ""), message.chat
        if message.migrate_to_chat_id and self._access.is_known_group(chat.id):
            self._outbox.move_chat(chat.id, message.migrate_to_chat_id)
            return
        if chat.type == "private" and self._access.pairing.is_owner(user.id, message.text or ""):
            act = partial(self._access.make_owner, user)
        elif self._access.admits(user, chat):
            act = partial(self._obey, update_id, message, user.id)
        else:
            self._access.refuse(user, chat, is_asking=True)
            return
        with store_failures_logged(chat_id=chat.id):
            act(self._access.meet(chat.id, user))
            return
        text = self._access.texts(user)("cannot_answer")
        self._outbox.say(chat.id, text, topic=topic_of(message))

    def _press(self, update_id: int, press: types.CallbackQuery) -> None:
        user, texts = press.from_user, self._access.texts(press.from_user)
        # Without its message the chat of a press is unknown, and the press is refused.
        chat = press.message.chat if press.message else types.Chat(0, "unknown")
        if not self._access.admits(user, chat):
            if len(self._outbox) < MOST_WAITING:
                self._outbox.answer(press.id, texts("refused_button"))
            self._access.refuse(user, chat)
            return
        note = texts("cannot_answer")
        with store_failures_logged(chat_id=chat.id):
            texts = self._access.meet(chat.id, user)
            note = self._callbacks.handle(update_id, press, texts)
        self._outbox.answer(press.id, note)

    def _membership(self, change: types.ChatMemberUpdated) -> None:
        """Note that the bot was blocked or removed, or that it is back."""
        user, chat, status = change.from_user, change.chat, change.new_chat_member.status
        is_served = self._access.admits(user, chat) or self._access.is_allowed_group(chat.id)
        if not is_served and not self._schedules.is_fixed_chat(chat.id):
            if status in MEMBER and chat.type != "private":
                self._access.consider(user, chat)
            return
        if status in ("kicked", "left"):
            self._outbox.lose_chat(chat.id, ChatGone(status))
        elif status in MEMBER:
            with store_failures_logged(chat_id=chat.id):
                self._access.meet(chat.id, user)

    def _read(self, message: types.Message) -> tuple[str, str]:
        """Return the command and its argument; ("", "") if there is none for this bot."""
        if message.dice and message.dice.emoji == DICE and message.chat.type == "private":
            # Telegram turns a single 🎲 into a dice. In a group it is a game.
            return "random", ""
        text = message.text or ""
        if text.startswith(DICE):
            return "random", ""
        if message.chat.type == "private" and _NUMBER.fullmatch(text):
            return "random", text.strip()
        match = _COMMAND.fullmatch(text)
        if not match or (match["bot"] and not self._access.is_for_us(match["bot"], message.chat)):
            return "", ""
        return match["name"].lower(), (match["argument"] or "").strip()

    # Commands

    def _obey(self, update_id: int, message: types.Message, user_id: int, texts: Texts) -> None:
        name, argument = self._read(message)
        chat, original = message.chat, message.reply_to_message
        answered = original.message_id if original else None
        where = (chat.id, topic_of(message))
        command = _Command(update_id, *where, user_id, argument, texts, answered)
        if handler := self._handlers.get(name):
            handler(command)
        elif chat.type == "private":
            self._say(command, Reply(texts("hint")))

    def _random(self, command: _Command) -> None:
        asked = read_request(command.argument)
        if asked.is_cut and not (asked.source and asked.source.kind is SourceKind.NAME):
            self._say(command, Reply(command.texts("random.at_most", n=MOST_PICTURES)))
        self._ask(command, asked.source, asked.count)

    def _word(self, kind: SourceKind, command: _Command) -> None:
        self._ask(command, Source(kind))

    def _more(self, command: _Command) -> None:
        """Send a picture that is like another."""
        if shown := self._picture(command):
            self._ask(command, Source(SourceKind.LIKE, shown.image_id))

    def _tell(self, tell: Callable[[int, Shown, int, Texts], None], command: _Command) -> None:
        """Answer a picture with one of the answers about it."""
        if shown := self._picture(command):
            tell(command.chat_id, shown, command.topic, command.texts)

    def _hide(self, command: _Command) -> None:
        """Offer to hide a picture, or names that it has."""
        if shown := self._picture(command):
            offer = self._pictures.hiding.offer(command.chat_id, shown.image_id, command.texts)
            self._say(command, offer, reply_to=shown.message_id)

    def _picture(self, command: _Command) -> Shown | None:
        """The picture that the command replies to, else the newest; without any, say how."""
        shown = self._pictures.buttons.shown(command.chat_id, command.answered)
        if shown is None:
            self._say(command, Reply(command.texts("about.usage")))
        return shown

    def _exclude(self, command: _Command) -> None:
        """Hide a tag, performer, gallery or studio by its name."""
        ids, name = (command.chat_id, command.user_id), command.argument
        if name:
            self._report(command, partial(self._filters.hide, *ids, name, command.texts))
        else:
            self._say(command, Reply(command.texts("excluded.usage")))

    def _ask(self, command: _Command, source: Source | None, count: int = 1) -> None:
        self._requests.ask(
            command.update_id,
            command.chat_id,
            command.user_id,
            count=count,
            language=command.texts.language,
            source=source.key if source else "",
            topic=command.topic,
        )

    def _show_filters(self, command: _Command) -> None:
        if command.argument.lower() in OFF:
            self._say(command, self._filters.unpin(command.chat_id, command.texts))
        else:
            self._report(command, partial(self._filters.listing, command.chat_id, command.texts))

    def _schedule(self, command: _Command) -> None:
        where, texts = (command.chat_id, command.topic), command.texts
        asked = read_argument(command.argument)
        if asked.what and command.chat_id > 0:
            self._report(command, partial(self._filters.schedule, *where, asked, texts))
        else:
            self._say(command, self._schedules.change(*where, asked, texts))

    def _preferences(self, command: _Command) -> None:
        compute = self._pictures.voting.preferences
        self._report(command, partial(compute, command.chat_id, command.texts))

    def _excluded(self, command: _Command) -> None:
        self._say(command, self._pictures.hiding.listing(command.chat_id, 0, command.texts))

    def _stats(self, command: _Command) -> None:
        self._report(command, partial(self._reports.stats, command.chat_id, command.texts))

    def _settings(self, command: _Command) -> None:
        answer = partial(self._chats.settings.answer, command.chat_id, command.argument)
        self._report(command, partial(answer, command.texts))

    def _purge(self, command: _Command) -> None:
        ids, step = (command.chat_id, command.topic, command.user_id), PURGE_STEPS[0]
        self._report(command, partial(self._chats.deletion.answer, *ids, step, command.texts))

    def _status(self, command: _Command) -> None:
        if self._access.is_owner(command.user_id):
            self._report(command, partial(self._reports.status, command.chat_id, command.texts))
        else:
            self._say(command, Reply(command.texts("owner_only")))

    def _people(self, command: _Command) -> None:
        """Send the list to the owner alone, wherever the owner asks for it."""
        if self._access.is_owner(command.user_id):
            reply = self._access.people.listing(0, command.texts)
            self._outbox.say(command.user_id, reply.text, rows=reply.rows)
        else:
            self._say(command, Reply(command.texts("owner_only")))

    def _start(self, command: _Command) -> None:
        texts = command.texts
        self._say(command, Reply(texts("welcome")), keyboard=texts("button.random"))
        if self._access.is_owner(command.user_id):  # before, Telegram may not know the chat
            self._access.show_commands(command.user_id)

    def _help(self, command: _Command) -> None:
        chat_id, texts = command.chat_id, command.texts
        names = listed(is_owner=self._access.is_owner(chat_id), is_group=chat_id < 0)
        lines = [f"/{name} – {texts(f'command.{name}')}" for name in names]
        lines += self._filters.summary(chat_id, texts)
        lines = [html.escape(line, quote=False) for line in lines]
        lines += self._schedules.summary(chat_id, texts)
        reply = Reply(message(lines, is_html=True), is_html=True)
        self._say(command, reply, keyboard=texts("button.random"))

    def _say(
        self, command: _Command, reply: Reply, keyboard: str = "", reply_to: int | None = None
    ) -> None:
        self._outbox.say(
            command.chat_id,
            reply.text,
            keyboard=keyboard,
            rows=reply.rows,
            reply_to=reply_to,
            topic=command.topic,
            is_html=reply.is_html,
        )

    def _report(self, command: _Command, compute: Callable[[], Reply]) -> None:
        """Answer in the background: the reply needs Stash, or reads much."""
        trouble = command.texts("cannot_answer")
        self._outbox.reply(command.chat_id, compute, trouble, topic=command.topic)
