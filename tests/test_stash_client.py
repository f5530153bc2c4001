"""
The client against a real HTTP server that answers as Stash does, or as nobody should.
"""

import gzip
import json
import re
import threading
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.demo.server import Fault, Response, Server, Trouble
from stashbot.errors import ImageUnusable, StashError, StashProblem
from stashbot.models import Image, Named
from stashbot.stash.client import Pace, StashClient, _source

KEY = "k3y-of-stash"
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 64
HASTY = Pace(connect=1.0, answer=0.2, file=0.2, pause=0.002)
IMAGE = Image(7, source="/image/7/image?t=1")


def found(id, **fields):
    """An image as Stash tells of it."""
    return {
        "__typename": "Image",
        "id": str(id),
        "title": None,
        "date": None,
        "rating100": None,
        "paths": {"image": f"http://stash:9999/image/{id}/image?t=1"},
        "visual_files": [],
        "studio": None,
        "performers": [],
        "galleries": [],
        "tags": [],
    } | fields


def file(**fields):
    return {
        "__typename": "ImageFile",
        "size": 12345,
        "mod_time": "2024-01-02T03:04:05.123456789+01:00",
        "width": 1200,
        "height": 800,
        "fingerprint": "0cc175b9c0f1b6a831c399e269772661",
    } | fields


def data(**fields):
    return Response(body=json.dumps({"data": fields}).encode())


def images(*found):
    return data(findImages={"images": list(found)})


def errors(message, status=200, **extensions):
    error = {"message": message, "extensions": extensions}
    return Response(status, body=json.dumps({"errors": [error], "data": None}).encode())


def state(status="OK", app_schema=75, version="v0.30.1"):
    return data(
        version={"version": version}, systemStatus={"status": status, "appSchema": app_schema}
    )


class Script:
    """Answers questions by their name, and files, as told; keeps what was asked.

    An answer is a Response, or a function from the question's variables to one; several
    in a list are used up one by one, but for the last.
    """

    def __init__(self):
        self.requests = []
        self.answers = {"Server": state(), "file": Response(200, "image/jpeg", PICTURE)}

    def __call__(self, request):
        self.requests.append(request)
        if request.method == "GET":
            return self._next("file", None)
        asked = json.loads(request.body)
        return self._next(re.match(r"query (\w+)", asked["query"])[1], asked["variables"])

    def _next(self, name, variables):
        answer = self.answers[name]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(variables) if callable(answer) else answer

    @property
    def asked(self):
        """The names of the questions, in order."""
        return [
            re.match(r"query (\w+)", json.loads(request.body)["query"])[1]
            for request in self.requests
            if request.method == "POST"
        ]

    @property
    def variables(self):
        """Those of the last question."""
        return json.loads(self.requests[-1].body)["variables"]


@pytest.fixture
def script():
    return Script()


@pytest.fixture(scope="module")
def running():
    """One server for all: to start and end one takes longer than most tests."""
    server = Server(Script())
    yield server
    server.close()


@pytest.fixture
def server(running, script):
    running.handle = script
    yield running
    running.heal()


@pytest.fixture
def fresh(script):
    """A server that nobody has spoken to, and a client of it."""
    server = Server(script)
    client = StashClient(server.url, KEY, threading.Event(), pace=HASTY)
    yield server, client
    client.close_thread()
    server.close()


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def client(server, stop):
    client = StashClient(server.url, KEY, stop, pace=HASTY)
    yield client
    client.close_thread()


def problem(call):
    """What a call fails with: the problem, and the reason."""
    with pytest.raises(StashError) as caught:
        call()
    return caught.value.problem, str(caught.value)


# What is asked


def test_page(client, script):
    """
    A page is a stretch of the order that the seed makes.
    """
    script.answers["Page"] = images(found(3), found(1))

    page = client.page(seed=42, offset=80, size=40)

    assert [image.id for image in page] == [3, 1]
    assert script.variables == {
        "filter": {"page": 3, "per_page": 40, "sort": "random_42", "direction": "ASC"}
    }


def test_ids(client, script):
    """
    The ids alone come in the order of the page.
    """
    script.answers["Ids"] = images({"id": "3"}, {"id": "1"})

    assert client.ids(seed=42, offset=0, size=2) == [3, 1]
    assert script.variables == {
        "filter": {"page": 1, "per_page": 2, "sort": "random_42", "direction": "ASC"}
    }


