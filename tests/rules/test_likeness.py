"""Images that are like another: rare features that they share count most."""

import math

from stashbot.models import Facet, Feature
from stashbot.rules.likeness import likeness

RARE, COMMON, ALL = (Feature(Facet.TAG, id) for id in (1, 2, 3))


def test_the_rarer_feature_counts_more():
    scores = likeness(1000, {RARE: 10, COMMON: 500}, {RARE: [7], COMMON: [8, 9]})

    assert list(scores) == [7, 8, 9]
    assert math.isclose(scores[7], math.log(100) ** 2)
    assert math.isclose(scores[8], math.log(2) ** 2)


def test_shared_features_add_up():
    scores = likeness(1000, {RARE: 10, COMMON: 20}, {RARE: [1, 2], COMMON: [2, 3]})

    assert list(scores) == [2, 1, 3]


def test_a_feature_of_all_images_makes_none_alike():
    assert likeness(3, {ALL: 3}, {ALL: [1, 2, 3]}) == {}


def test_counts_of_a_library_that_has_changed():
    assert likeness(2, {RARE: 5, COMMON: 0}, {RARE: [1], COMMON: [2]}) == {2: math.log(2) ** 2}
