"""Which messages are deleted: each in one batch, none too early, and none too late."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import OwnMessage
from stashbot.rules.deletion import MOST, OLDEST, Plan, plan
from tests.store.stored import HOUR, NOW

AGES = st.timedeltas(timedelta(hours=-3), timedelta(hours=60))
MESSAGES = st.lists(st.tuples(AGES, st.booleans()), max_size=250).map(
    lambda drawn: [OwnMessage(n, NOW - age, own) for n, (age, own) in enumerate(drawn)]
)


@given(MESSAGES, st.integers(0, 47))
def test_any_messages(messages, hours):
    made = plan(messages, hours, NOW)
    ages = {each.message_id: NOW - each.sent_at for each in messages}
    deleted = [each for batch in made.batches for each in batch]
    due = [
        each.message_id
        for each in messages
        if each.is_unwanted or (hours and ages[each.message_id] >= hours * HOUR)
    ]

    assert sorted([*deleted, *made.too_old]) == due
    assert all(1 <= len(batch) <= MOST for batch in made.batches)
    assert all(ages[each] < OLDEST for each in deleted)
    assert all(ages[each] >= OLDEST for each in made.too_old)


@pytest.mark.parametrize(
    ("hours", "age", "expected"),
    [
        (0, 47 * HOUR, Plan([], [])),
        (3, 3 * HOUR - timedelta(seconds=1), Plan([], [])),
        (3, 3 * HOUR, Plan([[1]], [])),
        (3, 48 * HOUR, Plan([], [1])),
        (3, -2 * HOUR, Plan([], [])),
    ],
)
def test_one_message(hours, age, expected):
    assert plan([OwnMessage(1, NOW - age)], hours, NOW) == expected
