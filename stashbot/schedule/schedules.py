"""The schedules of chats: listed, added and removed by `/schedule` and its buttons."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from ..messages import sources as words
from ..messages.catalogue import Texts, choose, coming
from ..messages.plain_text import message
from ..models import Button, ChatValues, Reply, Schedule, Source
from ..rules import sources
from ..rules.timetable import Timetable, TimetableError, TimetableFault, window
from ..rules.when.reading import read
from ..settings.keys import MOST_SCHEDULES, Settings
from ..store.store import Store

log = structlog.get_logger()

#: Callback data of the button that removes a schedule, before its id.
REMOVE = "unorder:"
#: The arguments that remove all schedules, or end a chat's standing source.
OFF = {"off", "выкл", "выключить", "нет"}
_FROM = re.compile(r"(?<=\S)\s+(?:from|из)\s+(?=\S)", re.IGNORECASE)
# The sign before the count: a Latin x, a Cyrillic one, or the multiplication sign.
_COUNT = re.compile(r"(?P<when>.*\S)\s+[xх×]\s*0*(?P<count>[1-9]|10)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A schedule that is valid: its times, its time zone, and its chat's settings and language."""

    schedule: Schedule
    timetable: Timetable
    zone: ZoneInfo
    values: ChatValues
    language: str

    def next_after(self, moment: datetime, now: datetime | None = None) -> datetime:
        """The next moment, not before `now`, that is not in quiet hours or ends them."""
        following = self.timetable.next_after(moment, self.zone)
        following = max(following, now or following)
        hours = self.quiet(following)
        return hours[1] if hours else following

    def quiet(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """The quiet hours of the chat in which a moment lies."""
        return window(self.values.quiet, self.values.timezone, moment)


class ChatSchedules:
    """All schedules, of the settings and of chats. Thread-safe; uses no network.

    Calls `changed` after each change; so does a caller when a chat that was gone is back. A
    schedule that a chat has added counts as long as the chat is allowed; a schedule of the
    settings always counts.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        changed: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store.schedules
        self._people = store.people
        self._chats = store.chats
        self._settings = settings
        self.changed = changed
        self._now = now

    # For the scheduler

    def take_over(self) -> None:
        """Store the schedules of the settings, and remove old ones. Raises StoreError."""
        fixed = self._settings.schedules
        wanted = [
            (each.chat, each.when, each.timezone.key or "", each.count, _key(each.filter))
            for each in fixed
        ]
        came, went = self._store.set_fixed(wanted, self._now())
        self._log("schedule_added", came)
        self._log("schedule_removed", went)

    def entries(self) -> list[Entry]:
        """The schedules that count. Raises StoreError."""
        people, active = self._people.known, self._store.active()
        served = (each for each in active if each.is_fixed or people.has(each.chat_id))
        return list(filter(None, map(self._entry, served)))

    def is_fixed_chat(self, chat_id: int) -> bool:
        return any(each.chat == chat_id for each in self._settings.schedules)

    # For chats

    def summary(self, chat_id: int, texts: Texts) -> list[str]:
        """The chat's schedules in lines, for the end of another message. Raises StoreError."""
        schedules = self._store.of(chat_id)
        return ["", *self._lines(schedules, texts)] if schedules else []

    def listing(self, chat_id: int, texts: Texts, heading: str = "") -> Reply:
        """The chat's schedules, each with its next moment. Raises StoreError."""
        schedules = self._store.of(chat_id)
        usage = texts("schedule.usage" if chat_id > 0 else "schedule.group")
        lines = [*filter(None, [heading]), *self._lines(schedules, texts), "", usage]
        buttons = [
            [Button(f"✖️ {_words(schedule, texts)}", f"{REMOVE}{schedule.id}")]
            for schedule in schedules
            if not schedule.is_fixed
        ]
        return Reply(message(lines), buttons)

    def change(
        self, chat_id: int, argument: str, texts: Texts, source: Source | None = None
    ) -> Reply:
        """Answer `/schedule <argument>`, for pictures from `source`. Raises StoreError."""
        if not argument:
            return self.listing(chat_id, texts)
        if chat_id < 0:
            return Reply(texts("schedule.group"))
        if argument.lower() in OFF:
            removed = self.remove(chat_id)
            heading = texts("schedule.removed", n=removed) if removed else ""
            return self.listing(chat_id, texts, heading)
        return self._add(chat_id, argument, texts, source)

    def remove(self, chat_id: int, schedule_id: int | None = None) -> int:
        """Remove one schedule that a chat has added, or all; their number. Raises StoreError."""
        own = (each for each in self._store.of(chat_id) if not each.is_fixed)
        removed = [each for each in own if schedule_id in (None, each.id)]
        if removed:
            self._store.remove(removed, self._now())
            self._log("schedule_removed", removed)
            self.changed()
        return len(removed)

    def _add(self, chat_id: int, argument: str, texts: Texts, source: Source | None) -> Reply:
        when, count = _counted(argument)
        try:
            timetable = read(when)
        except TimetableError as error:
            return Reply(texts(f"schedule.{error.fault}"))
        if len(self._store.of(chat_id)) >= MOST_SCHEDULES:
            return self.listing(chat_id, texts, texts("schedule.full", n=MOST_SCHEDULES))
        schedule = self._store.add(chat_id, timetable.text, count, self._now(), source)
        if schedule is None:
            return self.listing(chat_id, texts, texts("schedule.there_already"))
        self._log("schedule_added", [schedule])
        self.changed()
        return self.listing(chat_id, texts, texts("schedule.added"))

    def _lines(self, schedules: list[Schedule], texts: Texts) -> list[str]:
        if not schedules:
            return [texts("schedule.none")]
        zone = self._chats.values(schedules[0].chat_id).timezone
        heading = texts("schedule.heading", zone=zone.key)
        return [heading, *(self._line(*each, zone, texts) for each in enumerate(schedules, 1))]

    def _line(self, number: int, schedule: Schedule, zone: ZoneInfo, texts: Texts) -> str:
        entry = self._entry(schedule)
        line = f"{number}. {_words(schedule, texts)}"
        if schedule.zone not in ("", zone.key):
            line += f" ({schedule.zone})"
        if schedule.is_fixed:
            line += f" – {texts('schedule.fixed')}"
        if entry is None:
            return line
        now = self._now()
        moment = coming(entry.next_after(now), now, zone, texts)
        return f"{line}\n    {texts('schedule.next', moment=moment)}"

    def _entry(self, schedule: Schedule) -> Entry | None:
        """The schedule with its timetable; None if this version cannot read it."""
        values = self._chats.values(schedule.chat_id)
        try:
            timetable = read(schedule.when)
            zone = ZoneInfo(schedule.zone) if schedule.zone else values.timezone
        except (TimetableError, LookupError, OSError, ValueError) as error:
            about = {"chat_id": schedule.chat_id, "when": schedule.when}
            log.error("schedule_unreadable", **about, error=str(error))
            return None
        language = choose(values.language, schedule.language or None)
        return Entry(schedule, timetable, zone, values, language)

    def _log(self, event: str, schedules: Iterable[Schedule]) -> None:
        for schedule in schedules:
            entry = self._entry(schedule)
            due = entry and entry.next_after(self._now()).isoformat()
            log.info(event, chat_id=schedule.chat_id, when=schedule.when, due=due)


def source_of(argument: str) -> tuple[str, str] | None:
    """Divide `WHEN from WHAT` into both; None if there is no WHAT.

    Both may have the word in them, as in `9:00 from mon to fri`: the longest WHEN that can be
    read counts.
    """
    found = [
        (argument[: each.start()], argument[each.end() :]) for each in _FROM.finditer(argument)
    ]
    if not found or _is_readable(argument):
        return None
    readable = [each for each in found if _is_readable(each[0])]
    return readable[-1] if readable else found[0]


def _is_readable(argument: str) -> bool:
    try:
        read(_counted(argument)[0])
    except TimetableError as error:
        return error.fault is not TimetableFault.UNREADABLE
    return True


def _counted(argument: str) -> tuple[str, int]:
    """Divide `WHEN xN` into both."""
    match = _COUNT.fullmatch(argument)
    return (match["when"], int(match["count"])) if match else (argument, 1)


def _key(filter: str) -> str:
    return sources.read(filter).key if filter else ""


def _words(schedule: Schedule, texts: Texts) -> str:
    line = schedule.when if schedule.count == 1 else f"{schedule.when} ×{schedule.count}"
    if not schedule.source:
        return line
    source = sources.from_key(schedule.source)
    shown = replace(source, name=schedule.source_name or source.name)
    return f"{line} {words.label(shown, texts)}"