def test_offset_between_pages(client, script):
    """
    Stash knows only whole pages.
    """
    with pytest.raises(ValueError):
        client.page(seed=1, offset=30, size=40)

    assert script.requests == []


def test_newer_ids(client, script):
    """
    What is new since an id comes oldest first.
    """
    script.answers["Ids"] = images({"id": "8"}, {"id": "9"})

    assert client.newer_ids(after=7, limit=5) == [8, 9]
    assert script.variables == {
        "filter": {"page": 1, "per_page": 5, "sort": "id", "direction": "ASC"},
        "among": {"id": {"value": 7, "modifier": "GREATER_THAN"}},
    }


def test_count(client, script):
    """
    The library is counted by Stash.
    """
    script.answers["Count"] = data(findImages={"count": 12345})

    assert client.count() == 12345


def test_images_in_the_order_asked(client, script):
    """
    An id that is named twice is asked for once: Stash refuses duplicates.
    """
    script.answers["ImagesById"] = lambda asked: images(*map(found, asked["ids"]))

    assert [image.id for image in client.images([5, 2, 5])] == [5, 2]
    assert script.variables == {"ids": ["5", "2"]}


def test_no_images_wanted(client, script):
    """
    No ids is no question, since Stash would answer it with 25 images.
    """
    assert client.images([]) == []
    assert script.requests == []


def test_unknown_images_are_left_out(client, script):
    """
    One id that is gone does not cost the others.
    """
    script.answers["ImagesById"] = errors("image with id 2 not found")
    script.answers["ImageById"] = lambda asked: data(
        findImage=None if asked["id"] == "2" else found(asked["id"])
    )

    assert [image.id for image in client.images([5, 2, 1])] == [5, 1]
    assert script.asked == ["Server", "ImagesById", "ImageById", "ImageById", "ImageById"]


def test_server_is_looked_at_before_the_first_question(client, script):
    """
    Whether Stash can serve us is asked once, and once more after any failure.
    """
    count = data(findImages={"count": 1})
    script.answers["Count"] = [count, count, Response(401), count]
    client.count()
    client.count()
    problem(client.count)
    client.count()

    assert script.asked == ["Server", "Count", "Count", "Count", "Server", "Count"]


# What is told


def converted(client, script, **fields):
    script.answers["Page"] = images(found(7, **fields))
    return client.page(1, 0, 1)[0]


def test_image_with_everything(client, script):
    """
    What a caption and the choice need is there, in our own terms.
    """
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
        width=1200,
        height=800,
        duration=2.5,
    )


def test_image_with_nothing(client, script):
    """
    An image that Stash knows nothing of is an image all the same.
    """
    assert converted(client, script, rating100=0) == Image(7, source="/image/7/image?t=1")


def test_image_from_a_broken_scan(client, script):
    """
    Without a checksum, size and time tell whether the file changed; no side is negative.
    """
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
def test_gallery_name(client, script, title, folder, files, name):
    """
    A gallery without a title is called what its archive or folder is called, no path.
    """
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
def test_address_of_the_file(address, source):
    """
    Of the address that Stash gives only path and query are kept: the host is ours.
    """
    assert _source(address, 7) == source


@given(st.text())
def test_address_of_the_file_stays_at_home(address):
    """
    Whatever Stash says, the file is asked for where images are.
    """
    assert re.fullmatch(r"/image/7/image(\?[\w=&.%-]+)?", _source(address, 7), re.ASCII)


def test_image_without_address(client, script):
    """
    Where Stash gives no address, the one that every image has is used.
    """
    assert converted(client, script, paths={"image": None}).source == "/image/7/image"


# What goes over the wire


def test_headers(client, script):
    """
    The key is in its header and nowhere else, for questions and files.
    """
    script.answers["Count"] = data(findImages={"count": 1})
    client.count()
    client.download(IMAGE, 1 << 20)

    for request in script.requests:
        assert request.headers["apikey"] == KEY
        assert request.headers["user-agent"].startswith("stashbot/")
        assert KEY not in str((request.path, request.query, request.body))
    assert script.requests[0].headers["accept"] == "application/json"
    assert script.requests[0].headers["accept-encoding"] == "gzip"


def test_no_key(server, script, stop):
    """
    A Stash without a key refuses every key, even an empty one.
    """
    StashClient(server.url, "", stop).server()

    assert "apikey" not in script.requests[0].headers


