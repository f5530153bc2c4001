"""The sentences of the bot in each language, and numbers and times in words. Pure.

The sentences are plain text in `locales/`, one TOML file a language, read at import.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any, cast
from zoneinfo import ZoneInfo

from ..models import WHOLE_WEEK, Recurrence

LANGUAGES = ("en", "ru")

#: The day of the week, the date and the time: https://core.telegram.org/bots/api#date-time-entity-formatting
MOMENT_FORMAT = "wDt"
#: Joins a number and its unit, so that no line ends between them.
NO_BREAK = "\u00a0"
#: From so many days on, a date has its year.
FAR_DAYS = 300

_DURATIONS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
_DAYS_OF_A_KIND = {WHOLE_WEEK: "daily", (1, 2, 3, 4, 5): "weekdays", (6, 7): "weekends"}
_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def choose(setting: str, code: str | None) -> str:
    """The language by the setting or, for `auto`, by the IETF tag of the user in Telegram."""
    if setting != "auto":
        return setting
    primary = (code or "").partition("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language, by key: `texts("stats.today", n=5)`.

    A phrase is a `str.format` template, or a mapping from plural category to one.
    """

    language: str
    phrases: Mapping[str, str | Mapping[str, str]]

    def __call__(self, key: str, /, **values: object) -> str:
        """The sentence with its values; a plural takes its number as `n`. Raises KeyError."""
        phrase, n = self.phrases[key], values.get("n")
        if isinstance(n, int):
            values["n"] = f"{n:,}".replace(",", self("number.group"))
        if not isinstance(phrase, str):
            phrase = phrase[_plural(self.language, cast(int, n))]
        return phrase.format_map(values)


def duration(seconds: float, texts: Texts) -> str:
    """A span of time in its largest unit and the next, rounded down: `3 days 4 hours`."""
    left, counts = max(0, int(seconds)), []
    for unit, length in _DURATIONS.items():
        count, left = divmod(left, length)
        counts.append((unit, count))
    shown = list(itertools.dropwhile(lambda part: not part[1], counts))[:2]
    parts = [texts(f"duration.{unit}", n=count) for unit, count in shown if count]
    return " ".join(parts) or texts("duration.seconds", n=0)


def coming(moment: datetime, now: datetime, zone: ZoneInfo, texts: Texts) -> str:
    """A future moment in HTML, and within a day the time until then.

    It is by the clock of the reader if the reader's Telegram can show that, else by that of a zone.
    """
    # Whole minutes, rounded up, so that it never says that no time is left.
    hours, minutes = divmod(max(1, -((now - moment) // timedelta(minutes=1))), 60)
    words = clock_time(moment, now, zone, texts)
    shown = f'<tg-time unix="{int(moment.timestamp())}" format="{MOMENT_FORMAT}">{words}</tg-time>'
    if hours >= 24:
        return shown
    counts = {"hours": hours, "minutes": minutes}
    left = NO_BREAK.join(texts(f"moment.{unit}", n=n) for unit, n in counts.items() if n)
    return texts("moment.soon", moment=shown, left=left)


def clock_time(moment: datetime, now: datetime, zone: ZoneInfo, texts: Texts) -> str:
    """A moment by the clock of a zone: `tomorrow at 09:00`, `Mon 4 May at 09:00`."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    return texts("moment.at", day=_day(local.date(), today, texts), time=f"{local:%H:%M}")


def _day(day: date, today: date, texts: Texts) -> str:
    ahead = (day - today).days
    if near := {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(ahead):
        return texts(f"moment.{near}")
    weekday, month = texts(f"weekday.{day.isoweekday()}"), texts(f"month.{day.month}")
    key = "moment.date" if abs(ahead) < FAR_DAYS else "moment.date_of_year"
    return texts(key, weekday=weekday, day=day.day, month=month, year=day.year)


def recurring(times: Recurrence, texts: Texts) -> str:
    """Recurring times in words that can be read back: `every day at 9:00`."""
    if times.every:
        return _interval(times.every, texts)
    clocks = [*map(_clock, times.minutes)]
    at = texts("recurring.at", times=_listed(clocks, texts))
    if times.step:
        interval = _interval(times.step, texts)
        at = texts("recurring.span", interval=interval, first=clocks[0], last=clocks[-1])
    if times.apart > 1:
        return f"{texts('recurring.days_apart', n=times.apart)} {at}"
    is_daily = times.days == WHOLE_WEEK
    return at if is_daily and times.step else f"{_days(times.days, texts)} {at}"


def _interval(minutes: int, texts: Texts) -> str:
    if minutes % 60:
        return texts("recurring.minutes", n=minutes)
    return texts("recurring.hours" if minutes > 60 else "recurring.hour", n=minutes // 60)


def _days(days: Sequence[int], texts: Texts) -> str:
    """The days of the week: `weekdays`, `Mondays and Fridays`, `Mon–Thu`, `Mon, Wed, Fri`."""
    if key := _DAYS_OF_A_KIND.get(tuple(days)):
        return texts(f"recurring.{key}")
    if len(days) < 3:
        return texts("recurring.on", days=_listed([texts(f"day.{day}") for day in days], texts))
    names = [texts(f"weekday.{day}") for day in days]
    first = [day for day in days if (day - 2) % 7 + 1 not in days]
    if len(first) > 1:
        return ", ".join(names)
    last = (first[0] + len(days) - 2) % 7 + 1
    return f"{texts(f'weekday.{first[0]}')}–{texts(f'weekday.{last}')}"


def _listed(parts: Sequence[str], texts: Texts) -> str:
    *most, last = parts
    return texts("recurring.list", most=", ".join(most), last=last) if most else last


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


def calendar_day(day: date, texts: Texts) -> str:
    """A day with its year: `May 4, 2026`."""
    return texts("source.date", day=day.day, month=texts(f"month.{day.month}"), year=day.year)


def size(bytes: int, texts: Texts) -> str:
    """An amount of data in decimal units, with at most one decimal: `1.4 MB`."""
    amounts = [(unit, (10 * bytes + length // 2) // length) for unit, length in _SIZES.items()]
    unit, tenths = next((each for each in amounts if each[1] < 10_000), amounts[-1])
    return texts(f"size.{unit}", value=decimal(tenths, texts))


def decimal(tenths: int, texts: Texts) -> str:
    """A number of tenths, with at most one decimal."""
    whole, tenth = divmod(tenths, 10)
    return f"{whole}{texts('number.decimal')}{tenth}" if tenth else str(whole)


def _plural(language: str, n: int) -> str:
    """The plural category of a whole number."""
    # https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html
    if language == "en":
        return "one" if n == 1 else "other"
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    return "few" if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else "many"


def _load(language: str) -> Texts:
    file = resources.files(__package__) / "locales" / f"{language}.toml"
    return Texts(language, dict(_flattened(tomllib.loads(file.read_text("utf-8")))))


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with their phrases; a table of plural forms is one phrase."""
    for name, value in table.items():
        if isinstance(value, str) or "other" in value or "many" in value:
            yield prefix + name, value
        else:
            yield from _flattened(value, f"{prefix}{name}.")


TEXTS: Mapping[str, Texts] = {language: _load(language) for language in LANGUAGES}
