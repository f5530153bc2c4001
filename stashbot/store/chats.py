"""The state of chats in the database: their language, whether they are gone, and their moves."""

from __future__ import annotations

from datetime import datetime

from . import history
from .database import Database
from .exclusions import ExclusionStore
from .schedules import ScheduleStore
from .tables import Chats, Requests, SentPhotos, Walks
from .votes import VoteStore


class ChatStore:
    """The state of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        schedules: ScheduleStore,
        votes: VoteStore,
        exclusions: ExclusionStore,
    ) -> None:
        self._db = database
        self._schedules = schedules
        self._votes = votes
        self._exclusions = exclusions

    def meet_chat(self, chat_id: int, language: str, now: datetime) -> bool:
        """Note that the chat writes to the bot; True if it was gone until now.

        The schedules of a chat that was gone go on from now.
        """
        known = Chats.select(Chats.language, Chats.gone_since).where(Chats.chat_id == chat_id)
        row = self._db.row(known)
        if row == (language, None):
            return False
        present = {"language": language, "gone_since": None, "gone_reason": None}
        was_gone = row is not None and row[1] is not None
        with self._db.writing():
            insert = Chats.insert(chat_id=chat_id, **present)
            self._db.write(insert.on_conflict(conflict_target=[Chats.chat_id], update=present))
            if was_gone:
                self._schedules.resume(chat_id, now)
        return was_gone

    def set_gone(self, chat_id: int, reason: str, now: datetime) -> None:
        """Note that the chat cannot be written to; the first reason stays."""
        gone = {"gone_since": now, "gone_reason": reason}
        insert = Chats.insert(chat_id=chat_id, **gone).on_conflict(
            conflict_target=[Chats.chat_id], update=gone, where=Chats.gone_since.is_null()
        )
        self._db.write(insert)

    def move_chat(self, old: int, new: int, now: datetime) -> None:
        """Move all that a chat has to its new id; a repetition changes nothing."""
        with self._db.writing():
            language = self._db.value(Chats.select(Chats.language).where(Chats.chat_id == old))
            insert = Chats.insert(chat_id=new, language=language or "", moved_from=old)
            self._db.write(
                insert.on_conflict(conflict_target=[Chats.chat_id], update={Chats.moved_from: old})
            )
            self.set_gone(old, f"moved to {new}", now)
            # The messages of the new chat have numbers of their own.
            requests = Requests.update(chat_id=new, after_message=None)
            self._db.write(requests.where(Requests.chat_id == old))
            self._move_history(old, new)
            self._db.run("UPDATE OR IGNORE walks SET chat_id = ? WHERE chat_id = ?", (new, old))
            self._db.write(Walks.delete().where(Walks.chat_id == old))
            self._votes.move(old, new)
            self._exclusions.move(old, new)

    def moved_chats(self) -> dict[int, int]:
        """The old id of each chat that has moved, by its new one."""
        moved = Chats.select(Chats.chat_id, Chats.moved_from).where(Chats.moved_from.is_null(False))
        return dict(self._db.rows(moved))

    def _move_history(self, old: int, new: int) -> None:
        # An image cannot be under way twice in one chat. The old one may have arrived.
        twice = history.IS_SENDING & SentPhotos.image_id.in_(history.under_way(new))
        lost = SentPhotos.update(state="unknown").where(SentPhotos.chat_id == old, twice)
        self._db.write(lost)
        # Naming `sent_at` makes the trigger find the latest row of each image again.
        moved = SentPhotos.update(chat_id=new, sent_at=SentPhotos.sent_at)
        self._db.write(moved.where(SentPhotos.chat_id == old))
