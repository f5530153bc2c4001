"""The requests of strangers and of groups, the owner's answers, and `/people`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import structlog
from telebot import types

from ..messages import people as words
from ..messages.catalogue import TEXTS, Texts, choose
from ..models import Person, Reply, Standing
from ..pictures.requests import RequestQueue
from ..rules.access import ACTIONS
from ..schedule.schedules import ChatSchedules
from ..store.store import Store
from ..telegram.outbox import Outbox

log = structlog.get_logger()


class PeopleRequests:
    """Asks the owner and does as the owner says. Owned by the receiver thread.

    It makes no slow call; every method raises StoreError.
    """

    def __init__(
        self,
        *,
        store: Store,
        outbox: Outbox,
        schedules: ChatSchedules,
        requests: RequestQueue,
        now: Callable[[], datetime],
    ) -> None:
        self._chats = store.chats
        self._people = store.people
        self._outbox = outbox
        self._schedules = schedules
        self._requests = requests
        self._now = now

    def ask(self, chat: types.User | types.Chat) -> bool:
        """Take the request of a stranger or of a group; whether it reaches the owner.

        It stands in the list at least; the owner is asked now if the limits allow it.
        """
        people, now = self._people.known, self._now()
        if people.owner is None or not people.may_ask(chat.id):
            return False
        is_asked = people.is_owner_asked(chat.id, now)
        if is_asked or not people.find(chat.id):
            person = self._people.add(_person(chat, now if is_asked else None), now)
            if is_asked:
                texts = self._texts(people.owner, self._chats.language(people.owner))
                reply = words.question(person, texts)
                self._outbox.say(people.owner, reply.text, rows=reply.rows)
        return True

    def make_owner(self, user: types.User, texts: Texts) -> None:
        """Make a user the owner: the code has come from that user."""
        owner = _person(user, None, Standing.OWNER)
        self._people.add(owner, self._now())
        self._admit(owner, texts("people.owner"), texts)

    def listing(self, page: int, texts: Texts) -> Reply:
        people = self._people.known
        return words.listing((*people.users, *people.chats), people.listed, page, texts)

    def press(self, user_id: int, match: re.Match[str], texts: Texts) -> Reply | None:
        """Carry out the action of a button; its message after that, None without an effect."""
        action, id, page = match["action"], int(match["id"]), match["page"]
        if user_id != self._people.known.owner:
            return None
        if action == "remove" and (person := self._people.person(id)):
            # First, so that a crash leaves none. They must not go on if the chat is let in again.
            self._schedules.remove(person.chat_id)
        changed = self._people.change(id, action, self._now()) if action in ACTIONS else None
        if changed and action == "allow":
            theirs = self._texts(changed.chat_id, changed.language)
            self._admit(changed, theirs("welcome"), theirs)
        elif changed and action == "remove":
            chat_id = changed.chat_id
            log.info("access_removed", user_id=max(0, chat_id), chat_id=chat_id)
            moved = self._chats.moved_chats()
            for each in (chat_id, *(new for new, old in moved.items() if old == chat_id)):
                self._requests.drop(each)
        if page:
            return self.listing(int(page), texts)
        # A question keeps its buttons if the owner answered in the list, or the bot stopped.
        person = self._people.person(id) if action in ("allow", "ignore") else None
        return words.answered(person, texts) if person else None

    def _texts(self, chat_id: int, language: str) -> Texts:
        """The texts for a chat, in its user's `language` unless the chat has another."""
        return TEXTS[choose(self._chats.values(chat_id).language, language)]

    def _admit(self, person: Person, greeting: str, texts: Texts) -> None:
        log.info("access_granted", user_id=max(0, person.chat_id), chat_id=person.chat_id)
        if person.chat_id > 0:
            self._outbox.say(person.chat_id, greeting, keyboard=texts("button.random"))


def _person(
    chat: types.User | types.Chat,
    told_at: datetime | None,
    standing: Standing = Standing.WAITING,
) -> Person:
    """The values that Telegram tells of a user or a group."""
    names = (getattr(chat, each, None) for each in ("title", "first_name", "last_name"))
    return Person(
        0,
        chat.id,
        standing,
        " ".join(filter(None, names)),
        chat.username or "",
        getattr(chat, "language_code", None) or "",
        told_at,
    )
