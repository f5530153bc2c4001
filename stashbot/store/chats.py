"""Chats in the database: their settings, whether they are gone, their moves and messages."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from ..models import ChatValues, OwnMessage
from ..rules.chat_settings import merged
from .database import Database
from .tables import Chats, Messages, Schedules, in_utc
from .votes import ADD_COUNTS

# The statements that move the rows of a chat from its `old` id to its `new` one.
_MOVES = (
    """
    INSERT INTO chats (chat_id, language, moved_from, standing, standing_name, settings)
    SELECT :new, language, :old, standing, standing_name, settings
    FROM chats WHERE chat_id = :old
    ON CONFLICT (chat_id) DO UPDATE SET moved_from = :old,
        settings = json_patch(excluded.settings, settings),
        standing_name = iif(standing = '', excluded.standing_name, standing_name),
        standing = iif(standing = '', excluded.standing, standing)
    """,
    # A repetition would bring it back after the new chat has ended it.
    "UPDATE chats SET standing = '', standing_name = '', settings = '{}' WHERE chat_id = :old",
    # The messages of the new chat have numbers of their own.
    "UPDATE requests SET chat_id = :new, after_message = NULL WHERE chat_id = :old",
    # An image cannot be under way twice in one chat. The old one may have arrived.
    """
    UPDATE sent_photos SET state = 'unknown'
    WHERE chat_id = :old AND state = 'sending' AND image_id IN (
        SELECT image_id FROM sent_photos WHERE chat_id = :new AND state = 'sending'
    )
    """,
    # Naming `sent_at` makes the trigger find the latest row of each image again.
    "UPDATE sent_photos SET chat_id = :new, sent_at = sent_at WHERE chat_id = :old",
    "UPDATE OR IGNORE walks SET chat_id = :new WHERE chat_id = :old",
    "DELETE FROM walks WHERE chat_id = :old",
    "UPDATE votes SET chat_id = :new WHERE chat_id = :old",
    ADD_COUNTS.format(
        rows="""
        SELECT :new, facet, feature_id, name, likes, dislikes, shown
        FROM feature_counts WHERE chat_id = :old
        """
    ),
    "DELETE FROM feature_counts WHERE chat_id = :old",
    # Of two votes of one user one is kept, and both go on counting: there are hardly ever two.
    "UPDATE OR REPLACE feature_votes SET chat_id = :new WHERE chat_id = :old",
    "UPDATE OR REPLACE exclusions SET chat_id = :new WHERE chat_id = :old",
    # The bot can delete nothing in the old chat any more.
    "DELETE FROM messages WHERE chat_id = :old",
)
_CHANGE = """
    INSERT INTO chats (chat_id, language, settings)
    VALUES (:chat_id, '', json_object(:name, :text))
    ON CONFLICT (chat_id) DO UPDATE SET settings = json_set(settings, '$.' || :name, :text)
"""
# In SQL itself, since they are asked for each picture, and Peewee takes longer than SQLite.
_KNOWN = "SELECT language, gone_since, moved_from, settings FROM chats WHERE chat_id = ?"
_STANDING = "SELECT standing, standing_name FROM chats WHERE chat_id = ?"

#: Messages stay known for longer than Telegram deletes them, to say how many are too old.
KEPT_FOR = timedelta(days=8)

_ADD_PICTURES = """
    INSERT OR IGNORE INTO messages (chat_id, message_id, sent_at)
    SELECT chat_id, message_id, sent_at FROM sent_photos
    WHERE id IN (SELECT value FROM json_each(?)) AND message_id IS NOT NULL
"""
_FORGET = """
    DELETE FROM messages
    WHERE chat_id = ? AND message_id IN (SELECT value FROM json_each(?))
"""
#: The chats with messages that may have to be deleted, and their languages.
_CHATS = """
    SELECT chat_id, language FROM chats WHERE gone_since IS NULL AND (
        coalesce(settings ->> 'delete_after', '0') <> '0' AND EXISTS (
            SELECT 1 FROM messages WHERE messages.chat_id = chats.chat_id
        ) OR EXISTS (
            SELECT 1 FROM messages WHERE messages.chat_id = chats.chat_id AND is_unwanted
        )
    )
