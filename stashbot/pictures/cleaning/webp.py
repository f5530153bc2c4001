"""WebP files (RFC 9649)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from .container import (
    MOST_BYTES,
    MOST_PARTS,
    Container,
    TooManyParts,
    is_srgb,
    only_orientation,
    orientation,
    read_at,
)

_FRAME_CHUNKS = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_WEBP_CHUNKS = _FRAME_CHUNKS | {b"ANIM", b"ICCP"}
#: Chunks in one frame of a film that are read.
_MOST_IN_FRAME = 10
_HAS_FILM, _HAS_XMP, _HAS_EXIF = 0x02, 0x04, 0x08


def read(file: BinaryIO, end: int) -> Container:
    """Read a file of `end` bytes. Raises TooManyParts."""
    webp, at, extended = Container(parts=[b""]), 12, b""
    for _ in range(MOST_PARTS):
        head = read_at(file, at, 8)
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sL", head)
        padded = length + length % 2
        webp.is_whole &= at + 8 + length <= end
        if name == b"VP8X" and length >= 10:
            extended = read_at(file, at + 8, 10).ljust(10, b"\0")
            webp.is_film = bool(extended[0] & _HAS_FILM)
            if webp.is_film:
                width, height = (int.from_bytes(extended[k : k + 3], "little") for k in (4, 7))
                webp.size = 1 + width, 1 + height
        elif name == b"EXIF" and webp.orientation == 1:
            webp.orientation = orientation(read_at(file, at + 8, length))
        elif name == b"ANMF":
            _keep_frame(webp, file, at, length)
        elif name in _WEBP_CHUNKS:
            webp.keep(at, 8 + padded)
            body = read_at(file, at + 8, min(length, MOST_BYTES))
            _note_webp_chunk(webp, name, body)
        at += 8 + padded
    else:
        raise TooManyParts("too many chunks")
    return _finished_webp(webp, extended)


def _keep_frame(webp: Container, file: BinaryIO, at: int, length: int) -> None:
    """Add a frame of a film: its place and its pixels."""
    kept, inside, end = [(at + 8, 16)], at + 24, at + 8 + length
    for _ in range(_MOST_IN_FRAME):
        head = read_at(file, inside, 8)
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
        exif = only_orientation(webp.orientation)
        webp.parts.append(struct.pack("<4sL", b"EXIF", len(exif)) + exif)
    else:
        flags &= ~_HAS_EXIF
    first = b""
    if extended:
        first = struct.pack("<4sLB", b"VP8X", len(extended), flags & ~_HAS_XMP) + extended[1:]
    length = sum(len(part) if isinstance(part, bytes) else part[1] for part in webp.parts)
    length = min(4 + len(first) + length, 2**32 - 1)  # more is said by a damaged file alone
    webp.parts[0] = struct.pack("<4sL4s", b"RIFF", length, b"WEBP") + first
    return webp
