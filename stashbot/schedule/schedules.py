"""The schedules of chats: listed, added and removed by `/schedule` and its buttons."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from ..messages import sources as words
from ..messages.catalogue import TEXTS, Texts, choose, coming, recurring
from ..messages.chat_settings import zone_question
from ..messages.labels import shortened
from ..messages.plain_text import cleaned, message
from ..models import Button, ChatValues, Reply, Rows, Schedule, Source, as_text
from ..rules import sources
from ..rules.timetable import Timetable, TimetableError, TimetableFault, window
from ..rules.when.arguments import Argument
from ..rules.when.reading import guess, read, recurrence
from ..settings.keys import MOST_SCHEDULES, Settings
from ..store.store import Store

log = structlog.get_logger()

#: Buttons of schedules: `unorder` removes one of the list, `unadd` takes its addition back. Instead
#: of an id, `unremove` has the moment of a removal, in microseconds since 1970.
CHANGE = re.compile(r"(?P<action>unorder|unadd|unremove|list-schedules):(?P<id>\d{1,16})")
#: Adds the schedule that an argument of `/schedule` names.
ADD = re.compile("schedule:(?P<argument>.+)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: https://core.telegram.org/bots/api#inlinekeyboardbutton
MOST_DATA_BYTES = 64
#: Characters of a WHEN that is shown as it was typed.
LONGEST_WHEN = 40
#: The arguments that remove all schedules, or end a chat's standing source.
OFF = {"off", "выкл", "выключить", "нет"}


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
        # A zone that was not chosen gives way to that of the chat.
        unset = None if self._settings.is_zone_chosen else self._settings.timezone
        wanted = [
            (each.chat, each.when, zone, each.count, _key(each.filter), each.topic, each.silent)
            for each in self._settings.schedules
            for zone in ["" if each.timezone is unset else each.timezone.key]
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
        """The chat's schedules in lines of HTML, for the end of a message. Raises StoreError."""
        schedules = self._store.of(chat_id)
        return ["", *self._lines(schedules, texts)] if schedules else []

    def listing(self, chat_id: int, texts: Texts, heading: str = "") -> Reply:
        """The chat's schedules, each with its next moment. Raises StoreError."""
        schedules = self._store.of(chat_id)
        usage = texts("schedule.usage" if chat_id > 0 else "schedule.group")
        lines = [*filter(None, [_escaped(heading)]), *self._lines(schedules, texts), "", usage]
        buttons = [
            [Button(f"❌ {_words(schedule, texts)}", f"unorder:{schedule.id}")]
            for schedule in schedules
            if not schedule.is_fixed
        ]
        return Reply(message(lines, is_html=True), buttons, is_html=True)

    def change(
        self,
        chat_id: int,
        topic: int,
        asked: Argument,
        texts: Texts,
        source: Source | None = None,
    ) -> Reply:
        """Answer `/schedule` with an argument, for pictures from `source`. Raises StoreError.

        They go to the forum topic of the command, if it has one.
        """
        if not asked.when:
            return self.listing(chat_id, texts)
        if chat_id < 0:
            return Reply(texts("schedule.group"))
        if asked.when.lower() not in OFF:
            return self._add(chat_id, topic, asked, texts, source)
        if removed := self._remove(chat_id, now := self._now()):
            return Reply(texts("schedule.removed", n=len(removed)), _removed(now, texts))
        return self.listing(chat_id, texts)

    def press(self, chat_id: int, action: str, id: int, texts: Texts) -> Reply:
        """The text of a message after a press of one of its buttons. Raises StoreError.

        A button whose effect is there already, or is not possible any more, shows the list.
        """
        if action == "unremove":
            return self.listing(chat_id, texts, self._restore(chat_id, id, texts))
        now = self._now()
        removed = self._remove(chat_id, now, id) if action in ("unorder", "unadd") else []
        if not removed:
            return self.listing(chat_id, texts)
        undone = texts("schedule.undone", when=_words(removed[0], texts))
        if action == "unorder":
            return self.listing(chat_id, texts, undone)
        return Reply(undone, _removed(now, texts))

    def remove(self, chat_id: int) -> None:
        """Remove all schedules that a chat has added. Raises StoreError."""
        self._remove(chat_id, self._now())

    def _remove(self, chat_id: int, now: datetime, id: int | None = None) -> list[Schedule]:
        """Remove one schedule that a chat has added, or all."""
        own = (each for each in self._store.of(chat_id) if not each.is_fixed)
        removed = [each for each in own if id in (None, each.id)]
        if removed:
            self._store.remove(removed, now)
            self._log("schedule_removed", removed)
            self.changed()
        return removed

    def _restore(self, chat_id: int, removed_at: int, texts: Texts) -> str:
        """Bring back the schedules that were removed at a moment; the heading to show."""
        moment = EPOCH + removed_at * timedelta(microseconds=1)
        removed = self._store.removed(chat_id, moment)
        if not removed:
            return ""
        if len(self._store.of(chat_id)) + len(removed) > MOST_SCHEDULES:
            return texts("schedule.full", n=MOST_SCHEDULES)
        self._store.restore(removed, self._now())
        self._log("schedule_added", removed)
        self.changed()
        return texts("schedule.restored", n=len(removed))

    def _add(
        self, chat_id: int, topic: int, asked: Argument, texts: Texts, source: Source | None
    ) -> Reply:
        try:
            timetable = read(asked.when)
        except TimetableError as error:
            if error.fault is TimetableFault.UNREADABLE:
                return _unclear(asked, texts)
            return Reply(texts(f"schedule.{error.fault}"))
        if len(self._store.of(chat_id)) >= MOST_SCHEDULES:
            return self.listing(chat_id, texts, texts("schedule.full", n=MOST_SCHEDULES))
        now, times = self._now(), timetable.recurrence
        # One form for all phrases that mean the same, so that none is there twice.
        when = recurring(times, TEXTS["en"]) if times else timetable.text
        schedule = self._store.add(
            chat_id, when, asked.count, now, source, topic=topic, is_silent=asked.is_silent
        )
        if schedule is None:
            return self.listing(chat_id, texts, texts("schedule.there_already"))
        self._log("schedule_added", [schedule])
        self.changed()
        return self._added(schedule, now, texts)

    def _added(self, schedule: Schedule, now: datetime, texts: Texts) -> Reply:
        """The answer to a new schedule, the first of a chat with a question about its zone."""
        entry, values = self._entry(schedule), self._chats.values(schedule.chat_id)
        moment = coming(entry.next_after(now) if entry else now, now, values.timezone, texts)
        added = texts("schedule.added", when=_escaped(_words(schedule, texts)), moment=moment)
        rows = _buttons(f"unadd:{schedule.id}", texts)
        if values.is_zone_chosen or values.is_zone_asked:
            return Reply(added, rows, is_html=True)
        self._chats.change(schedule.chat_id, "is_zone_asked", as_text(value=True), now)
        question = f"{added}\n\n{texts('schedule.zone')}"
        return Reply(question, [*zone_question(texts), *rows], is_html=True)

    def _lines(self, schedules: list[Schedule], texts: Texts) -> list[str]:
        if not schedules:
            return [texts("schedule.none")]
        values = self._chats.values(schedules[0].chat_id)
        zone, key = values.timezone, "heading" if values.is_zone_chosen else "heading_unset"
        heading = texts(f"schedule.{key}", zone=zone.key)
        return [heading, *(self._line(*each, zone, texts) for each in enumerate(schedules, 1))]

    def _line(self, number: int, schedule: Schedule, zone: ZoneInfo, texts: Texts) -> str:
        entry = self._entry(schedule)
        line = f"{number}. {_escaped(_words(schedule, texts))}"
        if schedule.zone not in ("", zone.key):
            line += f" ({schedule.zone})"
        if schedule.is_fixed:
            line += f" – {texts('schedule.fixed')}"
        if entry is None:
            return line
        now = self._now()
        moment = coming(entry.next_after(now), now, zone, texts)
        return f"{line}\n{texts('schedule.next', moment=moment)}"

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


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _buttons(undo: str, texts: Texts) -> Rows:
    """Under an answer: to undo it, and to see all schedules."""
    see_all = Button(texts("schedule.all"), "list-schedules:0")
    return [[Button(texts("schedule.undo"), undo), see_all]]


