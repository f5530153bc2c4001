"""Votes on images. All values are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .images import Feature


class Vote(StrEnum):
    """A user's opinion of an image."""

    LIKE = "like"
    DISLIKE = "dislike"


@dataclass(frozen=True, slots=True)
class Press:
    """A user presses a button under an image; `vote` and `stars` are the state that it asks for.

    `stars` are 1 to 5, None for a press on 👍 or 👎. A reaction tells the state that it has then:
    given again, it takes nothing back.
    """

    update_id: int
    chat_id: int
    user_id: int
    image_id: int
    vote: Vote | None
    stars: int | None = None
    is_reaction: bool = False


@dataclass(frozen=True, slots=True)
class VoteCounts:
    """The votes on one image; or on all images with one feature, and the pictures of it shown."""

    likes: int = 0
    dislikes: int = 0
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """A feature of an image, the votes behind it, and its factor in the image's weight."""

    feature: Feature
    counts: VoteCounts
    factor: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The weight of an image in the choice, and the `reasons` for it, the strongest first.

    The weight is the product of their factors and of those of the `left_out` features. Where it
    `is_bounded`, the product is beyond the bounds.
    """

    weight: float
    reasons: Sequence[Reason]
    left_out: int
    is_bounded: bool
