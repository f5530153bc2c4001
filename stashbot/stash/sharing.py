"""The images that meet each of several conditions, in one question.

Stash works on the parts of a question side by side. Their number varies, so the question is
put together here, and not generated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sgqlc.operation import Operation
from sgqlc.types import Arg, Variable, non_null

from . import schema
from .answers import read_ids_and_count
from .queries import Query, matching


@dataclass(frozen=True)
class Sharing:
    """The number of images in the library and, for each condition, some ids and the number."""

    total: int
    found: Sequence[tuple[list[int], int]]


class _Plain(Query[Sharing]):
    """A question whose answer is read as JSON: as an object, each id would take 4 kB."""

    def typed(self, reply: Any) -> Any:
        return reply["data"]


@cache
def question(parts: int) -> Query[Sharing]:
    """Return the question with so many conditions; its text depends on their number alone."""
    names = [_condition(part) for part in range(parts)]
    variables = {name: Arg(schema.ImageFilterType) for name in names}
    variables["filter"] = Arg(non_null(schema.FindFilterType))
    operation: Any = Operation(schema.Query, name="Sharing", variables=variables)
    operation.find_images(__alias__="total", filter={"per_page": 0}).count()
    for part, name in enumerate(names):
        condition = {"filter": Variable("filter"), "image_filter": Variable(name)}
        images = operation.find_images(__alias__=f"part{part}", **condition)
        images.count()
        images.images().id()

    def read(answer: Any) -> Sharing:
        found = [read_ids_and_count(answer[f"part{part}"]) for part in range(parts)]
        _, total = read_ids_and_count({"images": [], **answer["total"]})
        return Sharing(total, found)

    return _Plain(operation, read)


def conditions(among: Sequence[Mapping[str, Any]], limit: int, sort: str) -> dict[str, Any]:
    """Return the variables for the first `limit` images that meet each condition."""
    page = matching({}, limit, sort)["filter"]
    return {"filter": page} | {_condition(part): each for part, each in enumerate(among)}


def _condition(part: int) -> str:
    return f"among{part}"
