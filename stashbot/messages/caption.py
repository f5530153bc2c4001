"""The caption below a picture, as Telegram's HTML. Pure."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..models import Image, Named
from .catalogue import Texts, decimal
from .plain_text import cleaned, units

#: UTF-16 code units after entities: https://core.telegram.org/bots/api#sendphoto
CAPTION_LIMIT = 1024


def caption(image: Image, fields: Sequence[str], texts: Texts, above: str = "") -> str:
    """The caption as Telegram's HTML; empty if the image has none of the `fields`.

    The plain text `above`, if any, is the first line. One line follows for each of `fields` (keys
    of `CAPTION_FIELDS`) that the image has, in their order. The first line that would pass
    `CAPTION_LIMIT` is the last: of a list it shows as many names as fit, a single value is left
    out, or cut if it is the first.
    """
    heading = [html.escape(above, quote=False)] if above else []
    room = CAPTION_LIMIT - (units(above) + len("\n") if above else 0)
    lines = list[str]()
    for field in fields:
        icon, values_of = CAPTION_FIELDS[field]
        values = list(filter(None, map(cleaned, values_of(image, texts))))
        if not values:
            continue
        whole = icon + ", ".join(values)
        line = whole if units(whole) <= room else _shortened(icon, values, room)
        if line or not lines:
            line = line or _cut(whole, room)
            escaped = html.escape(line, quote=False)
            lines.append(f"<b>{escaped}</b>" if field == "title" else escaped)
        if line != whole:
            break
        room -= units(line) + len("\n")
    return "\n".join(heading + lines)


def _shortened(icon: str, values: Sequence[str], room: int) -> str:
    """The first values and an ellipsis, within the room; empty if not one value fits."""
    ends = itertools.accumulate(units(value) + len(", ") for value in values)
    room -= units(icon) + len("…")
    fitting = [value for value, end in zip(values, ends, strict=True) if end <= room]
    return f"{icon}{', '.join(fitting)}, …" if fitting else ""


def _names(*named: Named | None) -> list[str]:
    return [each.name for each in named if each]


def stars(rating100: int | None, texts: Texts) -> str:
    """The rating out of five, rounded half up; Stash's own pages show 0 as unrated."""
    return f"{decimal((rating100 + 1) // 2, texts)}/5" if rating100 else ""


def _cut(text: str, room: int) -> str:
    """The beginning of a text that is too long, with an ellipsis, within the room."""
    # Ignoring errors drops the first half of a surrogate pair that the limit splits.
    return text.encode("utf-16-le")[: 2 * (room - 1)].decode("utf-16-le", "ignore").rstrip() + "…"


#: The fields of a caption: the icon of each, and the values that an image has.
CAPTION_FIELDS: Mapping[str, tuple[str, Callable[[Image, Texts], Iterable[str]]]] = {
    "title": ("", lambda image, _: [image.title]),
    "performers": ("👤 ", lambda image, _: _names(*image.performers)),
    "studio": ("🎬 ", lambda image, _: _names(image.studio)),
    "gallery": ("📁 ", lambda image, _: _names(*image.galleries)),
    "date": ("📅 ", lambda image, _: [image.date]),
    "rating": ("⭐ ", lambda image, texts: [stars(image.rating100, texts)]),
    "tags": ("🏷 ", lambda image, _: _names(*image.tags)),
}
