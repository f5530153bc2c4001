"""Telegram's handling of an uploaded file: kind and sizes."""

from __future__ import annotations

import hashlib
import mimetypes
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ...models import Kind
from .limits import bad_request

PHOTO_SIDES = (90, 320, 1280)  # pixels; longer sides of the smaller copies of a photo
LARGEST_SIDE = 2560  # pixels

#: The width and height of a picture in pixels, as it is shown. Raises ValueError.
Measure = Callable[[bytes], tuple[int, int]]


@dataclass(frozen=True)
class Size:
    """One copy of a photo, or the only copy of another file."""

    file_id: str
    width: int
    height: int


@dataclass(frozen=True)
class File:
    """A file that Telegram keeps. `key` is its file_unique_id.

    `sizes` are in ascending order. Width and height (pixels) are 0 if unknown.
    """

    kind: Kind
    key: str
    filename: str
    type: str
    data: bytes
    sizes: tuple[Size, ...]

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
        moving = {"width": self.width, "height": self.height, "duration": 0}
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
    kind: Kind, filename: str, data: bytes, measure: Measure, sides: tuple[int, int]
) -> File:
    """Turn an upload into a file. Raises Refusal for a photo that cannot be read.

    `sides` (pixels) are the sender's own values for a moving picture. A video or animation of
    another format becomes a document. A GIF always becomes an animation.
    """
    if kind is Kind.PHOTO:
        return _accept_photo(filename, data, measure)
    kind = _real_kind(kind, data)
    size = Size(_file_id(kind), *sides)
    return File(kind, _key(kind, data), filename, _type(filename), data, (size,))


def _accept_photo(filename: str, data: bytes, measure: Measure) -> File:
    try:
        sides = measure(data)
    except ValueError as error:
        raise bad_request("IMAGE_PROCESS_FAILED") from error
    largest = min(LARGEST_SIDE, max(sides))
    sizes = tuple(
        Size(_file_id(Kind.PHOTO), *(max(1, each * side // max(sides)) for each in sides))
        for side in (*(side for side in PHOTO_SIDES if side < largest), largest)
    )
    return File(Kind.PHOTO, _key(Kind.PHOTO, data), filename, _type(filename), data, sizes)


def _type(filename: str) -> str:
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _real_kind(kind: Kind, data: bytes) -> Kind:
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Kind.ANIMATION
    is_video = data[4:8] == b"ftyp" or data.startswith(b"\x1a\x45\xdf\xa3")  # MP4, WebM
    return kind if is_video else Kind.DOCUMENT


def _file_id(kind: Kind) -> str:
    prefixes = {Kind.PHOTO: "AgACAgI", Kind.VIDEO: "BAACAgI", Kind.ANIMATION: "CgACAgI"}
    return prefixes.get(kind, "BQACAgI") + secrets.token_urlsafe(36)


def _key(kind: Kind, data: bytes) -> str:
    return "AQAD" + hashlib.sha256(kind.encode() + data).hexdigest()[:20]
