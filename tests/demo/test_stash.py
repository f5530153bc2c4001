import math
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from stashbot.demo.pictures.picture import Details, Gallery, Picture
from stashbot.demo.stash.names import id_of
from stashbot.demo.stash.standin import SavedFilter, demo_filters
from tests.standins.library import shuffle_key
from tests.standins.stash import StashStandIn

IDS = """query Ids($f: FindFilterType, $i: ImageFilterType, $ids: [ID!]) {
    findImages(filter: $f, image_filter: $i, ids: $ids) { count images { id } } }"""
ONE = "query One($id: ID!) { findImage(id: $id) { id } }"
STATUS = "{ version { version } systemStatus { status appSchema } }"
RATE = "mutation Rate($input: ImageUpdateInput!) { imageUpdate(input: $input) { id rating100 } }"
JSON = "application/json"
PLAIN = [
    Picture(id=n, path=f"p/{n}.jpg", load=lambda: b"\xff\xd8\xff", title=f"No. {n}")
    for n in range(1, 98)
]
RICH = Picture(
    id=7,
    path="sea/Заря.gif",
    load=lambda: b"GIF89a",
    modified=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    size=6,
    width=480,
    height=320,
    duration=2.4,
    title='Salt & "light"',
    date="2024-05",
    rating100=80,
    studio="Paper Kite",
    performers=("Ines", "Лев"),
    galleries=(Gallery("Open sea"), Gallery(folder="/data/sea")),
    tags=("sea",),
)


@pytest.fixture(scope="module")
def library():
    """A stand-in that no test changes."""
    with StashStandIn(PLAIN) as stash:
        yield stash


@pytest.fixture
def stash():
    with StashStandIn([RICH, *PLAIN[:3]]) as stash:
        yield stash


def call(method, url, **options):
    return requests.request(method, url, timeout=10, **options)


def post(stash, query, *, accept=JSON, headers=None, name=None, **variables):
    body = {"query": query, "variables": variables, "operationName": name}
    headers = {"Accept": accept, **(headers or {})}
    return call("POST", f"{stash.url}/graphql", json=body, headers=headers)


def get(stash, path, **headers):
    return call("GET", stash.url + path, headers=headers, allow_redirects=False)


def find(stash, image_filter=None, ids=None, **wanted):
    answer = post(stash, IDS, f=wanted, i=image_filter, ids=ids).json()
    assert "errors" not in answer
    return [int(image["id"]) for image in answer["data"]["findImages"]["images"]]


def complaint(response):
    return response.json()["errors"][0]["message"]


# Pages and sort orders


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({}, range(1, 26), id="25 by default"),
        pytest.param({"per_page": 0}, [], id="none"),
        pytest.param({"per_page": -1}, range(1, 98), id="all"),
        pytest.param({"per_page": 10, "page": 2}, range(11, 21), id="second page"),
        pytest.param({"per_page": 10, "page": 10}, range(91, 98), id="last page is short"),
        pytest.param({"per_page": 10, "page": 11}, [], id="past the end"),
        pytest.param({"per_page": 2, "page": 0}, [1, 2], id="page 0 is the first"),
        pytest.param({"per_page": 2, "sort": "id", "direction": "DESC"}, [97, 96], id="descending"),
        pytest.param({"per_page": 2, "sort": "", "direction": "DESC"}, [1, 2], id="no sort"),
    ],
)
def test_page(library, wanted, expected):
    assert find(library, **wanted) == list(expected)


@given(
    seed=st.integers(0, 10**8 - 1),
    ids=st.lists(st.integers(1, 2_000_000), min_size=1, max_size=50, unique=True),
)
def test_sort_key_is_that_of_sqlite(seed, ids):
    """Stash's formula overflows 64 bits for large ids."""
    database = sqlite3.connect(":memory:")
    database.create_function("mod", 2, lambda a, b: math.fmod(float(a), float(b)))
    formula = "mod((:n+:s)*(:n+:s)*52959209 + (:n+:s)*1047483763, 2147483647)"
    expected = [
        database.execute(f"SELECT {formula}", {"n": n, "s": seed}).fetchone()[0] for n in ids
    ]
    database.close()

    assert [shuffle_key(n, seed) for n in ids] == expected


