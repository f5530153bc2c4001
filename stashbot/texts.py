"""What we say: every sentence, in each language, and the captions of pictures.

The sentences stand in `locales/`, one TOML file a language, read once at import. All
of them are plain text; a caption alone is HTML. Everything here is frozen or pure.
"""

from __future__ import annotations

import html
import itertools
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, cast
from zoneinfo import ZoneInfo

from .models import Image, Named

LANGUAGES = ("en", "ru")

#: UTF-16 code units after entities: https://core.telegram.org/bots/api#sendphoto
CAPTION_LIMIT = 1024
#: The same for a message of text alone: https://core.telegram.org/bots/api#sendmessage
MESSAGE_LIMIT = 4096


def choose(setting: str, code: str | None) -> str:
    """The language for a user, one of `LANGUAGES`.

    `setting` is `auto` or a language; `code` is the IETF tag that Telegram gives as
    the user's `language_code`, None if it gives none.
    """
    if setting != "auto":
        return setting
    primary = (code or "").partition("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language, by key: `texts("stats.today", n=5)`.

    A phrase is a `str.format` template, or a mapping from plural category to one.
    """

    language: str
    phrases: Mapping[str, str | Mapping[str, str]]

    def __call__(self, key: str, /, **values: object) -> str:
        """The sentence with its values put in; a plural takes its number as `n`.

        KeyError if there is no such key, or if a value is missing.
        """
        phrase = self.phrases[key]
        if isinstance(phrase, str):
            return phrase.format_map(values)
        n = cast(int, values["n"])
        grouped = f"{n:,}".replace(",", self("number.group"))
        return phrase[_PLURALS[self.language](n)].format_map(values | {"n": grouped})


def duration(seconds: float, texts: Texts) -> str:
    """A span of time in its largest unit and the next: `3 days 4 hours`.

    Rounded down; the second part is left out where it is zero.
    """
    left, counts = max(0, int(seconds)), []
    for unit, length in _DURATIONS:
        count, left = divmod(left, length)
        counts.append((unit, count))
    shown = list(itertools.dropwhile(lambda part: not part[1], counts))[:2]
    parts = [texts(f"duration.{unit}", n=count) for unit, count in shown if count]
    return " ".join(parts) or texts("duration.seconds", n=0)


def message(lines: Iterable[str]) -> str:
    """Lines as one message; from the first that would pass `MESSAGE_LIMIT` on they are left out."""
    lines = list(lines)
    ends = itertools.accumulate(_units(line) + len("\n") for line in lines)
    fitting = [line for line, end in zip(lines, ends, strict=True) if end < MESSAGE_LIMIT]
    return "\n".join(fitting if len(fitting) == len(lines) else [*fitting, "…"]).strip()


def coming(moment: datetime, now: datetime, zone: ZoneInfo, texts: Texts) -> str:
    """A moment to come, by a zone's clock and by the time that is left until then."""
    local = moment.astimezone(zone)
    # Whole minutes, rounded up: nobody waits for a moment of which nothing is left.
    minutes = max(1, -((now - moment) // timedelta(minutes=1)))
    return texts(
        "schedule.moment",
        weekday=texts(f"weekday.{local.isoweekday()}"),
        time=local.strftime("%Y-%m-%d %H:%M"),
        left=duration(60 * minutes, texts),
    )


def size(bytes: int, texts: Texts) -> str:
    """An amount of data in decimal units, with at most one decimal: `1.4 MB`."""
    amounts = [(unit, (10 * bytes + length // 2) // length) for unit, length in _SIZES]
    unit, tenths = next((each for each in amounts if each[1] < 10_000), amounts[-1])
    return texts(f"size.{unit}", value=_decimal(tenths, texts))


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


def _decimal(tenths: int, texts: Texts) -> str:
    whole, tenth = divmod(tenths, 10)
    return f"{whole}{texts('number.decimal')}{tenth}" if tenth else str(whole)


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


def _english(n: int) -> str:
    return "one" if n == 1 else "other"


def _russian(n: int) -> str:
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14):
        return "few"
    return "many"


# Whole numbers, by the rules of
# https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html
_PLURALS: Mapping[str, Callable[[int], str]] = {"en": _english, "ru": _russian}

_DURATIONS = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
_SIZES = (("b", 1), ("kb", 10**3), ("mb", 10**6), ("gb", 10**9))

_INVISIBLE = frozenset({"Cf", "Mc", "Me", "Mn", "Zs"})
# The Hangul fillers and the empty Braille pattern: letters and symbols without ink.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"
_BIDI_CONTROLS = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})
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


def _load(language: str) -> Texts:
    file = resources.files(__package__) / "locales" / f"{language}.toml"
    return Texts(language, dict(_flattened(tomllib.loads(file.read_text("utf-8")))))


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with their phrases; a table of plural forms is one phrase."""
    for name, value in table.items():
        if isinstance(value, str) or "other" in value or "many" in value:
            yield prefix + name, value
        else:
            yield from _flattened(value, f"{prefix}{name}.")


TEXTS: Mapping[str, Texts] = {language: _load(language) for language in LANGUAGES}
