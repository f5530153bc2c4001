"""`./stashbot.py backup FILE` and `restore FILE`; `-` is standard output or input."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import StoreError
from ..messages.catalogue import TEXTS, size
from ..store import backup as backups

STANDARD = "-"


def backup(database: Path, file: str) -> None:
    """Write a copy of the database, and tell its size. Raises StoreError."""
    if file != STANDARD:
        backups.back_up(database, Path(file))
        print(f"{file} is written, {size(Path(file).stat().st_size, TEXTS['en'])}")
        return
    with (
        _named("standard output", "written"),
        TemporaryDirectory(prefix=".stashbot-", dir=database.parent) as folder,
    ):
        copy = Path(folder, "copy")
        backups.back_up(database, copy)
        # Not sys.stdout: at exit it would write again the bytes that failed here.
        with copy.open("rb") as source, open(1, "wb", closefd=False) as target:
            shutil.copyfileobj(source, target)


def restore(database: Path, file: str) -> None:
    """Put a backup in the place of the database, and tell about the old one. Raises StoreError."""
    with ExitStack() as stack, _named(file, "read"):
        parts = {"": sys.stdin.buffer}
        if file != STANDARD:
            names = [
                suffix for suffix in ("", "-wal") if not suffix or Path(file + suffix).exists()
            ]
            parts = {
                suffix: stack.enter_context(Path(file + suffix).open("rb")) for suffix in names
            }
        old = backups.restore(database, parts, datetime.now(UTC))
    print(f"{database} is restored" + (f"; the old database is now {old}" if old else ""))


@contextmanager
def _named(name: str, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{name} cannot be {verb}: {error.strerror}") from error
