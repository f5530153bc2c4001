"""The settings of one chat. All values are frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

#: The text of a setting that is off.
OFF = "0"
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """Whether a message has a spoiler cover, cannot be forwarded or saved, and makes no sound.

    `topic` is its forum topic, 0 for none.
    """

    spoiler: bool = False
    protect: bool = False
    silent: bool = False
    topic: int = 0


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of each day, by the wall clock, without scheduled pictures; `end` is not quiet."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class ChatValues:
    """The settings of a chat: its own, and for the others those of the file.

    `language` is a language or `auto`, `silent` is for schedules, and `delete_after` is in hours,
    0 for never. A zone that is not chosen is UTC, because the machine's is; the chat is asked once.
    `alerts` names the troubles that the owner was told of in this chat.
    """

    language: str = "auto"
    timezone: ZoneInfo = _UTC
    is_zone_chosen: bool = True
    is_zone_asked: bool = False
    spoiler: bool = False
    protect: bool = False
    auto_next: bool = True
    silent: bool = False
    quiet: QuietHours | None = None
    delete_after: int = 0
    alerts: str = ""

    def media(self, topic: int, *, is_scheduled: bool = False) -> MediaOptions:
        """The options of a picture in a forum topic, 0 for none."""
        return MediaOptions(self.spoiler, self.protect, self.silent and is_scheduled, topic)


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message of the bot that it can delete, sent at `sent_at` (UTC)."""

    message_id: int
    sent_at: datetime
    is_unwanted: bool = False


def as_text(value: object) -> str:
    """The text of a value of ChatValues, for the database and for callback data."""
    match value:
        case None:
            return OFF
        case bool():
            return str(int(value))
        case QuietHours():
            return f"{value.start:%H:%M}-{value.end:%H:%M}"
    return str(value)
