"""Clips in MP4 and QuickTime: their private data erased in place, so that no offset changes.

See ISO/IEC 14496-12. Erased boxes become `free` boxes full of zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .container import TooManyParts

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
#: Boxes of one file, and chunks of its hidden tracks, that are read: a second of a clip in
#: fragments has about ten boxes.
MOST_BOXES = 50_000
#: Rows of the tables of the hidden tracks of one file that are read.
MOST_ROWS = 300_000
_PIECE = 1 << 16


class _Box(NamedTuple):
    """A box: its name, the offsets where it begins, its content begins, and it ends."""

    name: bytes
    start: int
    content: int
    end: int


class _Clip:
    """An open clip of `size` bytes, which counts its boxes, chunks and rows when they are read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size = size
        #: Bytes of samples that may be erased: damaged tables may name the same ones often.
        self.samples_left = size
        self._file = file
        self._boxes_left = MOST_BOXES
        self._rows_left = MOST_ROWS

    def count(self, *, boxes: int = 0, rows: int = 0) -> None:
        """Count parts before they are read. Raises TooManyParts."""
        self._boxes_left -= boxes
        self._rows_left -= rows
        if self._boxes_left < 0 or self._rows_left < 0:
            raise TooManyParts("too many boxes")

    def read(self, offset: int, length: int) -> bytes:
        """Read so many bytes, as far as there are."""
        self._file.seek(offset)
        return self._file.read(length)

    def write(self, offset: int, data: bytes) -> None:
        """Write inside the file."""
        self._file.seek(offset)
        self._file.write(data)

    def zero(self, offset: int, length: int) -> None:
        """Write zeros, and never past the end of the file."""
        end = min(offset + length, self.size)
        for at in range(offset, end, _PIECE):
            self.write(at, bytes(min(end - at, _PIECE)))


def erase_private(path: Path) -> None:
    """Erase what tells where, with which device and by whom a clip was made.

    The times of the tracks stay. Raises TooManyParts, OSError.
    """
    with path.open("r+b") as file:
        clip = _Clip(file, path.stat().st_size)
        _erase_in(clip, _Box(b"file", 0, 0, clip.size))


def _erase_in(clip: _Clip, outer: _Box) -> None:
    for box in _boxes(clip, outer.content, outer.end):
        is_hidden = box.name == b"trak" and _handler(clip, box) not in _SHOWN
        if is_hidden:
            for offset, length in _chunks(clip, box):
                erased = min(length, clip.samples_left)
                clip.samples_left -= erased
                clip.zero(offset, erased)
        if is_hidden or box.name not in _KEPT[outer.name]:
            clip.write(box.start + 4, b"free")
            clip.zero(box.content, box.end - box.content)
        elif box.name in _KEPT:
            _erase_in(clip, box)


def _boxes(clip: _Clip, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two offsets; one with a wrong length ends with all of them."""
    while start + 8 <= end and len(head := clip.read(start, 16)) >= 8:
        clip.count(boxes=1)
        length, name, long_length = struct.unpack(">L4sQ", head.ljust(16, b"\0"))
        content = min(start + (16 if length == 1 else 8), end)
        box_end = start + (long_length if length == 1 else length)
        if not content <= box_end <= end:
            box_end = end
        yield _Box(name, start, content, box_end)
        start = box_end


def _inside(clip: _Clip, box: _Box, *names: bytes) -> _Box | None:
    """Return the box at this path of names inside `box`."""
    for name in names:
        found = [each for each in _boxes(clip, box.content, box.end) if each.name == name]
        if not found:
            return None
        box = found[0]
    return box


def _handler(clip: _Clip, track: _Box) -> bytes:
    box = _inside(clip, track, b"mdia", b"hdlr")
    return clip.read(box.content + 8, 4) if box else b""


def _chunks(clip: _Clip, track: _Box) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the chunks of a track, as its tables say."""
    table = _inside(clip, track, b"mdia", b"minf", b"stbl")
    if table is None:
        return
    boxes = {box.name: box for box in _boxes(clip, table.content, table.end)}
    offsets_box = boxes.get(b"stco") or boxes.get(b"co64")
    if offsets_box is None or b"stsz" not in boxes or b"stsc" not in boxes:
        return
    layout = "L" if offsets_box.name == b"stco" else "Q"
    offsets = _table(clip, offsets_box, 4, layout)
    same, *_ = struct.unpack(">L", clip.read(boxes[b"stsz"].content + 4, 4).ljust(4, b"\0"))
    sizes = iter(_table(clip, boxes[b"stsz"], 8, "L"))
    runs = _table(clip, boxes[b"stsc"], 4, "LLL")
    before = 0
    for at, (first, per_chunk, _) in enumerate(runs):
        if first <= before:  # or some chunks would come again and again
            return
        before = first
        last = runs[at + 1][0] - 1 if at + 1 < len(runs) else len(offsets)
        for chunk in range(first, min(last, len(offsets)) + 1):
            clip.count(boxes=1)
            lengths = (length for (length,) in islice(sizes, per_chunk))
            yield offsets[chunk - 1][0], same * per_chunk or sum(lengths)


def _table(clip: _Clip, box: _Box, at: int, layout: str) -> list[tuple[int, ...]]:
    """Return the rows of a table that begins with their number, `at` bytes into its box."""
    row = struct.Struct(f">{layout}")
    (count,) = struct.unpack(">L", clip.read(box.content + at, 4).ljust(4, b"\0"))
    count = max(0, min(count, (box.end - box.content - at - 4) // row.size))
    clip.count(rows=count)
    body = clip.read(box.content + at + 4, count * row.size)
    return list(row.iter_unpack(body[: len(body) // row.size * row.size]))
