"""Votes in the database, what they add up to, and what of the images is known for it.

In a private chat all votes of its user count, wherever they were given; in a group, those
that were given there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..models import Ballot, Facet, Feature, Image, Press, Standing, Vote
from ..rules import votes as vote_rules
from ..rules.preferences import ANYTHING, Tally, growth
from . import ratings
from .database import Database
from .tables import Pictures, Presses, SentPhotos, Showings, Tallies, Votes, in_utc

#: For how long an update may come again: Telegram keeps it for a day.
PRESSES_FOR = timedelta(days=8)

# Adds ballots to the tallies of a chat, or takes them off: `{which}` of them, times `?`.
_COUNT = """
    INSERT INTO tallies (chat_id, facet, feature_id, name, likes, dislikes, liked, disliked)
    SELECT ?, feature.value ->> 0, feature.value ->> 1, MAX(feature.value ->> 2),
        sign * SUM(vote = 'like'), sign * SUM(vote = 'dislike'),
        sign * SUM(worth * (vote = 'like')), sign * SUM(worth * (vote = 'dislike'))
    FROM (SELECT ? AS sign), votes, json_each(votes.features) AS feature
    WHERE vote IS NOT NULL AND {which}
    GROUP BY 2, 3
    ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET
        name = excluded.name,
        likes = likes + excluded.likes,
        dislikes = dislikes + excluded.dislikes,
        liked = iif(likes + excluded.likes, max(0, liked + excluded.liked), 0),
        disliked = iif(dislikes + excluded.dislikes, max(0, disliked + excluded.disliked), 0)
"""
# The ballots that count both in a group and in the private chat of one who voted there.
_SHARED = "((votes.chat_id = ? AND user_id = ?) OR (user_id = ? AND votes.chat_id = ?))"
# Gives the tallies of one chat to another.
_HAND_OVER = """
    INSERT INTO tallies SELECT ?, facet, feature_id, name, likes, dislikes, liked, disliked
    FROM tallies WHERE chat_id = ?
    ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET
        name = excluded.name,
        likes = likes + excluded.likes,
        dislikes = dislikes + excluded.dislikes,
        liked = liked + excluded.liked,
        disliked = disliked + excluded.disliked
"""
# Counts the features of pictures as shown; the image itself stands for anything.
_SHOW = """
    INSERT INTO showings
    SELECT chat_id, each.value ->> 0, iif(each.value ->> 0 = 'image', 0, each.value ->> 1), ?
    FROM sent_photos
    JOIN pictures ON pictures.image_id = sent_photos.image_id
    JOIN json_each(pictures.features) AS each
    WHERE sent_photos.id IN (SELECT value FROM json_each(?))
    ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET times = times + excluded.times
"""
_HAND_OVER_SHOWINGS = """
    INSERT INTO showings SELECT ?, facet, feature_id, times FROM showings WHERE chat_id = ?
    ON CONFLICT (chat_id, facet, feature_id) DO UPDATE SET times = times + excluded.times
"""
_SOME = """
    SELECT wanted.value ->> 0, wanted.value ->> 1, COALESCE(name, ''), COALESCE(likes, 0),
        COALESCE(dislikes, 0), COALESCE(liked, 0), COALESCE(disliked, 0), COALESCE(times, 0)
    FROM json_each(:wanted) AS wanted
    LEFT JOIN tallies ON tallies.chat_id = :chat_id
        AND tallies.facet = wanted.value ->> 0 AND tallies.feature_id = wanted.value ->> 1
    LEFT JOIN showings ON showings.chat_id = :chat_id
        AND showings.facet = wanted.value ->> 0 AND showings.feature_id = wanted.value ->> 1
"""
# The plus signs keep SQLite from going through all that a person has ever voted on.
_STANDING = """
    SELECT TOTAL(vote = 'like'), TOTAL(vote = 'dislike'), COALESCE(MAX(id), 0)
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
_OF_FACET = """
    SELECT facet, feature_id, name, likes, dislikes, liked, disliked, 0
    FROM tallies WHERE chat_id = ? AND facet = ?
"""


