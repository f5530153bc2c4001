"""How much images are like one image, by the features that they share with it. Pure.

The rarer a feature is, the more it weighs: of N images in the library, n have it, and it weighs
log(N / n), its inverse document frequency (Spärck Jones 1972, doi:10.1108/eb026526). The likeness
of two images is the sum of the squares over the features that they share: the inner product of
their vectors of weights (Salton and Buckley 1988, doi:10.1016/0306-4573(88)90021-0). A feature
that all images have counts nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping

from ..models import Feature


def likeness(
    total: int, counts: Mapping[Feature, int], images: Mapping[Feature, Collection[int]]
) -> dict[int, float]:
    """Return the likeness of each image that shares a feature, the most alike first.

    `total` is the number of images in the library, `counts` that of the images with each
    feature, and `images` the ids of those that are known.
    """
    scores: defaultdict[int, float] = defaultdict(float)
    for feature, ids in images.items():
        weight = max(0.0, math.log(max(total, 1) / max(counts[feature], 1)))
        for id in ids:
            scores[id] += weight**2
    shared = sorted(scores.items(), key=lambda each: (-each[1], each[0]))
    return {id: score for id, score in shared if score > 0}
