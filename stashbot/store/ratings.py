"""The queue of ratings for Stash, and the values that the bot has written there.

An image has one entry, from the first vote on it until no rating of the bot is left in
Stash. A write is announced in the entry before it, and confirmed after it: after a crash
between the two, the rating in Stash shows whether it arrived.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..models import Vote
from ..rules.ratings import Rating, Step
from .database import Database
from .tables import Ratings, Votes

_IS_QUEUED = Ratings.queued.is_null(False)


@dataclass(frozen=True)
class RatingScale:
    """The rating for each vote; the stars of the `owner` are written over any other rating.

    If `replaces_others`, a later vote of another user is written over those stars.
    """

    rating100: Mapping[Vote, int]
    owner: int | None
    replaces_others: bool = False

    def of(self, vote: Vote | None, stars: int | None) -> int | None:
        """The rating of a vote, or of the stars in its place; None without both."""
        return stars * 20 if stars else self.rating100[vote] if vote else None


class RatingQueue:
    """The ratings that wait. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def __len__(self) -> int:
        return len(self._db.rows(Ratings.select(Ratings.queued).where(_IS_QUEUED)))

    def first(self, without: Collection[int] = ()) -> Rating | None:
        """The rating that has waited longest; `without` holds values of `queued` to pass over."""
        waiting = Ratings.select().where(_IS_QUEUED, Ratings.queued.not_in(list(without)))
        row = self._db.row(waiting.order_by(Ratings.queued))
        return row and Rating(*row)

    def announce(self, rating: Rating, step: Step) -> bool:
        """Note the write that follows; False if a later vote has changed the entry."""
        noted = Ratings.update(asdict(step.entry or rating))
        return bool(self._db.write(noted.where(_is(rating))))

    def finish(self, rating: Rating, step: Step) -> None:
        """Note that the step is done; a later vote on the image stays in the queue."""
        entry = step.entry or replace(rating, announced=None, before=None)
        values = {"written": entry.announced, "announced": None, "before": entry.before}
        with self._db.writing():
            if step.entry is None:
                self.drop(rating)
            self._db.write(Ratings.update(values).where(Ratings.image_id == rating.image_id))
            self._db.write(Ratings.update(queued=None).where(_is(rating)))

    def drop(self, rating: Rating) -> None:
        """Forget an entry, unless a later vote has changed it."""
        self._db.write(Ratings.delete().where(_is(rating)))

    def queue(
        self, image_id: int, changed: int, scale: RatingScale | None, *, is_new: bool
    ) -> None:
        """Queue the rating of the newest vote on an image, for the vote with the id `changed`.

        Stars of the owner count as the newest, unless others' votes may replace them. If the
        vote `changed` is deleted, it is for the newest one; without any vote, or without a
        `scale`, the image leaves the queue. An entry that is new stays so if a vote is taken
        back before it is written.
        """
        votes = Votes.select(Votes.id, Votes.vote, Votes.stars, Votes.user_id).where(
            Votes.image_id == image_id, Votes.vote.is_null(False) | Votes.stars.is_null(False)
        )
        newest = self._db.row(votes.order_by(Votes.id.desc()))
        if scale and not scale.replaces_others:
            by_owner = votes.where(Votes.user_id == scale.owner, Votes.stars.is_null(False))
            newest = self._db.row(by_owner) or newest
        vote = self._db.row(Votes.select(Votes.id).where(Votes.id == changed)) or newest
        if scale is None or vote is None:
            left = Ratings.update(queued=None, is_new=False)
            self._db.write(left.where(Ratings.image_id == image_id))
            return
        change = {"queued": vote[0], "target": None, "is_explicit": False}
        if newest:
            id, opinion, stars, user_id = newest
            change["target"] = scale.of(opinion, stars)
            change["is_explicit"] = bool(stars) and user_id == scale.owner
            is_new = is_new and id == changed
        entry = Ratings.insert(image_id=image_id, is_new=is_new, **change)
        change |= {"is_new": True} if is_new else {}
        self._db.write(entry.on_conflict(conflict_target=[Ratings.image_id], update=change))

    def entry(self, image_id: int) -> Rating | None:
        """The rating of an image that waits to be written, None if none does."""
        row = self._db.row(Ratings.select().where(_IS_QUEUED, Ratings.image_id == image_id))
        return row and Rating(*row)

    def waiting_for(self, votes: Any) -> list[tuple[int, int]]:
        """The image ids and `queued` of entries for images with votes that meet a condition."""
        images = Votes.select(Votes.image_id).where(votes)
        waiting = Ratings.select(Ratings.image_id, Ratings.queued)
        return self._db.rows(waiting.where(_IS_QUEUED, Ratings.image_id.in_(images)))


def _is(rating: Rating) -> Any:
    """The condition that an entry is this one, and that no vote has changed it since."""
    return (
        (Ratings.image_id == rating.image_id)
        & (Ratings.queued == rating.queued)
        & (Ratings.target == rating.target)
    )
