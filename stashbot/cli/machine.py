"""The form of `check`'s lines, and those about this machine: its disks, and its fonts."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from ..errors import StoreError
from ..messages.catalogue import TEXTS, size
from ..pictures.converter import Drawer
from ..pictures.files import TemporaryFiles
from ..store.store import Store

ENGLISH = TEXTS["en"]
#: Width of the first column.
MARK = 7
#: Width of the second column: "Group -1001234567890" fits.
TRIED = 22
#: File systems of other machines, by their names in mountinfo. SQLite's WAL needs memory that
#: all its users share, and sound locks: https://www.sqlite.org/wal.html
REMOTE = re.compile(r"9p|afs|ceph|cifs|fuse\.(glusterfs|rclone|sshfs)|lustre|nfs4?|smb3|smbfs")
#: File systems in memory.
MEMORY = ("tmpfs", "ramfs")


class Mark(StrEnum):
    """The result of one line; only WRONG keeps the bot from working."""

    RIGHT = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Line:
    """One part, the result of its trial, and the remedy, empty if none is needed."""

    mark: Mark
    tried: str
    came: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.mark:{MARK}}{self.tried:{TRIED}}{self.came}"
        return f"{line}\n{'':{MARK + TRIED}}-> {self.remedy}" if self.remedy else line


def wrong(tried: str, error: Exception, remedy: str) -> Line:
    """The line of an error, which may have a remedy of its own after a semicolon."""
    came, _, own = str(error).partition("; ")
    return Line(Mark.WRONG, tried, came, own or remedy)


def database(path: Path) -> Line:
    """Try the database, if there is one, and its folder."""
    try:
        return _database(path)
    except OSError as error:
        remedy = "database.path: name a file that this user can reach"
        return _unreachable("Database", path, error, remedy)


def _unreachable(tried: str, path: Path, error: OSError, remedy: str) -> Line:
    return Line(Mark.WRONG, tried, f"{path} cannot be reached: {error.strerror}", remedy)


def _database(path: Path) -> Line:
    tried = "Database"
    if not path.parent.is_dir():
        remedy = f"database.path: make the folder {path.parent}, or name another file"
        return Line(Mark.WRONG, tried, f"{path} has no folder to be in", remedy)
    device = (path if path.exists() else path.parent).stat().st_dev
    kind = file_system(device, _mounts())
    if REMOTE.fullmatch(kind):
        came = f"{path} is on {kind}, a file system of another machine"
        return Line(Mark.WRONG, tried, came, "database.path: name a file on this machine")
    if fault := _unwritable(path.parent):
        remedy = "database.path: make the folder writable for this user, or name another file"
        return Line(Mark.WRONG, tried, f"{path.parent} cannot be written to: {fault}", remedy)
    if not path.exists():
        return Line(Mark.RIGHT, tried, f"{path} is not there yet; the first start makes it")
    try:
        with closing(Store(path)) as store:
            fault = store.check_integrity()
    except StoreError as error:
        line = wrong(tried, error, "")
        return replace(line, remedy=f"database.path: {line.remedy}")
    if fault:
        remedy = "database.path: restore a backup, or move the file away: the bot then begins anew"
        return Line(Mark.WRONG, tried, f"{path} is damaged: {' '.join(fault.split())}", remedy)
    return Line(Mark.RIGHT, tried, f"{path} is sound, {size(path.stat().st_size, ENGLISH)}")


def _unwritable(folder: Path) -> str | None:
    """The reason why no file can be made in a folder; None if one can."""
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def temporary_files(folder: Path) -> Line:
    """Try the disk of the temporary files."""
    tried, remedy = "Temporary files", "set the variable CACHE_DIRECTORY to a folder on a disk"
    try:
        outer = next(each for each in folder.parents if each.is_dir())
    except OSError as error:
        return _unreachable(tried, folder, error, remedy)
    kind = file_system(outer.stat().st_dev, _mounts())
    if fault := _unwritable(outer):
        return Line(Mark.WRONG, tried, f"{folder} cannot be written to: {fault}", remedy)
    free = size(shutil.disk_usage(outer).free, ENGLISH)
    if kind in MEMORY:
        return Line(Mark.NOTE, tried, f"{folder} is in memory, {free} free", remedy)
    return Line(Mark.RIGHT, tried, f"{folder}, {free} free")


def fonts() -> Line:
    """Draw letters: without fonts they are boxes, and 📊 under /stats draws nothing."""
    tried, reason = "Fonts", "none with Latin and Cyrillic letters"
    with (
        TemporaryDirectory(prefix="stashbot-check-") as folder,
        closing(Drawer(TemporaryFiles(Path(folder)))) as drawer,
    ):
        try:
            if drawer.has_letters():
                return Line(Mark.RIGHT, tried, "letters can be drawn")
        except OSError as error:
            reason = str(error)
    came = f"no picture of the statistics can be drawn: {reason}"
    return Line(Mark.NOTE, tried, came, "apt install fonts-dejavu-core")


def _mounts() -> str:
    return Path("/proc/self/mountinfo").read_text("utf-8", errors="replace")


def file_system(device: int, mountinfo: str) -> str:
    """The type of a device's file system by the text of proc_pid_mountinfo(5); empty if unknown."""
    number = f"{os.major(device)}:{os.minor(device)}"
    lines = (line.split() for line in mountinfo.splitlines())
    return next((each[each.index("-") + 1] for each in lines if each[2] == number), "")
