"""The database file: opened, brought up to date, watched, and its troubles in words.

`migrations/` has one SQL script a version of the schema, which ends with a semicolon. A released
script never changes: a new one is added.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import peewee
import structlog

from ..errors import StoreError, StoreLocked
from .tables import in_utc

log = structlog.get_logger()

#: Marks our files among other SQLite files, also for file(1): "Stsh".
APPLICATION_ID = 0x53747368
#: Size in KiB of the page cache of each thread; the system caches the file for all of them.
CACHE_KIB = 512
#: The longest wait in milliseconds for a lock while the file is opened: SIGTERM waits as long.
OPENING_MS = 1000

# By SQLite's primary result codes, https://www.sqlite.org/rescode.html: the codes that
# the machine can cause. Any other code is a bug, and keeps its own name.
_TROUBLES = {
    sqlite3.SQLITE_BUSY: "is locked by another program; close that program",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; free some space",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore a backup, or move it away",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database; move it away, or name another file",
    sqlite3.SQLITE_READONLY: "is read-only; make it and its folder writable for this user",
    sqlite3.SQLITE_PERM: "is closed to this user; make it and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: it must be a file, in a writable folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports errors; look at it",
}
# One statement, and so one snapshot: another process may be making the tables now.
_LOOK = """
    SELECT application_id, user_version, (SELECT COUNT(*) FROM sqlite_master)
    FROM pragma_application_id, pragma_user_version
