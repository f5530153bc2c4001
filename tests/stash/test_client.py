"""The questions to Stash, its answers as values, and its outages."""

import json
from functools import partial

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from stashbot.demo.http import Response
from stashbot.errors import StashError, StashProblem
from stashbot.models import Facet, Feature, Image, Named
from stashbot.stash import queries
from stashbot.stash.answers import UnknownImage
from tests.stash.scripted import (
    IMAGE,
    data,
    downloaded,
    errors,
    file,
    found,
    images,
    problem,
    state,
)

#: The names in the answers.
KEYS = sorted(
    {*found(7), *file(), "findImages", "findImage", "imageUpdate", "images", "count"}
    | {"systemStatus", "appSchema", "status", "version", "name", "disambiguation", "image"}
)
COUNT = data(findImages={"count": 1})
#: The version of a build from the source, which has none.
NAMELESS = "with schema 75"


SHUFFLED = {"filter": {"page": 3, "per_page": 40, "sort": "random_42", "direction": "ASC"}}


def test_page(client, script):
    script.answers["Page"] = images(found(3), found(1))

    assert [image.id for image in client.page(seed=42, offset=80, size=40)] == [3, 1]
    assert script.variables == SHUFFLED


def test_ids(client, script):
    script.answers["Ids"] = images({"id": "3"}, {"id": "1"})

    assert client.ids(seed=42, offset=80, size=40) == [3, 1]
    assert script.variables == SHUFFLED


def test_offset_between_pages(client, script):
    with pytest.raises(ValueError):
        client.page(seed=1, offset=30, size=40)

    assert script.requests == []


def test_newer_ids(client, script):
    script.answers["Ids"] = images({"id": "8"}, {"id": "9"})

    assert client.newer_ids(after=7, limit=5) == [8, 9]
    assert script.variables == {
        "filter": {"page": 1, "per_page": 5, "sort": "id", "direction": "ASC"},
        "among": {"id": {"value": 7, "modifier": "GREATER_THAN"}},
    }


@pytest.mark.parametrize("ids", [[1, 2, 3], [9, 7, 3, 8]])
def test_stash_that_ignores_the_filter_for_newer_ids(client, script, ids):
    script.answers["Ids"] = images(*({"id": str(id)} for id in ids))

    assert client.newer_ids(after=7, limit=5) == sorted({8, 9} & set(ids))


def test_images_in_the_order_asked(client, script):
    script.answers["ImagesById"] = lambda asked: images(*map(found, asked["ids"]))

    assert [image.id for image in client.images([5, 2, 5])] == [5, 2]
    assert script.variables == {"ids": ["5", "2"]}
    assert client.images([]) == []
    assert len(script.requests) == 1


def test_stash_that_ignores_the_ids_asked_for(client, script):
    script.answers["ImagesById"] = images(found(9), found(5))

    assert [image.id for image in client.images([5, 2])] == [5]


def test_images_that_meet_each_of_several_conditions(client, script):
    parts = {"part0": {"count": 3, "images": [{"id": "3"}]}, "part1": {"count": 0, "images": []}}
    script.answers["Sharing"] = data(total={"count": 9}, **parts)
    found = client.sharing([{"organized": True}, {"organized": False}], 1)

    assert (found.total, found.found) == (9, [([3], 3), ([], 0)])
    assert script.variables == {
        "filter": {"per_page": 1, "sort": "id", "direction": "ASC"},
        "among0": {"organized": True},
        "among1": {"organized": False},
    }


@pytest.mark.parametrize("total", [{}, {"count": "many"}, [], None])
def test_matches_of_another_shape(client, script, total):
    script.answers["Sharing"] = data(total=total, part0={"count": 0, "images": []})

    with pytest.raises(StashError) as caught:
        client.sharing([{"organized": True}], 1)
    assert caught.value.problem is StashProblem.BROKEN


def test_unknown_images_are_left_out(client, script):
    def answer(asked):
        unknown = next((id for id in ("2", "3") if id in asked["ids"]), None)
        return errors(f"image with id {unknown} not found") if unknown else images(found(5))

    script.answers["ImagesById"] = answer

    assert [image.id for image in client.images([3, 5, 2])] == [5]
    assert client.images([2]) == []
    assert script.asked == ["ImagesById"] * 4


def test_stash_that_does_not_know_another_image(client, script):
    script.answers["ImagesById"] = errors("image with id 9 not found")

    with pytest.raises(UnknownImage):
        client.images([5])


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


@pytest.mark.parametrize("rating100", [0, 150, None])
def test_rating(client, script, rating100):
    script.answers["Rating"] = data(findImage={"id": "7", "rating100": rating100})
    script.answers["Rate"] = data(imageUpdate={"id": "7"})

    assert client.rating(7) == rating100
    client.rate(7, rating100)
    assert script.variables == {"input": {"id": "7", "rating100": rating100}}


