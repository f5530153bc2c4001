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

from ..errors import DiskFull

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
        self._is_ours = False
        self._numbers = count(1)

    def interrupted(self) -> set[int]:
        """The ids of the images that were being converted when the bot died."""
        return {int(each.name.split("-")[1]) for each in self.folder.glob(f"{_MARK}*-*")}

    def empty(self) -> None:
        """Remove all files, and make the folder. Raises DiskFull."""
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = f"the folder {self.folder} cannot be made ({error.strerror})"
            raise DiskFull(
                f"{reason}: set CACHE_DIRECTORY to another, or free some space"
            ) from None
        self._is_ours = True

    def remove(self) -> None:
        """Remove the folder, if it was emptied: else it holds what the last process left."""
        if self._is_ours:
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
