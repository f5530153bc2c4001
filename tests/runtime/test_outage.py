"""Outages and the pauses between tries."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from stashbot.runtime.backoff import JITTER, Backoff
from stashbot.runtime.outage import FIRST_PAUSE_S, Outage


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def outage(clock):
    return Outage("stash", 60.0, lambda: clock.now)


@given(
    tries=st.integers(1, 2000),
    first=st.sampled_from([0.1, 1.0, 3.0]),
    longest=st.sampled_from([3.0, 60.0]),
)
def test_backoff_doubles_up_to_the_longest_pause(tries, first, longest):
    backoff = Backoff(first, longest)
    pauses = [backoff.next() for _ in range(tries)]
    backoff.reset()

    for number, pause in enumerate([*pauses[:50], backoff.next()]):
        least = min(longest, first * 2 ** (number if number < tries and number < 50 else 0))
        assert least <= pause <= min(longest, least + JITTER * first)


def test_one_log_line_when_it_begins_and_one_when_it_ends(outage, clock):
    with capture_logs() as lines:
        for number in range(3):
            outage.down(OSError(f"no. {number}"))
            clock.now += 10
        outage.up()
        outage.up()
    outage.down(OSError())

    down, up = lines
    assert (down["event"], str(down["error"])) == ("stash_down", "no. 0")
    assert (up["event"], up["seconds"]) == ("stash_up", 30)
    assert FIRST_PAUSE_S <= outage.wait <= (1 + JITTER) * FIRST_PAUSE_S


def test_one_caller_tries_after_each_pause(outage, clock):
    outage.down(OSError())
    before = outage.may_try()
    clock.now += outage.wait

    assert [before, outage.may_try(), outage.may_try()] == [False, True, False]


def test_the_end_of_an_outage_is_announced_once(outage):
    calls = []
    outage.when_back = lambda: calls.append(outage.may_try())

    outage.up()
    outage.down(OSError())
    outage.up()
    outage.up()

    assert calls == [True]


def test_a_pause_that_the_service_asks_for_is_kept(outage, clock):
    outage.down(OSError())
    outage.down(OSError(), retry_after=400)
    outage.down(OSError())
    asked = outage.wait
    clock.now += 400
    outage.down(OSError())

    assert asked == 400
    assert 2 * FIRST_PAUSE_S <= outage.wait < 3 * FIRST_PAUSE_S


def test_failures_of_calls_that_run_at_once_count_as_one(outage, clock):
    outage.down(OSError())
    pause = outage.wait
    for _ in range(6):
        clock.now += pause / 8
        outage.down(OSError())

    assert outage.wait == pytest.approx(pause / 4)