def test_random_order_by_seed(library):
    expected = sorted(range(1, 98), key=lambda n: shuffle_key(n, 12345))

    assert find(library, per_page=-1, sort="random_12345") == expected
    assert find(library, per_page=-1, sort="random_100012345") == expected
    assert find(library, per_page=-1, sort="random_12345", direction="DESC") == expected[::-1]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"f": {"sort": "xyz"}}, "invalid sort: xyz"),
        ({"f": {"sort": "random_1x"}}, "invalid random seed: 1x"),
        ({"f": {"sort": f"random_{2**64}"}}, f"invalid random seed: {2**64}"),
        ({"ids": ["1", "500"]}, "image with id 500 not found"),
        ({"ids": ["1", "2", "1"]}, "validating ids: duplicate id found: 1"),
        ({"ids": ["abc"]}, 'strconv.Atoi: parsing "abc": invalid syntax'),
    ],
    ids=["sort", "bad seed", "huge seed", "unknown id", "twice", "no number"],
)
def test_failure_in_a_resolver_is_200_without_data(library, variables, message):
    response = post(library, IDS, **variables)
    errors = [{"message": message, "path": ["findImages"]}]

    assert response.status_code == 200
    assert response.json() == {"errors": errors, "data": None}


def test_images_by_id(library):
    """They keep the order of the ids; an empty list counts as no list."""
    assert find(library, ids=["30", "4", "11"], per_page=1, sort="id") == [30, 4, 11]
    assert find(library, ids=[]) == list(range(1, 26))


def test_image_filters(library, stash):
    above = {"id": {"value": 94, "modifier": "GREATER_THAN"}}
    found = "query($id: ID!) { findImage(id: $id) { performers { id } galleries { id } } }"
    image = post(stash, found, id="7").json()["data"]["findImage"]

    assert find(library, above, sort="id", direction="DESC") == [97, 96, 95]
    for relation in ("performers", "galleries"):
        ids = [image[relation][0]["id"], "5"]
        assert find(stash, {relation: {"value": ids, "modifier": "INCLUDES"}}) == [7]
        assert find(stash, {relation: {"value": ["5"], "modifier": "INCLUDES"}}) == []


@pytest.mark.parametrize(
    ("id", "found"), [("7", {"id": "7"}), ("500", None), ("x", None)], ids=["known", "un", "text"]
)
def test_one_image(library, id, found):
    assert post(library, ONE, id=id).json()["data"] == {"findImage": found}


# Criteria

DETAILS = [
    Details("tag", "sea", parent="water", aliases=("ocean", "La Mer")),
    Details("tag", "beach", parent="sea"),
    Details("tag", "unused", aliases=("пусто",)),
    Details("performer", "Anna", disambiguation="dancer", is_favorite=True, tags=("star",)),
    Details("performer", "Anna", aliases=("Анна",)),
    Details("studio", "Small", parent="Big"),
]
SEA = Picture(
    id=1,
    path="a/sea.jpg",
    load=bytes,
    modified=datetime(2024, 6, 1, tzinfo=UTC),
    width=1280,
    height=720,
    title="Sea and Sky",
    date="2020-05-01",
    rating100=80,
    studio="Small",
    performers=("Anna (dancer)",),
    galleries=(Gallery("Open sea"),),
    tags=("sea", "sky"),
    created=datetime(2024, 1, 10, 10, tzinfo=UTC),
    o_counter=3,
    organized=True,
    code="A-1",
    details="two boats",
    photographer="Ines",
    url="https://example.org/1",
)
BARE = Picture(id=2, path="a/Заря.jpg", load=bytes, width=600, height=800)
CLIP = Picture(
    id=3,
    path="b/film.gif",
    load=bytes,
    width=800,
    height=800,
    title="Море 100%",
    date="2020",
    rating100=40,
    studio="Big",
    performers=("Anna", "Anna (dancer)"),
    galleries=(Gallery("Open sea"), Gallery(folder="/data/b")),
    tags=("beach",),
    created=datetime(2024, 2, 10, tzinfo=UTC),
)
TALL = Picture(
    id=4,
    path="b/tall.png",
    load=bytes,
    width=4000,
    height=4000,
    title="sea",
    date="2021-07",
    rating100=1,
    performers=("Anna",),
    tags=("sea", "beach", "night"),
    created=datetime(2024, 3, 10, tzinfo=UTC),
)
GONE = "123456"


