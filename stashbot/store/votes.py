"""Votes in the database, their sums by feature, and the features of the images that were sent.

A vote counts in the chat where it was given, and in the private chat of its user.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from ..models import Facet, Feature, Image, Named, Press, VoteCounts
from ..rules import votes as rules
from ..rules.preferences import TOTAL
from .database import Database
from .ratings import RatingQueue, RatingScale
from .tables import FeatureVotes, Pictures, SentPhotos, Votes, in_utc

#: Adds rows to `feature_counts`: the votes of each chat, and the pictures sent there, by feature.
ADD_COUNTS = """
    INSERT INTO feature_counts {rows} ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET
        name = excluded.name,
        likes = likes + excluded.likes,
        dislikes = dislikes + excluded.dislikes,
        shown = shown + excluded.shown
"""
# The votes of a condition for each chat where they count, to be added (sign 1) or taken off (-1).
_COUNT = """
    SELECT chat.value, feature.value ->> 0, feature.value ->> 1, MAX(feature.value ->> 2),
        sign * SUM(vote = 'like'), sign * SUM(vote = 'dislike'), 0
    FROM (SELECT ? AS sign), votes, json_each(votes.features) AS feature,
        json_each(iif(votes.chat_id = user_id,
            json_array(user_id), json_array(user_id, votes.chat_id))) AS chat
    WHERE vote IS NOT NULL AND ({condition})
    GROUP BY 1, 2, 3
"""
# Counts the features of pictures as shown; the image itself stands for the total.
_SHOW = """
    SELECT chat_id, each.value ->> 0, iif(each.value ->> 0 = 'image', 0, each.value ->> 1),
        iif(each.value ->> 0 = 'image', '', each.value ->> 2), 0, 0, 1
    FROM sent_photos
    JOIN pictures ON pictures.image_id = sent_photos.image_id
    JOIN json_each(pictures.features) AS each
    WHERE sent_photos.id IN (SELECT value FROM json_each(?))
"""
_COUNTS_OF = """
    SELECT facet, feature_id, name, likes, dislikes, shown
    FROM json_each(:wanted) AS wanted
    CROSS JOIN feature_counts ON chat_id = :chat_id
        AND facet = wanted.value ->> 0 AND feature_id = wanted.value ->> 1
"""
_REMEMBER = """
    INSERT OR REPLACE INTO pictures (image_id, features, date, rating100) VALUES (?, ?, ?, ?)
"""
_VOTED_ON = """
    SELECT facet, feature_id, name, likes, dislikes, shown
    FROM feature_counts WHERE chat_id = :chat_id AND facet = :facet AND likes + dislikes > 0
"""
# The plus signs make SQLite search by image, and not through all votes of a user.
_OF_IMAGE = """
    SELECT COUNT(*) FILTER (WHERE vote = 'like'), COUNT(*) FILTER (WHERE vote = 'dislike')
    FROM votes WHERE image_id = :image_id AND (+chat_id = :chat_id OR +user_id = :chat_id)
"""
_LIKED_OF_LAST = """
    WITH last (image_id) AS (
        SELECT image_id FROM sent_photos
        WHERE chat_id = :chat_id AND is_latest = 1 AND state <> 'sending'
        ORDER BY sent_at DESC LIMIT :pictures
    )
    SELECT COUNT(*) FILTER (WHERE EXISTS (
        SELECT 1 FROM votes
        WHERE votes.image_id = last.image_id AND vote = 'like'
            AND (+chat_id = :chat_id OR +user_id = :chat_id)
    )), COUNT(*) FROM last
"""
_LIKED = """
    SELECT DISTINCT image_id FROM votes
    WHERE vote = 'like' AND (chat_id = :chat_id OR user_id = :chat_id)
    ORDER BY image_id
"""
_LATEST = """
    SELECT votes.chat_id, votes.image_id, message_id, chats.language
    FROM (
        SELECT * FROM votes WHERE :image_id IS NULL OR image_id = :image_id
        ORDER BY id DESC LIMIT :limit
    ) AS votes
    JOIN sent_photos ON sent_photos.chat_id = votes.chat_id
        AND sent_photos.image_id = votes.image_id AND +is_latest = 1
    JOIN chats ON chats.chat_id = votes.chat_id AND gone_since IS NULL
    WHERE voted_at >= :since AND message_id IS NOT NULL
