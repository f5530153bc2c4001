"""Clips in MP4 and QuickTime: their private data erased in place, so that no offset changes.

See ISO/IEC 14496-12. Erased boxes become `free` boxes full of zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

#: The boxes that are shown, or say how, by the box that they are in. All others are erased:
#: position, device and comments are in `udta`, `meta` and `uuid`, older ones in `free`.
_KEPT = {
    b"file": frozenset(b"ftyp styp pdin moov moof mdat sidx ssix mfra prft wide".split()),
    b"moov": frozenset(b"mvhd iods trak mvex cmov ctab clip".split()),
    b"trak": frozenset(b"tkhd edts tref mdia tapt trgr load matt clip imap txas".split()),
    b"mdia": frozenset(b"mdhd hdlr elng minf".split()),
    b"moof": frozenset(b"mfhd traf".split()),
    b"traf": frozenset(b"tfhd tfdt trun sdtp saiz saio sbgp sgpd subs senc".split()),
}
#: The handlers of tracks that are shown. Others hold texts and measurements, positions among them.
_SHOWN = frozenset((b"vide", b"soun"))
#: Boxes in one box, and samples in one track, that are read.
MOST_BOXES = 10_000
MOST_SAMPLES = 100_000
_PIECE = 1 << 16


class _Box(NamedTuple):
    """A box: its name, the offsets where it begins, its content begins, and it ends."""

    name: bytes
    start: int
    content: int
    end: int


def erase_private(path: Path) -> None:
    """Erase what tells where, with which device and by whom a clip was made.

    The times of the tracks stay. Raises ValueError if the clip is not understood, OSError.
    """
    with path.open("r+b") as file:
        _erase_in(file, _Box(b"file", 0, 0, path.stat().st_size))


def _erase_in(file: BinaryIO, outer: _Box) -> None:
    for box in _boxes(file, outer.content, outer.end):
        is_hidden = box.name == b"trak" and _handler(file, box) not in _SHOWN
        if is_hidden:
            # Damaged tables may name the same bytes again and again.
            left = file.seek(0, 2)
            for offset, length in _samples(file, box):
                _zero(file, offset, min(length, left))
                left -= min(length, left)
        if is_hidden or box.name not in _KEPT[outer.name]:
            _erase(file, box)
        elif box.name in _KEPT:
            _erase_in(file, box)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two offsets; one with a wrong length ends with all of them."""
    for _ in range(MOST_BOXES):
        head = _read(file, start, 16)
        if start + 8 > end or len(head) < 8:
            return
        length, name, long_length = struct.unpack(">L4sQ", head.ljust(16, b"\0"))
        content = min(start + (16 if length == 1 else 8), end)
        box_end = start + (long_length if length == 1 else length)
        if not content <= box_end <= end:
            box_end = end
        yield _Box(name, start, content, box_end)
        start = box_end
    raise ValueError("too many boxes")


def _inside(file: BinaryIO, box: _Box, *names: bytes) -> _Box | None:
    """Return the box at this path of names inside `box`."""
    for name in names:
        found = [each for each in _boxes(file, box.content, box.end) if each.name == name]
        if not found:
            return None
        box = found[0]
    return box


def _handler(file: BinaryIO, track: _Box) -> bytes:
    box = _inside(file, track, b"mdia", b"hdlr")
    return _read(file, box.content + 8, 4) if box else b""


def _samples(file: BinaryIO, track: _Box) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the chunks of a track, as its tables say."""
    table = _inside(file, track, b"mdia", b"minf", b"stbl")
    if table is None:
        return
    boxes = {box.name: box for box in _boxes(file, table.content, table.end)}
    offsets_box = boxes.get(b"stco") or boxes.get(b"co64")
    if offsets_box is None or b"stsz" not in boxes or b"stsc" not in boxes:
        return
    layout = "L" if offsets_box.name == b"stco" else "Q"
    offsets = _table(file, offsets_box, 4, layout)
    same, *_ = struct.unpack(">L", _read(file, boxes[b"stsz"].content + 4, 4).ljust(4, b"\0"))
    sizes = iter(_table(file, boxes[b"stsz"], 8, "L"))
    runs = _table(file, boxes[b"stsc"], 4, "LLL")
    number = before = 0
    for at, (first, per_chunk, _) in enumerate(runs):
        if first <= before:  # or some chunks would come again and again
            return
        before = first
        last = runs[at + 1][0] - 1 if at + 1 < len(runs) else len(offsets)
        for chunk in range(first, min(last, len(offsets)) + 1):
            count = min(per_chunk, MOST_SAMPLES - number)
            number += count
            lengths = [same] * count if same else [next(sizes, (0,))[0] for _ in range(count)]
            yield offsets[chunk - 1][0], sum(lengths)


def _table(file: BinaryIO, box: _Box, at: int, layout: str) -> list[tuple[int, ...]]:
    """Return the rows of a table that begins with their number, `at` bytes into its box."""
    row = struct.Struct(f">{layout}")
    (count,) = struct.unpack(">L", _read(file, box.content + at, 4).ljust(4, b"\0"))
    count = min(count, MOST_SAMPLES, (box.end - box.content - at - 4) // row.size)
    body = _read(file, box.content + at + 4, max(count, 0) * row.size)
    return list(row.iter_unpack(body[: len(body) // row.size * row.size]))


def _erase(file: BinaryIO, box: _Box) -> None:
    file.seek(box.start + 4)
    file.write(b"free")
    _zero(file, box.content, box.end - box.content)


def _zero(file: BinaryIO, offset: int, length: int) -> None:
    """Write zeros, and never past the end of the file."""
    length = min(length, file.seek(0, 2) - offset)
    file.seek(offset)
    while length > 0:
        length -= file.write(bytes(min(length, _PIECE)))


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
