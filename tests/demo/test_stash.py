import io
import math
import os
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from stashbot.demo.http import Fault, Trouble
from stashbot.demo.pictures.drawings import LARGE, drawn
from stashbot.demo.pictures.picture import Gallery, Picture, in_folder
from stashbot.demo.stash.library import shuffle_key
from stashbot.demo.stash.standin import StashStandIn
from stashbot.errors import SettingsError

IDS = """query Ids($f: FindFilterType, $i: ImageFilterType, $ids: [ID!]) {
    findImages(filter: $f, image_filter: $i, ids: $ids) { count images { id } } }"""
FINGERPRINT = """{ findImages { images {
    visual_files { ... on ImageFile { fingerprint(type: "md5") } } } } }"""
STATUS = "{ version { version } systemStatus { status appSchema } }"
JSON = "application/json"


def jpeg(width=900, height=600):
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG")
    return out.getvalue()


def gone():
    raise FileNotFoundError


BYTES = jpeg()
PLAIN = [
    Picture(id=n, path=f"p/{n}.jpg", load=lambda: BYTES, title=f"No. {n}") for n in range(1, 98)
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
    """A stand-in of one test alone."""
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


# --- pages and orders -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({}, range(1, 26), id="25 when not said otherwise"),
        pytest.param({"per_page": None}, range(1, 26), id="null is 25 too"),
        pytest.param({"per_page": 0}, [], id="none"),
        pytest.param({"per_page": -1}, range(1, 98), id="everything"),
        pytest.param({"per_page": 10, "page": 2}, range(11, 21), id="second page"),
        pytest.param({"per_page": 10, "page": 10}, range(91, 98), id="last page is short"),
        pytest.param({"per_page": 10, "page": 11}, [], id="past the end"),
        pytest.param({"per_page": 2, "page": 0}, [1, 2], id="page 0 is the first"),
        pytest.param({"per_page": 2, "page": -3}, [1, 2], id="so is one below"),
        pytest.param({"per_page": 2, "sort": "id"}, [1, 2], id="ascending"),
        pytest.param({"per_page": 2, "sort": "id", "direction": "DESC"}, [97, 96], id="descending"),
        pytest.param({"per_page": 2, "sort": "", "direction": "DESC"}, [1, 2], id="no sort"),
        pytest.param({"per_page": 2, "sort": "title"}, [1, 10], id="title"),
        pytest.param({"per_page": 2, "sort": "o_counter", "direction": "DESC"}, [1, 10], id="tie"),
    ],
)
def test_page_is_asked_for(library, wanted, expected):
    """Pages are cut as Stash cuts them."""
    assert find(library, **wanted) == list(expected)


