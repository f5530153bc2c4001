"""The criteria of Stash's ImageFilterType that the demo needs, with the results of Stash 0.30.1.

`tests/standins/criteria.py` has more.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from graphql import GraphQLError

from ..pictures.picture import Picture
from .names import KINDS, Catalogue, number

Test = Callable[[Picture], bool]
#: Turns the value of a field of ImageFilterType into a test of pictures.
Criterion = Callable[[Any, Catalogue], Test]

_MISSING = ("", "title", "studio", "performers", "galleries", "tags")
_SHAPES = {"LANDSCAPE": 1, "SQUARE": 0, "PORTRAIT": -1}  # the sign of width minus height
_RESOLUTIONS = (
    "VERY_LOW LOW R360P STANDARD WEB_HD STANDARD_HD FULL_HD"
    " QUAD_HD FOUR_K FIVE_K SIX_K SEVEN_K EIGHT_K HUGE"
)
#: The shortest short side of each resolution, in pixels.
_SIDES = (144, 240, 360, 480, 540, 720, 1080, 1440, 1920, 2560, 3000, 3584, 3840, 6144)
_COMPARISONS: dict[str, Callable[[Any, Any, Any], bool]] = {
    "EQUALS": lambda found, value, _: found == value,
    "NOT_EQUALS": lambda found, value, _: found != value,
    "GREATER_THAN": lambda found, value, _: found > value,
    "LESS_THAN": lambda found, value, _: found < value,
    "BETWEEN": lambda found, value, value2: value <= found <= value2,
    "NOT_BETWEEN": lambda found, value, value2: not value <= found <= value2,
    "NOT_NULL": lambda *_: True,
    "IS_NULL": lambda *_: False,
}


def matching(
    wanted: dict[str, Any],
    pictures: Mapping[int, Picture],
    catalogue: Catalogue,
    criteria: Mapping[str, Criterion],
) -> Callable[[int], bool]:
    """Return a test of ids for an ImageFilterType. Both raise GraphQLError where Stash fails.

    The test reads no picture if `id` is the only criterion.
    """
    levels = [wanted]
    while under := levels[-1].get("OR"):
        levels.append(under)

    def test(name: str, criterion: Any) -> Callable[[int], bool]:
        if name == "id":
            return partial(compares, **criterion)
        if name not in criteria:
            raise GraphQLError(f"no such column: {name}")
        is_met = criteria[name](criterion, catalogue)
        return lambda key: is_met(pictures[key])

    tests = [
        [test(name, each) for name, each in level.items() if name != "OR" and each is not None]
        for level in levels
    ]
    either = [every for every in tests if every] or [[]]
    if len(either[0]) == len(either) == 1:  # the usual one is quick then
        return either[0][0]
    return lambda key: any(all(test(key) for test in every) for every in either)


def comparing(value: Callable[[Picture], Any]) -> Criterion:
    """The criterion of a number, a date or a time."""
    return lambda criterion, _: lambda picture: compares(value(picture), **criterion)


def _is_missing(name: str, _: Catalogue) -> Test:
    if name not in _MISSING:
        raise GraphQLError(f"no such column: is_missing {name}")
    return lambda picture: not (name and getattr(picture, name))


def _has_shape(criterion: dict[str, Any], _: Catalogue) -> Test:
    """SQL knows the sizes of still files only."""
    shapes = [_SHAPES[word] for word in criterion["value"]]

    def has_one(picture: Picture) -> bool:
        shape = (picture.width > picture.height) - (picture.width < picture.height)
        return not shapes or (not picture.is_clip and shape in shapes)

    return has_one


def _has_resolution(criterion: dict[str, Any], _: Catalogue) -> Test:
    wanted, modifier = _RESOLUTIONS.split().index(criterion["value"]), criterion["modifier"]

    def has_it(picture: Picture) -> bool:
        rank = bisect(_SIDES, min(picture.width, picture.height)) - 1
        return not picture.is_clip and compares(rank, wanted, modifier)

    return has_it


def compares(found: Any, value: Any, modifier: str, value2: Any = None) -> bool:
    """Compare numbers, or dates and times as texts. NULL matches IS_NULL alone."""
    if modifier not in _COMPARISONS:
        raise GraphQLError(f"Internal system error. Error <{modifier}>")
    if found is None:
        return modifier == "IS_NULL"
    return _COMPARISONS[modifier](found, value, type(value)() if value2 is None else value2)


def relating(ids: Callable[[Catalogue, Picture], set[int]]) -> Criterion:
    """The criterion of a relation; `ids` finds those of a picture."""

    def criterion(wanted: dict[str, Any], catalogue: Catalogue) -> Test:
        depth = wanted.get("depth") or 0
        value, excludes = (
            [catalogue.below(number(id), depth) for id in wanted.get(key) or ()]
            for key in ("value", "excludes")
        )
        relates = partial(_relates, wanted["modifier"], value, excludes, depth)
        return lambda picture: relates(ids(catalogue, picture))

    return criterion


def _relates(
    modifier: str,
    value: list[set[int]],
    excludes: Iterable[set[int]],
    depth: int,
    found: set[int],
) -> bool:
    """Compare the ids of a relation. An empty criterion restricts nothing."""
    if modifier in ("IS_NULL", "NOT_NULL"):
        return bool(found) == (modifier == "NOT_NULL")
    match modifier:
        case "INCLUDES":
            is_met = not value or any(map(found.intersection, value))
        case "INCLUDES_ALL":
            is_met = all(map(found.intersection, value))
        case "EXCLUDES":
            is_met = not any(map(found.intersection, value))
        case "EQUALS" if not depth:
            is_met = not value or found == set[int]().union(*value)
        case _:
            raise GraphQLError(f"{modifier} is not supported here (depth: {depth})")
    return is_met and not any(map(found.intersection, excludes))


CRITERIA: Mapping[str, Criterion] = {
    "rating100": comparing(lambda picture: picture.rating100),
    "date": comparing(lambda picture: picture.first_day or None),
    "created_at": comparing(lambda picture: picture.created.isoformat()),
    "is_missing": _is_missing,
    "orientation": _has_shape,
    "resolution": _has_resolution,
    **{name: relating(partial(Catalogue.ids, relation=name)) for name in KINDS},
}
