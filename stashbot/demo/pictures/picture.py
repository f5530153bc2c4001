"""The pictures of the demo, and those of a folder.

A `Picture` says what Stash would know of a file and how to get at its bytes; nothing is
drawn or read before somebody asks for it. All functions are thread-safe.
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
    """Pictures that belong together; Stash leaves `title` empty for a mere folder."""

    title: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the library, with what Stash knows of it.

    `path` is relative to the library's root. `load` gives the bytes, or raises OSError
    when the file cannot be read. `size` (bytes) is what the library says: for a drawn
    picture an estimate, since its file does not exist before it is asked for. `width`,
    `height` (pixels) and `duration` (seconds) are 0 where unknown.
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
        """The MIME type, by the file's extension as Stash has it."""
        return TYPES.get(PurePosixPath(self.path).suffix.lower(), "application/octet-stream")

    @property
    def is_clip(self) -> bool:
        """Whether Stash calls it a video file: GIFs are, animated or not."""
        return self.type == "image/gif" or self.type.startswith("video/")

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that change when the file does, without reading it."""
        about = f"{self.path}\n{self.size}\n{self.modified.isoformat()}"
        return hashlib.md5(about.encode(), usedforsecurity=False).hexdigest()


def in_folder(folder: Path) -> list[Picture]:
    """The pictures and clips in a folder and its sub-folders, sorted by path.

    SettingsError when there are none, or no such folder.
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
    """Width and height as shown, from the header alone; zeros if Pillow cannot read it."""
    turned = (5, 6, 7, 8)  # EXIF orientations that swap the sides
    try:
        # However large it says it is: nothing is decoded here.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(0x0112) in turned else (width, height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0, 0
