"""Schedules in the database, and the moments of them that are claimed.

The caller knows when a schedule is due. A moment of a schedule is claimed at most once, also
after a restart and by a clock that was put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from ..models import Request, Schedule, Trigger
from .database import Database
from .tables import Chats, Requests, Schedules

#: A schedule of the settings: its chat, its times, its zone and its count.
Fixed = tuple[int, str, str, int]


class ScheduleStore:
    """The schedules of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def active(self) -> list[Schedule]:
        """The schedules of the chats that can be written to."""
        return self._select(_CHAT.gone_since.is_null())

    def of(self, chat_id: int) -> list[Schedule]:
        """A chat's schedules, those of the settings first."""
        return self._select(_chat_id() == chat_id)

    def add(self, chat_id: int, when: str, count: int, now: datetime) -> Schedule | None:
        """Add a schedule for a chat, from now on; None if the chat has it already."""
        same = Schedules.select(Schedules.id).where(
            Schedules.chat_id == chat_id, Schedules.when == when, Schedules.count == count
        )
        with self._db.writing():
            if same.exists(self._db):
                return None
            id = self._insert((chat_id, when, "", count), now, is_fixed=False)
            return self._select(Schedules.id == id)[0]

    def remove(self, schedules: Iterable[Schedule], now: datetime) -> None:
        """Remove schedules, and give up their requests that still wait."""
        with self._db.writing():
            self._remove([schedule.id for schedule in schedules], now)

    def set_fixed(
        self, wanted: Iterable[Fixed], now: datetime
    ) -> tuple[list[Schedule], list[Schedule]]:
        """Have exactly these schedules of the settings; the added ones, and the removed ones.

        A new one counts from now on; the others keep their handled moments.
        """
        wanted = set(wanted)
        key = (Schedules.chat_id, Schedules.when, Schedules.zone, Schedules.count)
        fixed = Schedules.select(Schedules.id, *key).where(Schedules.is_fixed == 1).tuples()
        with self._db.writing():
            known = {row[1:]: row[0] for row in fixed.execute(self._db)}
            gone = [known[each] for each in known.keys() - wanted]
            gone_schedules = self._select(Schedules.id.in_(gone))
            self._remove(gone, now)
            for each in sorted(wanted - known.keys()):
                self._insert(each, now, is_fixed=True)
            all_fixed = self._select(Schedules.is_fixed == 1)
        return [
            schedule for schedule in all_fixed if schedule.id not in known.values()
        ], gone_schedules

    def rewind(self, now: datetime) -> None:
        """Where the clock was ahead, count no moment in the future as handled."""
        with self._db.writing():
            Schedules.update(handled_until=now).where(Schedules.handled_until > now).execute(
                self._db
            )

    def skip(self, schedule: Schedule, until: datetime) -> None:
        """Note that all moments up to this one are handled."""
        with self._db.writing():
            self._handle(schedule, until)

    def claim(
        self, schedule: Schedule, due: datetime, language: str, now: datetime
    ) -> Request | None:
        """Claim a moment of a schedule; the request that serves it.

        None if it was claimed before, if the schedule was removed, or its chat is gone.
        """
        taken = Requests.select(Requests.id).where(
            Requests.schedule_id == schedule.id, Requests.due == due
        )
        with self._db.writing():
            current = self._select((Schedules.id == schedule.id) & _CHAT.gone_since.is_null())
            if not current or taken.exists(self._db):
                return None
            chat_id = current[0].chat_id
            user_id = max(0, chat_id)  # a private chat has the id of its user
            id = Requests.insert(
                chat_id=chat_id,
                user_id=user_id,
                count=schedule.count,
                trigger=Trigger.SCHEDULE,
                requested_at=now,
                language=language,
                state="waiting",
                schedule_id=schedule.id,
                due=due,
            ).execute(self._db)
            self._handle(schedule, due)
        count, when = schedule.count, schedule.when
        return Request(id, chat_id, user_id, count, Trigger.SCHEDULE, now, language, when, due)

    def is_wanted(self, request_id: int) -> bool:
        """Whether a request still waits, and was not given up with its schedule."""
        waiting = Requests.select(Requests.id).where(
            Requests.id == request_id, Requests.state == "waiting"
        )
        with self._db.reading():
            return bool(waiting.exists(self._db))

    def _select(self, which: Any) -> list[Schedule]:
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

    def _insert(self, schedule: Fixed, now: datetime, *, is_fixed: bool) -> int:
        chat_id, when, zone, count = schedule
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

    def _handle(self, schedule: Schedule, until: datetime) -> None:
        Schedules.update(handled_until=until).where(Schedules.id == schedule.id).execute(self._db)


def resumed(chat_id: int, now: datetime) -> Any:
    """A query, not yet executed: the schedules of a chat that was gone go on from now."""
    old_id = Chats.select(Chats.moved_from).where(Chats.chat_id == chat_id)
    its = (Schedules.chat_id == chat_id) | Schedules.chat_id.in_(old_id)
    return Schedules.update(handled_until=now).where(its)


# The chat that a group has become, and the chat of a schedule.
_HEIR, _CHAT = Chats.alias("heir"), Chats.alias("chat")


def _chat_id() -> Any:
    return fn.COALESCE(_HEIR.chat_id, Schedules.chat_id)
