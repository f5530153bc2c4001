"""Cron expressions, by cron(5): five fields, with names of days and months. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import count

from cronsim import CronSim, CronSimError

from ...models import Recurrence
from ..timetable import Timetable, TimetableError, TimetableFault, by, check_gaps

#: The most times of day that are told in words, unless they are at equal distances.
MOST_TIMES = 12

_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = re.compile(r"[*\d,/a-z-]+( [*\d,/a-z-]+){4}", re.ASCII)
_DAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NUMBERS = dict(zip(_DAY_NAMES, count())) | dict(zip(_MONTHS, count(1)))
_STEPPED = re.compile(r"\b(\d+|[a-z]+)-(\d+|[a-z]+)/0*[1-9]\d*(?=[ ,]|$)")


def read(text: str, words: str) -> Timetable | None:
    """The timetable of five cron fields or a nickname; None if the text is no cron expression.

    `words` is the text in lower case. Raises TimetableError.
    """
    words = _NICKNAMES.get(words, words)
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
    times = sorted({60 * hour + minute for hour in cron.hours for minute in cron.minutes})
    # A pair would be the last Friday, which `_FIELDS` does not let in.
    days = {day or 7 for day in cron.weekdays if isinstance(day, int)}
    recurrence = Recurrence(tuple(times), tuple(sorted(days)))
    if words.split()[2:4] == ["*", "*"] and (len(times) <= MOST_TIMES or recurrence.step):
        return by(recurrence, text)
    check_gaps(times, text)
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
