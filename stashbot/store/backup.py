"""Backups of the database: made while the bot runs, and put in its place while it does not.

A file is whole or not there: it is written in a private folder beside its place, and renamed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from ..errors import StoreError
from .database import OPENING_MS, check_ours, named_troubles, only_process, open_database, scripts

#: The most bytes that are read as a backup: a million pictures of history have 0.3 GB.
LARGEST_BYTES = 8 << 30
PIECE_BYTES = 1 << 20
#: The first bytes of an SQLite file, https://www.sqlite.org/fileformat.html#magic_header_string
MAGIC = b"SQLite format 3\0"
#: The files beside a database that SQLite would apply to another one of its name.
JOURNALS = ("-wal", "-journal")


def back_up(path: Path, target: Path) -> None:
    """Write a sound copy of the database to `target`, for its owner alone. Raises StoreError."""
    path, target = path.resolve(), target.resolve()
    if target in {path, *(beside(path, each) for each in (*JOURNALS, "-shm", "-lock"))}:
        raise StoreError(f"{target} belongs to the database itself; name another file")
    # Path itself would fail at a closed folder.
    if os.path.exists(target) and not os.path.isfile(target):  # noqa: PTH110, PTH113
        raise StoreError(f"{target} is not a file; name one")
    if not os.path.isfile(path):  # noqa: PTH113
        raise StoreError(f"there is no database {path}")
    with _folder_beside(target) as folder, named_troubles(path):
        copy = folder / "copy"
        copy.touch(0o600)
        check_ours(path, known=len(scripts()))
        _copy(path, copy, target)
        _sync(copy)
        copy.replace(target)
        _sync(target.parent)


def _copy(path: Path, copy: Path, target: Path) -> None:
    uri = f"{path.as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(uri, OPENING_MS / 1000, uri=True, isolation_level=None)) as source,
        closing(sqlite3.connect(copy)) as new,
    ):
        # One snapshot. A file that is locked is noticed here: `backup` would wait without end.
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_master").fetchone()
        new.execute("PRAGMA journal_mode = OFF")
        try:
            source.backup(new)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                fault = f"{target} cannot be written: the disk is full; free some space"
                raise StoreError(fault) from error
            raise
        [(found,)] = new.execute("PRAGMA integrity_check(1)")
        if found != "ok":
            raise StoreError(f"the database {path} is damaged; restore an older backup")


def restore(path: Path, parts: Mapping[str, BinaryIO], now: datetime) -> Path | None:
    """Put a backup in the place of the database; the new name of the old one, if there was one.

    `parts` are the backup, by "", and its WAL, by "-wal", if it has one. An older version is
    migrated first. Raises StoreError; then the database is as before.
    """
    path = path.resolve()
    with only_process(path), _folder_beside(path) as folder:
        copy = folder / "copy"
        left = LARGEST_BYTES
        for suffix, part in parts.items():
            left -= _receive(part, beside(copy, suffix), left)
        try:
            _make_ready(copy)
        except StoreError as error:  # its remedies are for the database itself
            fault = str(error).replace(f"the database {copy}", "the backup").partition("; ")[0]
            raise StoreError(fault) from error
        return _swap(path, copy, now)


def _receive(source: BinaryIO, target: Path, most_bytes: int) -> int:
    """Write all of a source to a new file; the number of its bytes."""
    count = 0
    target.touch(0o600)
    with target.open("wb") as file:
        while piece := source.read(PIECE_BYTES):
            if not count and target.name == "copy" and not piece.startswith(MAGIC):
                raise StoreError("the backup is not an SQLite database")
            count += file.write(piece)
            if count > most_bytes:
                raise StoreError(f"the backup is larger than {LARGEST_BYTES >> 30} GB")
    return count


def _make_ready(copy: Path) -> None:
    """Check a copy, and bring it up to date. Raises StoreError."""
    with named_troubles(copy):
        if not check_ours(copy, known=len(scripts())):
            raise StoreError("the backup is empty")
        database = open_database(copy, busy_ms=0, migrations=scripts())
        with closing(database):
            [(found,)] = database.run("PRAGMA integrity_check(1)")
    if found != "ok":
        raise StoreError(f"the backup is damaged: {' '.join(found.split())}")
    _sync(copy)


def _swap(path: Path, copy: Path, now: datetime) -> Path | None:
    """Replace a database. A crash on the way leaves the old one or the new one at its place."""
    old = beside(path, f"-{now:%Y%m%dT%H%M%SZ}")
    was_there = path.exists()
    if was_there:
        _merge_journals(path)
        os.link(path, old)
    # Only a database that cannot be read still has them; SQLite would apply them to the new one.
    for suffix in JOURNALS:
        if beside(path, suffix).exists():
            beside(path, suffix).rename(beside(old, suffix))
    beside(path, "-shm").unlink(missing_ok=True)
    copy.replace(path)
    _sync(path.parent)
    return old if was_there else None


def _merge_journals(path: Path) -> None:
    """Move the content of the WAL into its database, so that one rename replaces all of it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A private folder on the same disk, which ends with the block. Raises StoreError."""
    try:
        with TemporaryDirectory(prefix=".stashbot-", dir=target.parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
