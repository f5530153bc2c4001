"""Which image of a page comes next, and where the search for unseen images goes on.

Pure: the images, what is unavailable and the source of chance are arguments, so that a test
can replay each choice. An image's weight says how likely it is; `preferences` computes it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random

from ..models import Image, Shuffle

#: Images on a page of candidates, with all that a caption needs.
PAGE = 40
#: Ids on a page that is only searched for unseen images; a multiple of PAGE.
SCAN = 1000
#: Stash takes a seed modulo this; neighbouring seeds give shifted orders.
SEEDS = 100_000_000
#: Share of the choices that ignore the weights, so that preferences can change.
UNWEIGHTED_SHARE = 0.25
#: Images used from a page before its rest may be left behind: each page costs a request.
LEAST_USED = 10
#: Images with scores are chosen among those with this share of the highest score.
BEST_SHARE = 0.5
#: The rest of a page is left behind when its mean weight is below this share of the page's.
POOR_SHARE = 0.5


def pick(images: Sequence[Image], weights: Sequence[float], random: Random) -> Image:
    """Pick one of at least one image, by weight or, now and then, without regard to it.

    The keys are those of Efraimidis and Spirakis (2006, doi:10.1016/j.ipl.2005.11.003):
    repeated picks without the picked images are sampling without replacement.
    """
    is_weighted = random.random() >= UNWEIGHTED_SHARE
    keys = [math.log(1 - random.random()) / (weight if is_weighted else 1) for weight in weights]
    return max(zip(keys, images, strict=True), key=lambda pair: pair[0])[1]


def best(images: Sequence[Image], scores: Mapping[int, float]) -> list[Image]:
    """Return the images with at least half of the highest score among them."""
    least = BEST_SHARE * max((scores.get(image.id, 0.0) for image in images), default=0.0)
    return [image for image in images if scores.get(image.id, 0.0) >= least]


def is_spent(weights: Sequence[float], left: Sequence[float]) -> bool:
    """Tell whether the better part of a page is used and the rest can wait for a later pass.

    `weights` are those of the whole page, `left` those of its unused images.
    """
    if not left:
        return True
    if len(weights) - len(left) < LEAST_USED:
        return False
    return sum(left) / len(left) < POOR_SHARE * sum(weights) / len(weights)


def first(images: Iterable[Image], unavailable: Collection[int]) -> Image | None:
    """Return the first image whose id is not unavailable, None if there is none."""
    return next((image for image in images if image.id not in unavailable), None)


def new_shuffle(random: Random) -> Shuffle:
    """Return the beginning of an unpredictable order."""
    return Shuffle(seed=random.randrange(SEEDS))


def next_page(shuffle: Shuffle) -> Shuffle:
    """Return the same order, one page further."""
    return replace(shuffle, offset=shuffle.offset + PAGE)


def page_with_unseen(
    shuffle: Shuffle, block: int, ids: Sequence[int], unavailable: set[int]
) -> tuple[Shuffle, list[int]] | None:
    """Return the page of the first available id in the `block`th scan, and all of its ids.

    None if there is none.
    """
    for start in range(0, len(ids), PAGE):
        page = list(ids[start : start + PAGE])
        if not unavailable >= {*page}:
            return Shuffle(seed=shuffle.seed, offset=block * SCAN + start), page
    return None
