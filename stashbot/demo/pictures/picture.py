"""Pictures for the Stash stand-in, and the pictures of a folder.

A `Picture` holds Stash's metadata of a file and a function that loads the bytes. Files are
drawn or read when they are requested. All functions are thread-safe.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import SettingsError

_IMAGES = "jpg jpeg png webp gif avif bmp tif tiff heic"
_VIDEOS = "mp4 m4v webm mov"
_OTHER_NAMES = {"jpg": "jpeg", "tif": "tiff", "m4v": "mp4", "mov": "quicktime"}
TYPES = {
    f".{suffix}": f"{kind}/{_OTHER_NAMES.get(suffix, suffix)}"
    for kind, suffixes in (("image", _IMAGES), ("video", _VIDEOS))
    for suffix in suffixes.split()
}


@dataclass(frozen=True, slots=True)
class Gallery:
    """A gallery. Stash leaves `title` empty for a gallery that is a folder."""

    title: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """More than the name of a tag, a performer or a studio; `kind` is one of these words."""

    kind: str
    name: str
    aliases: Sequence[str] = ()
    parent: str = ""  # of a tag or a studio
    # The fields from here on are those of a performer.
    disambiguation: str = ""
    is_favorite: bool = False
    tags: Sequence[str] = ()

    @property
    def full_name(self) -> str:
        """The name that a `Picture` has: `Anna (dancer)` for one of two performers `Anna`."""
        return f"{self.name} ({self.disambiguation})" if self.disambiguation else self.name


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the library with Stash's metadata.

    `path` is relative to the library's root. `load` returns the bytes, or raises OSError if
    the file cannot be read. `size` (bytes) is an estimate for a drawn picture, because its
    file does not exist yet. `width`, `height` (pixels) and `duration` (seconds) are 0 if
    unknown. `created` is the time when Stash found it. Filters alone see the last six.
    """

    id: int
    path: str
    load: Callable[[], bytes]
    modified: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    size: int = 0
    width: int = 0
    height: int = 0
    duration: float = 0.0
    title: str = ""
    date: str = ""
    rating100: int | None = None
    studio: str = ""
    performers: tuple[str, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    tags: tuple[str, ...] = ()
    created: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    o_counter: int = 0
    organized: bool = False
    code: str = ""
    details: str = ""
    photographer: str = ""
    url: str = ""

    @property
    def studios(self) -> tuple[str, ...]:
        """The studio, in the form of the other relations."""
        return (self.studio,) if self.studio else ()

    @property
    def first_day(self) -> str:
        """The date as Stash stores it: `2020-01-01` for `2020`; empty without one."""
        return self.date and self.date + "0000-01-01"[len(self.date) :]

    @property
    def basename(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def full_path(self) -> str:
        """The path on Stash's machine."""
        return f"/data/{self.path}"

    @property
    def type(self) -> str:
        """The MIME type, by the file's extension as in Stash."""
        return TYPES.get(PurePosixPath(self.path).suffix.lower(), "application/octet-stream")

    @property
    def is_clip(self) -> bool:
        """Whether Stash treats it as a video file; all GIFs are."""
        return self.type == "image/gif" or self.type.startswith("video/")

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits from path, size and time, without reading the file."""
        about = f"{self.path}\n{self.size}\n{self.modified.isoformat()}"
        return hashlib.md5(about.encode(), usedforsecurity=False).hexdigest()


def in_folder(folder: Path) -> list[Picture]:
    """The pictures and clips in a folder and its subfolders, sorted by path.

    A symbolic link that leads out of the folder is not followed. Raises SettingsError if there
    are no pictures, or no such folder.
    """
    if not folder.is_dir():
        raise SettingsError((f"--pictures {folder}: there is no such folder",))
    root = folder.resolve()
    found = sorted(path for path in root.rglob("*") if _is_picture(path, root))
    if not found:
        raise SettingsError((f"--pictures {folder}: holds no pictures ({_IMAGES} {_VIDEOS})",))
    return [_of_file(number, path, root) for number, path in enumerate(found, 1)]


def _is_picture(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    is_shown = path.suffix.lower() in TYPES and not any(part.startswith(".") for part in parts)
    return is_shown and path.is_file() and path.resolve().is_relative_to(root)


def _read(path: Path, root: Path) -> bytes:
    target = Path(os.path.realpath(path))  # it may have become a link since it was listed
    if not target.is_relative_to(root):
        raise PermissionError(f"{path} leads out of {root}")
    return target.read_bytes()


def _of_file(number: int, path: Path, root: Path) -> Picture:
    stat = path.stat()
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    relative = path.relative_to(root)
    folder = relative.parent.as_posix()
    return Picture(
        id=number,
        path=relative.as_posix(),
        load=partial(_read, path, root),
        modified=modified,
        created=modified,
        size=stat.st_size,
        title=path.stem,
        date=modified.date().isoformat(),
        galleries=() if folder == "." else (Gallery(folder=f"/data/{folder}"),),
    )