@pytest.fixture(scope="module")
def four():
    """A stand-in with these four and their details."""
    with StashStandIn([SEA, BARE, CLIP, TALL], details=DETAILS) as stash:
        yield stash


def ids(kind, *names):
    return [GONE if name == GONE else str(id_of(kind, name)) for name in names]


def text(modifier, value=""):
    return {"value": value, "modifier": modifier}


def amount(modifier, value=0, value2=None):
    return {"value": value, "value2": value2, "modifier": modifier}


def tags(modifier, *names, excludes=(), depth=0):
    wanted = {"value": ids("tag", *names), "excludes": ids("tag", *excludes)}
    return wanted | {"modifier": modifier, "depth": depth}


def people(modifier, *names, excludes=()):
    return {
        "value": ids("performer", *names),
        "excludes": ids("performer", *excludes),
        "modifier": modifier,
    }


CRITERIA = [
    ("id", amount("GREATER_THAN", 2), [3, 4]),
    ("id", amount("BETWEEN", 2, 3), [2, 3]),
    ("title", text("EQUALS", "SEA"), [4]),
    ("title", text("EQUALS", "sea%"), [1, 4]),
    ("title", text("EQUALS", "se_"), [4]),
    ("title", text("EQUALS", "море%"), []),
    ("title", text("NOT_EQUALS", "sea"), [1, 3]),
    ("title", text("INCLUDES", "SKY 100"), [1, 3]),
    ("title", text("INCLUDES", '"and sky"'), [1]),
    ("title", text("INCLUDES", '"sky and"'), []),
    ("title", text("EXCLUDES", "sky"), [3, 4]),
    ("title", text("IS_NULL"), [2]),
    ("title", text("NOT_NULL"), [1, 3, 4]),
    ("title", text("MATCHES_REGEX", "^[Ss]ea"), [1, 4]),
    ("title", text("NOT_MATCHES_REGEX", "^[Ss]ea"), [2, 3]),
    ("path", text("MATCHES_REGEX", r"\.(png|gif)$"), [3, 4]),
    ("path", text("EQUALS", "/DATA/a/%"), [1, 2]),
    ("path", text("INCLUDES", "заря"), []),
    ("code", text("INCLUDES", "a-1"), [1]),
    ("details", text("EXCLUDES", "x"), [1]),
    ("photographer", text("EQUALS", "ines"), [1]),
    ("url", text("INCLUDES", "example"), [1]),
    ("url", text("EXCLUDES", "example"), [2, 3, 4]),
    ("url", text("EXCLUDES", "example other"), [1, 2, 3, 4]),
    ("checksum", text("EQUALS", SEA.fingerprint), [1]),
    ("rating100", amount("GREATER_THAN", 40), [1]),
    ("rating100", amount("LESS_THAN", 50), [3, 4]),
    ("rating100", amount("NOT_EQUALS", 80), [3, 4]),
    ("rating100", amount("BETWEEN", 40, 80), [1, 3]),
    ("rating100", amount("NOT_BETWEEN", 40, 80), [4]),
    ("rating100", amount("IS_NULL"), [2]),
    ("rating100", amount("NOT_NULL"), [1, 3, 4]),
    ("o_counter", amount("EQUALS", 3), [1]),
    ("tag_count", amount("LESS_THAN", 2), [2, 3]),
    ("performer_count", amount("EQUALS", 2), [3]),
    ("file_count", amount("NOT_EQUALS", 1), []),
    ("organized", True, [1]),
    ("organized", False, [2, 3, 4]),
    ("performer_favorite", True, [1, 3]),
    ("performer_favorite", False, [2, 4]),
    ("is_missing", "title", [2]),
    ("is_missing", "studio", [2, 4]),
    ("is_missing", "performers", [2]),
    ("is_missing", "galleries", [2, 4]),
    ("is_missing", "tags", [2]),
    ("is_missing", "", [1, 2, 3, 4]),
    ("tags", tags("INCLUDES", "sea"), [1, 4]),
    ("tags", tags("INCLUDES", "sky", "beach"), [1, 3, 4]),
    ("tags", tags("INCLUDES", "sky", GONE), [1]),
    ("tags", tags("INCLUDES", GONE), []),
    ("tags", tags("INCLUDES", "water"), []),
    ("tags", tags("INCLUDES", "water", depth=1), [1, 4]),
    ("tags", tags("INCLUDES", "water", depth=-1), [1, 3, 4]),
    ("tags", tags("INCLUDES", excludes=["water"], depth=-1), [2]),
    ("tags", tags("INCLUDES_ALL", "sea", "beach"), [4]),
    ("tags", tags("INCLUDES_ALL", "sea", GONE), []),
    ("tags", tags("INCLUDES_ALL", "water", "sky", depth=-1), [1]),
    ("tags", tags("INCLUDES_ALL", excludes=["sky", GONE]), [2, 3, 4]),
    ("tags", tags("INCLUDES", "beach", excludes=["night"]), [3]),
    ("tags", tags("EXCLUDES", "sea"), [2, 3]),
    ("tags", tags("EQUALS", "sky", "sea"), [1]),
    ("tags", tags("EQUALS"), [1, 2, 3, 4]),
    ("tags", tags("INCLUDES"), [1, 2, 3, 4]),
    ("tags", tags("IS_NULL"), [2]),
    ("tags", tags("NOT_NULL"), [1, 3, 4]),
    ("performer_tags", tags("INCLUDES", "star"), [1, 3]),
    # A performer of picture 3 has no tags.
    ("performer_tags", tags("IS_NULL"), [2, 3, 4]),
    ("performers", people("INCLUDES", "Anna"), [3, 4]),
    ("performers", people("INCLUDES_ALL", "Anna", "Anna (dancer)"), [3]),
    ("performers", people("EQUALS", "Anna"), [4]),
    ("performers", people("INCLUDES", excludes=["Anna"]), [1, 2]),
    ("studios", {"value": ids("studio", "Big"), "modifier": "INCLUDES"}, [3]),
    ("studios", {"value": ids("studio", "Big"), "modifier": "INCLUDES", "depth": -1}, [1, 3]),
    ("studios", {"value": ids("studio", "Big"), "modifier": "EXCLUDES"}, [1, 2, 4]),
    ("galleries", {"value": ids("gallery", "/data/b"), "modifier": "INCLUDES"}, [3]),
    ("galleries", {"value": ids("gallery", "Open sea"), "modifier": "EXCLUDES"}, [2, 4]),
    ("galleries", {"excludes": ids("gallery", "Open sea"), "modifier": "INCLUDES"}, [1, 2, 3, 4]),
    ("resolution", text("EQUALS", "STANDARD_HD"), [1]),
    ("resolution", text("NOT_EQUALS", "STANDARD_HD"), [2, 4]),
    ("resolution", text("GREATER_THAN", "SEVEN_K"), [4]),
    ("resolution", text("LESS_THAN", "STANDARD_HD"), [2]),
    ("orientation", {"value": ["LANDSCAPE", "SQUARE"]}, [1, 4]),
    ("orientation", {"value": ["PORTRAIT"]}, [2]),
    ("orientation", {"value": []}, [1, 2, 3, 4]),
    ("date", amount("EQUALS", "2020-01-01"), [3]),
    ("date", amount("EQUALS", "2020"), []),
    ("date", amount("BETWEEN", "2020-01-01", "2020-05-01"), [1, 3]),
    ("date", amount("GREATER_THAN", "2020-05-01"), [4]),
    ("date", amount("NOT_EQUALS", "2020-05-01"), [3, 4]),
    ("date", amount("IS_NULL", ""), [2]),
    ("created_at", amount("GREATER_THAN", "2024-01-10T09:59"), [1, 3, 4]),
    ("created_at", amount("GREATER_THAN", ""), [1, 2, 3, 4]),
    ("created_at", amount("BETWEEN", "2024-01-10", "2024-02-10"), [1]),
    ("updated_at", amount("GREATER_THAN", "2024-05"), [1]),
]