def test_count_is_of_all_that_match(library):
    """The count does not depend on the page."""
    answer = post(library, IDS, f={"per_page": 0}).json()

    assert answer == {"data": {"findImages": {"count": 97, "images": []}}}


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**64 - 1),
    size=st.integers(15, 60),
    direction=st.sampled_from(["ASC", "DESC"]),
)
def test_walk_through_random_pages(library, seed, size, direction):
    """The pages of one seed hold every picture once."""
    wanted = {"sort": f"random_{seed}", "per_page": size, "direction": direction}
    pages = [find(library, page=page, **wanted) for page in range(1, 97 // size + 2)]

    assert sorted(chain.from_iterable(pages)) == list(range(1, 98))


@given(
    seed=st.integers(0, 10**8 - 1),
    ids=st.lists(st.integers(1, 2_000_000), min_size=1, max_size=50, unique=True),
)
def test_shuffle_is_that_of_sqlite(seed, ids):
    """The order by seed is what SQLite makes of Stash's formula, overflow and all."""
    database = sqlite3.connect(":memory:")
    database.create_function("mod", 2, lambda a, b: math.fmod(float(a), float(b)))
    formula = "mod((:n+:s)*(:n+:s)*52959209 + (:n+:s)*1047483763, 2147483647)"
    expected = [
        database.execute(f"SELECT {formula}", {"n": n, "s": seed}).fetchone()[0] for n in ids
    ]
    database.close()

    assert [shuffle_key(n, seed) for n in ids] == expected


def test_random_order_is_over_the_network(library):
    """A page by seed is sorted by the formula, and seeds wrap at 100,000,000."""
    expected = sorted(range(1, 98), key=lambda n: shuffle_key(n, 12345))

    assert find(library, per_page=-1, sort="random_12345") == expected
    assert find(library, per_page=-1, sort="random_100012345") == expected
    assert find(library, per_page=-1, sort="random_12345", direction="DESC") == expected[::-1]


def test_random_without_seed(library):
    """Each request gets an order of its own."""
    orders = {tuple(find(library, per_page=-1, sort="random")) for _ in range(3)}

    assert len(orders) > 1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"f": {"sort": "xyz"}}, "invalid sort: xyz"),
        ({"f": {"sort": "random_"}}, "invalid random seed: "),
        ({"f": {"sort": "random_1x"}}, "invalid random seed: 1x"),
        ({"f": {"sort": f"random_{2**64}"}}, f"invalid random seed: {2**64}"),
        ({"ids": ["1", "500"]}, "image with id 500 not found"),
        ({"ids": ["1", "2", "1"]}, "validating ids: duplicate id found: 1"),
        ({"ids": ["abc"]}, 'strconv.Atoi: parsing "abc": invalid syntax'),
    ],
    ids=["sort", "no seed", "bad seed", "huge seed", "unknown id", "twice", "no number"],
)
def test_question_that_fails_in_the_resolver(library, variables, message):
    """The answer is 200 with the error and no data, as with any GraphQL failure of Stash."""
    response = post(library, IDS, **variables)

    assert response.status_code == 200
    assert response.json() == {
        "errors": [{"message": message, "path": ["findImages"]}],
        "data": None,
    }


def test_ids_are_asked_for(library):
    """They come in the order asked for, whatever the filter says; no ids are no wish at all."""
    assert find(library, ids=["30", "4", "11"], per_page=1, sort="id") == [30, 4, 11]
    assert find(library, ids=[]) == list(range(1, 26))


def test_images_above_an_id(library):
    """GREATER_THAN leaves the newer ones, in the order asked for."""
    above = {"id": {"value": 94, "modifier": "GREATER_THAN"}}

    assert find(library, above, sort="id", direction="DESC") == [97, 96, 95]


def test_images_of_a_performer_or_gallery(stash):
    """INCLUDES leaves those with any of the ids, in the order asked for."""
    performer = find_ids(stash, "performers", 7)
    of_performer = {"performers": {"value": [performer[0], "5"], "modifier": "INCLUDES"}}
    of_gallery = {"galleries": {"value": find_ids(stash, "galleries", 7), "modifier": "INCLUDES"}}

    assert find(stash, of_performer, per_page=-1) == [7]
    assert find(stash, of_gallery, per_page=-1) == [7]
    assert find(stash, {"galleries": {"value": ["5"], "modifier": "INCLUDES"}}) == []


def find_ids(stash, relation, image_id):
    query = f"query One($id: ID) {{ findImage(id: $id) {{ {relation} {{ id }} }} }}"
    return [
        each["id"] for each in post(stash, query, id=image_id).json()["data"]["findImage"][relation]
    ]


RATE = "mutation Rate($input: ImageUpdateInput!) { imageUpdate(input: $input) { id rating100 } }"


@pytest.mark.parametrize("rating100", [100, 1, None])
def test_rating_is_taken(stash, rating100):
    """A rating is set, or cleared by null; the rest of the image stays."""
    answer = post(stash, RATE, input={"id": 7, "rating100": rating100}).json()

    assert answer == {"data": {"imageUpdate": {"id": "7", "rating100": rating100}}}
    assert {each.id: each for each in stash.pictures}[7] == replace(RICH, rating100=rating100)


def test_key_that_is_absent_changes_nothing(stash):
    """Only what stands in the input is changed."""
    post(stash, RATE, input={"id": 7})

    assert {each.id: each for each in stash.pictures}[7] == RICH


@pytest.mark.parametrize("key", ["title", "details", "tag_ids", "organized"])
def test_nothing_but_a_rating_is_taken(stash, key):
    """This Stash takes less than the real one: a rating and nothing else."""
    answer = post(stash, RATE, input={"id": 7, "rating100": 5, key: None})

    assert answer.status_code == 422
    assert {each.id: each for each in stash.pictures}[7] == RICH


