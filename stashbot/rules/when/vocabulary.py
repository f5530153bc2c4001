"""The words of a WHEN in English and Russian, and the plain words that replace them. Pure.

A plain text has the words `every`, `week`, `at`, `from`, `to`, `and` and `,`; `day`, `hour` and
`minute`; days of the week, such as `d135`; times of day, such as `9` and `9:30`; and parts of the
day. Two words have two meanings: `h` is an hour or o'clock, and `дня` days or the afternoon. Each
other word is `?`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

_PLAIN = {
    "every": "every each каждый каждая каждую каждое каждые",
    "at": "at on в во по @",
    "from": "from с со",
    "to": "to till until through thru до - – —",
    "and": "and и &",
    ",": ",",
    "minute": "m min mins minute minutes мин минут минута минуту минуты",
    "hour": "hr hrs hour hours",
    "h": "h ч час часа часов",
    "day": "day days день дней сутки суток",
    "дня": "дня",
    "every day": "daily everyday ежедневно ежесуточно",
    "every hour": "hourly ежечасно",
    "every week": "weekly еженедельно",
    "week": "week неделю",
    "d12345": "weekday weekdays workday workdays будни будням",
    "d67": "weekend weekends выходные выходным",
    "d1": "mon monday mondays пн понедельник понедельника понедельникам понедельники",
    "d2": "tue tues tuesday tuesdays вт вторник вторника вторникам вторники",
    "d3": "wed weds wednesday wednesdays ср среда среды среду средам",
    "d4": "thu thur thurs thursday thursdays чт четверг четверга четвергам четверги",
    "d5": "fri friday fridays пт пятница пятницы пятницу пятницам",
    "d6": "sat saturday saturdays сб суббота субботы субботу субботам",
    "d7": "sun sunday sundays вс воскресенье воскресенья воскресеньям",
    "am": "am",
    "pm": "pm",
    "morning": "morning mornings утро утра утром утрам",
    "afternoon": "afternoon afternoons днем",
    "evening": "evening evenings вечер вечера вечером вечерам",
    "night": "night nights ночь ночи ночью ночам",
    "12:00": "noon midday полдень",
    "0:00": "midnight полночь",
    "times": "times раз раза",
}
_NUMBERS = {
    1: "one",
    2: "two два две",
    3: "three три",
    4: "four четыре",
    5: "five пять",
    6: "six шесть",
    7: "seven семь",
    8: "eight восемь",
    9: "nine девять",
    10: "ten десять",
    11: "eleven одиннадцать",
    12: "twelve двенадцать",
    15: "fifteen пятнадцать",
    20: "twenty двадцать",
    30: "thirty тридцать",
}
_DIGITS = {word: str(number) for number, words in _NUMBERS.items() for word in words.split()}
_WORDS = {word: plain for plain, words in _PLAIN.items() for word in words.split()}
_LONG_WORDS = [word for word in (*_WORDS, *_DIGITS) if len(word) > 3]
#: The hours in "half of the tenth", which is 9:30.
_ORDINALS = [
    *("первого", "второго", "третьего", "четвертого", "пятого", "шестого", "седьмого", "восьмого"),
    *("девятого", "десятого", "одиннадцатого", "двенадцатого"),
]
_EVERY = "(every|each|кажд(?:ый|ую|ое|ые))"
_TOKEN = re.compile(r"[0-9]+(?:[:.][0-9]{2}(?![0-9]))?|[^\W\d_]+|\S")
#: Phrases of several words, replaced in this order.
_PHRASES = {
    re.compile(pattern): words
    for pattern, words in {
        r"\b([0-9]{1,2})[, ]([0-9]{3}) (?=min|мин)": r"\1\2 ",
        r"\b([ap])\. ?m\b": r"\1m",
        r"(?<=[^\W\d_])\.": " ",
        r" ?\bo['’ ]clock\b": "",
        r"\bin the (?=morning|afternoon|evening)": "",
        r"\bat night\b": "night",
        r"\bthe (?=weekend)": "",
        r"\bв час (?=дня|ночи)": "в 1 ",
        r"\b(once|twice) (?:an?|per|every|in|each) ": r"\1 ",
        r"\btwice day\b|\bдважды в (?:день|сутки)": "2 times",
        r"\b([0-9]) times (?:a|per|every|each) day\b": r"\1 times",
        r"\b([0-9]) раза? в (?:день|сутки)": r"\1 times",
        r"\bonce |\b(?:один )?раз в (?:каждые )?": "every ",
        rf"\b{_EVERY} (?:other|second|2nd|второй|вторую)\b": r"\1 2",
        rf"\b{_EVERY} (?:third|3rd|третий|третью)\b": r"\1 3",
        r"\bчерез день\b": "every 2 day",
        r"\bhalf[ -]hourly\b": "every 30 minute",
        r"\b(?:half an?|a half|half)[ -]hour\b|\bпол ?часа\b": "30 minute",
        r"\b(?:(?:an |1 )?hour and a half|1\.5 hours)\b|\b(?:полтора|1[.,]5) часа\b": "90 minute",
        r"\bсо? (\S+(?: час\w*)?(?: утра| вечера| дня| ночи)?) (?:по|до) ": r"from \1 to ",
        r"\b(?:будн|рабоч)(?:ие|им|ий) (?:дни|дням|день)\b|\b(?:working|business) days?\b": "будни",
        r"\bвыходн(?:ые|ым|ой) (?:дни|дням|день)\b": "выходные",
        r"\bbetween (\S+(?: ?[ap]m)?) and ": r"from \1 to ",
        r"\bhalf past ([0-9]+)\b": r"\1:30",
        r"\b(?:a )?quarter past ([0-9]+)\b": r"\1:15",
    }.items()
}
_BEFORE = re.compile(
    r"\b(?:(?:a )?(quarter) to|без (четверти)) ([0-9]+)\b"
    rf"|\b(?:в )?(?:половин[уе] |пол ?)({'|'.join(_ORDINALS)})\b"
)


def plain(text: str, *, is_mended: bool = False) -> str:
    """The plain words of a text in lower case without ё, each with a blank after it.

    If `is_mended`, a word that is nearly right counts as right.
    """
    text = re.sub(r"[^\W\d_]+", lambda word: _DIGITS.get(word[0], word[0]), text)
    for pattern, words in _PHRASES.items():
        text = pattern.sub(words, text)
    tokens = _TOKEN.findall(_BEFORE.sub(_hour_before, text))
    return "".join(f"{_plain_word(token, is_mended=is_mended)} " for token in tokens)


def _plain_word(token: str, *, is_mended: bool) -> str:
    if token[0] in "0123456789":
        return token
    if is_mended and token not in _WORDS:
        token = next(iter(get_close_matches(token, _LONG_WORDS, 1, 0.8)), token)
    return _DIGITS.get(token) or _WORDS.get(token, "?")


def _hour_before(match: re.Match[str]) -> str:
    """A time that is told by the hour after it, as in "quarter to nine"."""
    hour = int(match[3]) - 1 if match[3] else _ORDINALS.index(match[4])
    return f"at {hour if 0 < hour < 13 else 12}:{'45' if match[3] else '30'}"