"""


class ChatStore:
    """The state of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database, defaults: ChatValues) -> None:
        self._db = database
        self._defaults = defaults

    def values(self, chat_id: int) -> ChatValues:
        """The settings of a chat."""
        rows = self._db.run("SELECT settings FROM chats WHERE chat_id = ?", (chat_id,))
        return merged(json.loads(rows[0][0]), self._defaults) if rows else self._defaults

    def change(self, chat_id: int, name: str, text: str, now: datetime) -> None:
        """Set a field of ChatValues; after a change of the zone, schedules go on from now."""
        with self._db.writing():
            self._db.run(_CHANGE, {"chat_id": chat_id, "name": name, "text": text})
            if name == "timezone":
                its = Schedules.chat_id == chat_id
                self._db.write(Schedules.update(handled_until=now).where(its))

    def meet_chat(self, chat_id: int, language: str, now: datetime) -> tuple[ChatValues, bool]:
        """Note that a chat writes: its settings, and whether it was gone.

        In the second case its schedules go on from now. `language` is that of its user.
        """
        rows = self._db.run(_KNOWN, [chat_id]) or [(None, None, None, "{}")]
        last_language, gone_since, moved_from, own = rows[0]
        values = merged(json.loads(own), self._defaults)
        if last_language == language and gone_since is None:
            return values, False
        present = {"language": language, "gone_since": None, "gone_reason": None}
        insert = Chats.insert(chat_id=chat_id, **present)
        with self._db.writing():
            self._db.write(insert.on_conflict(conflict_target=[Chats.chat_id], update=present))
            if gone_since:
                its = Schedules.chat_id.in_([chat_id, moved_from])
                self._db.write(Schedules.update(handled_until=now).where(its))
        return values, gone_since is not None

    def language(self, chat_id: int) -> str:
        """The chat's last language; empty if it is not known."""
        row = self._db.row(Chats.select(Chats.language).where(Chats.chat_id == chat_id))
        return row[0] if row else ""

    def standing(self, chat_id: int) -> tuple[str, str]:
        """The key and the name of a chat's standing source; empty if it has none."""
        rows = self._db.run(_STANDING, [chat_id])
        return rows[0] if rows else ("", "")

    def set_standing(self, chat_id: int, key: str, name: str) -> None:
        """Choose a chat's standing source; an empty key chooses none."""
        chosen = {"standing": key, "standing_name": name}
        insert = Chats.insert(chat_id=chat_id, language="", **chosen)
        self._db.write(insert.on_conflict(conflict_target=[Chats.chat_id], update=chosen))

    def set_gone(self, chat_id: int, reason: str, now: datetime) -> None:
        """Note that the chat cannot be written to; the first reason stays."""
        gone = {"gone_since": now, "gone_reason": reason}
        insert = Chats.insert(chat_id=chat_id, **gone).on_conflict(
            conflict_target=[Chats.chat_id], update=gone, where=Chats.gone_since.is_null()
        )
        self._db.write(insert)

    def retry_gone(self, gone_before: datetime, now: datetime) -> bool:
        """Let the schedules of long gone chats go on from now; True if there is such a chat.

        The next refusal makes a chat gone again. Chats that have moved stay gone.
        """
        moved = Chats.select(Chats.moved_from).where(Chats.moved_from.is_null(False))
        is_retried = (Chats.gone_since < gone_before) & Chats.chat_id.not_in(moved)
        its = Schedules.chat_id.in_(Chats.select(Chats.chat_id).where(is_retried))
        with self._db.writing():
            self._db.write(Schedules.update(handled_until=now).where(its))
            return bool(self._db.write(Chats.update(gone_since=None).where(is_retried)))

    def move_chat(self, old: int, new: int, now: datetime) -> None:
        """Move all that a chat has to its new id; a repetition changes nothing."""
        with self._db.writing():
            self.set_gone(old, f"moved to {new}", now)  # which also makes its row
            for statement in _MOVES:
                self._db.run(statement, {"old": old, "new": new})

    def moved_chats(self) -> dict[int, int]:
        """The old id of each chat that has moved, by its new one."""
        moved = Chats.select(Chats.chat_id, Chats.moved_from).where(Chats.moved_from.is_null(False))
        return dict(self._db.rows(moved))


class MessageStore:
    """The messages of the bot that it can still delete: pictures, and those that belong to them.

    Thread-safe; each method that writes is one transaction.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, chat_id: int, message_id: int, now: datetime) -> None:
        """Note a message that belongs to a picture."""
        row = Messages.insert(chat_id=chat_id, message_id=message_id, sent_at=now)
        self._db.write(row.on_conflict_ignore())

    def add_pictures(self, row_ids: Collection[int]) -> None:
        """Note the messages of pictures, by their rows in the history."""
        self._db.run(_ADD_PICTURES, [json.dumps(list(row_ids))])

    def chats(self) -> list[tuple[int, str]]:
        """The chats in which messages may have to be deleted, each with its language."""
        return self._db.run(_CHATS)

    def of(self, chat_id: int) -> list[OwnMessage]:
        """The messages of a chat, oldest first."""
        columns = (Messages.message_id, Messages.sent_at, Messages.is_unwanted)
        its = Messages.select(*columns).where(Messages.chat_id == chat_id)
        return [OwnMessage(*row) for row in self._db.rows(its.order_by(Messages.message_id))]

    def discard(self, chat_id: int) -> int:
        """Mark all messages of a chat for deletion; their number."""
        its = Messages.chat_id == chat_id
        return int(self._db.write(Messages.update(is_unwanted=True).where(its)))

    def forget(self, chat_id: int, message_ids: Collection[int]) -> None:
        """Drop messages that are deleted, or that cannot be."""
        self._db.run(_FORGET, (chat_id, json.dumps(list(message_ids))))

    def prune(self, now: datetime) -> None:
        self._db.run("DELETE FROM messages WHERE sent_at < ?", [in_utc(now - KEPT_FOR)])
