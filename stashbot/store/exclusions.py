"""What each chat does not want to be sent: single images, and all of a gallery or performer."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..models import Exclusion, Facet, Feature, Image
from .database import Database
from .tables import Exclusions

_OF = "SELECT facet, feature_id, name FROM exclusions WHERE chat_id = ?"


class ExclusionStore:
    """The exclusions of all chats. Thread-safe; each method that writes is one transaction.

    What a chat excludes is asked several times a picture, and so kept in memory as well.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lock = threading.Lock()
        self._known: dict[int, frozenset[Feature]] = {}
        self._changes = 0

    def add(self, chat_id: int, feature: Feature, now: datetime) -> bool:
        """Exclude a feature from now on; False if it is excluded already."""
        with self._db.writing():
            if _this(Exclusions.select(), chat_id, feature).exists(self._db):
                return False
            Exclusions.insert(
                chat_id=chat_id,
                facet=feature.facet,
                feature_id=feature.id,
                name=feature.name,
                excluded_at=now,
            ).execute(self._db)
        self.changed()
        return True

    def remove(self, chat_id: int, feature: Feature) -> bool:
        """Bring back what a chat has excluded; False if it is not excluded any more."""
        with self._db.writing():
            was_there = bool(_this(Exclusions.delete(), chat_id, feature).execute(self._db))
        self.changed()
        return was_there

    def feature(self, chat_id: int, exclusion_id: int) -> Feature | None:
        """What a chat has excluded under a number; None if it is not excluded any more."""
        which = (Exclusions.chat_id == chat_id) & (Exclusions.id == exclusion_id)
        with self._db.reading():
            found = self._list(Exclusions.select().where(which))
        return found[0].feature if found else None

    def of(self, chat_id: int) -> frozenset[Feature]:
        """All that a chat excludes."""
        with self._lock:
            known, changes = self._known.get(chat_id), self._changes
        if known is not None:
            return known
        with self._db.reading():
            rows = self._db.run(_OF, (chat_id,))
        found = frozenset(Feature(Facet(facet), id, name) for facet, id, name in rows)
        with self._lock:
            if self._changes == changes:  # else it may be of before the change
                self._known[chat_id] = found
        return found

    def changed(self) -> None:
        """Look into the database again, where a transaction has changed it."""
        with self._lock:
            self._changes += 1
            self._known.clear()

    def page(self, chat_id: int, offset: int, limit: int) -> list[Exclusion]:
        """So many of what a chat excludes, the newest first."""
        its = Exclusions.select().where(Exclusions.chat_id == chat_id)
        with self._db.reading():
            return self._list(its.order_by(Exclusions.id.desc()).offset(offset).limit(limit))

    def count(self, chat_id: int) -> int:
        """How much a chat excludes."""
        with self._db.reading():
            its = Exclusions.select().where(Exclusions.chat_id == chat_id)
            return int(its.count(self._db))

    # Parts of transactions

    def excluded_of(self, chat_id: int, images: Iterable[Image]) -> set[int]:
        """The ids of the images that a chat excludes; part of a transaction."""
        excluded = self.of(chat_id)
        return {image.id for image in images if is_excluded(image, excluded)}

    def move(self, old: int, new: int) -> None:
        """Let what a group excludes follow it to its new id; part of a transaction.

        After it `changed` is to be called.
        """
        self._db.run("UPDATE OR REPLACE exclusions SET chat_id = ? WHERE chat_id = ?", (new, old))

    def _list(self, query: Any) -> list[Exclusion]:
        return [
            Exclusion(row.id, Feature(Facet(row.facet), row.feature_id, row.name))
            for row in query.execute(self._db)
        ]


def _this(query: Any, chat_id: int, feature: Feature) -> Any:
    """The query, for one feature that a chat excludes."""
    return query.where(
        Exclusions.chat_id == chat_id,
        Exclusions.facet == feature.facet,
        Exclusions.feature_id == feature.id,
    )


def is_excluded(image: Image, excluded: frozenset[Feature]) -> bool:
    """Whether an image is among what is excluded, or shares a feature with it."""
    return bool(excluded) and not excluded.isdisjoint((image.itself, *image.features))
