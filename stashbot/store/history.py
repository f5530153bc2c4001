"""Queries about requests and the history, most of them not yet executed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from peewee import SQL, fn

from ..models import Request
from .database import Database
from .tables import Requests, SentPhotos, SkippedImages

#: The reason to skip an image that Stash does not have any more.
NOT_IN_STASH = "not in Stash any more"

# Spelled out and not bound, or SQLite would not use the partial index for it.
IS_SENDING = SQL("state = 'sending'")
IS_SETTLED = SentPhotos.state != "sending"
IS_WAITING = Requests.state == "waiting"
#: The number of pictures of a request that are not yet begun.
LEFT = Requests.count - SentPhotos.select(fn.COUNT(SentPhotos.id)).where(
    SentPhotos.request_id == Requests.id
)
# In SQL itself, since it is asked for each picture, and Peewee takes longer than SQLite.
#: The images of `asked` (JSON) that a chat saw at or after `since`, are under way or skipped.
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

#: The images of `asked` (JSON) that a chat has seen, each with the time.
LAST_SHOWN = """
    SELECT sent_at, image_id FROM sent_photos
    WHERE chat_id = :chat_id AND +is_latest = 1 AND state <> 'sending'
        AND image_id IN (SELECT value FROM json_each(:asked))
"""


@dataclass(frozen=True, slots=True)
class ChatStats:
    """Numbers of pictures, of different images `seen`, and the last picture that has settled."""

    today: int
    week: int
    total: int
    seen: int
    last_title: str
    last_at: datetime | None


def insert_request(database: Database, request: Request, **columns: object) -> Request | None:
    """Store a request; None if its update, due moment or vote has a request already."""
    row = asdict(request) | columns
    del row["id"], row["when"], row["is_silent"]  # the schedule has them
    id = database.insert("requests", **row)
    return replace(request, id=id) if id else None


def latest(chat_id: int, *columns: Any) -> Any:
    """The newest row of each image in a chat, the newest image first."""
    rows = SentPhotos.select(*columns).order_by(SentPhotos.sent_at.desc(), SentPhotos.id.desc())
    return rows.where(SentPhotos.chat_id == chat_id, SentPhotos.is_latest == 1)


def skipped(now: datetime) -> Any:
    """The images that are skipped at a moment."""
    return SkippedImages.select(SkippedImages.image_id).where(SkippedImages.until > now)
