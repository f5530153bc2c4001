"""The choice of an image, and the way through the library, without either."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Image, Shuffle
from stashbot.rules.selection import (
    PAGE,
    SCAN,
    SEEDS,
    is_spent,
    new_shuffle,
    page_with_unseen,
    pick,
)


def images(*ids):
    return [Image(id) for id in ids]


def drawn(weights, times):
    chance, of = Random(1), images(*range(1, len(weights) + 1))
    counts = Counter(pick(of, weights, chance).id for _ in range(times))
    return [counts[image.id] for image in of]


def test_without_a_taste_every_candidate_is_as_likely():
    assert all(900 < count < 1100 for count in drawn([1.0, 1.0, 1.0], 3000))


def test_weights_decide_but_for_a_quarter():
    """A weight of 10 to 1 holds in three of four draws; the fourth knows no weight."""
    heavy, light = drawn([10.0, 1.0], 10_000)

    assert heavy / 10_000 == pytest.approx(0.75 * 10 / 11 + 0.25 / 2, abs=0.015)
    assert light > 0


@pytest.mark.parametrize(
    ("weights", "left", "spent"),
    [
        pytest.param([1.0] * 40, [1.0] * 40, False, id="nothing drawn"),
        pytest.param([1.0] * 40, [1.0], False, id="no taste: to the last one"),
        pytest.param([1.0] * 40, [], True, id="all drawn"),
        pytest.param([5.0] * 8 + [0.2] * 32, [0.2] * 30, True, id="the best are drawn"),
        pytest.param([5.0] * 8 + [0.2] * 32, [0.2] * 31, False, id="too few for a request"),
        pytest.param([5.0] * 18 + [0.2] * 22, [5.0] * 6 + [0.2] * 22, False, id="good ones left"),
    ],
)
def test_leave_the_rest_of_a_page(weights, left, spent):
    assert is_spent(weights, left) is spent


def test_new_shuffle():
    walks = [new_shuffle(Random(seed)) for seed in range(100)]

    assert len({walk.seed for walk in walks}) == 100
    assert all(0 <= walk.seed < SEEDS for walk in walks)
    assert {(walk.offset, walk.exhausted_at, walk.newest_id) for walk in walks} == {(0, None, 0)}


@given(
    block=st.integers(0, 5),
    size=st.integers(0, SCAN),
    unseen=st.sets(st.integers(0, SCAN - 1), max_size=3),
)
def test_page_with_something_unseen(block, size, unseen):
    ids = range(10_000, 10_000 + size)
    walk = Shuffle(seed=7, offset=3, exhausted_at=datetime(2026, 1, 1, tzinfo=UTC), newest_id=9)

    found = page_with_unseen(walk, block, ids, {id for id in ids if id - 10_000 not in unseen})

    position = min((place for place in unseen if place < size), default=None)
    if position is None:
        assert found is None
    else:
        first = position // PAGE * PAGE
        page = list(ids[first : first + PAGE])
        assert found == (Shuffle(seed=7, offset=block * SCAN + first), page)
