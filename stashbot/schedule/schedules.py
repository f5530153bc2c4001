"""The standing orders as people know them: listed, added and removed, in words.

When an order's moment has come is the scheduler's business; it takes from here which
orders there are, and is told when that changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from ..errors import TimetableError
from ..messages.catalogue import Texts, choose, coming
from ..messages.plain_text import message
from ..models import Button, Reply, Schedule
from ..rules.timetable import Timetable, read
from ..settings.keys import MOST_SCHEDULES, Settings
from ..store.store import Store

log = structlog.get_logger()

#: Callback data of the button that removes an order, before its id.
REMOVE = "unorder:"
#: Characters of an order on a button; Telegram shows few more.
LABEL = 40

# The sign of the count: a Latin x, a Cyrillic one, or the multiplication sign.
_COUNT = re.compile(r"(?P<when>.*\S)\s+[xх×]\s*0*(?P<count>[1-9]|10)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A standing order that can be read: when it is due, and by which clock."""

    order: Schedule
    timetable: Timetable
    zone: ZoneInfo
    language: str

    def next_after(self, moment: datetime) -> datetime:
        """The next moment of this order, in UTC."""
        return self.timetable.next_after(moment, self.zone)


class ChatSchedules:
    """All orders, from the settings and from chats. Thread-safe; it calls nobody outside.

    `changed` is called after each change. An order that a chat has given counts as long as
    its user is allowed; one of the settings counts wherever it goes.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        changed: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._orders = store.orders
        self._settings = settings
        self._changed = changed
        self._now = now

    # For the clock

    def take_over(self) -> None:
        """Make the orders of the settings known, and forget those that are there no more.

        Raises StoreError.
        """
        wanted = [
            (each.chat, each.when, each.timezone.key or "", each.count)
            for each in self._settings.schedules
        ]
        came, went = self._orders.set_fixed(wanted, self._now())
        self._log("schedule_added", came)
        self._log("schedule_removed", went)

    def entries(self) -> list[Entry]:
        """The orders that are served. Raises StoreError."""
        allowed = self._settings.telegram.allowed_users
        orders = self._orders.active()
        served = [order for order in orders if order.is_fixed or order.chat_id in allowed]
        return list(filter(None, map(self._entry, served)))

    def is_fixed_chat(self, chat_id: int) -> bool:
        """Whether the settings have an order for this chat."""
        return any(each.chat == chat_id for each in self._settings.schedules)

    def resumed(self) -> None:
        """Note that a chat that was gone is there again."""
        self._changed()

    # For people

    def summary(self, chat_id: int, texts: Texts) -> list[str]:
        """The chat's orders in lines, for the end of another message. Raises StoreError."""
        orders = self._orders.of(chat_id)
        return ["", *self._lines(orders, texts)] if orders else []

    def listing(self, chat_id: int, texts: Texts, heading: str = "") -> Reply:
        """The chat's orders, each with its next moment. Raises StoreError."""
        orders = self._orders.of(chat_id)
        lines = [*filter(None, [heading]), *self._lines(orders, texts)]
        lines += ["", texts("schedule.usage" if chat_id > 0 else "schedule.group")]
        buttons = [
            Button(_cut(f"✖️ {_words(order)}"), f"{REMOVE}{order.id}")
            for order in orders
            if not order.is_fixed
        ]
        return Reply(message(lines), [[button] for button in buttons])

    def change(self, chat_id: int, argument: str, texts: Texts) -> Reply:
        """Do what `/schedule <argument>` asks for, and say what came of it. Raises StoreError."""
        if not argument:
            return self.listing(chat_id, texts)
        if chat_id < 0:
            return Reply(texts("schedule.group"))
        if argument.lower() in _OFF:
            return self._clear(chat_id, texts)
        return self._add(chat_id, argument, texts)

    def remove(self, chat_id: int, order_id: int) -> bool:
        """Remove one of the orders that a chat has given; whether it was there.

        Raises StoreError.
        """
        orders = [order for order in self._own(chat_id) if order.id == order_id]
        self._drop(orders)
        return bool(orders)

    def _add(self, chat_id: int, argument: str, texts: Texts) -> Reply:
        match = _COUNT.fullmatch(argument)
        when, count = (match["when"], int(match["count"])) if match else (argument, 1)
        try:
            timetable = read(when)
        except TimetableError as error:
            return Reply(texts(f"schedule.{error.fault}"))
        if len(self._orders.of(chat_id)) >= MOST_SCHEDULES:
            return self.listing(chat_id, texts, texts("schedule.full", n=MOST_SCHEDULES))
        order = self._orders.add(chat_id, timetable.text, count, self._now())
        if order is None:
            return self.listing(chat_id, texts, texts("schedule.there_already"))
        self._log("schedule_added", [order])
        self._changed()
        return self.listing(chat_id, texts, texts("schedule.added"))

    def _clear(self, chat_id: int, texts: Texts) -> Reply:
        own = self._own(chat_id)
        self._drop(own)
        heading = texts("schedule.removed", n=len(own)) if own else ""
        return self.listing(chat_id, texts, heading)

    def _own(self, chat_id: int) -> list[Schedule]:
        return [order for order in self._orders.of(chat_id) if not order.is_fixed]

    def _drop(self, orders: list[Schedule]) -> None:
        if orders:
            self._orders.remove(orders, self._now())
            self._log("schedule_removed", orders)
            self._changed()

    def _lines(self, orders: list[Schedule], texts: Texts) -> list[str]:
        if not orders:
            return [texts("schedule.none")]
        heading = texts("schedule.heading", zone=self._settings.timezone.key)
        return [heading, *(self._line(*each, texts) for each in enumerate(orders, 1))]

    def _line(self, number: int, order: Schedule, texts: Texts) -> str:
        entry = self._entry(order)
        line = f"{number}. {_words(order)}"
        if self._has_own_zone(order):
            line += f" ({order.zone})"
        if order.is_fixed:
            line += f" – {texts('schedule.fixed')}"
        if entry is None:
            return line
        now = self._now()
        next_moment = coming(entry.next_after(now), now, self._settings.timezone, texts)
        return f"{line}\n    {texts('schedule.next', moment=next_moment)}"

    def _entry(self, order: Schedule) -> Entry | None:
        """The order with its timetable; None if it cannot be read any more."""
        try:
            timetable = read(order.when)
            zone = self._settings.timezone
            if self._has_own_zone(order):
                zone = ZoneInfo(order.zone)
        except (TimetableError, LookupError, OSError, ValueError) as error:
            log.error(
                "schedule_unreadable", chat_id=order.chat_id, when=order.when, error=str(error)
            )
            return None
        language = choose(self._settings.telegram.language, order.language or None)
        return Entry(order, timetable, zone, language)

    def _has_own_zone(self, order: Schedule) -> bool:
        return order.zone not in ("", self._settings.timezone.key)

    def _log(self, event: str, orders: Iterable[Schedule]) -> None:
        for order in orders:
            entry = self._entry(order)
            due = entry and entry.next_after(self._now()).isoformat()
            log.info(event, chat_id=order.chat_id, when=order.when, due=due)


#: What removes all orders, beside its name in English.
_OFF = {"off", "выкл", "выключить", "нет"}


def _words(order: Schedule) -> str:
    return order.when if order.count == 1 else f"{order.when} ×{order.count}"


def _cut(label: str) -> str:
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