def test_rating_of_an_unknown_image(stash):
    """There is nothing to rate."""
    answer = post(stash, RATE, input={"id": 500, "rating100": 5})

    assert complaint(answer) == "image with id 500 not found"


@pytest.mark.parametrize(
    ("id", "data"),
    [("7", {"findImage": {"id": "7"}}), ("500", {"findImage": None}), ("x", {"findImage": None})],
    ids=["known", "unknown", "no number"],
)
def test_one_image(library, id, data):
    """An unknown one is null."""
    assert (
        post(library, "query($id: ID!) { findImage(id: $id) { id } }", id=id).json()["data"] == data
    )


# --- what is said of a picture ----------------------------------------------------------


def test_picture_with_everything(stash):
    """All that a caption needs comes out under Stash's names; a GIF is a video file."""
    query = """{ findImage(id: 7) { id title date rating100 updated_at studio { name }
        performers { name } tags { name } galleries { title folder { path } files { basename } }
        visual_files { __typename ... on VideoFile {
            size mod_time width height duration fingerprint(type: "md5") } } } }"""
    image = post(stash, query).json()["data"]["findImage"]

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
        "visual_files": [
            {
                "__typename": "VideoFile",
                "size": 6,
                "mod_time": "2024-05-06T07:08:09+00:00",
                "width": 480,
                "height": 320,
                "duration": 2.4,
                "fingerprint": RICH.fingerprint,
            }
        ],
    }


def test_picture_with_nothing():
    """What Stash does not know is null or empty; an unknown kind of fingerprint is null."""
    query = """{ findImages { images { title date rating100 studio { id } performers { id }
        galleries { id } tags { id }
        visual_files { __typename ... on ImageFile { fingerprint(type: "phash") } } } } }"""
    with StashStandIn([Picture(id=1, path="a.JPG", load=gone)]) as stash:
        [image] = post(stash, query).json()["data"]["findImages"]["images"]

    assert image == {
        "title": "",
        "date": None,
        "rating100": None,
        "studio": None,
        "performers": [],
        "galleries": [],
        "tags": [],
        "visual_files": [{"__typename": "ImageFile", "fingerprint": None}],
    }


def test_names_have_steady_ids(stash):
    """A performer keeps the id when the library changes, and no two share one."""
    query = "{ findImage(id: 7) { studio { id } performers { id } galleries { id } tags { id } } }"
    before = post(stash, query).json()
    stash.remove(1, 2)
    stash.add(PLAIN[50])
    image = before["data"]["findImage"]
    ids = {named["id"] for kind in ("performers", "galleries", "tags") for named in image[kind]}

    assert post(stash, query).json() == before
    assert len(ids | {image["studio"]["id"]}) == 6


@pytest.mark.parametrize(
    ("prefix", "external_host", "expected"),
    [
        ("", "", "http://stash.lan:9999/image/7/image?t=1714979289"),
        ("/media", "", "http://stash.lan:9999/media/image/7/image?t=1714979289"),
        ("", "https://pics.example", "https://pics.example/image/7/image?t=1714979289"),
        ("/media/", "https://a.example/", "https://a.example/media/image/7/image?t=1714979289"),
    ],
    ids=["host header", "prefix", "external host", "both"],
)
def test_address_of_an_image(prefix, external_host, expected):
    """It names the host that was called, or the one in Stash's settings, never ours."""
    with StashStandIn([RICH], prefix=prefix) as stash:
        stash.external_host = external_host
        query = "{ findImage(id: 7) { paths { image } } }"
        answer = post(stash, query, headers={"Host": "stash.lan:9999"}).json()

    assert answer["data"]["findImage"]["paths"]["image"] == expected


# --- the transport ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"{no json", JSON, "json request body could not be decoded"),
        (b"[]", JSON, "json request body could not be decoded"),
        (b'{"query": "{ x }", "variables": 5}', JSON, "json request body could not be decoded"),
        (b"\xff\xfe", JSON, "json request body could not be decoded"),
        (b'{"query": "{ x }"}', "text/plain", "transport not supported"),
    ],
    ids=["no JSON", "a list", "odd variables", "no text", "no JSON type"],
)
def test_body_that_cannot_be_read(library, body, content_type, message):
    """It is 400, with the reason."""
    headers = {"Content-Type": content_type, "Accept": JSON}
    response = call("POST", f"{library.url}/graphql", data=body, headers=headers)

    assert response.status_code == 400
    assert complaint(response).startswith(message)


