"""The sentences of the bot in each language, and numbers and times in words. Pure.

The sentences are plain text in `locales/`, one TOML file a language, read at import.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any, cast
from zoneinfo import ZoneInfo

LANGUAGES = ("en", "ru")

_DURATIONS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
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
    """A future moment: by the clock of a zone, and the time until then."""
    local = moment.astimezone(zone)
    # Whole minutes, rounded up, so that it never says that no time is left.
    minutes = max(1, -((now - moment) // timedelta(minutes=1)))
    return texts(
        "schedule.moment",
        weekday=texts(f"weekday.{local.isoweekday()}"),
        time=local.strftime("%Y-%m-%d %H:%M"),
        left=duration(60 * minutes, texts),
    )


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
