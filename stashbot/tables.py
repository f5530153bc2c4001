"""The database file: its tables, its migrations, and how it is opened.

Knows what may be wrong with such a file and says it in words; which rows are written
and read is for `store` to know.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee

from .errors import StoreError

#: Tells our files from other SQLite files, for us and for file(1): "Stsh".
APPLICATION_ID = 0x53747368

# The triggers hold what `is_latest` promises, whoever adds, times or deletes: of the rows
# of one image in one chat, exactly the newest has it. The index on (chat_id, is_latest, …)
# rests on that: it counts the images a chat has seen, and finds the one shown longest
# ago, without reading the history.
#: One script a version. What was released is never changed: what comes after is added.
MIGRATIONS = (
    """
    CREATE TABLE chats (
        chat_id INTEGER PRIMARY KEY,
        language TEXT NOT NULL DEFAULT '',
        gone_since TEXT,
        gone_reason TEXT,
        moved_from INTEGER
    );

    CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        update_id INTEGER UNIQUE,
        chat_id INTEGER NOT NULL,
        user_id INTEGER NOT NULL,
        count INTEGER NOT NULL,
        "trigger" TEXT NOT NULL,
        requested_at TEXT NOT NULL,
        language TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
        finished_at TEXT
    );

    CREATE TABLE sent_photos (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        image_id INTEGER NOT NULL,
        sent_at TEXT NOT NULL,
        user_id INTEGER NOT NULL,
        title TEXT NOT NULL DEFAULT '',
        chat_id INTEGER NOT NULL,
        request_id INTEGER REFERENCES requests (id) ON DELETE SET NULL,
        state TEXT NOT NULL DEFAULT 'sent' CHECK (state IN ('sending', 'sent', 'unknown')),
        kind TEXT,
        message_id INTEGER,
        is_latest INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX sent_photos_image_id ON sent_photos (image_id);
    CREATE INDEX sent_photos_sent_at ON sent_photos (sent_at);
    CREATE INDEX sent_photos_seen ON sent_photos (chat_id, image_id, sent_at);
    CREATE INDEX sent_photos_latest ON sent_photos (chat_id, is_latest, sent_at, state);
    CREATE INDEX sent_photos_request_id ON sent_photos (request_id) WHERE request_id IS NOT NULL;
    CREATE UNIQUE INDEX sent_photos_sending ON sent_photos (chat_id, image_id)
        WHERE state = 'sending';

    CREATE TRIGGER sent_photos_added AFTER INSERT ON sent_photos BEGIN
        UPDATE sent_photos SET is_latest = NOT is_latest
        WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id AND is_latest <> (id = (
            SELECT id FROM sent_photos WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id
            ORDER BY sent_at DESC, id DESC LIMIT 1
        ));
    END;
    CREATE TRIGGER sent_photos_changed AFTER UPDATE OF sent_at ON sent_photos BEGIN
        UPDATE sent_photos SET is_latest = NOT is_latest
        WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id AND is_latest <> (id = (
            SELECT id FROM sent_photos WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id
            ORDER BY sent_at DESC, id DESC LIMIT 1
        ));
    END;
    CREATE TRIGGER sent_photos_removed AFTER DELETE ON sent_photos WHEN OLD.is_latest BEGIN
        UPDATE sent_photos SET is_latest = 1 WHERE id = (
            SELECT id FROM sent_photos WHERE chat_id = OLD.chat_id AND image_id = OLD.image_id
            ORDER BY sent_at DESC, id DESC LIMIT 1
        );
    END;

    CREATE TABLE walks (
        chat_id INTEGER PRIMARY KEY,
        seed INTEGER NOT NULL,
        "offset" INTEGER NOT NULL,
        exhausted_at TEXT,
        newest_id INTEGER NOT NULL
    );

    CREATE TABLE files (
        bot_id INTEGER NOT NULL,
        image_id INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        shape TEXT NOT NULL,
        kind TEXT NOT NULL,
        file_id TEXT NOT NULL,
        saved_at TEXT NOT NULL,
        PRIMARY KEY (bot_id, image_id)
    ) WITHOUT ROWID;

    CREATE TABLE skipped_images (
        image_id INTEGER PRIMARY KEY,
        until TEXT NOT NULL,
        reason TEXT NOT NULL
    );
    """,
)

# By SQLite's primary result codes, https://www.sqlite.org/rescode.html: only what the
# world around us can cause. Anything else is a bug, and keeps its own name.
_TROUBLES = {
    sqlite3.SQLITE_BUSY: "is locked by another program; close what has it open",
    sqlite3.SQLITE_LOCKED: "is locked by another program; close what has it open",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; free some space",
    sqlite3.SQLITE_CORRUPT: "is damaged; put a backup in its place, or move it away",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database; move it away, or set database.path",
    sqlite3.SQLITE_READONLY: "is read-only; make it and its folder writable for this user",
    sqlite3.SQLITE_PERM: "is closed to this user; make it and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: it must be a file, in a writable folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports errors; look at it",
}


class TimeField(peewee.TextField):
    """An aware datetime, stored in UTC as 'YYYY-MM-DD HH:MM:SS.ffffff'.

    The text sorts as the time does, and SQLite's date functions read it.
    """

    def db_value(self, value: datetime | None) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} names no time zone")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

    def python_value(self, value: str | None) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class Chats(peewee.Model):
    """The chats that were met; `gone_since` is unset for those that can be written to."""

    chat_id = peewee.IntegerField(primary_key=True)
    language = peewee.TextField()
    gone_since = TimeField(null=True)
    gone_reason = peewee.TextField(null=True)
    moved_from = peewee.IntegerField(null=True)


class Requests(peewee.Model):
    """What was asked for: 'waiting', then 'done' or 'failed'."""

    id = peewee.AutoField()
    update_id = peewee.IntegerField(null=True)
    chat_id = peewee.IntegerField()
    user_id = peewee.IntegerField()
    count = peewee.IntegerField()
    trigger = peewee.TextField()
    requested_at = TimeField()
    language = peewee.TextField()
    state = peewee.TextField()
    finished_at = TimeField(null=True)


class SentPhotos(peewee.Model):
    """The history: a row is 'sending', then 'sent', or 'unknown' where it may have arrived.

    `sent_at` is when sending began, then when it ended. `is_latest` is the triggers' own.
    """

    id = peewee.AutoField()
    image_id = peewee.IntegerField()
    sent_at = TimeField()
    user_id = peewee.IntegerField()
    title = peewee.TextField()
    chat_id = peewee.IntegerField()
    request_id = peewee.IntegerField(null=True)
    state = peewee.TextField()
    kind = peewee.TextField(null=True)
    message_id = peewee.IntegerField(null=True)
    is_latest = peewee.IntegerField()

    class Meta:
        table_name = "sent_photos"


class Walks(peewee.Model):
    """Where each chat is in the library: `models.Walk`."""

    chat_id = peewee.IntegerField(primary_key=True)
    seed = peewee.IntegerField()
    offset = peewee.IntegerField()
    exhausted_at = TimeField(null=True)
    newest_id = peewee.IntegerField()


class Files(peewee.Model):
    """What Telegram has from a bot already; a file_id is of use to that bot alone."""

    bot_id = peewee.IntegerField()
    image_id = peewee.IntegerField()
    fingerprint = peewee.TextField()
    shape = peewee.TextField()
    kind = peewee.TextField()
    file_id = peewee.TextField()
    saved_at = TimeField()

    class Meta:
        primary_key = peewee.CompositeKey("bot_id", "image_id")


class SkippedImages(peewee.Model):
    """Images that cannot be sent for now."""

    image_id = peewee.IntegerField(primary_key=True)
    until = TimeField()
    reason = peewee.TextField()

    class Meta:
        table_name = "skipped_images"


class Database(peewee.SqliteDatabase):
    """One SQLite file, with a connection a thread that is opened at its first use.

    Thread-safe. WAL with synchronous=FULL: what was committed outlives a power cut
    (https://www.sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, path: Path, busy_ms: int) -> None:
        #: The connections of all threads, also of those that ended without closing theirs.
        self._connections: set[sqlite3.Connection] = set()
        super().__init__(
            str(path),
            pragmas={"synchronous": "FULL", "foreign_keys": 1},
            timeout=busy_ms / 1000,
            check_same_thread=False,  # only so that `close_all` may close them
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Name what goes wrong in the block."""
        with _named_troubles(self.database):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make the block one transaction that no other writer can cut into."""
        with self.reading(), self.atomic("IMMEDIATE"):
            yield

    def run(self, statement: str) -> None:
        """Execute one statement that returns nothing."""
        self._connection().execute(statement)

    def connect(self, reuse_if_open: bool = False) -> bool:  # noqa: FBT001, FBT002 - peewee's
        opened = super().connect(reuse_if_open)
        self._connections.add(self._connection())
        return opened

    def close(self) -> bool:
        if not self.is_closed():
            self._connections.discard(self._connection())
        return super().close()

    def close_all(self) -> None:
        """Close every thread's connection; none of them may be in use."""
        self.close()
        while self._connections:
            self._connections.pop().close()

    def _connection(self) -> sqlite3.Connection:
        """The calling thread's connection, opened if need be."""
        connection: sqlite3.Connection = self.connection()  # type: ignore[no-untyped-call]
        return connection


def open_database(path: Path, *, busy_ms: int, migrations: Sequence[str]) -> Database:
    """Open our database, made or brought up to date as needed; `StoreError` if that fails.

    A file that is not ours, or that a newer version has written, is not changed at all.
    A new one is for its owner's eyes only; SQLite gives its side files the same mode.
    """
    path = path.resolve()
    with _named_troubles(path):
        _create(path)
        _check_ours(path, known=len(migrations))
        database = Database(path, busy_ms)
        try:
            database.journal_mode = "wal"
            _migrate(database, migrations)
        except BaseException:
            database.close_all()
            raise
    return database


def _create(path: Path) -> None:
    # A file that exists must not be opened here: closing it would drop the locks that
    # SQLite holds on it, https://www.sqlite.org/howtocorrupt.html#posix_close_bug.
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise StoreError(f"the database {path} is a folder; name a file in it") from None
    except OSError as error:
        raise StoreError(
            f"the database {path} cannot be made: {error.strerror};"
            " its folder must exist and be writable for this user"
        ) from error


def _check_ours(path: Path, *, known: int) -> None:
    """Refuse what we must not touch; a new, empty file is ours."""
    application_id, version, tables = _look_at(path)
    if application_id != APPLICATION_ID and (application_id or tables):
        raise StoreError(
            f"the database {path} belongs to another program; move it away, or set database.path"
        )
    if version > known:
        raise StoreError(
            f"the database {path} was written by a newer stashbot"
            f" (schema {version}; this one knows {known}); install that version again"
        )


def _look_at(path: Path) -> tuple[int, int, int]:
    """The application_id, the schema's version and the number of tables, writing nothing."""
    # Without a WAL the file alone is the truth, and `immutable` keeps SQLite from
    # making one; with a WAL the truth may be there, and has to be read through it.
    has_wal = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.as_uri()}?mode=ro" + ("" if has_wal else "&immutable=1")
    with closing(sqlite3.connect(uri, uri=True)) as connection:

        def ask(sql: str) -> int:
            return int(connection.execute(sql).fetchone()[0])

        return (
            ask("PRAGMA application_id"),
            ask("PRAGMA user_version"),
            ask("SELECT COUNT(*) FROM sqlite_master"),
        )


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    """Run the scripts that the file has not seen, each in one transaction."""
    for version, script in enumerate(migrations, 1):
        with database.atomic("IMMEDIATE"):
            # Asked under the lock: another process may be starting too.
            if database.user_version >= version:
                continue
            for statement in _statements(script):
                database.run(statement)
            database.application_id = APPLICATION_ID
            database.user_version = version


def _statements(script: str) -> Iterator[str]:
    # Not `executescript`, which commits first.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"this migration lacks its last semicolon: {statement.strip()}")


@contextmanager
def _named_troubles(path: Path | str) -> Iterator[None]:
    try:
        yield
    except (peewee.PeeweeException, sqlite3.Error) as error:
        trouble = _trouble(error)
        if trouble is None:
            raise
        raise StoreError(f"the database {path} {trouble}") from error


def _trouble(error: BaseException | None) -> str | None:
    """What an error comes down to, in words; None if we have none for it.

    SQLite's own error stands behind peewee's, and behind that of a ROLLBACK that failed
    because SQLite had rolled back by itself.
    """
    while error is not None:
        code: Any = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _TROUBLES:
            return _TROUBLES[code & 0xFF]
        error = error.__context__
    return None
