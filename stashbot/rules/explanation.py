"""Why an image is as likely as it is: the features that move its weight most. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from ..models import Explanation, Feature, Reason, VoteCounts
from . import preferences
from .preferences import Counts

#: The most features that are named.
MOST_REASONS = 4
#: A feature with a smaller effect is not named: the logarithm of its factor.
LEAST_LIFT = 0.1


def explain(
    features: Iterable[Feature], counts: Counts, always: Collection[Feature] = ()
) -> Explanation:
    """Explain the weight of an image with these features.

    `counts` are those that `preferences.weights` takes. The features `always` are named whatever
    their effect, before others.
    """
    lifts = {each: lift for each, lift in preferences.lifts(counts).items() if lift}
    own = {each: lifts.get(each, 0.0) for each in features if each in lifts or each in always}
    notable = [each for each in own if each in always or abs(own[each]) >= LEAST_LIFT]
    named = sorted(notable, key=lambda each: (each not in always, -abs(own[each])))[:MOST_REASONS]
    reasons = [
        Reason(each, counts.get(each, VoteCounts()), math.exp(own[each]))
        for each in sorted(named, key=lambda each: -abs(own[each]))
    ]
    lift = sum(own.values())
    weight = preferences.weight(lift, counts)
    is_bounded = not math.isclose(math.log(weight), lift, abs_tol=1e-9)
    return Explanation(weight, reasons, len(own) - len(reasons), is_bounded)
