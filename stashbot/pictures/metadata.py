"""What JPEG, PNG and WebP files say of their picture, and copies of them without private data.

Position, serial numbers, comments and previews are left out, without decoding; what changes
how the picture looks stays. Files are read in pieces, and may be damaged or hostile: what is
not understood is left out too.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

#: Bytes that are read at once.
PIECE = 1 << 16
#: Segments or chunks in one file, and bytes of a profile or an EXIF block that are read.
MOST_PARTS = 200_000
MOST_BYTES = 1 << 20

_ORIENTATION = 0x0112  # the tag in EXIF


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


def read(file: BinaryIO, form: str) -> Container:
    """Read a file of the `form` jpeg, png or webp. Raises OSError."""
    container = _READERS[form](file, file.seek(0, 2))
    if not all(container.size):
        container.is_whole = False
    return container


def copy(original: BinaryIO, target: Path, container: Container) -> None:
    """Write the file without its private data. Raises OSError."""
    with target.open("wb") as file:
        for part in container.parts:
            for piece in [part] if isinstance(part, bytes) else _pieces(original, *part):
                file.write(piece)


def _pieces(file: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    file.seek(offset)
    while length > 0 and (piece := file.read(min(length, PIECE))):
        length -= len(piece)
        yield piece


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
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


def _only_orientation(value: int) -> bytes:
    """An EXIF block with the orientation alone: a TIFF header and one entry."""
    return struct.pack(">2sHLHHHLHHL", b"MM", 42, 8, 1, _ORIENTATION, 3, 1, value, 0, 0)


def is_srgb(profile: bytes) -> bool:
    """Whether the description of an ICC profile names sRGB."""
    try:
        (count,) = struct.unpack_from(">L", profile, 128)
        for entry in range(132, 132 + 12 * min(count, 100), 12):
            name, offset, length = struct.unpack_from(">4sLL", profile, entry)
            if name == b"desc":
                words = profile[offset : offset + length]
                return b"sRGB" in words or "sRGB".encode("utf-16-be") in words
    except struct.error:
        pass
    return False


# JPEG (ITU T.81)

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


def _read_jpeg(file: BinaryIO, end: int) -> Container:
    jpeg, profile, has_scan = Container(is_whole=False, parts=[b"\xff\xd8"]), b"", False
    for marker, at, length in _segments(file, end):
        body = _at(file, at + 4, length - 4)
        is_kept = marker in _DECODING or body.startswith(_APPEARANCE.get(marker, b"-"))
        is_kept &= marker != _APP0 or len(body) <= 14  # more is a preview
        if is_kept or marker in (_DATA, _EOI):
            jpeg.keep(at, length)
        if marker == _APP1 and body.startswith(b"Exif\0\0") and jpeg.orientation == 1:
            jpeg.orientation = orientation(body)
        elif marker == _APP2 and is_kept:
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
        exif = b"Exif\0\0" + _only_orientation(jpeg.orientation)
        jpeg.parts.insert(1, struct.pack(">HH", 0xFFE1, len(exif) + 2) + exif)
    return jpeg


def _segments(file: BinaryIO, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, offset and length of each segment, up to EOI, and of the data between them."""
    at = 2
    for _ in range(MOST_PARTS):
        at = _find(file, _MARKER, at)
        if at >= end:
            return
        marker, length = struct.unpack(">xBH", _at(file, at, 4).ljust(4, b"\0"))
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


# PNG (https://www.w3.org/TR/png)

#: Chunks that say how the picture looks.
_PNG_CHUNKS = frozenset(
    b"IHDR PLTE IDAT tRNS gAMA cHRM sRGB iCCP sBIT cICP bKGD pHYs acTL fcTL fdAT".split()
)
#: Their lengths, where only one is right.
_PNG_LENGTHS = {b"IHDR": 13, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"acTL": 8}


def _read_png(file: BinaryIO, end: int) -> Container:
    png = Container(is_whole=False, parts=[b"\x89PNG\r\n\x1a\n"])
    at, is_sound, has_pixels = 8, True, False
    for _ in range(MOST_PARTS):
        head = _at(file, at, 8)
        if len(head) < 8:
            break
        length, name = struct.unpack(">L4s", head)
        if name in _PNG_CHUNKS:
            png.keep(at, 12 + length)
            is_sound &= _has_right_sum(file, at, length, end)
            is_sound &= length == _PNG_LENGTHS.get(name, length)
            is_sound &= png.is_film or name not in (b"fcTL", b"fdAT")
            has_pixels |= name == b"IDAT"
        if name == b"IEND":
            png.is_whole = is_sound and has_pixels
            break
        if name == b"IHDR":
            fields = _at(file, at + 8, 10).ljust(10, b"\0")
            width, height, bits, colours = struct.unpack(">LLBB", fields)
            png.size = width, height
            png.is_plain &= bits <= 8 and colours in (0, 2, 3)  # grey, RGB, palette
        elif name == b"tRNS":
            png.is_plain = False
        elif name == b"iCCP":
            png.is_plain &= is_srgb(_unpacked(_at(file, at + 8, length)))
        elif name == b"eXIf" and png.orientation == 1:
            png.orientation = orientation(_at(file, at + 8, length))
        png.is_film |= name == b"acTL" and length == 8
        at += 12 + length
    if png.orientation != 1:
        exif = b"eXIf" + _only_orientation(png.orientation)
        png.parts.append(struct.pack(">L", len(exif) - 4) + exif + _sum(exif))
    png.parts.append(b"\0\0\0\0IEND" + _sum(b"IEND"))
    return png


