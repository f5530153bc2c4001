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
from typing import Any, Generic, TypeVar, cast

import structlog

from ..errors import WRONG_SHAPE, StashError, StashProblem
from ..models import LIBRARY, Facet, Place, SourceKind
from . import answers, schema
from .answers import UnknownImage
from .http import Refused
from .operations import Operations

T = TypeVar("T")

log = structlog.get_logger()

#: sgqlc asserts some of its expectations.
_MISFITS = (*WRONG_SHAPE, AssertionError)


class QueryFailed(StashError):
    """Stash serves, but it fails at this question."""


class Query(Generic[T]):
    """An operation and the function that reads its answer. Thread-safe.

    The text never changes, as Stash keeps parsed questions by their text. `has_state`: it asks for
    the state of Stash too, and its answer is refused if that is none to serve in.
    """

    def __init__(
        self, operation: Any, read: Callable[[Any], T], *, has_state: bool = False
    ) -> None:
        self.has_state = has_state
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
    """Return the variables for names, and aliases, with one of these texts in them.

    An empty text would match all names: without another, none is asked for.
    """
    texts = (text.replace('"', "").strip() for text in spellings)
    phrases = [f'"{text}"' for text in texts if text]
    # Of the four kinds, galleries cannot be sorted by name.
    order = {"sort": "images_count", "direction": "DESC"}
    per_page = limit if phrases else 0
    return {"filter": _filter(q=" OR ".join(phrases), per_page=per_page, **order)}


def _search(place: Place) -> dict[str, str]:
    return {"q": place.words} if place.words else {}


def sharing(facet: Facet, ids: Iterable[int]) -> dict[str, Any]:
    """Return the variables for all images with one of these names."""
    criterion: dict[str, Any] = {"value": [str(id) for id in ids], "modifier": "INCLUDES"}
    if facet in (Facet.TAG, Facet.STUDIO):
        criterion["depth"] = 0
    return {"filter": _filter(per_page=-1), "among": {_CRITERIA[facet]: criterion}}


#: The criterion for each facet of names.
_CRITERIA = {
    Facet.PERFORMER: "performers",
    Facet.GALLERY: "galleries",
    Facet.STUDIO: "studios",
    Facet.TAG: "tags",
}


def _filter(**values: Any) -> Any:
    return schema.FindFilterType(**values).__json_data__


SERVER = Query(Operations.query.server, answers.read_server)
COUNT = Query(Operations.query.count, answers.read_count)
PAGE = Query(Operations.query.page, answers.read_images, has_state=True)
IDS = Query(Operations.query.ids, answers.read_ids)
IMAGES_BY_ID = Query(Operations.query.images_by_id, answers.read_images, has_state=True)
NEWEST_ARRIVAL = Query(Operations.query.newest_arrival, answers.read_arrival)
DATES = Query(Operations.query.dates, answers.read_dates)
SAVED_FILTERS = Query(Operations.query.saved_filters, answers.read_saved_filters)
SAVED_FILTER = Query(Operations.query.saved_filter, answers.read_saved_filter)
RATING_SYSTEM = Query(Operations.query.rating_system, answers.read_is_decimal)
NAMES = Query(Operations.query.names, answers.read_known)
DETAILS = Query(Operations.query.details, answers.read_details)
RATING = Query(Operations.query.rating, answers.read_raw_rating)
RATE = Query(Operations.mutation.rate, answers.read_rated)
