"""Why a picture came, in words."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.messages.catalogue import TEXTS
from stashbot.messages.labels import label
from stashbot.messages.plain_text import MESSAGE_LIMIT, units
from stashbot.messages.why import showings, weight
from stashbot.models import Explanation, Facet, Feature, Reason, VoteCounts
from stashbot.rules.explanation import MOST_REASONS
from tests.messages.test_menu import IDS, NAMES, SHARED

EN, RU = TEXTS["en"], TEXTS["ru"]
SEA = Feature(Facet.TAG, 3, "sea")


def reason(factor, *counts):
    return Reason(SEA, VoteCounts(*counts), factor)


@pytest.mark.parametrize(
    ("value", "english", "russian"),
    [
        (3.0, "It is 3 times likelier than without votes:", "Шансы в 3 раза выше обычных:"),
        (1.5, "It is 1.5 times likelier than without votes:", "Шансы в 1,5 раза выше обычных:"),
        (9.96, "It is 10 times likelier than without votes:", "Шансы в 10 раз выше обычных:"),
        (0.5, "It is half as likely as without votes:", "Шансы вдвое ниже обычных:"),
        (0.2, "It is 5 times less likely than without votes:", "Шансы в 5 раз ниже обычных:"),
        (1.04, "It is as likely as any other:", "Шансы такие же, как у любой другой:"),
    ],
)
def test_weight(value, english, russian):
    found = Explanation(value, [reason(1.3, 5, 1)], 0, is_bounded=False)

    assert weight(found, EN) == [english, "👍 5 of 6 for 🏷 sea"]
    assert weight(found, RU) == [russian, "👍 5 из 6: 🏷 sea"]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        pytest.param(reason(2.0, 5, 1, 9), "👍 5 of 6 for 🏷 sea", id="liked"),
        pytest.param(reason(0.5, 1, 5, 9), "👎 5 of 6 for 🏷 sea", id="disliked"),
        pytest.param(reason(1.0, 1, 0, 9), "👍 1 of 1 for 🏷 sea", id="liked, without effect"),
        pytest.param(reason(0.5, 1, 0, 90), "👍 1 in 90 pictures of 🏷 sea", id="seldom liked"),
        pytest.param(reason(2.0, 0, 0, 1), "👎 0 in 1 picture of 🏷 sea", id="never disliked"),
    ],
)
def test_reason(one, words):
    assert weight(Explanation(2.0, [one], 0, is_bounded=False), EN)[1] == words


def test_reasons_that_are_left_out():
    found = Explanation(3.0, [reason(9.0, 5, 1)], 2, is_bounded=True)

    assert weight(found, EN)[2:] == [
        "+ 2 weak signs",
        "With the votes so far, I go no further than that.",
    ]


@pytest.mark.parametrize(
    ("left_out", "english", "russian"),
    [
        (1, "1 weak sign says so", "так говорит 1 слабый признак"),
        (2, "2 weak signs together say so", "так вместе говорят 2 слабых признака"),
    ],
)
def test_weak_signs_alone(left_out, english, russian):
    found = Explanation(0.9, [], left_out, is_bounded=False)

    assert weight(found, EN)[1:] == [english]
    assert weight(found, RU)[1:] == [russian]


def test_nothing_learned():
    [line] = weight(Explanation(1.0, [], 0, is_bounded=False), EN)

    assert (
        line == "It is as likely as any other: the votes so far say nothing about pictures like it."
    )


@pytest.mark.parametrize(
    ("ages", "words"),
    [
        pytest.param([], "I show it here for the first time.", id="never"),
        pytest.param([40, 40, 41], "here before: March 25, 2026 · March 24, 2026", id="twice"),
        pytest.param([1, 2, 3, 4], "May 3, 2026 · May 2, 2026 · May 1, 2026 · …", id="often"),
    ],
)
def test_showings(ages, words):
    today = date(2026, 5, 4)
    days = [today, *(today - timedelta(days=age) for age in ages)]

    assert showings(days, EN, is_repeat=False).endswith(words)
    assert showings(days, EN, is_repeat=True).endswith("came again.") is bool(ages)


COUNTS = st.builds(VoteCounts, *[st.integers(0, 10**9)] * 3)
FACTORS = st.floats(0.01, 100)
REASONS = st.builds(
    Reason, st.builds(Feature, st.sampled_from(SHARED), IDS, NAMES), COUNTS, FACTORS
)
EXPLANATIONS = st.builds(
    Explanation,
    st.floats(0.1, 10),
    st.lists(REASONS, min_size=1, max_size=MOST_REASONS),
    st.integers(0, 99),
    st.booleans(),
)


@given(EXPLANATIONS, st.sampled_from([EN, RU]))
def test_any_names(found, texts):
    """Telegram takes the text, and each reason has one line that ends with a name."""
    lines = weight(found, texts)

    assert units("\n".join(lines)) < MESSAGE_LIMIT / 2
    assert not any("\n" in line for line in lines)
    for reason, line in zip(found.reasons, lines[1:], strict=False):
        assert line.endswith(label(reason.feature, texts))