"""


class VoteStore:
    """The votes of all users. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database, ratings: RatingQueue) -> None:
        self._db = database
        self._ratings = ratings

    def cast(
        self, press: Press, now: datetime, scale: RatingScale | None
    ) -> tuple[rules.Opinion, bool]:
        """Take a press: the user's opinion of the image after it, and whether it was changed.

        A change queues the rating of the newest vote on the image by the `scale`, which is None
        if votes are not written to Stash.
        """
        with self._db.writing():
            last = self._last(press.user_id, press.image_id)
            if last and rules.is_redelivered(last, press, now):
                return rules.Opinion(last.vote, last.stars), False
            opinion = rules.after(last, press, now)
            is_changed = rules.is_change(last, press, opinion)
            if is_changed:
                id = self._replace(last, press, opinion, now)
                is_new = opinion != rules.NO_OPINION
                self._ratings.queue(press.image_id, id, scale, is_new=is_new)
            elif last:
                read = Votes.update(update_id=press.update_id)
                self._db.write(read.where(Votes.id == last.id))
            return opinion, is_changed

    def of_image(self, chat_id: int, image_id: int) -> VoteCounts:
        """The votes on an image that count in a chat."""
        [counts] = self._db.run(_OF_IMAGE, {"chat_id": chat_id, "image_id": image_id})
        return VoteCounts(*counts)

    def liked(self, chat_id: int) -> array[int]:
        """The ids of the images with a like that counts in a chat, in ascending order."""
        rows = self._db.run(_LIKED, {"chat_id": chat_id})
        return array("q", [image_id for (image_id,) in rows])

    def latest(
        self, since: datetime, limit: int, image_id: int | None = None
    ) -> list[tuple[int, int, int, str]]:
        """The votes since then among the newest `limit`, without gone chats.

        Only those on one image, if it is named.

        Each is a chat, an image, the message that shows it there, and the chat's language.
        """
        values = {"image_id": image_id, "limit": limit, "since": in_utc(since)}
        return self._db.run(_LATEST, values)

    def features(self, image_id: int) -> list[Feature]:
        """The features of an image that was sent, itself first; empty if they are not known."""
        known = Pictures.select(Pictures.features).where(Pictures.image_id == image_id)
        row = self._db.row(known)
        return row[0] if row else []

    def image(self, image_id: int) -> Image | None:
        """An image that was sent, with what its caption shows; None if that is not known."""
        known = Pictures.select(Pictures.features, Pictures.date, Pictures.rating100)
        row = self._db.row(known.where(Pictures.image_id == image_id, Pictures.date.is_null(False)))
        return row and image_of(image_id, *row)

    def note_rating(self, image_id: int, rating100: int | None) -> None:
        """Note the rating that Stash has; it takes any number, and shows none for 0."""
        shown = min(max(rating100 or 0, 0), 100) or None
        noted = Pictures.update(rating100=shown).where(Pictures.image_id == image_id)
        self._db.write(noted)

    def opinion(self, user_id: int, image_id: int) -> rules.Opinion:
        """A user's opinion of an image."""
        last = self._last(user_id, image_id)
        return rules.Opinion(last.vote, last.stars) if last else rules.NO_OPINION

    def counts(self, chat_id: int, features: Iterable[Feature]) -> dict[Feature, VoteCounts]:
        """The counts of `TOTAL` and of these features in a chat, as far as there are any."""
        wanted = json.dumps([(each.facet, each.id) for each in {TOTAL, *features}])
        return self._read(_COUNTS_OF, chat_id=chat_id, wanted=wanted)

    def voted_on(self, chat_id: int, facet: Facet) -> dict[Feature, VoteCounts]:
        """The counts of all features of a facet with votes in a chat."""
        return self._read(_VOTED_ON, chat_id=chat_id, facet=facet)

    def total(self, chat_id: int) -> VoteCounts:
        """The number of all votes that count in a chat."""
        return self.counts(chat_id, ()).get(TOTAL, VoteCounts())

    def liked_of_last(self, chat_id: int, pictures: int) -> tuple[int, int]:
        """The number of likes among the last `pictures` of a chat, and the number of these."""
        [(liked, count)] = self._db.run(_LIKED_OF_LAST, {"chat_id": chat_id, "pictures": pictures})
        return liked, count

    def forget(self, chat_id: int, scale: RatingScale | None) -> int:
        """Delete the votes that count in a chat, those on features included; their number.

        Ratings in Stash stay. A rating that waits for a deleted vote is not written; if
        other votes on the image are left, the newest of them counts.
        """
        its = (Votes.chat_id == chat_id) | (Votes.user_id == chat_id)
        with self._db.writing():
            self._count("votes.chat_id = ? OR user_id = ?", chat_id, chat_id, sign=-1)
            self._db.run("DELETE FROM feature_counts WHERE chat_id = ?", (chat_id,))
            waiting = self._ratings.waiting_for(its)
            deleted = self._db.write(FeatureVotes.delete().where(FeatureVotes.chat_id == chat_id))
            deleted += self._db.write(Votes.delete().where(its))
            for image_id, queued in waiting:
                self._ratings.queue(image_id, queued, scale, is_new=False)
        return int(deleted)

    # Parts of transactions

    def remember(self, images: Sequence[Image]) -> None:
        """Store the features of images that are about to be sent; part of a transaction."""
        for image in images:
            features = Pictures.features.db_value([image.itself, *image.features])
            self._db.run(_REMEMBER, (image.id, features, image.date, image.rating100))

    def show(self, row_ids: Iterable[int]) -> None:
        """Count the pictures of these rows of the history as shown; part of a transaction."""
        self._db.run(ADD_COUNTS.format(rows=_SHOW), (json.dumps(list(row_ids)),))

    def prune(self) -> None:
        """Drop the features of images that left the history; part of a transaction."""
        sent = SentPhotos.select(SentPhotos.image_id)
        self._db.write(Pictures.delete().where(Pictures.image_id.not_in(sent)))

    def _last(self, user_id: int, image_id: int) -> rules.StoredVote | None:
        columns = (Votes.id, Votes.chat_id, Votes.vote, Votes.taken_back, Votes.voted_at)
        last = Votes.select(*columns, Votes.update_id, Votes.stars)
        row = self._db.row(last.where(Votes.user_id == user_id, Votes.image_id == image_id))
        return row and rules.StoredVote(*row)

    def _replace(
        self, last: rules.StoredVote | None, press: Press, opinion: rules.Opinion, now: datetime
    ) -> int:
        """Store a changed vote in place of `last`; its id."""
        if last:
            self._count("votes.id = ?", last.id, sign=-1)
        shared = [each for each in self.features(press.image_id) if each.facet is not Facet.IMAGE]
        taken_back = last.vote if last and opinion == rules.NO_OPINION else None
        row = asdict(press) | opinion._asdict() | {"voted_at": now, "taken_back": taken_back}
        del row["is_reaction"]
        insert = Votes.insert(**row, features=[TOTAL, *shared])
        id = int(self._db.write(insert.on_conflict_replace()))
        self._count("votes.id = ?", id, sign=1)
        return id

    def _count(self, condition: str, *values: int, sign: int) -> None:
        rows = _COUNT.format(condition=condition)
        self._db.run(ADD_COUNTS.format(rows=rows), (sign, *values))

    def _read(self, query: str, **values: object) -> dict[Feature, VoteCounts]:
        return {
            Feature(Facet(facet), id, name): VoteCounts(*counts)
            for facet, id, name, *counts in self._db.run(query, values)
        }


def image_of(image_id: int, features: Sequence[Feature], date: str, rating100: int | None) -> Image:
    """The image with these features, itself first."""

    def named(facet: Facet) -> tuple[Named, ...]:
        return tuple(Named(each.id, each.name) for each in features if each.facet is facet)

    return Image(
        image_id,
        title=features[0].name if features else "",
        date=date,
        rating100=rating100,
        studio=next(iter(named(Facet.STUDIO)), None),
        performers=named(Facet.PERFORMER),
        galleries=named(Facet.GALLERY),
        tags=named(Facet.TAG),
    )
