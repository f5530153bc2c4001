"""Telegram's HTML: a parser that returns plain text and entities.

The rules are those of the official server (td/telegram/MessageEntity.cpp, `parse_html`), without
the places in its error texts. Offsets and lengths of entities are in UTF-16 code units, as in the
Bot API. Two rarities differ: an end tag needs its name, and `class` of `<code>` names no language.
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
_BAD_TOKEN = re.compile(r"=\s*[A-Za-z0-9.-]*[^A-Za-z0-9.\s>\"'-]")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_COMMAND = re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,32}(?:@\w{3,32})?(?![\w/])", re.ASCII)


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
    parser = _Parser()
    parser.parse(source)
    return parser.text, in_order(parser.entities)


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

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.entities: list[Entity] = []
        self._open: list[_Open] = []

    def parse(self, source: str) -> None:
        self.feed(source.replace("&", "&amp;"))
        if self.rawdata:  # a tag without its end
            name = "end" if self.rawdata.startswith("</") else "start"
            raise MarkupError(f"Unclosed {name} tag")
        if self._open:
            tag = self._open[-1].tag
            raise MarkupError(f'Can\'t find end tag corresponding to start tag "{tag}"')

    def handle_data(self, data: str) -> None:
        if "<" in data:  # HTMLParser takes for text what Telegram takes for a tag
            self._refuse_tag()
        self.text += _REFERENCE.sub(_resolve, data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TYPES:
            raise MarkupError(f'Unsupported start tag "{tag}"')
        if _BAD_TOKEN.search(_QUOTED.sub('""', self.get_starttag_text() or "")):
            raise MarkupError("Unexpected end of name token")
        values = dict(attrs)
        if tag == "span" and values.get("class") != "tg-spoiler":
            raise MarkupError('Tag "span" must have class "tg-spoiler"')
        url = _REFERENCE.sub(_resolve, values.get("href") or "")
        unix, form = values.get("unix") or "", values.get("format") or ""
        if tag == "tg-time" and not _MOMENT.fullmatch(f"{unix} {form}"):
            raise MarkupError('Tag "tg-time" must have a time and a format')
        moment = (int(unix), form) if tag == "tg-time" else (0, "")
        is_long = tag == "blockquote" and "expandable" in values
        type = f"{'expandable_' if is_long else ''}{TYPES[tag]}"
        self._open.append(_Open(tag, type, url, len(self.text), moment))

    def handle_endtag(self, tag: str) -> None:
        if not self._open:
            raise MarkupError("Unexpected end tag")
        opened = self._open.pop()
        if tag != opened.tag:
            raise MarkupError(f'Unmatched end tag, expected "</{opened.tag}>", found "</{tag}>"')
        text = self.text[opened.start :]
        url = (opened.url or text) if tag == "a" else ""
        is_link = re.match(r"(?:https?|tg)://\S|[\w-]+\.\w", url)
        if text and (is_link or tag != "a"):
            offset = utf16_length(self.text[: opened.start])
            entity = Entity(opened.type, offset, utf16_length(text), url, *opened.moment)
            self.entities.append(entity)

    def _refuse_tag(self, *_: Any, **__: Any) -> None:
        raise MarkupError("Unsupported start tag")

    handle_startendtag = handle_comment = handle_decl = handle_pi = unknown_decl = _refuse_tag


def _resolve(found: re.Match[str]) -> str:
    """The character of a reference; the reference itself if Telegram does not resolve it."""
    if found["name"]:
        return LITERALS.get(found["name"], found[0])
    if len(found[0].rstrip(";")) > 9:
        return found[0]
    code = int(found["hex"], 16) if found["hex"] else int(found["dec"])
    is_character = 0 < code < 0x10FFFF and not 0xD800 <= code < 0xE000
    return chr(code) if is_character else found[0]
