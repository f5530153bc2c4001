"""The temporary files of pictures: downloads, and what they are converted to.

They live in one folder of the bot's own, which is emptied at start, and in which each file
belongs to a `with` block.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

#: The beginning of the name of an empty file that is there while an image is converted.
_MARK = "converting-"


def cache_folder(database: Path) -> Path:
    """Return the folder for temporary files: systemd's for the unit, or one beside the database.

    /tmp may be memory, and another bot may use it.
    """
    given = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    return Path(given, "pictures") if given else database.with_name(f"{database.name}-pictures")


class TemporaryFiles:
    """Makes files in a folder. Thread-safe; one process a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)

    def empty(self) -> set[int]:
        """Remove all files; the ids of the images that were being converted when the bot died."""
        marks = [each.name.split("-") for each in self.folder.glob(f"{_MARK}*-*")]
        self.remove()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {int(image_id) for _, image_id, _ in marks}

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new(self, block: ExitStack) -> Path:
        """Return the path of a new file, which the end of the block removes."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / str(next(self._numbers))
        block.callback(path.unlink, missing_ok=True)
        return path

    @contextmanager
    def marked(self, image_id: int) -> Iterator[None]:
        """Have the next start know that this image was being converted, if the bot dies here."""
        mark = self.folder / f"{_MARK}{image_id}-{next(self._numbers)}"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)
