"""Schedules in the database, and the moments of them that are claimed.

The caller knows when a schedule is due. A moment of a schedule is claimed at most once, also
after a restart and by a clock that was put back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, fn

from ..models import Request, Schedule, Source, Trigger
from .database import Database
from .history import IS_WAITING, insert_request
from .tables import Chats, Requests, Schedules

#: A removed schedule can be restored for so long.
KEPT = timedelta(days=7)
#: A schedule of the settings: its chat, its times, its zone, its count, its source, its topic, and
#: whether it is silent.
Fixed = tuple[int, str, str, int, str, int, bool]

# The chat that a group has become, and the chat of a schedule.
_HEIR = Chats.alias("heir")
_CHAT = Chats.alias("chat")
_its_chat = fn.COALESCE(_HEIR.chat_id, Schedules.chat_id)
_TIMES = (Schedules.when, Schedules.zone, Schedules.count, Schedules.source, Schedules.topic)
_is_there = Schedules.removed_at.is_null()
# In SQL itself, since it is asked for each picture, and Peewee takes longer than SQLite.
_WAITING = "SELECT 1 FROM requests WHERE id = ? AND state = 'waiting'"
# The columns of `Fixed`.
_FIXED: Sequence[Any] = (Schedules.chat_id, *_TIMES, Schedules.is_silent)


class ScheduleStore:
    """The schedules of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database
        #: Whether each schedule, by its chat and times, was served when this process last tried.
        self.was_served: dict[tuple[int, str], bool] = {}

    def active(self) -> list[Schedule]:
        """The schedules of the chats that can be written to."""
        return self._select(_is_there & _CHAT.gone_since.is_null())

    def of(self, chat_id: int) -> list[Schedule]:
        """A chat's schedules, those of the settings first."""
        return self._select(_is_there & (_its_chat == chat_id))

    def add(
        self,
        chat_id: int,
        when: str,
        count: int,
        now: datetime,
        source: Source | None = None,
        *,
        topic: int = 0,
        is_silent: bool = False,
    ) -> Schedule | None:
        """Add a schedule for a chat or a topic, from now on; None if it is there already."""
        key, name = (source.key, source.name) if source else ("", "")
        same = (Schedules.chat_id == chat_id) & (Schedules.when == when)
        same &= (Schedules.count == count) & (Schedules.source == key) & (Schedules.topic == topic)
        with self._db.writing():
            if self._db.row(Schedules.select(Schedules.id).where(same, _is_there)):
                return None
            self._db.write(Schedules.delete().where(same))
            row = (chat_id, when, "", count, key, topic, is_silent)
            id = self._insert(row, now, is_fixed=False, name=name)
            return self._select(Schedules.id == id)[0]

    def remove(self, schedules: Iterable[Schedule], now: datetime) -> None:
        """Remove schedules, and give up their requests that still wait."""
        its = Schedules.id.in_([schedule.id for schedule in schedules])
        ids = Schedules.select(Schedules.id).where(its)
        with self._db.writing():
            failed = Requests.update(state="failed", finished_at=now).where(
                Requests.schedule_id.in_(ids), IS_WAITING
            )
            self._db.write(failed)
            self._db.write(Schedules.update(removed_at=now).where(its))
            is_past = Schedules.is_fixed | (Schedules.removed_at < now - KEPT)
            self._db.write(Schedules.delete().where(is_past, ~_is_there))

    def removed(self, chat_id: int, moment: datetime) -> list[Schedule]:
        """A chat's schedules that were removed at this moment, and are still kept."""
        return self._select((_its_chat == chat_id) & (Schedules.removed_at == moment))

    def restore(self, schedules: Iterable[Schedule], now: datetime) -> None:
        """Bring removed schedules back; they count from now on."""
        its = Schedules.id.in_([schedule.id for schedule in schedules])
        self._db.write(Schedules.update(removed_at=None, handled_until=now).where(its))

    def set_fixed(
        self, wanted: Iterable[Fixed], now: datetime
    ) -> tuple[list[Schedule], list[Schedule]]:
        """Have exactly these schedules of the settings; the added ones, and the removed ones.

        A new one counts from now on; the others keep their handled moments.
        """
        wanted = set(wanted)
        fixed = Schedules.select(Schedules.id, *_FIXED).where(Schedules.is_fixed)
        with self._db.writing():
            gone = [id for id, *row in self._db.rows(fixed) if tuple(row) not in wanted]
            removed = self._select(Schedules.id.in_(gone))
            self.remove(removed, now)
            added = [self._insert(each, now, is_fixed=True) for each in sorted(wanted)]
            return self._select(Schedules.id.in_(list(filter(None, added)))), removed

    def rewind(self, now: datetime) -> None:
        """Where the clock was ahead, count no moment in the future as handled."""
        ahead = Schedules.update(handled_until=now).where(Schedules.handled_until > now)
        self._db.write(ahead)

    def skip(self, schedule: Schedule, until: datetime) -> None:
        """Note that all moments up to this one are handled."""
        its = Schedules.id == schedule.id
        self._db.write(Schedules.update(handled_until=until).where(its))

    def claim(
        self, schedule: Schedule, due: datetime, language: str, now: datetime
    ) -> Request | None:
        """Claim a moment of a schedule; the request that serves it.

        None if it was claimed before, if the schedule was removed, or its chat is gone.
        """
        with self._db.writing():
            its = Schedules.id == schedule.id
            current = self._select(its & _is_there & _CHAT.gone_since.is_null())
            if not current:
                return None
            chat_id = current[0].chat_id
            user_id = max(0, chat_id)  # a private chat has the id of its user
            count, when, clock = schedule.count, schedule.when, Trigger.SCHEDULE
            source = schedule.source
            whose = (0, chat_id, user_id, count, clock, now, language, source)
            request = Request(*whose, when, due, schedule.is_silent, schedule.topic)
            claimed = insert_request(self._db, request, schedule_id=schedule.id)
            if claimed:
                self.skip(schedule, due)
            return claimed

    def is_wanted(self, request_id: int) -> bool:
        """Whether a request still waits, and was not given up with its schedule."""
        return bool(self._db.run(_WAITING, [request_id]))

    def _select(self, condition: Any) -> list[Schedule]:
        state = (
            Schedules.source_name,
            Schedules.is_fixed,
            Schedules.handled_until,
            fn.COALESCE(_CHAT.language, ""),
            Schedules.is_silent,
        )
        query = (
            Schedules.select(Schedules.id, _its_chat, *_TIMES, *state)
            .join(_HEIR, JOIN.LEFT_OUTER, on=(_HEIR.moved_from == Schedules.chat_id))
            .join(_CHAT, JOIN.LEFT_OUTER, on=(_CHAT.chat_id == _its_chat))
            .where(condition)
            .order_by(Schedules.is_fixed.desc(), Schedules.id)
        )
        return [Schedule(*row) for row in self._db.rows(query)]

    def _insert(
        self, schedule: Fixed, now: datetime, *, is_fixed: bool, name: str = ""
    ) -> int | None:
        """The id of a new schedule; None if it is there already."""
        row = {field.name: value for field, value in zip(_FIXED, schedule, strict=True)}
        row |= {"source_name": name, "is_fixed": is_fixed, "handled_until": now}
        return self._db.insert("schedules", **row)
