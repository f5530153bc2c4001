"""The people in the database: those that the owner has let in or ignores, and those that wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ..models import Person, Standing
from ..rules.access import ACTIONS, DAY
from ..rules.access import People as Known
from .database import Database
from .history import IS_WAITING
from .tables import Chats, People, Requests

#: The most people that wait; those that asked longest ago leave first.
MOST_WAITING = 100


class PeopleStore:
    """All people. Thread-safe; each method that writes is one transaction.

    `known` is read at the start and after each change: no other process writes to the database.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        #: The sender of the code, if the settings of this start name another owner.
        self.former_owner: int | None = None
        self.known = Known()
        self._read()

    def set_fixed(self, users: Iterable[int], chats: Iterable[int]) -> None:
        """Take the people of the settings. Their owner takes the place of one with the code."""
        paired = replace(self.known, users=()).owner
        self.known = replace(self.known, users=tuple(users), chats=tuple(chats))
        if paired not in (None, self.known.owner):
            self.former_owner = paired
            its = People.chat_id == paired
            self._db.write(People.update(standing=Standing.ADMITTED).where(its))
            self._read()

    def add(self, person: Person, now: datetime) -> Person:
        """Add a person, or change the one of the same chat; the person with its id.

        The people of the last day's questions stay, so that the limit for these holds.
        """
        row = {name: getattr(person, name) for name in Person.__slots__[1:]} | {"asked_at": now}
        insert = People.insert(row).on_conflict(conflict_target=[People.chat_id], update=row)
        recent = People.told_at.is_null(False) & (People.told_at > now - DAY)
        order = (recent.desc(), People.asked_at.desc(), People.id.desc())
        waiting = People.select(People.id).where(People.standing == Standing.WAITING)
        oldest = waiting.order_by(*order).offset(MOST_WAITING).limit(-1)
        with self._db.writing():
            self._db.write(insert)
            self._db.write(People.delete().where(People.id.in_(oldest)))
        self._read()
        return self.known.find(person.chat_id) or person

    def change(self, id: int, action: str, now: datetime) -> Person | None:
        """Do one of ACTIONS; None if the person does not have the standing that it needs.

        A removed person's requests are given up, and those of the supergroup that a group became.
        """
        before, after = ACTIONS[action]
        person = self.person(id)
        if person is None or person.standing is not before:
            return None
        its = People.id == id
        given_up = Requests.update(state="failed", finished_at=now)
        with self._db.writing():
            if after:
                self._db.write(People.update(standing=after).where(its))
                person = replace(person, standing=after)
            else:
                self._db.write(People.delete().where(its))
                heir = Chats.select(Chats.chat_id).where(Chats.moved_from == person.chat_id)
                theirs = (Requests.chat_id == person.chat_id) | Requests.chat_id.in_(heir)
                self._db.write(given_up.where(theirs, IS_WAITING))
        self._read()
        return person

    def person(self, id: int) -> Person | None:
        return next((each for each in self.known.others if each.id == id), None)

    def _read(self) -> None:
        columns = [getattr(People, name) for name in Person.__slots__]
        order = (People.standing, People.asked_at.desc(), People.id)
        rows = self._db.rows(People.select(*columns).order_by(*order))
        self.known = replace(self.known, others=tuple(Person(*row) for row in rows))