def test_key_that_is_no_ascii(server, script, stop):
    """
    A mistyped key is for Stash to refuse.
    """
    script.answers["Server"] = Response(401)
    client = StashClient(server.url, "ключ", stop, pace=HASTY)

    assert problem(client.server)[0] is StashProblem.KEY_REFUSED


def test_path_prefix(server, script, stop):
    """
    A Stash below a path is spoken to there.
    """
    client = StashClient(f"{server.url}/stash/", "", stop)
    client.server()
    client.download(IMAGE, 1 << 20)

    assert [request.path for request in script.requests] == [
        "/stash/graphql",
        "/stash/image/7/image",
    ]
    assert script.requests[1].query == {"t": "1"}


def test_proxy_of_the_environment(client, monkeypatch):
    """
    The key goes to Stash alone, whatever proxy the environment names.
    """
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert client.server().version == "0.30.1"


@pytest.mark.parametrize("chunked", [False, True])
def test_compressed_answer(client, script, chunked):
    """
    Stash compresses its answers.
    """
    body = gzip.compress(state().body)
    headers = {"Content-Encoding": "gzip"}
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = iter(
            [b"5\r\n" + body[:5] + b"\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 5, body[5:])]
        )
    script.answers["Server"] = Response(body=body, headers=headers)

    assert client.server().version == "0.30.1"


def test_one_connection_a_thread(fresh):
    """
    A thread keeps its connection, over questions and files, and shares it with no other.
    """
    server, client = fresh
    connections = []

    def work():
        for _ in range(3):
            client.server()
            client.download(IMAGE, 1 << 20)
        connections.append(len(server._open))

    work()
    other = threading.Thread(target=work)
    other.start()
    other.join()

    assert connections == [1, 2]


def test_close_thread(fresh):
    """
    A thread that ends leaves no connection behind; one that goes on gets another.
    """
    server, client = fresh
    client.server()
    client.close_thread()
    until = time.monotonic() + 5
    while server._open and time.monotonic() < until:
        threading.Event().wait(0.01)
    left = len(server._open)
    client.close_thread()

    assert left == 0
    assert client.server().version == "0.30.1"


# What Stash is


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
def test_server(client, script, version, app_schema, release):
    """
    A Stash that somebody built himself has no version, but a schema that tells.
    """
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
def test_too_old(client, script, app_schema, release):
    """
    The owner of an old Stash hears how old it is, before any question is misunderstood.
    """
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
def test_server_in_no_state_to_serve(client, script, answer, expected):
    """
    What keeps Stash from serving is told by name, and no data is asked for.
    """
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
def test_state_explains_a_failure(client, script, failure, later, expected):
    """
    Stash's own words for a failure say little; its state says more, and is asked for.
    """
    script.answers |= {"Server": [state(), later], "Count": failure}

    assert problem(client.count)[0] is expected
    assert script.asked == ["Server", "Count", "Server"]


# What goes wrong

UNREACHABLE, SLOW, BROKEN = StashProblem.UNREACHABLE, StashProblem.SLOW, StashProblem.BROKEN
TO_LOGIN = Response(302, headers={"Location": "/stash/login?returnURL=%2Fgraphql"})
TO_HTTPS = Response(
    301, headers={"Location": "https://me:hunter2@nas.example:8443/graphql?token=hunter2"}
)
TO_PATH = Response(308, headers={"Location": "/graphql/"})
TO_NOWHERE = Response(302, headers={"Location": "http://[nowhere"})
AWAY = "redirects to https://nas.example:8443: put that address into stash.url"
PAGE = Response(200, "text/html; charset=utf-8", b"<html>Welcome</html>")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            Response(401),
            (StashProblem.KEY_REFUSED, "it refuses the API key, or wants one"),
            id="401",
        ),
        pytest.param(
            Response(403, "text/plain", b"no"),
            (StashProblem.LOCKED, "it is locked by its public-access tripwire"),
            id="403",
        ),
        pytest.param(TO_LOGIN, (StashProblem.KEY_REFUSED, "it wants an API key"), id="to login"),
        pytest.param(TO_HTTPS, (BROKEN, AWAY), id="to another host"),
        pytest.param(TO_PATH, (BROKEN, "redirects to another path: see stash.url"), id="to a path"),
        pytest.param(TO_NOWHERE, (BROKEN, "no sound exchange (ValueError)"), id="to nowhere"),
        pytest.param(Response(405), (BROKEN, "HTTP 405"), id="405"),
        pytest.param(Response(500), (UNREACHABLE, "HTTP 500"), id="500"),
        pytest.param(Response(502, "text/html", b"<html>"), (UNREACHABLE, "HTTP 502"), id="502"),
        pytest.param(
            Response(429, headers={"Retry-After": "120"}),
            (UNREACHABLE, "a proxy in front of it asks for a pause"),
            id="429",
        ),
    ],
)
@pytest.mark.parametrize("what", ["question", "file"])
def test_refusal(client, script, what, answer, expected):
    """
    Questions and files are refused in the same ways, and each has its name.
    """
    script.answers |= {"Server": answer, "file": answer}
    ask = client.count if what == "question" else lambda: client.download(IMAGE, 1 << 20)

    assert problem(ask) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Response(404), (BROKEN, "no Stash at this address"), id="404"),
        pytest.param(PAGE, (BROKEN, "a web page in place of an answer"), id="web page"),
        pytest.param(Response(body=b'{"data"'), (BROKEN, "an answer that is not JSON"), id="JSON"),
        pytest.param(Response(body=b"[]"), (BROKEN, "an answer that is not GraphQL"), id="list"),
        pytest.param(
            Response(body=b"{}"), (BROKEN, "an answer in another form than asked"), id="no data"
        ),
        pytest.param(
            data(findImages={"count": "many"}),
            (BROKEN, "an answer in another form than asked"),
            id="no number",
        ),
        pytest.param(
            data(findImages=None), (BROKEN, "an answer in another form than asked"), id="null"
        ),
        pytest.param(errors("database is locked"), (BROKEN, "its database is busy"), id="busy"),
        pytest.param(
            errors("SELECT * FROM secrets"), (BROKEN, "it failed to answer the question"), id="SQL"
        ),
    ],
)
def test_bad_answer(client, script, answer, expected):
    """
    What is no answer is named, and never repeated to anybody.
    """
    script.answers["Count"] = answer

    assert problem(client.count) == expected


