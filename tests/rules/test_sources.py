"""Sources read from words, and as conditions for Stash."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Source, SourceKind
from stashbot.rules import sources
from stashbot.rules.sources import MOST_DAYS, MOST_PICTURES, Asked, Wanted

NAME = SourceKind.NAME
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def name(text):
    return Source(NAME, name=text)


@pytest.mark.parametrize(
    ("argument", "count", "key", "is_cut"),
    [
        *((text, int(text or 1), None, False) for text in ("", "1", "2", "10", "05", "0010")),
        *((text, 10, f"name:{text}", True) for text in ("11", "100", "0051", "2024")),
        *((text, 1, f"name:{text}", False) for text in ("0", "00", "-1", "+5", "5.0", "1e1", "٥")),
        ("new", 1, "new", False),
        ("5 new", 5, "new", False),
        ("20 новое", 10, "new", True),
        ("beach", 1, "name:beach", False),
        ("3 beach", 3, "name:3 beach", False),
        ("30  at\tsea ", 10, "name:30 at sea", True),
        ('"new"', 1, 'name:"new"', False),
        ('2 "new"', 2, 'name:2 "new"', False),
        ("9" * 500, 1, f"name:{'9' * 100}", False),
    ],
    ids=lambda value: str(value)[:12] or "nothing",
)
def test_argument_of_random(argument, count, key, is_cut):
    asked = sources.read_request(argument)

    assert (asked.count, asked.is_cut) == (count, is_cut)
    assert (asked.source and asked.source.key) == key


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("all", "all"),
        ("Everything", "all"),
        ("ВСЁ", "all"),
        ("все", "all"),
        ("today", "today"),
        ("Сегодня", "today"),
        ("  NEW ", "new"),
        ("новые", "new"),
        ("liked", "liked"),
        ("любимые", "liked"),
        ("unrated", "unrated"),
        ("без  оценки", "unrated"),
        ("неоценённые", "unrated"),
        ("newest", "name"),
        ("'new'", "name"),
        ("«новое»", "name"),
        ("", "name"),
    ],
)
def test_words_for_sources(text, kind):
    assert sources.read(text).kind == kind


@pytest.mark.parametrize(
    ("text", "whole", "words", "is_cut"),
    [
        ("beach", "beach", "beach", False),
        ('"new"', "new", "new", False),
        ("„все“", "все", "все", False),
        ("20", "20", "", True),
        ("3", "3", "", False),
        ("2 cats", "2 cats", "cats", False),
        ('2 "2 cats"', '2 "2 cats"', "2 cats", False),
        ("99 cats", "99 cats", "cats", True),
        ("7up", "7up", "7up", False),
    ],
)
def test_names_that_may_be_meant(text, whole, words, is_cut):
    assert sources.wanted(name(text)) == Wanted(whole, words, is_cut)


@pytest.mark.parametrize("text", ["20", "2 cats", "0"])
def test_number_that_belongs_to_a_name(text):
    assert sources.wanted(name(text), is_counted=False) == Wanted(text, text)


@pytest.mark.parametrize(
    "source",
    [
        Source(SourceKind.ALL),
        Source(SourceKind.TAG, 12, "sea"),
        Source(SourceKind.TODAY),
        Source(SourceKind.TODAY, 229),
        name("2: cats"),
    ],
    ids=lambda source: source.key,
)
def test_key(source):
    again = sources.from_key(source.key)

    assert (again.kind, again.id) == (source.kind, source.id)
    assert again.key == source.key


@pytest.mark.parametrize(
    "key", ["", "sea", "tag:x", "today:1332", "today:230000", f"today:{10**17}", "tag:1:2"]
)
def test_text_that_is_no_key(key):
    with pytest.raises(ValueError):
        sources.from_key(key)


@pytest.mark.parametrize(
    ("source", "among"),
    [
        (
            Source(SourceKind.TAG, 3),
            {"tags": {"value": ["3"], "modifier": "INCLUDES", "depth": 0}},
        ),
        (
            Source(SourceKind.STUDIO, 3),
            {"studios": {"value": ["3"], "modifier": "INCLUDES", "depth": 0}},
        ),
        (
            Source(SourceKind.PERFORMER, 3),
            {"performers": {"value": ["3"], "modifier": "INCLUDES"}},
        ),
        (
            Source(SourceKind.GALLERY, 3),
            {"galleries": {"value": ["3"], "modifier": "INCLUDES"}},
        ),
        (
            Source(SourceKind.NEW),
            {"created_at": {"value": "2026-04-04T00:00", "modifier": "GREATER_THAN"}},
        ),
        (Source(SourceKind.ALL), None),
    ],
    ids=lambda value: value.key if isinstance(value, Source) else "",
)
def test_condition(source, among):
    assert sources.place(source, NOON).among == among
    assert sources.place(source, NOON).is_same(sources.place(source, NOON + timedelta(hours=11)))


def days_of(condition):
    """The days that a condition names, from the outermost on."""
    while condition:
        yield condition["date"]
        condition = condition.get("OR")


@given(st.dates(date(1600, 1, 1)), st.integers(1500, 2100))
def test_days_of_earlier_years(day, first_year):
    days = sources.in_earlier_years(day, first_year)
    conditions = list(sources.on_days(days))

    assert all((each.month, each.day) == (day.month, day.day) for each in days)
    assert [each.year for each in days] == sorted({each.year for each in days}, reverse=True)
    assert all(first_year <= each.year < day.year for each in days)
    if (day.month, day.day) != (2, 29):
        assert len(days) == max(0, day.year - first_year)
    named = [each for condition in conditions for each in days_of(condition)]
    assert {each["value"] for each in named} == {each.isoformat() for each in days}
    assert all(len(list(days_of(condition))) <= MOST_DAYS for condition in conditions)


def test_days_of_a_date_that_is_a_mistake():
    days = sources.in_earlier_years(date(2026, 1, 5), 1)

    assert len(list(sources.on_days(days, timedelta(days=182)))) < 30


@pytest.mark.parametrize(
    ("number", "year", "day"),
    [(504, 2026, "2026-05-04"), (229, 2026, "2028-02-29"), (229, 2024, "2024-02-29")],
)
def test_day_of_a_number(number, year, day):
    assert sources.day_in(year, number).isoformat() == day


def test_days_near_a_day():
    [condition] = sources.on_days([date(2020, 3, 1)], timedelta(days=3))

    assert condition["date"] == {
        "value": "2020-02-27",
        "value2": "2020-03-04",
        "modifier": "BETWEEN",
    }


@pytest.mark.parametrize(
    ("day", "dates", "nearest"),
    [
        (date(2026, 5, 4), [date(2020, 5, 1), date(2019, 5, 6)], 506),
        (date(2026, 12, 31), [date(2020, 1, 2), date(2019, 12, 20)], 102),
        (date(2024, 2, 29), [date(2019, 3, 1)], 301),
        (date(2026, 5, 4), [], None),
    ],
)
def test_nearest_day(day, dates, nearest):
    assert sources.nearest_day(day, dates) == nearest


def test_no_request_is_over_the_limit():
    assert sources.read_request("999999") == Asked(MOST_PICTURES, name("999999"), is_cut=True)
