"""Ratings on their way to Stash: which are to be written, and what to do about each.

An image has one entry, from the first vote on it until nothing of ours is in Stash. What
is about to be written is noted before it is, so that after a power cut what Stash says
tells whether it had arrived.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from peewee import EXCLUDED

from .database import Database
from .models import Rating
from .tables import Ratings, Votes


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

    What somebody has set there since we did is theirs: a vote that is taken back leaves
    it alone, and a new one takes it for the rating from before.
    """
    told, target = rating.told, rating.target
    has_heard = told is not None and current == told
    is_unheard = not rating.is_sure and current == rating.seen
    is_untouched = has_heard or is_unheard
    if target is None:
        return Step(writes=is_untouched and current != rating.before, rating100=rating.before)
    if told == target and not rating.is_sure and not is_untouched:
        return Step(writes=False)  # set by somebody after the vote
    before = rating.before if is_untouched else current
    entry = Rating(rating.image_id, rating.queued, target, told=target, before=before, seen=current)
    return Step(writes=current != target, rating100=target, entry=entry)


class RatingQueue:
    """The ratings that wait. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def __len__(self) -> int:
        with self._db.reading():
            return int(Ratings.select().where(Ratings.queued.is_null(False)).count(self._db))

    def first(self, without: Collection[int] = ()) -> Rating | None:
        """The one that has waited longest, but for these images."""
        waiting = Ratings.select(
            Ratings.image_id,
            Ratings.queued,
            Ratings.target,
            Ratings.told,
            Ratings.before,
            Ratings.is_sure,
            Ratings.seen,
        ).where(Ratings.queued.is_null(False), Ratings.image_id.not_in(list(without)))
        with self._db.reading():
            row = waiting.order_by(Ratings.queued).tuples().first(self._db)
        if row is None:
            return None
        image_id, queued, target, told, before, is_sure, seen = row
        return Rating(image_id, queued, target, told, before, bool(is_sure), seen)

    def announce(self, rating: Rating, step: Step) -> bool:
        """Note what Stash is about to be told; False if a later vote wants something else."""
        entry = step.entry
        with self._db.writing():
            if entry is None:
                return bool(_still(rating, Ratings.select()).exists(self._db))
            noted = Ratings.update(told=entry.told, before=entry.before, is_sure=0, seen=entry.seen)
            return bool(_still(rating, noted).execute(self._db))

    def finish(self, rating: Rating, step: Step) -> None:
        """Note that Stash knows; a later vote on the image keeps its place in the queue."""
        entry = step.entry
        of_image = Ratings.image_id == rating.image_id
        with self._db.writing():
            if entry is None:
                _still(rating, Ratings.delete()).execute(self._db)
                gone = {"told": None, "is_sure": 1, "before": None}
                Ratings.update(gone).where(of_image).execute(self._db)
            else:
                kept = {"told": entry.told, "is_sure": 1, "before": entry.before}
                Ratings.update(kept).where(of_image).execute(self._db)
                _still(rating, Ratings.update(queued=None)).execute(self._db)

    def drop(self, rating: Rating) -> None:
        """Forget the entry of an image that is no more."""
        with self._db.writing():
            _still(rating, Ratings.delete()).execute(self._db)


def wanted(image_id: int, queued: int, target: int | None) -> Any:
    """What puts an image into the queue, or what is now to be done for it into its entry."""
    return Ratings.insert(image_id=image_id, queued=queued, target=target, is_sure=1).on_conflict(
        conflict_target=[Ratings.image_id],
        update={Ratings.queued: EXCLUDED.queued, Ratings.target: EXCLUDED.target},
    )


def forgotten() -> Any:
    """What lets Stash keep the ratings of the images that no ballot is about any more.

    A rating that was to be restored still is.
    """
    return Ratings.delete().where(
        Ratings.queued.is_null() | Ratings.target.is_null(False),
        Ratings.image_id.not_in(Votes.select(Votes.image_id)),
    )


def _still(rating: Rating, query: Any) -> Any:
    """The query, for this entry, if it wants what it wanted."""
    return query.where(Ratings.image_id == rating.image_id, Ratings.queued == rating.queued)