def test_answer_without_end(client, script):
    """
    An answer that fills the memory is given up.
    """
    script.answers["Server"] = lambda _: Response(body=(bytes(1 << 20) for _ in range(32)))

    assert problem(client.server) == (BROKEN, "an answer without end")


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble.RESET, (UNREACHABLE, "the connection was cut")),
        (Trouble.SILENCE, (SLOW, "no answer in time")),
        (Trouble.ERROR, (UNREACHABLE, "HTTP 500")),
        (Trouble.HTML, (BROKEN, "a web page in place of an answer")),
        (Trouble.HALF, (BROKEN, "half an answer")),
        (Trouble.UNAUTHORIZED, (StashProblem.KEY_REFUSED, "it refuses the API key, or wants one")),
        (Trouble.FLOOD, (UNREACHABLE, "a proxy in front of it asks for a pause")),
    ],
)
def test_trouble(fresh, trouble, expected):
    """
    Every way in which an exchange can go wrong has its name.
    """
    server, client = fresh
    server.fail(Fault("graphql", trouble, times=4, seconds=0.5))

    assert problem(client.server) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", (UNREACHABLE, "Connection refused")),
        ("http://stash.invalid", (UNREACHABLE, "its name is not known")),
        ("http://", (BROKEN, "no sound exchange (InvalidURL)")),
    ],
)
def test_nobody_there(stop, url, expected):
    """
    An address where nobody listens is told from one that is wrong.
    """
    assert problem(StashClient(url, KEY, stop, pace=HASTY).server) == expected


def test_no_secure_connection(server, stop):
    """
    A server that speaks no TLS is said to.
    """
    url = server.url.replace("http:", "https:")

    assert problem(StashClient(url, KEY, stop, pace=HASTY).server) == (
        UNREACHABLE,
        "no secure connection",
    )


def test_refused_connection_is_told_in_time(stop):
    """
    With the pauses of everyday, the user hears within 5 s that Stash is away.
    """
    began = time.monotonic()

    assert problem(StashClient("http://127.0.0.1:1", KEY, stop).count)[0] is UNREACHABLE
    assert 1 < time.monotonic() - began < 3


