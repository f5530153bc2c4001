"""Texts with bold headings: escaped, without zeros."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.demo.telegram.markup import parse_html
from stashbot.messages.catalogue import TEXTS
from stashbot.messages.plain_text import MESSAGE_LIMIT, cleaned, message, units
from stashbot.messages.sections import numbers, section, votes
from stashbot.models import VoteCounts


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        (VoteCounts(3, 1), "👍 3 · 👎 1"),
        (VoteCounts(0, 1), "👎 1"),
        (VoteCounts(), ""),
    ],
)
def test_votes_without_zeros(counts, line):
    assert votes(counts) == line


def test_numbers_without_zeros():
    counts = {"stats.today": 0, "stats.week": 12, "stats.all": 1340}

    assert numbers(counts, TEXTS["en"]) == "12 in 7 days · 1,340 in all"
    assert section("Empty", ["", numbers({"stats.today": 0}, TEXTS["en"])]) == []


NAMES = st.text().map(cleaned).filter(bool)


@given(NAMES, st.lists(NAMES, min_size=1, max_size=300))
def test_any_names_are_shown_as_they_are_within_the_limit(heading, lines):
    text = message(section(heading, lines))

    plain, entities = parse_html(text)
    assert units(text) < MESSAGE_LIMIT
    assert plain == message([heading, *lines]) or plain.endswith("…")
    assert all(each.type == "bold" for each in entities)
