"""Saved filters as Stash's page stores them: many of them, and the images that each means.

The meaning is worked out from the stored form alone, by the rules that were observed on real
servers, their oddities among them.
"""

import operator
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

TEXTS = ("title", "code", "details", "photographer", "path", "url")
#: The shortest short side of each resolution, in pixels; the last is the end of the largest.
SIDES = {
    "144p": 144,
    "240p": 240,
    "360p": 360,
    "480p": 480,
    "540p": 540,
    "720p": 720,
    "1080p": 1080,
    "1440p": 1440,
    "4k": 1920,
    "5k": 2560,
    "6k": 3000,
    "7k": 3584,
    "8k": 3840,
    "Huge": 6144,
}
COMPARE = {
    "EQUALS": operator.eq,
    "NOT_EQUALS": operator.ne,
    "GREATER_THAN": operator.gt,
    "LESS_THAN": operator.lt,
}


@dataclass
class Facts:
    """An image as far as filters ask for it; texts are empty where Stash has NULL."""

    id: int
    title: str = ""
    code: str = ""
    details: str = ""
    photographer: str = ""
    path: str = ""
    url: str = ""
    checksum: str = ""
    rating100: int | None = None
    o_counter: int = 0
    organized: bool = False
    date: str = ""
    created_at: str = ""
    updated_at: str = ""
    width: int = 0
    height: int = 0
    is_still: bool = True
    file_count: int = 1
    tags: set[int] = field(default_factory=set)
    performers: set[int] = field(default_factory=set)
    performer_tags: set[int] = field(default_factory=set)
    galleries: set[int] = field(default_factory=set)
    studios: set[int] = field(default_factory=set)
    performer_favorite: bool = False
    has_untagged_performer: bool = False
    performer_age: Iterable[int] = ()

    @property
    def tag_count(self):
        return len(self.tags)

    @property
    def performer_count(self):
        return len(self.performers)


@dataclass(frozen=True)
class Names:
    """The ids that filters may name, and the parents of tags and studios."""

    tags: list[int]
    performers: list[int]
    galleries: list[int]
    studios: list[int]
    parents: Mapping[str, Mapping[int, int]]


# The meaning of a filter


def means(object_filter, facts, names, *, stars=20):
    """Whether an image meets each criterion of a stored filter."""
    return all(_meets(key, saved, facts, names, stars) for key, saved in object_filter.items())


def _meets(key, saved, facts, names, stars):
    value, modifier = saved.get("value"), saved.get("modifier", "EQUALS")
    match key:
        case "organized" | "performer_favorite":
            return getattr(facts, key) == (str(value).lower() == "true")
        case "is_missing":
            return not getattr(facts, {"studio": "studios"}.get(value, value))
        case "orientation":
            shape = (facts.width > facts.height) - (facts.width < facts.height)
            names_of = {1: "Landscape", 0: "Square", -1: "Portrait"}
            return not value or (facts.is_still and names_of[shape] in value)
        case "resolution":
            reached = [side for side in SIDES.values() if side <= min(facts.width, facts.height)]
            return facts.is_still and COMPARE[modifier](max(reached, default=0), SIDES[value])
        case "tags" | "performers" | "performer_tags" | "studios" | "galleries":
            if (key, modifier) == ("performer_tags", "IS_NULL"):
                return facts.has_untagged_performer or not facts.performers
            return _is_related(key, value, modifier, getattr(facts, key), names)
        case _ if key in TEXTS or key == "checksum":
            return _says(getattr(facts, key), value or "", modifier, is_url=key == "url")
    return _is_between(key, saved, value, modifier, getattr(facts, key), stars)


def _is_between(key, saved, value, modifier, found, stars):
    factor = 1
    if isinstance(value, dict):
        low, high = value.get("value"), value.get("value2")
    else:
        low, high, factor = value, saved.get("value2"), stars if key == "rating100" else 1
    if key == "performer_age":
        return any(_lies(each, low, high, modifier, factor) for each in found)
    return _lies(found, low, high, modifier, factor)


