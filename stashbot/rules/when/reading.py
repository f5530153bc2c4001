"""A WHEN read from a text: cron, or words in English or Russian. Pure."""

from __future__ import annotations

import re

from ...models import Recurrence
from ..timetable import Timetable, TimetableError, TimetableFault, by
from . import cron, phrases

#: The most characters of a text that is read.
MOST = 300


def read(text: str) -> Timetable:
    """The timetable of cron, or of words in English or Russian. Raises TimetableError."""
    # `split` takes some control characters for blanks.
    is_odd = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)
    text = " ".join(text.split())
    if is_odd or len(text) > MOST or not text.isprintable():
        raise TimetableError(TimetableFault.UNREADABLE, text[:MOST])
    words = _words(text)
    if timetable := cron.read(text, words):
        return timetable
    if times := phrases.read(words):
        return by(times, text)
    raise TimetableError(TimetableFault.UNREADABLE, text)


def recurrence(text: str) -> Recurrence | None:
    """The recurring times of a text; None for a cron expression that words cannot tell."""
    try:
        return read(text).recurrence
    except TimetableError:
        return None


def guess(text: str) -> Recurrence | None:
    """The times that a text may mean that cannot be read; None if it names none."""
    try:
        found = phrases.guess(_words(" ".join(text[:MOST].split())))
        return by(found, text).recurrence if found else None
    except TimetableError:
        return None


def _words(text: str) -> str:
    return text.lower().replace("ё", "е").rstrip(".!")
