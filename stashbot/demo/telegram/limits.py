"""Telegram's limits: texts, keyboards, commands and rates.

The numbers come from the Bot API's documentation, the error texts from the official server.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .markup import Entity, MarkupError, parse_html, parse_markdown, utf16_length

MAX_TEXT = 4096  # UTF-16 code units, after entities
MAX_CAPTION = 1024  # UTF-16 code units, after entities
MAX_CALLBACK_DATA = 64  # bytes
MAX_BUTTONS = 100
MAX_COMMANDS = 100
MAX_UNSPACED = 100_000  # bytes; requests with more bytes of files are spaced
LONGEST_SPACE_S = 5.0  # a request that would wait longer is refused


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


def too_many_requests(seconds: float) -> Refusal:
    """The answer 429. Telegram names whole seconds."""
    wait = max(1, math.ceil(seconds))
    return Refusal(429, f"Too Many Requests: retry after {wait}", retry_after=wait)


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
    match parse_mode.lower() if source else "":
        case "html":
            try:
                source, entities = parse_html(source)
            except MarkupError as error:
                raise bad_request(f"can't parse entities: {error}") from error
        case "markdown" | "markdownv2":
            source = parse_markdown(source)
        case "" | "none":
            pass
        case _:
            raise bad_request("unsupported parse_mode")
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
    try:
        if "inline_keyboard" in markup:
            return _read_buttons(markup["inline_keyboard"]), None
        if "keyboard" in markup:
            rows = [tuple(filter(None, map(_key_label, row))) for row in markup["keyboard"]]
            return (), tuple(filter(None, rows))
    except (TypeError, AttributeError) as error:
        raise bad_request("can't parse reply keyboard markup JSON object") from error
    return (), () if markup.get("remove_keyboard") else None


def _read_buttons(rows: list[list[dict[str, str]]]) -> Buttons:
    buttons = tuple(tuple(_button(button) for button in row) for row in rows if row)
    if sum(map(len, buttons)) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return buttons


def _button(button: dict[str, str]) -> Button:
    text, url, style = (button.get(name, "") for name in ("text", "url", "style"))
    if not text:
        raise bad_request("inline keyboard button text must be non-empty")
    if url:
        host = re.match(r"https?://([^/?#:]+)", url)
        if not (re.match(r"tg://\S", url) or (host and "." in host[1])):
            raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
        return Button(text, url=url, style=style)
    data = button.get("callback_data")
    if not data:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if len(data.encode()) > MAX_CALLBACK_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    return Button(text, data, style=style)


def _key_label(key: dict[str, str] | str) -> str:
    """The label of a reply keyboard's key. Telegram skips a key with an empty label."""
    return key if isinstance(key, str) else key.get("text", "")


def check_commands(commands: list[dict[str, str]]) -> None:
    """Check a command list as setMyCommands does. Raises Refusal."""
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command.get("command", "").removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(command.get("description", "")) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")


@dataclass
class _Bucket:
    """A leaky bucket of `size` messages that loses `rate` of them a second."""

    size: float
    rate: float
    level: float = 0.0
    seen_at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a message fits; 0 if one fits now."""
        self.level = max(0.0, self.level - (now - self.seen_at) * self.rate)
        self.seen_at = now
        return 0.0 if self.level < self.size else (self.level - self.size) / self.rate + 1


class Flood:
    """Telegram's rate limits, as far as they are known. Thread-safe.

    About 30 messages a second in all; to a user a burst of 3, then one a second; to a group
    20 a minute. An album counts each item: it is accepted if one message would be, and the
    next message waits longer. `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._overall = _Bucket(30, 30)
        self._chats: dict[int, _Bucket] = {}
        self._uploads: dict[int, float] = {}

    def take(self, chat_id: int, count: int) -> None:
        """Count messages to a chat. Raises Refusal (429), and then counts none."""
        with self._lock:
            now = self._clock()
            buckets = self._overall, self._chats.setdefault(chat_id, _bucket(chat_id))
            wait = max(bucket.wait(now) for bucket in buckets)
            if wait:
                raise too_many_requests(wait)
            for bucket in buckets:
                bucket.level += count

    def space(self, size: int) -> float:
        """Return the seconds for which a request with `size` bytes of files must wait.

        The official server spaces requests of exactly the same size, to catch a bot that
        uploads one file again and again (Client.cpp, on_cmd). Raises Refusal (429).
        """
        if size <= MAX_UNSPACED:
            return 0.0
        with self._lock:
            now = self._clock()
            self._uploads = {key: at for key, at in self._uploads.items() if at > now - 2}
            begins_at = self._uploads.get(size, now - 2)
            if begins_at > now + LONGEST_SPACE_S:
                raise too_many_requests(60)
            spacing = min(0.9, max(0.2, size * 1e-7))
            self._uploads[size] = max(begins_at + spacing, now - 1)
            return max(0.0, self._uploads[size] - now)


def _bucket(chat_id: int) -> _Bucket:
    return _Bucket(3, 1) if chat_id > 0 else _Bucket(20, 20 / 60)
