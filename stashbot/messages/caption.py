"""What stands below a picture, as Telegram's HTML. Pure."""

from __future__ import annotations

import html
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..models import Image, Named
from .catalogue import Texts, _decimal
from .plain_text import _units, cleaned

#: UTF-16 code units after entities: https://core.telegram.org/bots/api#sendphoto
CAPTION_LIMIT = 1024


def caption(image: Image, fields: Sequence[str], texts: Texts) -> str:
    """What stands below a picture, as Telegram's HTML; empty if there is nothing to say.

    One line for each of `fields` (keys of `CAPTION_FIELDS`) that the image has, in
    their order. From the first line that would pass `CAPTION_LIMIT` on they are left
    out; if that is the very first, it is cut and stands alone.
    """
    lines = [(field, line) for field in fields if (line := _line(field, image, texts))]
    ends = itertools.accumulate(_units(line) + len("\n") for _, line in lines)
    fitting = [line for line, end in zip(lines, ends, strict=True) if end - 1 <= CAPTION_LIMIT]
    if lines and not fitting:
        field, line = lines[0]
        fitting = [(field, _cut(line))]
    return "\n".join(itertools.starmap(_marked_up, fitting))


def _line(field: str, image: Image, texts: Texts) -> str:
    """The plain text of one line of a caption, empty if the image has no such thing."""
    icon, values_of = CAPTION_FIELDS[field]
    values = ", ".join(filter(None, map(cleaned, values_of(image, texts))))
    return values and icon + values


def _marked_up(field: str, line: str) -> str:
    escaped = html.escape(line, quote=False)
    return f"<b>{escaped}</b>" if field == "title" else escaped


def _names(*named: Named | None) -> list[str]:
    return [each.name for each in named if each]


def _stars(rating100: int | None, texts: Texts) -> str:
    """The rating out of five, rounded half up; Stash's own pages show 0 as unrated."""
    return f"{_decimal((rating100 + 1) // 2, texts)}/5" if rating100 else ""


def _cut(text: str) -> str:
    """The beginning of a text that is too long, with an ellipsis, within the limit."""
    room = CAPTION_LIMIT - len("…")
    # Ignoring errors drops the first half of a surrogate pair that the limit tears apart.
    start = text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore")
    end = len(start)
    while end and _is_joined(text[end - 1], text[end]):
        end -= 1
    # A single cluster that fills the whole caption has no better place to cut.
    return (start[:end] or start).rstrip() + "…"


def _is_joined(before: str, after: str) -> bool:
    """Whether a reader sees the two code points as one character.

    The part of https://unicode.org/reports/tr29/ that matters for accents and emoji.
    """
    return (
        _ZERO_WIDTH_JOINER in (before, after)
        or unicodedata.category(after).startswith("M")
        or after in _SKIN_TONES
    )


_ZERO_WIDTH_JOINER = "\u200d"


_SKIN_TONES = "🏻🏼🏽🏾🏿"


#: What a caption can show: for each field its icon, and the values that an image has.
CAPTION_FIELDS: Mapping[str, tuple[str, Callable[[Image, Texts], Iterable[str]]]] = {
    "title": ("", lambda image, _: [image.title]),
    "performers": ("👤 ", lambda image, _: _names(*image.performers)),
    "studio": ("🎬 ", lambda image, _: _names(image.studio)),
    "gallery": ("📁 ", lambda image, _: _names(*image.galleries)),
    "date": ("📅 ", lambda image, _: [image.date]),
    "rating": ("⭐ ", lambda image, texts: [_stars(image.rating100, texts)]),
    "tags": ("🏷 ", lambda image, _: _names(*image.tags)),
}
