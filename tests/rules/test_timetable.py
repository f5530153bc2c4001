"""When: cron and words against a table of moments, and against a walk minute by minute."""

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations_with_replacement, islice, product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stashbot.rules.timetable import GRACE, Due, TimetableError, TimetableFault, due
from stashbot.rules.when.reading import read
from tests.conftest import at_length, utc

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
LINES = Path(__file__).with_name("moments.txt").read_text("utf-8").splitlines()[1:]
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WORDS = """daily every each mon fri пн каждые час 09:00 9 5 minutes hours , - / * */5 0 31 2 x3 at
    в и and am pm L # @ ٣ 99999999999 weekdays по будням"""


def moment(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M%z").astimezone(UTC)


@pytest.mark.parametrize("line", LINES)
def test_next_five_moments(line):
    text, zone, start, moments = line.split(" | ")
    found = read(text).moments(moment(start), ZoneInfo(zone))

    assert list(islice(found, 5)) == [moment(each) for each in moments.split(", ")]


@cache
def numbers(field, low, high, names=()):
    """The numbers that a field of cron(5) allows."""

    def number(word):
        return names.index(word) + low if word in names else int(word)

    allowed = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start, end = (low, high) if span == "*" else (number(first), number(last or first))
        allowed.update(range(start, end + 1, int(step or 1)))
    return allowed


def matches(expression, wall):
    """Whether cron would run at this time by the clock on the wall."""
    minute, hour, day, month, weekday = expression.split()
    in_day = wall.day in numbers(day, 1, 31)
    in_week = wall.isoweekday() % 7 in {each % 7 for each in numbers(weekday, 0, 7, DAYS)}
    is_both = day.startswith("*") or weekday.startswith("*")
    return (
        wall.minute in numbers(minute, 0, 59)
        and wall.hour in numbers(hour, 0, 23)
        and wall.month in numbers(month, 1, 12, MONTHS)
        and (in_day and in_week if is_both else in_day or in_week)
    )


def walk(expression, zone, start, end):
    """Each moment after `start`, up to `end`, found by looking at the clock every minute."""
    shown = start.astimezone(zone).replace(tzinfo=None)
    while start < end:
        start += MINUTE
        local = start.astimezone(zone)
        wall = local.replace(tzinfo=None, fold=0)
        skipped = (shown + number * MINUTE for number in range(1, (wall - shown) // MINUTE))
        is_repeated = local.fold == 1
        if any(matches(expression, each) for each in skipped) or (
            matches(expression, wall) and not is_repeated
        ):
            yield start
        shown = wall


def parts(low, high, names=()):
    """Fields of cron: a star, numbers, names, ranges, steps, and lists of them."""
    one = st.sampled_from([*map(str, range(low, high + 1)), *names])
    pair = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    span = pair.map(lambda ends: "{}-{}".format(*ends))
    step = st.integers(1, high).map("/{}".format)
    stepped = st.tuples(st.sampled_from(["*"]) | span, step).map("".join)
    lists = st.lists(one | span | stepped, min_size=2, max_size=3).map(",".join)
    return st.just("*") | one | span | stepped | lists


# Not too often: those are refused, and have a test of their own.
expressions = st.tuples(
    st.sampled_from(["0", "30", "59", "*/15", "5-50/15", "0,20,40", "7,37"]),
    parts(0, 23) | st.sampled_from(["2", "1-3", "0", "23"]),
    st.just("*") | parts(1, 31),
    st.just("*") | parts(1, 12, MONTHS),
    st.just("*") | parts(0, 7, DAYS),
).map(" ".join)
#: Where clocks change, and a moment shortly before they do.
CHANGES = [
    ("Europe/Berlin", "2026-03-29 00:10"),
    ("Europe/Berlin", "2026-10-24 23:10"),
    ("America/New_York", "2026-03-08 06:10"),
    ("America/New_York", "2026-11-01 04:10"),
    ("Australia/Lord_Howe", "2026-10-03 14:10"),
    ("Australia/Lord_Howe", "2026-04-04 13:40"),
    ("Africa/Casablanca", "2026-03-22 01:10"),
    ("Africa/Casablanca", "2026-02-15 01:10"),
    ("Pacific/Apia", "2011-12-30 08:10"),
    ("America/Havana", "2026-03-08 04:10"),
    ("Asia/Kolkata", "2026-05-31 17:00"),
    ("UTC", "2026-12-31 22:10"),
]


@settings(max_examples=at_length(400, 100))
@given(expressions, st.sampled_from(CHANGES), st.integers(0, 300))
@example("*/30 * * * *", CHANGES[1], 0)
@example("30 2 * * *", CHANGES[0], 0)
def test_cron_against_a_walk(expression, change, early):
    zone, start = ZoneInfo(change[0]), utc(change[1]) - early * MINUTE
    end = start + 9 * HOUR
    try:
        timetable = read(expression)
    except TimetableError as error:
        assert error.fault is not TimetableFault.UNREADABLE  # noqa: PT017
        return
    found = []
    for each in timetable.moments(start, zone):
        if each > end:
            break
        found.append(each)

    assert found == list(walk(expression, zone, start, end))


@given(
    expressions | st.sampled_from(["daily 2:30, 23:55", "every 35 minutes", "0 0 29 2 *"]),
    st.sampled_from(CHANGES),
    st.integers(-3000, 3000),
)
def test_last_moment_and_next(text, change, shift):
    zone, now = ZoneInfo(change[0]), utc(change[1]) + shift * MINUTE
    try:
        timetable = read(text)
    except TimetableError:
        return
    last, following = timetable.last_until(now, zone), timetable.next_after(now, zone)

    assert last <= now < following
    assert timetable.next_after(last, zone) == following
    assert timetable.last_until(following, zone) == following
    assert timetable.last_until(following - timedelta(seconds=1), zone) == last


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0 9 * * mon-MON/2", "0 9 * * 1"),
        ("9-9/02 9 * * *", "9 9 * * *"),
        ("9-09/2 9 * * *", "9 9 * * *"),
        ("0 9 * * fri,1-mon/2,sun", "0 9 * * 0,1,5"),
        ("11-11/2,31-31/5 9 * * *", "11,31 9 * * *"),
        ("каждый понедельник в 9", "0 9 * * 1"),
        ("weekends at 9 and 21", "0 9,21 * * 6,0"),
        ("9:05 and 21:05 and 12:30", "daily 9:05, 12:30, 21:05"),
        ("every hour from 9 to 12", "0 9-12 * * *"),
    ],
)
def test_other_expressions_for_the_same(text, plain):
    start = utc("2026-05-04 08:00")
    said, meant = (islice(read(each).moments(start, BERLIN), 9) for each in (text, plain))

    assert list(said) == list(meant)


@pytest.mark.parametrize(
    ("field", "names", "numbered"),
    [("0 9 * * {}", [*DAYS, "7"], range(8)), ("0 9 1 {} *", MONTHS, range(1, 13))],
    ids=["days of the week", "months"],
)
def test_ranges_with_steps_in_numbers_and_names(field, names, numbered):
    start = utc("2026-05-04 08:00")

    def moments(term):
        return list(islice(read(field.format(term)).moments(start, BERLIN), 8))

    for first, last in combinations_with_replacement(zip(numbered, names, strict=True), 2):
        for step in (1, 2, 5):
            meant = moments(",".join(map(str, range(first[0], last[0] + 1, step))))
            said = [moments(f"{low}-{high}/{step}") for low, high in product(first, last)]

            assert said == [meant] * 4


UNREADABLE = [
    *("", " ", "0 9 * *", "0 9 * * * *", "0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * 1#2"),
    *("60 9 * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 8"),
    *("0 0 * * fri-mon", "0 0 20-10 * *", "*/0 * * * *", "0 0 * * monday", "0 0 * * mon mon"),
    *("٣ 9 * * *", "0 9 * * 1; x", "d\u202eaily 09:00", "daily 09:00 " * 30, "x" * 5000),
    *("daily\x1f09:00", "daily\x0b09:00", "daily\x8509:00", "daily 09:00\x00"),
    *("0 9 * * ?", "0 9 1W * *", "-1 9 * * *", "0 9 * * 1-", "0 9 * * ,", "0 9 * * 1//2"),
    *("0 9 * * 1-1/2-3", "0 9 * * 1-1/2/3", "1-11-11/2 9 * * *", "0 9 * * 1-jan/2"),
    *("0 9 * * mon-1/0", "0 9 * * sun/2-0", "0 9 1 1-mon/2 *", "0 9 * * monmon-mon/2"),
]
NEVER = ["0 0 31 2 *", "0 0 30 2 *", "0 0 30-31 feb *", "0 0 31 4,6,9,11 *", "0 0 31 2 */2"]
TOO_OFTEN = [
    *("* * * * *", "*/4 * * * *", "0,1 9 * * *", "0-3 9 1 1 *", "58,0 * * * *"),
    *("0,57 23,0 * * *", "every 4 minutes", "every minute", "daily 9:00, 9:04", "каждую минуту"),
    *("daily 23:58, 0:01", "каждые 2 минуты", "every 3 minutes from 9 to 10"),
]
REFUSED = [
    *((text, TimetableFault.UNREADABLE) for text in UNREADABLE),
    *((text, TimetableFault.NEVER) for text in NEVER),
    *((text, TimetableFault.TOO_OFTEN) for text in TOO_OFTEN),
]


@pytest.mark.parametrize(("text", "fault"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_refused_texts(text, fault):
    with pytest.raises(TimetableError) as caught:
        read(text)

    assert caught.value.fault is fault


@pytest.mark.parametrize(
    "text", ["every 5 minutes", "*/5 * * * *", "55 23 * * *", "0,55 23,0 * * *"]
)
def test_five_minutes_are_not_too_often(text):
    assert read(text)


fragments = st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join)


@given(st.text(max_size=120) | fragments)
def test_any_text(text):
    try:
        timetable = read(text)
    except TimetableError as error:
        assert error.fault in TimetableFault  # noqa: PT017
    else:
        assert timetable.next_after(utc("2026-05-04 09:00"), BERLIN)
        assert read(timetable.text) == timetable


def test_each_second_day_whatever_the_month_and_the_clock():
    moments = islice(read("every 2 days at 2:30").moments(utc("2026-03-25 08:00"), BERLIN), 5)
    days = [f"{each.astimezone(BERLIN):%m-%d %H:%M}" for each in moments]

    assert days == ["03-27 02:30", "03-29 03:00", "03-31 02:30", "04-02 02:30", "04-04 02:30"]


NOW = utc("2026-05-06 10:00")  # a Wednesday
ON_TIME, OFF = NOW - timedelta(seconds=1), NOW - 3 * DAY
LEAP_DAYS = Due(None, (utc("2020-02-29 00:00"), utc("2024-02-29 00:00")))


@pytest.mark.parametrize(
    ("text", "handled", "late", "expected"),
    [
        pytest.param("0 10 * * *", ON_TIME, 0 * HOUR, Due(NOW), id="on time"),
        pytest.param("0 10 * * *", NOW, HOUR, Due(), id="served already"),
        pytest.param("0 10 * * *", NOW + DAY, HOUR, Due(), id="clock put back"),
        pytest.param("0 10 * * *", ON_TIME, 59 * MINUTE, Due(NOW), id="59 minutes late"),
        pytest.param("0 10 * * *", ON_TIME, GRACE, Due(NOW), id="an hour late"),
        pytest.param("0 10 * * *", ON_TIME, 61 * MINUTE, Due(None, (NOW, NOW)), id="too late"),
        pytest.param("0 10 * * *", OFF, HOUR, Due(NOW, (OFF + DAY, NOW - DAY)), id="off for days"),
        pytest.param("0 10 * * *", OFF, 2 * HOUR, Due(None, (OFF + DAY, NOW)), id="and too late"),
        pytest.param("0 0 29 2 *", utc("2020-01-01 00:00"), 0 * HOUR, LEAP_DAYS, id="rare"),
    ],
)
def test_due_moments(text, handled, late, expected):
    assert due(read(text), ZoneInfo("UTC"), handled, NOW + late) == expected


@pytest.mark.parametrize("text", ["every 5 minutes", "*/5 * * * *"])
def test_gap_of_years(text):
    began = time.process_time()
    found = due(read(text), BERLIN, NOW - 7305 * DAY, NOW + MINUTE)
    seconds = time.process_time() - began

    assert found == Due(NOW, (NOW - 7305 * DAY + 5 * MINUTE, NOW - 5 * MINUTE))
    assert seconds < 0.1
