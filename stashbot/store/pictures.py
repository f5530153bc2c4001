"""The pictures in chats, as far as their messages and buttons need."""

from __future__ import annotations

from ..models import SentPicture, Shown
from .database import Database
from .history import latest
from .tables import Requests, SentPhotos


class PictureStore:
    """The pictures that were sent. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def shown(self, chat_id: int, message_id: int | None) -> Shown | None:
        """The image in a message; without a message, the chat's newest. None if there is none."""
        columns = (SentPhotos.message_id, SentPhotos.image_id)
        its = (SentPhotos.chat_id == chat_id) & (SentPhotos.message_id == message_id)
        newest = latest(chat_id, *columns).where(SentPhotos.message_id.is_null(False))
        row = self._db.row(newest if message_id is None else SentPhotos.select(*columns).where(its))
        return row and Shown(*row)

    def sent(self, chat_id: int, image_id: int) -> SentPicture:
        """The last picture of an image in a chat; an empty one if there is none."""
        columns = (SentPhotos.source, SentPhotos.is_unfolded, SentPhotos.source_name)
        row = self._db.row(latest(chat_id, *columns).where(SentPhotos.image_id == image_id))
        return SentPicture(*row) if row else SentPicture()

    def is_in_album(self, chat_id: int, message_id: int) -> bool:
        """Whether a picture was sent with others: Telegram takes no buttons under those."""
        its = (SentPhotos.chat_id == chat_id) & (SentPhotos.message_id == message_id)
        counts = SentPhotos.select(Requests.count).join(
            Requests, on=(Requests.id == SentPhotos.request_id)
        )
        row = self._db.row(counts.where(its))
        return row is None or row[0] > 1

    def unfold(self, chat_id: int, image_id: int, *, is_unfolded: bool) -> None:
        """Note whether the menu under a picture is unfolded."""
        its = (SentPhotos.chat_id == chat_id) & (SentPhotos.image_id == image_id)
        self._db.write(SentPhotos.update(is_unfolded=is_unfolded).where(its))
