"""Timetables: cron expressions and plain words, and the moments that they name.

Pure functions. Moments are aware and in UTC; the caller gives "now". The fields follow
cron(5). A wall-clock time that daylight saving skips happens at the moment of the change; a
time that it repeats happens once, the first time. An interval counts from midnight of
1 January 2000, and so is the same after each restart.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from ..errors import StashbotError
from ..models import QuietHours

#: The shortest time from one moment to the next.
SHORTEST = timedelta(minutes=5)
#: The longest interval.
LONGEST = timedelta(days=7)
#: A moment is served until so long after it.
GRACE = timedelta(hours=1)
#: The most characters of a text that is read.
MOST = 100

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


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
    """The moments that a text names: by cron expressions, or by an interval."""

    text: str
    crons: tuple[str, ...] = ()
    every: timedelta = timedelta()

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
        for moment in heapq.merge(*(_run(cron, wall, zone) for cron in self.crons)):
            if moment > after:
                yield moment
                after = moment

    def last_until(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The last moment not later than this one; None if there was none."""
        if self.every:
            return _on_grid(moment, self.every, zone)
        # After the clock was put back, its earlier times are ahead of its present one.
        wall = _wall(moment, zone) + _DAY
        runs = (_run(cron, wall, zone, back=True) for cron in self.crons)
        return next((past for past in heapq.merge(*runs, reverse=True) if past <= moment), None)


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


def read(text: str) -> Timetable:
    """The timetable of cron, or of words in English or Russian. Raises TimetableError."""
    # `split` takes some control characters for blanks.
    is_odd = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)
    text = " ".join(text.split())
    if is_odd or len(text) > MOST or not text.isprintable():
        raise TimetableError(TimetableFault.UNREADABLE, text[:MOST])
    words = text.lower().replace("ё", "е")
    timetable = _interval(text, words) or _cron(text, words) or _times(text, words)
    if timetable is None:
        raise TimetableError(TimetableFault.UNREADABLE, text)
    return timetable


# By the wall clock


def _run(cron: str, start: datetime, zone: ZoneInfo, *, back: bool = False) -> Iterator[datetime]:
    for wall in CronSim(cron, start, reverse=back):
        yield _moment(wall, zone)


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


# Cron

_FIELDS = re.compile(r"[*\d,/a-z-]+( [*\d,/a-z-]+){4}", re.ASCII)
_DAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NUMBERS = dict(zip(_DAY_NAMES, count())) | dict(zip(_MONTHS, count(1)))
_STEPPED = re.compile(r"\b(\d+|[a-z]+)-(\d+|[a-z]+)/0*[1-9]\d*(?=[ ,]|$)")


def _cron(text: str, words: str) -> Timetable | None:
    """The timetable of five cron fields; None if the text is no cron expression."""
    # The library gives a meaning to more letters than cron does.
    if not _FIELDS.fullmatch(words) or not set(re.findall("[a-z]+", words)) <= _NUMBERS.keys():
        return None
    expression = _STEPPED.sub(_without_useless_step, words)
    cron = _parsed(expression)
    if cron is None:
        minute, hour, day, month, weekday = words.split()
        if _parsed(f"{minute} {hour} {day} * {weekday}") and _parsed(f"* * * {month} *"):
            raise TimetableError(TimetableFault.NEVER, text)
        return None
    _check_gaps({60 * hour + minute for hour in cron.hours for minute in cron.minutes}, text)
    return Timetable(text, (expression,))


def _without_useless_step(term: re.Match[str]) -> str:
    """A range of one number without its step: the library would go on after the number."""
    first, last = (int(_NUMBERS.get(end, end)) for end in term.groups())
    return f"{term[1]}-{term[2]}" if first == last else term[0]


def _parsed(expression: str) -> CronSim | None:
    try:
        return CronSim(expression, datetime(2000, 1, 1))  # noqa: DTZ001 - as on a wall
    except CronSimError:
        return None


def _check_gaps(minutes: set[int], text: str) -> None:
    """Refuse minutes of the day that are too close, also across midnight."""
    times = sorted(minutes)
    gaps = [after - before for before, after in pairwise([*times, times[0] + 24 * 60])]
    if min(gaps) * _MINUTE < SHORTEST:
        raise TimetableError(TimetableFault.TOO_OFTEN, text)


# Words

