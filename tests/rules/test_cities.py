"""Time zones by the names of cities."""

from zoneinfo import available_timezones

import pytest

from stashbot.rules.chat_settings import MOST_OFFERED, find_zone

NAMES = available_timezones()


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Berlin", "Europe/Berlin"),
        (" new york ", "America/New_York"),
        ("Нью-Йорк", "America/New_York"),
        ("нью йорк", "America/New_York"),
        ("Санкт-Петербург", "Europe/Moscow"),
        ("МОСКВА", "Europe/Moscow"),
        ("munich", "Europe/Berlin"),
        ("Asia/kolkata", "Asia/Kolkata"),
        ("UTC", "UTC"),
    ],
)
def test_city_that_is_known(text, zone):
    assert find_zone(text, NAMES) == (zone, [])


@pytest.mark.parametrize(
    ("text", "nearest"), [("Berln", "Europe/Berlin"), ("Масква", "Europe/Moscow"), ("x" * 4000, "")]
)
def test_city_that_is_not_known(text, nearest):
    zone, near = find_zone(text, NAMES)

    assert zone == ""
    assert near[:1] == [nearest][: bool(nearest)]
    assert len(near) <= MOST_OFFERED
