"""Quiet hours as moments, and schedules that are due in them."""

from datetime import time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from stashbot.models import QuietHours
from stashbot.rules.timetable import Due, due, window
from stashbot.rules.when.reading import read
from tests.conftest import utc

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(22), time(7))
NOON = QuietHours(time(12), time(13, 30))
#: The clock goes from 02:00 to 03:00 on 29 March 2026, and back on 25 October.
SMALL_HOURS = QuietHours(time(2, 30), time(4))
UNTIL_HALF_PAST = QuietHours(time(1), time(2, 30))


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        (None, "2026-05-04 01:00", None),
        (NIGHT, "2026-05-04 19:59", None),
        (NIGHT, "2026-05-04 20:00", ("2026-05-04 20:00", "2026-05-05 05:00")),
        (NIGHT, "2026-05-05 04:59", ("2026-05-04 20:00", "2026-05-05 05:00")),
        (NIGHT, "2026-05-05 05:00", None),
        (NOON, "2026-05-04 10:00", ("2026-05-04 10:00", "2026-05-04 11:30")),
        (NOON, "2026-05-04 11:30", None),
        (NIGHT, "2026-03-29 00:30", ("2026-03-28 21:00", "2026-03-29 05:00")),
        (NIGHT, "2026-10-25 05:30", ("2026-10-24 20:00", "2026-10-25 06:00")),
        (SMALL_HOURS, "2026-03-29 00:59", None),
        (SMALL_HOURS, "2026-03-29 01:00", ("2026-03-29 01:00", "2026-03-29 02:00")),
        (UNTIL_HALF_PAST, "2026-03-29 00:59", ("2026-03-29 00:00", "2026-03-29 01:00")),
        (UNTIL_HALF_PAST, "2026-10-25 00:29", ("2026-10-24 23:00", "2026-10-25 00:30")),
        (UNTIL_HALF_PAST, "2026-10-25 01:15", None),
    ],
)
def test_quiet_hours_at_a_moment(hours, moment, expected):
    assert window(hours, BERLIN, utc(moment)) == (expected and tuple(map(utc, expected)))


@pytest.mark.parametrize(
    ("when", "handled", "now", "served", "missed"),
    [
        ("daily 23:00", "05-04 20:00", "05-04 21:00", None, None),
        ("daily 23:00", "05-04 20:00", "05-05 05:00", "05-05 05:00", None),
        ("daily 23:00", "05-04 20:00", "05-05 05:59", "05-05 05:00", None),
        ("daily 23:00", "05-04 20:00", "05-05 06:01", None, ("05-04 21:00", "05-04 21:00")),
        ("every 1 hour", "05-04 19:00", "05-05 05:00", "05-05 05:00", None),
        ("every 1 hour", "05-04 18:00", "05-05 05:00", "05-05 05:00", ("05-04 19:00",) * 2),
        ("every 1 hour", "05-05 05:00", "05-05 06:00", "05-05 06:00", None),
        ("daily 06:30", "05-04 20:00", "05-05 05:10", "05-05 05:00", None),
        ("daily 21:55", "05-04 19:00", "05-04 20:10", None, None),
        ("daily 21:55", "05-04 19:00", "05-05 05:00", None, ("05-04 19:55", "05-04 19:55")),
    ],
)
def test_schedule_and_quiet_hours(when, handled, now, served, missed):
    moments = [f"2026-{each}" for each in (handled, now)]
    quiet = partial(window, NIGHT, BERLIN)
    expected = Due(
        served and utc(f"2026-{served}"), missed and tuple(utc(f"2026-{each}") for each in missed)
    )

    assert due(read(when), BERLIN, *map(utc, moments), quiet) == expected


@pytest.mark.parametrize("hours", [NIGHT, NOON, SMALL_HOURS, UNTIL_HALF_PAST])
def test_a_year_of_minutes(hours):
    """The hours lie in one piece, and come once a day."""
    moment, ends = utc("2026-01-01 12:00"), []
    while moment < utc("2027-01-01 00:00"):
        if found := window(hours, BERLIN, moment):
            assert found[0] <= moment < found[1]
            ends.append(found[1])
        moment = found[1] if found else moment + timedelta(minutes=15)

    assert len(ends) == len(set(ends))
    assert len(ends) in (364, 365)
