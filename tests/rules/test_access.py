"""Which users and chats are served, and when the owner is asked about a stranger."""

from datetime import timedelta

import pytest

from stashbot.models import Person, Standing
from stashbot.rules.access import DAY, MOST_QUESTIONS, People
from tests.store.stored import NOW

FIXED, GUEST, STRANGER, GROUP, CLUB = 1, 2, 9, -5, -6


def person(chat_id, standing=Standing.WAITING, told_at=None):
    return Person(chat_id, chat_id, standing, f"Person {chat_id}", told_at=told_at)


@pytest.mark.parametrize(
    ("standing", "is_served", "may_ask"),
    [
        (Standing.OWNER, True, True),
        (Standing.ADMITTED, True, True),
        (Standing.WAITING, False, True),
        (Standing.IGNORED, False, False),
        (None, False, True),
    ],
)
@pytest.mark.parametrize("chat_id", [GUEST, CLUB])
def test_standings(chat_id, standing, is_served, may_ask):
    others = (person(chat_id, standing),) if standing else ()
    people = People((FIXED,), (GROUP,), others)

    assert (people.has(chat_id), people.may_ask(chat_id)) == (is_served, may_ask)
    assert people.has(FIXED)
    assert people.has(GROUP)


@pytest.mark.parametrize(
    ("users", "standing", "owner"),
    [
        ((), None, None),
        ((), Standing.ADMITTED, None),
        ((), Standing.OWNER, GUEST),
        ((FIXED, GUEST), None, FIXED),
        ((FIXED,), Standing.OWNER, FIXED),
    ],
)
def test_owner(users, standing, owner):
    people = People(users, (), (person(GUEST, standing),) if standing else ())

    assert people.owner == owner
    assert people.may_ask(STRANGER) == (owner is not None)


@pytest.mark.parametrize(
    ("ages", "is_asked"),
    [
        pytest.param([], True, id="a new stranger"),
        pytest.param([timedelta()], False, id="asked just now"),
        pytest.param([DAY - timedelta(seconds=1)], False, id="asked today"),
        pytest.param([DAY], True, id="asked a day ago"),
        pytest.param([-DAY], True, id="asked by a clock that was ahead"),
        pytest.param([None, *[timedelta()] * (MOST_QUESTIONS - 1)], True, id="the tenth"),
        pytest.param([None, *[timedelta()] * MOST_QUESTIONS], False, id="the eleventh"),
    ],
)
def test_questions_for_the_owner(ages, is_asked):
    told = [age if age is None else NOW - age for age in ages]
    others = tuple(person(STRANGER + n, told_at=at) for n, at in enumerate(told))

    assert People((FIXED,), (), others).is_owner_asked(STRANGER, NOW) == is_asked


def test_list_of_people_that_the_owner_can_change():
    standings = list(Standing)
    others = [person(id, standings[id % 4]) for id in range(FIXED, 9)]
    people = People((FIXED,), (), tuple(others))

    assert [each.standing for each in people.listed] == sorted(
        (each.standing for each in others if each.chat_id != FIXED and each.chat_id % 4),
        key=[Standing.ADMITTED, Standing.WAITING, Standing.IGNORED].index,
    )
