"""The people, groups and channels that the owner decides about. All values are frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Standing(StrEnum):
    """The owner's decision about a user or chat; `OWNER` marks the sender of the code."""

    OWNER = "owner"
    ADMITTED = "admitted"
    WAITING = "waiting"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Person:
    """A user, group or channel by its chat: a private chat has its user's id.

    `id` is never used again. `told_at` is the time at which the owner was last asked.
    """

    id: int
    chat_id: int
    standing: Standing
    name: str
    username: str = ""
    language: str = ""
    told_at: datetime | None = None