"""


class Database(peewee.SqliteDatabase):
    """One SQLite file, with a connection a thread that is opened at its first use.

    Thread-safe; each method raises StoreError for trouble with the file. WAL with
    synchronous=FULL: a commit outlives a power cut
    (https://www.sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, path: Path, busy_ms: int) -> None:
        self._path = path
        #: When the file last failed, by the monotonic clock; None if it has not since the last
        #: check. A lock of another program is no failure.
        self.failed_at: float | None = None
        self._file = path.stat()
        self._is_there = True
        self._place_lock = threading.Lock()
        super().__init__(
            f"{path.as_uri()}?mode=rw",  # a file that is gone is not made again
            uri=True,
            pragmas={"synchronous": "FULL", "foreign_keys": 1, "cache_size": -CACHE_KIB},
            timeout=busy_ms / 1000,
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Name each trouble with the file in the block."""
        try:
            self._check_place()
            with named_troubles(self._path):
                yield
        except StoreLocked:
            raise
        except StoreError:
            self.failed_at = time.monotonic()
            raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make the block one transaction, without another writer in between."""
        with self.reading(), self.atomic("IMMEDIATE"):
            yield

    def run(
        self, statement: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[Any]:
        """Execute one statement of SQL; the rows that it gives."""
        with self.reading():
            cursor = self.execute_sql(statement, values)  # type: ignore[no-untyped-call]
            return list(cursor.fetchall())

    def write(self, query: Any) -> Any:
        """Execute a statement: the number of its rows, or an inserted id."""
        with self.reading():
            return query.execute(self)

    def insert(self, table: str, **row: object) -> int | None:
        """Insert a row: its id; None if a unique index has such a row already.

        In SQL itself, since it is needed for each picture, and Peewee takes longer than SQLite.
        """
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        values = [in_utc(each) if isinstance(each, datetime) else each for each in row.values()]
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        new = self.run(f"{statement} ON CONFLICT DO NOTHING RETURNING id", values)
        return new[0][0] if new else None

    def rows(self, query: Any) -> list[Any]:
        """The rows of a query, as tuples."""
        with self.reading():
            return list(query.tuples().execute(self))

    def row(self, query: Any) -> Any:
        """The first row of a query, as a tuple; None if there is none."""
        with self.reading():
            return query.tuples().first(self)

    def check_integrity(self) -> str | None:
        """Read the whole file; the first damage that is found, None if it is sound."""
        [(found,)] = self.run("PRAGMA quick_check(1)")
        self.failed_at = None if found == "ok" else time.monotonic()
        return None if found == "ok" else str(found)

    def _check_place(self) -> None:
        """Raise StoreError while the file is not at its place; SQLite does not notice that."""
        try:
            is_there = os.path.samestat(self._path.stat(), self._file)
        except OSError:
            is_there = False
        with self._place_lock:  # so that one thread says it
            was_there, self._is_there = self._is_there, is_there
        if is_there:
            return
        error = f"the database {self._path} was moved or deleted"
        if was_there:
            remedy = "put it back; the next start would make a new one"
            log.error("database_gone", error=error, do=remedy)
        raise StoreError(error)


def scripts() -> list[str]:
    """The migrations, from version 1 on."""
    files = (resources.files(__package__) / "migrations").iterdir()
    return [file.read_text("utf-8") for file in sorted(files, key=lambda file: file.name)]


def open_database(path: Path, *, busy_ms: int, migrations: Sequence[str]) -> Database:
    """Open our database, made or brought up to date as needed; then wait `busy_ms` for locks.

    A file of another program, or of a newer version, is not changed at all. A new file is
    readable for its owner alone; SQLite gives its side files the same mode. Raises StoreError,
    and StoreLocked after OPENING_MS.
    """
    path = path.resolve()
    with named_troubles(path):
        _create(path)
        check_ours(path, known=len(migrations))
        database = Database(path, min(busy_ms, OPENING_MS))
        try:
            database.journal_mode = "wal"
            _migrate(database, migrations)
            database.timeout = busy_ms / 1000
        except BaseException:
            database.close()
            raise
    return database


@contextmanager
def only_process(path: Path) -> Iterator[None]:
    """Be the only process that runs the bot on this database. Raises StoreError.

    The lock ends with the process, also by kill -9, and at execv. Its empty file stays beside
    the database: if it were removed, two processes could lock two files of one name.
    """
    path = path.resolve()
    try:
        lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fault = f"the database {path} is in use by another stashbot; stop that one first"
        raise StoreError(fault) from None
    except OSError as error:
        raise _cannot_be_made(path, error) from error
    try:
        yield
    finally:
        os.close(lock)


def _cannot_be_made(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the database {path} cannot be made: {error.strerror};"
        " its folder must exist and be writable for this user"
    )


def _create(path: Path) -> None:
    # A file that exists must not be opened here: closing it would drop the locks that
    # SQLite holds on it, https://www.sqlite.org/howtocorrupt.html#posix_close_bug.
    try:
        path.touch(0o600, exist_ok=False)
    except FileExistsError:
        if path.is_dir():
            raise StoreError(f"the database {path} is a folder; name a file in it") from None
    except OSError as error:
        raise _cannot_be_made(path, error) from error


def check_ours(path: Path, *, known: int) -> bool:
    """Refuse the file of another program and of a newer version; False for an empty file."""
    # Without a WAL the file has everything, and `immutable` keeps SQLite from making a
    # WAL. With a WAL the newest values may stand there.
    has_wal = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.as_uri()}?mode=ro" + ("" if has_wal else "&immutable=1")
    with closing(sqlite3.connect(uri, uri=True, timeout=OPENING_MS / 1000)) as connection:
        [(application_id, version, tables)] = connection.execute(_LOOK)
    if application_id != APPLICATION_ID and (application_id or tables):
        raise StoreError(
            f"the database {path} belongs to another program; move it away, or name another file"
        )
    if version > known:
        raise StoreError(
            f"the database {path} was written by a newer stashbot"
            f" (schema {version}, this one knows {known}); install that version again"
        )
    return bool(tables)


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    """Run the scripts that the file has not had, all in one transaction."""
    with database.atomic("IMMEDIATE"):
        # Asked under the lock: another process may be starting too.
        for script in migrations[database.user_version :]:
            for statement in _statements(script):
                database.run(statement)
        if database.user_version < len(migrations):
            database.application_id = APPLICATION_ID
            database.user_version = len(migrations)


def _statements(script: str) -> Iterator[str]:
    # Not `executescript`, which commits first.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def named_troubles(path: Path) -> Iterator[None]:
    """Raise StoreError, or StoreLocked, for each trouble with a file in the block."""
    try:
        yield
    except (peewee.PeeweeException, sqlite3.Error) as error:
        code = _trouble(error)
        if code is None:
            raise
        kind = StoreLocked if code == sqlite3.SQLITE_BUSY else StoreError
        raise kind(f"the database {path} {_TROUBLES[code]}") from error


def _trouble(error: BaseException | None) -> int | None:
    """The key of `_TROUBLES` that an error comes from; None for a bug.

    SQLite's own error stands behind peewee's, and behind the error of a ROLLBACK that failed
    because SQLite had rolled back by itself.
    """
    while error is not None:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _TROUBLES:
            return int(code) & 0xFF
        error = error.__context__
    return None