def test_rating_of_an_unknown_image(client, script):
    script.answers["Rating"] = data(findImage=None)
    script.answers["Rate"] = errors("image with id 7 not found")

    with pytest.raises(UnknownImage):
        client.rating(7)
    with pytest.raises(UnknownImage):
        client.rate(7, 100)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(Response(502, body=b""), "HTTP 502"), (data(imageUpdate=None), "it did not take the rating")],
)
def test_rating_is_written_once(client, script, answer, expected):
    script.answers["Rate"] = [answer, data(imageUpdate={"id": "7"})]

    assert problem(lambda: client.rate(7, 100))[1] == expected
    assert script.asked.count("Rate") == 1


def test_state_is_asked_before_the_first_question(client, script):
    script.answers["Count"] = [COUNT, Response(401), COUNT]
    client.count()
    problem(client.count)
    client.count()

    assert script.asked == ["Server", "Count", "Count", "Count"]


def converted(client, script, **fields):
    script.answers["Page"] = images(found(7, **fields))
    return client.page(1, 0, 1)[0]


def test_image_with_everything(client, script):
    image = converted(
        client,
        script,
        title="Harbour",
        date="2024-05",
        rating100=80,
        visual_files=[file(__typename="VideoFile", duration=2.5)],
        studio={"id": "1", "name": "Studio"},
        performers=[
            {"id": "2", "name": "Anna", "disambiguation": "dancer"},
            {"id": "3", "name": "Anna", "disambiguation": None},
        ],
        galleries=[{"id": "4", "title": "Trip", "folder": None, "files": []}],
        tags=[{"id": "5", "name": "sea"}],
    )

    assert image == Image(
        7,
        title="Harbour",
        date="2024-05",
        rating100=80,
        studio=Named(1, "Studio"),
        performers=(Named(2, "Anna (dancer)"), Named(3, "Anna")),
        galleries=(Named(4, "Trip"),),
        tags=(Named(5, "sea"),),
        fingerprint="0cc175b9c0f1b6a831c399e269772661",
        size=12345,
        width=1200,
        height=800,
        duration=2.5,
    )


def test_image_with_nothing(client, script):
    assert converted(client, script, rating100=0) == Image(7)


@pytest.mark.parametrize(
    ("app_schema", "answered", "title"),
    [
        pytest.param(58, "harbour.jpg", "", id="file name in 0.26"),
        pytest.param(67, "harbour.jpg", "", id="file name in 0.27"),
        pytest.param(67, "Harbour", "Harbour", id="title in 0.27"),
        pytest.param(72, "harbour.jpg", "harbour.jpg", id="title in 0.28"),
    ],
)
def test_title(client, script, app_schema, answered, title):
    image = found(7, title=answered, visual_files=[file(basename="1.gif"), file()])
    script.answers["Page"] = images(image, app_schema=app_schema)

    assert client.page(1, 0, 1)[0].title == title


def test_one_image_of_another_shape_does_not_spoil_its_page(client, script):
    odd = found(2, visual_files=[file(width=None, size=-(2**70))])
    script.answers["Page"] = images(found(1), odd, found(3))

    assert [image.id for image in client.page(5, 0, 40)] == [1, 3]


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "0"},
        {"id": "9" * 40},
        {"visual_files": [file(size=1e400)]},
        {"visual_files": [file(size=-1)]},
        {"visual_files": [file(width=10**30)]},
        {"tags": [{"id": {}, "name": "sea"}]},
    ],
    ids=str,
)
def test_image_of_another_shape(client, script, fields):
    script.answers["Page"] = images(found(7, **fields))

    assert problem(lambda: client.page(1, 0, 1))[0] is StashProblem.BROKEN


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
        max_leaves=20,
    )
)
def test_answer_of_any_shape(answer):
    body = json.dumps({"data": answer}).encode()
    for question in (queries.SERVER, queries.PAGE, queries.IDS, queries.RATING, queries.RATE):
        try:
            question.answer(body)
        except StashError:
            continue


def test_image_from_a_broken_scan(client, script):
    broken = {"fingerprint": None, "width": -1, "height": -1, "duration": 1e400}
    files = [file(__typename="VideoFile", **broken)]
    image = converted(client, script, title="\ud800", visual_files=files)

    assert image.title == "?"  # neither SQLite nor HTTP takes a lone surrogate
    assert image.fingerprint == "12345-2024-01-02T03:04:05.123456789+01:00"
    assert (image.width, image.height, image.duration) == (0, 0, 0)


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
def test_gallery_name(client, script, title, folder, files, name):
    gallery = {
        "id": "4",
        "title": title,
        "folder": folder and {"path": folder},
        "files": [{"basename": basename} for basename in files],
    }

    assert converted(client, script, galleries=[gallery]).galleries == (Named(4, name),)


@pytest.mark.parametrize(
    ("name", "version"),
    [("v0.30.1", "0.30.1"), ("v0.30.1-19-gcf3489ef", "0.30.1-19-gcf3489ef"), (None, NAMELESS)],
)
def test_server(client, script, name, version):
    script.answers["Server"] = state(version=name)

    server = client.server()

    assert (server.version, server.app_schema) == (version, 75)
    assert 0 < server.seconds < 5


