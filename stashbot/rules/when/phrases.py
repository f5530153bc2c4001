"""Phrases such as "every day at 9": read only if all of it is understood, else guessed. Pure.

A phrase is reduced to plain words, these to items, and the items to a letter each; a pattern of
letters tells whether they make a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from ...models import WHOLE_WEEK, Recurrence
from .vocabulary import plain

#: Minutes of the longest interval.
LONGEST = 7 * 24 * 60
#: Minutes of a day.
DAY = 24 * 60

_PART = "(?:am|pm|morning|afternoon|evening|night|дня) "
_TIME = (
    "(?:[0-9]{1,2}(?:[:.][0-9]{2})? (?:h (?:[0-9]{2} minute )?)?|[0-2][0-9][0-5][0-9] )"
    f"(?:{_PART})?"
)
_TIME_PARTS = re.compile(
    r"(?:at )?(?P<hour>[0-9]{1,2}?)[:.]?(?P<minute>[0-9]{2})? (?:h )?"
    r"(?:(?P<more>[0-9]{2}) minute )?(?P<part>\S+)? ?"
)
_NUMBER = "[0-9]{1,5} "
#: The items of a phrase, each with its letter, in the order in which they are tried.
_ITEMS = {
    "w": f"(?:from )?{_TIME}to {_TIME}",
    "i": f"every (?:{_NUMBER})?(?:minute|hour|h) (?:(?:and )?{_NUMBER}minute )?",
    "b": f"{_NUMBER}(?:minute|hour) ",  # an interval only if it stands alone
    "n": f"every {_NUMBER}(?:day|дня) ",
    "g": "every day ",
    "k": "every week ",
    "d": "(?:(?:from )?d[1-7] to d[1-7]|d[1-7]+) ",
    "q": "[1-4] times ",  # a day
    "x": "[0-9]{1,3} h (?![a-zдя])|[1-7] дня $",  # a span, or a time
    "t": f"(?:at )?{_TIME}",
    "p": "(?:morning|afternoon|evening|night) ",
    "e": "every ",
    "a": "at ",
    "c": ", ",
    "u": "and ",
    "z": r"\S+ ",
}
_ITEM = re.compile("|".join(f"(?P<{letter}>{pattern})" for letter, pattern in _ITEMS.items()))
_DAYS = "[ae]*(?:(?:g[ae]*|k[ae]*)?d(?:c?u?[ae]*d)*|[gn])"
_TIMES = "t(?:(?:cu?|u)t)*"
_SPAN = "(?:iw?|wi)"
_SENTENCE = re.compile(
    f"{_DAYS}(?:c?{_TIMES})?|{_TIMES}(?:c?{_DAYS})?|b|(?:{_DAYS})?{_SPAN}|{_SPAN}{_DAYS}|"
)
#: The hours of a part of the day, and its time where no time is given, in minutes.
_HOURS = {
    "am": range(12),
    "pm": range(12, 24),
    "morning": range(1, 12),
    "afternoon": range(11, 19),
    "дня": range(11, 19),
    "evening": range(16, 24),
    "night": [19, 20, 21, 22, 23, 0, 1, 2, 3, 4],
}
_USUAL = {"": 540, "morning": 540, "afternoon": 900, "evening": 1200, "night": 1320}
#: Those whose usual time needs no question.
_CLEAR_PARTS = ("morning ", "evening ")
#: The number of pictures, which is no time.
_COUNT = re.compile("[xх×] ?[0-9]+")
# Two that only a guess understands: in "9 and 11 pm" the part of the day may be that of both, and
# "every second Tuesday" is no time of a week.
_SHARED_PART = re.compile(f"(?<![0-9:.])([0-9]+) (?=(?:and|,) (?:at )?[0-9:.]+ ({_PART}))")
_EVERY_SECOND = re.compile("every [0-9]+ (?=d[1-7])")

#: An item: its letter, and its plain words.
Item = tuple[str, str]


def read(text: str) -> Recurrence | None:
    """The times that a text in lower case names; None if any of it is not understood."""
    items = _items(plain(text))
    letters = "".join(letter for letter, _ in items)
    parts = _of(items, "p")
    # A part of the day may stand anywhere between the items.
    is_sentence = letters and _SENTENCE.fullmatch(re.sub("[ae]*p", "", letters))
    if not is_sentence or len(parts) > 1 or (parts and {"i", "b"} & set(letters)):
        return None
    is_vague = parts and "t" not in letters and parts[0] not in _CLEAR_PARTS
    if is_vague or text == "0":  # a lone 0 may be meant as "off"
        return None
    times = [_TIME_PARTS.fullmatch(each) for each in _of(items, "t")]
    halves = {bool(each["part"]) for each in times if each and int(each["hour"]) in range(1, 12)}
    if len(halves) > 1 and not parts:  # in "9 and 11 pm" the 9 may be either
        return None
    return _assembled([("i", f"every {items[0][1]}")] if letters == "b" else items)


def guess(text: str) -> Recurrence | None:
    """The times that a text may mean, whatever else is in it; None if it names none."""
    words = plain(_COUNT.sub("", text), is_mended=True)
    items = _items(_EVERY_SECOND.sub("", _SHARED_PART.sub(r"\1 \2", words)))
    letters = "".join(letter for letter, _ in items)
    if re.search("d.*t.*d.*t", letters):  # two schedules
        return None
    found = [each for item in items for each in _loosened(*item, letters)]
    # Beside an unknown word, or a clear time, a number may be anything.
    is_clear = any(letter == "t" and not words.strip().isdigit() for letter, words in found)
    if is_clear or "z" in letters:
        found = [item for item in found if not item[1].strip().isdigit()]
    return _assembled(found) if {letter for letter, _ in found} - {"w"} else None


def _loosened(letter: str, words: str, letters: str) -> list[Item]:
    """The items that one may mean which makes no sentence."""
    has_days = bool(set("dgn") & set(letters))
    match letter:
        case "b":
            return [("i", f"every {words}")]
        case "x" if not has_days and _number(words) <= 12:
            return [("n" if "дня" in words else "i", f"every {words}")]
        case "x":
            return [("t", words)]
        case "q":  # between 9:00 and 21:00
            count = int(words[0])
            hours = [9 + 12 * number // max(count - 1, 1) for number in range(count)]
            return [("t", f"{hour}:00 ") for hour in hours]
        case "k" if not has_days:
            return [("d", "d1 ")]
    return [(letter, words)] if letter in "dginptw" else []


def _items(words: str) -> list[Item]:
    return [(match.lastgroup or "", match[0]) for match in _ITEM.finditer(words)]


def _of(items: Iterable[Item], letter: str) -> list[str]:
    return [words for each, words in items if each == letter]


def _assembled(items: list[Item]) -> Recurrence | None:
    """The times of items that make a sentence; None if a number in them is too large."""
    days = tuple(sorted(set(chain.from_iterable(map(_weekdays, _of(items, "d")))))) or WHOLE_WEEK
    apart = max(map(_number, _of(items, "n")), default=1)
    if not 1 <= apart <= LONGEST // DAY:
        return None
    times: Iterable[int | None]
    if intervals := _of(items, "i"):
        every = _minutes(intervals[0])
        if not 1 <= every <= LONGEST:
            return None
        if days == WHOLE_WEEK and apart == 1 and not _of(items, "w"):
            return Recurrence(every=every)
        times = _repeated(every, _of(items, "w"))
    else:
        parts = [each.strip() for each in _of(items, "p")] or [""]
        clocks = [_minute(each, parts) for each in _of(items, "t")]
        times = clocks or [_USUAL[part] for part in parts]
    found = {time for time in times if time is not None}
    return Recurrence(tuple(sorted(found)), days, apart) if found and None not in times else None


def _repeated(every: int, windows: list[str]) -> Iterable[int | None]:
    """The times of an interval in a part of the day, or all day if it divides a day."""
    if not windows:
        return range(0, DAY, every) if DAY % every == 0 else []
    first, last = (_minute(each, []) for each in windows[0].removeprefix("from ").split("to "))
    return [] if first is None or last is None else range(first, last + 1, every)


def _minutes(interval: str) -> int:
    first, *more = map(int, re.findall("[0-9]+", interval) or ["1"])
    return first * (60 if " h" in interval else 1) + sum(more)


def _number(words: str) -> int:
    return int(re.sub("[^0-9]", "", words))


def _weekdays(words: str) -> list[int]:
    """The days from Monday 1 to Sunday 7 in a range, or in a list such as `d67`."""
    numbers = [int(each) for each in re.findall("[1-7]", words)]
    if "to" not in words:
        return numbers
    start, end = numbers
    return [(start + step - 1) % 7 + 1 for step in range((end - start) % 7 + 1)]


def _minute(words: str, parts: list[str]) -> int | None:
    """The minute of the day; None for a time that no clock shows in this part of the day."""
    time = _TIME_PARTS.fullmatch(words)
    if time is None:
        return None
    hour, minute = int(time["hour"]), int(time["minute"] or time["more"] or 0)
    own = [each for each in (time["part"], *parts) if each]
    halves = {"am", "pm"} & set(own)
    hours = {hour % 12, hour % 12 + 12} if own and 1 <= hour <= 12 else {hour}
    possible = [each for each in hours if all(each in _HOURS[part] for part in own)]
    if len(possible) != 1 or (halves and not 1 <= hour <= 12) or possible[0] > 23 or minute > 59:
        return None
    return 60 * possible[0] + minute
