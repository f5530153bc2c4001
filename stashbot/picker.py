"""Which image to send, and where a walk through the library goes on.

Everything here is pure: candidates, what is taken, and the source of chance are
arguments, so that a test can replay any choice.

A walk is the order `random_<seed>` of Stash: a permutation of the library, cut into
pages. What a chat has seen is known elsewhere and is the authority; the walk only
says where to look next. It does not know taste yet: every candidate is as likely.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from random import Random

from .models import Image, Walk

#: Images on a page of candidates, with all that a caption needs.
PAGE = 40
#: Ids on a page that is only searched for something unseen; a multiple of PAGE.
SCAN = 1000
#: Stash takes a seed modulo this; seeds that lie together give shifted orders.
SEEDS = 100_000_000


def pick(candidates: Iterable[Image], taken: Collection[int], random: Random) -> Image | None:
    """One of the candidates that is not taken, each as likely as the other."""
    free = [image for image in candidates if image.id not in taken]
    return random.choice(free) if free else None


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
