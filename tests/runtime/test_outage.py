"""
An outage: when a service may be tried again, and how often it is spoken of.
"""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot import logs
from stashbot.runtime.outage import PAUSE, Outage


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def log():
    """A function that gives the lines logged so far."""
    stream = io.StringIO()
    logs.configure("info", "json", (), stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_service_that_is_there():
    """
    Whoever asks may try, and nobody has to wait.
    """
    outage = Outage("stash", 60, list, Clock())

    assert outage.may_try()
    assert outage.may_try()
    assert (outage.error, outage.wait) == (None, 0)


def test_one_line_each(log):
    """
    The log tells once that a service went and once that it is back, with the seconds between.
    """
    clock = Clock()
    outage = Outage("stash", 60, list, clock)
    for number in range(3):
        outage.down(OSError(f"no. {number}"))
        clock.now += 10
    outage.up()
    outage.up()

    lines = [{key: line.get(key) for key in ("event", "error", "seconds")} for line in log()]

    assert lines == [
        {"event": "stash_down", "error": "no. 0", "seconds": None},
        {"event": "stash_up", "error": None, "seconds": 30},
    ]


def test_one_caller_after_each_pause():
    """
    While the service is away one caller tries after each pause, however many there are.
    """
    clock = Clock()
    outage = Outage("stash", 60, list, clock)
    outage.down(OSError())
    before = outage.may_try()
    clock.now += PAUSE

    assert [before, outage.may_try(), outage.may_try()] == [False, True, False]


def test_return_is_announced_once():
    """
    Those who wait are woken when the service is back, and not at every answer.
    """
    calls = []
    outage = Outage("stash", 60, lambda: calls.append(outage.may_try()), Clock())

    outage.up()
    outage.down(OSError())
    outage.up()
    outage.up()

    assert calls == [True]


def test_last_error_is_remembered():
    """
    What is wrong now counts, not what was wrong first.
    """
    outage = Outage("stash", 60, list, Clock())
    first, last = OSError("first"), OSError("last")
    outage.down(first)

    outage.down(last)

    assert outage.error is last


def test_pause_that_was_asked_for():
    """
    A service that names a time is left alone until then.
    """
    outage = Outage("telegram", 60, list, Clock())

    outage.down(OSError(), retry_after=400)

    assert outage.wait == 400


def test_pause_that_one_of_many_was_asked_for():
    """
    The others, which were told no time, do not cut it short.
    """
    clock = Clock()
    outage = Outage("telegram", 60, list, clock)
    outage.down(OSError())
    outage.down(OSError(), retry_after=400)
    outage.down(OSError())
    asked = outage.wait
    clock.now += 400
    outage.down(OSError())

    assert (asked, outage.wait) == (400, 2 * PAUSE)


def test_many_were_under_way():
    """
    However many fail at once, and however late, the service is tried again as if it were one.
    """
    clock = Clock()
    outage = Outage("stash", 60, list, clock)
    for _ in range(6):
        outage.down(OSError())
        clock.now += PAUSE / 8

    assert outage.wait == PAUSE / 4


def test_try_that_fails():
    """
    The failure of the one caller that may try counts, and what fails after it does not.
    """
    clock = Clock()
    outage = Outage("stash", 60, list, clock)
    outage.down(OSError())
    clock.now += PAUSE
    assert outage.may_try()
    clock.now += PAUSE / 2

    outage.down(OSError())
    outage.down(OSError())

    assert outage.wait == 2 * PAUSE


def test_try_that_succeeds():
    """
    What failed of old counts for nothing when the service goes once more.
    """
    clock = Clock()
    outage = Outage("stash", 60, list, clock)
    outage.down(OSError())
    clock.now += PAUSE
    assert outage.may_try()
    outage.up()

    outage.down(OSError())
    outage.down(OSError())

    assert outage.wait == PAUSE


@given(
    failures=st.lists(st.integers(1, 6), min_size=1, max_size=40),
    asks=st.booleans(),
    longest=st.sampled_from([1.0, 20.0, 60.0]),
)
def test_pauses_grow(failures, asks, longest):
    """
    Each try that fails doubles the pause, up to the longest; a return starts it anew.
    """
    clock = Clock()
    outage = Outage("telegram", longest, list, clock)
    for under_way in failures:
        clock.now += outage.wait
        assert not asks or outage.may_try()
        for _ in range(under_way):
            outage.down(OSError())
    grown = outage.wait
    outage.up()
    outage.down(OSError())

    assert grown == min(PAUSE * 2 ** (len(failures) - 1), longest)
    assert outage.wait == PAUSE
