"""Telegram's HTML: a parser that returns plain text and entities, and the way back.

The rules and error texts are those of the official server (td/telegram/MessageEntity.cpp,
`parse_html`). Offsets and lengths of entities are in UTF-16 code units, as in the Bot API;
offsets in errors are in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

TYPES = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "blockquote": "blockquote",
}
LITERALS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}

_REFERENCE = re.compile(
    r"&(?:#(?:[xX](?P<hex>[0-9a-fA-F]+)|(?P<dec>[0-9]+))|(?P<name>[a-zA-Z]+));?"
)
_SPACE = " \t\r\n\v\0"
_TAG_NAME = re.compile(rf"[^{_SPACE}>]*")
_ATTRIBUTE_NAME = re.compile(rf"[^{_SPACE}=>/\"']*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_COMMAND = re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,32}(?:@\w{3,32})?(?![\w/])", re.ASCII)


class MarkupError(ValueError):
    """The text is not Telegram's HTML. `str()` is Telegram's reason."""


@dataclass(frozen=True)
class Entity:
    """A MessageEntity; `url` and `language` are empty for most types."""

    type: str
    offset: int
    length: int
    url: str = ""
    language: str = ""

    def as_json(self) -> dict[str, object]:
        """The Bot API's MessageEntity."""
        fields = {"url": self.url, "language": self.language}
        return {
            "type": self.type,
            "offset": self.offset,
            "length": self.length,
            **{name: value for name, value in fields.items() if value},
        }


@dataclass(frozen=True)
class _Open:
    """An open tag; `argument` is its link, language or class."""

    tag: str
    argument: str
    offset: int
    start: int  # in the plain text, in characters


def utf16_length(text: str) -> int:
    """The length in UTF-16 code units: characters outside the BMP count twice."""
    return len(text) + sum(char > "\uffff" for char in text)


def parse_html(source: str) -> tuple[str, tuple[Entity, ...]]:
    """The plain text and its entities, by their start. Raises MarkupError."""
    return _Parser(source).parse()