def _sum(chunk: bytes) -> bytes:
    return struct.pack(">L", zlib.crc32(chunk))


def _has_right_sum(file: BinaryIO, at: int, length: int, end: int) -> bool:
    if at + 12 + length > end:
        return False
    found = 0
    for piece in _pieces(file, at + 4, length + 4):
        found = zlib.crc32(piece, found)
    return file.read(4) == struct.pack(">L", found)


def _unpacked(chunk: bytes) -> bytes:
    """Return the profile in an iCCP chunk, as far as it is sound."""
    _, _, packed = chunk.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], MOST_BYTES)
    except zlib.error:
        return b""


# WebP (RFC 9649)

_FRAME_CHUNKS = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_WEBP_CHUNKS = _FRAME_CHUNKS | {b"ANIM", b"ICCP"}
#: Chunks in one frame of a film that are read.
_MOST_IN_FRAME = 10
_HAS_FILM, _HAS_XMP, _HAS_EXIF = 0x02, 0x04, 0x08


def _read_webp(file: BinaryIO, end: int) -> Container:
    webp, at, extended = Container(parts=[b""]), 12, b""
    for _ in range(MOST_PARTS):
        head = _at(file, at, 8)
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sL", head)
        padded = length + length % 2
        webp.is_whole &= at + 8 + length <= end
        if name == b"VP8X" and length >= 10:
            extended = _at(file, at + 8, 10).ljust(10, b"\0")
            webp.is_film = bool(extended[0] & _HAS_FILM)
            if webp.is_film:
                width, height = (int.from_bytes(extended[k : k + 3], "little") for k in (4, 7))
                webp.size = 1 + width, 1 + height
        elif name == b"EXIF" and webp.orientation == 1:
            webp.orientation = orientation(_at(file, at + 8, length))
        elif name == b"ANMF":
            _keep_frame(webp, file, at, length)
        elif name in _WEBP_CHUNKS:
            webp.keep(at, 8 + padded)
            body = _at(file, at + 8, min(length, MOST_BYTES))
            _note_webp_chunk(webp, name, body)
        at += 8 + padded
    return _finished_webp(webp, extended)


def _keep_frame(webp: Container, file: BinaryIO, at: int, length: int) -> None:
    """Add a frame of a film: its place and its pixels."""
    kept, inside, end = [(at + 8, 16)], at + 24, at + 8 + length
    for _ in range(_MOST_IN_FRAME):
        head = _at(file, inside, 8)
        if inside + 8 > end or len(head) < 8:
            break
        name, size = struct.unpack("<4sL", head)
        padded = size + size % 2
        if name in _FRAME_CHUNKS:
            kept.append((inside, 8 + padded))
        inside += 8 + padded
    webp.parts.append(struct.pack("<4sL", b"ANMF", sum(size for _, size in kept)))
    for part in kept:
        webp.keep(*part)


def _note_webp_chunk(webp: Container, name: bytes, body: bytes) -> None:
    if name == b"ALPH" or (name == b"ICCP" and not is_srgb(body)):
        webp.is_plain = False
    elif name == b"VP8 " and not any(webp.size) and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body.ljust(10, b"\0"), 6)
        webp.size = width & 0x3FFF, height & 0x3FFF
    elif name == b"VP8L" and body[:1] == b"\x2f":
        bits = int.from_bytes(body[1:5], "little")
        if not any(webp.size):
            webp.size = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        webp.is_plain &= not bits >> 28 & 1  # alpha is used


def _finished_webp(webp: Container, extended: bytes) -> Container:
    """Put the header first, which has the length of the copy, and the orientation last."""
    flags = extended[0] if extended else 0
    if webp.orientation != 1:
        exif = _only_orientation(webp.orientation)
        webp.parts.append(struct.pack("<4sL", b"EXIF", len(exif)) + exif)
    else:
        flags &= ~_HAS_EXIF
    first = b""
    if extended:
        first = struct.pack("<4sLB", b"VP8X", len(extended), flags & ~_HAS_XMP) + extended[1:]
    length = sum(len(part) if isinstance(part, bytes) else part[1] for part in webp.parts)
    webp.parts[0] = struct.pack("<4sL4s", b"RIFF", 4 + len(first) + length, b"WEBP") + first
    return webp


_READERS = {"jpeg": _read_jpeg, "png": _read_png, "webp": _read_webp}
#: The forms that can be read.
FORMS = frozenset(_READERS)
