"""The library of the Stash stand-in: finds and sorts pictures as Stash 0.30.1 does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from operator import attrgetter
from random import Random
from typing import Any, Self

from graphql import GraphQLError, GraphQLResolveInfo

from ..pictures.picture import Details, Picture
from .criteria import CRITERIA, Criterion, matching
from .names import Catalogue, Names, number
from .search import page, searching

NO_DETAILS = Catalogue()


class Library:
    """Pictures by id and as GraphQL data. Thread-safe; immutable apart from a cache of dicts."""

    criteria: Mapping[str, Criterion] = CRITERIA

    def __init__(self, pictures: Iterable[Picture], details: Iterable[Details] = ()) -> None:
        unsorted = {picture.id: picture for picture in pictures}
        self.by_id = dict(sorted(unsorted.items()))
        self._dicts: dict[int, dict[str, Any]] = {}
        self._catalogue = Catalogue(details)

    @cached_property
    def names(self) -> Names:
        return Names(self._catalogue, self.by_id)

    def with_changed(self, picture: Picture) -> Self:
        """A copy with one picture replaced."""
        return self.with_pictures((self.by_id | {picture.id: picture}).values())

    def with_pictures(self, pictures: Iterable[Picture]) -> Self:
        """A library of these pictures with the same details."""
        return type(self)(pictures, self._catalogue.details.values())

    def image(self, key: int) -> dict[str, Any]:
        if key not in self._dicts:
            self._dicts[key] = as_dict(self.by_id[key], self._catalogue)
        return self._dicts[key]

    # Resolvers of GraphQL fields

    def find_image(self, _: GraphQLResolveInfo, id: str | None = None) -> dict[str, Any] | None:
        key = number(id or "")
        return self.image(key) if key in self.by_id else None

    def find_images(
        self,
        _: GraphQLResolveInfo,
        ids: list[str] | None = None,
        filter: dict[str, Any] | None = None,
        image_filter: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The images with these ids in their order, or one page of all that match."""
        if ids:
            chosen: Sequence[int] = self._checked(ids)
            count = len(chosen)
        else:
            wanted, found = filter or {}, self._order(filter or {})
            q = (wanted.get("q") or "").strip()
            if q or image_filter:
                matches = self._matching(q, image_filter or {})
                found = [key for key in found if key in matches]
            chosen, count = page(found, wanted), len(found)
        return {"count": count, "images": [self.image(key) for key in chosen]}

    def _checked(self, ids: list[str]) -> list[int]:
        keys = [number(id) for id in ids]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise GraphQLError(f"validating ids: duplicate id found: {key}")
            if key not in self.by_id:
                raise GraphQLError(f"image with id {key} not found")
        return keys

    def _matching(self, q: str, image_filter: dict[str, Any]) -> set[int]:
        """The ids that meet the criteria and `q`."""
        is_met = matching(image_filter, self.by_id, self._catalogue, self.criteria)
        keys = filter(is_met, self.by_id)
        if not q:
            return set(keys)
        pictures, is_found = (self.by_id[key] for key in keys), searching(q)
        rows = ((each.id, (each.title, each.full_path, each.fingerprint)) for each in pictures)
        return {key for key, row in rows if is_found(row)}

    def _order(self, wanted: dict[str, Any]) -> Sequence[int]:
        """All ids in the order of the filter's sort; by id without one."""
        sort = wanted.get("sort") or ""
        reverse = bool(sort) and wanted.get("direction") == "DESC"
        return self._sorted(sort, reverse=reverse)

    def _sorted(self, sort: str, *, reverse: bool) -> Sequence[int]:
        """The sorts that the bot asks for. Equal ones are in the order of their ids."""
        if sort in ("", "id"):
            return sorted(self.by_id, reverse=reverse)
        if sort in ("created_at", "date"):
            field = attrgetter("created" if sort == "created_at" else "first_day")
            return sorted(self.by_id, key=lambda key: field(self.by_id[key]), reverse=reverse)
        if not sort.startswith("random_"):
            raise GraphQLError(f"invalid sort: {sort}")
        return sorted(self.by_id, key=lambda key: self._random(key, sort), reverse=reverse)

    def _random(self, key: int, sort: str) -> float:
        """A place in the order `random_<seed>`; not the one of the real Stash."""
        return Random(f"{sort} {key}").random()


def as_dict(picture: Picture, catalogue: Catalogue = NO_DETAILS) -> dict[str, Any]:
    """A picture by the schema's names; values that depend on the request are functions."""
    node = catalogue.node
    modified = picture.modified.isoformat()
    file = {
        "__typename": "VideoFile" if picture.is_clip else "ImageFile",
        "basename": picture.basename,
        "size": picture.size,
        "mod_time": modified,
        "width": picture.width,
        "height": picture.height,
        "duration": picture.duration,
        "fingerprint": partial(_fingerprint, picture),
    }
    return {
        "id": picture.id,
        "title": picture.title,
        "code": picture.code or None,
        "photographer": picture.photographer or None,
        "details": picture.details or None,
        "o_counter": picture.o_counter,
        "date": picture.date or None,
        "rating100": picture.rating100,
        "created_at": picture.created.isoformat(),
        "updated_at": modified,
        "paths": {"image": partial(_address, picture)},
        "visual_files": [file],
        "studio": node("studio", picture.studio) if picture.studio else None,
        "performers": [node("performer", name) for name in picture.performers],
        "galleries": [node("gallery", gallery) for gallery in picture.galleries],
        "tags": [node("tag", name) for name in picture.tags],
    }


def _fingerprint(picture: Picture, _: GraphQLResolveInfo, type: str) -> str | None:
    return picture.fingerprint if type == "md5" else None


def _address(picture: Picture, info: GraphQLResolveInfo) -> str:
    """The address of the original, on the host of the request."""
    return f"{info.context}/image/{picture.id}/image?t={int(picture.modified.timestamp())}"
