"""
The choice of an image, and the way through the library, without either.
"""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Image, Walk
from stashbot.picker import PAGE, SCAN, SEEDS, first, new_walk, next_page, page_with_unseen, pick

IDS = st.lists(st.integers(1, 60), unique=True)


def images(*ids):
    return [Image(id) for id in ids]


def test_every_candidate_is_as_likely():
    """
    Of 3,000 draws each of three images gets about a thousand.
    """
    chance = Random(1)

    counts = Counter(pick(images(1, 2, 3), (), chance).id for _ in range(3000))

    assert set(counts) == {1, 2, 3}
    assert all(900 < count < 1100 for count in counts.values())


@given(candidates=IDS, taken=st.sets(st.integers(1, 60)), seed=st.integers())
def test_what_is_taken_is_never_picked(candidates, taken, seed):
    """
    A free candidate is picked if there is one, and nothing if there is none.
    """
    image = pick(images(*candidates), taken, Random(seed))

    free = set(candidates) - taken
    assert (image.id in free) if free else image is None


@pytest.mark.parametrize(
    ("candidates", "taken", "found"),
    [
        pytest.param((), (), None, id="none"),
        pytest.param((3, 1, 2), (), 3, id="all free"),
        pytest.param((3, 1, 2), (3, 2), 1, id="one free"),
        pytest.param((3, 1), (1, 3), None, id="all taken"),
    ],
)
def test_first_that_is_free(candidates, taken, found):
    """
    The order of the candidates decides.
    """
    image = first(images(*candidates), taken)

    assert (image and image.id) == found


def test_new_walk():
    """
    A walk begins at the beginning, with a seed that Stash tells apart from others.
    """
    walks = [new_walk(Random(seed)) for seed in range(100)]

    assert len({walk.seed for walk in walks}) == 100
    assert all(0 <= walk.seed < SEEDS for walk in walks)
    assert {(walk.offset, walk.exhausted_at, walk.newest_id) for walk in walks} == {(0, None, 0)}


def test_next_page():
    """
    A walk goes on by whole pages, in its order.
    """
    assert next_page(Walk(seed=7, offset=PAGE)) == Walk(seed=7, offset=2 * PAGE)


@given(
    block=st.integers(0, 5),
    size=st.integers(0, SCAN),
    unseen=st.sets(st.integers(0, SCAN - 1), max_size=3),
)
def test_page_with_something_unseen(block, size, unseen):
    """
    The page is that of the first unseen id, wherever in the scan it stands.
    """
    ids = range(10_000, 10_000 + size)
    walk = Walk(seed=7, offset=3, exhausted_at=datetime(2026, 1, 1, tzinfo=UTC), newest_id=9)

    found = page_with_unseen(walk, block, ids, {id for id in ids if id - 10_000 not in unseen})

    position = min((place for place in unseen if place < size), default=None)
    if position is None:
        assert found is None
    else:
        assert found == Walk(seed=7, offset=block * SCAN + position // PAGE * PAGE)
        assert found.offset % PAGE == 0


def test_scans_end_with_pages():
    """
    No page lies across two scans.
    """
    assert SCAN % PAGE == 0
