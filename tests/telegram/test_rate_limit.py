"""How fast messages go out: never faster than Telegram takes them, never slower than needed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Priority
from stashbot.telegram.rate_limit import CHATS, TELEGRAM_LIMITS, RateLimiter

PERSON, GROUP = 7, -7


@pytest.fixture
def pace():
    return RateLimiter(TELEGRAM_LIMITS)


def send(pace, chat_id, now, *, messages=1, priority=Priority.USER):
    """Send as soon as it may be; when that was."""
    while wait := pace.wait(chat_id, now, messages=messages, priority=priority):
        now += wait
    pace.take(chat_id, now, messages=messages)
    return now


def send_all(pace, chats, *, priority=Priority.USER):
    """Send a message to each chat in turn, as soon as it may be; when that was."""
    times = [0.0]
    for chat in chats:
        times.append(send(pace, chat, times[-1], priority=priority))
    return times[1:]


def most(times, seconds):
    """The most messages in any stretch of so many seconds."""
    within = (sum(start <= time < start + seconds for time in times) for start in times)
    return max(within, default=0)


requests = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, -1]),
        st.floats(0, 3),
        st.sampled_from([1, 1, 1, 2, 10]),
        st.sampled_from(Priority),
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize("priority", [Priority.USER, Priority.SCHEDULE])
def test_album_is_not_kept_away_by_what_nobody_waits_for(pace, priority):
    """While an album waits for a chat to be quiet, no buttons are drawn there."""
    times = [send(pace, PERSON, 0.0, priority=Priority.BACKGROUND) for _ in range(2)]
    now = max(times)
    wait = pace.wait(PERSON, now, messages=5, priority=priority)

    assert 0 < wait <= 3.1
    assert pace.wait(PERSON, now + wait - 0.01, priority=Priority.BACKGROUND) > 0
    assert pace.wait(PERSON, now + wait, messages=5, priority=priority) == 0
    pace.take(PERSON, now + wait, messages=5)
    assert send(pace, PERSON, now + wait, priority=Priority.BACKGROUND) < now + wait + 10


@given(requests)
def test_no_stretch_of_time_has_too_many_messages(requests):
    """Whoever asks for what and when, the limits hold, and each message goes sooner or later."""
    pace, now, single = RateLimiter(TELEGRAM_LIMITS), 50.0, []
    for chat, pause, messages, priority in requests:
        now = send(pace, chat, now + pause, messages=messages, priority=priority)
        single += [(chat, now)] * (messages == 1)

    assert most([time for _, time in single], 1.0) <= 30
    for chat in {chat for chat, _ in single}:
        times = [time for one, time in single if one == chat]
        assert most(times, 3.0) <= 3
        assert chat > 0 or most(times, 60.0) <= 20


def test_hundred_chats_at_once(pace):
    """A hundred messages that nobody waits for take four to six seconds, evenly."""
    times = send_all(pace, range(1, 101), priority=Priority.SCHEDULE)

    assert 4 < times[-1] < 6
    assert most(times, 1.0) <= 25


def test_person_in_a_crowd_of_orders(pace):
    """What somebody waits for goes at once, though the clock has more to send than it may."""
    last = send_all(pace, range(100, 152), priority=Priority.SCHEDULE)[-1]

    assert pace.wait(PERSON, last, priority=Priority.SCHEDULE) > 0
    assert pace.wait(PERSON, last, priority=Priority.USER) == 0


def test_burst_of_a_person(pace):
    """Three messages to one chat may follow each other at once; then it is one a second."""
    times = send_all(pace, [PERSON] * 12)

    assert times[:3] == [0, 0, 0]
    assert 9 <= times[-1] <= 10


def test_orders_of_one_chat(pace):
    """What the clock sends to one chat is never less than a second apart."""
    times = send_all(pace, [PERSON] * 5, priority=Priority.SCHEDULE)

    assert min(after - before for before, after in pairwise(times)) >= 1


def test_what_nobody_waits_for(pace):
    """It leaves to people a message of each three, and a quarter of a group's minute."""
    times = send_all(pace, [PERSON] * 6, priority=Priority.BACKGROUND)

    assert times[:2] == [0, 0]
    assert most(times, 3) == 2
    assert pace.wait(PERSON, times[-1], priority=Priority.BACKGROUND) > 0
    assert pace.wait(PERSON, times[-1], priority=Priority.USER) == 0
    assert (
        most(send_all(RateLimiter(TELEGRAM_LIMITS), [GROUP] * 40, priority=Priority.BACKGROUND), 60)
        == 15
    )


@pytest.mark.parametrize("priority", [Priority.USER, Priority.SCHEDULE])
def test_group(pace, priority):
    """A group gets at most twenty messages a minute."""
    times = send_all(pace, [GROUP] * 45, priority=priority)

    assert most(times, 60) == 20
    assert times[-1] < 140


def test_album(pace):
    """An album counts each of its items: it goes at once, and what follows waits for them all."""
    assert send(pace, PERSON, 0.0, messages=10) == 0
    assert 8 < send(pace, PERSON, 0.0) < 11
    assert send(pace, PERSON + 1, 0.0) < 1


def test_pause(pace):
    """A chat that Telegram wants left alone is, for as long as it said; the others are not."""
    pace.pause(PERSON, 100.0, 30)
    pace.pause(PERSON, 101.0, 5)

    assert pace.wait(PERSON, 110.0, priority=Priority.USER) == 20
    assert pace.wait(PERSON + 1, 110.0, priority=Priority.USER) == 0
    assert pace.wait(PERSON, 131.0, priority=Priority.USER) == 0


def test_memory_is_bounded(pace):
    """Chats that have long been silent are forgotten, and those that matter are not."""
    pace.pause(PERSON, 0.0, 10_000)
    for number in range(5 * CHATS):
        pace.take(1000 + number, number * 10.0)

    assert len(pace._chats) <= CHATS + 1
    assert pace.wait(PERSON, 9000.0, priority=Priority.USER) == 1000
