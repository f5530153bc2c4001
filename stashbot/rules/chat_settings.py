"""Reads the settings of a chat from texts, in the database and in callback data. Pure.

`models.as_text` writes those texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import time
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from ..models import OFF, ChatValues, QuietHours

#: The most zones that are offered for a name.
MOST_OFFERED = 4
#: Names besides those of the zones themselves, in lower case and with е for ё.
_CITIES = {
    "America/Chicago": "чикаго, houston, dallas",
    "America/Los_Angeles": "лос-анджелес, сан-франциско, san francisco, seattle, san diego",
    "America/New_York": "нью-йорк, вашингтон, бостон, майами, washington, boston, miami",
    "America/Sao_Paulo": "сан-паулу, рио-де-жанейро, rio de janeiro",
    "America/Toronto": "торонто, монреаль, montreal",
    "Asia/Almaty": "алматы, алма-ата, астана, astana",
    "Asia/Baku": "баку",
    "Asia/Bangkok": "бангкок, пхукет, phuket",
    "Asia/Dubai": "дубай, абу-даби, abu dhabi",
    "Asia/Irkutsk": "иркутск, улан-удэ",
    "Asia/Jerusalem": "иерусалим, тель-авив, хайфа, tel aviv, haifa",
    "Asia/Kamchatka": "камчатка, петропавловск-камчатский",
    "Asia/Kolkata": "дели, мумбаи, delhi, new delhi, mumbai, bangalore",
    "Asia/Krasnoyarsk": "красноярск",
    "Asia/Makassar": "бали, bali",
    "Asia/Novosibirsk": "новосибирск",
    "Asia/Omsk": "омск",
    "Asia/Shanghai": "пекин, шанхай, beijing, shenzhen",
    "Asia/Tashkent": "ташкент",
    "Asia/Tbilisi": "тбилиси, батуми, batumi",
    "Asia/Tokyo": "токио, osaka, kyoto",
    "Asia/Vladivostok": "владивосток, хабаровск",
    "Asia/Yakutsk": "якутск",
    "Asia/Yekaterinburg": "екатеринбург, челябинск, уфа, пермь, тюмень",
    "Asia/Yerevan": "ереван",
    "Australia/Sydney": "сидней, canberra",
    "Europe/Amsterdam": "амстердам, rotterdam",
    "Europe/Belgrade": "белград",
    "Europe/Berlin": "берлин, мюнхен, гамбург, munich, hamburg, frankfurt, cologne, münchen, köln",
    "Europe/Istanbul": "стамбул, анталья, анкара, ankara, antalya",
    "Europe/Kaliningrad": "калининград",
    "Europe/Kyiv": "киев, київ, харьков, одесса, львов, kiev, odesa, lviv",
    "Europe/Lisbon": "лиссабон, porto",
    "Europe/London": "лондон, manchester, edinburgh, glasgow",
    "Europe/Madrid": "мадрид, барселона, barcelona, valencia",
    "Europe/Minsk": "минск",
    "Europe/Moscow": "москва, мск, санкт-петербург, петербург, спб, казань, сочи, saint petersburg",
    "Europe/Paris": "париж, лион, lyon, marseille",
    "Europe/Prague": "прага",
    "Europe/Riga": "рига",
    "Europe/Rome": "рим, милан, milan, naples, florence",
    "Europe/Samara": "самара",
    "Europe/Vienna": "вена",
    "Europe/Warsaw": "варшава, краков, krakow",
    "Europe/Zurich": "цюрих, женева, geneva, zürich",
}
#: The longest time in hours after which messages are deleted: Telegram refuses after 48.
LONGEST_HOURS = 47
_CLOCK = r"(\d{1,2})(?:[:.](\d\d))?"
_QUIET = re.compile(rf"{_CLOCK}\s*(?:[-–—]|to|до)\s*{_CLOCK}", re.ASCII)
_HOURS = re.compile(r"(\d{1,2})\s*(?:h|hours?|ч|час(?:а|ов)?)?", re.ASCII)


def find_zone(text: str, names: Iterable[str]) -> tuple[str, list[str]]:
    """The time zone that a city's or a zone's name means, of those `names` that exist.

    It is empty for an unknown name, which has the zones with the nearest names instead.
    """
    known = dict[str, str]()
    for zone in sorted(names, key=len, reverse=True):  # of two with one city, the shorter counts
        own = [zone, zone.rpartition("/")[2], *_CITIES.get(zone, zone).split(",")]
        known |= {_folded(name): zone for name in own}
    wanted = _folded(text)
    if wanted in known:
        return known[wanted], []
    near = [known[each] for each in get_close_matches(wanted, known, 2 * MOST_OFFERED, 0.75)]
    return "", list(dict.fromkeys(near))[:MOST_OFFERED]


def parsed(name: str, text: str) -> Any:
    """The value of a field of ChatValues. Raises ValueError and LookupError."""
    return _PARSERS[name](text)


def merged(own: Mapping[str, str], defaults: ChatValues) -> ChatValues:
    """The chat's own values over the defaults; one that this version cannot read is left out."""
    values = {}
    for name, text in own.items():
        with suppress(ValueError, LookupError, OSError):
            values[name] = parsed(name, text)
    is_chosen = defaults.is_zone_chosen or "timezone" in values
    return replace(defaults, is_zone_chosen=is_chosen, **values)


def _folded(name: str) -> str:
    return " ".join(name.lower().replace("ё", "е").replace("_", " ").replace("-", " ").split())


def _flag(text: str) -> bool:
    return {"0": False, "1": True}[text]


def _language(text: str) -> str:
    if text not in ("auto", "en", "ru"):
        raise ValueError(text)
    return text


def _quiet(text: str) -> QuietHours | None:
    if text == OFF:
        return None
    match = _QUIET.fullmatch(text.lower())
    if match is None:
        raise ValueError(text)
    hour, minute, last_hour, last_minute = (int(each or 0) for each in match.groups())
    start, end = time(hour, minute), time(last_hour % 24, last_minute)
    if start == end:
        raise ValueError(text)
    return QuietHours(start, end)


def _hours(text: str) -> int:
    match = _HOURS.fullmatch(text.lower())
    if match is None or int(match[1]) > LONGEST_HOURS:
        raise ValueError(text)
    return int(match[1])


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "language": _language,
    "timezone": ZoneInfo,
    "is_zone_asked": _flag,
    "spoiler": _flag,
    "protect": _flag,
    "auto_next": _flag,
    "silent": _flag,
    "quiet": _quiet,
    "delete_after": _hours,
    "alerts": str,
}
