"""Timetables, and the moments that they name.

Pure functions. Moments are aware and in UTC; the caller gives "now". A wall-clock time that
daylight saving skips happens at the moment of the change; a time that it repeats happens once,
the first time. An interval counts from midnight of 1 January 2000, and so is the same after each
restart.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim

from ..errors import StashbotError
from ..models import QuietHours, Recurrence

#: The shortest time from one moment to the next.
SHORTEST = timedelta(minutes=5)
#: A moment is served until so long after it.
GRACE = timedelta(hours=1)

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
#: Intervals count from its midnight, and each second day from it.
_FIRST_DAY = date(2000, 1, 1)


class TimetableFault(StrEnum):
    """The reasons why a text names no times; each has its sentence in the locale files."""

    UNREADABLE = "unreadable"
    NEVER = "never"
    TOO_OFTEN = "too_often"


class TimetableError(StashbotError):
    """A text is no cron expression, and no words for times that the bot knows."""

    def __init__(self, fault: TimetableFault, text: str) -> None:
        super().__init__(f"{fault}: {text}")
        self.fault = fault


@dataclass(frozen=True)
class Timetable:
    """The moments that a text names; cron expressions may have no recurrence that says the same."""

    text: str = field(compare=False)
    crons: tuple[str, ...] = ()
    recurrence: Recurrence | None = None

    @property
    def every(self) -> timedelta:
        return self.recurrence.every * _MINUTE if self.recurrence else timedelta()

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The first moment later than this one, by a zone's wall clock."""
        for later in self.moments(moment, zone):
            return later
        raise TimetableError(TimetableFault.NEVER, self.text)

    def moments(self, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """All moments later than this one, in ascending order."""
        if self.every:
            while True:
                after = _on_grid(after, self.every, zone) + self.every
                yield after
        wall = _wall(after, zone)
        for moment in heapq.merge(*(self._run(cron, wall, zone) for cron in self.crons)):
            if moment > after:
                yield moment
                after = moment

    def last_until(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The last moment not later than this one; None if there was none."""
        if self.every:
            return _on_grid(moment, self.every, zone)
        # After the clock was put back, its earlier times are ahead of its present one.
        wall = _wall(moment, zone) + _DAY
        runs = (self._run(cron, wall, zone, back=True) for cron in self.crons)
        return next((past for past in heapq.merge(*runs, reverse=True) if past <= moment), None)

    def _run(
        self, cron: str, start: datetime, zone: ZoneInfo, *, back: bool = False
    ) -> Iterator[datetime]:
        apart = self.recurrence.apart if self.recurrence else 1
        for wall in CronSim(cron, start, reverse=back):
            if (wall.date() - _FIRST_DAY).days % apart == 0:
                yield _moment(wall, zone)


#: The quiet hours in which a moment lies, from their beginning to their end; None if in none.
Window = Callable[[datetime], tuple[datetime, datetime] | None]


@dataclass(frozen=True)
class Due:
    """The moment of a timetable to serve now, and the first and the last missed one, if any."""

    serve: datetime | None = None
    missed: tuple[datetime, datetime] | None = None

    @property
    def until(self) -> datetime | None:
        """The newest of these moments."""
        return self.serve or (self.missed and self.missed[1])


def due(
    timetable: Timetable,
    zone: ZoneInfo,
    handled_until: datetime,
    now: datetime,
    quiet: Window = lambda _: None,
) -> Due:
    """Divide the moments after `handled_until`, up to now.

    The newest is served, unless it is more than GRACE ago; the others are missed. Moments in
    quiet hours count as one at their end.
    """
    first = timetable.next_after(handled_until, zone)
    if first > now or quiet(now):
        return Due()
    newest = timetable.last_until(now, zone) or first
    hours = quiet(newest)
    moment = hours[1] if hours else newest
    if now - moment > GRACE:
        return Due(None, (first, newest))
    hours = hours or quiet(moment - _MINUTE)  # those that end now
    begin = hours[0] if hours and hours[1] == moment else newest
    before = timetable.last_until(begin - _MINUTE, zone) or first
    return Due(moment, (first, before) if before >= first else None)


def window(
    hours: QuietHours | None, zone: ZoneInfo, moment: datetime
) -> tuple[datetime, datetime] | None:
    """The beginning and the end of the quiet hours in which a moment lies; None if in none.

    A beginning or an end that daylight saving skips is the moment of the change; of one that it
    repeats, the first counts.
    """
    if hours is None:
        return None
    today = moment.astimezone(zone).date()
    for day in (today - _DAY, today):
        last = day + timedelta(days=hours.end <= hours.start)
        begin = _moment(datetime.combine(day, hours.start), zone)
        end = _moment(datetime.combine(last, hours.end), zone)
        if begin <= moment < end:
            return begin, end
    return None


def by(recurrence: Recurrence, text: str) -> Timetable:
    """The timetable of a recurrence. Raises TimetableError if its times are too close."""
    if recurrence.every:
        if recurrence.every * _MINUTE < SHORTEST:
            raise TimetableError(TimetableFault.TOO_OFTEN, text)
        return Timetable(text, (), recurrence)
    check_gaps(recurrence.minutes, text)
    # Few expressions: each of them takes time to run.
    hours = defaultdict(list)
    for time in recurrence.minutes:
        hours[time % 60].append(time // 60)
    minutes = defaultdict(list)
    for minute, of_minute in hours.items():
        minutes[_listed(of_minute)].append(minute)
    days = _listed(recurrence.days)
    crons = (f"{_listed(each)} {of_day} * * {days}" for of_day, each in minutes.items())
    return Timetable(text, tuple(crons), recurrence)


def check_gaps(minutes: Iterable[int], text: str) -> None:
    """Refuse minutes of the day that are too close, also across midnight."""
    times = sorted(minutes)
    gaps = [after - before for before, after in pairwise([*times, times[0] + 24 * 60])]
    if min(gaps) * _MINUTE < SHORTEST:
        raise TimetableError(TimetableFault.TOO_OFTEN, text)


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


# By the wall clock


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which a zone's clock first shows this time, or jumps over it."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(moment, zone) == wall:
        return moment
    # Skipped: the clock was put forward at the first minute of this offset.
    offset = moment.astimezone(zone).utcoffset()
    while (moment - _MINUTE).astimezone(zone).utcoffset() == offset:
        moment -= _MINUTE
    return moment


def _on_grid(moment: datetime, every: timedelta, zone: ZoneInfo) -> datetime:
    """The last moment of an interval's grid not later than this one."""
    start = datetime(2000, 1, 1, tzinfo=zone).astimezone(UTC)
    return start + (moment - start) // every * every