@pytest.mark.parametrize(
    ("name", "criterion", "expected"), CRITERIA, ids=lambda value: str(value)[:50]
)
def test_criterion(four, name, criterion, expected):
    assert find(four, {name: criterion}) == expected


def or_chain(levels):
    chain = None
    for number in range(levels):
        chain = {"id": amount("EQUALS", number)} | ({"OR": chain} if chain else {})
    return chain


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"title": None}, [1, 2, 3, 4]),
        ({"tags": tags("INCLUDES", "sea"), "id": amount("GREATER_THAN", 1)}, [4]),
        ({"date": amount("IS_NULL", ""), "OR": {"rating100": amount("EQUALS", 1)}}, [2, 4]),
        ({"OR": {"rating100": amount("EQUALS", 1)}}, [4]),
        (or_chain(30), [1, 2, 3, 4]),
    ],
    ids=["none", "null", "two", "or", "or alone", "many"],
)
def test_criteria_together(four, wanted, expected):
    assert find(four, wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"is_missing": "nonsense"}, "no such column: is_missing nonsense"),
        ({"performer_age": amount("EQUALS", 30)}, "no such column: performer_age"),
        ({"title": text("MATCHES_REGEX", "(")}, "missing ), unterminated subpattern"),
        ({"title": text("BETWEEN")}, "Internal system error. Error <BETWEEN>"),
        ({"rating100": amount("INCLUDES")}, "Internal system error. Error <INCLUDES>"),
        ({"tags": tags("EQUALS", "sea", depth=1)}, "EQUALS is not supported here (depth: 1)"),
        ({"tags": {"value": ["x"], "modifier": "INCLUDES"}}, 'strconv.Atoi: parsing "x"'),
        ({"tags": tags("IS_NULL"), "OR": {"organized": True}}, "refuses OR with relations"),
        (or_chain(31), "parser stack overflow"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_criterion_that_fails(four, wanted, message):
    assert message in complaint(post(four, IDS, i=wanted))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("sea", [1, 4]),
        ("SEA sky", [1]),
        ('"and sky"', [1]),
        ('"sky and"', []),
        ("-sea", [2, 3]),
        ('data -"and sky"', [2, 3, 4]),
        ("sky OR gif", [1, 3]),
        ("sky | gif | tall", [1, 3, 4]),
        ('"x OR y" OR gif', [3]),
        ("gif OR -sky", []),
        ("-", []),
        ("Море", [3]),
        ("море", []),
        ("100%", [3]),
        (SEA.fingerprint, [1]),
        (" ", [1, 2, 3, 4]),
    ],
)
def test_search_for_images(four, q, expected):
    assert find(four, q=q) == expected


