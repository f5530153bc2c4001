"""The exchanges with Stash: requests, failures, retries, files, and the end of the program."""

import threading
import time
import traceback
from dataclasses import replace

import pytest
import structlog

from stashbot.demo.http import Response
from stashbot.errors import ImageUnusable, StashError, StashProblem
from stashbot.stash.client import StashClient
from stashbot.stash.http import Timeouts
from tests.standins.http import Fault, Trouble
from tests.stash.scripted import (
    HASTY,
    IMAGE,
    KEY,
    PICTURE,
    data,
    downloaded,
    errors,
    problem,
    state,
)
from tests.whole.program import wait_until


def test_headers(client, script):
    script.answers["Count"] = data(findImages={"count": 1})
    client.count()
    downloaded(client, IMAGE, 1 << 20)

    for request in script.requests:
        assert request.headers["apikey"] == KEY
        assert request.headers["user-agent"].startswith("stashbot/")
        assert KEY not in str((request.path, request.query, request.body))
    assert script.requests[0].headers["accept"] == "application/json"
    assert script.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("key", "reason"), [("", "it wants an API key"), ("ключ", "it refuses this API key")]
)
def test_key_that_is_missing_or_no_ascii(server, script, stop, key, reason):
    script.answers["Server"] = Response(401)
    client = StashClient(server.url, key, stop, pace=HASTY)

    assert problem(client.server) == (StashProblem.KEY_REFUSED, reason)
    assert ("apikey" in script.requests[0].headers) == bool(key)


def test_path_prefix(server, script, stop):
    client = StashClient(f"{server.url}/stash/", "", stop)
    client.server()
    downloaded(client, IMAGE, 1 << 20)

    assert [request.path for request in script.requests] == [
        "/stash/graphql",
        "/stash/image/7/image",
    ]