def test_too_old(client, script):
    script.answers["Server"] = state("NEEDS_MIGRATION", app_schema=57, version="v0.25.1")

    with pytest.raises(StashError) as caught:
        client.count()

    assert (caught.value.problem, caught.value.version) == (StashProblem.TOO_OLD, "0.25.1")
    assert script.asked == ["Server"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(state("SETUP"), StashProblem.NEEDS_SETUP, id="set-up"),
        pytest.param(state("NEEDS_MIGRATION"), StashProblem.NEEDS_MIGRATION, id="migration"),
        pytest.param(state("PANIC"), StashProblem.BROKEN, id="unheard-of"),
        pytest.param(errors("unknown field", 422), StashProblem.BROKEN, id="not Stash at all"),
    ],
)
def test_server_in_no_state_to_serve(client, script, answer, expected):
    script.answers["Server"] = answer

    assert problem(client.count)[0] is expected
    assert set(script.asked) == {"Server"}


@pytest.mark.parametrize(
    ("answer", "state_of_server", "expected"),
    [
        pytest.param(
            images(found(5), app_schema=57),
            state(app_schema=57),
            StashProblem.TOO_OLD,
            id="too old",
        ),
        pytest.param(
            images(found(5), status="NEEDS_MIGRATION"),
            state("NEEDS_MIGRATION"),
            StashProblem.NEEDS_MIGRATION,
            id="migration",
        ),
        pytest.param(
            errors("Internal system error"), state("SETUP"), StashProblem.NEEDS_SETUP, id="set-up"
        ),
    ],
)
def test_state_that_images_bring(client, script, answer, state_of_server, expected):
    """Once such a Stash is known, its images are asked for only when it can serve."""
    script.answers |= {"Page": answer, "Server": state_of_server}

    for _ in range(2):
        assert problem(partial(client.page, 1, 0, 2))[0] is expected
    assert script.asked == ["Page", "Server", "Server"]

    script.answers |= {"Page": images(found(5)), "Server": state()}
    assert [[image.id for image in client.page(1, 0, 2)] for _ in range(2)] == [[5], [5]]
    assert script.asked[3:] == ["Server", "Page", "Page"]


PANIC = errors("Internal system error. Error <runtime error: nil pointer dereference>")
INVALID = errors("unknown field", 422, code="GRAPHQL_VALIDATION_FAILED")


@pytest.mark.parametrize(
    ("failure", "later", "expected"),
    [
        pytest.param(PANIC, state("SETUP"), StashProblem.NEEDS_SETUP, id="set-up"),
        pytest.param(PANIC, state(), StashProblem.BROKEN, id="bug of Stash"),
        pytest.param(INVALID, state(app_schema=55), StashProblem.TOO_OLD, id="downgraded"),
        pytest.param(INVALID, state(), StashProblem.BROKEN, id="422"),
        pytest.param(errors("?", 400), state(), StashProblem.BROKEN, id="400"),
    ],
)
def test_state_explains_a_failure(client, script, failure, later, expected):
    script.answers |= {"Server": [state(), later], "Count": failure}

    assert problem(client.count)[0] is expected
    assert script.asked == ["Server", "Count", "Server"]


@pytest.fixture
def outage_log(client):
    with structlog.testing.capture_logs() as entries:
        yield lambda: [entry["event"] for entry in entries]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Response(401), id="key refused"),
        pytest.param(Response(403, "text/plain", b"no"), id="locked"),
        pytest.param(Response(502), id="away"),
        pytest.param(Response(429, headers={"Retry-After": "30"}), id="pause"),
    ],
)
def test_outage_begins_and_ends_once(client, script, outage_log, failure):
    script.answers["Count"] = failure
    for _ in range(2):
        problem(client.count)
    error = client.outage.error
    script.answers["Count"] = COUNT
    for _ in range(2):
        client.count()

    assert outage_log() == ["stash_down", "stash_up"]
    assert isinstance(error, StashError)
    assert client.outage.error is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(data(findImage=None), id="unknown image"),
        pytest.param(errors("SQL"), id="question that fails"),
    ],
)
def test_stash_that_serves_and_cannot_answer(client, script, outage_log, answer):
    script.answers["Rating"] = Response(502)
    problem(lambda: client.rating(7))
    script.answers["Rating"] = answer
    problem(lambda: client.rating(7))

    assert outage_log() == ["stash_down", "stash_up"]


def test_file_tells_of_an_outage(client, script, outage_log):
    good, script.answers["file"] = script.answers["file"], Response(502)
    problem(lambda: downloaded(client, IMAGE, 1 << 20))
    script.answers["file"] = good
    downloaded(client, IMAGE, 1 << 20)

    assert outage_log() == ["stash_down", "stash_up"]


def test_failures_that_are_no_outage(client, server, script, stop, outage_log):
    """A time-out of a hasty caller is none, nor is the end of the program."""
    script.answers["Server"] = lambda _: server.stopping.wait(1) or state()
    for ask in (client.server, client.count):
        assert problem(lambda: ask(patience=0.1)) == (StashProblem.SLOW, "no answer in time")  # noqa: B023
    stop.set()
    problem(client.count)

    assert outage_log() == []
