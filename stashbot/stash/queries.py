"""Our questions to Stash, and its answers as values.

The texts of the questions and the types of the answers are generated from
`operations.graphql` and `schema.graphql`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Generic, TypeVar

from ..errors import StashError, StashProblem
from ..models import Facet, Image, Named
from . import schema
from .http import Refused
from .operations import Operations

T = TypeVar("T")


class UnknownImage(StashError):
    """An image that was asked for by its id is not in Stash."""

    def __init__(self) -> None:
        super().__init__(StashProblem.BROKEN, "an image is not there")


class QueryFailed(StashError):
    """Stash serves, but not with this question."""


class Query(Generic[T]):
    """An operation, and what is read from its answer. Thread-safe.

    Its text is computed once, as Stash keeps it parsed by its text.
    """

    def __init__(self, operation: Any, read: Callable[[Any], T]) -> None:
        self._operation = operation
        self._read = read
        self._text = str(operation)
        self._name = self._text.split()[1].partition("(")[0]  # `query Page($filter: ...`

    def body(self, variables: dict[str, Any]) -> dict[str, Any]:
        """What goes over the wire, as JSON."""
        return {"operationName": self._name, "query": self._text, "variables": variables}

    def answer(self, body: bytes) -> T:
        """What is told in a body; its errors, and what is no answer, as StashError."""
        try:
            reply = json.loads(body)
        except ValueError:
            raise StashError(StashProblem.BROKEN, "an answer that is not JSON") from None
        if not isinstance(reply, dict):
            raise StashError(StashProblem.BROKEN, "an answer that is not GraphQL")
        if reply.get("errors"):
            raise _failure(str(reply["errors"]))
        try:
            return self._read(self._operation + reply)
        except (ValueError, TypeError, AttributeError):
            raise StashError(StashProblem.BROKEN, "an answer in another form than asked") from None


def _failure(messages: str) -> StashError:
    """What Stash's words for an error mean; they hold SQL and paths, and are not repeated."""
    if re.search(r"image with id \d+ not found", messages):
        return UnknownImage()
    if "database is locked" in messages:
        return StashError(StashProblem.BROKEN, "its database is busy")
    return Refused("it failed to answer the question")


def shuffled(seed: int, offset: int, size: int) -> dict[str, Any]:
    """The variables for the `size` images from `offset` on, in the order of `seed`."""
    if offset % size:
        raise ValueError(f"offset {offset} is not a multiple of {size}")
    page = offset // size + 1
    return {"filter": _filter(page=page, per_page=size, sort=f"random_{seed}", direction="ASC")}


def newer(after: int, limit: int) -> dict[str, Any]:
    """The variables for the first `limit` images with ids above `after`, ascending."""
    above = schema.IntCriterionInput(value=after, modifier="GREATER_THAN")
    return {
        "filter": _filter(page=1, per_page=limit, sort="id", direction="ASC"),
        "among": schema.ImageFilterType(id=above).__json_data__,
    }


def sharing(facet: Facet, ids: Iterable[int]) -> dict[str, Any]:
    """The variables for all images with one of these performers, or galleries."""
    criterion = schema.MultiCriterionInput(value=[str(id) for id in ids], modifier="INCLUDES")
    among = {Facet.PERFORMER: "performers", Facet.GALLERY: "galleries"}[facet]
    return {
        "filter": _filter(per_page=-1),
        "among": schema.ImageFilterType(**{among: criterion}).__json_data__,
    }


def _filter(**values: Any) -> Any:
    return schema.FindFilterType(**values).__json_data__


def _count(answer: Any) -> int:
    return int(answer.find_images.count)


def _server(answer: Any) -> tuple[str, int, str]:
    """The version, the database's schema and the status."""
    status = answer.system_status
    return answer.version.version or "", status.app_schema, status.status


def _ids(answer: Any) -> list[int]:
    return [int(image.id) for image in answer.find_images.images]


def _raw_rating(answer: Any) -> int | None:
    if not answer.find_image:
        raise UnknownImage
    rating100: int | None = answer.find_image.rating100
    return rating100


def _nothing(answer: Any) -> None:
    """All is said by there being an answer."""


def _images(answer: Any) -> list[Image]:
    return [_image(image) for image in answer.find_images.images]


def _image_if_any(answer: Any) -> Image | None:
    return _image(answer.find_image) if answer.find_image else None  # sgqlc: empty, not None


def _image(found: Any) -> Image:
    file = found.visual_files[0] if found.visual_files else None  # the primary file
    return Image(
        id=int(found.id),
        source=_source(found.paths.image or "", int(found.id)),
        title=found.title or "",
        date=found.date or "",
        rating100=_rating(found.rating100),
        studio=_named(found.studio) if found.studio else None,
        performers=tuple(_named(performer) for performer in found.performers),
        galleries=tuple(_once(int(one.id), _gallery_name(one)) for one in found.galleries),
        tags=tuple(_named(tag) for tag in found.tags),
        fingerprint=(file.fingerprint or f"{file.size}-{file.mod_time}") if file else "",
        size=int(file.size) if file else 0,
        width=max(file.width, 0) if file else 0,  # -1 for a broken file
        height=max(file.height, 0) if file else 0,
        duration=getattr(file, "duration", None) or 0.0,
    )


def _rating(rating100: int | None) -> int | None:
    """Within 1 to 100: Stash takes any number, and shows none for 0."""
    return min(rating100, 100) if rating100 and rating100 > 0 else None


def _named(found: Any) -> Named:
    return _once(int(found.id), found.name)


@lru_cache(maxsize=4096)
def _once(id: int, name: str) -> Named:
    """The same object for the same name: it stands in the pages of many chats."""
    return Named(id, name)


def _gallery_name(gallery: Any) -> str:
    """The title, else the name of the archive or folder that the gallery was made from."""
    if gallery.title:
        return str(gallery.title)
    place = gallery.folder.path if gallery.folder else ""
    if gallery.files:
        place = gallery.files[0].basename
    name = re.split(r"[/\\]", place.rstrip("/\\"))[-1]  # the server may be a Windows
    return re.sub(r"\.(zip|cbz)$", "", name, flags=re.IGNORECASE)


def _source(address: str, id: int) -> str:
    """The path and query of a file, without the host by which Stash knows itself.

    That host comes from a header or a setting of Stash's: it need not be one that we
    reach, and is never one to send the key to.
    """
    path = f"/image/{id}/image"
    query = address.rpartition(path)[2]
    return path + query if re.fullmatch(r"\?[\w=&.%-]+", query, re.ASCII) else path


SERVER = Query(Operations.query.server, _server)
COUNT = Query(Operations.query.count, _count)
PAGE = Query(Operations.query.page, _images)
IDS = Query(Operations.query.ids, _ids)
IMAGES_BY_ID = Query(Operations.query.images_by_id, _images)
RATING = Query(Operations.query.rating, _raw_rating)
RATE = Query(Operations.mutation.rate, _nothing)
IMAGE_BY_ID = Query(Operations.query.image_by_id, _image_if_any)