def test_search_and_criteria_by_pages(four):
    wanted = {"sort": "random_7", "per_page": 1, "q": "data"}
    pages = [find(four, {"organized": False}, page=page, **wanted) for page in (1, 2, 3, 4)]

    assert sorted(id for page in pages for id in page) == [2, 3, 4]


def test_ids_override_criteria_and_search(four):
    assert find(four, {"organized": True}, ids=["4", "2"], q="sky") == [4, 2]


@pytest.mark.parametrize(
    ("sort", "direction", "expected"),
    [
        ("created_at", "ASC", [2, 1, 3, 4]),
        ("created_at", "DESC", [4, 3, 1, 2]),
        ("date", "ASC", [2, 3, 1, 4]),
        ("date", "DESC", [4, 1, 3, 2]),
    ],
)
def test_sort(four, sort, direction, expected):
    assert find(four, sort=sort, direction=direction) == expected


# Names

NAMES = """query($f: FindFilterType) { findTags(filter: $f) { tags { name aliases } }
    findPerformers(filter: $f) { performers { id name disambiguation alias_list } }
    findGalleries(filter: $f) { galleries { title folder { path } } }
    findStudios(filter: $f) { studios { name } } }"""


def find_tags(stash, **wanted):
    query = "query($f: FindFilterType) { findTags(filter: $f) { tags { name } } }"
    answer = post(stash, query, f={"sort": "images_count", **wanted}).json()
    return [tag["name"] for tag in answer["data"]["findTags"]["tags"]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"per_page": 0}, []),
        ({"direction": "DESC", "per_page": 2}, ["beach", "sea"]),
        ({"per_page": 1}, ["unused"]),
        ({"q": "SEA"}, ["sea"]),
        ({"q": "ocean"}, ["sea"]),
        ({"q": '"la mer"'}, ["sea"]),
        ({"q": "sea ocean"}, ["sea"]),
        ({"q": "ocean mer"}, []),
        ({"q": "пуст"}, ["unused"]),
        ({"q": "Пуст"}, []),
        ({"q": "night OR sky"}, ["night", "sky"]),
        ({"q": "water"}, []),
    ],
    ids=str,
)
def test_tags_by_name(four, wanted, expected):
    assert find_tags(four, **wanted) == expected


