"""Weights of images from the votes that count in a chat. Pure.

*Lift.* A feature (a performer, tag, gallery or studio) that is on a share q of the pictures
shown has L q of the chat's L likes by chance. It has `l` of them, r times as many. With the
prior r ~ Gamma(k, k) the posterior is r ~ Gamma(l + k, L q + k): the conjugate prior of a
count with an exposure (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6). It is
worth k votes; both kinds together are worth K = `PRIOR` votes, divided as the votes of the
chat are. So few votes move little, and a feature that is liked as often as it is shown has
no effect. The same holds for the dislikes D and `d`. The lift of a feature is

    log((l + k) / (L q + k)) - log((d + k') / (D q + k'))    with k : k' = L : D, k + k' = K

A chat that only likes, or only dislikes, is understood as well, from the pictures shown. The
images with votes count as `UNSEEN` more pictures shown, because some of the votes were given
in another chat.

*Weight.* The features of an image count as independent hints, as in naive Bayes: their lifts
are added up. The weight is the exponential of the sum, within 1/`BOUND` and `BOUND`: a
disliked kind becomes rare, never extinct. Features of the same images are not independent
hints, so a few votes on images with many tags would have too much effect. Therefore the
bounds open with the number n of all votes: exp(±log(`BOUND`) n / (n + `CALM`)).

*Rank.* In lists, features are ranked by the lower end of Wilson's score interval for the
share of likes (Wilson 1927, doi:10.1080/01621459.1927.10502953): nine of ten comes before
one of one.

Limits: it does not look at pictures, does not separate the users of a group, does not see
combinations of features, ignores pictures without a vote other than as shown, and has no
opinion on images that share no feature with an image that was shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..models import Facet, Feature, Image, VoteCounts

#: The worth of the prior, in votes.
PRIOR = 2.0
#: The number of pictures shown that the images with votes stand for.
UNSEEN = 20.0
#: The largest weight; its inverse is the smallest.
BOUND = 10.0
#: The number of votes at which the bounds are half open.
CALM = 20.0
#: The standard score of a one-sided bound that holds with 95 %.
Z = 1.645
#: Each image has this feature: its counts are those of the whole chat.
TOTAL = Feature(Facet.IMAGE, 0)

Counts = Mapping[Feature, VoteCounts]


def weights(images: Iterable[Image], counts: Counts) -> list[float]:
    """The weight of each image in the choice; 1 without votes.

    `counts` holds those of `TOTAL` and of the images' features, as far as there are any.
    """
    known = lifts(counts)
    sums = (sum(known.get(feature, 0.0) for feature in image.features) for image in images)
    return [weight(each, counts) for each in sums]


def lifts(counts: Counts) -> dict[Feature, float]:
    """The lift of each counted feature."""
    total = counts.get(TOTAL, VoteCounts())
    return {feature: _lift(of_feature, total) for feature, of_feature in counts.items()}


def weight(lift: float, counts: Counts) -> float:
    """The weight for a sum of lifts, within the bounds."""
    total = counts.get(TOTAL, VoteCounts())
    votes = total.likes + total.dislikes
    limit = math.log(BOUND) * votes / (votes + CALM)
    return math.exp(max(-limit, min(limit, lift)))


def favourites(counts: Counts, limit: int) -> list[tuple[Feature, VoteCounts]]:
    """The most liked features with more likes than dislikes, the surest first."""
    liked = [each for each in counts.items() if each[1].likes > each[1].dislikes]
    return sorted(
        liked, key=lambda each: (-lower_bound(each[1].likes, each[1].dislikes), each[0].name)
    )[:limit]


def dislikes(counts: Counts, limit: int) -> list[tuple[Feature, VoteCounts]]:
    """The least liked features with more dislikes than likes, the surest first."""
    swapped = {each: VoteCounts(found.dislikes, found.likes) for each, found in counts.items()}
    return [(feature, counts[feature]) for feature, _ in favourites(swapped, limit)]


def lower_bound(hits: int, misses: int) -> float:
    """The lower end of Wilson's interval for the share of hits, 0 to 1."""
    total = hits + misses
    if not total:
        return 0.0
    share, z2 = hits / total, Z * Z
    centre = share + z2 / (2 * total)
    margin = Z * math.sqrt((share * (1 - share) + z2 / (4 * total)) / total)
    return max(0.0, (centre - margin) / (1 + z2 / total))


def _lift(counts: VoteCounts, total: VoteCounts) -> float:
    votes = total.likes + total.dislikes
    voted_on = (counts.likes + counts.dislikes) / max(votes, 1)
    share = (counts.shown + UNSEEN * voted_on) / (total.shown + UNSEEN)
    likes = _times_as_many(counts.likes, total.likes, votes, share)
    return math.log(likes / _times_as_many(counts.dislikes, total.dislikes, votes, share))


def _times_as_many(given: int, in_all: int, votes: int, share: float) -> float:
    """The number of votes of one kind, relative to the number expected by chance."""
    prior = PRIOR * (in_all + 1) / (votes + 2)  # positive also for a kind without votes
    return (given + prior) / (in_all * share + prior)
