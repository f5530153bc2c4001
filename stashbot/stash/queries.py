"""The questions to Stash, and its answers as values.

The texts of the questions and the types of the answers are generated from
`operations.graphql` and `schema.graphql`. An answer of another shape, or with numbers out of
every reason, is a StashError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar, cast

import structlog

from ..errors import WRONG_SHAPE, StashError, StashProblem
from ..models import LIBRARY, Facet, Image, Named, Place, SourceKind
from ..rules.names import Known
from . import schema
from .http import Refused
from .operations import Operations

T = TypeVar("T")

log = structlog.get_logger()

#: sgqlc asserts some of its expectations.
_MISFITS = (*WRONG_SHAPE, AssertionError)
#: The database schema of 0.28: older releases answer a file's name for a missing title.
SCHEMA_WITH_TRUE_TITLES = 72
#: The largest integer of SQLite; ids in Stash and in our database fit.
LARGEST_INT64 = 2**63 - 1
#: A clip of a year is none; the value may be anything that JSON has, such as Infinity.
LONGEST_DURATION_S = 365 * 86_400.0
#: Characters of a checksum, or of a size and a time, or of a version.
SHORT_TEXT = 100


class UnknownImage(StashError):
    """Stash has no image with the id `id`."""

    def __init__(self, id: str) -> None:
        super().__init__(StashProblem.BROKEN, "an image is not there")
        self.id = id


class QueryFailed(StashError):
    """Stash serves, but it fails at this question."""


class Query(Generic[T]):
    """An operation and the function that reads its answer. Thread-safe.

    The text never changes, as Stash keeps parsed questions by their text.
    """

    def __init__(self, operation: Any, read: Callable[[Any], T]) -> None:
        self._operation = operation
        self._read = read
        self._text = str(operation)
        self._name = self._text.split()[1].partition("(")[0]  # `query Page($filter: ...`

    def body(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the body of the request, to be sent as JSON."""
        return {"operationName": self._name, "query": self._text, "variables": variables}

    def answer(self, body: bytes) -> T:
        """Read a body. Raises UnknownImage or Refused where Stash says so, else StashError."""
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError):
            raise StashError(StashProblem.BROKEN, "an answer that is not JSON") from None
        try:
            if errors := reply.get("errors"):
                raise _failure(str(errors))
            if not isinstance(reply.get("data"), dict):
                raise TypeError("no object")
            return self._read(self.typed(reply))
        except _MISFITS:
            return cast("T", self._read_one_by_one(reply))

    def typed(self, reply: Any) -> Any:
        """Return an answer as an object."""
        return self._operation + reply

    def _read_one_by_one(self, reply: Any) -> Any:
        """Read the images that have the right form. Raises StashError if there is none."""
        read, read_one = list[Any](), cast("Callable[[Any], list[Any]]", self._read)
        with suppress(*_MISFITS):
            data = reply["data"]
            for image in data["findImages"]["images"]:
                one = {"data": data | {"findImages": data["findImages"] | {"images": [image]}}}
                with suppress(*_MISFITS):
                    read += read_one(self._operation + one)
        if read:
            log.warning("images_unreadable", readable=len(read))
            return read
        raise StashError(StashProblem.BROKEN, "an answer in another form than asked")


def _failure(messages: str) -> StashError:
    """Map the messages of Stash; they hold SQL and paths, and are not repeated."""
    if unknown := re.search(r"image with id (\d{1,19}) not found", messages):
        return UnknownImage(unknown[1])
    if "database is locked" in messages:
        return StashError(StashProblem.BROKEN, "its database is busy")
    return Refused("it failed to answer the question")


