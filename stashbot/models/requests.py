"""Requests for pictures, schedules, and the pictures that were sent. All values are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Priority(IntEnum):
    """The order of jobs. READY jobs need only Telegram; a user waits for USER jobs."""

    READY = 0
    USER = 1
    SCHEDULE = 2
    BACKGROUND = 3


class Trigger(StrEnum):
    """The source of a request for pictures."""

    COMMAND = "command"
    SCHEDULE = "schedule"
    VOTE = "vote"


@dataclass(frozen=True, slots=True)
class Request:
    """A request for `count` pictures, made at `requested_at` (UTC).

    `source` is the key of its source, empty for the chat's standing one. A scheduled request
    has the times `when` of its schedule, and the moment `due` (UTC); an `is_silent` one makes no
    sound. `topic` is the forum topic that its pictures go to, 0 for none.
    """

    id: int
    chat_id: int
    user_id: int
    count: int
    trigger: Trigger
    requested_at: datetime
    language: str
    source: str = ""
    when: str = ""
    due: datetime | None = None
    is_silent: bool = False
    topic: int = 0

    @property
    def priority(self) -> Priority:
        return Priority.SCHEDULE if self.trigger is Trigger.SCHEDULE else Priority.USER


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot, and the image in it."""

    message_id: int
    image_id: int


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures that were sent together: the key of their source, and each in its message.

    Their request asked for `count` pictures. `message_id` is that of the message with their
    buttons, None if it is not known.
    """

    source: str
    pictures: Sequence[Shown]
    count: int
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture in a chat: the key and the name of its source, and whether its menu is unfolded."""

    source: str = ""
    is_unfolded: bool = False
    source_name: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule: `count` pictures for a chat, at the times `when`, in the user's words.

    `zone` is an IANA name, empty for the bot's time zone. `is_fixed` schedules stand in the
    settings. The moments up to `handled_until` (UTC) are served or given up. `source` is the key
    of its source with the name to show, empty for the chat's standing one. `topic` is the forum
    topic of its pictures, 0 for none. `language` is that of the chat, empty if it has not
    written yet.
    """

    id: int
    chat_id: int
    when: str
    zone: str
    count: int
    source: str
    topic: int
    source_name: str
    is_fixed: bool
    handled_until: datetime
    language: str
    is_silent: bool = False
