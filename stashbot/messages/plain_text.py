"""Plain text within Telegram's limits: cleaned values and whole messages. Pure."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable

#: UTF-16 code units of a text message: https://core.telegram.org/bots/api#sendmessage
MESSAGE_LIMIT = 4096


def message(lines: Iterable[str]) -> str:
    """The lines as one message; those from the first that passes `MESSAGE_LIMIT` are left out."""
    lines = list(lines)
    ends = itertools.accumulate(_units(line) + len("\n") for line in lines)
    fitting = [line for line, end in zip(lines, ends, strict=True) if end < MESSAGE_LIMIT]
    return "\n".join(fitting if len(fitting) == len(lines) else [*fitting, "…"]).strip()


def cleaned(value: str) -> str:
    """The value on one line, without characters that do harm; empty if none of it is visible."""
    sendable = "".join(char for char in value if char.isspace() or not _is_harmful(char))
    line = " ".join(sendable.split())
    return line if any(map(_is_visible, line)) else ""


def _is_harmful(char: str) -> bool:
    """Whether it is a control character, a lone surrogate, or reverses the text after it."""
    return (
        unicodedata.category(char) in {"Cc", "Cs"}
        or unicodedata.bidirectional(char) in _BIDI_CONTROLS
    )


def _is_visible(char: str) -> bool:
    # An unassigned character may be an emoji that is newer than Python's tables.
    return unicodedata.category(char) not in _INVISIBLE and char not in _BLANK_LETTERS


def _units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


_INVISIBLE = frozenset({"Cf", "Mc", "Me", "Mn", "Zs"})


# The Hangul fillers and the empty Braille pattern: letters and symbols without ink.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"


_BIDI_CONTROLS = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})
