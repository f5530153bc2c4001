"""Which users and chats the bot serves, and when it asks the owner about a stranger. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..models import Person, Standing

DAY = timedelta(days=1)
#: The owner is asked about so many strangers a day; `/people` lists the others.
MOST_QUESTIONS = 10
#: Each action on a person: the standing that it needs, and the new one; None forgets the person.
ACTIONS: Mapping[str, tuple[Standing, Standing | None]] = {
    "allow": (Standing.WAITING, Standing.ADMITTED),
    "ignore": (Standing.WAITING, Standing.IGNORED),
    "remove": (Standing.ADMITTED, None),
    "lift": (Standing.IGNORED, None),
}


@dataclass(frozen=True)
class People:
    """The users and chats of the settings, and the others that the database knows."""

    users: tuple[int, ...] = ()
    chats: tuple[int, ...] = ()
    others: tuple[Person, ...] = ()

    @property
    def owner(self) -> int | None:
        """The first user of the settings, else the user who sent the code."""
        if self.users:
            return self.users[0]
        paired = (each for each in self.others if each.standing is Standing.OWNER)
        return next((each.chat_id for each in paired), None)

    @property
    def listed(self) -> list[Person]:
        """The people that the owner can change: those let in, then those waiting, then the rest."""
        standings = [before for before, _ in ACTIONS.values()]
        order = dict.fromkeys([Standing.ADMITTED, *standings])
        fixed = (*self.users, *self.chats)
        return [
            each
            for standing in order
            for each in self.others
            if each.standing is standing and each.chat_id not in fixed
        ]

    def find(self, chat_id: int) -> Person | None:
        return next((each for each in self.others if each.chat_id == chat_id), None)

    def has(self, chat_id: int) -> bool:
        """Whether a user, group or channel is allowed."""
        if chat_id in self.users or chat_id in self.chats:
            return True
        person = self.find(chat_id)
        return person is not None and person.standing in (Standing.OWNER, Standing.ADMITTED)

    def may_ask(self, chat_id: int) -> bool:
        """Whether a stranger's request reaches an owner."""
        person = self.find(chat_id)
        is_ignored = person is not None and person.standing is Standing.IGNORED
        return self.owner is not None and not is_ignored

    def is_owner_asked(self, chat_id: int, now: datetime) -> bool:
        """Whether to ask the owner about a stranger now: once a day, and of so many a day."""
        asked = {
            each.chat_id
            for each in self.others
            if each.told_at and timedelta() <= now - each.told_at < DAY
        }
        return chat_id not in asked and len(asked) < MOST_QUESTIONS