_EVERY = r"(?:every|each|кажд(?:ый|ую|ые)|раз в)"
_HOUR = r"h|hrs?|hours?|ч|час(?:а|ов)?"
_SPAN = r"mins?|minutes?|мин|минут[уы]?"
_INTERVAL = re.compile(
    rf"{_EVERY}(?: (?P<count>\d+))? ?(?:(?P<hours>{_HOUR})|(?:{_SPAN}))\.?", re.ASCII
)
_TIME = r"([0-9]{1,2})(?::([0-9]{2}))?(?: ?([ap])\.?m\.?)?"
_CLOCK = rf"(?P<times>{_TIME}(?: ?(?:,|and|и) ?{_TIME})*)"
_TIMES = re.compile(rf"(?P<days>.*?){_CLOCK}")
_TIMES_FIRST = re.compile(rf"(?:(?:at|в|во) )?{_CLOCK} (?P<days>\D*)")
_DAYS = {
    1: "mon monday mondays пн понедельник понедельника понедельникам понедельники",
    2: "tue tues tuesday tuesdays вт вторник вторника вторникам вторники",
    3: "wed wednesday wednesdays ср среда среды среду средам",
    4: "thu thur thurs thursday thursdays чт четверг четверга четвергам четверги",
    5: "fri friday fridays пт пятница пятницы пятницу пятницам",
    6: "sat saturday saturdays сб суббота субботы субботу субботам",
    7: "sun sunday sundays вс воскресенье воскресенья воскресеньям",
}
_DAY_NUMBERS = {name: number for number, names in _DAYS.items() for name in names.split()}
_WHOLE_WEEK, _WEEKDAYS, _WEEKENDS = range(1, 8), range(1, 6), range(6, 8)
_GROUPS = {
    **dict.fromkeys(("", "daily", "everyday", "day", "ежедневно", "день"), _WHOLE_WEEK),
    **dict.fromkeys(("weekdays", "weekday", "будням", "будни"), _WEEKDAYS),
    **dict.fromkeys(("weekends", "weekend", "выходным", "выходные"), _WEEKENDS),
}
#: Words before and between days that carry no meaning.
_SILENT = re.compile("|on|every|each|and|по|во?|и|кажд(?:ый|ую|ое|ые)")
_AT = re.compile(r"(?:^| )(?:at|в|во)$")
_FROM_TO = re.compile(r"(?:\bсо? (\w+) (?:по|до)|(?:\bfrom )?\b(\w+) (?:to|till|through)) (\w+)\b")
_OF_A_KIND = re.compile(r"\b(будн|рабоч|выходн)(?:им|ым) дням|\b(будний|рабочий|выходной) день")


def _interval(text: str, words: str) -> Timetable | None:
    match = _INTERVAL.fullmatch("every hour" if words in ("hourly", "ежечасно") else words)
    if match is None:
        return None
    minutes = int(match["count"] or 1) * (60 if match["hours"] else 1)
    if not 1 <= minutes <= LONGEST // _MINUTE:
        return None
    every = minutes * _MINUTE
    if every < SHORTEST:
        raise TimetableError(TimetableFault.TOO_OFTEN, text)
    return Timetable(text, every=every)


def _times(text: str, words: str) -> Timetable | None:
    """The timetable of days and times of day, such as `mon,fri 20:00`."""
    match = _TIMES.fullmatch(words) or _TIMES_FIRST.fullmatch(words)
    if match is None:
        return None
    days = _days(_AT.sub("", match["days"].strip()).strip())
    times = [_time(*each) for each in re.findall(_TIME, match["times"])]
    if not days or None in times:
        return None
    minutes = {time for time in times if time is not None}
    _check_gaps(minutes, text)
    weekdays = ",".join(map(str, days))
    crons = (f"{time % 60} {time // 60} * * {weekdays}" for time in sorted(minutes))
    return Timetable(text, tuple(crons))


def _time(hour: str, minute: str, half: str) -> int | None:
    """The minute of the day; None for a time that no clock shows."""
    if not (minute or half):
        return None  # a bare number is no clear time
    hours, minutes = int(hour), int(minute or 0)
    if half and not 1 <= hours <= 12:
        return None
    if half:
        hours = hours % 12 + (12 if half == "p" else 0)
    return 60 * hours + minutes if hours < 24 and minutes < 60 else None


def _days(words: str) -> set[int]:
    """The days of the week, Monday 1 to Sunday 7; empty if the words are unknown."""
    words = _OF_A_KIND.sub(lambda match: "выходные" if "выход" in match[0] else "будни", words)
    words = re.sub(r" ?[-–—] ?", "-", _FROM_TO.sub(r"\1\2-\3", words))
    parts = [part for part in re.split("[ ,]+", words) if not _SILENT.fullmatch(part)] or [""]
    found = [_part(part) for part in parts]
    return set().union(*found) if all(found) else set()


def _part(part: str) -> range | list[int]:
    """The days of one name, of a range of names, or of a word for several days."""
    if part in _GROUPS:
        return _GROUPS[part]
    first, dash, last = part.partition("-")
    start, end = _DAY_NUMBERS.get(first), _DAY_NUMBERS.get(last if dash else first)
    if start is None or end is None:
        return []
    return [(start + step - 1) % 7 + 1 for step in range((end - start) % 7 + 1)]