def test_25_names_by_default(stash):
    stash.describe(*(Details("tag", f"tag {n}") for n in range(30)))

    assert len(find_tags(stash)) == 25
    assert len(find_tags(stash, per_page=-1)) == 31


def test_all_kinds_of_names(four):
    found = post(four, NAMES, f={"q": "a", "per_page": -1, "sort": "images_count"}).json()["data"]
    galleries = [
        {"title": "", "folder": {"path": "/data/b"}},
        {"title": "Open sea", "folder": None},
    ]
    performers = found["findPerformers"]["performers"]

    assert sorted(performers, key=lambda each: each["disambiguation"]) == [
        {"id": ids("performer", "Anna")[0], "name": "Anna", "disambiguation": ""}
        | {"alias_list": ["Анна"]},
        {"id": ids("performer", "Anna (dancer)")[0], "name": "Anna", "disambiguation": "dancer"}
        | {"alias_list": []},
    ]
    assert found["findGalleries"]["galleries"] == galleries
    assert found["findStudios"]["studios"] == [{"name": "Small"}]
    assert {"name": "sea", "aliases": ["ocean", "La Mer"]} in found["findTags"]["tags"]


def test_names_in_an_order_that_the_bot_does_not_ask_for(four):
    query = "query($f: FindFilterType) { findGalleries(filter: $f) { galleries { title } } }"

    assert complaint(post(four, query, f={"sort": "name"})) == "invalid sort: name"


def test_names_of_an_image_and_their_images_agree(four):
    query = """{ findImage(id: 3) { created_at performers { id name disambiguation alias_list }
        tags { id name } studio { id } } }"""
    image = post(four, query).json()["data"]["findImage"]
    dancer = image["performers"][1]

    assert (dancer["name"], dancer["disambiguation"]) == ("Anna", "dancer")
    assert find(four, {"performers": {"value": [dancer["id"]], "modifier": "INCLUDES"}}) == [1, 3]
    assert image["created_at"] == "2024-02-10T00:00:00+00:00"


# Saved filters

FILTERS = "{ findSavedFilters(mode: IMAGES) { id name find_filter { q } object_filter } }"
FILTER = "query($id: ID!) { findSavedFilter(id: $id) { id name } }"


def test_saved_filters(stash):
    """They are sorted by the bytes of their names, and given as the UI wrote them."""
    criteria = {"rating100": {"value": {"value": 60}, "modifier": "GREATER_THAN"}}
    before = post(stash, FILTERS).json()["data"]["findSavedFilters"]
    stash.filters = [
        SavedFilter(3, "Закаты", {"q": "sea"}),
        SavedFilter(1, "dup"),
        SavedFilter(2, "Dup", None, criteria),
    ]
    found = post(stash, FILTERS).json()["data"]["findSavedFilters"]

    assert before == []
    assert found == [
        {"id": "2", "name": "Dup", "find_filter": None, "object_filter": criteria},
        {"id": "1", "name": "dup", "find_filter": None, "object_filter": None},
        {"id": "3", "name": "Закаты", "find_filter": {"q": "sea"}, "object_filter": None},
    ]
    assert post(stash, FILTER, id="3").json()["data"]["findSavedFilter"]["name"] == "Закаты"
    assert post(stash, FILTER, id="99").json() == {"data": {"findSavedFilter": None}}
    assert complaint(post(stash, FILTER, id="x")).startswith("strconv.Atoi")


def test_saved_filters_of_the_demo():
    """Their ids are those of the names, and their names those that one types."""
    saved = demo_filters()
    criteria = [
        each.object_filter["tags"]["value"] for each in saved if "tags" in each.object_filter
    ]
    labelled = [each for value in criteria for each in [*value["items"], *value["excluded"]]]

    assert {each.name for each in saved} >= {"Sea and sky", "Best rated", "Закаты"}
    assert [each["id"] for each in labelled] == ids("tag", *(each["label"] for each in labelled))
    assert len(labelled) == 4


def test_settings_of_the_ui(stash):
    before = post(stash, "{ configuration { ui } }").json()["data"]["configuration"]
    stash.ui = {"ratingSystemOptions": {"type": "decimal"}}
    after = post(stash, "{ configuration { ui } }").json()["data"]["configuration"]

    assert (before, after) == ({"ui": {}}, {"ui": {"ratingSystemOptions": {"type": "decimal"}}})


# Ratings


