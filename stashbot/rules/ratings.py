"""What to do about the rating of an image in Stash. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..models import Rating


@dataclass(frozen=True, slots=True)
class Step:
    """What Stash is to be told, if `writes`, and how the image's entry stands after that.

    `rating100` is None for no rating. Without an `entry` nothing is left to be known.
    """

    writes: bool
    rating100: int | None = None
    entry: Rating | None = None


def plan(rating: Rating, current: int | None) -> Step:
    """What to do for an image that has the rating `current` in Stash. Pure.

    What somebody has set there since we did is theirs: only a newer vote goes over it, and
    takes it for the rating from before. That comes back with the last such vote, whatever
    older ones are left.
    """
    has_heard = rating.told is not None and current == rating.told
    is_unheard = not rating.is_sure and current == rating.seen
    is_untouched = has_heard or is_unheard
    restores, ballot = is_untouched and current != rating.before, rating.ballot
    if ballot is None:
        return Step(restores, rating.before)
    entry = Rating(rating.image_id, rating.queued, ballot, rating.target)
    is_old = ballot < rating.since or (not is_untouched and ballot <= rating.announced)
    if is_old:
        entry = replace(entry, announced=rating.announced, since=rating.queued)
        return Step(restores, rating.before, entry)
    is_changed = rating.told is not None and not is_untouched
    entry = replace(
        entry,
        told=rating.target,
        before=rating.before if is_untouched else current,
        seen=current,
        announced=ballot,
        since=rating.announced + 1 if is_changed else rating.since,
    )
    return Step(current != rating.target, rating.target, entry)
