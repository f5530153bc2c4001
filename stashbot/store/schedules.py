"""Standing orders in the database: which there are, and which of their moments are claimed.

When an order is due is not known here. A moment of an order is claimed at most once,
whatever the clock does and however often the bot starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from ..models import Request, Schedule, Trigger
from .database import Database
from .tables import Chats, Requests, Schedules

#: An order of the settings: its chat, its words, its zone and its count.
Fixed = tuple[int, str, str, int]


class ScheduleStore:
    """The orders of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def active(self) -> list[Schedule]:
        """The orders of the chats that can be written to."""
        return self._orders(_CHAT.gone_since.is_null())

    def of(self, chat_id: int) -> list[Schedule]:
        """A chat's orders, those of the settings first."""
        return self._orders(_chat_id() == chat_id)

    def add(self, chat_id: int, when: str, count: int, now: datetime) -> Schedule | None:
        """Take an order from a chat, from now on; None if the chat has it already."""
        same = Schedules.select(Schedules.id).where(
            Schedules.chat_id == chat_id, Schedules.when == when, Schedules.count == count
        )
        with self._db.writing():
            if same.exists(self._db):
                return None
            id = self._insert((chat_id, when, "", count), now, is_fixed=False)
            return self._orders(Schedules.id == id)[0]

    def remove(self, orders: Iterable[Schedule], now: datetime) -> None:
        """Drop orders; what is not sent of them yet will not be."""
        with self._db.writing():
            self._remove([order.id for order in orders], now)

    def set_fixed(
        self, wanted: Iterable[Fixed], now: datetime
    ) -> tuple[list[Schedule], list[Schedule]]:
        """Have exactly these orders of the settings: the ones that came, and that went.

        A new one holds from now on; one that was there keeps what it knows.
        """
        wanted = set(wanted)
        key = (Schedules.chat_id, Schedules.when, Schedules.zone, Schedules.count)
        fixed = Schedules.select(Schedules.id, *key).where(Schedules.is_fixed == 1).tuples()
        with self._db.writing():
            known = {row[1:]: row[0] for row in fixed.execute(self._db)}
            gone = [known[each] for each in known.keys() - wanted]
            gone_orders = self._orders(Schedules.id.in_(gone))
            self._remove(gone, now)
            for each in sorted(wanted - known.keys()):
                self._insert(each, now, is_fixed=True)
            all_fixed = self._orders(Schedules.is_fixed == 1)
        return [order for order in all_fixed if order.id not in known.values()], gone_orders

    def rewind(self, now: datetime) -> None:
        """Where the clock was ahead, hold nothing for done that is still to come."""
        with self._db.writing():
            Schedules.update(handled_until=now).where(Schedules.handled_until > now).execute(
                self._db
            )

    def skip(self, order: Schedule, until: datetime) -> None:
        """Note that nothing up to a moment is left to be served."""
        with self._db.writing():
            self._handle(order, until)

    def claim(self, order: Schedule, due: datetime, language: str, now: datetime) -> Request | None:
        """Take a moment of an order, once and for all; the request that serves it.

        None if it was taken before, if the order is no more, or its chat is gone.
        """
        taken = Requests.select(Requests.id).where(
            Requests.schedule_id == order.id, Requests.due == due
        )
        with self._db.writing():
            current = self._orders((Schedules.id == order.id) & _CHAT.gone_since.is_null())
            if not current or taken.exists(self._db):
                return None
            chat_id = current[0].chat_id
            user_id = max(0, chat_id)  # a private chat has its user's id
            id = Requests.insert(
                chat_id=chat_id,
                user_id=user_id,
                count=order.count,
                trigger=Trigger.SCHEDULE,
                requested_at=now,
                language=language,
                state="waiting",
                schedule_id=order.id,
                due=due,
            ).execute(self._db)
            self._handle(order, due)
        count, when = order.count, order.when
        return Request(id, chat_id, user_id, count, Trigger.SCHEDULE, now, language, when, due)

    def is_wanted(self, request_id: int) -> bool:
        """Whether a request still waits, and was not given up with its order."""
        waiting = Requests.select(Requests.id).where(
            Requests.id == request_id, Requests.state == "waiting"
        )
        with self._db.reading():
            return bool(waiting.exists(self._db))

    def _orders(self, which: Any) -> list[Schedule]:
        query = (
            Schedules.select(
                Schedules.id,
                _chat_id(),
                Schedules.when,
                Schedules.zone,
                Schedules.count,
                Schedules.is_fixed,
                Schedules.handled_until,
                fn.COALESCE(_CHAT.language, ""),
            )
            .join(_HEIR, JOIN.LEFT_OUTER, on=(_HEIR.moved_from == Schedules.chat_id))
            .join(_CHAT, JOIN.LEFT_OUTER, on=(_CHAT.chat_id == _chat_id()))
            .where(which)
            .order_by(Schedules.is_fixed.desc(), Schedules.id)
        )
        with self._db.reading():
            rows = list(query.tuples().execute(self._db))
        return [
            Schedule(id, chat_id, when, zone, count, bool(is_fixed), handled_until, language)
            for id, chat_id, when, zone, count, is_fixed, handled_until, language in rows
        ]

    # Parts of the transactions above

    def _insert(self, order: Fixed, now: datetime, *, is_fixed: bool) -> int:
        chat_id, when, zone, count = order
        insert = Schedules.insert(
            chat_id=chat_id,
            when=when,
            zone=zone,
            count=count,
            is_fixed=int(is_fixed),
            handled_until=now,
        )
        return int(insert.execute(self._db))

    def _remove(self, ids: list[int], now: datetime) -> None:
        Requests.update(state="failed", finished_at=now).where(
            Requests.schedule_id.in_(ids), Requests.state == "waiting"
        ).execute(self._db)
        Schedules.delete().where(Schedules.id.in_(ids)).execute(self._db)

    def _handle(self, order: Schedule, until: datetime) -> None:
        Schedules.update(handled_until=until).where(Schedules.id == order.id).execute(self._db)


def resumed(chat_id: int, now: datetime) -> Any:
    """What lets the orders of a chat that was gone go on from now; a query, not yet executed."""
    old_id = Chats.select(Chats.moved_from).where(Chats.chat_id == chat_id)
    its = (Schedules.chat_id == chat_id) | Schedules.chat_id.in_(old_id)
    return Schedules.update(handled_until=now).where(its)


# The chat that a group has become, and the chat that an order is served in.
_HEIR, _CHAT = Chats.alias("heir"), Chats.alias("chat")


def _chat_id() -> Any:
    return fn.COALESCE(_HEIR.chat_id, Schedules.chat_id)
