"""Reads the headers of JPEG, PNG and WebP files, and copies the files without private data.

Position, serial numbers, comments and previews are left out, without decoding; what changes
how the picture looks stays. Files are read in pieces, and may be damaged or hostile: what is
not understood is left out too.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from . import jpeg, png, webp
from .container import Container, pieces

_READERS = {"jpeg": jpeg.read, "png": png.read, "webp": webp.read}
#: The forms that can be read.
FORMS = frozenset(_READERS)


def read(file: BinaryIO, form: str) -> Container:
    """Read a file of the `form` jpeg, png or webp. Raises TooManyParts, OSError."""
    container = _READERS[form](file, file.seek(0, 2))
    if not all(container.size):
        container.is_whole = False
    return container


def copy(original: BinaryIO, target: Path, container: Container) -> None:
    """Write the file without its private data. Raises OSError."""
    with target.open("wb") as file:
        for part in container.parts:
            for piece in [part] if isinstance(part, bytes) else pieces(original, *part):
                file.write(piece)
