"""The queue of ratings for Stash, and the values that the bot has written there.

An image has one entry, from the first vote on it until no rating of the bot is left in
Stash. A write is announced in the entry before it, and confirmed after it: after a crash
between the two, the rating in Stash shows whether it arrived.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

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
        """The rating that has waited longest; `without` holds values of `queued` to pass over."""
        waiting = Ratings.select(
            Ratings.image_id,
            Ratings.queued,
            Ratings.target,
            Ratings.is_new,
            Ratings.written,
            Ratings.announced,
            Ratings.before,
        ).where(Ratings.queued.is_null(False), Ratings.queued.not_in(list(without)))
        with self._db.reading():
            row = waiting.order_by(Ratings.queued).tuples().first(self._db)
        return row and Rating(*row)

    def announce(self, rating: Rating, step: Step) -> bool:
        """Note the write that follows; False if a later vote has changed the entry."""
        with self._db.writing():
            if step.entry is None:
                return bool(_same(rating, Ratings.select()).exists(self._db))
            noted = Ratings.update(
                is_new=step.entry.is_new,
                written=step.entry.written,
                announced=step.entry.announced,
                before=step.entry.before,
            )
            return bool(_same(rating, noted).execute(self._db))

    def finish(self, rating: Rating, step: Step) -> None:
        """Note that the step is done; a later vote on the image stays in the queue."""
        written, before = (step.entry.announced, step.entry.before) if step.entry else (None, None)
        with self._db.writing():
            if step.entry is None:
                _same(rating, Ratings.delete()).execute(self._db)
            Ratings.update(written=written, announced=None, before=before).where(
                Ratings.image_id == rating.image_id
            ).execute(self._db)
            _same(rating, Ratings.update(queued=None)).execute(self._db)

    def drop(self, rating: Rating) -> None:
        """Forget the entry of an image that Stash does not have any more."""
        with self._db.writing():
            _same(rating, Ratings.delete()).execute(self._db)

    # Parts of transactions

    def want(self, image_id: int, queued: int, target: int | None, *, is_new: bool) -> None:
        """Queue an image, or change its entry in the queue; part of a transaction.

        An entry that is new stays so if a vote is taken back before it is written.
        """
        change = {"queued": queued, "target": target} | ({"is_new": True} if is_new else {})
        Ratings.insert(image_id=image_id, queued=queued, target=target, is_new=is_new).on_conflict(
            conflict_target=[Ratings.image_id], update=change
        ).execute(self._db)

    def unwant(self, image_id: int) -> None:
        """Take an image out of the queue; part of a transaction."""
        Ratings.update(queued=None, is_new=False).where(Ratings.image_id == image_id).execute(
            self._db
        )

    def waiting_for(self, votes: Any) -> list[tuple[int, int]]:
        """The image ids and `queued` of entries for images with votes that meet a condition.

        Part of a transaction.
        """
        images = Votes.select(Votes.image_id).where(votes)
        waiting = Ratings.select(Ratings.image_id, Ratings.queued).where(
            Ratings.queued.is_null(False), Ratings.image_id.in_(images)
        )
        return list(waiting.tuples().execute(self._db))


def _same(rating: Rating, query: Any) -> Any:
    """The query, limited to this entry if no vote has changed it since."""
    is_target = (
        Ratings.target.is_null() if rating.target is None else (Ratings.target == rating.target)
    )
    return query.where(
        Ratings.image_id == rating.image_id, Ratings.queued == rating.queued, is_target
    )
