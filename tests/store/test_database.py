"""The database file: made, migrated, and in trouble."""

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import peewee
import pytest

from stashbot.errors import StoreError
from stashbot.models import Album, Image, SentPicture, Shown, Shuffle
from stashbot.rules.ratings import Rating
from stashbot.store.database import APPLICATION_ID, open_database, scripts
from stashbot.store.store import Store
from tests.store.stored import CHAT, NOW, ask, locked, rows_of, show


def test_private_file(tmp_path):
    old = os.umask(0)
    try:
        store = Store(tmp_path / "stashbot.db")
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(old)

    assert modes == {0o600}


def test_safe_settings(store):
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with ThreadPoolExecutor(1) as pool:
        values = pool.submit(lambda: [store._db.pragma(name) for name in names]).result()

    assert values == ["wal", 2, 1, 5000]


def test_threads_write_together(store):
    def work(n):
        try:
            for image_id in range(n * 100, n * 100 + 10):
                show(store, image_id)
        finally:
            store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert store.chat_stats(CHAT, NOW, NOW, NOW).total == 80


OLD = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT);",)
NEW = (
    *OLD,
    """
    ALTER TABLE notes ADD COLUMN length INTEGER;
    UPDATE notes SET length = length(word);
    """,
    "CREATE INDEX notes_length ON notes (length); -- ; here too\n CREATE INDEX x ON notes (word)",
)


def opened(path, migrations):
    return open_database(path, busy_ms=5000, migrations=migrations)


def test_migration_chain(path):
    old = opened(path, OLD)
    old.run("INSERT INTO notes (word) VALUES ('picture')")
    old.close()

    for _ in range(2):
        opened(path, NEW).close()

    assert rows_of(path, "SELECT * FROM notes") == [(1, "picture", 7)]
    assert rows_of(path, "PRAGMA user_version") == [(3,)]
    assert rows_of(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


def test_migration_that_fails(path):
    opened(path, OLD).close()
    with pytest.raises(peewee.OperationalError, match="no such table: nowhere"):
        opened(path, (*OLD, "DROP TABLE notes; \n UPDATE nowhere SET x = 1;"))

    assert rows_of(path, "SELECT * FROM notes") == []
    assert rows_of(path, "PRAGMA user_version") == [(1,)]


#: Rows of a database of the version before sources, in its columns.
FILLED = (
    "INSERT INTO walks VALUES (7, 99, 40, '2026-01-01 00:00:00.000000', 12)",
    """INSERT INTO schedules (chat_id, "when", zone, count, is_fixed, handled_until) VALUES
        (7, 'daily 09:00', 'Europe/Berlin', 2, 0, '2026-01-01 08:00:00.000000'),
        (7, 'daily 10:00', '', 1, 1, '2026-01-01 08:00:00.000000'),
        (7, 'daily 11:00', '', 1, 0, '2026-01-01 08:00:00.000000')""",
    "DELETE FROM schedules WHERE id = 3",
    """INSERT INTO votes (user_id, image_id, chat_id, vote, voted_at, features, update_id)
        VALUES (7, 1, 7, 'like', '2026-01-01 08:00:00.000000', '[["image", 0, ""]]', 55)""",
    """INSERT INTO ratings (image_id, queued, target, is_new, written, announced, before)
        VALUES (1, 1, 100, 0, 20, 100, 60)""",
    """INSERT INTO pictures (image_id, features) VALUES (1, '[["image", 1, "One"]]')""",
    """INSERT INTO sent_photos (image_id, sent_at, user_id, title, chat_id, message_id)
        VALUES (1, '2026-01-01 08:00:00.000000', 7, 'One', 7, 70)""",
    """INSERT INTO requests (id, chat_id, user_id, count, "trigger", requested_at, language, state)
        VALUES (1, 8, 8, 3, 'command', '2026-01-01 08:00:00.000000', 'en', 'done')""",
    """INSERT INTO sent_photos (image_id, sent_at, user_id, chat_id, message_id, request_id, kind)
        VALUES (2, '2026-01-01 08:00:00.000000', 8, 8, 80, 1, 'photo'),
            (3, '2026-01-01 08:00:00.000000', 8, 8, 81, 1, 'video'),
            (4, '2026-01-01 08:00:00.000000', 8, 8, 82, 1, 'animation')""",
)


def test_filled_database_of_an_older_version(path):
    old = opened(path, scripts()[:6])
    for statement in FILLED:
        old.run(statement)
    old.close()

    store = Store(path)
    try:
        walk, rating = store.shuffle(7), store.ratings.first()
        kept = sorted((each.id, each.when, each.zone, each.count) for each in store.schedules.of(7))
        shown, sent = store.pictures.shown(7, 70), store.pictures.sent(7, Shown(70, 1))
        votes, image = store.votes.of_image(7, 1), store.votes.image(1)
        albums = [store.pictures.album(8, Shown(78 + id, id)) for id in (2, 3, 4)]
    finally:
        store.close()

    assert walk == Shuffle(99, 40, datetime(2026, 1, 1, tzinfo=UTC), 12)
    assert rating == Rating(1, 1, 100, is_new=False, written=20, announced=100, before=60)
    assert kept == [(1, "daily 09:00", "Europe/Berlin", 2), (2, "daily 10:00", "", 1)]
    assert (shown, sent) == (Shown(70, 1), SentPicture())
    assert (votes.likes, votes.dislikes, image) == (1, 0, None)
    assert albums == [Album("", [Shown(80, 2), Shown(81, 3)], 3)] * 2 + [None]


def test_ids_of_removed_schedules_stay_unused_after_a_migration(path):
    """The buttons of old lists name them."""
    old = opened(path, scripts()[:6])
    for statement in FILLED:
        old.run(statement)
    old.close()
    Store(path).close()

    added = """INSERT INTO schedules (chat_id, "when", handled_until) VALUES (7, 'noon', '')"""
    assert rows_of(path, f"{added} RETURNING id") == [(4,)]


def test_removed_schedules_stay_removed_after_a_migration(path):
    removed = "2026-01-01 09:00:00.000000"
    old = opened(path, scripts()[:13])
    old.run(
        """INSERT INTO schedules (chat_id, "when", handled_until, removed_at, is_silent)
        VALUES (7, 'daily 09:00', ?, ?, 1)""",
        [removed, removed],
    )
    old.close()
    Store(path).close()

    assert rows_of(path, "SELECT removed_at, is_silent, topic FROM schedules") == [(removed, 1, 0)]


def test_two_processes_start_at_once(path):
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store(path), range(8)))
    for store in stores:
        store.close()

    assert rows_of(path, "PRAGMA user_version") == [(len(scripts()),)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".db-shm"}