class VoteStore:
    """The votes of all. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def cast(
        self, press: Press, now: datetime, rating100: Mapping[Vote, int] | None
    ) -> tuple[Ballot | None, bool]:
        """Take a press: what the person says of the image now, and whether that is new.

        None for the one who has forgotten it since. What each vote is worth in Stash is
        put into the queue, unless `rating100` is None.
        """
        with self._db.writing():
            last = self._ballot(press.user_id, press.image_id)
            if self._came_before(press, now) or vote_rules.is_repeated(last, press):
                return last, False
            ballot = self._replace(last, press, now)
            self._queue(press.image_id, ballot.id, rating100)
            return ballot, True

    def standing(self, chat_id: int, image_id: int) -> Standing:
        """The votes on an image, as the chat sees them."""
        with self._db.reading():
            asked = {"chat_id": chat_id, "image_id": image_id}
            [(likes, dislikes, newest)] = self._db.run(_STANDING, asked)
        return Standing(int(likes), int(dislikes), newest)

    def latest(self, since: datetime, limit: int) -> list[tuple[int, int, int, str]]:
        """Where somebody has voted since then, or taken a vote back: so many of them at most.

        Each is a chat, an image, the message that shows it there, and the chat's language.
        Albums have no buttons, and chats that are gone nobody looks at.
        """
        with self._db.reading():
            return self._db.run(_LATEST, (limit, in_utc(since)))

    def features(self, image_id: int) -> list[Feature]:
        """What is known of an image that was sent, itself first; nothing after long years."""
        known = Pictures.select(Pictures.features).where(Pictures.image_id == image_id)
        with self._db.reading():
            return known.scalar(self._db) or []

    def tallies(
        self, chat_id: int, features: Iterable[Feature], now: datetime
    ) -> dict[Feature, Tally]:
        """What the chat's votes say of these features, and of anything; how often it saw them."""
        wanted = json.dumps([(each.facet, each.id) for each in {ANYTHING, *features}])
        return self._read(_SOME, {"wanted": wanted, "chat_id": chat_id}, now)

    def tallies_of(self, chat_id: int, facet: Facet, now: datetime) -> dict[Feature, Tally]:
        """What the chat's votes say of all features of a facet that it has voted on."""
        return self._read(_OF_FACET, (chat_id, facet), now)

    def total(self, chat_id: int, now: datetime) -> Tally:
        """All votes that count in a chat."""
        return self.tallies(chat_id, (), now)[ANYTHING]

    def liked_of_last(self, chat_id: int, pictures: int) -> tuple[int, int]:
        """Of so many pictures that the chat was sent last: how many somebody likes, of how many."""
        with self._db.reading():
            asked = {"chat_id": chat_id, "pictures": pictures}
            [(liked, count)] = self._db.run(_LIKED_OF_LAST, asked)
        return int(liked), count

    def forget(self, chat_id: int, rating100: Mapping[Vote, int] | None) -> int:
        """Forget all votes that count in a chat, and leave what Stash has of them; how many.

        Where one was to be written, what others say of the image is, as in `cast`.
        """
        with self._db.writing():
            places = Votes.select(Votes.chat_id).where(Votes.user_id == chat_id).distinct()
            people = Votes.select(Votes.user_id).where(Votes.chat_id == chat_id).distinct()
            touched = {id for (id,) in (places | people).tuples().execute(self._db)}
            for other in touched - {chat_id}:
                self._db.run(_COUNT.format(which=_SHARED), (other, -1, *(other, chat_id) * 2))
            for table in (Tallies, Showings):
                table.delete().where(table.chat_id == chat_id).execute(self._db)
            gone = Votes.delete().where(_seen_in(chat_id)).execute(self._db)
            for image_id, taken_back in list(ratings.reconsidered().execute(self._db)):
                self._queue(image_id, taken_back, rating100)
            for update in ratings.forgotten():
                update.execute(self._db)
        return int(gone)

    # Parts of transactions

    def remember(self, images: Sequence[Image]) -> None:
        """Note what is known of images that are about to be sent; part of a transaction."""
        Pictures.insert_many(
            [(image.id, [image.itself, *image.features]) for image in images],
            fields=[Pictures.image_id, Pictures.features],
        ).on_conflict_replace().execute(self._db)

    def show(self, row_ids: Iterable[int], now: datetime) -> None:
        """Count the pictures of the history's rows as shown; part of a transaction."""
        self._db.run(_SHOW, (growth(now), json.dumps(list(row_ids))))

    def move(self, old: int, new: int) -> None:
        """Let the votes of a group follow it to its new id; part of a transaction."""
        Votes.update(chat_id=new).where(Votes.chat_id == old).execute(self._db)
        for table, hand_over in ((Tallies, _HAND_OVER), (Showings, _HAND_OVER_SHOWINGS)):
            self._db.run(hand_over, (new, old))
            table.delete().where(table.chat_id == old).execute(self._db)

    def prune(self, now: datetime) -> None:
        """Drop what no update and no button can ask for any more; part of a transaction."""
        Presses.delete().where(Presses.pressed_at < now - PRESSES_FOR).execute(self._db)
        Pictures.delete().where(
            Pictures.image_id.not_in(SentPhotos.select(SentPhotos.image_id))
        ).execute(self._db)

    def _came_before(self, press: Press, now: datetime) -> bool:
        """Whether this very update was taken already; from now on it was."""
        same = Presses.select().where(Presses.update_id == press.update_id)
        if same.exists(self._db):
            return True
        Presses.insert(update_id=press.update_id, pressed_at=now).execute(self._db)
        return False

    def _ballot(self, user_id: int, image_id: int) -> Ballot | None:
        row = (
            Votes.select(Votes.id, Votes.chat_id, Votes.vote, Votes.pressed, Votes.shown)
            .where(Votes.user_id == user_id, Votes.image_id == image_id)
            .tuples()
            .first(self._db)
        )
        if row is None:
            return None
        id, chat_id, vote, pressed, shown = row
        return Ballot(id, chat_id, vote and Vote(vote), Vote(pressed), shown)

    def _replace(self, last: Ballot | None, press: Press, now: datetime) -> Ballot:
        vote, chat_id = vote_rules.vote_after(last, press), vote_rules.place_after(last, press)
        if last:
            self._count(last.id, {last.chat_id, press.user_id}, -1)
        shared = [each for each in self.features(press.image_id) if each.facet is not Facet.IMAGE]
        id = (
            Votes.insert(
                user_id=press.user_id,
                image_id=press.image_id,
                chat_id=chat_id,
                vote=vote,
                pressed=press.thumb,
                shown=press.shown,
                voted_at=now,
                worth=growth(now),
                features=[ANYTHING, *shared],
            )
            .on_conflict_replace()
            .execute(self._db)
        )
        self._count(id, {chat_id, press.user_id}, 1)
        return Ballot(id, chat_id, vote, press.thumb, press.shown)

    def _count(self, id: int, chats: Iterable[int], sign: int) -> None:
        for chat_id in chats:
            self._db.run(_COUNT.format(which="votes.id = ?"), (chat_id, sign, id))

    def _queue(self, image_id: int, id: int | None, rating100: Mapping[Vote, int] | None) -> None:
        """Have Stash told of the newest vote on an image, if it is to be told at all.

        The ballot `id` asks for it, or that vote itself.
        """
        if rating100 is None:
            ratings.unwanted(image_id).execute(self._db)
            return
        newest = (
            Votes.select(Votes.id, Votes.vote)
            .where(Votes.image_id == image_id, Votes.vote.is_null(False))
            .order_by(Votes.id.desc())
            .tuples()
            .first(self._db)
        )
        ballot, target = (newest[0], rating100[Vote(newest[1])]) if newest else (None, None)
        asks: Any = id or ballot
        ratings.wanted(image_id, asks, ballot, target).execute(self._db)

    def _read(
        self, query: str, values: Sequence[object] | Mapping[str, object], now: datetime
    ) -> dict[Feature, Tally]:
        today = growth(now)
        with self._db.reading():
            rows = self._db.run(query, values)
        return {
            Feature(Facet(facet), id, name): Tally(
                likes, dislikes, *(each / today for each in worths)
            )
            for facet, id, name, likes, dislikes, *worths in rows
        }


def _seen_in(chat_id: int) -> Any:
    """The condition for the votes that count in a chat."""
    return (Votes.chat_id == chat_id) | (Votes.user_id == chat_id)
