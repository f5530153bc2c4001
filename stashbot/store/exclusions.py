"""The exclusions of each chat: images, and all images of a gallery or performer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..models import Exclusion, Facet, Feature, Image
from .database import Database
from .tables import Exclusions

# Without the names, so that SQLite reads the index alone.
_OF = "SELECT facet, feature_id FROM exclusions WHERE chat_id = ?"


class ExclusionStore:
    """The exclusions of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

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
        return True

    def remove(self, chat_id: int, feature: Feature) -> bool:
        """Drop an exclusion; False if there is no such exclusion."""
        with self._db.writing():
            return bool(_this(Exclusions.delete(), chat_id, feature).execute(self._db))

    def feature(self, chat_id: int, exclusion_id: int) -> Feature | None:
        """The feature of an exclusion; None if the chat has no such exclusion."""
        its = (Exclusions.chat_id == chat_id) & (Exclusions.id == exclusion_id)
        with self._db.reading():
            found = self._list(Exclusions.select().where(its))
        return found[0].feature if found else None

    def of(self, chat_id: int) -> frozenset[Feature]:
        """The features that a chat excludes, without their names."""
        with self._db.reading():
            rows = self._db.run(_OF, (chat_id,))
        return frozenset(Feature(_FACETS[facet], id) for facet, id in rows)

    def page(self, chat_id: int, offset: int, limit: int) -> list[Exclusion]:
        """A part of the exclusions of a chat, the newest first."""
        its = Exclusions.select().where(Exclusions.chat_id == chat_id)
        with self._db.reading():
            return self._list(its.order_by(Exclusions.id.desc()).offset(offset).limit(limit))

    def count(self, chat_id: int) -> int:
        """The number of exclusions of a chat."""
        with self._db.reading():
            its = Exclusions.select().where(Exclusions.chat_id == chat_id)
            return int(its.count(self._db))

    # Parts of transactions

    def excluded_of(self, chat_id: int, images: Iterable[Image]) -> set[int]:
        """The ids of the images that a chat excludes; part of a transaction."""
        excluded = self.of(chat_id)
        return {image.id for image in images if is_excluded(image, excluded)}

    def move(self, old: int, new: int) -> None:
        """Move the exclusions of a group to its new id; part of a transaction."""
        self._db.run("UPDATE OR REPLACE exclusions SET chat_id = ? WHERE chat_id = ?", (new, old))

    def _list(self, query: Any) -> list[Exclusion]:
        return [
            Exclusion(row.id, Feature(Facet(row.facet), row.feature_id, row.name))
            for row in query.execute(self._db)
        ]


_FACETS = {str(facet): facet for facet in Facet}


def _this(query: Any, chat_id: int, feature: Feature) -> Any:
    """The query, limited to one feature in one chat."""
    return query.where(
        Exclusions.chat_id == chat_id,
        Exclusions.facet == feature.facet,
        Exclusions.feature_id == feature.id,
    )


def is_excluded(image: Image, excluded: frozenset[Feature]) -> bool:
    """Whether the image, or a feature of it, is excluded."""
    return bool(excluded) and not excluded.isdisjoint((image.itself, *image.features))