def test_proxy_of_the_environment(client, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert client.server().version == "0.30.1"


def test_one_connection_a_thread(fresh):
    server, client = fresh
    connections = []

    def work():
        for _ in range(3):
            client.server()
            downloaded(client, IMAGE, 1 << 20)
        connections.append(len(server._open))
        client.close_thread()

    work()
    wait_until(lambda: not server._open, "no connection")
    client.server()
    other = threading.Thread(target=work)
    other.start()
    other.join()

    assert connections == [1, 2]


UNREACHABLE, SLOW, BROKEN = StashProblem.UNREACHABLE, StashProblem.SLOW, StashProblem.BROKEN
KEY_REFUSED, PROXY = StashProblem.KEY_REFUSED, StashProblem.PROXY
FRONT = "a proxy in front of it"
FORBIDDEN = Response(403, "text/html", b"<html>Forbidden</html>")
PLAINLY = Response(403, "text/plain", b"Forbidden")
LOCKED = (StashProblem.LOCKED, "it is locked by its public-access tripwire")
PAUSE = (UNREACHABLE, "a proxy in front of it asks for a pause")
TO_LOGIN = Response(302, headers={"Location": "/stash/login?returnURL=%2Fgraphql"})
TO_HTTPS = Response(
    301, headers={"Location": "https://me:hunter2@nas.example:8443/graphql?token=hunter2"}
)
TO_PORTAL = Response(302, headers={"Location": "https://auth.example/login?rd=https://nas"})
BASIC = Response(401, headers={"WWW-Authenticate": 'Basic realm="nas"'})
FORM = Response(401, headers={"WWW-Authenticate": "FormBased"})
TO_PATH = Response(308, headers={"Location": "/graphql/"})
TO_PREFIX = Response(301, headers={"Location": "https://nas.example/stash/graphql"})
TO_ITSELF = Response(302, headers={"Location": "?challenge=1"})
OAUTH = Response(302, headers={"Location": "/oauth2/start?rd=%2F"})
SAME_HOST = Response(302, headers={"Location": "//127.0.0.1:1/login?rd=%2F"})
FORM_PAGE = Response(401, "text/html", b"<html>")
TO_NOWHERE = Response(302, headers={"Location": "http://[nowhere"})
AWAY = "redirects to https://nas.example:8443; put that address into stash.url"
NO_JSON = "an answer that is not JSON"
MISFIT = "an answer in another form than asked"
NO_HTTP = "no plain HTTP there; it may be https:// and not http:// in stash.url"
GONE, LARGE = "the file is gone", "over 2 MB"
PAGE = Response(200, "text/html; charset=utf-8", b"<html>Welcome</html>")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Response(401), (KEY_REFUSED, "it refuses this API key"), id="401"),
        pytest.param(FORM, (KEY_REFUSED, "it refuses this API key"), id="401 of Stash"),
        pytest.param(BASIC, (PROXY, f"{FRONT} wants a password"), id="401 of a proxy"),
        pytest.param(FORM_PAGE, (PROXY, f"{FRONT} wants a password"), id="401 with a page"),
        pytest.param(Response(407), (PROXY, f"{FRONT} wants a password"), id="407"),
        pytest.param(Response(403, "text/plain", b"Stash is exposed"), LOCKED, id="403"),
        pytest.param(FORBIDDEN, (PROXY, f"{FRONT} refuses the bot"), id="403 of a proxy"),
        pytest.param(PLAINLY, (PROXY, f"{FRONT} refuses the bot"), id="403 in plain words"),
        pytest.param(Response(403), (PROXY, f"{FRONT} refuses the bot"), id="403 without a word"),
        pytest.param(TO_PORTAL, (PROXY, f"{FRONT} redirects to https://auth.example"), id="portal"),
        pytest.param(TO_LOGIN, (KEY_REFUSED, "it wants an API key"), id="to login"),
        pytest.param(TO_HTTPS, (BROKEN, AWAY), id="to another host"),
        pytest.param(TO_PREFIX, (BROKEN, AWAY.replace(":8443", "/stash")), id="to a prefix"),
        pytest.param(TO_PATH, (PROXY, f"{FRONT} redirects to URL"), id="to a path"),
        pytest.param(TO_ITSELF, (PROXY, f"{FRONT} redirects to URL"), id="to itself"),
        pytest.param(OAUTH, (PROXY, f"{FRONT} redirects to URL"), id="to a login of its own"),
        pytest.param(
            SAME_HOST, (PROXY, f"{FRONT} redirects to http://127.0.0.1:1"), id="to a port"
        ),
        pytest.param(TO_NOWHERE, (BROKEN, "no sound exchange (ValueError)"), id="to nowhere"),
        pytest.param(PAGE, (BROKEN, "a web page in place of an answer"), id="web page"),
        pytest.param(Response(405), (BROKEN, "HTTP 405"), id="405"),
        pytest.param(Response(500), (UNREACHABLE, "HTTP 500"), id="500"),
        pytest.param(Response(502, "text/html", b"<html>"), (UNREACHABLE, "HTTP 502"), id="502"),
        pytest.param(Response(429, headers={"Retry-After": "120"}), PAUSE, id="429"),
    ],
)
@pytest.mark.parametrize("asked", ["question", "file"])
def test_refusal(client, server, script, asked, answer, expected):
    headers = {
        name: value.replace("/graphql", "/image/7/image") for name, value in answer.headers.items()
    }
    script.answers |= {"Server": answer, "file": replace(answer, headers=headers)}
    ask = client.count if asked == "question" else lambda: downloaded(client, IMAGE, 1 << 20)
    kind, reason = problem(ask)

    assert (kind, reason.replace(server.url, "URL")) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Response(400, "text/html", b"<html>"), (BROKEN, NO_HTTP), id="https port"),
        pytest.param(Response(404), (BROKEN, "no Stash at this address"), id="404"),
        pytest.param(Response(body=b'{"data"'), (BROKEN, NO_JSON), id="JSON"),
        pytest.param(Response(body=b"[" * 10**5), (BROKEN, NO_JSON), id="deep"),
        pytest.param(Response(body=b'{"data":[1]}'), (BROKEN, MISFIT), id="data in a list"),
        pytest.param(data(findImages={"count": 10**30}), (BROKEN, MISFIT), id="absurd number"),
        pytest.param(data(findImages=None), (BROKEN, MISFIT), id="null"),
        pytest.param(errors("database is locked"), (BROKEN, "its database is busy"), id="busy"),
        pytest.param(errors("SELECT *"), (BROKEN, "it failed to answer the question"), id="SQL"),
    ],
)
def test_bad_answer(client, script, answer, expected):
    script.answers["Count"] = answer

    assert problem(client.count) == expected


def test_answer_without_end(server, script, stop):
    script.answers["Server"] = Response(body=iter(lambda: bytes(1 << 20), None))
    client = StashClient(server.url, KEY, stop)  # with its usual time

    assert problem(client.server) == (BROKEN, "an answer without end")


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble.RESET, (UNREACHABLE, "the connection was cut")),
        (Trouble.SILENCE, (SLOW, "no answer in time")),
        (Trouble.HALF, (UNREACHABLE, "the connection was cut")),
    ],
)
@pytest.mark.parametrize("asked", ["graphql", "image"])
def test_trouble(fresh, asked, trouble, expected):
    server, client = fresh
    server.fail(Fault(asked, trouble, times=4, seconds=1.5))
    ask = client.server if asked == "graphql" else lambda: downloaded(client, IMAGE, 1 << 20)

    assert problem(ask) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", (UNREACHABLE, "Connection refused")),
        ("http://stash.invalid", (UNREACHABLE, "its name is not known")),
        (
            "https:",
            (UNREACHABLE, "no secure connection; it may be http:// and not https:// in stash.url"),
        ),
        ("http://", (BROKEN, "no sound exchange (InvalidURL)")),
    ],
)
def test_wrong_address(server, stop, url, expected):
    url = server.url.replace("http:", "https:") if url == "https:" else url

    assert problem(StashClient(url, KEY, stop, pace=HASTY).server) == expected


def test_refused_connection_is_told_in_time(stop):
    began = time.monotonic()

    assert problem(StashClient("http://127.0.0.1:1", KEY, stop).count)[0] is UNREACHABLE
    assert 1 < time.monotonic() - began < 4


