"""The schedules of chats: listed, added and removed by `/schedule` and its buttons.

The scheduler takes the schedules from here, runs them when they are due, and is told when they
change.
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

#: Callback data of the button that removes a schedule, before its id.
REMOVE = "unorder:"
#: The most characters on a button; Telegram shows few more.
LABEL = 40

# The sign before the count: a Latin x, a Cyrillic one, or the multiplication sign.
_COUNT = re.compile(r"(?P<when>.*\S)\s+[xх×]\s*0*(?P<count>[1-9]|10)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A schedule that is valid: its times, its time zone, and the language of its chat."""

    schedule: Schedule
    timetable: Timetable
    zone: ZoneInfo
    language: str

    def next_after(self, moment: datetime) -> datetime:
        """The first moment of the schedule that is later, in UTC."""
        return self.timetable.next_after(moment, self.zone)


class ChatSchedules:
    """All schedules, of the settings and of chats. Thread-safe; uses no network.

    Calls `changed` after each change. A schedule that a chat has added counts as long as its
    user is allowed; a schedule of the settings always counts.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        changed: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store.schedules
        self._settings = settings
        self._changed = changed
        self._now = now

    # For the scheduler

    def take_over(self) -> None:
        """Store the schedules of the settings, and remove those that have left the settings.

        Raises StoreError.
        """
        wanted = [
            (each.chat, each.when, each.timezone.key or "", each.count)
            for each in self._settings.schedules
        ]
        came, went = self._store.set_fixed(wanted, self._now())
        self._log("schedule_added", came)
        self._log("schedule_removed", went)

    def entries(self) -> list[Entry]:
        """The schedules that count. Raises StoreError."""
        allowed = self._settings.telegram.allowed_users
        schedules = self._store.active()
        served = [
            schedule for schedule in schedules if schedule.is_fixed or schedule.chat_id in allowed
        ]
        return list(filter(None, map(self._entry, served)))

    def is_fixed_chat(self, chat_id: int) -> bool:
        """Whether the settings have a schedule for this chat."""
        return any(each.chat == chat_id for each in self._settings.schedules)

    def resumed(self) -> None:
        """Note that a chat that was gone is there again."""
        self._changed()

    # For chats

    def summary(self, chat_id: int, texts: Texts) -> list[str]:
        """The chat's schedules in lines, for the end of another message. Raises StoreError."""
        schedules = self._store.of(chat_id)
        return ["", *self._lines(schedules, texts)] if schedules else []

    def listing(self, chat_id: int, texts: Texts, heading: str = "") -> Reply:
        """The chat's schedules, each with its next moment. Raises StoreError."""
        schedules = self._store.of(chat_id)
        lines = [*filter(None, [heading]), *self._lines(schedules, texts)]
        lines += ["", texts("schedule.usage" if chat_id > 0 else "schedule.group")]
        buttons = [
            Button(_cut(f"✖️ {_words(schedule)}"), f"{REMOVE}{schedule.id}")
            for schedule in schedules
            if not schedule.is_fixed
        ]
        return Reply(message(lines), [[button] for button in buttons])

    def change(self, chat_id: int, argument: str, texts: Texts) -> Reply:
        """Answer `/schedule <argument>`. Raises StoreError."""
        if not argument:
            return self.listing(chat_id, texts)
        if chat_id < 0:
            return Reply(texts("schedule.group"))
        if argument.lower() in _OFF:
            return self._clear(chat_id, texts)
        return self._add(chat_id, argument, texts)

    def remove(self, chat_id: int, schedule_id: int) -> bool:
        """Remove one of the schedules that a chat has added; whether it was there.

        Raises StoreError.
        """
        schedules = [schedule for schedule in self._own(chat_id) if schedule.id == schedule_id]
        self._drop(schedules)
        return bool(schedules)

    def _add(self, chat_id: int, argument: str, texts: Texts) -> Reply:
        match = _COUNT.fullmatch(argument)
        when, count = (match["when"], int(match["count"])) if match else (argument, 1)
        try:
            timetable = read(when)
        except TimetableError as error:
            return Reply(texts(f"schedule.{error.fault}"))
        if len(self._store.of(chat_id)) >= MOST_SCHEDULES:
            return self.listing(chat_id, texts, texts("schedule.full", n=MOST_SCHEDULES))
        schedule = self._store.add(chat_id, timetable.text, count, self._now())
        if schedule is None:
            return self.listing(chat_id, texts, texts("schedule.there_already"))
        self._log("schedule_added", [schedule])
        self._changed()
        return self.listing(chat_id, texts, texts("schedule.added"))

    def _clear(self, chat_id: int, texts: Texts) -> Reply:
        own = self._own(chat_id)
        self._drop(own)
        heading = texts("schedule.removed", n=len(own)) if own else ""
        return self.listing(chat_id, texts, heading)

    def _own(self, chat_id: int) -> list[Schedule]:
        return [schedule for schedule in self._store.of(chat_id) if not schedule.is_fixed]

    def _drop(self, schedules: list[Schedule]) -> None:
        if schedules:
            self._store.remove(schedules, self._now())
            self._log("schedule_removed", schedules)
            self._changed()

    def _lines(self, schedules: list[Schedule], texts: Texts) -> list[str]:
        if not schedules:
            return [texts("schedule.none")]
        heading = texts("schedule.heading", zone=self._settings.timezone.key)
        return [heading, *(self._line(*each, texts) for each in enumerate(schedules, 1))]

    def _line(self, number: int, schedule: Schedule, texts: Texts) -> str:
        entry = self._entry(schedule)
        line = f"{number}. {_words(schedule)}"
        if self._has_own_zone(schedule):
            line += f" ({schedule.zone})"
        if schedule.is_fixed:
            line += f" – {texts('schedule.fixed')}"
        if entry is None:
            return line
        now = self._now()
        next_moment = coming(entry.next_after(now), now, self._settings.timezone, texts)
        return f"{line}\n    {texts('schedule.next', moment=next_moment)}"

    def _entry(self, schedule: Schedule) -> Entry | None:
        """The schedule with its timetable; None if this version cannot read it."""
        try:
            timetable = read(schedule.when)
            zone = self._settings.timezone
            if self._has_own_zone(schedule):
                zone = ZoneInfo(schedule.zone)
        except (TimetableError, LookupError, OSError, ValueError) as error:
            log.error(
                "schedule_unreadable",
                chat_id=schedule.chat_id,
                when=schedule.when,
                error=str(error),
            )
            return None
        language = choose(self._settings.telegram.language, schedule.language or None)
        return Entry(schedule, timetable, zone, language)

    def _has_own_zone(self, schedule: Schedule) -> bool:
        return schedule.zone not in ("", self._settings.timezone.key)

    def _log(self, event: str, schedules: Iterable[Schedule]) -> None:
        for schedule in schedules:
            entry = self._entry(schedule)
            due = entry and entry.next_after(self._now()).isoformat()
            log.info(event, chat_id=schedule.chat_id, when=schedule.when, due=due)


#: The arguments that remove all schedules.
_OFF = {"off", "выкл", "выключить", "нет"}


def _words(schedule: Schedule) -> str:
    return schedule.when if schedule.count == 1 else f"{schedule.when} ×{schedule.count}"


def _cut(label: str) -> str:
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
