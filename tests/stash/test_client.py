"""The client of Stash: its queries, and the images that it returns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.demo.http import Response
from stashbot.errors import StashError, StashProblem
from stashbot.models import Facet, Feature, Image, Named
from stashbot.stash.queries import UnknownImage, _source
from tests.stash.scripted import data, errors, file, found, images, problem, state

# Queries


def test_page_of_the_random_order(client, script):
    script.answers["Page"] = images(found(3), found(1))

    page = client.page(seed=42, offset=80, size=40)

    assert [image.id for image in page] == [3, 1]
    assert script.variables == {
        "filter": {"page": 3, "per_page": 40, "sort": "random_42", "direction": "ASC"}
    }


def test_ids_of_a_page(client, script):
    script.answers["Ids"] = images({"id": "3"}, {"id": "1"})

    assert client.ids(seed=42, offset=0, size=2) == [3, 1]
    assert script.variables == {
        "filter": {"page": 1, "per_page": 2, "sort": "random_42", "direction": "ASC"}
    }


def test_offset_between_two_pages_is_refused(client, script):
    with pytest.raises(ValueError):
        client.page(seed=1, offset=30, size=40)

    assert script.requests == []


def test_ids_above_an_id(client, script):
    script.answers["Ids"] = images({"id": "8"}, {"id": "9"})

    assert client.newer_ids(after=7, limit=5) == [8, 9]
    assert script.variables == {
        "filter": {"page": 1, "per_page": 5, "sort": "id", "direction": "ASC"},
        "among": {"id": {"value": 7, "modifier": "GREATER_THAN"}},
    }


def test_count_of_the_library(client, script):
    script.answers["Count"] = data(findImages={"count": 12345})

    assert client.count() == 12345


def test_images_in_the_order_of_the_ids(client, script):
    """Stash refuses a duplicate id."""
    script.answers["ImagesById"] = lambda asked: images(*map(found, asked["ids"]))

    assert [image.id for image in client.images([5, 2, 5])] == [5, 2]
    assert script.variables == {"ids": ["5", "2"]}


def test_no_ids_make_no_request(client, script):
    """Stash would answer an empty list of ids with 25 images."""
    assert client.images([]) == []
    assert script.requests == []


def test_unknown_images_are_left_out(client, script):
    script.answers["ImagesById"] = errors("image with id 2 not found")
    script.answers["ImageById"] = lambda asked: data(
        findImage=None if asked["id"] == "2" else found(asked["id"])
    )

    assert [image.id for image in client.images([5, 2, 1])] == [5, 1]
    assert script.asked == ["Server", "ImagesById", "ImageById", "ImageById", "ImageById"]


def test_ids_with_features(client, script):
    script.answers["Ids"] = lambda asked: images({"id": str(len(asked["among"]))}, {"id": "4"})
    features = [Feature(Facet.GALLERY, 3), Feature(Facet.PERFORMER, 5), Feature(Facet.GALLERY, 9)]

    assert client.ids_with([*features, Feature(Facet.IMAGE, 7)]) == {1, 4, 7}
    assert client.ids_with([]) == set()
    assert script.asked == ["Server", "Ids", "Ids"]
    assert script.variables == {
        "filter": {"per_page": -1},
        "among": {"performers": {"value": ["5"], "modifier": "INCLUDES"}},
    }


@pytest.mark.parametrize("rating100", [0, 60, 150, None])
def test_rating_as_stash_has_it(client, script, rating100):
    script.answers["Rating"] = data(findImage={"id": "7", "rating100": rating100})

    assert client.rating(7) == rating100


def test_rating_of_an_unknown_image(client, script):
    script.answers["Rating"] = data(findImage=None)
    script.answers["Rate"] = errors("image with id 7 not found")

    with pytest.raises(UnknownImage):
        client.rating(7)
    with pytest.raises(UnknownImage):
        client.rate(7, 100)


@pytest.mark.parametrize("rating100", [100, None])
def test_rate_sends_id_and_rating_alone(client, script, rating100):
    script.answers["Rate"] = data(imageUpdate={"id": "7"})

    client.rate(7, rating100)

    assert script.variables == {"input": {"id": "7", "rating100": rating100}}


def test_failed_rating_is_not_sent_again(client, script):
    script.answers["Rate"] = [Response(502, body=b""), data(imageUpdate={"id": "7"})]
    problem(lambda: client.rate(7, 100))

    assert script.asked.count("Rate") == 1


def test_server_state_is_read_first_and_after_each_failure(client, script):
    count = data(findImages={"count": 1})
    script.answers["Count"] = [count, count, Response(401), count]
    client.count()
    client.count()
    problem(client.count)
    client.count()

    assert script.asked == ["Server", "Count", "Count", "Count", "Server", "Count"]


# Images


def converted(client, script, **fields):
    script.answers["Page"] = images(found(7, **fields))
    return client.page(1, 0, 1)[0]


def test_names_are_shared_between_pages(client, script):
    ann = {"__typename": "Performer", "id": "11", "name": "Ann"}
    first, second = (converted(client, script, performers=[ann]) for _ in range(2))

    assert first.performers[0] is second.performers[0]


def test_image_with_every_field(client, script):
    image = converted(
        client,
        script,
        title="Harbour",
        date="2024-05",
        rating100=80,
        visual_files=[file(__typename="VideoFile", duration=2.5)],
        studio={"id": "1", "name": "Studio"},
        performers=[{"id": "2", "name": "Anna"}, {"id": "3", "name": "Ben"}],
        galleries=[{"id": "4", "title": "Trip", "folder": None, "files": []}],
        tags=[{"id": "5", "name": "sea"}],
    )

    assert image == Image(
        7,
        source="/image/7/image?t=1",
        title="Harbour",
        date="2024-05",
        rating100=80,
        studio=Named(1, "Studio"),
        performers=(Named(2, "Anna"), Named(3, "Ben")),
        galleries=(Named(4, "Trip"),),
        tags=(Named(5, "sea"),),
        fingerprint="0cc175b9c0f1b6a831c399e269772661",
        size=12345,
        width=1200,
        height=800,
        duration=2.5,
    )


def test_image_without_any_field(client, script):
    assert converted(client, script, rating100=0) == Image(7, source="/image/7/image?t=1")


def test_image_without_checksum_and_with_negative_size(client, script):
    image = converted(client, script, visual_files=[file(fingerprint=None, width=-1, height=-1)])

    assert image.fingerprint == "12345-2024-01-02T03:04:05.123456789+01:00"
    assert (image.width, image.height) == (0, 0)


@pytest.mark.parametrize(
    ("title", "folder", "files", "name"),
    [
        pytest.param("Trip", "/data/trip", ["x.zip"], "Trip", id="title"),
        pytest.param(None, None, ["Trip 1.zip"], "Trip 1", id="archive"),
        pytest.param("", None, ["Trip.v2.CBZ"], "Trip.v2", id="comic"),
        pytest.param(None, "/data/pictures/Trip", [], "Trip", id="folder"),
        pytest.param(None, "D:\\pictures\\Trip\\", [], "Trip", id="Windows"),
        pytest.param(None, "/", [], "", id="root"),
        pytest.param(None, None, [], "", id="nothing"),
    ],
)
def test_name_of_a_gallery(client, script, title, folder, files, name):
    gallery = {
        "id": "4",
        "title": title,
        "folder": folder and {"path": folder},
        "files": [{"basename": basename} for basename in files],
    }

    assert converted(client, script, galleries=[gallery]).galleries == (Named(4, name),)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("http://stash:9999/image/7/image?t=1", "/image/7/image?t=1"),
        ("https://far.example/stash/image/7/image?t=1", "/image/7/image?t=1"),
        ("http://x/image/7/image/image/7/image?t=2", "/image/7/image?t=2"),
        ("http://x/image/7/image", "/image/7/image"),
        ("http://x/image/7/image?1700000000", "/image/7/image?1700000000"),
        ("http://x/image/8/image?t=1", "/image/7/image"),
        ("http://x/image/7/image@evil.example/", "/image/7/image"),
        ("http://x/image/7/image?t=1#@evil\r\nHost: evil", "/image/7/image"),
        ("http://x/image/7/image?t=é", "/image/7/image"),
        ("//evil.example/picture.jpg", "/image/7/image"),
        ("", "/image/7/image"),
    ],
)
def test_only_path_and_query_of_an_address_count(address, source):
    assert _source(address, 7) == source


@given(st.text())
def test_any_address_leads_to_the_image_path(address):
    assert re.fullmatch(r"/image/7/image(\?[\w=&.%-]+)?", _source(address, 7), re.ASCII)


def test_image_without_an_address(client, script):
    assert converted(client, script, paths={"image": None}).source == "/image/7/image"


# The server's state


@pytest.mark.parametrize(
    ("version", "app_schema", "release"),
    [
        ("v0.30.1", 75, "0.30.1"),
        ("v0.30.1-19-gcf3489ef", 75, "0.30.1-19-gcf3489ef"),
        ("", 75, "0.30"),
        (None, 59, "0.26"),
        ("", 999, "0.30"),
    ],
)
def test_version_and_schema_of_the_server(client, script, version, app_schema, release):
    script.answers["Server"] = state(version=version, app_schema=app_schema)

    server = client.server()

    assert (server.version, server.app_schema) == (release, app_schema)
    assert 0 < server.seconds < 5


@pytest.mark.parametrize(
    ("app_schema", "release"),
    [
        (57, "0.25"),
        (55, "0.25"),
        (54, "0.24"),
        (53, "0.23"),
        (45, "0.20"),
        (44, "0.19 or older"),
    ],
)
def test_old_server_is_named_before_any_query(client, script, app_schema, release):
    script.answers["Server"] = state(app_schema=app_schema, status="NEEDS_MIGRATION")

    with pytest.raises(StashError) as caught:
        client.count()

    assert (caught.value.problem, caught.value.version) == (StashProblem.TOO_OLD, release)
    assert caught.value.permanent
    assert script.asked == ["Server"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(state("SETUP"), StashProblem.NEEDS_SETUP, id="set-up"),
        pytest.param(state("NEEDS_MIGRATION"), StashProblem.NEEDS_MIGRATION, id="migration"),
        pytest.param(state("PANIC"), StashProblem.BROKEN, id="unheard-of"),
        pytest.param(
            Response(500, "text/plain", b"unauthorized\n"),
            StashProblem.TOO_OLD,
            id="key refused as before 0.26",
        ),
        pytest.param(errors("unknown field", 422), StashProblem.BROKEN, id="not Stash at all"),
    ],
)
def test_server_that_is_not_ready(client, script, answer, expected):
    script.answers["Server"] = answer

    assert problem(client.count)[0] is expected
    assert set(script.asked) == {"Server"}


PANIC = errors("Internal system error. Error <runtime error: nil pointer dereference>")
INVALID = errors("unknown field", 422, code="GRAPHQL_VALIDATION_FAILED")


@pytest.mark.parametrize(
    ("failure", "later", "expected"),
    [
        pytest.param(PANIC, state("SETUP"), StashProblem.NEEDS_SETUP, id="set-up"),
        pytest.param(PANIC, state("NEEDS_MIGRATION"), StashProblem.NEEDS_MIGRATION, id="migration"),
        pytest.param(PANIC, state(), StashProblem.BROKEN, id="bug of Stash"),
        pytest.param(errors("SQL: SELECT"), state(), StashProblem.BROKEN, id="SQL"),
        pytest.param(INVALID, state(app_schema=55), StashProblem.TOO_OLD, id="downgraded"),
        pytest.param(INVALID, state(), StashProblem.BROKEN, id="422"),
        pytest.param(errors("?", 400), state(), StashProblem.BROKEN, id="400"),
    ],
)
def test_server_state_explains_a_failure(client, script, failure, later, expected):
    script.answers |= {"Server": [state(), later], "Count": failure}

    assert problem(client.count)[0] is expected
    assert script.asked == ["Server", "Count", "Server"]
