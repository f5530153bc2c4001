"""The exclusions of each chat: images, and all images with a name that is excluded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import Case

from ..models import Exclusion, Facet, Feature, Image
from .database import Database
from .tables import Exclusions

_FEATURE = (Exclusions.facet, Exclusions.feature_id, Exclusions.name)
# In SQL itself, since it is asked for each picture.
_EXCLUDED = "SELECT facet, feature_id FROM exclusions WHERE chat_id = ?"


class ExclusionStore:
    """The exclusions of all chats. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, chat_id: int, feature: Feature, now: datetime) -> bool:
        """Exclude a feature from now on; False if it is excluded already."""
        what = {"facet": feature.facet, "feature_id": feature.id, "name": feature.name}
        added = self._db.insert("exclusions", chat_id=chat_id, excluded_at=now, **what)
        return added is not None

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
        row = self._db.row(_of(chat_id, *_FEATURE).where(Exclusions.id == exclusion_id))
        return row and Feature(*row)

    def named(self, chat_id: int, feature: Feature) -> Feature | None:
        """An excluded feature with its name; None if the chat does not exclude it."""
        its = (Exclusions.facet == feature.facet) & (Exclusions.feature_id == feature.id)
        row = self._db.row(_of(chat_id, *_FEATURE).where(its))
        return row and Feature(*row)

    def of(self, chat_id: int) -> frozenset[Feature]:
        """The features that a chat excludes; without names, so that SQLite reads an index alone."""
        rows = self._db.run(_EXCLUDED, [chat_id])
        return frozenset(Feature(Facet(facet), id) for facet, id in rows)

    def page(
        self, chat_id: int, kinds: Sequence[Facet], offset: int, limit: int
    ) -> list[Exclusion]:
        """A part of the exclusions of a chat: by kind, in each the newest first."""
        by_kind = Case(Exclusions.facet, [(kind, place) for place, kind in enumerate(kinds)])
        ordered = _of(chat_id, Exclusions.id, *_FEATURE).order_by(by_kind, Exclusions.id.desc())
        rows = self._db.rows(ordered.offset(offset).limit(limit))
        return [Exclusion(id, Feature(*feature)) for id, *feature in rows]


def _of(chat_id: int, *columns: Any) -> Any:
    return Exclusions.select(*columns).where(Exclusions.chat_id == chat_id)


def is_excluded(image: Image, excluded: frozenset[Feature]) -> bool:
    """Whether the image, or a feature of it, is excluded."""
    return bool(excluded) and not excluded.isdisjoint((image.itself, *image.features))
