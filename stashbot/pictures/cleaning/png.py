"""PNG files (https://www.w3.org/TR/png)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from .container import (
    MOST_BYTES,
    Container,
    TooManyParts,
    is_srgb,
    only_orientation,
    orientation,
    pieces,
    read_at,
)

#: Chunks of one file that are read: 50 MB of pixels are 6,000, with the usual 8 kB in each; a film
#: has two or more a frame.
MOST_CHUNKS = 50_000
#: Chunks that say how the picture looks.
_CHUNKS = frozenset(
    b"IHDR PLTE IDAT tRNS gAMA cHRM sRGB iCCP sBIT cICP bKGD pHYs acTL fcTL fdAT".split()
)
#: Those whose content is read.
_NOTED = frozenset((b"IHDR", b"iCCP", b"eXIf"))
#: Those of which there may be several; of the others the first counts.
_REPEATED = frozenset((b"IDAT", b"fcTL", b"fdAT"))
#: Their lengths, where only one is right.
_LENGTHS = {b"IHDR": 13, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"acTL": 8}


def read(file: BinaryIO, end: int) -> Container:
    """Read a file of `end` bytes. Raises TooManyParts."""
    png = Container(is_whole=False, parts=[b"\x89PNG\r\n\x1a\n"])
    is_sound, seen = True, set[bytes]()
    for name, at, length in _chunks(file):
        if name in seen and name not in _REPEATED:
            continue
        seen.add(name)
        if name in _CHUNKS:
            png.keep(at, 12 + length)
            is_sound &= _has_right_sum(file, at, length, end)
            is_sound &= length == _LENGTHS.get(name, length)
            is_sound &= png.is_film or name not in (b"fcTL", b"fdAT")
        _note(png, name, length, read_at(file, at + 8, length) if name in _NOTED else b"")
    png.is_whole = is_sound and {b"IDAT", b"IEND"} <= seen
    if png.orientation != 1:
        exif = b"eXIf" + only_orientation(png.orientation)
        png.parts.append(struct.pack(">L", len(exif) - 4) + exif + _sum(exif))
    png.parts.append(b"\0\0\0\0IEND" + _sum(b"IEND"))
    return png


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, offset and length of each chunk, up to IEND."""
    at = 8
    for _ in range(MOST_CHUNKS):
        head = read_at(file, at, 8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">L4s", head)
        yield name, at, length
        if name == b"IEND":
            return
        at += 12 + length
    raise TooManyParts("too many chunks")


def _note(png: Container, name: bytes, length: int, body: bytes) -> None:
    if name == b"IHDR":
        width, height, bits, colours = struct.unpack(">LLBB", body[:10].ljust(10, b"\0"))
        png.size = width, height
        png.is_plain &= bits <= 8 and colours in (0, 2, 3)  # grey, RGB, palette
    elif name == b"tRNS":
        png.is_plain = False
    elif name == b"iCCP":
        png.is_plain &= is_srgb(_unpacked(body))
    elif name == b"eXIf":
        png.orientation = orientation(body)
    png.is_film |= name == b"acTL" and length == 8


def _sum(chunk: bytes) -> bytes:
    return struct.pack(">L", zlib.crc32(chunk))


def _has_right_sum(file: BinaryIO, at: int, length: int, end: int) -> bool:
    if at + 12 + length > end:
        return False
    found = 0
    for piece in pieces(file, at + 4, length + 4):
        found = zlib.crc32(piece, found)
    return file.read(4) == struct.pack(">L", found)


def _unpacked(chunk: bytes) -> bytes:
    """Return the profile in an iCCP chunk, as far as it is sound."""
    _, _, packed = chunk.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], MOST_BYTES)
    except zlib.error:
        return b""
