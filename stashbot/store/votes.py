"""Votes in the database, their sums by feature, and the features of the images that were sent.

A vote counts in the chat where it was given, and in the private chat of its user.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from ..models import Facet, Feature, Image, Press, StoredVote, Vote, VoteCounts
from ..rules import votes as rules
from ..rules.preferences import TOTAL
from .database import Database
from .ratings import RatingQueue
from .tables import FeatureCounts, Pictures, SentPhotos, Votes, in_utc

# Adds votes to the counts of a chat with the sign 1, or subtracts them with -1.
_COUNT = """
    INSERT INTO feature_counts
    SELECT ?, feature.value ->> 0, feature.value ->> 1, MAX(feature.value ->> 2),
        sign * SUM(vote = 'like'), sign * SUM(vote = 'dislike'), 0
    FROM (SELECT ? AS sign), votes, json_each(votes.features) AS feature
    WHERE vote IS NOT NULL AND {condition}
    GROUP BY 2, 3
    ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET
        name = excluded.name,
        likes = likes + excluded.likes,
        dislikes = dislikes + excluded.dislikes
"""
# The votes that count both in a group and in the private chat of one of its users.
_SHARED = "((votes.chat_id = ? AND user_id = ?) OR (user_id = ? AND votes.chat_id = ?))"
_MOVE_COUNTS = """
    INSERT INTO feature_counts
    SELECT ?, facet, feature_id, name, likes, dislikes, shown FROM feature_counts WHERE chat_id = ?
    ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET
        name = excluded.name,
        likes = likes + excluded.likes,
        dislikes = dislikes + excluded.dislikes,
        shown = shown + excluded.shown
"""
# Counts the features of pictures as shown; the image itself stands for the total.
_SHOW = """
    INSERT INTO feature_counts
    SELECT chat_id, each.value ->> 0, iif(each.value ->> 0 = 'image', 0, each.value ->> 1),
        iif(each.value ->> 0 = 'image', '', each.value ->> 2), 0, 0, 1
    FROM sent_photos
    JOIN pictures ON pictures.image_id = sent_photos.image_id
    JOIN json_each(pictures.features) AS each
    WHERE sent_photos.id IN (SELECT value FROM json_each(?))
    ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET shown = shown + 1
"""
_COUNTS_OF = """
    SELECT wanted.value ->> 0, wanted.value ->> 1, COALESCE(name, ''), COALESCE(likes, 0),
        COALESCE(dislikes, 0), COALESCE(shown, 0)
    FROM json_each(:wanted) AS wanted
    LEFT JOIN feature_counts ON chat_id = :chat_id
        AND facet = wanted.value ->> 0 AND feature_id = wanted.value ->> 1
"""
_VOTED_ON = """
    SELECT facet, feature_id, name, likes, dislikes, shown
    FROM feature_counts WHERE chat_id = ? AND facet = ? AND likes + dislikes > 0
"""
# The plus signs make SQLite search by image, and not through all votes of a user.
_OF_IMAGE = """
    SELECT TOTAL(vote = 'like'), TOTAL(vote = 'dislike')
    FROM votes WHERE image_id = :image_id AND (+chat_id = :chat_id OR +user_id = :chat_id)
"""
_LIKED_OF_LAST = """
    WITH last (image_id) AS (
        SELECT image_id FROM sent_photos
        WHERE chat_id = :chat_id AND is_latest = 1 AND state <> 'sending'
        ORDER BY sent_at DESC LIMIT :pictures
    )
    SELECT TOTAL(EXISTS (
        SELECT 1 FROM votes
        WHERE votes.image_id = last.image_id AND vote = 'like'
            AND (+chat_id = :chat_id OR +user_id = :chat_id)
    )), COUNT(*) FROM last
"""
_LATEST = """
    SELECT votes.chat_id, votes.image_id, message_id, chats.language
    FROM (SELECT * FROM votes ORDER BY id DESC LIMIT ?) AS votes
    JOIN sent_photos ON sent_photos.chat_id = votes.chat_id
        AND sent_photos.image_id = votes.image_id AND +is_latest = 1
    JOIN requests ON requests.id = request_id AND requests.count = 1
    JOIN chats ON chats.chat_id = votes.chat_id AND gone_since IS NULL
    WHERE voted_at >= ? AND message_id IS NOT NULL
