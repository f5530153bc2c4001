"""Plain text within Telegram's limits: cleaned values and whole messages. Pure."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable

#: UTF-16 code units of a text message: https://core.telegram.org/bots/api#sendmessage
MESSAGE_LIMIT = 4096

_TAG = re.compile("<[^>]*>")
_INVISIBLE = frozenset({"Cf", "Mc", "Me", "Mn", "Zs"})
# The Hangul fillers and the empty Braille pattern: letters and symbols without ink.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"
_BIDI_CONTROLS = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})


def message(lines: Iterable[str], *, is_html: bool = False) -> str:
    """The lines as one message; those from the first that passes `MESSAGE_LIMIT` are left out.

    In HTML, tags do not count.
    """
    lines = list(lines)
    shown = [_TAG.sub("", line) for line in lines] if is_html else lines
    ends = itertools.accumulate(units(line) + len("\n") for line in shown)
    fitting = [line for line, end in zip(lines, ends, strict=True) if end < MESSAGE_LIMIT]
    return "\n".join(fitting if len(fitting) == len(lines) else [*fitting, "…"]).strip()


def cleaned(value: str) -> str:
    """The value on one line, without characters that do harm; empty if none of it is visible."""
    line = " ".join("".join(filter(_is_harmless, value)).split())
    return line if any(map(_is_visible, line)) else ""


def _is_harmless(char: str) -> bool:
    """Whether it is no control character, no lone surrogate, and reverses no text after it."""
    is_control = unicodedata.category(char) in {"Cc", "Cs"} and not char.isspace()
    return not is_control and unicodedata.bidirectional(char) not in _BIDI_CONTROLS


def _is_visible(char: str) -> bool:
    # An unassigned character may be an emoji that is newer than Python's tables.
    return unicodedata.category(char) not in _INVISIBLE and char not in _BLANK_LETTERS


def units(text: str) -> int:
    """The length as Telegram counts it, in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2
