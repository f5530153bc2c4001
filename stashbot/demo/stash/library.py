"""The library of the Stash stand-in: finds and sorts pictures as Stash 0.30.1 does."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from ..pictures.picture import Gallery, Picture

SEEDS = 10**8  # larger seeds wrap


class Library:
    """Pictures by id and as GraphQL data. Thread-safe.

    Immutable apart from caches of sort orders and dicts. They need no lock: each thread
    computes equal values.
    """

    def __init__(self, pictures: Iterable[Picture]) -> None:
        unsorted = {picture.id: picture for picture in pictures}
        self.by_id = dict(sorted(unsorted.items()))
        self._dicts: dict[int, dict[str, Any]] = {}
        self._orders: dict[tuple[str, bool], Sequence[int]] = {}
        self._orders_kept = max(4, 4_000_000 // max(1, len(self.by_id)))

    def with_changed(self, picture: Picture) -> Library:
        """A copy with one picture replaced."""
        return Library((self.by_id | {picture.id: picture}).values())

    def image(self, key: int) -> dict[str, Any]:
        if key not in self._dicts:
            self._dicts[key] = as_dict(self.by_id[key])
        return self._dicts[key]

    # Resolvers of GraphQL fields

    def find_image(self, _: GraphQLResolveInfo, id: str | None = None) -> dict[str, Any] | None:
        key = _number(id or "")
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
            found = self._order(filter or {})
            if image_filter:
                found = [key for key in found if self._matches(key, image_filter)]
            chosen, count = _page(found, filter or {}), len(found)
        return {"count": count, "images": [self.image(key) for key in chosen]}

    def _matches(self, key: int, wanted: dict[str, Any]) -> bool:
        """Whether a picture meets all criteria."""
        above = (wanted.get("id") or {}).get("value")
        if above is not None and key <= above:
            return False
        for name in ("performers", "galleries"):
            among = (wanted.get(name) or {}).get("value")
            if among and not {each["id"] for each in self.image(key)[name]} & set(
                map(_number, among)
            ):
                return False
        return True

    def _checked(self, ids: list[str]) -> list[int]:
        keys = [_number(id) for id in ids]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise GraphQLError(f"validating ids: duplicate id found: {key}")
            if key not in self.by_id:
                raise GraphQLError(f"image with id {key} not found")
        return keys

    def _order(self, wanted: dict[str, Any]) -> Sequence[int]:
        """All ids in the order of the filter's sort; by id without one."""
        sort = wanted.get("sort") or ""
        order = (sort, bool(sort) and wanted.get("direction") == "DESC")
        found = self._orders.get(order)
        if found is None:
            found = self._sorted(sort, reverse=order[1])
            if len(self._orders) >= self._orders_kept:
                self._orders.clear()
            self._orders[order] = found
        return found

    def _sorted(self, sort: str, *, reverse: bool) -> Sequence[int]:
        """The two sorts that the bot asks for: `id` and `random_<seed>`."""
        if sort in ("", "id"):
            return sorted(self.by_id, reverse=reverse)
        if not sort.startswith("random_"):
            raise GraphQLError(f"invalid sort: {sort}")
        return sorted(self.by_id, key=_random_key(sort), reverse=reverse)


def _page(found: Sequence[int], wanted: dict[str, Any]) -> Sequence[int]:
    """One page: 25 images by default, none for a size of 0, all for a negative size."""
    size = wanted.get("per_page")
    size = 25 if size is None else size
    if size < 0:
        return found
    start = (max(wanted.get("page") or 1, 1) - 1) * size
    return found[start : start + size]


def _number(id: str) -> int:
    try:
        return int(id)
    except ValueError as error:
        raise GraphQLError(f'strconv.Atoi: parsing "{id}": invalid syntax') from error


def _random_key(sort: str) -> Callable[[int], float]:
    """The sort key of `random_<seed>`."""
    digits = sort.removeprefix("random_")
    if not (digits.isascii() and digits.isdecimal() and int(digits) < 2**64):
        raise GraphQLError(f"invalid random seed: {digits}")
    return partial(shuffle_key, seed=int(digits) % SEEDS)


def shuffle_key(id: int, seed: int) -> float:
    """`mod(n * n * 52959209 + n * 1047483763, 2147483647)` with n = id + seed, as in SQLite.

    SQLite computes in 64-bit integers until one overflows, then in doubles. Its mod() always
    works on doubles.
    """
    n = id + seed
    squared, linear = n * n * 52959209, n * 1047483763
    if squared >= 2**63:
        return math.fmod(float(n * n) * 52959209.0 + float(linear), 2147483647.0)
    return math.fmod(float(squared + linear), 2147483647.0)


def as_dict(picture: Picture) -> dict[str, Any]:
    """A picture by the schema's names; values that depend on the request are functions."""
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
        "date": picture.date or None,
        "rating100": picture.rating100,
        "updated_at": modified,
        "paths": {"image": partial(_address, picture)},
        "visual_files": [file],
        "studio": _named("studio", picture.studio) if picture.studio else None,
        "performers": [
            _named("performer", name) | {"disambiguation": ""} for name in picture.performers
        ],
        "galleries": [_gallery(gallery) for gallery in picture.galleries],
        "tags": [_named("tag", name) for name in picture.tags],
    }


def _fingerprint(picture: Picture, _: GraphQLResolveInfo, type: str) -> str | None:
    return picture.fingerprint if type == "md5" else None


def _address(picture: Picture, info: GraphQLResolveInfo) -> str:
    """The address of the original, on the host of the request."""
    return f"{info.context}/image/{picture.id}/image?t={int(picture.modified.timestamp())}"


def _gallery(gallery: Gallery) -> dict[str, Any]:
    return {
        "id": id_of("gallery", gallery.title or gallery.folder),
        "title": gallery.title,
        "folder": {"path": gallery.folder} if gallery.folder else None,
        "files": [],
    }


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"id": id_of(kind, name), "name": name}


def id_of(kind: str, name: str) -> int:
    """An id that depends on kind and name alone."""
    return zlib.crc32(f"{kind} {name}".encode()) >> 1
