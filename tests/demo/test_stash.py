import math
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from stashbot.demo.pictures.picture import Gallery, Picture
from stashbot.demo.stash.library import shuffle_key
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


@pytest.mark.parametrize(("accept", "status"), [(JSON, 422), ("*/*", 400)], ids=["JSON", "any"])
@pytest.mark.parametrize(
    ("query", "name", "variables", "code"),
    [
        ("{ oops", None, {}, "GRAPHQL_PARSE_FAILED"),
        ("{ oops }", None, {}, "GRAPHQL_VALIDATION_FAILED"),
        ("", None, {}, "GRAPHQL_VALIDATION_FAILED"),
        (IDS, None, {"f": {"q": "x"}}, "GRAPHQL_VALIDATION_FAILED"),
        (IDS, "Other", {}, "GRAPHQL_VALIDATION_FAILED"),
        (ONE, None, {}, "GRAPHQL_VALIDATION_FAILED"),
    ],
    ids=["syntax", "field", "empty", "variable", "operation name", "variable missing"],
)
def test_invalid_query(library, accept, status, query, name, variables, code):
    response = post(library, query, accept=accept, name=name, **variables)

    assert response.status_code == status
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["code"] == code


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
    name = response.headers["Content-Disposition"].encode("latin-1").decode()

    assert response.content == b"GIF89a"
    assert response.headers["Content-Type"] == "image/gif"
    assert response.headers["Content-Length"] == "6"
    assert name == 'filename="Заря.gif"'
    assert response.headers["Last-Modified"] == "Mon, 06 May 2024 07:08:09 GMT"
    assert "immutable" in response.headers["Cache-Control"]
    assert get(stash, "/image/7/image").headers["Cache-Control"] == "no-cache"


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
