"""Phrases: what each means, which are not understood, and words that are read back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stashbot.messages.catalogue import TEXTS, recurring
from stashbot.models import WHOLE_WEEK, Recurrence
from stashbot.rules.timetable import TimetableError, TimetableFault
from stashbot.rules.when.reading import guess, read
from tests.conftest import at_length


def table(name):
    """The pairs of a phrase and its times in a file; `times = phrase | phrase | ...`."""
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()[1:]
    rows = [line.split(" = ", 1) for line in lines]
    return [(phrase, times) for times, phrases in rows for phrase in phrases.split(" | ")]


def sets(numbers, most):
    return st.sets(numbers, min_size=1, max_size=most).map(sorted).map(tuple)


days = sets(st.integers(1, 7), 7)
times = sets(st.integers(0, 287).map(lambda number: 5 * number), 12) | st.integers(5, 180).map(
    lambda step: tuple(range(0, 1440 - step, step))
)
recurrences = (
    st.builds(Recurrence, times, days)
    | st.builds(Recurrence, times, st.just(WHOLE_WEEK), st.integers(1, 7))
    | st.builds(Recurrence, every=st.integers(5, 10_080))
)


def test_the_tables_are_long():
    assert len(table("phrases.txt")) >= 400
    assert len(table("unclear.txt")) >= 140


@pytest.mark.parametrize(("phrase", "meaning"), table("phrases.txt"))
def test_understood(phrase, meaning):
    assert recurring(read(phrase).recurrence, TEXTS["en"]) == meaning


@pytest.mark.parametrize(("phrase", "guessed"), table("unclear.txt"))
def test_not_understood(phrase, guessed):
    with pytest.raises(TimetableError) as caught:
        read(phrase)
    found = guess(phrase)

    assert caught.value.fault is TimetableFault.UNREADABLE
    assert (recurring(found, TEXTS["en"]) if found else "") == guessed


@settings(max_examples=at_length(2000, 200))
@given(recurrences, st.sampled_from(["en", "ru"]))
def test_shown_times_are_read_back(meant, language):
    assert read(recurring(meant, TEXTS[language])).recurrence == meant
