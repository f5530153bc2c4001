"""Ratings on their way to Stash: which are to be written, and what to do about each.

An image has one entry, from the first vote on it until nothing of ours is in Stash. What
is about to be written is noted before it is, so that after a power cut what Stash says
tells whether it had arrived.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from peewee import EXCLUDED, fn

from ..models import Rating
from ..rules.ratings import Step
from .database import Database
from .tables import Ratings, Votes


class RatingQueue:
    """The ratings that wait. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def __len__(self) -> int:
        with self._db.reading():
            return int(Ratings.select().where(Ratings.queued.is_null(False)).count(self._db))

    def first(self, without: Collection[int] = ()) -> Rating | None:
        """The one that has waited longest, but for those that these ballots ask for."""
        waiting = Ratings.select(
            Ratings.image_id,
            Ratings.queued,
            Ratings.ballot,
            Ratings.target,
            Ratings.told,
            Ratings.before,
            Ratings.is_sure,
            Ratings.seen,
            Ratings.announced,
            Ratings.since,
        ).where(Ratings.queued.is_null(False), Ratings.queued.not_in(list(without)))
        with self._db.reading():
            row = waiting.order_by(Ratings.queued).tuples().first(self._db)
        return row and Rating(*row)

    def announce(self, rating: Rating, step: Step) -> bool:
        """Note what Stash is about to be told; False if a later vote wants something else."""
        with self._db.writing():
            if step.entry is None or step.entry.told is None:
                return bool(_still(rating, Ratings.select()).exists(self._db))
            noted = Ratings.update(_knowledge(step.entry, is_sure=False))
            return bool(_still(rating, noted).execute(self._db))

    def finish(self, rating: Rating, step: Step) -> None:
        """Note that Stash knows; a later vote on the image keeps its place in the queue."""
        known = step.entry or Rating(rating.image_id, rating.queued, None, None)
        with self._db.writing():
            if step.entry is None:
                _still(rating, Ratings.delete()).execute(self._db)
            kept = Ratings.update(_knowledge(known, is_sure=True))
            kept.where(Ratings.image_id == rating.image_id).execute(self._db)
            _still(rating, Ratings.update(queued=None)).execute(self._db)

    def drop(self, rating: Rating) -> None:
        """Forget the entry of an image that is no more."""
        with self._db.writing():
            _still(rating, Ratings.delete()).execute(self._db)


# Parts of transactions


def wanted(image_id: int, queued: int, ballot: int | None, target: int | None) -> Any:
    """What puts an image into the queue, or what is now to be done for it into its entry."""
    return Ratings.insert(
        image_id=image_id, queued=queued, ballot=ballot, target=target
    ).on_conflict(
        conflict_target=[Ratings.image_id],
        update={
            Ratings.queued: EXCLUDED.queued,
            Ratings.ballot: EXCLUDED.ballot,
            Ratings.target: EXCLUDED.target,
        },
    )


def unwanted(image_id: int) -> Any:
    """What takes an image out of the queue: its last vote is not for Stash."""
    return Ratings.update(queued=None).where(Ratings.image_id == image_id)


def reconsidered() -> Any:
    """What waits for a vote that is no more, where there is something else to be written.

    That is what others have said, or, where it waits since a vote was taken back, the rating
    from before. The rows are the image and the ballot that took it back, if any.
    """
    others = Votes.select(Votes.id).where(
        Votes.image_id == Ratings.image_id, Votes.vote.is_null(False)
    )
    taken_back = fn.NULLIF(Ratings.queued, Ratings.ballot)
    waiting = Ratings.select(Ratings.image_id, taken_back).where(_has_no_vote())
    return waiting.where(taken_back.is_null(False) | fn.EXISTS(others)).tuples()


def forgotten() -> tuple[Any, ...]:
    """What lets Stash keep what it has of the votes that are no more.

    What was to be written for them is not; a rating that was to be restored still is.
    """
    not_written = Ratings.update(queued=None).where(_has_no_vote())
    not_restored = Ratings.delete().where(
        Ratings.queued.is_null(), Ratings.image_id.not_in(Votes.select(Votes.image_id))
    )
    return not_written, not_restored


def _has_no_vote() -> Any:
    """The condition for what waits to be written for a vote that is no more."""
    return (
        Ratings.queued.is_null(False)
        & Ratings.ballot.is_null(False)
        & Ratings.ballot.not_in(Votes.select(Votes.id))
    )


def _knowledge(entry: Rating, *, is_sure: bool) -> dict[str, object]:
    """What is known of Stash after a step."""
    return {
        "told": entry.told,
        "before": entry.before,
        "is_sure": is_sure,
        "seen": entry.seen,
        "announced": entry.announced,
        "since": entry.since,
    }


def _still(rating: Rating, query: Any) -> Any:
    """The query, for this entry, if it wants what it wanted."""
    is_same = (Ratings.queued == rating.queued) & (Ratings.ballot == rating.ballot)
    return query.where(Ratings.image_id == rating.image_id, is_same)
