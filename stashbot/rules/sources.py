"""Where pictures come from: sources read from words, and as conditions for Stash. Pure.

A condition is JSON of Stash's ImageFilterType.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count as count_from
from typing import Any

from ..models import LIBRARY, Feature, Place, SentPicture, Source, SourceKind

#: The most pictures of one request.
MOST_PICTURES = 10
#: The most characters of a name.
MOST_NAME = 100
#: An image is new for this time after it came into the library.
NEW_FOR = timedelta(days=30)
#: Days of one condition: Stash nests them, and SQLite does not parse more than about 30 levels.
MOST_DAYS = 20

#: Dates in earlier years are taken for mistakes: each year costs a part of a question.
FIRST_YEAR = 1500

#: The words for sources that have no name. ё is written as е.
WORDS = {
    "all": SourceKind.ALL,
    "everything": SourceKind.ALL,
    "все": SourceKind.ALL,
    "today": SourceKind.TODAY,
    "сегодня": SourceKind.TODAY,
    "new": SourceKind.NEW,
    "новое": SourceKind.NEW,
    "новые": SourceKind.NEW,
    "liked": SourceKind.LIKED,
    "понравившиеся": SourceKind.LIKED,
    "любимые": SourceKind.LIKED,
    "unrated": SourceKind.UNRATED,
    "без оценки": SourceKind.UNRATED,
    "неоцененные": SourceKind.UNRATED,
}
_QUOTED = re.compile("[\"'«“„”](.*)[\"'»“”]", re.DOTALL)
_COUNTED = re.compile(r"([0-9]{1,6})(?:\s+(\S.*))?", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """The argument of `/random`: how many pictures, and from where.

    `source` is None for the standing one; `is_cut` if more pictures were asked for than one
    request has.
    """

    count: int
    source: Source | None
    is_cut: bool = False


@dataclass(frozen=True)
class Wanted:
    """A name to look up: the `whole` text and, if a number begins it, the words behind it."""

    whole: str
    words: str
    is_cut: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is a number of more pictures than one request has, and nothing else."""
        return self.is_cut and not self.words


def read_request(argument: str) -> Asked:
    """Read the argument of `/random`: `[N] [WHAT]`."""
    argument = " ".join(argument.split())
    match = _COUNTED.fullmatch(argument)
    if not argument:
        return Asked(1, None)
    if not match or not int(match[1]):
        return Asked(1, read(argument))
    count, words = int(match[1]), match[2]
    is_cut = count > MOST_PICTURES
    source = read(words) if words else None
    if (source and source.kind is SourceKind.NAME) or (is_cut and not words):
        # It may be the name of something, as in "20" or "2 cats", so it is kept whole.
        source = Source(SourceKind.NAME, name=argument[:MOST_NAME])
    return Asked(min(count, MOST_PICTURES), source, is_cut)


def read(text: str) -> Source:
    """Read a WHAT: a word that stands for a source, else a name, which may stand in quotes."""
    text = " ".join(text.split())
    kind = WORDS.get(text.casefold().replace("ё", "е"), SourceKind.NAME)
    return Source(kind, name=text[:MOST_NAME] if kind is SourceKind.NAME else "")


def wanted(source: Source, *, is_counted: bool = True) -> Wanted:
    """Return the readings of a NAME; `words` are empty for a number alone.

    Unless `is_counted`, a number at its beginning belongs to the name.
    """
    match = _COUNTED.fullmatch(source.name) if is_counted else None
    if not match:
        return Wanted(_unquoted(source.name), _unquoted(source.name))
    return Wanted(source.name, _unquoted(match[2] or ""), int(match[1]) > MOST_PICTURES)


