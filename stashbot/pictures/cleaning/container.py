"""The header of a file with a picture, and the parts of the file that are not private."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ...errors import ImageUnusable

#: Bytes that are read at once.
PIECE = 1 << 16
#: Segments or chunks of one file that are read.
MOST_PARTS = 10_000
#: Bytes of a profile or an EXIF block that are read.
MOST_BYTES = 1 << 20

_ORIENTATION = 0x0112  # the tag in EXIF
#: In the names of profiles with the colours of sRGB and another curve: GIMP's and Krita's.
_VARIANTS = (b"Linear", b"linear", b"elle")


class TooManyParts(ImageUnusable):
    """A file has more parts than are read: it cannot be cleaned in time."""


@dataclass
class Container:
    """A file of one of the three formats.

    `size` is in pixels, before the EXIF `orientation` (1 to 8). A `plain` picture is opaque, in 8
    bits of grey or RGB, and in sRGB. A `whole` file has no damage that changes the picture.
    `parts` are what a copy consists of: bytes, or offset and length in the file.
    """

    size: tuple[int, int] = (0, 0)
    orientation: int = 1
    is_plain: bool = True
    is_whole: bool = True
    is_film: bool = False
    parts: list[bytes | tuple[int, int]] = field(default_factory=list)

    def keep(self, offset: int, length: int) -> None:
        """Add a stretch of the file to the parts."""
        last = self.parts[-1]
        if isinstance(last, tuple) and sum(last) == offset:
            self.parts[-1] = last[0], last[1] + length
        else:
            self.parts.append((offset, length))


def pieces(file: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    """Read a stretch of a file piece by piece."""
    file.seek(offset)
    while length > 0 and (piece := file.read(min(length, PIECE))):
        length -= len(piece)
        yield piece


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Read so many bytes, MOST_BYTES at most."""
    file.seek(offset)
    return file.read(max(0, min(length, MOST_BYTES)))


# EXIF and colour profiles


def orientation(exif: bytes) -> int:
    """Return the orientation in an EXIF block, 1 if there is none or the block is damaged."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}L", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
            if tag == _ORIENTATION:
                layout = {1: "B", 4: "L", 6: "B", 9: "L"}.get(kind, "H")  # SHORT is right
                (value,) = struct.unpack_from(f"{order}{layout}", tiff, entry + 8)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def only_orientation(value: int) -> bytes:
    """An EXIF block with the orientation alone: a TIFF header and one entry."""
    return struct.pack(">2sHLHHHLHHL", b"MM", 42, 8, 1, _ORIENTATION, 3, 1, value, 0, 0)


def is_srgb(profile: bytes) -> bool:
    """Whether the description of an ICC profile names sRGB, and not a variant of it."""
    try:
        (count,) = struct.unpack_from(">L", profile, 128)
        for entry in range(132, 132 + 12 * min(count, 100), 12):
            name, offset, length = struct.unpack_from(">4sLL", profile, entry)
            if name == b"desc":
                words = profile[offset : offset + length].replace(b"\0", b"")  # it may be UTF-16
                return b"sRGB" in words and not any(other in words for other in _VARIANTS)
    except struct.error:
        pass
    return False
