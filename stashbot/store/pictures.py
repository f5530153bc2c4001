"""The pictures in chats, as far as their messages and buttons need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from peewee import fn

from ..models import Album, Image, Kind, KnownFile, SentPicture, Shown
from .database import Database
from .history import latest
from .tables import Chats, FeaturesField, Requests, Schedules, SentPhotos, in_utc
from .votes import image_of

#: Where sources have names: the columns of the row's id, the source's key and its name.
_NAMED = (
    (Schedules.id, Schedules.source, Schedules.source_name),
    (Chats.chat_id, Chats.standing, Chats.standing_name),
    (SentPhotos.id, SentPhotos.source, SentPhotos.source_name),
)
# CROSS makes SQLite read the features of each picture once, and not once for each exclusion.
_BEST = """
    SELECT image_id, features, date, rating100, fingerprint, kind, file_id
    FROM (
        SELECT image_id, SUM(iif(vote = 'like', 1, -1)) AS votes, MAX(id) AS latest
        FROM votes WHERE vote IS NOT NULL AND (chat_id = :chat_id OR user_id = :chat_id)
        GROUP BY image_id HAVING SUM(vote = 'like') > 0
    )
    JOIN pictures USING (image_id)
    JOIN files USING (image_id)
    WHERE bot_id = :bot_id AND shape = :shape AND kind IN ('photo', 'video') AND NOT EXISTS (
        SELECT 1 FROM json_each(features) AS each CROSS JOIN exclusions ON chat_id = :chat_id
            AND facet = each.value ->> 0 AND feature_id = each.value ->> 1
    )
    ORDER BY COALESCE(rating100, 0) DESC, votes DESC, latest DESC LIMIT :limit
"""
# With `is_latest`, one index has all that is read.
_PER_DAY = """
    SELECT (
        SELECT COUNT(*) FROM sent_photos
        WHERE chat_id = :chat_id AND is_latest IN (0, 1) AND state <> 'sending'
            AND sent_at >= day.value ->> 0 AND sent_at < day.value ->> 1
    ) FROM json_each(:days) AS day ORDER BY day.key
