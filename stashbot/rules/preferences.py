"""What the votes of a chat's users say about images: votes in, weights out. Pure.

*Liking.* A feature (a performer, tag, gallery or studio) that was on a share q of the pictures
shown would have L q of the chat's L likes by chance. It has `l` of them, r times as many. With
r ~ Gamma(k, k) beforehand it is r ~ Gamma(l + k, L q + k) afterwards: the conjugate prior of a
count with an exposure (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6), worth k
votes of that kind; together the kinds have K = `PRIOR`, divided as all votes of the chat are.
So few votes move little, and what is liked as often as it is shown means nothing. The same
holds for the dislikes D and `d`. What a feature says for an image, its lift, is the logarithm
of how many times as often as by chance it is liked, less that for dislikes:

    log((l + k) / (L q + k)) - log((d + k') / (D q + k'))    with k : k' = L : D, k + k' = K

Who only ever likes, or only dislikes, is understood as well, from what was shown besides. To
what was shown the votes themselves add the worth of `UNSEEN` pictures, with the features of
those that were voted on: some of these were shown in another chat.

*Weight.* The features of an image count as independent hints, as in naive Bayes: their lifts
are added up. The weight is the exponential of the sum, held within 1/`BOUND` and `BOUND`:
what is disliked becomes rare and never extinct. Hints that came on the same images are not
independent, so that a few votes on images with many tags would sum up to much. That is why
the bounds open with the number n of all votes: as exp(±log(`BOUND`) n / (n + `CALM`)).

*Fading.* A vote counts half after `HALF_LIFE`, a quarter after twice as long; so does what
was shown.

*Priority.* For people, features are ranked by the lower end of Wilson's score interval for
the share of likes (Wilson 1927, doi:10.1080/01621459.1927.10502953): nine of ten comes
before one of one.

It does not look at pictures, does not tell the tastes of a group's members apart, sees no
combinations (liking red and liking cars is not liking red cars), does not ask why a picture
was passed over, and knows nothing of images that share no feature with one that was shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..models import Facet, Feature, Image

#: The number of votes that the prior is worth.
PRIOR = 2.0
#: The number of pictures that the votes stand in for: some were shown elsewhere, or uncounted.
UNSEEN = 20.0
#: How many times as likely as usual an image can become, or as unlikely.
BOUND = 10.0
#: The number of votes with which the bounds are half open.
CALM = 20.0
#: After so long a vote counts half.
HALF_LIFE = timedelta(days=365)
#: The standard score of a one-sided bound that holds with 95 %.
Z = 1.645
#: Whatever was voted on has this in common.
ANYTHING = Feature(Facet.IMAGE, 0)
#: Against which the age of votes is counted, so that none has to be counted anew.
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tally:
    """The votes on all images with a feature: how many, and what they still count.

    `shown` is what the pictures with it count that were shown.
    """

    likes: int = 0
    dislikes: int = 0
    liked: float = 0.0
    disliked: float = 0.0
    shown: float = 0.0


Tallies = Mapping[Feature, Tally]


def growth(moment: datetime) -> float:
    """How much a vote of that moment counts, in those of `_EPOCH`: the later the more.

    Dividing by the growth of today gives what it counts today.
    """
    return math.exp2((moment - _EPOCH) / HALF_LIFE)


def weights(images: Iterable[Image], tallies: Tallies) -> list[float]:
    """How likely each image is to be chosen, in relation to one that nothing is known of.

    `tallies` holds those of `ANYTHING` and of the images' features, as far as there are any.
    """
    anything = tallies.get(ANYTHING, Tally())
    votes = anything.liked + anything.disliked
    lifts = {feature: _lift(tally, anything) for feature, tally in tallies.items()}
    limit = math.log(BOUND) * votes / (votes + CALM)
    sums = (sum(lifts.get(feature, 0.0) for feature in image.features) for image in images)
    return [math.exp(max(-limit, min(limit, total))) for total in sums]


def likeability(tally: Tally) -> float:
    """The share of likes that this is at least worth, 0 to 1."""
    return _lower_bound(tally.liked, tally.disliked)


def dislikeability(tally: Tally) -> float:
    """The share of dislikes that this is at least worth, 0 to 1."""
    return _lower_bound(tally.disliked, tally.liked)


def favourites(tallies: Tallies, limit: int) -> list[tuple[Feature, Tally]]:
    """The most liked features with more likes than dislikes, the surest first."""
    liked = [each for each in tallies.items() if each[1].likes > each[1].dislikes]
    return sorted(liked, key=lambda each: (-likeability(each[1]), each[0].name))[:limit]


def dislikes(tallies: Tallies, limit: int) -> list[tuple[Feature, Tally]]:
    """The least liked features with more dislikes than likes, the surest first."""
    disliked = [each for each in tallies.items() if each[1].dislikes > each[1].likes]
    return sorted(disliked, key=lambda each: (-dislikeability(each[1]), each[0].name))[:limit]


def _lift(tally: Tally, anything: Tally) -> float:
    """How many times as often as by chance a feature is liked, less disliked: the logarithm."""
    votes = anything.liked + anything.disliked
    voted_on = (tally.liked + tally.disliked) / max(votes, 1.0)
    share = (tally.shown + UNSEEN * voted_on) / (anything.shown + UNSEEN)
    likes = _times_as_many(tally.liked, anything.liked, votes, share)
    return math.log(likes / _times_as_many(tally.disliked, anything.disliked, votes, share))


def _times_as_many(given: float, in_all: float, votes: float, share: float) -> float:
    """How many times as many votes of a kind were given as by chance."""
    prior = PRIOR * (in_all + 1) / (votes + 2)  # of neither kind quite nothing
    return (given + prior) / (in_all * share + prior)


def _lower_bound(hits: float, misses: float) -> float:
    total = hits + misses
    if total <= 0:
        return 0.0
    share, z2 = hits / total, Z * Z
    centre = share + z2 / (2 * total)
    margin = Z * math.sqrt((share * (1 - share) + z2 / (4 * total)) / total)
    return max(0.0, (centre - margin) / (1 + z2 / total))
