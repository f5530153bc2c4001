"""Pictures for the Stash stand-in, and the pictures of a folder.

A `Picture` holds Stash's metadata of a file and a function that loads the bytes. Files are
drawn or read when they are requested. All functions are thread-safe.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from PIL import Image

from ...errors import SettingsError

TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".heic": "image/heic",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
}


@dataclass(frozen=True, slots=True)
class Gallery:
    """A gallery. Stash leaves `title` empty for a gallery that is a folder."""

    title: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the library with Stash's metadata.

    `path` is relative to the library's root. `load` returns the bytes, or raises OSError if
    the file cannot be read. `size` (bytes) is an estimate for a drawn picture, because its
    file does not exist yet. `width`, `height` (pixels) and `duration` (seconds) are 0 if
    unknown.
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

    @property
    def basename(self) -> str:
        return PurePosixPath(self.path).name

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

    Raises SettingsError if there are none, or no such folder.
    """
    if not folder.is_dir():
        raise SettingsError((f"--pictures {folder}: there is no such folder",))
    found = sorted(path for path in folder.rglob("*") if _is_picture(path.relative_to(folder)))
    files = [path for path in found if path.is_file()]
    if not files:
        kinds = " ".join(suffix.removeprefix(".") for suffix in TYPES)
        raise SettingsError((f"--pictures {folder}: holds no pictures ({kinds})",))
    return [_of_file(number, path, folder) for number, path in enumerate(files, 1)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in TYPES and not any(part.startswith(".") for part in path.parts)


def _of_file(number: int, path: Path, root: Path) -> Picture:
    stat = path.stat()
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    relative = path.relative_to(root)
    width, height = _dimensions(path)
    folder = relative.parent.as_posix()
    return Picture(
        id=number,
        path=relative.as_posix(),
        load=path.read_bytes,
        modified=modified,
        size=stat.st_size,
        width=width,
        height=height,
        title=path.stem,
        date=modified.date().isoformat(),
        galleries=() if folder == "." else (Gallery(folder=f"/data/{folder}"),),
    )


def _dimensions(path: Path) -> tuple[int, int]:
    """Width and height after orientation, from the header; zeros if Pillow cannot read it."""
    turned = (5, 6, 7, 8)  # EXIF orientations that swap width and height
    try:
        # Any size is safe: nothing is decoded here.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(0x0112) in turned else (width, height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0, 0
