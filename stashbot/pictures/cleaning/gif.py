"""GIFs: their comments and the data of programs erased in place.

See https://www.w3.org/Graphics/GIF/spec-gif89a.txt.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from .container import TooManyParts

#: Blocks of one file that are read: one of 50 MB has 200,000, with 255 bytes in each.
MOST_BLOCKS = 300_000
#: The names of the application extensions that say how often a film is played.
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_GRAPHIC_CONTROL, _APPLICATION = b"\xf9", b"\xff"


def erase_private(path: Path) -> None:
    """Erase all data that is no part of the pictures, such as comments and XMP.

    Raises TooManyParts, OSError.
    """
    blocks = iter(range(MOST_BLOCKS))
    with path.open("r+b") as file:
        _skip_colours(file, file.read(13)[10:11])
        for _ in blocks:
            kind = file.read(1)
            if kind == b";":
                file.truncate(file.tell())
            if kind in (b"", b";"):
                return
            if kind == b",":
                _skip_colours(file, file.read(9)[8:])
                file.seek(1, 1)
            is_private = kind == b"!" and _is_private(file)
            for _ in blocks if kind in (b"!", b",") else ():
                length = int.from_bytes(file.read(1), "big")
                if not length:
                    break
                if is_private:
                    _erase(file, length)
                else:
                    file.seek(length, 1)
            if kind not in (b"!", b","):  # no block: decoders look for the next one
                file.seek(-1, 1)
                file.write(b"\0")
    raise TooManyParts("too many blocks")


def _is_private(file: BinaryIO) -> bool:
    """Read the label of an extension."""
    label = file.read(1)
    if label != _APPLICATION:
        return label != _GRAPHIC_CONTROL
    first = file.read(12)
    file.seek(-len(first), 1)
    return first[1:] not in _LOOPS


def _erase(file: BinaryIO, length: int) -> None:
    """Write zeros, and never past the end of the file."""
    length = len(file.read(length))
    file.seek(-length, 1)
    file.write(bytes(length))


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    """Skip the table of colours that the flags announce."""
    if flags and flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, 1)
