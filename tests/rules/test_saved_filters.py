"""Saved filters: what Stash's page stores, and what its API takes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.rules.saved_filters import CriterionRefused, image_filter

TEXTS = ("title", "code", "details", "photographer", "path", "url")
COUNTS = ("o_counter", "tag_count", "performer_count", "performer_age", "file_count")
TIMES = ("created_at", "updated_at")
BOOLEANS = ("organized", "performer_favorite")
HIERARCHIES = ("tags", "performer_tags", "studios")
KEYS = (
    *(*TEXTS, "checksum", *COUNTS, "rating100", "date", *TIMES, *BOOLEANS, "is_missing"),
    *(*HIERARCHIES, "performers", "galleries", "resolution", "orientation"),
)

NULLS = ("IS_NULL", "NOT_NULL")
EQUALS = ("EQUALS", "NOT_EQUALS")
ORDER = ("GREATER_THAN", "LESS_THAN")
BETWEEN = ("BETWEEN", "NOT_BETWEEN")
STRING = (*EQUALS, "INCLUDES", "EXCLUDES", "MATCHES_REGEX", "NOT_MATCHES_REGEX")
EVERY = sorted({*NULLS, *EQUALS, *ORDER, *BETWEEN, *STRING, "INCLUDES_ALL"})
#: The modifiers that Stash's page offers, and EXCLUDES of old filters.
OFFERED = {
    **dict.fromkeys(TEXTS, (*STRING, *NULLS)),
    "checksum": STRING,
    **dict.fromkeys(COUNTS, (*EQUALS, *ORDER, *BETWEEN)),
    **dict.fromkeys(("rating100", "date"), (*EQUALS, *ORDER, *BETWEEN, *NULLS)),
    **dict.fromkeys(TIMES, (*ORDER, *BETWEEN)),
    **dict.fromkeys((*BOOLEANS, "is_missing", "orientation"), ("EQUALS",)),
    **dict.fromkeys(("tags", "performers"), ("INCLUDES", "INCLUDES_ALL", "EQUALS", *NULLS)),
    "performer_tags": ("INCLUDES", "INCLUDES_ALL", *NULLS),
    "studios": ("INCLUDES", *NULLS),
    "galleries": ("INCLUDES", "INCLUDES_ALL", "EXCLUDES", *NULLS),
    "resolution": (*EQUALS, *ORDER),
}
OLD_EXCLUDES = (*HIERARCHIES, "performers")
#: A value in today's form that goes with every modifier.
VALUES = {
    **dict.fromkeys((*TEXTS, "checksum"), "sea"),
    **{key: {"value": 1, "value2": 5} for key in (*COUNTS, "rating100")},
    "date": {"value": "2020-01-01", "value2": "2020-05-01"},
    **{key: {"value": "2024-01-01 10:00", "value2": "2024-02-01 10:00"} for key in TIMES},
    **dict.fromkeys(BOOLEANS, "true"),
    "is_missing": "tags",
    **{key: {"items": [{"id": "1", "label": "a"}], "depth": 0} for key in HIERARCHIES},
    "performers": {"items": [{"id": "1", "label": "a"}]},
    "galleries": [{"id": "1", "label": "a"}],
    "resolution": "720p",
    "orientation": ["Portrait"],
}


def saved(value, modifier, **members):
    return {"value": value, "modifier": modifier, **members}


def items(*ids):
    return [{"id": id, "label": f"name of {id}"} for id in ids]


def case(key, criterion, expected, id, *, is_decimal=False):
    return pytest.param(key, criterion, expected, is_decimal, id=f"{key}: {id}")


TEXT_CASES = [
    *(
        case(key, saved(r"\.(png|webp)$", m), {"value": r"\.(png|webp)$", "modifier": m}, m)
        for key in (*TEXTS, "checksum")
        for m in (STRING if key == "title" else ["INCLUDES"])
    ),
    *(
        case(key, {"modifier": m}, {"value": "", "modifier": m}, f"{m} without a value")
        for key in TEXTS
        for m in NULLS
    ),
    case("title", saved(None, "IS_NULL"), {"value": "", "modifier": "IS_NULL"}, "null"),
    case("title", saved("", "EQUALS"), {"value": "", "modifier": "EQUALS"}, "empty"),
    case("title", saved("x" * 1000, "EQUALS"), saved("x" * 1000, "EQUALS"), "longest"),
    case("path", saved(' "a b" %_ ', "INCLUDES"), saved(' "a b" %_ ', "INCLUDES"), "as it is"),
]

NUMBER_CASES = [
    *(
        case(key, saved({"value": 3}, m), {"value": 3, "modifier": m}, m)
        for key in (*COUNTS, "rating100")
        for m in ((*EQUALS, *ORDER) if key == "o_counter" else ["LESS_THAN"])
    ),
    *(
        case(
            key,
            saved({"value": 40, "value2": 80}, m),
            {"value": 40, "value2": 80, "modifier": m},
            m,
        )
        for key in (*COUNTS, "rating100")
        for m in BETWEEN
    ),
    *(
        case(key, saved(3, "EQUALS"), {"value": 3, "modifier": "EQUALS"}, "old form")
        for key in COUNTS
    ),
    *(
        case("rating100", {"modifier": m}, {"value": 0, "modifier": m}, f"{m} without a value")
        for m in NULLS
    ),
    case("rating100", saved({}, "IS_NULL"), saved(0, "IS_NULL"), "IS_NULL with an empty object"),
    case("rating100", saved({"value": 60}, "IS_NULL"), saved(60, "IS_NULL"), "IS_NULL with rest"),
    case("rating100", saved(3, "GREATER_THAN"), saved(60, "GREATER_THAN"), "stars"),
    case("rating100", saved("3", "EQUALS"), saved(60, "EQUALS"), "stars in a text"),
    case("rating100", saved(3.5, "EQUALS"), saved(70, "EQUALS"), "half stars"),
    case("rating100", saved(3.33, "EQUALS"), saved(67, "EQUALS"), "odd stars, rounded"),
    case("rating100", saved(7, "EQUALS"), saved(70, "EQUALS"), "decimal", is_decimal=True),
    case("rating100", saved(7.3, "EQUALS"), saved(73, "EQUALS"), "tenths", is_decimal=True),
    case(
        "rating100",
        saved({"value": 60}, "EQUALS"),
        saved(60, "EQUALS"),
        "today's form is the same with decimals",
        is_decimal=True,
    ),
    case(
        "o_counter",
        saved({"value": 1, "value2": 9}, "GREATER_THAN"),
        saved(1, "GREATER_THAN", value2=9),
        "second value that is left over",
    ),
    case(
        "o_counter",
        saved({"value": 1, "value2": None}, "EQUALS"),
        saved(1, "EQUALS"),
        "null is none",
    ),
    case("o_counter", saved({"value": "60"}, "EQUALS"), saved(60, "EQUALS"), "digits in a text"),
    case("o_counter", saved({"value": 60.0}, "EQUALS"), saved(60, "EQUALS"), "whole float"),
    case("o_counter", saved({"value": -1}, "EQUALS"), saved(-1, "EQUALS"), "negative"),
    case("o_counter", saved({"value": 0}, "EQUALS"), saved(0, "EQUALS"), "zero"),
    case(
        "o_counter",
        saved({"value": -(2**63), "value2": 2**63 - 1}, "BETWEEN"),
        saved(-(2**63), "BETWEEN", value2=2**63 - 1),
        "largest",
    ),
]

TIME_CASES = [
    *(
        case("date", saved({"value": "2020-01-01"}, m), {"value": "2020-01-01", "modifier": m}, m)
        for m in (*EQUALS, *ORDER)
    ),
    *(
        case(
            "date",
            saved({"value": "2020-01-01", "value2": "2020-05-01"}, m),
            {"value": "2020-01-01", "value2": "2020-05-01", "modifier": m},
            m,
        )
        for m in BETWEEN
    ),
    *(
        case("date", each, {"value": "", "modifier": m}, f"{m} {id}")
        for m in NULLS
        for each, id in (
            ({"modifier": m}, "without a value"),
            (saved({"value": ""}, m), "with an empty text"),
            (saved("", m), "with an empty text, old form"),
        )
    ),
    case("date", saved("2020-01-01", "EQUALS"), saved("2020-01-01", "EQUALS"), "old form"),
    case(
        "date",
        saved("2020-01-01", "BETWEEN", value2="2020-05-01"),
        saved("2020-01-01", "BETWEEN", value2="2020-05-01"),
        "two values, old form",
    ),
    case("date", saved({"value": "2020"}, "EQUALS"), saved("2020", "EQUALS"), "year"),
    case("date", saved({"value": "2020-05"}, "EQUALS"), saved("2020-05", "EQUALS"), "month"),
    *(
        case(
            key,
            saved({"value": "2024-01-01 10:00"}, m),
            {"value": "2024-01-01T10:00", "modifier": m},
            m,
        )
        for key in TIMES
        for m in ORDER
    ),
    *(
        case(
            key,
            saved({"value": " 2024-01-01 10:00 ", "value2": "2024-02-01"}, m),
            {"value": "2024-01-01T10:00", "value2": "2024-02-01", "modifier": m},
            m,
        )
        for key in TIMES
        for m in BETWEEN
    ),
    case(
        "created_at",
        saved("2024-01-01T10:00", "BETWEEN", value2="2024-02-01 11:30"),
        saved("2024-01-01T10:00", "BETWEEN", value2="2024-02-01T11:30"),
        "two values, old form",
    ),
    case(
        "updated_at",
        saved({"value": "2024-01-01", "value2": ""}, "LESS_THAN"),
        saved("2024-01-01", "LESS_THAN"),
        "empty second value",
    ),
]

RESOLUTIONS = {
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

PLAIN_CASES = [
    *(
        case(key, each, expected, id)
        for key in BOOLEANS
        for each, expected, id in (
            (saved("true", "EQUALS"), True, "true"),
            (saved("false", "EQUALS"), False, "false"),
            (saved(True, "EQUALS"), True, "true, old form"),
            (saved(False, "EQUALS"), False, "false, old form"),
            ({"value": "false"}, False, "without a modifier"),
        )
    ),
    *(
        case("is_missing", saved(word, "EQUALS"), word, word)
        for word in ("title", "galleries", "studio", "performers", "tags")
    ),
    *(
        case("orientation", saved(words, "EQUALS"), {"value": expected}, id)
        for words, expected, id in (
            (["Portrait", "Square"], ["PORTRAIT", "SQUARE"], "two"),
            (["Landscape"], ["LANDSCAPE"], "one"),
            ([], [], "none"),
        )
    ),
    *(
        case("resolution", saved(word, "EQUALS"), {"value": value, "modifier": "EQUALS"}, word)
        for word, value in RESOLUTIONS.items()
    ),
    *(
        case("resolution", saved("720p", m), {"value": "STANDARD_HD", "modifier": m}, m)
        for m in ("NOT_EQUALS", *ORDER)
    ),
]


def related(value, modifier, excludes=(), **depth):
    return {"value": value, "excludes": [*excludes], "modifier": modifier, **depth}


RELATED_CASES = [
    *(
        case(
            key,
            saved({"items": items("1"), "excluded": items("4"), "depth": 2}, m),
            related(["1"], m, ["4"] if m in ("INCLUDES", "INCLUDES_ALL") else [], depth=depth),
            m,
        )
        for key in HIERARCHIES
        for m in OFFERED[key]
        for depth in [0 if m == "EQUALS" else 2]
    ),
    *(
        case(key, each, related(*expected, depth=depth), id)
        for key in HIERARCHIES
        for each, expected, depth, id in (
            (saved({"items": items(7, 8)}, "INCLUDES"), (["7", "8"], "INCLUDES"), 0, "numbers"),
            (saved({"excluded": items("4")}, "INCLUDES"), ([], "INCLUDES", ["4"]), 0, "excluded"),
            (
                saved({"items": [], "excluded": items("4"), "depth": -1}, "INCLUDES"),
                ([], "INCLUDES", ["4"]),
                -1,
                "only excluded, at all levels",
            ),
            (
                saved({"items": items("1"), "excluded": items("4"), "depth": 1}, "EXCLUDES"),
                ([], "INCLUDES", ["4", "1"]),
                1,
                "EXCLUDES",
            ),
            (
                saved({"items": None, "excluded": None, "depth": None}, "INCLUDES"),
                ([], "INCLUDES"),
                0,
                "null lists",
            ),
            (saved({"depth": 100}, "INCLUDES"), ([], "INCLUDES"), 100, "deepest"),
            ({"modifier": "IS_NULL"}, ([], "IS_NULL"), 0, "IS_NULL without a value"),
            ({"modifier": "NOT_NULL"}, ([], "NOT_NULL"), 0, "NOT_NULL without a value"),
            ({"modifier": "INCLUDES"}, ([], "INCLUDES"), 0, "INCLUDES without a value"),
        )
    ),
    *(
        case(
            "performers",
            saved({"items": items("1"), "excluded": items("4")}, m),
            related(["1"], m, ["4"] if m in ("INCLUDES", "INCLUDES_ALL") else []),
            m,
        )
        for m in OFFERED["performers"]
    ),
    *(
        case("performers", each, related(*expected), id)
        for each, expected, id in (
            (saved(items("1", 2), "INCLUDES"), (["1", "2"], "INCLUDES"), "list, old form"),
            (saved(items("1"), "EXCLUDES"), ([], "INCLUDES", ["1"]), "list, EXCLUDES"),
            (
                saved({"items": items("1"), "excluded": items("4")}, "EXCLUDES"),
                ([], "INCLUDES", ["4", "1"]),
                "EXCLUDES",
            ),
            (
                saved({"items": [], "excluded": items("1")}, "INCLUDES_ALL"),
                ([], "INCLUDES_ALL", ["1"]),
                "only excluded",
            ),
            ({"modifier": "IS_NULL"}, ([], "IS_NULL"), "IS_NULL without a value"),
        )
    ),
    *(
        case("galleries", saved(items("9", 10), m), {"value": ["9", "10"], "modifier": m}, m)
        for m in OFFERED["galleries"]
    ),
    *(
        case("galleries", {"modifier": m}, {"value": [], "modifier": m}, f"{m} without a value")
        for m in NULLS
    ),
]

CASES = [*TEXT_CASES, *NUMBER_CASES, *TIME_CASES, *PLAIN_CASES, *RELATED_CASES]


@pytest.mark.parametrize(("key", "criterion", "expected", "is_decimal"), CASES)
def test_criterion(key, criterion, expected, is_decimal):
    found = image_filter({key: criterion}, is_decimal=is_decimal)

    assert found == {key: expected}
    assert type(found[key]) is type(expected)  # True is not 1


@pytest.mark.parametrize("empty", [None, {}], ids=["null", "empty"])
def test_filter_without_criteria_is_all_images(empty):
    assert image_filter(empty) == {}


def test_all_criteria_at_once():
    object_filter = {key: saved(VALUES[key], OFFERED[key][0]) for key in KEYS}

    found = image_filter(object_filter)

    assert found == {key: image_filter({key: object_filter[key]})[key] for key in KEYS}


@pytest.mark.parametrize("key", KEYS)
def test_modifiers_that_stash_does_not_offer_are_refused(key):
    accepted = set()
    for modifier in EVERY:
        with suppress(CriterionRefused):
            image_filter({key: saved(VALUES[key], modifier)})
            accepted.add(modifier)

    assert accepted == {*OFFERED[key], *(["EXCLUDES"] if key in OLD_EXCLUDES else [])}


def refused(key, criterion, id):
    return pytest.param(key, criterion, id=f"{key}: {id}")


#: One key of each form of criteria.
ONE_OF_A_FORM = (
    *("title", "o_counter", "rating100", "date", "created_at", "organized", "is_missing"),
    *("tags", "performers", "galleries", "resolution", "orientation"),
)
REFUSED = [
    *(
        refused(key, saved({}, "INCLUDES"), "unknown key")
        for key in ("custom_fields", "studio_tags", "tags_filter", "AND", "OR", "NOT", "id", "")
    ),
    *(
        refused(key, criterion, id)
        for key in ONE_OF_A_FORM
        for criterion, id in (
            (None, "null"),
            ("INCLUDES", "text"),
            ([], "list"),
            (saved(VALUES[key], "NEAR"), "unknown modifier"),
            (saved(VALUES[key], ["EQUALS"]), "modifier that is a list"),
            (saved(VALUES[key], OFFERED[key][0], negate=True), "unknown member"),
            (saved(object(), OFFERED[key][0]), "value of no known type"),
            (saved({"other": 1}, OFFERED[key][0]), "value with an unknown member"),
        )
    ),
    *(
        refused(key, {"value": VALUES[key]}, "no modifier")
        for key in KEYS
        if key not in (*BOOLEANS, "is_missing", "orientation")
    ),
    *(
        refused(key, {"modifier": OFFERED[key][0]}, "no value")
        for key in (*COUNTS, "rating100", "date", *TIMES, *BOOLEANS, "is_missing")
    ),
    *(
        refused(key, saved(value, OFFERED[key][0]), id)
        for key in ("o_counter", "rating100", "date", "created_at")
        for value, id in (
            ({}, "empty object"),
            ("", "empty text"),
            ({"value": None}, "null inside"),
        )
    ),
    *(
        refused(key, saved({"value": VALUES[key]["value"]}, m), f"{m} without a second value")
        for key in ("o_counter", "rating100", "date", "created_at")
        for m in BETWEEN
    ),
    *(
        refused(key, saved({"value": value}, "EQUALS"), id)
        for key in ("o_counter", "rating100")
        for value, id in (
            (60.5, "fraction"),
            ("60.5", "fraction in a text"),
            ("many", "word"),
            ("٣", "digit of another script"),
            ("1" * 5000, "very long text"),
            (True, "boolean"),
            ([1], "list inside"),
            ({"value": 1}, "object inside"),
            (2**63, "too large"),
            (1e300, "much too large"),
            (float("nan"), "not a number"),
            (float("inf"), "infinite"),
        )
    ),
    *(
        refused("rating100", saved(value, "EQUALS"), f"old form, {id}")
        for value, id in (
            (2**62, "too large"),
            (1e308, "much too large"),
            (float("inf"), "infinite"),
            (float("nan"), "not a number"),
            (True, "boolean"),
        )
    ),
    refused("o_counter", saved({"value": 1}, "EQUALS", value2=2), "two forms at once"),
    refused("date", saved({"value": "2020-1-1"}, "EQUALS"), "short month"),
    refused("date", saved({"value": "yesterday"}, "EQUALS"), "word"),
    refused("date", saved({"value": "2020-01-01-01"}, "EQUALS"), "part too many"),
    refused("date", saved({"value": 2020}, "EQUALS"), "number"),
    refused("created_at", saved({"value": "2024-01-01 10:00:30"}, "LESS_THAN"), "seconds"),
    refused("created_at", saved({"value": "2024"}, "LESS_THAN"), "year"),
    refused("created_at", saved({"value": " "}, "GREATER_THAN"), "blank"),
    refused("title", saved("x" * 1001, "EQUALS"), "too long"),
    refused("title", saved(0, "EQUALS"), "number"),
    refused("title", saved(False, "EQUALS"), "boolean"),
    refused("organized", saved("yes", "EQUALS"), "unknown word"),
    refused("organized", saved(1, "EQUALS"), "number"),
    refused("is_missing", saved("checksum", "EQUALS"), "unknown word"),
    refused("is_missing", saved("", "EQUALS"), "empty"),
    refused("resolution", saved("16k", "EQUALS"), "unknown word"),
    refused("resolution", saved("FULL_HD", "EQUALS"), "word of the API"),
    refused("resolution", {"modifier": "EQUALS"}, "no value"),
    refused("orientation", saved(["Portrait", "Round"], "EQUALS"), "unknown word"),
    refused("orientation", saved("Portrait", "EQUALS"), "no list"),
    refused("orientation", saved(["Square"] * 1001, "EQUALS"), "too many"),
    refused("galleries", saved({"items": items("1")}, "INCLUDES"), "object"),
    refused("tags", saved(items("1"), "INCLUDES"), "list"),
    *(
        refused(key, saved({"items": value}, "INCLUDES"), id)
        for key in ("tags", "performers")
        for value, id in (
            (items("abc"), "id that is a word"),
            (items(""), "empty id"),
            (items(-1), "negative id"),
            (items(1.5), "id with a fraction"),
            (items(True), "id that is a boolean"),
            (items(2**63), "id that is too large"),
            ([{"label": "a"}], "item without an id"),
            (["1"], "item that is a text"),
            (items(*range(1001)), "too many"),
            ("1", "text"),
            (0, "number"),
            (False, "boolean"),
        )
    ),
    refused(
        "tags",
        saved({"items": items(*range(501)), "excluded": items(*range(500))}, "INCLUDES"),
        "too many in both lists",
    ),
    *(
        refused(key, saved({"depth": depth}, "INCLUDES"), f"depth {depth}")
        for key in ("tags", "studios")
        for depth in (-2, 101, 0.5, "deep", True)
    ),
    refused("performers", saved({"items": items("1"), "depth": 1}, "INCLUDES"), "depth"),
    refused("performers", saved(0, "INCLUDES"), "number"),
    refused("tags", saved(0, "INCLUDES"), "number"),
]


@pytest.mark.parametrize(("key", "criterion"), REFUSED)
def test_filter_with_a_broken_criterion_is_refused_as_a_whole(key, criterion):
    good = {other: saved(VALUES[other], OFFERED[other][0]) for other in KEYS if other != key}

    with pytest.raises(CriterionRefused) as refusal:
        image_filter({**good, key: criterion})

    assert refusal.value.criterion == key


@pytest.mark.parametrize("shape", [[], ["tags"], "tags", 1, True, 0.5], ids=repr)
def test_filter_that_is_no_object_is_refused(shape):
    with pytest.raises(CriterionRefused):
        image_filter(shape)


def test_long_unknown_key_is_cut():
    with pytest.raises(CriterionRefused) as refusal:
        image_filter({"k" * 5000: {}})

    assert refusal.value.criterion == "k" * 40
    assert len(str(refusal.value)) < 100


def test_most_ids():
    found = image_filter({"tags": saved({"items": items(*range(1000))}, "INCLUDES")})

    assert len(found["tags"]["value"]) == 1000


WORDS = st.sampled_from(
    [*EVERY, "value", "value2", "modifier", "items", "excluded", "depth", "id", "true", "720p"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
PARTS = st.dictionaries(
    st.sampled_from(["value", "value2", "items", "excluded", "depth"]),
    st.just(items(1, "2")) | st.sampled_from(["2020-01-01", 3]) | LEAVES,
    max_size=3,
)
CRITERIA = st.fixed_dictionaries(
    {
        "modifier": st.sampled_from(EVERY),
        "value": st.sampled_from([*VALUES.values()]) | PARTS | JSON,
    },
    optional={"value2": LEAVES},
)


@given(JSON | st.dictionaries(st.sampled_from(KEYS), CRITERIA | JSON, max_size=2), st.booleans())
def test_any_json_is_converted_whole_or_refused(object_filter, is_decimal):
    try:
        found = image_filter(object_filter, is_decimal=is_decimal)
    except CriterionRefused:
        return

    assert found.keys() == (object_filter or {}).keys()