def _unquoted(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted[1].strip() if quoted else text


def from_key(key: str) -> Source:
    """Return the source of a key. Raises ValueError for any other text."""
    kind, _, rest = key.partition(":")
    if kind == SourceKind.NAME:
        return Source(SourceKind.NAME, name=rest)
    source = Source(SourceKind(kind), int(rest or 0))
    if source.kind is SourceKind.TODAY and source.id:
        month, day = divmod(source.id, 100)
        date(2000, min(month, 13), day)  # so large a number would be an OverflowError
    return source


def of_picture(sent: SentPicture) -> Source:
    """Return the source of a picture that was sent; the library if it is not known."""
    source = from_key(sent.source) if sent.source else LIBRARY.source
    return replace(source, name=sent.source_name or source.name)


def of_feature(feature: Feature) -> Source:
    """Return the source of all images that share a feature."""
    return Source(SourceKind(feature.facet), feature.id, feature.name)


def feature(source: Source) -> Feature | None:
    """Return the feature that the images of a source share, None if they share none."""
    return Feature(source.facet, source.id, source.name) if source.facet else None


def place(source: Source, now: datetime) -> Place:
    """Return the place of a source that Stash need not be asked about.

    That is each kind but FILTER, TODAY, LIKED, BEST, LIKE and NAME.
    """
    ids = {"value": [str(source.id)], "modifier": "INCLUDES"}
    conditions: dict[SourceKind, dict[str, Any]] = {
        SourceKind.TAG: {"tags": ids | {"depth": 0}},
        SourceKind.PERFORMER: {"performers": ids},
        SourceKind.GALLERY: {"galleries": ids},
        SourceKind.STUDIO: {"studios": ids | {"depth": 0}},
        SourceKind.NEW: {"created_at": _after(now - NEW_FOR)},
        SourceKind.UNRATED: {
            "rating100": {"value": 0, "modifier": "IS_NULL"},
            "OR": {"rating100": {"value": 0, "modifier": "EQUALS"}},
        },
    }
    return Place(source, conditions.get(source.kind))


def _after(moment: datetime) -> dict[str, str]:
    # By the day, so that the place is the same all day.
    return {"value": f"{moment.astimezone(UTC):%Y-%m-%d}T00:00", "modifier": "GREATER_THAN"}


def on_days(days: Sequence[date], margin: timedelta = timedelta()) -> Iterator[dict[str, Any]]:
    """Yield conditions that together find the images of these days, or of days so near."""
    for start in range(0, len(days), MOST_DAYS):
        nested: dict[str, Any] = {}
        for day in days[start : start + MOST_DAYS]:
            nested = {"date": _between(day - margin, day + margin)} | (
                {"OR": nested} if nested else {}
            )
        yield nested


def _between(first: date, last: date) -> dict[str, str]:
    if first == last:
        return {"value": first.isoformat(), "modifier": "EQUALS"}
    return {"value": first.isoformat(), "value2": last.isoformat(), "modifier": "BETWEEN"}


def in_earlier_years(day: date, first_year: int) -> list[date]:
    """Return this day of each earlier year from `first_year` on, the latest first."""
    years = range(day.year - 1, max(first_year, FIRST_YEAR) - 1, -1)
    is_leap_day = (day.month, day.day) == (2, 29)
    return [day.replace(year=year) for year in years if not is_leap_day or _is_leap(year)]


def day_in(year: int, number: int) -> date:
    """Return the day with the number month × 100 + day: 29 February may be in a later year."""
    month, day = divmod(number, 100)
    is_leap_day = (month, day) == (2, 29)
    return next(
        date(each, month, day) for each in count_from(year) if not is_leap_day or _is_leap(each)
    )


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def nearest_day(day: date, dates: Sequence[date]) -> int | None:
    """Return the day of the year nearest to `day` among dates, as month × 100 + day."""

    def distance(found: date) -> int:
        apart = abs((date(2000, found.month, found.day) - date(2000, day.month, day.day)).days)
        return min(apart, 366 - apart)

    found = min(dates, key=distance, default=None)
    return found.month * 100 + found.day if found else None
