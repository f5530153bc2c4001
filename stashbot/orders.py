"""Standing orders in the database: which there are, and which of their moments are claimed.

When an order is due is not known here. A moment of an order is claimed at most once,
whatever the clock does and however often the bot starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from .database import Database
from .models import Order, Request, Trigger
from .tables import Chats, Orders, Requests

#: An order of the settings: its chat, its words, its zone and its count.
Fixed = tuple[int, str, str, int]


class OrderBook:
    """The orders of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def active(self) -> list[Order]:
        """The orders of the chats that can be written to."""
        return self._orders(_CHAT.gone_since.is_null())

    def of(self, chat_id: int) -> list[Order]:
        """A chat's orders, those of the settings first."""
        return self._orders(_chat_id() == chat_id)

    def add(self, chat_id: int, when: str, count: int, now: datetime) -> Order | None:
        """Take an order from a chat, from now on; None if the chat has it already."""
        same = Orders.select(Orders.id).where(
            Orders.chat_id == chat_id, Orders.when == when, Orders.count == count
        )
        with self._db.writing():
            if same.exists(self._db):
                return None
            id = self._insert((chat_id, when, "", count), now, is_fixed=False)
            return self._orders(Orders.id == id)[0]

    def remove(self, orders: Iterable[Order], now: datetime) -> None:
        """Drop orders; what is not sent of them yet will not be."""
        with self._db.writing():
            self._remove([order.id for order in orders], now)

    def set_fixed(self, wanted: Iterable[Fixed], now: datetime) -> tuple[list[Order], list[Order]]:
        """Have exactly these orders of the settings: the ones that came, and that went.

        A new one holds from now on; one that was there keeps what it knows.
        """
        wanted = set(wanted)
        key = (Orders.chat_id, Orders.when, Orders.zone, Orders.count)
        fixed = Orders.select(Orders.id, *key).where(Orders.is_fixed == 1).tuples()
        with self._db.writing():
            known = {row[1:]: row[0] for row in fixed.execute(self._db)}
            gone = [known[each] for each in known.keys() - wanted]
            gone_orders = self._orders(Orders.id.in_(gone))
            self._remove(gone, now)
            for each in sorted(wanted - known.keys()):
                self._insert(each, now, is_fixed=True)
            all_fixed = self._orders(Orders.is_fixed == 1)
        return [order for order in all_fixed if order.id not in known.values()], gone_orders

    def rewind(self, now: datetime) -> None:
        """Where the clock was ahead, hold nothing for done that is still to come."""
        with self._db.writing():
            Orders.update(handled_until=now).where(Orders.handled_until > now).execute(self._db)

    def skip(self, order: Order, until: datetime) -> None:
        """Note that nothing up to a moment is left to be served."""
        with self._db.writing():
            self._handle(order, until)

    def claim(self, order: Order, due: datetime, language: str, now: datetime) -> Request | None:
        """Take a moment of an order, once and for all; the request that serves it.

        None if it was taken before, if the order is no more, or its chat is gone.
        """
        taken = Requests.select(Requests.id).where(
            Requests.order_id == order.id, Requests.due == due
        )
        with self._db.writing():
            current = self._orders((Orders.id == order.id) & _CHAT.gone_since.is_null())
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
                order_id=order.id,
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

    def _orders(self, which: Any) -> list[Order]:
        query = (
            Orders.select(
                Orders.id,
                _chat_id(),
                Orders.when,
                Orders.zone,
                Orders.count,
                Orders.is_fixed,
                Orders.handled_until,
                fn.COALESCE(_CHAT.language, ""),
            )
            .join(_HEIR, JOIN.LEFT_OUTER, on=(_HEIR.moved_from == Orders.chat_id))
            .join(_CHAT, JOIN.LEFT_OUTER, on=(_CHAT.chat_id == _chat_id()))
            .where(which)
            .order_by(Orders.is_fixed.desc(), Orders.id)
        )
        with self._db.reading():
            rows = list(query.tuples().execute(self._db))
        return [
            Order(id, chat_id, when, zone, count, bool(is_fixed), handled_until, language)
            for id, chat_id, when, zone, count, is_fixed, handled_until, language in rows
        ]

    # Parts of the transactions above

    def _insert(self, order: Fixed, now: datetime, *, is_fixed: bool) -> int:
        chat_id, when, zone, count = order
        insert = Orders.insert(
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
            Requests.order_id.in_(ids), Requests.state == "waiting"
        ).execute(self._db)
        Orders.delete().where(Orders.id.in_(ids)).execute(self._db)

    def _handle(self, order: Order, until: datetime) -> None:
        Orders.update(handled_until=until).where(Orders.id == order.id).execute(self._db)


def resumed(chat_id: int, now: datetime) -> Any:
    """What lets the orders of a chat that was gone go on from now; a query, not yet executed."""
    old_id = Chats.select(Chats.moved_from).where(Chats.chat_id == chat_id)
    its = (Orders.chat_id == chat_id) | Orders.chat_id.in_(old_id)
    return Orders.update(handled_until=now).where(its)


# The chat that a group has become, and the chat that an order is served in.
_HEIR, _CHAT = Chats.alias("heir"), Chats.alias("chat")


def _chat_id() -> Any:
    return fn.COALESCE(_HEIR.chat_id, Orders.chat_id)
