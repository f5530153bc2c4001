"""Users, chats, messages and events as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .files import File
from .limits import Buttons, Keyboard
from .markup import Entity


@dataclass(frozen=True)
class User:
    """A user or the bot."""

    id: int
    first_name: str
    username: str = ""
    language_code: str = "en"
    is_bot: bool = False

    def as_json(self) -> dict[str, object]:
        """The Bot API's User."""
        user: dict[str, object] = {
            "id": self.id,
            "is_bot": self.is_bot,
            "first_name": self.first_name,
        }
        if self.username:
            user["username"] = self.username
        return user if self.is_bot else user | {"language_code": self.language_code}


@dataclass(frozen=True)
class Chat:
    """A private chat, whose id is that of its user, or a chat with `members`.

    Some members are `administrators`. A chat with `topics` (their message_thread_ids) is a forum.
    """

    id: int
    type: str
    title: str
    members: tuple[int, ...] = ()
    topics: tuple[int, ...] = ()
    administrators: tuple[int, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The Bot API's Chat."""
        name = "first_name" if self.type == "private" else "title"
        chat: dict[str, object] = {"id": self.id, "type": self.type, name: self.title}
        return chat | ({"is_forum": True} if self.topics else {})


@dataclass(frozen=True)
class Draft:
    """The content of a message that has no id yet.

    `text` is the text or the caption of `file`. `keyboard` is None if the message leaves the
    reply keyboard alone. `service` holds further fields of the Bot API's Message.
    """

    text: str = ""
    entities: tuple[Entity, ...] = ()
    file: File | None = None
    buttons: Buttons = ()
    keyboard: Keyboard | None = None
    album: str = ""
    reply_to: int = 0
    topic: int = 0
    is_spoiler: bool = False
    is_protected: bool = False
    service: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Message(Draft):
    """A message in a chat. `date` and `edited_at` are Unix seconds."""

    id: int
    chat_id: int
    sender: User
    date: int
    edited_at: int = 0


@dataclass(frozen=True)
class Event:
    """A change for the chat page: `message`, `edited`, `deleted`, `action` and so on."""

    name: str
    chat_id: int
    value: Any
