"""Plain text within Telegram's limits: cleaned values and whole messages. Pure."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable

#: The same for a message of text alone: https://core.telegram.org/bots/api#sendmessage
MESSAGE_LIMIT = 4096


def message(lines: Iterable[str]) -> str:
    """Lines as one message; from the first that would pass `MESSAGE_LIMIT` on they are left out."""
    lines = list(lines)
    ends = itertools.accumulate(_units(line) + len("\n") for line in lines)
    fitting = [line for line, end in zip(lines, ends, strict=True) if end < MESSAGE_LIMIT]
    return "\n".join(fitting if len(fitting) == len(lines) else [*fitting, "…"]).strip()


def cleaned(value: str) -> str:
    """The value on one line, without what cannot be sent; empty if nothing is to be seen."""
    sendable = "".join(char for char in value if char.isspace() or not _is_harmful(char))
    line = " ".join(sendable.split())
    return line if any(map(_is_visible, line)) else ""


def _is_harmful(char: str) -> bool:
    """Whether it is a control, a lone surrogate, or turns the text that follows it around."""
    return (
        unicodedata.category(char) in {"Cc", "Cs"}
        or unicodedata.bidirectional(char) in _BIDI_CONTROLS
    )


def _is_visible(char: str) -> bool:
    # Unassigned counts as visible: it may be an emoji newer than Python's tables.
    return unicodedata.category(char) not in _INVISIBLE and char not in _BLANK_LETTERS


def _units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


_INVISIBLE = frozenset({"Cf", "Mc", "Me", "Mn", "Zs"})


# The Hangul fillers and the empty Braille pattern: letters and symbols without ink.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"


_BIDI_CONTROLS = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})
