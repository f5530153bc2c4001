"""Fixtures for all tests: the whole bot between the stand-ins of the demo."""

import io
import json
import os
import random
import re
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import hypothesis
import pytest
import structlog
from PIL import Image as Pixels

from stashbot import logs
from stashbot.app import build
from stashbot.cli.main import main
from stashbot.demo.pictures.picture import Gallery, Picture
from stashbot.demo.telegram.chats import User
from stashbot.runtime.exchange import FILE, QUESTION
from stashbot.settings.load import load
from stashbot.stash.http import Timeouts
from stashbot.store.store import Store
from stashbot.telegram.rate_limit import TELEGRAM_LIMITS, Limit, RateLimits
from tests.standins.stash import StashStandIn
from tests.standins.telegram import TelegramStandIn
from tests.whole.program import PATIENCE_S

# Each of the workers reads every test: compiled code is kept, whatever the environment says.
sys.dont_write_bytecode = False

# Each commit of the database waits for the disk; a file in memory behaves the same.
if os.access("/dev/shm", os.W_OK):
    tempfile.tempdir = "/dev/shm"

#: Run every test at full length, as `.ci/run` does.
IS_THOROUGH = os.environ.get("STASHBOT_TEST_ALL") == "1"


def at_length(full, short):
    """The length of a long test: `full` in `.ci/run`, else `short`."""
    return full if IS_THOROUGH else short


# On a busy machine a slow example is no fault.
hypothesis.settings.register_profile("patient", deadline=None, max_examples=at_length(100, 25))
hypothesis.settings.load_profile("patient")

#: Modules with the fixtures of single packages.
pytest_plugins = (
    "tests.pictures.fitting",
    "tests.stash.scripted",
    "tests.store.stored",
    "tests.whole.machine",
)

TOKEN = "4242:AAE-a_token_of_the_tests_0123456789"
API_KEY = "eyJ-a-key-of-the-tests.0123456789"
OWNER, FRIEND, STRANGER = 1001, 1002, 6666
GROUP = -500
#: A vote brings no next picture.
NO_NEXT = {"STASHBOT_VOTES_AUTO_NEXT": "false"}
#: Rate limits that never delay a test.
AT_ONCE = RateLimits(*[Limit(1000, 1.0)] * 5)


@cache
def jpeg(number, size=(60, 40)):
    """A small JPEG, different for each number."""
    data = io.BytesIO()
    colour = tuple(random.Random(number).randbytes(3))
    Pixels.new("RGB", size, colour).save(data, "JPEG", comment=str(number))
    return data.getvalue()


def picture(number, **changes):
    """A picture of the tests' library; every third one is in no gallery."""
    data = changes.pop("data", None) or jpeg(number)
    values = {
        "id": number,
        "path": f"{number}.jpg",
        "load": lambda: data,
        "size": len(data),
        "width": 60,
        "height": 40,
        "title": f"Picture {number}",
        "performers": (f"Artist {number % 5}",),
        "galleries": (Gallery(f"Gallery {number % 4}"),) if number % 3 else (),
        "tags": (f"tag{number % 7}",),
    }
    return Picture(**values | changes)


def animation(number):
    """A GIF that moves: it is sent alone and in no album."""
    frames = [Pixels.new("RGB", (60, 40), (number, 90 * turn, 7)) for turn in range(3)]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=200)
    return picture(number, path=f"{number}.gif", data=data.getvalue(), duration=0.6)


