"""The next step for the rating of an image in Stash. Pure.

The bot may replace its own rating. A new vote may also write where Stash has no rating, and,
if `replaces_others`, replace a rating that was set in Stash. Taking a vote back never does
that. After the last vote is taken back, the rating from before the first one is restored,
unless Stash has another rating by then. Stars of the owner replace any rating; a vote in their
place that may not replace the rating from before them restores it.

Limit: a rating set in Stash that equals the bot's own one counts as the bot's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating that waits to be written to Stash, and the bot's knowledge of Stash.

    The vote with the id `queued` asks for it. `target` is the `rating100` to write, None to
    restore the rating `before`. `is_new` is true until the write for a given vote is announced.
    `written` is the bot's value in Stash, and `before` the value that it replaced. `announced`
    is set from the announcement of a write to its confirmation: Stash has this value, or still
    the one from before the write. `is_explicit` if the owner asks for just this rating: it
    replaces any other.
    """

    image_id: int
    queued: int
    target: int | None
    is_new: bool = True
    written: int | None = None
    announced: int | None = None
    before: int | None = None
    is_explicit: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step for a rating.

    `rating100` is written to Stash if `writes`; None stands for no rating. `entry` is the
    entry with the write announced; None if no rating of the bot is left in Stash.
    """

    writes: bool
    rating100: int | None = None
    entry: Rating | None = None


def plan(rating: Rating, current: int | None, *, replaces_others: bool) -> Step:
    """The step for an image with the rating `current` in Stash."""
    is_ours = current is not None and current in (rating.written, rating.announced)
    before = rating.before if is_ours else current
    replaces_others = replaces_others or rating.is_explicit
    restores = rating.target is None or (is_ours and bool(before) and not replaces_others)
    if restores:
        return Step(is_ours and before != current, before)
    # The announced write did not reach Stash, and the rating from before it is still there.
    is_lost = rating.announced is not None and rating.written is None and current == rating.before
    may_replace = replaces_others and (rating.is_new or is_lost)
    is_rated = bool(current)  # Stash's pages show 0 as no rating
    if is_rated and not (is_ours or may_replace):
        return Step(writes=False)
    entry = replace(
        rating,
        is_new=False,
        written=current if is_ours else None,
        announced=rating.target,
        before=before,
    )
    return Step(current != rating.target, rating.target, entry)


def expected(rating: Rating | None, known: int | None, *, replaces_others: bool) -> int | None:
    """The rating that Stash will have, if it has the one that is `known` now."""
    if rating is None:
        return known
    step = plan(rating, known, replaces_others=replaces_others)
    return step.rating100 if step.writes else known
