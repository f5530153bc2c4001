"""Files for Telegram. All values are frozen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """The form in which a file is sent: the name of the Bot API's method and field for it."""

    PHOTO = "photo"
    ANIMATION = "animation"
    VIDEO = "video"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form that Telegram takes; the receiver of a document sees `filename`.

    It lies on the disk, with `size` in bytes. `width`, `height` (pixels) and `duration` (seconds)
    are 0 if they are unknown.
    """

    kind: Kind
    filename: str
    path: Path
    size: int
    width: int = 0
    height: int = 0
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that Telegram has from the bot already."""

    kind: Kind
    file_id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that Telegram has sent: its id, and the file in it."""

    message_id: int
    file: KnownFile