@cache
def new_database():
    """The file of a database that a first start has made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stashbot.db")
        Store(path).close()
        return path.read_bytes()


def make_database(path):
    """Make a new database, as a first start does, in a fraction of its time."""
    path.touch(0o600)
    path.write_bytes(new_database())


def library(count):
    return [picture(number) for number in range(1, count + 1)]


def images_of(call):
    """The ids of the images in a call, from their captions."""
    if call.status != 200 or not call.method.startswith("send"):
        return []
    captions = [call.params.get("caption", "")]
    if call.method == "sendMediaGroup":
        captions = [item.get("caption", "") for item in call.json("media")]
    return [int(id) for caption in captions for id in re.findall(r"Picture (\d+)", caption)]


def crowd(ids):
    """Options of a house that serves these users and the owner."""
    allowed = ",".join(map(str, [OWNER, *ids]))
    return {"users": (OWNER, *ids), "STASHBOT_TELEGRAM_ALLOWED_USERS": allowed}


def nothing_but_ratings(stash):
    """Check that the bot has written only ratings to Stash."""
    for record in stash.requests:
        if "mutation" in record.query:
            assert re.findall(r"mutation|\w+(?=\(input)", record.query) == [
                "mutation",
                "imageUpdate",
            ], record
            assert set(record.variables) == {"input"}, record
            assert set(record.variables["input"]) == {"id", "rating100"}, record


class House:
    """The bot with its own Telegram and Stash; `log` holds its log entries.

    Its exchanges have the usual time limits times `patience`.
    """

    def __init__(
        self,
        folder,
        pictures,
        *,
        api_key="",
        prefix="",
        users=(OWNER, FRIEND),
        is_paced=False,
        patience=1.0,
        **environ,
    ):
        self.log_stream = io.StringIO()
        self._log, self._log_read = [], 0
        self._images, self._calls_seen = [], 0
        people = [User(id, f"Person {id}", language_code="en") for id in users]
        self.telegram = TelegramStandIn(TOKEN, users=people, flood_limits=is_paced)
        self.telegram.add_group(GROUP, "Friends", users)
        self.stash = StashStandIn(pictures, api_key=api_key, prefix=prefix)
        self.environ = {
            "STASHBOT_TELEGRAM_TOKEN": TOKEN,
            "STASHBOT_TELEGRAM_ALLOWED_USERS": f"{OWNER},{FRIEND}",
            "STASHBOT_TELEGRAM_ALLOWED_CHATS": str(GROUP),
            "STASHBOT_TELEGRAM_API_URL": self.telegram.api_url,
            "STASHBOT_STASH_URL": self.stash.url,
            "STASHBOT_STASH_API_KEY": api_key,
            "STASHBOT_DATABASE_PATH": str(folder / "stashbot.db"),
            "STASHBOT_TIMEZONE": "Europe/Berlin",
        } | environ
        self.settings = load(None, self.environ)
        logs.configure("info", "json", self.settings.secrets, stream=self.log_stream)
        self.rules = TELEGRAM_LIMITS if is_paced else AT_ONCE
        self.patience = patience
        self.app = None

    def start(self):
        if not self.settings.database.exists():
            make_database(self.settings.database)
        question, file = map(self._shortened, (QUESTION, FILE))
        self.app = build(self.settings, self.rules, Timeouts(question=question, file=file))
        connections = self.app.telegram._connections
        connections.question, connections.upload = question, self._shortened(connections.upload)
        connections.poll_extra_s *= self.patience
        self.app.start()
        return self

    def _shortened(self, limit):
        return replace(limit, total=limit.total * self.patience, idle=limit.idle * self.patience)

    def stop(self):
        """End the bot as SIGTERM would; here a cut ends its last poll."""
        if self.app:
            self.app.end()
            self.telegram.server.cut()
            self.app = None

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        self.stop()
        self.telegram.close()
        self.stash.close()
        nothing_but_ratings(self.stash)

    @property
    def log(self):
        """All log entries so far."""
        text = self.log_stream.getvalue()
        whole = text.rfind("\n") + 1
        self._log += map(json.loads, text[self._log_read : whole].splitlines())
        self._log_read = whole
        return list(self._log)

    def events(self, name):
        return [entry for entry in self.log if entry["event"] == name]

    def wait_for_event(self, name, count=1, timeout=PATIENCE_S):
        """Wait for `count` log entries of an event."""
        deadline = time.monotonic() + timeout
        while len(events := self.events(name)) < count:
            assert time.monotonic() < deadline, (name, self.log[-20:])
            time.sleep(0.01)
        return events

    def query(self, sql, *values):
        """Run a statement on the bot's database, and return its rows."""
        with closing(sqlite3.connect(self.settings.database)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    def say(self, text, user=OWNER, chat=0, language="en"):
        return self.telegram.say(user, text, chat_id=chat, language_code=language)

    def ask(self, text="/random", count=1, **sender):
        """Ask for pictures, and wait for `count` more images."""
        before = len(self.sent_images())
        self.say(text, **sender)
        return self.wait_for_images(before + count)[before:]

    def sent_images(self):
        """The ids of the sent images, in the order of sending."""
        calls = self.telegram.calls
        for call in calls[self._calls_seen :]:
            self._images += images_of(call)
        self._calls_seen = len(calls)
        return list(self._images)

    def wait_for_images(self, count, timeout=PATIENCE_S):
        deadline = time.monotonic() + timeout
        while len(images := self.sent_images()) < count:
            assert time.monotonic() < deadline, (count, images, self.log[-20:])
            time.sleep(0.01)
        return images

    def wait_for_text(self, part, chat=OWNER, count=1, timeout=PATIENCE_S):
        """Wait for `count` texts that contain `part`; returns the last one."""
        found = self.telegram.wait_for(
            lambda call: (
                call.method == "sendMessage"
                and call.status == 200
                and call.chat_id == chat
                and part in call.params["text"]
            ),
            count=count,
            timeout=timeout,
        )
        return found[-1].params["text"]

    def received(self, chat=OWNER):
        """The bot's messages in a chat, oldest first."""
        return [message for message in self.telegram.messages(chat) if message.sender.is_bot]


@pytest.fixture
def house(tmp_path):
    """A function that builds a house and starts its bot."""
    houses = []

    def build_house(pictures=None, *, start=True, **options):
        built = House(tmp_path, library(5) if pictures is None else pictures, **options)
        houses.append(built)
        return built.start() if start else built

    yield build_house
    for built in houses:
        built.close()


@pytest.fixture(autouse=True)
def unfiltered_log():
    """Each test begins with a log that drops nothing, whatever the last one has configured."""
    structlog.reset_defaults()


@pytest.fixture
def called(capsys, monkeypatch):
    """A function that runs the command line in this process, with these settings alone.

    It returns the exit code, stdout and stderr.
    """
    for name in [name for name in os.environ if name.startswith("STASHBOT_")]:
        monkeypatch.delenv(name)

    def called(*arguments, environ=()):
        for name, value in dict(environ).items():
            monkeypatch.setenv(name, value)
        try:
            code = main([*map(str, arguments)])
        except SystemExit as end:
            code = end.code
        return code, *map(str.strip, capsys.readouterr())

    return called


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def needs(name, is_there):
    """Skip a test on a machine without this, except in `.ci/run`."""
    return pytest.mark.skipif(not is_there and not IS_THOROUGH, reason=f"needs {name}")


#: For slow tests of the benchmark, which is no part of the bot.
only_at_length = needs("STASHBOT_TEST_ALL=1, as in .ci/run", is_there=False)