@pytest.mark.parametrize("rating100", [100, 1, None])
def test_rating_is_set_or_cleared(stash, rating100):
    answer = post(stash, RATE, input={"id": 7, "rating100": rating100}).json()

    assert answer == {"data": {"imageUpdate": {"id": "7", "rating100": rating100}}}
    assert {each.id: each for each in stash.pictures}[7] == replace(RICH, rating100=rating100)


@pytest.mark.parametrize("key", ["title", "details", "tag_ids", "organized"])
def test_every_other_field_is_refused(stash, key):
    answer = post(stash, RATE, input={"id": 7, "rating100": 5, key: None})

    assert answer.status_code == 422
    assert {each.id: each for each in stash.pictures}[7] == RICH


def test_rating_of_an_unknown_image_and_absent_rating(stash):
    post(stash, RATE, input={"id": 7})
    answer = post(stash, RATE, input={"id": 500, "rating100": 5})

    assert {each.id: each for each in stash.pictures}[7] == RICH
    assert complaint(answer) == "image with id 500 not found"


# Data of an image


def test_image_with_every_field(stash):
    query = """{ findImage(id: 7) { id title date rating100 updated_at studio { name }
        performers { name } tags { name } galleries { title folder { path } files { basename } }
        paths { image } visual_files { __typename ... on VideoFile {
            size mod_time width height duration fingerprint(type: "md5") } } } }"""
    headers = {"Host": f"localhost:{stash.server.port}"}
    image = post(stash, query, headers=headers).json()["data"]["findImage"]
    file = {
        "__typename": "VideoFile",
        "size": 6,
        "mod_time": "2024-05-06T07:08:09+00:00",
        "width": 480,
        "height": 320,
        "duration": 2.4,
        "fingerprint": RICH.fingerprint,
    }

    assert image == {
        "id": "7",
        "title": 'Salt & "light"',
        "date": "2024-05",
        "rating100": 80,
        "updated_at": "2024-05-06T07:08:09+00:00",
        "studio": {"name": "Paper Kite"},
        "performers": [{"name": "Ines"}, {"name": "Лев"}],
        "tags": [{"name": "sea"}],
        "galleries": [
            {"title": "Open sea", "folder": None, "files": []},
            {"title": "", "folder": {"path": "/data/sea"}, "files": []},
        ],
        "paths": {"image": f"http://localhost:{stash.server.port}/image/7/image?t=1714979289"},
        "visual_files": [file],
    }


# Transport


@pytest.mark.parametrize(
    ("query", "name", "variables"),
    [
        ("{ oops", None, {}),
        ("{ oops }", None, {}),
        ("", None, {}),
        (IDS, None, {"f": {"z": "x"}}),
        (IDS, "Other", {}),
        (ONE, None, {}),
    ],
    ids=["syntax", "field", "empty", "variable", "operation name", "variable missing"],
)
def test_invalid_query(library, query, name, variables):
    response = post(library, query, name=name, **variables)

    assert response.status_code == 422
    assert response.json()["data"] is None
    assert complaint(response)


@pytest.mark.parametrize(
    ("accept", "encodings", "type", "encoding"),
    [
        (JSON, "gzip, deflate", JSON, "gzip"),
        (JSON, "identity", JSON, None),
        ("*/*", "gzip", "application/graphql-response+json", None),
    ],
    ids=["compressed", "plain", "any type"],
)
def test_compressed_answer(library, accept, encodings, type, encoding):
    response = post(library, STATUS, accept=accept, headers={"Accept-Encoding": encodings})

    assert response.headers["Content-Type"] == type
    assert response.headers.get("Content-Encoding") == encoding
    assert response.json()["data"]["version"] == {"version": "v0.30.1"}


def test_query_by_get(library):
    """A POST that a redirect turns into a GET has no operation."""
    asked = get(library, f"/graphql?query={STATUS}", Accept=JSON)
    empty = get(library, "/graphql", Accept=JSON)

    assert asked.json()["data"]["systemStatus"] == {"status": "OK", "appSchema": 75}
    assert (empty.status_code, complaint(empty)) == (422, "no operation provided")


# Access

LOGIN = "/login?returnURL="