@pytest.mark.parametrize("key", [KEY, f"{KEY}\nX: y"])
@pytest.mark.parametrize("answer", [Response(401), TO_HTTPS, errors(f"SQL {KEY}"), Response(404)])
def test_error_tells_no_secret(server, script, stop, key, answer):
    """
    Neither an error nor its traceback holds the key, a query or a body.
    """
    script.answers["Server"] = answer
    client = StashClient(server.url, key, stop, pace=HASTY)

    with pytest.raises(StashError) as caught:
        client.count()

    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert "hunter2" not in told


# What is tried again


@pytest.mark.parametrize(
    ("trouble", "tries"),
    [
        (Trouble.RESET, 2),
        (Trouble.ERROR, 2),
        (Trouble.HALF, 2),
        (Trouble.HTML, 2),
        (Trouble.FLOOD, 2),
    ],
)
def test_passing_trouble(client, server, script, trouble, tries):
    """
    What passes costs another try, and nobody hears of it.
    """
    server.fail(Fault("graphql", trouble, times=tries))

    assert client.server().version == "0.30.1"


@pytest.mark.parametrize("trouble", [Trouble.SILENCE, Trouble.UNAUTHORIZED])
def test_lasting_trouble(fresh, trouble):
    """
    A refusal is believed the first time, and nobody waits for silence twice.
    """
    server, client = fresh
    server.fail(Fault("graphql", trouble, seconds=0.5))

    assert problem(client.server)[0] in (SLOW, StashProblem.KEY_REFUSED)
    assert client.server().version == "0.30.1"


@pytest.mark.parametrize("ask", [StashClient.count, StashClient.server], ids=["count", "server"])
def test_somebody_waits(fresh, ask):
    """
    Who has little patience hears soon that Stash is slow.
    """
    server, _ = fresh
    client = StashClient(server.url, KEY, threading.Event())
    server.fail(Fault("graphql", Trouble.SILENCE, seconds=2))
    began = time.monotonic()

    assert problem(lambda: ask(client, 0.1)) == (SLOW, "no answer in time")
    assert time.monotonic() - began < 1


def test_tries_end(client, server, script):
    """
    Four tries are enough.
    """
    server.fail(Fault("graphql", Trouble.ERROR, times=4))

    assert problem(client.server) == (UNREACHABLE, "HTTP 500")
    assert script.requests == []
    assert client.server().version == "0.30.1"


def test_connection_that_went_stale(client, server):
    """
    A connection that was cut while idle is replaced.
    """
    client.server()
    server.cut()

    assert client.server().version == "0.30.1"


def test_short_pause_of_a_proxy(client, script):
    """
    A pause that is short enough is kept.
    """
    script.answers["Server"] = [Response(429, headers={"Retry-After": "1"}), state()]
    began = time.monotonic()

    assert client.server().version == "0.30.1"
    assert time.monotonic() - began >= 1


def test_long_pause_of_a_proxy(client, script):
    """
    A pause that is too long for us is passed on.
    """
    script.answers["Server"] = Response(429, headers={"Retry-After": "120"})

    with pytest.raises(StashError) as caught:
        client.server()

    assert caught.value.retry_after == 120
    assert len(script.requests) == 1


# Files


def test_download(client, script):
    """
    The file comes as it is.
    """
    assert client.download(IMAGE, len(PICTURE)) == PICTURE
    assert script.requests[0].headers["accept-encoding"] == "identity"


GONE, EMPTY = "the file is gone", "the file is empty"
PLACEHOLDER = "a placeholder in place of the file"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(Response(404, "text/plain", b"Not Found\n"), GONE, id="unknown"),
        pytest.param(Response(500, "text/plain", b"open /x: no such file"), GONE, id="no file"),
        pytest.param(Response(200, "image/svg+xml", b"<svg/>"), PLACEHOLDER, id="SVG"),
        pytest.param(Response(200, "image/jpeg", b" <svg/>"), PLACEHOLDER, id="hidden SVG"),
        pytest.param(Response(200, "image/png", b"<?xml "), PLACEHOLDER, id="hidden XML"),
        pytest.param(Response(200, "image/jpeg", b""), EMPTY, id="empty"),
        pytest.param(Response(200, "image/jpeg", bytes(3 << 20)), "over 2 MB", id="large"),
        pytest.param(
            Response(200, "image/jpeg", iter([bytes(1 << 20)] * 3)), "over 2 MB", id="no length"
        ),
        pytest.param(
            Response(200, "image/jpeg", iter([]), {"Content-Length": str(3 << 20)}),
            "over 2 MB",
            id="large by its own account",
        ),
    ],
)
def test_unusable_file(client, script, answer, reason):
    """
    A file that will never do is told from a Stash that is away, and why is said.
    """
    script.answers["file"] = answer

    with pytest.raises(ImageUnusable) as caught:
        client.download(IMAGE, 2 << 20)

    assert str(caught.value) == reason
    assert len(script.requests) == 1


