"""The argument of `/schedule`: `WHEN [xN] [silent] [from WHAT]`, in any sensible order. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..timetable import TimetableError, TimetableFault
from .reading import read

_FROM = re.compile(r"(?<=\S) (?:from|из) (?=\S)", re.IGNORECASE)
# The sign before the count: a Latin x, a Cyrillic one, or the multiplication sign.
_OPTION = r"([xх×] ?0*(?:[1-9]|10)|silent|тихо|без звука)"
_FIRST = re.compile(rf"{_OPTION} (?=\S)", re.IGNORECASE)
# After "from" it is a name.
_LAST = re.compile(rf"(?<=\S)(?<! from)(?<! из) {_OPTION}$", re.IGNORECASE)


@dataclass(frozen=True)
class Argument:
    """A schedule that is asked for; `what` is empty for the standing source."""

    when: str
    count: int = 1
    is_silent: bool = False
    what: str = ""

    def __str__(self) -> str:
        count = f" x{self.count}" if self.count > 1 else ""
        what = f" from {self.what}" if self.what else ""
        return f"{self.when}{count}{' silent' if self.is_silent else ''}{what}"


def read_argument(text: str) -> Argument:
    """Divide an argument into its parts; a WHEN may be one that cannot be read."""
    text = re.sub(r"[ \t\r\n]+", " ", text).strip()
    whole, options = _without_options(text)
    when, what = _divided(whole)
    when, more = _without_options(when)
    counts = [option for option in (*options, *more) if option[-1].isdigit()]
    if len(counts) > 1:
        return Argument(text)
    count = int(re.sub("[^0-9]", "", counts[0])) if counts else 1
    return Argument(when, count, len(options) + len(more) > len(counts), what)


def _without_options(text: str) -> tuple[str, list[str]]:
    options = []
    while option := _FIRST.match(text) or _LAST.search(text):
        options.append(option[1])
        text = text[: option.start()] + text[option.end() :]
    return text, options


def _divided(text: str) -> tuple[str, str]:
    """Divide `WHEN from WHAT` into both.

    Both may have the word in them, as in `9:00 from mon to fri`: the longest WHEN that can be
    read counts.
    """
    found = [(text[: each.start()], text[each.end() :]) for each in _FROM.finditer(text)]
    readable = [each for each in [*found, (text, "")] if _is_readable(_without_options(each[0])[0])]
    return (readable or found or [(text, "")])[-1 if readable else 0]


def _is_readable(when: str) -> bool:
    try:
        read(when)
    except TimetableError as error:
        return error.fault is not TimetableFault.UNREADABLE
    return True