@pytest.mark.parametrize(("accept", "status"), [(JSON, 422), ("*/*", 400)], ids=["JSON", "any"])
@pytest.mark.parametrize(
    ("query", "name", "variables", "code"),
    [
        ("{ oops", None, {}, "GRAPHQL_PARSE_FAILED"),
        ("{ oops }", None, {}, "GRAPHQL_VALIDATION_FAILED"),
        ("", None, {}, "GRAPHQL_VALIDATION_FAILED"),
        (IDS, None, {"f": {"q": "x"}}, "GRAPHQL_VALIDATION_FAILED"),
        (IDS, "Other", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query($id: ID!) { findImage(id: $id) { id } }", None, {}, "GRAPHQL_VALIDATION_FAILED"),
    ],
    ids=["syntax", "field", "empty", "variable", "operation name", "variable missing"],
)
def test_question_that_is_refused(library, accept, status, query, name, variables, code):
    """It is 422 for who accepts JSON, 400 for who accepts anything, and has a code."""
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
def test_answer_is_compressed(library, accept, encodings, type, encoding):
    """Only where JSON and gzip are both accepted by name."""
    response = post(library, STATUS, accept=accept, headers={"Accept-Encoding": encodings})

    assert response.headers["Content-Type"] == type
    assert response.headers.get("Content-Encoding") == encoding
    assert response.json()["data"]["version"] == {"version": "v0.30.1"}


def test_question_in_the_address(library):
    """GET asks too; a POST that a redirect made a GET has no operation."""
    asked = get(library, f"/graphql?query={STATUS}", Accept=JSON)
    empty = get(library, "/graphql", Accept=JSON)

    assert asked.json()["data"]["systemStatus"] == {"status": "OK", "appSchema": 75}
    assert empty.status_code == 422
    assert complaint(empty) == "no operation provided"


def test_server_is_older(stash):
    """A field that its version does not have is refused, everything else is not."""
    stash.app_schema = 54
    stash.hidden_fields = {"ImageFile.fingerprint"}

    assert post(stash, FINGERPRINT).status_code == 422
    assert "fingerprint" in complaint(post(stash, FINGERPRINT))
    assert post(stash, STATUS).json()["data"]["systemStatus"]["appSchema"] == 54
    stash.hidden_fields.clear()
    assert post(stash, FINGERPRINT).status_code == 200


# --- who may come in --------------------------------------------------------------------

LOGIN = "/login?returnURL="


@pytest.mark.parametrize(
    ("wanted", "sent", "path", "status", "location"),
    [
        ("", None, "/graphql?query={version{version}}", 200, None),
        ("", None, "/image/7/image", 200, None),
        ("", "any", "/graphql", 401, None),
        ("", "any", "/image/7/image", 401, None),
        ("key", "key", "/graphql?query={version{version}}", 200, None),
        ("key", "key", "/graphql/?query={version{version}}", 200, None),
        ("key", "key", "/image/7/image", 200, None),
        ("key", "wrong", "/graphql", 401, None),
        ("key", "wrong", "/image/7/image", 401, None),
        ("key", None, "/graphql", 401, None),
        ("key", None, "/graphql/", 302, LOGIN + "%2Fgraphql%2F"),
        ("key", None, "/image/7/image?t=5", 302, LOGIN + "%2Fimage%2F7%2Fimage%3Ft%3D5"),
        ("key", None, "/image/7/image?apikey=key", 200, None),
        ("key", None, "/login", 200, None),
        ("key", None, "/healthz", 200, None),
        ("", "any", "/healthz", 200, None),
    ],
)
def test_key_is_checked(wanted, sent, path, status, location):
    """A wrong key is 401, even where none is set; no key is 401 or the way to the login page."""
    with StashStandIn([RICH], api_key=wanted) as stash:
        response = get(stash, path, **({"ApiKey": sent} if sent else {}))

    assert response.status_code == status
    assert response.headers.get("Location") == location
    assert bool(response.content) == (status == 200)
    assert response.headers.get("WWW-Authenticate") == ("FormBased" if status == 401 else None)


def test_redirect_is_followed():
    """Who follows it to the login page gets HTML and 200, behind a prefix too."""
    with StashStandIn([RICH], api_key="key", prefix="/media") as stash:
        response = call("GET", f"{stash.url}/image/7/image")

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/graphql", "/image/7/image", "/image/7/thumbnail", "/login"])
def test_tripwire_is_set(stash, path):
    """Nobody gets in anywhere; only the health check still answers."""
    stash.tripwire = True
    response = get(stash, path)

    assert response.status_code == 403
    assert response.headers["Content-Type"].startswith("text/plain")
    assert get(stash, "/healthz").text == "."


@pytest.mark.parametrize("status", ["SETUP", "NEEDS_MIGRATION"])
def test_stash_is_not_ready(stash, status):
    """It tells its state, and fails at everything that needs the database."""
    stash.status = status
    answer = post(stash, IDS)
    image = get(stash, "/image/7/image")

    assert post(stash, STATUS).json()["data"]["systemStatus"]["status"] == status
    assert answer.status_code == 200
    assert answer.json()["data"] is None
    assert complaint(answer).startswith("Internal system error. Error <")
    assert (image.status_code, image.content) == (500, b"")


# --- files ------------------------------------------------------------------------------


def test_original_is_fetched(stash):
    """It comes as it is on disk, with the headers of Stash."""
    response = get(stash, "/image/7/image?t=5")

    assert response.content == b"GIF89a"
    assert response.headers["Content-Type"] == "image/gif"
    assert response.headers["Content-Length"] == "6"
    assert (
        response.headers["Content-Disposition"].encode("latin-1").decode() == 'filename="Заря.gif"'
    )
    assert response.headers["Last-Modified"] == "Mon, 06 May 2024 07:08:09 GMT"
    assert "immutable" in response.headers["Cache-Control"]
    assert get(stash, "/image/7/image").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/image/500/image", 404),
        ("GET", "/image/500/thumbnail", 404),
        ("GET", "/image/x/image", 404),
        ("GET", "/image/7", 404),
        ("GET", "/nothing", 404),
        ("HEAD", "/image/7/image", 405),
        ("POST", "/image/7/thumbnail", 405),
    ],
)
def test_address_is_wrong(library, method, path, status):
    """What does not exist is 404, and files can only be got."""
    assert call(method, library.url + path).status_code == status


