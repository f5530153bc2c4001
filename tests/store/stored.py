"""A database for each test, and its use in tests."""

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from stashbot.models import Image, Kind, KnownFile, Sent, Trigger
from stashbot.store.store import Store
from tests.conftest import make_database

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
CHAT, OTHER, USER, BOT = 10, 20, 7, 99
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stashbot.db"


@pytest.fixture
def store(path):
    make_database(path)
    store = Store(path, busy_ms=5000)
    yield store
    store.close()


def ask(store, chat_id=CHAT, *, count=1, update_id=None, now=NOW):
    return store.add_request(
        update_id=update_id,
        chat_id=chat_id,
        user_id=USER,
        count=count,
        trigger=Trigger.COMMAND,
        language="en",
        now=now,
    )


def begin(store, *image_ids, chat_id=CHAT, now=NOW, title="No. {}"):
    request = ask(store, chat_id, count=len(image_ids), now=now)
    images = [Image(id, title=title.format(id)) for id in image_ids]
    return list(store.begin(request, images, now).values())


def arrive(store, rows, images, now=NOW, *, ends=None, shape="2560"):
    arrived = [
        (row, image, Sent(500 + row, KnownFile(Kind.PHOTO, f"file{image.id}")))
        for row, image in zip(rows, images, strict=True)
    ]
    store.settle(arrived, now, bot_id=BOT, shape=shape, ends=ends)


def show(store, *image_ids, now=NOW, **options):
    """Send images to a chat, one after the other, at `now`."""
    for image_id in image_ids:
        arrive(store, begin(store, image_id, now=now, **options), [Image(image_id)], now)


def rows_of(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@contextmanager
def locked(path):
    """Keep all other connections from writing to a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def is_gone(store, chat_id):
    """Tell whether the chat is noted as one that cannot be written to."""
    sql = "SELECT 1 FROM chats WHERE chat_id = ? AND gone_since IS NOT NULL"
    return bool(store._db.run(sql, (chat_id,)))
