"""Which image to send, and where a walk through the library goes on.

Everything here is pure: candidates, what is taken, and the source of chance are
arguments, so that a test can replay any choice.

A walk is the order `random_<seed>` of Stash: a permutation of the library, cut into
pages. What a chat has seen is known elsewhere and is the authority; the walk only
says where to look next. How likely an image is to be chosen is told by its weight; what
weights come from is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from random import Random

from ..models import Image, Walk

#: Images on a page of candidates, with all that a caption needs.
PAGE = 40
#: Ids on a page that is only searched for something unseen; a multiple of PAGE.
SCAN = 1000
#: Stash takes a seed modulo this; seeds that lie together give shifted orders.
SEEDS = 100_000_000
#: The share of choices that are blind to the weights, so that taste can change.
BLIND = 0.25
#: Images drawn from a page before the rest of it may be left behind: each page costs a
#: request. And how much less the rest has to weigh then, on average, than the whole page.
LEAST_DRAWN, POOR = 10, 0.5


def pick(images: Sequence[Image], weights: Sequence[float], random: Random) -> Image:
    """One of the images, of which there is at least one: by weight, or blindly now and then.

    The keys are those of Efraimidis and Spirakis (2006, doi:10.1016/j.ipl.2005.11.003):
    picking again and again without the picked ones is sampling without replacement.
    """
    is_blind = random.random() < BLIND
    keys = [math.log(1 - random.random()) / (1 if is_blind else weight) for weight in weights]
    return max(zip(keys, images, strict=True), key=lambda each: each[0])[1]


def is_spent(weights: Sequence[float], left: Sequence[float]) -> bool:
    """Whether the better part of a page is drawn; the rest is left for a later pass.

    `weights` are those of the whole page, `left` those of what is left of it.
    """
    if not left:
        return True
    if len(weights) - len(left) < LEAST_DRAWN:
        return False
    return sum(left) / len(left) < POOR * sum(weights) / len(weights)


def first(candidates: Iterable[Image], taken: Collection[int]) -> Image | None:
    """The first of the candidates that is not taken."""
    return next((image for image in candidates if image.id not in taken), None)


def new_walk(random: Random) -> Walk:
    """A walk from the beginning of an order that nobody can foresee."""
    return Walk(seed=random.randrange(SEEDS))


def next_page(walk: Walk) -> Walk:
    """The same walk, one page further."""
    return replace(walk, offset=walk.offset + PAGE)


def page_with_unseen(
    walk: Walk, block: int, ids: Iterable[int], taken: Collection[int]
) -> Walk | None:
    """The walk, moved to the page of the first id in the `block`th scan that is not taken."""
    for position, id in enumerate(ids, start=block * SCAN):
        if id not in taken:
            return Walk(seed=walk.seed, offset=position // PAGE * PAGE)
    return None