@pytest.mark.parametrize("key", [KEY, f"{KEY}\nX: y"])
@pytest.mark.parametrize("answer", [Response(401), TO_HTTPS, errors(f"SQL {KEY}"), Response(404)])
def test_error_tells_no_secret(server, script, stop, key, answer):
    script.answers["Server"] = answer
    client = StashClient(server.url, key, stop, pace=HASTY)

    with pytest.raises(StashError) as caught:
        client.count()

    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "trouble", [Trouble.RESET, Trouble.ERROR, Trouble.HALF, Trouble.HTML, Trouble.FLOOD]
)
def test_passing_trouble(client, server, trouble):
    server.fail(Fault("graphql", trouble, times=2))

    assert client.server().version == "0.30.1"


def test_question_is_not_repeated_after_a_time_out(fresh, script):
    server, client = fresh
    server.fail(Fault("graphql", Trouble.SILENCE, seconds=1.5))

    assert problem(client.server)[0] is SLOW
    assert client.server().version == "0.30.1"
    assert len(script.requests) == 1


def test_tries_end(client, server, script):
    server.fail(Fault("graphql", Trouble.ERROR, times=4))

    assert problem(client.server) == (UNREACHABLE, "HTTP 500")
    assert script.requests == []
    assert client.server().version == "0.30.1"


def test_short_pause_of_a_proxy(client, script):
    script.answers["Server"] = [Response(429, headers={"Retry-After": "1"}), state()]
    began = time.monotonic()

    assert client.server().version == "0.30.1"
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("30", 30),
        ("120", 60),
        ("9" * 5000, 60),
        ("-5", None),
        ("soon", None),
        ("Fri, 27 Nov 2099 12:00:00 GMT", None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_long_pause_of_a_proxy(client, script, asked, seconds):
    script.answers["Server"] = Response(429, headers={"Retry-After": asked})

    with structlog.testing.capture_logs() as entries, pytest.raises(StashError) as caught:
        client.server()

    assert caught.value.retry_after == seconds
    assert [each["event"] for each in entries].count("retry_after_cut") == (seconds == 60)


def test_download(client, script):
    assert downloaded(client, IMAGE, len(PICTURE)) == PICTURE
    assert script.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(Response(404, "text/plain", b"Not Found\n"), GONE, id="unknown"),
        pytest.param(Response(500, "text/plain", b"open /x: no such file"), GONE, id="no file"),
        pytest.param(Response(200, "image/jpeg", bytes(3 << 20)), LARGE, id="large"),
        pytest.param(Response(200, "image/jpeg", iter([bytes(1 << 20)] * 3)), LARGE, id="endless"),
        pytest.param(
            Response(200, "image/jpeg", iter([]), {"Content-Length": str(3 << 20)}),
            LARGE,
            id="large by its own account",
        ),
    ],
)
def test_unusable_file(client, script, answer, reason):
    script.answers["file"] = answer

    with pytest.raises(ImageUnusable) as caught:
        downloaded(client, IMAGE, 2 << 20)

    assert str(caught.value) == reason
    assert len(script.requests) == 1


def test_proxy_that_lost_stash(client, script):
    script.answers["file"] = Response(404, "text/html", b"<html>")

    assert problem(lambda: downloaded(client, IMAGE, 1 << 20)) == (BROKEN, "HTTP 404")


def test_file_whole_at_the_second_try(client, server):
    server.fail(Fault("image", Trouble.HALF))

    assert downloaded(client, IMAGE, 1 << 20) == PICTURE


@pytest.fixture
def slow_file(server):
    """A file that drips; the event is set after its first bytes."""
    started = threading.Event()

    def drip():
        while not server.stopping.wait(0.05):
            yield b"\xff\xd8\xff"
            started.set()

    server.handle = lambda request: Response(200, "image/jpeg", drip())
    return started


def seconds_to_stop(stop, started, call):
    """The seconds that a call goes on after `stop`, and the problem that ends it."""
    ends = []
    thread = threading.Thread(target=lambda: ends.append(problem(call)))
    thread.start()
    assert started.wait(5)
    threading.Event().wait(0.1)  # the client is in the middle of it
    stop.set()
    began = time.monotonic()
    thread.join(5)
    return time.monotonic() - began, ends


def test_stop_in_a_download(client, stop, slow_file):
    seconds, ends = seconds_to_stop(stop, slow_file, lambda: downloaded(client, IMAGE, 1 << 20))

    assert ends == [(UNREACHABLE, "stopping")]
    assert seconds < 5
    assert client.outage.error is None


def test_stop_in_a_pause(server, script, stop):
    paused = threading.Event()

    def refuse(_):
        paused.set()
        return Response(503)

    script.answers["Server"] = refuse
    client = StashClient(server.url, KEY, stop, pace=Timeouts(pause=2.0))
    seconds, ends = seconds_to_stop(stop, paused, client.server)

    assert ends == [(UNREACHABLE, "stopping")]
    assert seconds < 1.5
    assert len(script.requests) == 1


def test_nothing_is_asked_after_the_end(client, script, stop):
    stop.set()

    assert problem(client.count) == (UNREACHABLE, "stopping")
    assert script.requests == []
