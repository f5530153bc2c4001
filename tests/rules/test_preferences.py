"""What votes say about images: likings, weights, ranks."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Facet, Feature, Image, Named, Vote
from stashbot.rules.preferences import (
    ANYTHING,
    BOUND,
    HALF_LIFE,
    Tally,
    dislikes,
    favourites,
    growth,
    likeability,
    weights,
)
from tests.bench.taste import SHOWN, TAGS, simulate
from tests.conftest import at_length
from tests.store.stored import DAY, NOW

SEA, CITY, NIGHT = (
    Feature(Facet.TAG, id, name) for id, name in enumerate(["sea", "city", "night"])
)
COUNTS = st.integers(0, 10_000)
TALLIES = st.builds(
    lambda up, down, shown: Tally(up, down, float(up), float(down), float(shown)), *[COUNTS] * 3
)


def tally(likes, dislikes, shown=None):
    """So many votes; without `shown`, on all pictures that were shown."""
    shown = likes + dislikes if shown is None else shown
    return Tally(likes, dislikes, float(likes), float(dislikes), float(shown))


def tagged(*features):
    return Image(1, tags=tuple(Named(each.id, each.name) for each in features))


def weight(image, tallies, anything=(50, 50)):
    """What an image weighs; `anything` are all votes, as for `tally`."""
    return weights([image], {ANYTHING: tally(*anything)} | tallies)[0]


def test_without_votes_all_weigh_the_same():
    """Who has not voted has no taste."""
    assert weights([tagged(SEA), tagged(CITY, NIGHT), Image(2)], {}) == [1.0, 1.0, 1.0]


def test_what_is_liked_as_often_as_anything_means_nothing():
    """Somebody who likes four of five of everything has no taste for the sea."""
    assert weight(tagged(SEA), {SEA: tally(80, 20)}, (799, 199)) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize(
    ("likes", "shown", "low", "high"),
    [
        pytest.param(90, 450, 0.95, 1.05, id="on every second picture, and half of what is liked"),
        pytest.param(60, 100, 2, 10, id="more often than by chance"),
        pytest.param(0, 100, 0.1, 0.5, id="never"),
        pytest.param(0, 2, 0.8, 1, id="seldom seen"),
    ],
)
def test_who_only_likes(likes, shown, low, high):
    """Of somebody who never presses 👎 it is learned what is liked more often than it is shown."""
    found = weight(tagged(SEA), {SEA: tally(likes, 0, shown)}, (180, 0, 900))

    assert low <= found <= high


def test_group_that_only_likes():
    """Where three people like each picture of the sea, there is more than one vote a picture."""
    assert weight(tagged(SEA), {SEA: tally(150, 0, 50)}, (150, 0, 100)) > 1.5


def test_who_only_dislikes():
    """The other way round it is the same."""
    known = {SEA: tally(0, 90, 450), CITY: tally(0, 60, 100), NIGHT: tally(0, 0, 100)}
    sea, city, night = (weight(tagged(each), known, (0, 180, 900)) for each in (SEA, CITY, NIGHT))

    assert sea == pytest.approx(1.0, rel=0.05)
    assert city < 0.5
    assert night > 2


def test_few_votes_move_little():
    """More votes of the same kind move a weight further from 1, each less than the one before."""
    seen = [weight(tagged(SEA), {SEA: tally(count, 0)}) for count in range(5)]
    steps = [after / before for before, after in pairwise(seen)]

    assert seen[0] == 1.0
    assert seen == sorted(seen)
    assert steps == sorted(steps, reverse=True)
    assert seen[1] < 2.1


@pytest.mark.parametrize("likes", [1, 3])
def test_few_votes_move_little_whatever_they_are_about(likes):
    """Thirty tags that came on the same few pictures are not thirty times as sure."""
    tags = [Feature(Facet.TAG, id) for id in range(30)]
    known = dict.fromkeys(tags, tally(likes, 0))

    assert 1 < weight(tagged(*tags), known, (likes, 0, 20)) < 1.5


def test_hints_add_up():
    """Two liked tags weigh more than one, and a liked and a disliked one cancel out."""
    known = {SEA: tally(8, 2), CITY: tally(8, 2), NIGHT: tally(2, 8)}

    assert weight(tagged(SEA, CITY), known) > weight(tagged(SEA), known) > 1
    assert weight(tagged(SEA, NIGHT), known) == pytest.approx(1.0)


@given(known=st.fixed_dictionaries({SEA: TALLIES, CITY: TALLIES, NIGHT: TALLIES}), all=TALLIES)
def test_nothing_is_ever_extinct(known, all):
    """However many votes there are, a weight stays within its bounds."""
    found = weights([tagged(SEA, CITY, NIGHT)], {ANYTHING: all} | known)[0]

    assert 1 / BOUND * 0.999 <= found <= BOUND * 1.001


def test_votes_fade():
    """A vote counts half after a year, and a quarter after two."""
    today = growth(NOW)

    assert growth(NOW - HALF_LIFE) / today == pytest.approx(0.5)
    assert growth(NOW - 2 * HALF_LIFE) / today == pytest.approx(0.25)
    assert growth(NOW + 100 * 365 * DAY) / growth(NOW + 101 * 365 * DAY) == pytest.approx(0.5)
    assert timedelta(days=365) == HALF_LIFE


@pytest.mark.parametrize(
    ("likes", "dislikes", "bound"),
    [
        pytest.param(0, 0, 0.0, id="no votes"),
        # By hand, of the formula in Wilson's paper with z = 1.645.
        pytest.param(1, 0, 0.2699, id="one of one"),
        pytest.param(9, 1, 0.6523, id="nine of ten"),
        pytest.param(0, 9, 0.0, id="none of nine"),
    ],
)
def test_lower_bound(likes, dislikes, bound):
    """What is surely liked at least: nine of ten is worth more than one of one."""
    assert likeability(tally(likes, dislikes)) == pytest.approx(bound, abs=0.0005)


def test_ranks():
    """Features are ranked by what is sure, each on one list at most, and none without a leaning."""
    once = Feature(Facet.TAG, 9, "once")
    known = {SEA: tally(9, 1), once: tally(1, 0), CITY: tally(1, 8), NIGHT: tally(3, 3)}

    assert [feature.name for feature, _ in favourites(known, 5)] == ["sea", "once"]
    assert [feature.name for feature, _ in dislikes(known, 5)] == ["city"]
    assert favourites(known, 1) == [(SEA, tally(9, 1))]


def test_choice_follows_a_taste():
    """
    Who likes a fifth of the tags and says so: after 200 votes at least half of what is
    shown is liked; a thousand pictures later every tag has still been shown.
    """
    found = simulate(shown=at_length(SHOWN, 200))

    assert found.after >= 0.55
    assert min(found.windows[2:]) >= 0.5
    assert found.tags >= at_length(TAGS, TAGS // 2)
    assert found.requests <= at_length(0.1, 0.15)


@pytest.mark.parametrize("thumb", at_length(list(Vote), [Vote.LIKE]))
def test_choice_follows_one_who_presses_one_thumb(thumb):
    """Who only ever likes, or only dislikes, is shown more of what he likes as well."""
    found = simulate(shown=at_length(SHOWN, 200), thumbs=(thumb,))

    assert found.after >= at_length(0.33, 0.23)
    assert found.tags >= at_length(TAGS, TAGS // 2)