def in_order(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    return tuple(sorted(entities, key=lambda entity: (entity.offset, -entity.length)))


def find_commands(text: str) -> tuple[Entity, ...]:
    """Entities for the bot commands in a text."""
    return tuple(
        Entity("bot_command", utf16_length(text[: found.start()]), len(found[0]))
        for found in _COMMAND.finditer(text)
    )


class _Parser:
    """One pass over the source; `at` is the current index."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.plain: list[str] = []
        self.units = 0
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def parse(self) -> tuple[str, tuple[Entity, ...]]:
        while self.at < len(self.source):
            if self.source[self.at] != "<":
                self._append(self._character())
            elif self.source.startswith("/", self.at + 1):
                self._end_tag()
            else:
                self._start_tag()
        if self.open:
            tag = self.open[-1].tag
            raise MarkupError(f'Can\'t find end tag corresponding to start tag "{tag}"')
        return "".join(self.plain), in_order(self.entities)

    def _append(self, char: str) -> None:
        self.plain.append(char)
        self.units += 1 + (char > "\uffff")

    def _character(self) -> str:
        """The next character; resolves a reference such as `&lt;`."""
        found = _REFERENCE.match(self.source, self.at)
        char = _resolve(found) if found else ""
        if found and char:
            self.at = found.end()
            return char
        self.at += 1
        return self.source[self.at - 1]

    def _start_tag(self) -> None:
        begin = self.at
        tag = self._match(_TAG_NAME, begin + 1).lower()
        if self._peek() == "":
            raise self._error("Unclosed start tag", begin)
        if tag not in TYPES:
            raise self._error(f'Unsupported start tag "{tag}"', begin)
        argument = self._attributes(tag, begin)
        if tag == "span" and argument != "spoiler":
            raise self._error('Tag "span" must have class "tg-spoiler"', begin)
        self.at += 1
        self.open.append(_Open(tag, argument, self.units, len(self.plain)))

    def _attributes(self, tag: str, begin: int) -> str:
        """Read up to the `>`; returns the value of the one attribute that the tag uses."""
        argument = ""
        while True:
            self._skip_space()
            if self._peek() == ">":
                return argument
            name = self._match(_ATTRIBUTE_NAME, self.at)
            if not name and self._peek():
                raise self._error(f'Empty attribute name in the tag "{tag}"', begin)
            self._skip_space()
            value = ""
            if self._peek() == "=":
                self.at += 1
                self._skip_space()
                value = self._value()
            if self._peek() == "":
                raise self._error(f'Unclosed start tag "{tag}"', begin)
            argument = _argument(tag, name.lower(), value) or argument

    def _value(self) -> str:
        quote = self._peek()
        if quote not in ("'", '"'):
            begin = self.at
            token = self._match(_TOKEN, begin).lower()
            if self._peek() and self._peek() not in _SPACE + ">":
                raise self._error("Unexpected end of name token", begin)
            return token
        self.at += 1
        chars = []
        while self._peek() not in ("", quote):
            chars.append(self._character())
        self.at += 1
        return "".join(chars)

    def _end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise self._error("Unexpected end tag", begin)
        found = self._match(_TAG_NAME, begin + 2)
        self._skip_space()
        if self._peek() != ">":
            raise self._error("Unclosed end tag", begin)
        self.at += 1
        opened = self.open.pop()
        if found and found != opened.tag:
            reason = f'expected "</{opened.tag}>", found "</{found}>"'
            raise MarkupError(f"Unmatched end tag at byte offset {self._bytes(begin)}, {reason}")
        self._close(opened)

    def _close(self, opened: _Open) -> None:
        """Store the entity of a closed tag, unless it is empty."""
        length = self.units - opened.offset
        kind = TYPES[opened.tag]
        if kind == "code" and self.open and self.open[-1].tag == "pre":
            # <pre><code class="language-x"> is one block of code in a language.
            self.open[-1] = replace(self.open[-1], argument=opened.argument)
            return
        if not length:
            return
        url = language = ""
        if kind == "text_link":
            url = opened.argument or "".join(self.plain[opened.start :])
            if not re.match(r"(?:https?|tg)://\S|[\w-]+\.\w", url):
                return
        if kind == "pre":
            language = opened.argument
        self.entities.append(Entity(kind, opened.offset, length, url, language))

    def _match(self, pattern: re.Pattern[str], start: int) -> str:
        found = pattern.match(self.source, start)
        self.at = found.end() if found else start
        return found[0] if found else ""

    def _skip_space(self) -> None:
        while self._peek() and self._peek() in _SPACE:
            self.at += 1

    def _peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def _bytes(self, at: int) -> int:
        return len(self.source[:at].encode("utf-8", "surrogatepass"))

    def _error(self, reason: str, at: int) -> MarkupError:
        return MarkupError(f"{reason} at byte offset {self._bytes(at)}")


def _argument(tag: str, name: str, value: str) -> str:
    """The value of an attribute that the tag uses; empty if Telegram ignores it."""
    if (tag, name) == ("a", "href"):
        return value
    if (tag, name) == ("code", "class") and value.startswith("language-"):
        return value.removeprefix("language-")
    if (tag, name) == ("span", "class") and value.startswith("tg-"):
        return value.removeprefix("tg-")
    return ""


def _resolve(found: re.Match[str]) -> str:
    """The character of a reference; empty if Telegram does not resolve it."""
    if found["name"]:
        return LITERALS.get(found["name"], "")
    if len(found[0].rstrip(";")) > 9:
        return ""
    code = int(found["hex"], 16) if found["hex"] else int(found["dec"])
    is_character = 0 < code < 0x10FFFF and not 0xD800 <= code < 0xE000
    return chr(code) if is_character else ""
