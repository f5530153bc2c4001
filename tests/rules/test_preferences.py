"""Weights of images from votes, and ranks of features."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Facet, Feature, Image, Named, Vote, VoteCounts
from stashbot.rules.preferences import BOUND, TOTAL, dislikes, favourites, lower_bound, weights
from tests.bench.taste import LEARNING, SHOWN, TAGS, simulate
from tests.conftest import at_length

SEA, CITY, NIGHT = (
    Feature(Facet.TAG, id, name) for id, name in enumerate(["sea", "city", "night"])
)
COUNTS = st.integers(0, 10_000)
COUNTED = st.builds(VoteCounts, COUNTS, COUNTS, COUNTS)


def counts(likes, dislikes, shown=None):
    """So many votes; without `shown`, on all pictures that were shown."""
    return VoteCounts(likes, dislikes, likes + dislikes if shown is None else shown)


def tagged(*features):
    return Image(1, tags=tuple(Named(each.id, each.name) for each in features))


def weight(image, known, total=(50, 50)):
    """The weight of an image; `total` are the arguments of `counts` for all votes."""
    return weights([image], {TOTAL: counts(*total)} | known)[0]


def test_without_votes_all_weigh_the_same():
    assert weights([tagged(SEA), tagged(CITY, NIGHT), Image(2)], {}) == [1.0, 1.0, 1.0]


def test_feature_that_is_liked_as_often_as_others_has_no_effect():
    assert weight(tagged(SEA), {SEA: counts(80, 20)}, (799, 199)) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize(
    ("likes", "shown", "low", "high"),
    [
        pytest.param(90, 450, 0.95, 1.05, id="on every second picture, and half of what is liked"),
        pytest.param(60, 100, 2, 10, id="more often than by chance"),
        pytest.param(0, 100, 0.1, 0.5, id="never"),
        pytest.param(0, 2, 0.8, 1, id="seldom seen"),
    ],
)
def test_user_who_only_likes(likes, shown, low, high):
    """Without a single 👎, features that are liked more often than they are shown weigh more."""
    found = weight(tagged(SEA), {SEA: counts(likes, 0, shown)}, (180, 0, 900))

    assert low <= found <= high


def test_group_that_only_likes():
    """Where three people like each picture of the sea, there is more than one vote a picture."""
    assert weight(tagged(SEA), {SEA: counts(150, 0, 50)}, (150, 0, 100)) > 1.5


def test_user_who_only_dislikes():
    known = {SEA: counts(0, 90, 450), CITY: counts(0, 60, 100), NIGHT: counts(0, 0, 100)}
    sea, city, night = (weight(tagged(each), known, (0, 180, 900)) for each in (SEA, CITY, NIGHT))

    assert sea == pytest.approx(1.0, rel=0.05)
    assert city < 0.5
    assert night > 2


def test_few_votes_move_little():
    """More votes of the same kind move a weight further from 1, each less than the one before."""
    seen = [weight(tagged(SEA), {SEA: counts(count, 0)}) for count in range(5)]
    steps = [after / before for before, after in pairwise(seen)]

    assert seen[0] == 1.0
    assert seen == sorted(seen)
    assert steps == sorted(steps, reverse=True)
    assert seen[1] < 2.1


@pytest.mark.parametrize("likes", [1, 3])
def test_few_votes_on_images_with_many_tags_move_little(likes):
    """Thirty tags that came on the same few pictures are not thirty times as sure."""
    tags = [Feature(Facet.TAG, id) for id in range(30)]
    known = dict.fromkeys(tags, counts(likes, 0))

    assert 1 < weight(tagged(*tags), known, (likes, 0, 20)) < 1.5


def test_hints_add_up():
    """Two liked tags weigh more than one, and a liked and a disliked one cancel out."""
    known = {SEA: counts(8, 2), CITY: counts(8, 2), NIGHT: counts(2, 8)}

    assert weight(tagged(SEA, CITY), known) > weight(tagged(SEA), known) > 1
    assert weight(tagged(SEA, NIGHT), known) == pytest.approx(1.0)


@given(known=st.fixed_dictionaries({SEA: COUNTED, CITY: COUNTED, NIGHT: COUNTED}), total=COUNTED)
def test_no_feature_becomes_extinct(known, total):
    found = weights([tagged(SEA, CITY, NIGHT)], {TOTAL: total} | known)[0]

    assert 1 / BOUND * 0.999 <= found <= BOUND * 1.001


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
    """Nine of ten is worth more than one of one."""
    assert lower_bound(likes, dislikes) == pytest.approx(bound, abs=0.0005)


def test_ranks():
    """The surest comes first; a feature with as many likes as dislikes is on no list."""
    once = Feature(Facet.TAG, 9, "once")
    known = {SEA: counts(9, 1), once: counts(1, 0), CITY: counts(1, 8), NIGHT: counts(3, 3)}

    assert [feature.name for feature, _ in favourites(known, 5)] == ["sea", "once"]
    assert [feature.name for feature, _ in dislikes(known, 5)] == ["city"]
    assert favourites(known, 1) == [(SEA, counts(9, 1))]


def test_choice_follows_the_votes():
    """
    A user likes a fifth of the tags: after 200 votes at least half of the pictures are
    liked, and after a thousand pictures every tag has still been shown.
    """
    found = simulate(shown=at_length(SHOWN, 100))

    assert found.after >= 0.55
    assert min(found.windows[2:]) >= 0.5
    assert found.tags >= at_length(TAGS, TAGS // 2)
    assert found.requests <= at_length(0.1, 0.15)


@pytest.mark.parametrize("vote", at_length(list(Vote), [Vote.LIKE]))
def test_choice_follows_votes_of_one_kind(vote):
    found = simulate(
        learning=at_length(LEARNING, 100), shown=at_length(SHOWN, 100), buttons=(vote,)
    )

    assert found.after >= at_length(0.33, 0.23)
    assert found.tags >= at_length(TAGS, TAGS // 2)