"""


class VoteStore:
    """The votes of all users. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database, ratings: RatingQueue) -> None:
        self._db = database
        self._ratings = ratings

    def cast(
        self, press: Press, now: datetime, rating100: Mapping[Vote, int] | None
    ) -> tuple[Vote | None, bool]:
        """Take a press: the user's vote on the image after it, and whether the press changed it.

        A change queues the rating of the newest vote on the image, taken from `rating100`;
        it is None if votes are not written to Stash.
        """
        with self._db.writing():
            last = self._last(press.user_id, press.image_id)
            if last and rules.is_redelivered(last, press, now):
                return last.vote, False
            vote = rules.vote_after(last, press, now)
            is_changed = rules.is_change(last, press, vote)
            if is_changed:
                id = self._replace(last, press, vote, now)
                self._queue(press.image_id, id, rating100, is_new=vote is not None)
            elif last:
                its = Votes.update(update_id=press.update_id).where(Votes.id == last.id)
                its.execute(self._db)
            return vote, is_changed

    def of_image(self, chat_id: int, image_id: int) -> VoteCounts:
        """The votes on an image that count in a chat."""
        with self._db.reading():
            asked = {"chat_id": chat_id, "image_id": image_id}
            [(likes, dislikes)] = self._db.run(_OF_IMAGE, asked)
        return VoteCounts(int(likes), int(dislikes))

    def latest(self, since: datetime, limit: int) -> list[tuple[int, int, int, str]]:
        """The newest `limit` changes of votes, those before `since` left out.

        Each is a chat, an image, the message that shows it there, and the chat's language.
        Albums, which have no buttons, and chats that are gone are left out.
        """
        with self._db.reading():
            return self._db.run(_LATEST, (limit, in_utc(since)))

    def features(self, image_id: int) -> list[Feature]:
        """The features of an image that was sent, itself first; empty if they are not known."""
        known = Pictures.select(Pictures.features).where(Pictures.image_id == image_id)
        with self._db.reading():
            return known.scalar(self._db) or []

    def counts(self, chat_id: int, features: Iterable[Feature]) -> dict[Feature, VoteCounts]:
        """The counts of these features, and of `TOTAL`, in a chat."""
        wanted = json.dumps([(each.facet, each.id) for each in {TOTAL, *features}])
        return self._read(_COUNTS_OF, {"wanted": wanted, "chat_id": chat_id})

    def voted_on(self, chat_id: int, facet: Facet) -> dict[Feature, VoteCounts]:
        """The counts of all features of a facet with votes in a chat."""
        return self._read(_VOTED_ON, (chat_id, facet))

    def total(self, chat_id: int) -> VoteCounts:
        """The number of all votes that count in a chat."""
        return self.counts(chat_id, ())[TOTAL]

    def liked_of_last(self, chat_id: int, pictures: int) -> tuple[int, int]:
        """How many of the last `pictures` of a chat are liked there, and how many there are."""
        with self._db.reading():
            asked = {"chat_id": chat_id, "pictures": pictures}
            [(liked, count)] = self._db.run(_LIKED_OF_LAST, asked)
        return int(liked), count

    def forget(self, chat_id: int, rating100: Mapping[Vote, int] | None) -> int:
        """Delete the votes that count in a chat; their number.

        Ratings in Stash stay. A rating that waits for a deleted vote is not written; if
        other votes on the image are left, the newest of them counts.
        """
        its = (Votes.chat_id == chat_id) | (Votes.user_id == chat_id)
        with self._db.writing():
            places = Votes.select(Votes.chat_id).where(Votes.user_id == chat_id).distinct()
            users = Votes.select(Votes.user_id).where(Votes.chat_id == chat_id).distinct()
            touched = {id for (id,) in (places | users).tuples().execute(self._db)}
            for other in touched - {chat_id}:
                self._db.run(_COUNT.format(condition=_SHARED), (other, -1, *(other, chat_id) * 2))
            FeatureCounts.delete().where(FeatureCounts.chat_id == chat_id).execute(self._db)
            waiting = self._ratings.waiting_for(its)
            deleted = Votes.delete().where(its).execute(self._db)
            for image_id, queued in waiting:
                is_left = Votes.select().where(Votes.id == queued).exists(self._db)
                self._queue(image_id, queued if is_left else None, rating100, is_new=False)
        return int(deleted)

    # Parts of transactions

    def remember(self, images: Sequence[Image]) -> None:
        """Store the features of images that are about to be sent; part of a transaction."""
        Pictures.insert_many(
            [(image.id, [image.itself, *image.features]) for image in images],
            fields=[Pictures.image_id, Pictures.features],
        ).on_conflict_replace().execute(self._db)

    def show(self, row_ids: Iterable[int]) -> None:
        """Count the pictures of these rows of the history as shown; part of a transaction."""
        self._db.run(_SHOW, (json.dumps(list(row_ids)),))

    def move(self, old: int, new: int) -> None:
        """Move the votes of a group to its new id; part of a transaction."""
        Votes.update(chat_id=new).where(Votes.chat_id == old).execute(self._db)
        self._db.run(_MOVE_COUNTS, (new, old))
        FeatureCounts.delete().where(FeatureCounts.chat_id == old).execute(self._db)

    def prune(self) -> None:
        """Drop the features of images that left the history; part of a transaction."""
        Pictures.delete().where(
            Pictures.image_id.not_in(SentPhotos.select(SentPhotos.image_id))
        ).execute(self._db)

    def _last(self, user_id: int, image_id: int) -> StoredVote | None:
        row = (
            Votes.select(
                Votes.id,
                Votes.chat_id,
                Votes.vote,
                Votes.taken_back,
                Votes.voted_at,
                Votes.update_id,
            )
            .where(Votes.user_id == user_id, Votes.image_id == image_id)
            .tuples()
            .first(self._db)
        )
        if row is None:
            return None
        id, chat_id, vote, taken_back, voted_at, update_id = row
        votes = vote and Vote(vote), taken_back and Vote(taken_back)
        return StoredVote(id, chat_id, *votes, voted_at, update_id)

    def _replace(
        self, last: StoredVote | None, press: Press, vote: Vote | None, now: datetime
    ) -> int:
        """Store a changed vote in place of `last`; its id."""
        if last:
            self._count(last.id, {last.chat_id, press.user_id}, -1)
        shared = [each for each in self.features(press.image_id) if each.facet is not Facet.IMAGE]
        insert = Votes.insert(
            user_id=press.user_id,
            image_id=press.image_id,
            chat_id=press.chat_id,
            vote=vote,
            taken_back=last.vote if last and vote is None else None,
            voted_at=now,
            update_id=press.update_id,
            features=[TOTAL, *shared],
        )
        id = int(insert.on_conflict_replace().execute(self._db))
        self._count(id, {press.chat_id, press.user_id}, 1)
        return id

    def _count(self, id: int, chats: Iterable[int], sign: int) -> None:
        for chat_id in chats:
            self._db.run(_COUNT.format(condition="votes.id = ?"), (chat_id, sign, id))

    def _queue(
        self,
        image_id: int,
        changed: int | None,
        rating100: Mapping[Vote, int] | None,
        *,
        is_new: bool,
    ) -> None:
        """Queue the rating of the newest vote on an image, for the changed vote or for itself.

        The image leaves the queue if neither of these votes exists.
        """
        newest = (
            Votes.select(Votes.id, Votes.vote)
            .where(Votes.image_id == image_id, Votes.vote.is_null(False))
            .order_by(Votes.id.desc())
            .tuples()
            .first(self._db)
        )
        queued = changed or (newest and newest[0])
        if rating100 is None or queued is None:
            self._ratings.unwant(image_id)
        else:
            target = rating100[Vote(newest[1])] if newest else None
            self._ratings.want(image_id, queued, target, is_new=is_new)

    def _read(
        self, query: str, values: Sequence[object] | Mapping[str, object]
    ) -> dict[Feature, VoteCounts]:
        with self._db.reading():
            rows = self._db.run(query, values)
        return {
            Feature(Facet(facet), id, name): VoteCounts(likes, dislikes, shown)
            for facet, id, name, likes, dislikes, shown in rows
        }
