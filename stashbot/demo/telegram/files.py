"""Telegram's handling of an uploaded file: checks, kind and sizes."""

from __future__ import annotations

import hashlib
import mimetypes
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ...models import Kind
from .limits import Refusal, bad_request

MAX_PHOTO = 10 * 2**20  # bytes
MAX_FILE = 50 * 2**20  # bytes
MAX_SIDES = 10_000  # pixels, width plus height
MAX_RATIO = 20  # longer side to shorter side
PHOTO_SIDES = (90, 320, 1280)  # pixels; longer sides of the smaller copies of a photo
LARGEST_SIDE = 2560  # pixels
PHOTO_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}


@dataclass(frozen=True)
class Decoded:
    """A whole picture: `width` and `height` in pixels after EXIF orientation."""

    width: int
    height: int
    type: str
    is_animated: bool = False


#: Reads a picture. Raises ValueError for bytes that are no whole picture.
Decode = Callable[[bytes], Decoded]


@dataclass(frozen=True)
class Size:
    """One copy of a photo, or the only copy of another file."""

    file_id: str
    width: int
    height: int


@dataclass(frozen=True)
class File:
    """A file that Telegram keeps. `key` is its file_unique_id.

    `sizes` are in ascending order. Width and height (pixels) and `duration` (seconds) are 0
    if unknown.
    """

    kind: Kind
    key: str
    filename: str
    type: str
    data: bytes
    sizes: tuple[Size, ...]
    duration: int = 0

    @property
    def file_id(self) -> str:
        """The file_id of the largest copy."""
        return self.sizes[-1].file_id

    @property
    def width(self) -> int:
        return self.sizes[-1].width

    @property
    def height(self) -> int:
        return self.sizes[-1].height

    def as_json(self) -> dict[str, object]:
        """The fields of the Bot API's Message that hold this file."""
        if self.kind is Kind.PHOTO:
            return {"photo": [self._size_as_json(size) for size in self.sizes]}
        common = {
            "file_id": self.file_id,
            "file_unique_id": self.key,
            "file_size": len(self.data),
            "file_name": self.filename,
            "mime_type": self.type,
        }
        moving = {"width": self.width, "height": self.height, "duration": self.duration}
        match self.kind:
            case Kind.ANIMATION:
                return {"animation": common | moving, "document": common}
            case Kind.VIDEO:
                return {"video": common | moving}
            case _:
                return {"document": common}

    def _size_as_json(self, size: Size) -> dict[str, object]:
        return {
            "file_id": size.file_id,
            "file_unique_id": f"{self.key}{size.width}",
            "width": size.width,
            "height": size.height,
            "file_size": len(self.data) * size.width // self.width or 1,
        }


def accept(
    kind: Kind, filename: str, data: bytes, decode: Decode, *, sides: tuple[int, int], duration: int
) -> File:
    """Turn an upload into a file. Raises Refusal.

    `sides` (pixels) and `duration` (seconds) are the sender's own values for a moving
    picture. A video or animation of another format becomes a document. A GIF always becomes
    an animation.
    """
    if not data:
        raise bad_request("file must be non-empty")
    if kind is Kind.PHOTO:
        return _accept_photo(filename, data, decode)
    if len(data) > MAX_FILE:
        raise Refusal(413, "Request Entity Too Large")
    kind = _real_kind(kind, data)
    if kind is Kind.ANIMATION and not all(sides):
        sides = _measure(data, decode)
    mime = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    size = Size(_file_id(kind), *sides)
    return File(kind, _key(kind, data), filename, mime, data, (size,), duration)


def _accept_photo(filename: str, data: bytes, decode: Decode) -> File:
    if len(data) > MAX_PHOTO:
        raise bad_request(
            f"file of size {len(data)} bytes is too big for a photo; "
            f"the maximum size is {MAX_PHOTO} bytes"
        )
    try:
        image = decode(data)
    except ValueError as error:
        raise bad_request("IMAGE_PROCESS_FAILED") from error
    longer, shorter = max(image.width, image.height), min(image.width, image.height)
    if longer + shorter > MAX_SIDES or longer > MAX_RATIO * shorter:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    if image.type not in PHOTO_TYPES or (image.is_animated and image.type == "image/webp"):
        raise bad_request("IMAGE_PROCESS_FAILED")
    largest = min(LARGEST_SIDE, longer)
    sizes = tuple(
        Size(
            _file_id(Kind.PHOTO),
            max(1, image.width * side // longer),
            max(1, image.height * side // longer),
        )
        for side in (*(side for side in PHOTO_SIDES if side < largest), largest)
    )
    return File(Kind.PHOTO, _key(Kind.PHOTO, data), filename, image.type, data, sizes)


def _real_kind(kind: Kind, data: bytes) -> Kind:
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Kind.ANIMATION
    is_video = data[4:8] == b"ftyp" or data.startswith(b"\x1a\x45\xdf\xa3")  # MP4, WebM
    return kind if is_video else Kind.DOCUMENT


def _measure(data: bytes, decode: Decode) -> tuple[int, int]:
    try:
        image = decode(data)
    except ValueError:  # a video
        return 0, 0
    return image.width, image.height


def _file_id(kind: Kind) -> str:
    prefixes = {Kind.PHOTO: "AgACAgI", Kind.VIDEO: "BAACAgI", Kind.ANIMATION: "CgACAgI"}
    return prefixes.get(kind, "BQACAgI") + secrets.token_urlsafe(36)


def _key(kind: Kind, data: bytes) -> str:
    return "AQAD" + hashlib.sha256(kind.encode() + data).hexdigest()[:20]