def _says(text, value, modifier, *, is_url):
    """Texts: NULL meets IS_NULL and NOT_MATCHES_REGEX alone, but no url excludes every text."""
    if is_url and modifier == "EXCLUDES":
        return not (text and _is_like(text, f"%{value}%"))
    if modifier.endswith("_NULL"):
        return bool(text.strip()) == (modifier == "NOT_NULL")
    if not text:
        return modifier == "NOT_MATCHES_REGEX"
    if modifier.endswith("REGEX"):
        return bool(re.search(value, text)) == (modifier == "MATCHES_REGEX")
    quoted = re.fullmatch(r'\s*"(.*)"\s*', value)
    words = [quoted[1]] if quoted else value.split()
    is_whole = modifier in ("EQUALS", "NOT_EQUALS")
    patterns = [value] if is_whole else [f"%{word}%" for word in words]
    is_found = any(_is_like(text, pattern) for pattern in patterns)
    return is_found == (modifier in ("EQUALS", "INCLUDES"))


def _is_like(text, pattern):
    """SQLite's LIKE: `%` is any text, `_` any character, and ASCII letters have no case."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "%":
        return any(_is_like(text[start:], rest) for start in range(len(text) + 1))
    if not text:
        return False
    is_same = text[0] == first or (first.isascii() and text[0].lower() == first.lower())
    return (first == "_" or is_same) and _is_like(text[1:], rest)


def _lies(found, low, high, modifier, factor):
    """Numbers and times: NULL meets IS_NULL alone."""
    if modifier.endswith("_NULL"):
        return (found in (None, "")) == (modifier == "IS_NULL")
    if found in (None, ""):
        return False
    low, high = (_as(found, end, factor) if end is not None else None for end in (low, high))
    if "BETWEEN" in modifier:
        return (low <= found <= high) == (modifier == "BETWEEN")
    return COMPARE[modifier](found, low)


def _as(found, end, factor):
    if isinstance(found, str):
        return end.strip().replace(" ", "T")
    return int(float(end) * factor + 0.5) if factor != 1 else int(end)


def _is_related(key, value, modifier, found, names):
    if modifier.endswith("_NULL"):
        return bool(found) == (modifier == "NOT_NULL")
    parts = value if isinstance(value, dict) else {"items": value or []}
    depth = parts.get("depth") or 0 if modifier != "EQUALS" else 0
    parents = names.parents.get({"performer_tags": "tags"}.get(key, key), {})

    def families(name):
        ids = [int(each["id"]) for each in parts.get(name) or []]
        return [
            {each for each in {*found} | {id} if _is_below(each, id, depth, parents)} for id in ids
        ]

    wanted = families("items")
    unwanted = families("excluded") if modifier in ("INCLUDES", "INCLUDES_ALL") else []
    hits = [bool(found & family) for family in wanted]
    is_met = {
        "INCLUDES": not hits or any(hits),
        "INCLUDES_ALL": all(hits),
        "EXCLUDES": not any(hits),
        "EQUALS": not hits or found == {id for family in wanted for id in family},
    }[modifier]
    return is_met and not any(found & family for family in unwanted)


def _is_below(id, top, depth, parents):
    while id != top and depth and id in parents:
        id, depth = parents[id], depth - 1
    return id == top


# Filters of every kind


def filters(names, *, words=("sea", "a_b", "100%", "x y", '"x y"', "Море", "море"), seed=1):
    """Stored filters: each criterion with each modifier, the older forms, and several at once."""
    singles = [
        {key: form}
        for key, forms in _forms(names, words).items()
        for form in {repr(each): each for each in forms}.values()
    ]
    chance = random.Random(seed)
    both = []
    for _ in range(100):
        together = {}
        for each in chance.sample(singles, chance.randint(2, 3)):
            together |= each
        both.append(together)
    return [{}, *singles, *both]


def _forms(names, words):
    text = ("EQUALS", "NOT_EQUALS", "INCLUDES", "EXCLUDES", "MATCHES_REGEX", "NOT_MATCHES_REGEX")
    order = ("EQUALS", "NOT_EQUALS", "GREATER_THAN", "LESS_THAN")
    nulls, between = ("IS_NULL", "NOT_NULL"), ("BETWEEN", "NOT_BETWEEN")

    def one(value, *modifiers, **more):
        return [{"value": value, "modifier": modifier} | more for modifier in modifiers]

    def texts(*more):
        found = [each for word in words for each in one(word, *text[:4])]
        return [*found, *one("^[a-s].*[0-9 ]", *text[4:]), *more]

    def numbers(low, high):
        now = one({"value": low}, *order) + one({"value": low, "value2": high}, *between)
        return now + one({"value": low, "value2": high}, "GREATER_THAN") + one(low, *order[:2])

    def times(low, high):
        now = one({"value": low, "value2": high}, *between) + one({"value": low}, *order[2:])
        return now + one(low, *between, value2=high)

    without = [{"modifier": modifier} for modifier in nulls]
    return {
        **dict.fromkeys(TEXTS, texts(*one("", *nulls), *without)),
        "checksum": one("a", *text[2:4]) + one("^[0-7]", *text[4:]),
        "rating100": [*numbers(40, 80), *one(3, *order), *one(4.5, "LESS_THAN"), *one({}, *nulls)],
        **{key: numbers(1, 3) for key in ("o_counter", "tag_count", "performer_count")},
        "file_count": numbers(1, 2),
        "organized": one("true", "EQUALS") + one("false", "EQUALS") + one(True, "EQUALS"),
        "performer_favorite": one("true", "EQUALS") + one("false", "EQUALS"),
        "is_missing": [
            each
            for word in ("title", "galleries", "studio", "performers", "tags")
            for each in one(word, "EQUALS")
        ],
        "resolution": [each for word in ("360p", "720p", "1080p") for each in one(word, *order)],
        "orientation": one(["Portrait", "Square"], "EQUALS") + one(["Landscape"], "EQUALS"),
        "date": [
            *(one({"value": "2020-05-05"}, *order) + one({"value": ""}, *nulls) + without),
            *times("2019-01-01", "2021-06-30"),
        ],
        **{key: times("2024-01-01 10:00", "2024-06-01") for key in ("created_at", "updated_at")},
        **{
            key: _related(ids, modifiers, has_depth=key != "performers")
            for key, ids, modifiers in (
                ("tags", names.tags, ("INCLUDES", "INCLUDES_ALL", "EQUALS")),
                ("performer_tags", names.tags, ("INCLUDES", "INCLUDES_ALL")),
                ("studios", names.studios, ("INCLUDES",)),
                ("performers", names.performers, ("INCLUDES", "INCLUDES_ALL", "EQUALS")),
            )
        },
        "galleries": [
            each
            for ids in (names.galleries[:1], names.galleries[:2], [])
            for each in one(_labelled(ids), "INCLUDES", "INCLUDES_ALL", "EXCLUDES")
        ]
        + one([], *nulls),
    }


def _related(ids, modifiers, *, has_depth):
    """Items and excluded ones, with levels of children; the older forms; one that is gone."""
    found = [{"modifier": "IS_NULL"}, {"value": {"items": []}, "modifier": "NOT_NULL"}]
    for modifier in modifiers:
        for items, excluded in ((ids[:1], []), (ids[:2], ids[2:3]), ([], ids[1:2]), ([], [])):
            for depth in (0, 1, -1) if has_depth and modifier != "EQUALS" else (0,):
                value = {"items": _labelled(items), "excluded": _labelled(excluded)}
                value |= {"depth": depth} if has_depth else {}
                found.append({"value": value, "modifier": modifier})
    gone = {"items": [{"id": "99999", "label": "gone"}, *_labelled(ids[:1])]}
    as_numbers = {"items": [{"id": id, "label": ""} for id in ids[:1]]}
    found += [{"value": gone, "modifier": modifier} for modifier in modifiers[:2]]
    found += [{"value": as_numbers, "modifier": each} for each in (modifiers[0], "EXCLUDES")]
    if not has_depth:
        found.append({"value": _labelled(ids[:1]), "modifier": "INCLUDES"})
    return found


def _labelled(ids):
    return [{"id": str(id), "label": f"name of {id}"} for id in ids]