OUTSIDE = ("/image/7/image", "/mediaimage/7/image")


def test_address_lacks_the_prefix():
    """Behind a proxy nothing is served outside of its path."""
    with StashStandIn([RICH], prefix="/media") as stash:
        outside = [call("GET", stash.server.url + path) for path in OUTSIDE]
        inside = get(stash, "/image/7/image")

    assert [response.status_code for response in outside] == [404, 404]
    assert inside.status_code == 200


@pytest.mark.parametrize("is_known", [True, False], ids=["told so", "unreadable"])
def test_file_is_gone(stash, is_known):
    """The original is an error that names the path; the thumbnail is a drawing, and 200."""
    stash.add(replace(RICH, load=gone))
    if is_known:
        stash.add(RICH)
        stash.missing.add(7)
    original, thumbnail = get(stash, "/image/7/image"), get(stash, "/image/7/thumbnail")

    assert original.status_code == 500
    assert original.headers["Content-Type"].startswith("text/plain")
    assert original.text == "open /data/sea/Заря.gif: no such file or directory\n"
    assert thumbnail.status_code == 200
    assert thumbnail.headers["Content-Type"] == "image/svg+xml"
    assert thumbnail.content.startswith(b"<svg")


@pytest.mark.parametrize(
    ("sides", "expected"), [((900, 600), (640, 427)), ((90, 60), (90, 60))], ids=["large", "small"]
)
def test_thumbnail_is_fetched(stash, sides, expected):
    """It is a JPEG of at most 640 pixels, never enlarged."""
    stash.add(Picture(id=9, path="a.png", load=partial(jpeg, *sides)))
    response = get(stash, "/image/9/thumbnail")

    assert response.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == expected


