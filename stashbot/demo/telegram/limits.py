"""Texts and keyboards as the bot sends them, and refusals of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .markup import Entity, MarkupError, parse_html, utf16_length

MAX_TEXT = 4096  # UTF-16 code units, after entities
MAX_CAPTION = 1024  # UTF-16 code units, after entities


class Refusal(Exception):
    """An error answer of Telegram: code, description and `parameters`."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def as_json(self) -> dict[str, Any]:
        """The Bot API's answer."""
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        return answer | ({"parameters": self.parameters} if self.parameters else {})


def bad_request(description: str) -> Refusal:
    return Refusal(400, f"Bad Request: {description}")


@dataclass(frozen=True)
class Button:
    """A button under a message, with callback `data` or a `url`."""

    text: str
    data: str = ""
    url: str = ""
    style: str = ""

    def as_json(self) -> dict[str, str]:
        """The Bot API's InlineKeyboardButton."""
        use = {"url": self.url} if self.url else {"callback_data": self.data}
        return {"text": self.text, **use} | ({"style": self.style} if self.style else {})


Buttons = tuple[tuple[Button, ...], ...]
Keyboard = tuple[tuple[str, ...], ...]


def read_text(source: str, parse_mode: str, *, limit: int) -> tuple[str, tuple[Entity, ...]]:
    """The plain text or caption and its entities. Raises Refusal.

    The length is counted in UTF-16 code units after parsing; Telegram's own count is a
    little more generous.
    """
    entities: tuple[Entity, ...] = ()
    if parse_mode.lower() == "html":
        try:
            source, entities = parse_html(source)
        except MarkupError as error:
            raise bad_request(f"can't parse entities: {error}") from error
    if utf16_length(source) > limit:
        name = "message caption" if limit == MAX_CAPTION else "message"
        raise bad_request(f"{name} is too long")
    return source, entities


def read_json(source: str, kind: type[Any], name: str) -> Any:
    """The JSON list or object in a parameter; `name` is Telegram's name for it."""
    try:
        value = json.loads(source)
    except ValueError as error:
        raise bad_request(f"can't parse {name} JSON object") from error
    if not isinstance(value, kind):
        raise bad_request(f"object expected as {name}")
    return value


def read_reply_markup(source: str) -> tuple[Buttons, Keyboard | None]:
    """The inline buttons of a message, and the reply keyboard that it sets.

    The keyboard is None if the message does not change it, and empty if it removes it.
    """
    if not source:
        return (), None
    markup = read_json(source, dict, "reply keyboard markup")
    buttons = tuple(tuple(map(_button, row)) for row in markup.get("inline_keyboard", ()))
    if "keyboard" in markup:
        return (), tuple(tuple(key["text"] for key in row) for row in markup["keyboard"])
    return buttons, () if markup.get("remove_keyboard") else None


def _button(button: dict[str, str]) -> Button:
    return Button(*(button.get(name, "") for name in ("text", "callback_data", "url", "style")))