def _removed(now: datetime, texts: Texts) -> Rows:
    return _buttons(f"unremove:{(now - EPOCH) // timedelta(microseconds=1)}", texts)


def _unclear(asked: Argument, texts: Texts) -> Reply:
    """Tell what would be right, with a button for the times that are probably meant."""
    asked = replace(asked, what=cleaned(asked.what))
    when, usage = shortened(cleaned(asked.when), LONGEST_WHEN), texts("schedule.usage")
    times = guess(asked.when)
    data = f"schedule:{replace(asked, when=recurring(times, TEXTS['en']))}" if times else ""
    if times is None or len(data.encode()) > MOST_DATA_BYTES:
        return Reply(f"{texts('schedule.unreadable', when=when)}\n\n{usage}")
    meant = _capital(recurring(times, texts))
    shown = _joined(meant, asked.count, asked.what, is_silent=asked.is_silent)
    text = f"{texts('schedule.unclear', when=when)}\n\n{usage}"
    return Reply(text, [[Button(f"✅ {shown}", data)]])


def _key(filter: str) -> str:
    return sources.read(filter).key if filter else ""


def _words(schedule: Schedule, texts: Texts) -> str:
    """A schedule in one line: its times, the size of an album, its source, 🔕 and its topic."""
    times, what = recurrence(schedule.when), ""
    when = _capital(recurring(times, texts)) if times else schedule.when
    if schedule.source:
        source = sources.from_key(schedule.source)
        what = words.label(replace(source, name=schedule.source_name or source.name), texts)
    shown = _joined(when, schedule.count, what, is_silent=schedule.is_silent)
    return f"{shown} {texts('schedule.topic', id=schedule.topic)}" if schedule.topic else shown


def _joined(when: str, count: int, what: str, *, is_silent: bool) -> str:
    parts = [when, f"×{count}" if count > 1 else "", what, "🔕" if is_silent else ""]
    return " ".join(filter(None, parts))


def _capital(line: str) -> str:
    return f"{line[0].upper()}{line[1:]}"
