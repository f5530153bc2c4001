"""Questions to the history of what was sent, and how it moves: queries, not yet executed.

Which of them make one transaction is for `store` to know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, SQL, fn

from .tables import Requests, Schedules, SentPhotos, SkippedImages

# Spelled out and not bound, or SQLite would not use the partial index for it.
IS_SENDING = SQL("state = 'sending'")

#: The reason to skip an image that Stash does not have any more.
NOT_IN_STASH = "not in Stash any more"


# In SQL itself, since it is asked for each picture, and Peewee takes longer than SQLite.
#: Which of the images `asked` (JSON) a chat saw `since` then, or are under way or skipped.
UNAVAILABLE = """
    WITH wanted (image_id) AS (SELECT value FROM json_each(:asked))
    SELECT image_id FROM sent_photos
    WHERE chat_id = :chat_id AND image_id IN wanted AND sent_at >= :since
    UNION
    SELECT image_id FROM sent_photos
    WHERE chat_id = :chat_id AND image_id IN wanted AND state = 'sending'
    UNION
    SELECT image_id FROM skipped_images WHERE until > :now AND image_id IN wanted
"""


@dataclass(frozen=True, slots=True)
class ChatStats:
    """A chat's history in numbers.

    `today`, `week` and `total` count pictures, and `seen` different images. The last
    picture is the newest that is not under way; `last_at` is None if there is none.
    """

    today: int
    week: int
    total: int
    seen: int
    last_title: str
    last_at: datetime | None


def each(ids: Iterable[int]) -> SQL:
    """Ids as one parameter, since SQLite limits how many a statement has."""
    return SQL("(SELECT value FROM json_each(?))", [json.dumps(list(ids))])


def begun() -> Any:
    """How many pictures were begun for a request, to stand in a query over requests."""
    return SentPhotos.select(fn.COUNT(SentPhotos.id)).where(SentPhotos.request_id == Requests.id)


def left_over() -> Any:
    """The waiting requests with pictures not yet begun, oldest first, as rows of `Request`."""
    left = Requests.count - begun()
    return (
        Requests.select(
            Requests.id,
            Requests.chat_id,
            Requests.user_id,
            left,
            Requests.trigger,
            Requests.requested_at,
            Requests.language,
            fn.COALESCE(Schedules.when, ""),
            Requests.due,
        )
        .join(Schedules, JOIN.LEFT_OUTER, on=(Schedules.id == Requests.schedule_id))
        .where(Requests.state == "waiting", left > 0)
        .order_by(Requests.id)
        .tuples()
    )


def claimed(chat_id: int) -> Any:
    """The ids of the images that are on their way to a chat."""
    return SentPhotos.select(SentPhotos.image_id).where(SentPhotos.chat_id == chat_id, IS_SENDING)


def shown_longest_ago(chat_id: int, limit: int, now: datetime, without: Iterable[int]) -> Any:
    """Image ids, least recently shown first, without those under way or skipped."""
    return (
        SentPhotos.select(SentPhotos.image_id)
        .where(
            SentPhotos.chat_id == chat_id,
            SentPhotos.is_latest == 1,
            SentPhotos.state != "sending",
            SentPhotos.image_id.not_in(_skipped(now)),
            SentPhotos.image_id.not_in(each(without)),
        )
        .order_by(SentPhotos.sent_at)
        .limit(limit)
        .tuples()
    )


def pictures(chat_id: int, since: datetime | None = None) -> Any:
    """How many pictures a chat was sent, in all or since then; not what is under way."""
    settled = SentPhotos.select(fn.COUNT(SentPhotos.id)).where(
        SentPhotos.chat_id == chat_id, SentPhotos.state != "sending"
    )
    if since is None:
        return settled
    # Naming both values lets SQLite seek in the index on (chat_id, is_latest, sent_at).
    return settled.where(SentPhotos.is_latest.in_((0, 1)), SentPhotos.sent_at >= since)


def sent_since(since: datetime) -> Any:
    """How many pictures went out since then, to all chats; not what is under way."""
    return SentPhotos.select(fn.COUNT(SentPhotos.id)).where(
        SentPhotos.sent_at >= since, SentPhotos.state != "sending"
    )


def images(chat_id: int, since: datetime) -> Any:
    """How many different images those pictures show."""
    return pictures(chat_id).where(SentPhotos.is_latest == 1, SentPhotos.sent_at >= since)


def unsendable(chat_id: int, since: datetime, now: datetime) -> Any:
    """The number of images in Stash that are skipped and that the chat has not seen since."""
    seen = SentPhotos.select(SentPhotos.id).where(
        SentPhotos.chat_id == chat_id,
        SentPhotos.image_id == SkippedImages.image_id,
        SentPhotos.sent_at >= since,
    )
    return SkippedImages.select(fn.COUNT(SkippedImages.image_id)).where(
        SkippedImages.until > now, SkippedImages.reason != NOT_IN_STASH, ~fn.EXISTS(seen)
    )


def last(chat_id: int) -> Any:
    """The title and the time of the newest picture that is not under way."""
    return (
        SentPhotos.select(SentPhotos.title, SentPhotos.sent_at)
        .where(
            SentPhotos.chat_id == chat_id, SentPhotos.state != "sending", SentPhotos.is_latest == 1
        )
        .order_by(SentPhotos.sent_at.desc())
        .tuples()
    )


def newest(chat_id: int) -> Any:
    """The image and the message, if it is known, of the newest picture, be it under way."""
    return (
        SentPhotos.select(SentPhotos.image_id, SentPhotos.message_id)
        .where(SentPhotos.chat_id == chat_id, SentPhotos.is_latest == 1)
        .order_by(SentPhotos.sent_at.desc(), SentPhotos.id.desc())
        .tuples()
    )


def moved(old: int, new: int) -> tuple[Any, Any, Any]:
    """What gives the history of a chat to its new id, one update after the other."""
    # Two claims to one image cannot stand in one chat: the old one may have arrived.
    doubled = SentPhotos.update(state="unknown").where(
        SentPhotos.chat_id == old, IS_SENDING, SentPhotos.image_id.in_(claimed(new))
    )
    handed_over = SentPhotos.update(chat_id=new).where(SentPhotos.chat_id == old)
    # What both have shown is latest twice now.
    newer = SentPhotos.alias("newer")
    shown_later = newer.select(newer.id).where(
        newer.chat_id == new,
        newer.image_id == SentPhotos.image_id,
        (newer.sent_at > SentPhotos.sent_at)
        | ((newer.sent_at == SentPhotos.sent_at) & (newer.id > SentPhotos.id)),
    )
    no_longer_latest = SentPhotos.update(is_latest=0).where(
        SentPhotos.chat_id == new, SentPhotos.is_latest == 1, fn.EXISTS(shown_later)
    )
    return doubled, handed_over, no_longer_latest


def _skipped(now: datetime) -> Any:
    """The images that are skipped at a moment, to stand in or beside another query."""
    return SkippedImages.select(SkippedImages.image_id).where(SkippedImages.until > now)