"""
#: An image as the database knows it, and its file.
BestPicture = tuple[Image, KnownFile]


class PictureStore:
    """The pictures that were sent. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def shown(self, chat_id: int, message_id: int | None) -> Shown | None:
        """The image in a message, else the chat's newest; None if there is none.

        The message with the buttons of an album stands for its first picture.
        """
        columns = (SentPhotos.message_id, SentPhotos.image_id)
        # One after the other: for both at once SQLite reads all rows of the chat.
        for its in (SentPhotos.message_id, SentPhotos.album_message) if message_id else ():
            found = SentPhotos.select(*columns).where(SentPhotos.chat_id == chat_id)
            if row := self._db.row(found.where(its == message_id).order_by(SentPhotos.message_id)):
                return Shown(*row)
        newest = latest(chat_id, *columns).where(SentPhotos.message_id.is_null(False))
        row = self._db.row(newest)
        return row and Shown(*row)

    def topic(self, chat_id: int, message_id: int) -> int:
        """The forum topic of a picture, or of an album's buttons; 0 for none, and if it is old."""
        asked = Requests.select(Requests.topic).where(Requests.id == SentPhotos.request_id)
        its = (SentPhotos.message_id == message_id) | (SentPhotos.album_message == message_id)
        row = self._db.row(SentPhotos.select(asked).where(SentPhotos.chat_id == chat_id, its))
        return (row and row[0]) or 0

    def sent(self, chat_id: int, shown: Shown) -> SentPicture:
        """The picture in a message; an empty one if there is none."""
        columns = (SentPhotos.source, SentPhotos.is_unfolded, SentPhotos.source_name)
        row = self._db.row(_in_message(chat_id, shown, *columns))
        return SentPicture(*row) if row else SentPicture()

    def album(self, chat_id: int, shown: Shown) -> Album | None:
        """The album with a picture, which its message or that of its buttons shows.

        None if the picture was sent alone.
        """
        asked = Requests.select(Requests.count).where(Requests.id == SentPhotos.request_id)
        columns = (SentPhotos.album, SentPhotos.source, SentPhotos.album_message, asked)
        row = self._db.row(_in_message(chat_id, shown, *columns))
        if row is None or row[0] is None:
            return None
        first, source, message_id, count = row
        its = (SentPhotos.chat_id == chat_id) & (SentPhotos.album == first)
        pictures = SentPhotos.select(SentPhotos.message_id, SentPhotos.image_id).where(its)
        rows = self._db.rows(pictures.order_by(SentPhotos.message_id))
        return Album(source, [Shown(*row) for row in rows], count or len(rows), message_id)

    def note_album_message(self, chat_id: int, album: int, message_id: int) -> None:
        """Note the message with the buttons of the album whose first message is `album`."""
        its = (SentPhotos.chat_id == chat_id) & (SentPhotos.album == album)
        self._db.write(SentPhotos.update(album_message=message_id).where(its))

    def per_day(self, chat_id: int, starts: Sequence[datetime]) -> list[int]:
        """The number of pictures between each moment and the next."""
        days = json.dumps([[in_utc(each) for each in pair] for pair in pairwise(starts)])
        return [count for (count,) in self._db.run(_PER_DAY, {"chat_id": chat_id, "days": days})]

    def best(self, chat_id: int, bot_id: int, shape: str, limit: int) -> list[BestPicture]:
        """The images liked in a chat whose photos and videos Telegram has in this shape.

        The best come first: by rating, then by votes, then the latest votes. None is excluded.
        """
        asked = {"chat_id": chat_id, "bot_id": bot_id, "shape": shape, "limit": limit}
        return [_best(*row) for row in self._db.run(_BEST, asked)]

    def source_name(self, key: str) -> str:
        """The name that a source had in a schedule, a chat or with its last picture, if any."""
        for id, source, name in _NAMED:
            named = id.model.select(name).where(source == key, name != "")
            if row := self._db.row(named.order_by(id.desc()).limit(1)):
                return str(row[0])
        return ""

    def showings(self, chat_id: int, shown: Shown) -> list[datetime]:
        """The time at which a picture was shown in its message, then its earlier ones.

        The latest comes first; empty if the picture has left the history.
        """
        [at] = self._db.row(_in_message(chat_id, shown, SentPhotos.sent_at)) or [None]
        times = SentPhotos.select(SentPhotos.sent_at).order_by(SentPhotos.sent_at.desc())
        its = (SentPhotos.chat_id == chat_id) & (SentPhotos.image_id == shown.image_id)
        return [time for (time,) in self._db.rows(times.where(its, SentPhotos.sent_at <= at))]

    def unfold(self, chat_id: int, shown: Shown, *, is_unfolded: bool) -> None:
        """Note whether the menu under a picture is unfolded."""
        its = SentPhotos.id.in_(_in_message(chat_id, shown, SentPhotos.id))
        self._db.write(SentPhotos.update(is_unfolded=is_unfolded).where(its))


def _best(
    image_id: int,
    features: str,
    date: str | None,
    rating100: int | None,
    fingerprint: str,
    kind: str,
    file_id: str,
) -> BestPicture:
    known = FeaturesField().python_value(features)
    image = image_of(image_id, known, date or "", rating100)
    return replace(image, fingerprint=fingerprint), KnownFile(Kind(kind), file_id)


def _in_message(chat_id: int, shown: Shown, *columns: Any) -> Any:
    """The row of a picture: that of its message, or if it is not known, the image's last one.

    The buttons of an album stand in another message.
    """
    its = (SentPhotos.chat_id == chat_id) & (SentPhotos.image_id == shown.image_id)
    is_its_message = SentPhotos.message_id == shown.message_id
    is_its_message |= SentPhotos.album_message == shown.message_id
    order = (fn.COALESCE(is_its_message, 0).desc(), SentPhotos.sent_at.desc(), SentPhotos.id.desc())
    return SentPhotos.select(*columns).where(its).order_by(*order).limit(1)
