"""The criteria of Stash's ImageFilterType, with the results of Stash 0.30.1's SQL.

An empty text of a picture is NULL in Stash. `performer_age` is refused.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from graphql import GraphQLError

from ..pictures.picture import Picture
from .names import KINDS, Catalogue, number
from .search import like

#: SQLite's parser takes no more levels of `OR`.
MOST_LEVELS = 30
#: With `OR` Stash joins these wrongly, and answers wrong images without an error.
CLASHING = {"tags", "performers", "performer_tags", "galleries", "checksum"}
_MISSING = ("", "title", "studio", "performers", "galleries", "tags")
_SHAPES = {"LANDSCAPE": 1, "SQUARE": 0, "PORTRAIT": -1}  # the sign of width minus height
_RESOLUTIONS = (
    "VERY_LOW LOW R360P STANDARD WEB_HD STANDARD_HD FULL_HD"
    " QUAD_HD FOUR_K FIVE_K SIX_K SEVEN_K EIGHT_K HUGE"
)
#: The shortest short side of each resolution, in pixels.
_SIDES = (144, 240, 360, 480, 540, 720, 1080, 1440, 1920, 2560, 3000, 3584, 3840, 6144)
#: The attribute for each criterion of a text.
_TEXTS = {"checksum": "fingerprint", "path": "full_path"} | {
    name: name for name in ("title", "code", "details", "photographer", "url")
}
_VALUES: dict[str, Callable[[Picture], Any]] = {
    "rating100": lambda picture: picture.rating100,
    "o_counter": lambda picture: picture.o_counter,
    "tag_count": lambda picture: len(picture.tags),
    "performer_count": lambda picture: len(picture.performers),
    "file_count": lambda _: 1,
    "date": lambda picture: picture.first_day or None,
    "created_at": lambda picture: picture.created.isoformat(),
    "updated_at": lambda picture: picture.modified.isoformat(),
}
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
    wanted: dict[str, Any], pictures: Mapping[int, Picture], catalogue: Catalogue
) -> Callable[[int], bool]:
    """Return a test of ids for an ImageFilterType. Both raise GraphQLError where Stash fails.

    The test reads no picture if `id` is the only criterion.
    """
    levels = [wanted]
    while under := levels[-1].get("OR"):
        levels.append(under)
    if len(levels) > MOST_LEVELS:
        raise GraphQLError("parser stack overflow")
    if len(levels) > 1 and CLASHING.intersection(name for level in levels for name in level):
        raise GraphQLError("the stand-in refuses OR with relations")

    def test(name: str, criterion: Any) -> Callable[[int], bool]:
        if name == "id":
            return partial(_compares, **criterion)
        if name in (*KINDS, "performer_tags"):
            criterion = criterion | _families(criterion, catalogue)
        return lambda key: _meets(pictures[key], name, criterion, catalogue)

    tests = [
        [test(name, each) for name, each in level.items() if name != "OR" and each is not None]
        for level in levels
    ]
    either = [every for every in tests if every] or [[]]
    if len(either[0]) == len(either) == 1:  # the usual one is quick then
        return either[0][0]
    return lambda key: any(all(test(key) for test in every) for every in either)


def _families(criterion: dict[str, Any], catalogue: Catalogue) -> dict[str, list[set[int]]]:
    """Return the ids of a criterion, each with the ids of its children."""
    depth = criterion.get("depth") or 0
    return {
        key: [catalogue.below(number(id), depth) for id in criterion.get(key) or ()]
        for key in ("value", "excludes")
    }


def _meets(picture: Picture, name: str, criterion: Any, catalogue: Catalogue) -> bool:
    if name in _TEXTS:
        is_met = _lacks if (name, criterion["modifier"]) == ("url", "EXCLUDES") else _contains
        return is_met(getattr(picture, _TEXTS[name]), **criterion)
    if name in _VALUES:
        return _compares(_VALUES[name](picture), **criterion)
    match name:
        case "organized" | "performer_favorite":
            is_favorite = catalogue.has_favorite(picture)
            return (picture.organized if name == "organized" else is_favorite) is criterion
        case "is_missing" if criterion in _MISSING:
            return not (criterion and getattr(picture, criterion))
        case "orientation":
            return _has_shape(picture, **criterion)
        case "resolution":
            return _has_resolution(picture, **criterion)
        case "performer_tags" if criterion["modifier"] == "IS_NULL":
            return catalogue.has_untagged(picture)
        case "galleries":  # Stash ignores their `excludes`
            return _relates(catalogue.ids(picture, name), **criterion | {"excludes": ()})
        case "tags" | "performers" | "studios" | "performer_tags":
            return _relates(catalogue.ids(picture, name), **criterion)
    raise GraphQLError(f"no such column: {name} {criterion}")


def _has_shape(picture: Picture, value: list[str]) -> bool:
    """SQL knows the sizes of still files only."""
    shape = (picture.width > picture.height) - (picture.width < picture.height)
    return not value or (not picture.is_clip and shape in [_SHAPES[word] for word in value])


def _has_resolution(picture: Picture, value: str, modifier: str) -> bool:
    rank = bisect(_SIDES, min(picture.width, picture.height)) - 1
    return not picture.is_clip and _compares(rank, _RESOLUTIONS.split().index(value), modifier)


def _contains(text: str, value: str, modifier: str) -> bool:
    """EQUALS is LIKE. INCLUDES takes any of the words, or the whole text in quotes."""
    if modifier in ("IS_NULL", "NOT_NULL"):
        return bool(text.strip()) == (modifier == "NOT_NULL")
    if not text:  # NULL
        return modifier == "NOT_MATCHES_REGEX"
    phrase = value.strip().strip('"')
    words = value.split() if phrase == value.strip() else [phrase]
    match modifier.removeprefix("NOT_"):
        case "EQUALS":
            found = like(value).fullmatch(text)
        case "MATCHES_REGEX":
            found = re.search(value, text)
        case "INCLUDES" | "EXCLUDES":
            found = like(*words).search(text)
        case _:
            raise GraphQLError(f"Internal system error. Error <{modifier}>")
    return (found is None) == (modifier == "EXCLUDES" or modifier.startswith("NOT_"))


def _lacks(text: str, value: str, modifier: str) -> bool:
    """EXCLUDES of a url takes the value as it is, and pictures without one meet it."""
    return modifier == "EXCLUDES" and not (text and like(value).search(text))


def _compares(found: Any, value: Any, modifier: str, value2: Any = None) -> bool:
    """Compare numbers, or dates and times as texts. NULL matches IS_NULL alone."""
    if modifier not in _COMPARISONS:
        raise GraphQLError(f"Internal system error. Error <{modifier}>")
    if found is None:
        return modifier == "IS_NULL"
    return _COMPARISONS[modifier](found, value, type(value)() if value2 is None else value2)


def _relates(
    found: set[int],
    modifier: str,
    value: list[set[int]],
    excludes: Iterable[set[int]],
    depth: int | None = None,
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
            return not value or found == set[int]().union(*value)
        case _:
            raise GraphQLError(f"{modifier} is not supported here (depth: {depth})")
    return is_met and not any(map(found.intersection, excludes))
