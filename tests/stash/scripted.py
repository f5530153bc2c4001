"""
A server that answers as told, and clients of it.
"""

import json
import tempfile
import threading
from pathlib import Path

import pytest

from stashbot.demo.http import Response
from stashbot.errors import StashError
from stashbot.models import Image
from stashbot.runtime.exchange import TimeLimit
from stashbot.stash.client import StashClient
from stashbot.stash.http import Timeouts
from tests.standins.http import Server

KEY = "k3y-of-stash"
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 64
HASTY = Timeouts(
    connect=2.0, question=TimeLimit(1.2, 1.2), file=TimeLimit(1.2, 1.2, 50_000), pause=0.002
)
IMAGE = Image(7)


def found(id, /, **fields):
    """An image as Stash tells of it."""
    return {
        "__typename": "Image",
        "id": str(id),
        "title": None,
        "date": None,
        "rating100": None,
        "visual_files": [],
        "studio": None,
        "performers": [],
        "galleries": [],
        "tags": [],
    } | fields


def file(**fields):
    return {
        "__typename": "ImageFile",
        "basename": "harbour.jpg",
        "size": 12345,
        "mod_time": "2024-01-02T03:04:05.123456789+01:00",
        "width": 1200,
        "height": 800,
        "fingerprint": "0cc175b9c0f1b6a831c399e269772661",
    } | fields


def data(**fields):
    return Response(body=json.dumps({"data": fields}).encode())


def images(*found, status="OK", app_schema=75):
    state = {"status": status, "appSchema": app_schema}
    return data(findImages={"images": list(found)}, systemStatus=state)


def errors(message, status=200, **extensions):
    error = {"message": message, "extensions": extensions}
    return Response(status, body=json.dumps({"errors": [error], "data": None}).encode())


def state(status="OK", app_schema=75, version="v0.30.1"):
    return data(
        version={"version": version}, systemStatus={"status": status, "appSchema": app_schema}
    )


class Script:
    """Answers questions by their name, and files, as told; keeps the requests.

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
        return self._next(asked["operationName"], asked["variables"])

    def _next(self, name, variables):
        answer = self.answers[name]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(variables) if callable(answer) else answer

    @property
    def asked(self):
        """The names of the questions, in order."""
        return [
            json.loads(request.body)["operationName"]
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
    """One server for all tests: its start and end take longer than most of them."""
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
    """A server without connections, and a client of it."""
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


def downloaded(client, image, limit):
    """The bytes of an image's file."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "file"
        client.download(image, target, limit)
        return target.read_bytes()


def problem(call):
    """The problem and the reason that a call fails with."""
    with pytest.raises(StashError) as caught:
        call()
    return caught.value.problem, str(caught.value)