def test_web_page_for_a_file(client, script):
    """
    A web page in place of a file is not Stash's answer: a proxy's, or a login.
    """
    script.answers["file"] = PAGE

    assert problem(lambda: client.download(IMAGE, 1 << 20)) == (
        BROKEN,
        "a web page in place of the file",
    )


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf\n<!DOCTYPE html>", b"<HTML lang=en>"], ids=str)
def test_web_page_saved_as_a_picture(client, script, data):
    """
    A page that Stash serves as a picture is a bad file, and Stash is well.
    """
    script.answers["file"] = Response(200, "image/jpeg", data)

    with pytest.raises(ImageUnusable, match="a web page in place of the file"):
        client.download(IMAGE, 1 << 20)


def test_proxy_that_lost_stash(client, script):
    """
    The 404 page of a proxy says nothing of the file.
    """
    script.answers["file"] = Response(404, "text/html", b"<html>")

    assert problem(lambda: client.download(IMAGE, 1 << 20)) == (BROKEN, "HTTP 404")


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble.RESET, (UNREACHABLE, "the connection was cut")),
        (Trouble.SILENCE, (SLOW, "no answer in time")),
        (Trouble.ERROR, (UNREACHABLE, "HTTP 500")),
        (Trouble.HTML, (BROKEN, "a web page in place of the file")),
        (Trouble.HALF, (UNREACHABLE, "the file was cut short")),
    ],
)
def test_trouble_with_a_file(fresh, trouble, expected):
    """
    A file that did not come whole is not an image that cannot be used.
    """
    server, client = fresh
    server.fail(Fault("image", trouble, times=4, seconds=0.5))

    assert problem(lambda: client.download(IMAGE, 1 << 20)) == expected


def test_file_whole_at_the_second_try(client, server):
    """
    A file that was cut short is asked for again, from its beginning.
    """
    server.fail(Fault("image", Trouble.HALF))

    assert client.download(IMAGE, 1 << 20) == PICTURE


# The end


@pytest.fixture
def slow_file(server):
    """A file that drips; set when the first drop is out."""
    started = threading.Event()

    def drip():
        while not server.stopping.wait(0.05):
            yield b"\xff\xd8\xff"
            started.set()

    server.handle = lambda request: Response(200, "image/jpeg", drip())
    return started


def seconds_to_stop(stop, started, call):
    """How long a call goes on in its thread after `stop`, and what it ends with."""
    ends = []
    thread = threading.Thread(target=lambda: ends.append(problem(call)))
    thread.start()
    assert started.wait(5)
    threading.Event().wait(0.1)  # by now the client is in the middle of it
    stop.set()
    began = time.monotonic()
    thread.join(5)
    return time.monotonic() - began, ends


def test_stop_in_a_download(client, stop, slow_file):
    """
    A file that drips does not hold up the end.
    """
    seconds, ends = seconds_to_stop(stop, slow_file, lambda: client.download(IMAGE, 1 << 20))

    assert ends == [(UNREACHABLE, "stopping")]
    assert seconds < 1


def test_stop_in_a_pause(server, script, stop):
    """
    A pause between two tries ends at once, and no further try goes out.
    """
    paused = threading.Event()

    def refuse(_):
        paused.set()
        return Response(503)

    script.answers["Server"] = refuse
    client = StashClient(server.url, KEY, stop, pace=Pace(pause=2.0))
    seconds, ends = seconds_to_stop(stop, paused, client.server)

    assert ends == [(UNREACHABLE, "stopping")]
    assert seconds < 1
    assert len(script.requests) == 1


def test_nothing_is_asked_after_the_end(client, script, stop):
    """
    Once we stop, nothing goes out any more.
    """
    stop.set()

    assert problem(client.count) == (UNREACHABLE, "stopping")
    assert script.requests == []
