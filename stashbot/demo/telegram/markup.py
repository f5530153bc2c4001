"""Telegram's HTML: a parser that returns plain text and entities.

The rules and error texts are those of the official server (td/telegram/MessageEntity.cpp,
`parse_html`). Offsets and lengths of entities are in UTF-16 code units, as in the Bot API;
offsets in errors are in bytes. Four rarities differ: an end tag needs its name, `class` of
`<code>` names no language, Markdown loses its escapes but keeps its marks, and the error of a wrong
`tg-time` is our own.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from typing import Any

TAGS = {
    "bold": "b strong",
    "italic": "i em",
    "underline": "u ins",
    "strikethrough": "s strike del",
    "spoiler": "tg-spoiler span",
    "text_link": "a",
    "date_time": "tg-time",
    **{name: name for name in ("code", "pre", "blockquote")},
}
TYPES = {tag: type for type, tags in TAGS.items() for tag in tags.split()}
LITERALS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}

_REFERENCE = re.compile(
    r"&(?:#(?:[xX](?P<hex>[0-9a-fA-F]+)|(?P<dec>[0-9]+))|(?P<name>[a-zA-Z]+));?"
)
_MOMENT = re.compile(r"\d{1,10} (?:r|w?[dD]?[tT]?)", re.ASCII)
_TAG_NAME = re.compile(r"</?([^\s>\0]*)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_BAD_TOKEN = re.compile(r"=\s*([A-Za-z0-9.-]*)[^A-Za-z0-9.\s>\"'-]")
_COMMAND = re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,32}(?:@\w{3,32})?(?![\w/])", re.ASCII)
_ESCAPED = re.compile(r"\\([\x01-\x7e])")


class MarkupError(ValueError):
    """The text is not Telegram's HTML. `str()` is Telegram's reason."""


@dataclass(frozen=True)
class Entity:
    """A MessageEntity; most types have none of the last three."""

    type: str
    offset: int
    length: int
    url: str = ""
    unix_time: int = 0
    date_time_format: str = ""

    def as_json(self) -> dict[str, object]:
        """The Bot API's MessageEntity."""
        entity = asdict(self)
        optional = ("url", "unix_time", "date_time_format")
        return {name: value for name, value in entity.items() if value or name not in optional}


def utf16_length(text: str) -> int:
    """The length in UTF-16 code units: characters outside the BMP count twice."""
    return len(text) + sum(char > "\uffff" for char in text)


def parse_html(source: str) -> tuple[str, tuple[Entity, ...]]:
    """The plain text and its entities, by their start. Raises MarkupError."""
    parser = _Parser(source)
    parser.parse()
    return parser.text, in_order(parser.entities)


def parse_markdown(source: str) -> str:
    """The text without the escapes of MarkdownV2."""
    return _ESCAPED.sub(r"\1", source)


def in_order(entities: list[Entity]) -> tuple[Entity, ...]:
    return tuple(sorted(entities, key=lambda entity: (entity.offset, -entity.length)))


def find_commands(text: str) -> tuple[Entity, ...]:
    """Entities for the bot commands in a text."""
    return tuple(
        Entity("bot_command", utf16_length(text[: found.start()]), len(found[0]))
        for found in _COMMAND.finditer(text)
    )


@dataclass(frozen=True)
class _Open:
    """An open tag. `start` is its place in the plain text, in characters."""

    tag: str
    type: str
    url: str
    start: int
    moment: tuple[int, str] = (0, "")


class _Parser(HTMLParser):
    """Reads a text once.

    HTMLParser would resolve every reference of HTML, and Telegram knows four names. So all
    ampersands are escaped before, and the references in texts and addresses resolved here.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = source.replace("&", "&amp;")
        self.text = ""
        self.entities: list[Entity] = []
        self._open: list[_Open] = []

    def parse(self) -> None:
        self.feed(self.source)
        if self.rawdata:  # a tag without its end
            name = "end" if self.rawdata.startswith("</") else "start"
            raise self._error(f"Unclosed {name} tag")
        if self._open:
            tag = self._open[-1].tag
            raise MarkupError(f'Can\'t find end tag corresponding to start tag "{tag}"')

    def handle_data(self, data: str) -> None:
        if "<" in data:  # HTMLParser takes for text what Telegram takes for a tag
            self._refuse_tag()
        self.text += _REFERENCE.sub(_resolve, data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TYPES:
            self._refuse_tag()
        source = _QUOTED.sub(lambda found: '"' * len(found[0]), self.get_starttag_text() or "")
        if bad := _BAD_TOKEN.search(source):
            raise self._error("Unexpected end of name token", bad.start(1))
        values = dict(attrs)
        if tag == "span" and values.get("class") != "tg-spoiler":
            raise self._error('Tag "span" must have class "tg-spoiler"')
        url = _REFERENCE.sub(_resolve, values.get("href") or "")
        unix, form = values.get("unix") or "", values.get("format") or ""
        if tag == "tg-time" and not _MOMENT.fullmatch(f"{unix} {form}"):
            raise self._error('Tag "tg-time" must have a time and a format')
        moment = (int(unix), form) if tag == "tg-time" else (0, "")
        is_long = tag == "blockquote" and "expandable" in values
        type = f"{'expandable_' if is_long else ''}{TYPES[tag]}"
        self._open.append(_Open(tag, type, url, len(self.text), moment))

    def handle_endtag(self, tag: str) -> None:
        if not self._open:
            raise self._error("Unexpected end tag")
        opened = self._open.pop()
        if tag != opened.tag:
            reason = f', expected "</{opened.tag}>", found "</{tag}>"'
            raise MarkupError(f"{self._error('Unmatched end tag')}{reason}")
        text = self.text[opened.start :]
        url = (opened.url or text) if tag == "a" else ""
        is_link = re.match(r"(?:https?|tg)://\S|[\w-]+\.\w", url)
        if text and (is_link or tag != "a"):
            offset = utf16_length(self.text[: opened.start])
            entity = Entity(opened.type, offset, utf16_length(text), url, *opened.moment)
            self.entities.append(entity)

    def _refuse_tag(self, *_: Any, **__: Any) -> None:
        found = _TAG_NAME.match(self.source, self._at())
        raise self._error(f'Unsupported start tag "{found[1].lower() if found else ""}"')

    handle_startendtag = handle_comment = handle_decl = handle_pi = unknown_decl = _refuse_tag

    def _error(self, reason: str, further: int = 0) -> MarkupError:
        """An error at the current tag, or some characters further."""
        before = self.source[: self._at() + further].replace("&amp;", "&")
        return MarkupError(f"{reason} at byte offset {len(before.encode(errors='surrogatepass'))}")

    def _at(self) -> int:
        line, column = self.getpos()
        return sum(len(each) + 1 for each in self.source.split("\n")[: line - 1]) + column


def _resolve(found: re.Match[str]) -> str:
    """The character of a reference; the reference itself if Telegram does not resolve it."""
    if found["name"]:
        return LITERALS.get(found["name"], found[0])
    if len(found[0].rstrip(";")) > 9:
        return found[0]
    code = int(found["hex"], 16) if found["hex"] else int(found["dec"])
    is_character = 0 < code < 0x10FFFF and not 0xD800 <= code < 0xE000
    return chr(code) if is_character else found[0]