@pytest.mark.parametrize("is_running", [False, True], ids=["at rest", "in use"])
def test_newer_database(path, is_running):
    newer = opened(path, [*scripts(), *["SELECT 1;"] * 5])
    if not is_running:
        newer.close()
    before = contents(path.parent)

    known = len(scripts())
    words = rf"newer stashbot \(schema {known + 5}, this one knows {known}\)"
    with pytest.raises(StoreError, match=words):
        Store(path)

    assert contents(path.parent) == before

    newer.close()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE TABLE photos (id)", "belongs to another program"),
        ("PRAGMA application_id = 77; CREATE TABLE photos (id)", "belongs to another program"),
        ("PRAGMA journal_mode = wal; CREATE TABLE photos (id)", "belongs to another program"),
        (None, "is not an SQLite database"),
    ],
    ids=["unmarked", "marked", "in WAL", "no database"],
)
def test_file_of_another_program(path, script, reason):
    if script:
        with closing(sqlite3.connect(path)) as theirs:
            theirs.executescript(script)
    else:
        path.write_bytes(b"Dear diary, " * 500)
    before = contents(path.parent)

    with pytest.raises(StoreError, match=reason):
        Store(path)

    assert contents(path.parent) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("missing/stashbot.db", "No such file or directory; its folder", id="folder"),
        pytest.param("file/stashbot.db", "Not a directory; its folder must exist", id="file"),
        pytest.param(".", "is a folder; name a file in it", id="is a folder"),
    ],
)
def test_no_place_for_a_database(tmp_path, name, reason):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=reason):
        Store(tmp_path / name)


def test_read_only_database(store):
    show(store, 1)
    store._db.run("PRAGMA query_only = 1")

    with pytest.raises(StoreError, match="is read-only; make it and its folder writable"):
        store.chats.meet_chat(CHAT, "en", NOW)

    assert store.unavailable(CHAT, [1], NOW, NOW) == {1}


def test_locked_database(path, store):
    store._db.timeout = 0.02
    with (
        locked(path),
        pytest.raises(StoreError, match=f"{path.name} is locked by another program"),
    ):
        store.chats.meet_chat(CHAT, "en", NOW)

    store.chats.meet_chat(CHAT, "en", NOW)
    assert store.database.failed_at is None


def test_full_disk(store):
    show(store, 1)
    request = ask(store)
    huge = [Image(2), Image(3, title="x" * 1_000_000)]
    pages = store._db.pragma("page_count")
    store._db.pragma("max_page_count", pages)

    with pytest.raises(StoreError, match="cannot grow: the disk is full"):
        store.begin(request, huge, NOW)
    assert store.unavailable(CHAT, [1, 2, 3], NOW, NOW) == {1}

    store._db.pragma("max_page_count", pages + 1000)

    assert len(store.begin(request, huge, NOW)) == 2
    assert store.database.failed_at
    assert store.check_integrity() is store.database.failed_at is None


def damage(path, at):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 600)


def test_damaged_schema(path):
    Store(path).close()
    damage(path, 100)
    before = contents(path.parent)

    with pytest.raises(StoreError, match="is damaged; restore a backup"):
        Store(path)

    assert contents(path.parent) == before


def test_damaged_pages(path, store):
    show(store, 1)
    store.close()
    sql = "SELECT rootpage FROM sqlite_master WHERE name = 'sent_photos_latest'"
    [(page,)] = rows_of(path, sql)
    damage(path, (page - 1) * 4096)

    with pytest.raises(StoreError, match="is damaged"):
        store.chat_stats(CHAT, NOW, NOW, NOW)
    assert store.check_integrity()


def test_copied_while_in_use(store, path, tmp_path):
    show(store, 1)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(tmp_path / name, copy)
    backup = Store(copy / path.name)

    assert backup.unavailable(CHAT, [1], NOW, NOW) == {1}

    backup.close()
