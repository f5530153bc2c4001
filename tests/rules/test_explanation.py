"""Why an image is as likely as it is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import Facet, Feature, Image, Named, VoteCounts
from stashbot.rules.explanation import MOST_REASONS, explain
from stashbot.rules.preferences import TOTAL, weights

TAGS = [Feature(Facet.TAG, id) for id in range(1, 8)]
SEA, CITY, NIGHT, *_ = TAGS
COUNTS = st.builds(VoteCounts, *[st.integers(0, 500)] * 3)


@pytest.mark.parametrize(
    ("known", "always", "named"),
    [
        pytest.param({}, (), [], id="nothing learned"),
        pytest.param({SEA: (9, 1, 20)}, (), [SEA], id="liked"),
        pytest.param({SEA: (9, 3, 20), CITY: (0, 9, 20)}, (), [CITY, SEA], id="strongest first"),
        pytest.param({SEA: (0, 0, 1), CITY: (9, 1, 20)}, (), [CITY], id="hardly an effect"),
        pytest.param({SEA: (0, 0, 1)}, [SEA, NIGHT], [SEA, NIGHT], id="voted on by name"),
        pytest.param(
            dict.fromkeys(TAGS, (9, 1, 20)) | {TAGS[-1]: (5, 4, 20)},
            TAGS[-1:],
            [*TAGS[:3], TAGS[-1]],
            id="many, with one that was voted on by name",
        ),
    ],
)
def test_named_features(known, always, named):
    counts = {feature: VoteCounts(*each) for feature, each in known.items()}
    counts[TOTAL] = VoteCounts(60, 40, 200) if known else VoteCounts(0, 0, 200)

    found = explain(TAGS, counts, always)

    assert [each.feature for each in found.reasons] == named
    assert found.left_out == len({*known, *always} - {*named})


@pytest.mark.parametrize(("votes", "is_bounded"), [(2, True), (400, False)])
def test_bounds_open_with_the_votes(votes, is_bounded):
    counts = {TOTAL: VoteCounts(votes, votes, 900), SEA: VoteCounts(2, 0, 9)}

    assert explain([SEA], counts).is_bounded is is_bounded


@given(st.dictionaries(st.sampled_from([TOTAL, *TAGS]), COUNTS), st.sets(st.sampled_from(TAGS)))
def test_factors_make_the_weight_of_the_choice(counts, always):
    """Their product is the weight, unless something is said to be left out."""
    image = Image(1, tags=tuple(Named(each.id, "") for each in TAGS))
    found = explain(image.features, counts, always)
    product = math.prod(each.factor for each in found.reasons)

    assert [found.weight] == pytest.approx(weights([image], counts))
    assert len(found.reasons) <= MOST_REASONS
    assert found.weight == pytest.approx(product) or found.left_out or found.is_bounded
