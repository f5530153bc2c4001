"""Saved image filters of Stash, as input for its API. Pure.

Stash stores an `object_filter` in the form of its web page, without a check; the API takes
another form. The conversion is exact or refused: without one of its criteria, a filter would
match images that its owner has filtered out. The forms are those of Stash 0.26 to 0.30 (its
folder ui/v2.5/src/models/list-filter), and older ones that Stash still reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any, TypeVar

from ..errors import StashbotError

#: The most characters of a text, and the most ids of a criterion.
MOST = 1000
#: The most levels of child tags or studios; -1 stands for all.
MOST_DEPTH = 100
#: The most characters of a key in an error.
MOST_KEY = 40

_INT64 = range(-(2**63), 2**63)
_DIGITS = re.compile("-?[0-9]{1,19}")
_DATE = re.compile("[0-9]{4}(-[0-9]{2}){0,2}")
_TIMESTAMP = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2})?")

_NULLS = frozenset({"IS_NULL", "NOT_NULL"})
_EQUALS = frozenset({"EQUALS", "NOT_EQUALS"})
_ORDER = frozenset({"GREATER_THAN", "LESS_THAN"})
_BETWEEN = frozenset({"BETWEEN", "NOT_BETWEEN"})
_INCLUDES = frozenset({"INCLUDES", "INCLUDES_ALL"})
_REGEX = frozenset({"MATCHES_REGEX", "NOT_MATCHES_REGEX"})
_TEXT = _EQUALS | _REGEX | {"INCLUDES", "EXCLUDES"}
_NUMBER = _EQUALS | _ORDER | _BETWEEN
_RELATED = _INCLUDES | _NULLS | {"EXCLUDES"}

_MISSING = ("title", "galleries", "studio", "performers", "tags")
_ORIENTATIONS = ("Landscape", "Portrait", "Square")
_RESOLUTIONS = {
    "144p": "VERY_LOW",
    "240p": "LOW",
    "360p": "R360P",
    "480p": "STANDARD",
    "540p": "WEB_HD",
    "720p": "STANDARD_HD",
    "1080p": "FULL_HD",
    "1440p": "QUAD_HD",
    "4k": "FOUR_K",
    "5k": "FIVE_K",
    "6k": "SIX_K",
    "7k": "SEVEN_K",
    "8k": "EIGHT_K",
    "Huge": "HUGE",
}

_Sized = TypeVar("_Sized", str, list[Any], dict[str, Any])


class CriterionRefused(StashbotError):
    """A saved filter cannot be sent with the meaning that it has; `criterion` is the key."""

    def __init__(self, criterion: str, reason: str) -> None:
        self.criterion = criterion[:MOST_KEY]
        super().__init__(f"{self.criterion}: {reason}")


def image_filter(
    object_filter: Mapping[str, Any] | None, *, is_decimal: bool = False
) -> dict[str, Any]:
    """The `ImageFilterType` of a saved filter; empty for all images. Raises CriterionRefused.

    Old filters hold a rating as the page of Stash shows it: `is_decimal` 0 to 10, else 0 to 5.
    """
    if object_filter is None:
        return {}
    if not isinstance(object_filter, Mapping):
        raise CriterionRefused("object_filter", "not an object")
    old_rating = partial(_old_rating, factor=10 if is_decimal else 20)
    rating = partial(_range, _NUMBER | _NULLS, _whole, 0, read_old=old_rating)
    forms: dict[str, Callable[[Any], Any]] = {**_FORMS, "rating100": rating}
    converted = {}
    for key, saved in object_filter.items():
        if key not in forms:
            raise CriterionRefused(str(key), "unknown")
        try:
            converted[key] = forms[key](saved)
        except ValueError as error:
            raise CriterionRefused(key, str(error)) from error
    return converted


# Forms of criteria: each turns the JSON under a key into the API's, or raises ValueError.


def _text(modifiers: Container[str], saved: Any) -> dict[str, Any]:
    modifier, value = _criterion(saved, modifiers)
    return {"value": "" if value is None else _sized(str, value), "modifier": modifier}


def _range(
    modifiers: Container[str],
    read: Callable[[Any], int | str],
    nothing: int | str,
    saved: Any,
    *,
    read_old: Callable[[Any], int | str] | None = None,
) -> dict[str, Any]:
    """One or two numbers or times, in an object; in old filters beside the modifier."""
    ends = _members(saved, "value", "value2", "modifier")
    modifier = _known(ends.pop("modifier", None), modifiers)
    if isinstance(ends.get("value"), dict):
        if "value2" in ends:
            raise ValueError("two forms at once")
        ends = _members(ends["value"], "value", "value2")
    elif read_old:
        read = read_old
    found = {name: read(end) for name, end in ends.items() if end != ""}
    # Without a second end, Stash would take 0 or tomorrow.
    needed = {"value", "value2"} if modifier in _BETWEEN else {"value"}
    if modifier not in _NULLS and not needed <= found.keys():
        raise ValueError("no value")
    return {"value": nothing, **found, "modifier": modifier}


def _boolean(saved: Any) -> bool:
    value = _value(saved)
    return value if isinstance(value, bool) else _known(value, ("true", "false")) == "true"


def _missing(saved: Any) -> str:
    return _known(_value(saved), _MISSING)


def _orientation(saved: Any) -> dict[str, Any]:
    return {"value": [_known(each, _ORIENTATIONS).upper() for each in _sized(list, _value(saved))]}


def _resolution(saved: Any) -> dict[str, Any]:
    modifier, value = _criterion(saved, _EQUALS | _ORDER)
    return {"value": _RESOLUTIONS[_known(value, _RESOLUTIONS)], "modifier": modifier}


def _galleries(saved: Any) -> dict[str, Any]:
    modifier, value = _criterion(saved, _RELATED)
    return {"value": _ids(value), "modifier": modifier}


def _performers(saved: Any) -> dict[str, Any]:
    modifier, value = _criterion(saved, _RELATED | {"EQUALS"})
    parts = {"items": value} if isinstance(value, list) else value  # a list in old filters
    return _includes(_members({} if parts is None else parts, "items", "excluded"), modifier)


def _hierarchy(modifiers: Container[str], saved: Any) -> dict[str, Any]:
    """Tags or studios, with so many levels of their children."""
    modifier, value = _criterion(saved, modifiers)
    parts = _members({} if value is None else value, "items", "excluded", "depth")
    depth = _whole(parts.get("depth", 0))
    if not -1 <= depth <= MOST_DEPTH:
        raise ValueError("depth out of range")
    # Stash takes no other depth with EQUALS.
    return {**_includes(parts, modifier), "depth": 0 if modifier == "EQUALS" else depth}


def _includes(parts: Mapping[str, Any], modifier: str) -> dict[str, Any]:
    """The ids to include and those to exclude; with EQUALS, the latter have no effect."""
    items, excludes = _ids(parts.get("items")), _ids(parts.get("excluded"))
    if len(items) + len(excludes) > MOST:
        raise ValueError("too many ids")
    if modifier == "EXCLUDES":  # of old filters
        modifier, items, excludes = "INCLUDES", [], [*excludes, *items]
    elif modifier not in _INCLUDES:
        excludes = []
    return {"value": items, "excludes": excludes, "modifier": modifier}


# Parts of criteria


def _criterion(saved: Any, modifiers: Container[str]) -> tuple[str, Any]:
    """The modifier and the value; None if there is none."""
    members = _members(saved, "value", "modifier")
    return _known(members.get("modifier"), modifiers), members.get("value")


def _value(saved: Any) -> Any:
    """The value of a criterion that has no modifier in the API; the page writes EQUALS."""
    members = _members(saved, "value", "modifier")
    _known(members.get("modifier", "EQUALS"), ("EQUALS",))
    return members.get("value")


def _members(value: Any, *names: str) -> dict[str, Any]:
    """The members of an object; null counts as absent, and an unknown name may mean anything."""
    members = {name: each for name, each in _sized(dict, value).items() if each is not None}
    if not members.keys() <= set(names):
        raise ValueError("unknown member")
    return members


def _ids(items: Any) -> list[str]:
    """The ids of objects with `id` and `label`; None is an empty list."""
    found = [] if items is None else _sized(list, items)
    ids = [_whole(_sized(dict, item).get("id")) for item in found]
    if any(id < 0 for id in ids):
        raise ValueError("negative id")
    return [str(id) for id in ids]


def _known(word: Any, words: Container[str]) -> str:
    if not isinstance(word, str) or word not in words:
        raise ValueError("unknown word")
    return word


def _sized(kind: type[_Sized], value: Any) -> _Sized:
    if not isinstance(value, kind) or len(value) > MOST:
        raise ValueError(f"no {kind.__name__}, or too long")
    return value


def _whole(value: Any) -> int:
    """A whole number; Stash takes digits in a text as well."""
    is_whole = isinstance(value, float) and value.is_integer()
    if is_whole or (isinstance(value, str) and _DIGITS.fullmatch(value)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT64:
        raise ValueError("no whole number, or too large")
    return value


def _old_rating(value: Any, factor: int) -> int:
    if isinstance(value, float) and math.isfinite(value * factor):
        return _whole(math.floor(value * factor + 0.5))  # as JavaScript rounds
    return _whole(_whole(value) * factor)


def _date(value: Any) -> str:
    if not _DATE.fullmatch(_sized(str, value)):
        raise ValueError("no date")
    return str(value)


def _timestamp(value: Any) -> str:
    text = _sized(str, value).strip()
    if not _TIMESTAMP.fullmatch(text):
        raise ValueError("no timestamp")
    return text.replace(" ", "T")


_FORMS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("title", "code", "details", "photographer", "path", "url"), partial(_text, _TEXT | _NULLS)
    ),
    "checksum": partial(_text, _TEXT),
    **dict.fromkeys(
        ("o_counter", "tag_count", "performer_count", "performer_age", "file_count"),
        partial(_range, _NUMBER, _whole, 0),
    ),
    "date": partial(_range, _NUMBER | _NULLS, _date, ""),
    "created_at": partial(_range, _ORDER | _BETWEEN, _timestamp, ""),
    "updated_at": partial(_range, _ORDER | _BETWEEN, _timestamp, ""),
    "organized": _boolean,
    "performer_favorite": _boolean,
    "is_missing": _missing,
    "tags": partial(_hierarchy, _RELATED | {"EQUALS"}),
    "performer_tags": partial(_hierarchy, _RELATED),
    "studios": partial(_hierarchy, _RELATED - {"INCLUDES_ALL"}),
    "performers": _performers,
    "galleries": _galleries,
    "resolution": _resolution,
    "orientation": _orientation,
}
