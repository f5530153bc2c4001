"""The database file: how it is opened, brought up to date, and what may be wrong with it.

Says in words what the world around us can do to such a file. Which tables are in it is
for `tables` to know, and which rows for `store`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import peewee

from ..errors import StoreError

#: Tells our files from other SQLite files, for us and for file(1): "Stsh".
APPLICATION_ID = 0x53747368

#: KiB of pages that each thread keeps; the system keeps the file for all of them.
CACHE = 512

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
            pragmas={"synchronous": "FULL", "foreign_keys": 1, "cache_size": -CACHE},
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

    def run(
        self, statement: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[Any]:
        """Execute one statement of SQL; the rows that it gives."""
        return self._connection().execute(statement, values).fetchall()

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

        # One moment for all three: another process may be making the tables right now.
        connection.execute("BEGIN")
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