def shuffled(seed: int, offset: int, size: int, place: Place = LIBRARY) -> dict[str, Any]:
    """Return the variables for `size` images of a place from `offset` on, in the order of `seed`.

    New images have the order in which they came, the newest first.
    """
    if offset % size:
        raise ValueError(f"offset {offset} is not a multiple of {size}")
    order = {"sort": f"random_{seed}", "direction": "ASC"}
    if place.source.kind is SourceKind.NEW:
        order = {"sort": "created_at", "direction": "DESC"}
    page = _filter(page=offset // size + 1, per_page=size, **order, **_search(place))
    return {"filter": page} | ({"among": place.among} if place.among else {})


def newer(after: int, limit: int, place: Place = LIBRARY) -> dict[str, Any]:
    """Return the variables for the first `limit` images with ids above `after`, ascending."""
    above = schema.IntCriterionInput(value=after, modifier="GREATER_THAN").__json_data__
    page = _filter(page=1, per_page=limit, sort="id", direction="ASC", **_search(place))
    return {"filter": page, "among": _with_id(place.among or {}, above)}


def _with_id(among: Mapping[str, Any], above: Any) -> dict[str, Any]:
    """Add a condition for the id to each alternative."""
    others = {"OR": _with_id(among["OR"], above)} if "OR" in among else {}
    return {**among, "id": above, **others}


def matching(among: Mapping[str, Any], limit: int, sort: str = "id") -> dict[str, Any]:
    """Return the variables for the first `limit` images that meet a condition."""
    return {"filter": _filter(per_page=limit, sort=sort, direction="ASC"), "among": among}


def named(spellings: Iterable[str], limit: int) -> dict[str, Any]:
    """Return the variables for names, and aliases, with one of these texts in them."""
    phrases = (f'"{text.replace(chr(34), "")}"' for text in spellings)
    # Of the four kinds, galleries cannot be sorted by name.
    order = {"sort": "images_count", "direction": "DESC"}
    return {"filter": _filter(q=" OR ".join(phrases), per_page=limit, **order)}


def _search(place: Place) -> dict[str, str]:
    return {"q": place.words} if place.words else {}


def sharing(facet: Facet, ids: Iterable[int]) -> dict[str, Any]:
    """Return the variables for all images with one of these performers, or galleries."""
    criterion = schema.MultiCriterionInput(value=[str(id) for id in ids], modifier="INCLUDES")
    among = {Facet.PERFORMER: "performers", Facet.GALLERY: "galleries"}[facet]
    condition = schema.ImageFilterType(**{among: criterion}).__json_data__
    return {"filter": _filter(per_page=-1), "among": condition}


def _filter(**values: Any) -> Any:
    return schema.FindFilterType(**values).__json_data__


def _integer(value: Any, least: int = 0) -> int:
    number = int(value)
    if not least <= number <= LARGEST_INT64:
        raise ValueError("a number out of every reason")
    return number


def _id(value: Any) -> int:
    return _integer(value, least=1)


def _server(answer: Any) -> tuple[str, int, str]:
    """Return the version, the database's schema and the status."""
    status = answer.system_status
    version = (answer.version.version or "")[:SHORT_TEXT]
    return version, _integer(status.app_schema), status.status


def _ids(answer: Any) -> list[int]:
    return [_id(image.id) for image in answer.find_images.images]


def _raw_rating(answer: Any) -> int | None:
    """Return the rating as Stash has it, also outside 1 to 100: it may be written back."""
    if not answer.find_image:  # sgqlc: empty, not None
        raise UnknownImage("")
    rating100: int | None = answer.find_image.rating100
    return rating100 and _integer(rating100, least=-LARGEST_INT64)


def _rated(answer: Any) -> None:
    if not answer.image_update:
        raise Refused("it did not take the rating")


@dataclass(frozen=True)
class SavedFilter:
    """A saved filter for images: its search and its criteria, as Stash's pages wrote them."""

    id: int
    name: str
    words: str = ""
    criteria: Mapping[str, Any] | None = None


def _saved_filters(answer: Any) -> list[SavedFilter]:
    return [SavedFilter(_id(one.id), _text(one.name)) for one in answer.find_saved_filters]


def _saved_filter(answer: Any) -> SavedFilter | None:
    found = answer.find_saved_filter
    if not found:
        return None
    words = found.find_filter.q if found.find_filter else ""
    criteria = found.object_filter
    if not isinstance(criteria, Mapping | None):
        raise TypeError("criteria that are no map")
    return SavedFilter(_id(found.id), _text(found.name), _text(words), criteria)


def _is_decimal(answer: Any) -> bool:
    """Whether ratings are shown as decimals, and not as stars."""
    options = answer.configuration.ui.get("ratingSystemOptions")
    return isinstance(options, Mapping) and options.get("type") == "decimal"


def _known(answer: Any) -> list[Known]:
    return [
        *(_known_as("filter", one, one.name) for one in answer.find_saved_filters),
        *(_known_as("tag", one, one.name, one.aliases) for one in answer.find_tags.tags),
        *(
            _known_as("performer", one, _performer_name(one), [one.name, *one.alias_list])
            for one in answer.find_performers.performers
        ),
        *(_known_as("gallery", one, _gallery_name(one)) for one in answer.find_galleries.galleries),
        *(_known_as("studio", one, one.name, one.aliases) for one in answer.find_studios.studios),
    ]


def _known_as(kind: str, found: Any, name: str, aliases: Iterable[str] = ()) -> Known:
    return Known(kind, _id(found.id), _text(name), tuple(map(_text, aliases)))


def _arrival(answer: Any) -> datetime | None:
    """The moment at which the newest image came, in UTC; None if there is no image."""
    for image in answer.find_images.images:
        moment = datetime.fromisoformat(str(image.created_at))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _dates(answer: Any) -> list[tuple[int, date]]:
    """The images that have a whole date."""
    found = list[tuple[int, date]]()
    for image in answer.find_images.images:
        with suppress(ValueError):
            found.append((_id(image.id), date.fromisoformat(image.date or "")))
    return found


def ids_and_count(found: Any) -> tuple[list[int], int]:
    """Return the ids of a part of the images that were found, and the number of all."""
    return [_id(image["id"]) for image in found["images"]], _integer(found["count"])


def _images(answer: Any) -> list[Image]:
    return [_image(each, answer.system_status) for each in answer.find_images.images]


def _image(found: Any, status: Any) -> Image:
    title = _text(found.title)
    is_old = status.app_schema < SCHEMA_WITH_TRUE_TITLES
    if is_old and title in {each.basename for each in found.visual_files}:
        title = ""
    return Image(
        id=_id(found.id),
        title=title,
        date=_text(found.date),
        # Stash takes any number, and shows none for 0.
        rating100=min(max(found.rating100 or 0, 0), 100) or None,
        studio=_named(found.studio, found.studio.name) if found.studio else None,
        performers=tuple(_named(one, _performer_name(one)) for one in found.performers),
        galleries=tuple(_named(one, _gallery_name(one)) for one in found.galleries),
        tags=tuple(_named(one, one.name) for one in found.tags),
        **_of_file(found.visual_files[0]) if found.visual_files else {},  # the primary file
    )


def _of_file(file: Any) -> dict[str, Any]:
    """Return the fields of an image that come from its file."""
    seconds = getattr(file, "duration", None) or 0.0
    fingerprint = _text(file.fingerprint or f"{file.size}-{file.mod_time}")
    return {
        "fingerprint": fingerprint[:SHORT_TEXT],
        "size": _integer(file.size),
        "width": _integer(max(file.width, 0)),  # -1 for a broken file
        "height": _integer(max(file.height, 0)),
        "duration": seconds if 0 < seconds < LONGEST_DURATION_S else 0.0,
    }


def _text(value: str | None) -> str:
    """Return the text without lone surrogates: SQLite does not take them."""
    return (value or "").encode(errors="replace").decode()


def _named(found: Any, name: str) -> Named:
    return Named(_id(found.id), _text(name))


def _performer_name(found: Any) -> str:
    """Return the name with the disambiguation, as in Stash: names alone are not unique."""
    detail = found.disambiguation
    return f"{found.name} ({detail})" if detail else found.name


def _gallery_name(gallery: Any) -> str:
    """Return the title, else the name of the gallery's archive or folder."""
    if gallery.title:
        return str(gallery.title)
    place = gallery.folder.path if gallery.folder else ""
    if gallery.files:
        place = gallery.files[0].basename
    name = re.split(r"[/\\]", place.rstrip("/\\"))[-1]  # the server may be a Windows
    return re.sub(r"\.(zip|cbz)$", "", name, flags=re.IGNORECASE)


SERVER = Query(Operations.query.server, _server)
COUNT = Query(Operations.query.count, lambda answer: _integer(answer.find_images.count))
PAGE = Query(Operations.query.page, _images)
IDS = Query(Operations.query.ids, _ids)
IMAGES_BY_ID = Query(Operations.query.images_by_id, _images)
NEWEST_ARRIVAL = Query(Operations.query.newest_arrival, _arrival)
DATES = Query(Operations.query.dates, _dates)
SAVED_FILTERS = Query(Operations.query.saved_filters, _saved_filters)
SAVED_FILTER = Query(Operations.query.saved_filter, _saved_filter)
RATING_SYSTEM = Query(Operations.query.rating_system, _is_decimal)
NAMES = Query(Operations.query.names, _known)
RATING = Query(Operations.query.rating, _raw_rating)
RATE = Query(Operations.mutation.rate, _rated)