@pytest.mark.parametrize(
    ("path", "data", "type"),
    [
        ("a.gif", BYTES, "image/gif"),
        ("a.mp4", b"whatever", "video/mp4"),
        ("a.jpg", b"whatever", "image/jpeg"),
    ],
    ids=["animation", "clip", "damaged"],
)
def test_thumbnail_cannot_be_made(stash, path, data, type):
    """The original comes in its place."""
    stash.add(Picture(id=9, path=path, load=lambda: data))
    response = get(stash, "/image/9/thumbnail")

    assert (response.content, response.headers["Content-Type"]) == (data, type)


# --- the stand-in itself ----------------------------------------------------------------


def test_library_changes(stash):
    """What is added, replaced and removed shows in the next answer, in orders known before too."""
    wanted = {"sort": "random_5", "per_page": -1}
    before = find(stash, **wanted)
    stash.add(PLAIN[50], replace(RICH, title="New"))
    stash.remove(2, 3)

    assert sorted(before) == [1, 2, 3, 7]
    assert sorted(find(stash, **wanted)) == [1, 7, 51]
    assert [picture.title for picture in stash.pictures] == ["No. 1", "New", "No. 51"]
    assert get(stash, "/image/2/image").status_code == 404


def test_requests_are_recorded(stash):
    """Each with its kind, what it asked, and the bytes of both bodies."""
    answer = post(stash, IDS, name="Ids", f={"page": 1}, i=None)
    get(stash, "/image/7/image")
    get(stash, "/image/500/thumbnail")
    get(stash, "/healthz")
    get(stash, "/nothing")
    records = stash.requests

    assert [(record.kind, record.status) for record in records] == [
        ("graphql", 200),
        ("image", 200),
        ("thumbnail", 404),
        ("healthz", 200),
        ("other", 404),
    ]
    assert records[0].operation == "Ids"
    assert records[0].variables == {"f": {"page": 1}, "i": None}
    assert records[0].bytes_in == int(answer.request.headers["Content-Length"])
    assert records[0].bytes_out == int(answer.headers["Content-Length"])
    assert records[1].bytes_out == 6
    assert 0 <= records[0].seconds <= records[4].seconds < 60
    stash.clear()
    assert stash.requests == []


def test_question_takes_its_time(stash):
    """The time is played back by operation and variables."""
    asked = []
    stash.per_query_seconds = lambda name, variables: asked.append((name, variables)) or 0.15
    start = time.perf_counter()
    post(stash, IDS, name="Ids", f=None)

    assert time.perf_counter() - start >= 0.15
    assert asked == [("Ids", {"f": None})]


def test_server_meets_trouble(stash):
    """The faults of the server are at hand, and it comes back on the same address."""
    stash.server.fail(Fault("/image/7", Trouble.HTML))
    page, image = get(stash, "/image/7/image"), get(stash, "/image/7/image")
    url = stash.url
    stash.server.pause()

    assert page.headers["Content-Type"].startswith("text/html")
    assert image.content == b"GIF89a"
    with pytest.raises(requests.ConnectionError):
        get(stash, "/healthz")
    stash.server.resume()
    assert stash.url == url
    assert get(stash, "/healthz").status_code == 200


# --- pictures ---------------------------------------------------------------------------


def test_drawn_library_is_varied():
    """It has whatever a caption and a choice can meet: gaps, odd titles, all sorts of sizes."""
    pictures = drawn()
    titles = [picture.title for picture in pictures]
    galleries = {gallery for picture in pictures for gallery in picture.galleries}

    assert [picture.id for picture in pictures] == list(range(1, len(pictures) + 1))
    assert len(pictures) >= 72
    assert 5 < titles.count("") < 20
    assert any('<b>&"' in title for title in titles)
    assert any("🌊" in title for title in titles)
    assert any("вечер" in title for title in titles)
    assert max(map(len, titles)) > 250
    assert len({name for picture in pictures for name in picture.performers}) == 12
    assert len({tag for picture in pictures for tag in picture.tags}) >= 15
    assert {gallery.title == "" for gallery in galleries} == {True, False}
    assert len(galleries) == 6
    assert any(not picture.galleries for picture in pictures)
    assert {picture.studio for picture in pictures} >= {"", "Paper Kite"}
    assert {None, 20, 100} <= {picture.rating100 for picture in pictures}
    assert {0, 4, 10} <= {len(picture.date) for picture in pictures}
    assert {picture.type for picture in pictures} == {
        *("image/jpeg", "image/png", "image/webp", "image/gif")
    }
    assert {(300, 200), (1600, 500), LARGE} <= {(p.width, p.height) for p in pictures}


