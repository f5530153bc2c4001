"""JPEG files (ITU T.81)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from .container import (
    MOST_BYTES,
    MOST_PARTS,
    PIECE,
    Container,
    TooManyParts,
    is_srgb,
    only_orientation,
    orientation,
    read_at,
)

_SOF2, _EOI, _SOS, _APP0, _APP1, _APP2 = 0xC2, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2
#: Stands for the data between two segments, which has no marker.
_DATA = 0
#: SOF: a frame, its size and its kind.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: The other markers whose segments say how to decode: DHT, DAC, SOS, DQT, DNL, DRI.
_DECODING = _FRAMES | {0xC4, 0xCC, _SOS, 0xDB, 0xDC, 0xDD}
#: Markers without a segment: TEM, RST, SOI.
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
#: The application segments that say how the picture looks, with their first bytes.
_APPEARANCE = {_APP0: b"JFIF\0", _APP2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_AFTER_DATA = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def read(file: BinaryIO, end: int) -> Container:
    """Read a file of `end` bytes. Raises TooManyParts."""
    jpeg, profile, has_scan = Container(is_whole=False, parts=[b"\xff\xd8"]), b"", False
    for marker, at, length in _segments(file, end):
        body, first_bytes = read_at(file, at + 4, length - 4), _APPEARANCE.get(marker)
        is_kept = marker in _DECODING or bool(first_bytes and body.startswith(first_bytes))
        is_kept &= marker != _APP0 or len(body) <= 14  # more is a preview
        if is_kept or marker in (_DATA, _EOI):
            jpeg.keep(at, length)
        if marker == _APP1 and body.startswith(b"Exif\0\0") and jpeg.orientation == 1:
            jpeg.orientation = orientation(body)
        elif marker == _APP2 and is_kept and len(profile) < MOST_BYTES:
            profile += body[14:]
        elif marker in _FRAMES and len(body) >= 6:
            bits, height, width, components = struct.unpack_from(">BHHB", body)
            jpeg.size = width, height
            jpeg.is_plain = marker <= _SOF2 and bits == 8 and components in (1, 3)
        has_scan |= marker == _SOS
        jpeg.is_whole = has_scan and marker == _EOI
    if profile and not is_srgb(profile):
        jpeg.is_plain = False
    if jpeg.orientation != 1:
        exif = b"Exif\0\0" + only_orientation(jpeg.orientation)
        jpeg.parts.insert(1, struct.pack(">HH", 0xFFE1, len(exif) + 2) + exif)
    return jpeg


def _segments(file: BinaryIO, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, offset and length of each segment, up to EOI, and of the data between them."""
    at = 2
    for _ in range(MOST_PARTS):
        at = _find(file, _MARKER, at)
        if at >= end:
            return
        marker, length = struct.unpack(">xBH", read_at(file, at, 4).ljust(4, b"\0"))
        if marker == _EOI:  # what follows it is no part of the picture
            yield marker, at, 2
            return
        if marker in _ALONE or length < 2 or at + 2 + length > end:
            at += 2  # no segment: look for the next
            continue
        yield marker, at, 2 + length
        at += 2 + length
        if marker == _SOS:
            start, at = at, _find(file, _MARKER_AFTER_DATA, at)
            yield _DATA, start, at - start
    raise TooManyParts("too many segments")


def _find(file: BinaryIO, pattern: re.Pattern[bytes], at: int) -> int:
    """Return the offset of the next marker from `at` on; the end of the file if there is none."""
    file.seek(at)
    held = b""
    while piece := file.read(PIECE):
        held += piece
        if found := pattern.search(held):
            return at + found.start()
        at += len(held) - 1
        held = held[-1:]  # it may be the first byte of a marker
    return at + len(held)
