"""The exclusions of each chat: images, and all images of a gallery or performer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..models import Exclusion, Feature, Image
from .database import Database
from .tables import Exclusions


class ExclusionStore:
    """The exclusions of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, chat_id: int, feature: Feature, now: datetime) -> bool:
        """Exclude a feature from now on; False if it is excluded already."""
        added = Exclusions.insert(
            chat_id=chat_id,
            facet=feature.facet,
            feature_id=feature.id,
            name=feature.name,
            excluded_at=now,
        )
        return bool(self._db.write(added.on_conflict_ignore().as_rowcount()))

    def remove(self, chat_id: int, feature: Feature) -> bool:
        """Drop an exclusion; False if there is no such exclusion."""
        removed = Exclusions.delete().where(
            Exclusions.chat_id == chat_id,
            Exclusions.facet == feature.facet,
            Exclusions.feature_id == feature.id,
        )
        return bool(self._db.write(removed))

    def feature(self, chat_id: int, exclusion_id: int) -> Feature | None:
        """The feature of an exclusion; None if the chat has no such exclusion."""
        found = self._list(_of(chat_id).where(Exclusions.id == exclusion_id))
        return found[0].feature if found else None

    def of(self, chat_id: int) -> frozenset[Feature]:
        """The features that a chat excludes, without their names."""
        # Without the names, SQLite reads the index alone.
        rows = self._db.rows(_of(chat_id).select(Exclusions.facet, Exclusions.feature_id))
        return frozenset(Feature(*row) for row in rows)

    def page(self, chat_id: int, offset: int, limit: int) -> list[Exclusion]:
        """A part of the exclusions of a chat, the newest first."""
        newest = _of(chat_id).order_by(Exclusions.id.desc())
        return self._list(newest.offset(offset).limit(limit))

    def count(self, chat_id: int) -> int:
        """The number of exclusions of a chat."""
        return len(self.of(chat_id))

    # Parts of transactions

    def excluded_of(self, chat_id: int, images: Iterable[Image]) -> set[int]:
        """The ids of the images that a chat excludes; part of a transaction."""
        excluded = self.of(chat_id)
        return {image.id for image in images if is_excluded(image, excluded)}

    def move(self, old: int, new: int) -> None:
        """Move the exclusions of a group to its new id; part of a transaction."""
        self._db.run("UPDATE OR REPLACE exclusions SET chat_id = ? WHERE chat_id = ?", (new, old))

    def _list(self, query: Any) -> list[Exclusion]:
        return [Exclusion(id, Feature(*feature)) for id, *feature in self._db.rows(query)]


def _of(chat_id: int) -> Any:
    columns = (Exclusions.id, Exclusions.facet, Exclusions.feature_id, Exclusions.name)
    return Exclusions.select(*columns).where(Exclusions.chat_id == chat_id)


def is_excluded(image: Image, excluded: frozenset[Feature]) -> bool:
    """Whether the image, or a feature of it, is excluded."""
    return bool(excluded) and not excluded.isdisjoint((image.itself, *image.features))