@pytest.mark.parametrize(
    ("wanted", "sent", "path", "status", "location"),
    [
        ("", None, "/graphql?query={version{version}}", 200, None),
        ("", None, "/image/7/image", 200, None),
        ("", "any", "/graphql", 401, None),
        ("", "any", "/image/7/image", 401, None),
        ("", "any", "/healthz", 200, None),
        ("key", "key", "/graphql/?query={version{version}}", 200, None),
        ("key", "key", "/image/7/image", 200, None),
        ("key", "wrong", "/graphql", 401, None),
        ("key", "wrong", "/image/7/image", 401, None),
        ("key", None, "/graphql", 401, None),
        ("key", None, "/graphql/", 302, LOGIN + "%2Fgraphql%2F"),
        ("key", None, "/image/7/image?t=5", 302, LOGIN + "%2Fimage%2F7%2Fimage%3Ft%3D5"),
        ("key", None, "/image/7/image?apikey=key", 200, None),
    ],
)
def test_api_key(wanted, sent, path, status, location):
    with StashStandIn([RICH], api_key=wanted) as stash:
        response = get(stash, path, **({"ApiKey": sent} if sent else {}))

    assert response.status_code == status
    assert response.headers.get("Location") == location
    assert bool(response.content) == (status == 200)
    assert response.headers.get("WWW-Authenticate") == ("FormBased" if status == 401 else None)


@pytest.mark.parametrize("path", ["/graphql", "/image/7/image", "/login"])
def test_tripwire_locks_all_but_the_health_check(stash, path):
    stash.tripwire = True
    response = get(stash, path)

    assert response.status_code == 403
    assert response.headers["Content-Type"].startswith("text/plain")
    assert get(stash, "/healthz").text == "."


@pytest.mark.parametrize("status", ["SETUP", "NEEDS_MIGRATION"])
def test_stash_before_set_up_or_migration(stash, status):
    stash.status = status
    answer = post(stash, IDS)
    image = get(stash, "/image/7/image")

    assert post(stash, STATUS).json()["data"]["systemStatus"]["status"] == status
    assert (answer.status_code, answer.json()["data"]) == (200, None)
    assert complaint(answer).startswith("Internal system error. Error <")
    assert (image.status_code, image.content) == (500, b"")


@pytest.mark.parametrize(
    "headers",
    [{"Host": "example.org"}, {"Host": "127.0.0.1:1"}, {"Origin": "https://example.org"}],
    ids=["name", "port", "origin"],
)
@pytest.mark.parametrize("path", ["/graphql?query={version{version}}", "/image/7/image"])
def test_request_of_a_foreign_web_page(stash, headers, path):
    response = get(stash, path, **headers)

    assert (response.status_code, response.content) == (403, b"")
    assert stash.requests == []


# Files


def test_original(stash):
    response = get(stash, "/image/7/image?t=5")

    assert response.content == b"GIF89a"
    assert response.headers["Content-Type"] == "image/gif"
    assert response.headers["Content-Length"] == "6"


def test_missing_file(stash):
    stash.missing.add(7)
    original = get(stash, "/image/7/image")

    assert original.status_code == 500
    assert original.headers["Content-Type"].startswith("text/plain")
    assert original.text == "open /data/sea/Заря.gif: no such file or directory\n"


# The stand-in itself


def test_added_replaced_and_removed_pictures(stash):
    wanted = {"sort": "random_5", "per_page": -1}
    before = find(stash, **wanted)
    stash.add(PLAIN[50], replace(RICH, title="New"))
    stash.remove(2, 3)

    assert sorted(before) == [1, 2, 3, 7]
    assert sorted(find(stash, **wanted)) == [1, 7, 51]
    assert [picture.title for picture in stash.pictures] == ["No. 1", "New", "No. 51"]


def test_recorded_requests(stash):
    answer = post(stash, IDS, name="Ids", f={"page": 1}, i=None)
    paths = ("/image/7/image", "/image/500/image", "/healthz", "/nothing")
    codes = [get(stash, path).status_code for path in paths]
    records = stash.requests
    first = records[0]

    assert codes == [200, 404, 200, 404]
    assert [record.kind for record in records] == ["graphql", "image", "image", "healthz", "other"]
    assert [record.status for record in records] == [200, *codes]
    assert (first.operation, first.variables) == ("Ids", {"f": {"page": 1}, "i": None})
    assert first.bytes_in == int(answer.request.headers["Content-Length"])
    assert first.bytes_out == int(answer.headers["Content-Length"])
    assert 0 <= first.seconds <= records[4].seconds < 60
