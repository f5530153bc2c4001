"""The statistics of a chat, as a picture shows them. Frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from .images import Feature
from .votes import VoteCounts


@dataclass(frozen=True)
class ChatStatistics:
    """The numbers of a chat: of the last days, of its votes, and of the library.

    `per_day` are the pictures of each day from `first_day` on, and `liked` the most liked
    features, the surest first. `seen` are the different images that were sent, and `images` those
    of the library, 0 if it is not known.
    """

    first_day: date
    per_day: Sequence[int]
    votes: VoteCounts
    liked: Sequence[tuple[Feature, VoteCounts]]
    seen: int
    images: int
