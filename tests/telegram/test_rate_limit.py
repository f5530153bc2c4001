"""The rate limit: no period holds too many messages, and no message waits longer than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Priority
from stashbot.telegram.rate_limit import MOST_CHATS, TELEGRAM_LIMITS, RateLimiter

PERSON, GROUP = 7, -7
TEXT, EDIT = {"traffic": "text"}, {"traffic": "edit"}
SCHEDULED = {"priority": Priority.SCHEDULE}


class Sender:
    """A limiter with a clock that moves only while a message waits."""

    def __init__(self):
        self.now = 50.0
        self.limiter = RateLimiter(TELEGRAM_LIMITS, lambda: self.now)

    def send(self, chat, *, messages=1, traffic="media", priority=Priority.USER):
        began = self.now
        while wait := self.limiter.take(chat, priority, messages, traffic=traffic):
            self.now += wait
        return self.now - began


@pytest.fixture
def sender():
    return Sender()


def most(times, seconds):
    """Return the most messages in any period of so many seconds."""
    return max((sum(start <= t < start + seconds for t in times) for start in times), default=0)


@pytest.mark.parametrize(
    ("before", "message", "shortest", "longest"),
    [
        pytest.param([{}, {}], {}, 0, 0, id="third picture"),
        pytest.param([{}, {}, {}], {}, 2.8, 3, id="fourth picture"),
        pytest.param([{"messages": 10}], {}, 9, 10, id="picture after an album"),
        pytest.param([{"messages": 10}], TEXT, 0, 0.2, id="text after an album"),
        pytest.param([{"messages": 10}], EDIT, 0, 0.2, id="edit after an album"),
        pytest.param([{}, {}, {}], EDIT, 0, 0, id="edit after pictures"),
        pytest.param([EDIT, EDIT, EDIT], {}, 0, 0, id="picture after edits"),
        pytest.param([EDIT, EDIT, EDIT], EDIT, 2.8, 3, id="fourth edit"),
        pytest.param([TEXT, TEXT, TEXT], TEXT, 2.8, 3, id="fourth text"),
        pytest.param([TEXT], {"messages": 10}, 0, 0, id="album after a text"),
        pytest.param([{}, {}, {}], TEXT, 0, 0, id="text after pictures"),
        pytest.param([{}], {"messages": 10}, 2.8, 3, id="album after a picture"),
        pytest.param([SCHEDULED], SCHEDULED, 0.8, 1, id="second scheduled picture"),
    ],
)
def test_wait_in_a_private_chat(sender, before, message, shortest, longest):
    for each in before:
        sender.send(PERSON, **each)
    sender.now += 0.2  # so that only the limits of the chat make it wait

    assert shortest <= sender.send(PERSON, **message) <= longest


@pytest.mark.parametrize(
    ("message", "most_in_a_minute"),
    [({}, 20), (TEXT, 20), (EDIT, 10)],
    ids=["pictures", "texts", "edits"],
)
def test_messages_to_a_group_in_a_minute(sender, message, most_in_a_minute):
    times = []
    for _ in range(45):
        sender.send(GROUP, **message)
        times.append(sender.now)

    assert most(times, 60) == most_in_a_minute


def test_hundred_scheduled_chats(sender):
    times = []
    for chat in range(1, 101):
        sender.send(chat, **SCHEDULED)
        times.append(sender.now)

    assert times[-1] - times[0] < 4
    assert most(times, 1.0) <= 30


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3, GROUP]),
            st.floats(0, 3),
            st.sampled_from([1, 1, 1, 2, 10]),
            st.sampled_from(["media", "text", "edit"]),
            st.sampled_from(Priority),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_limits_hold_for_any_messages(calls):
    sender, sent = Sender(), []
    for chat, pause, messages, traffic, priority in calls:
        sender.now += pause
        count = messages if traffic == "media" else 1
        sender.send(chat, messages=count, traffic=traffic, priority=priority)
        sent.append((chat, sender.now, count, traffic))

    assert most([time for _, time, count, _ in sent if count == 1], 1.0) <= 30
    for one in {(chat, kind) for chat, *_, kind in sent}:
        assert most([time for chat, time, _, kind in sent if (chat, kind) == one], 3.0) <= 3
    in_group = [time for chat, time, count, _ in sent if chat == GROUP for _ in range(count)]
    assert most(in_group, 60.0) <= 20


def test_memory_is_bounded(sender):
    for number in range(2 * MOST_CHATS):
        sender.limiter.take(1000 + number)

    assert len(sender.limiter._chats) == MOST_CHATS