@pytest.mark.parametrize("picture", drawn()[:12], ids=lambda picture: picture.path)
def test_picture_is_drawn(picture):
    """Its file has the format and the size that the library says, and is drawn once."""
    data = picture.load()
    image = Image.open(io.BytesIO(data))

    assert Image.MIME[image.format] == picture.type
    assert image.size == (picture.width, picture.height)
    assert len(image.convert("RGB").resize((64, 64)).getcolors(4096)) > 8
    assert drawn()[picture.id - 1].load() is data


def test_drawn_formats_are_special():
    """The PNG is transparent at its edge, the GIF moves for as long as it says."""
    by_type = {picture.type: picture for picture in drawn()}
    png = Image.open(io.BytesIO(by_type["image/png"].load()))
    gif = Image.open(io.BytesIO(by_type["image/gif"].load()))
    seconds = sum(frame.info["duration"] for frame in ImageSequence.Iterator(gif)) / 1000

    assert png.mode == "RGBA"
    assert png.getpixel((0, 0))[3] == 0
    assert gif.n_frames > 10
    assert seconds == by_type["image/gif"].duration


def test_pictures_lie_in_a_folder(tmp_path):
    """All of them are found at any depth, sorted, each with what can be known of its file."""
    (tmp_path / "Sea" / "2023").mkdir(parents=True)
    (tmp_path / ".thumbs").mkdir()
    (tmp_path / "b.JPG").write_bytes(jpeg(90, 60))
    (tmp_path / "Sea" / "2023" / "Two boats.jpeg").write_bytes(jpeg(30, 40))
    for name in ("a.mp4", "c.heic", "notes.txt", ".hidden.jpg", ".thumbs/b.jpg"):
        (tmp_path / name).write_bytes(b"whatever")
    (tmp_path / "dir.png").mkdir()
    os.utime(tmp_path / "b.JPG", (1714979289, 1714979289))
    boats, clip, photo, unreadable = in_folder(tmp_path)

    assert [p.path for p in (boats, clip, photo, unreadable)] == [
        *("Sea/2023/Two boats.jpeg", "a.mp4", "b.JPG", "c.heic")
    ]
    assert [p.id for p in (boats, clip, photo, unreadable)] == [1, 2, 3, 4]
    assert (boats.title, boats.width, boats.height) == ("Two boats", 30, 40)
    assert boats.galleries == (Gallery(folder="/data/Sea/2023"),)
    assert (clip.type, clip.is_clip, clip.width, clip.galleries) == ("video/mp4", True, 0, ())
    assert (photo.date, photo.size) == ("2024-05-06", len(jpeg(90, 60)))
    assert photo.load() == jpeg(90, 60)
    assert (unreadable.width, unreadable.is_clip) == (0, False)


def test_picture_lies_on_its_side(tmp_path):
    """Its sides are those that a viewer sees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    [picture] = in_folder(tmp_path)

    assert (picture.width, picture.height) == (20, 40)


def test_file_changes(tmp_path):
    """Its fingerprint does too, even within one tick of the clock; once gone, it raises."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"one")
    os.utime(file, (1714979289, 1714979289))
    [before] = in_folder(tmp_path)
    file.write_bytes(b"other")
    os.utime(file, (1714979289, 1714979289))
    [after] = in_folder(tmp_path)
    file.unlink()

    assert before.fingerprint != after.fingerprint
    with pytest.raises(FileNotFoundError):
        after.load()


@pytest.mark.parametrize(
    ("folder", "words"),
    [("nowhere", "no such folder"), (".", "holds no pictures (jpg jpeg png")],
    ids=["not there", "empty"],
)
def test_folder_is_of_no_use(tmp_path, folder, words):
    """It is refused with the reason."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SettingsError) as caught:
        in_folder(tmp_path / Path(folder))

    assert words in str(caught.value)
