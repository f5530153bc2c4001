"""The checks of settings: each takes a value as TOML has it; a text has no blanks around it.

A check returns the value as `Settings` has it, or raises ValueError with the text that tells
the owner a right value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ..messages.caption import CAPTION_FIELDS
from ..rules.timetable import TimetableError, TimetableFault
from ..rules.when.reading import read

#: Ids have at most 52 significant bits: https://core.telegram.org/bots/api#user
LARGEST_ID = 2**52
#: The texts for true and false in an environment variable.
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Check = Callable[[Any], Any]


def must_be(right: str, is_right: Callable[[Any], bool]) -> Check:
    """A check that returns a right value as it is."""

    def check(value: Any) -> Any:
        if is_right(value):
            return value
        raise ValueError(f"must be {right}")

    return check


def list_of(right: str, is_right: Callable[[Any], bool]) -> Check:
    """A check for a list of right items; equal items become one."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and all(map(is_right, value)):
            return tuple(dict.fromkeys(value))
        raise ValueError(f"must be {right}")

    return check


def choice(*words: str) -> Check:
    return must_be(f"one of {', '.join(words)}", lambda value: value in words)


def matching(pattern: str, right: str) -> Check:
    """A check for a text that matches the whole pattern."""
    return must_be(
        right, lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))
    )


def _one_of(allowed: Container[int]) -> Callable[[Any], bool]:
    # `True` is an int in Python; the owner means no number by it.
    return lambda value: type(value) is int and value in allowed


def whole(low: int, high: int) -> Check:
    return must_be(f"a whole number from {low} to {high}", _one_of(range(low, high + 1)))


max_side = must_be("0 or a whole number from 320 to 10000", _one_of({0, *range(320, 10_001)}))
flag = must_be("true or false", lambda value: isinstance(value, bool))
chat = must_be(
    "the id of a user, group or channel, such as 123456789",
    lambda value: type(value) is int and 0 < abs(value) < LARGEST_ID,
)
topic = must_be(
    "the id of a forum topic, such as 7; the topic General has none",
    lambda value: type(value) is int and value != 1 and 0 <= value < LARGEST_ID,
)
users = list_of("a list of user ids, such as [123456789]", _one_of(range(1, LARGEST_ID)))
chats = list_of(
    "a list of group ids, which are negative, such as [-1001234567890]",
    _one_of(range(1 - LARGEST_ID, 0)),
)
caption = list_of(
    f"a list with some of {', '.join(CAPTION_FIELDS)}", tuple(CAPTION_FIELDS).__contains__
)
file = must_be(
    "the name of a file",
    lambda value: isinstance(value, str) and value != "" and value.isprintable(),
)
certificates = must_be(
    "empty, or the name of a PEM file",
    lambda value: isinstance(value, str) and value.isprintable(),
)
token = matching(
    "[0-9]+:[A-Za-z0-9_-]+", "the bot's token, digits, a colon and letters; copy it from @BotFather"
)
# The key goes into an HTTP header.
api_key = matching(
    "[!-~]*", "plain letters and signs without spaces; copy it from Stash's settings"
)
source = must_be(
    'a text of at most 100 characters: a name in Stash, or a word such as "new"',
    lambda value: isinstance(value, str) and value.isprintable() and len(value) <= 100,
)


def write_ratings(value: object) -> Any:
    """Take a word; true stands for "always", false for "never", also as a variable's text."""
    words = {True: "always", False: "never", None: value}
    return choice("unrated", "always", "never")(words[FLAGS.get(str(value).lower())])


def _is_address(value: object, schemes: Container[str]) -> bool:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a wrong port or IPv6 address
        return False


def url(value: Any) -> str:
    """Take the address of a server; the result has no slash at its end."""
    if not _is_address(value, ("http", "https")):
        raise ValueError('must be an http:// or https:// address, such as "http://nas:9999"')
    if "@" in urlsplit(value).netloc or re.search("[?#]", value):
        raise ValueError("must have no user name, no password, no ? and no #")
    return str(value).rstrip("/")


def public_url(value: Any) -> str:
    """Take an address that Telegram takes for a button; the result has no slash at its end."""
    if value == "":
        return ""
    address = url(value)
    host = urlsplit(address).hostname or ""
    if "." not in host.strip("."):
        raise ValueError('must have a host with a dot, such as "https://stash.example.org"')
    return address


proxy = must_be(
    "empty, or an address that starts with one of http://, https://, socks5://, socks5h://",
    lambda value: value == "" or _is_address(value, ("http", "https", "socks5", "socks5h")),
)


def zone(value: object) -> ZoneInfo | None:
    """The time zone of that name; None where the name is empty."""
    try:
        if isinstance(value, str):
            return ZoneInfo(value) if value else None
    except (LookupError, ValueError, OSError):
        pass  # an unknown name, a path out of the zone database, or one of its folders
    raise ValueError('must be the IANA name of a time zone, such as "Europe/Berlin"')


def when(value: object) -> str:
    try:
        return read(str(value)).text
    except TimetableError as error:
        raise ValueError(_TIMES[error.fault]) from error


_TIMES = {
    TimetableFault.UNREADABLE: 'must be five fields of cron, such as "0 9 * * 1-5", or words, such'
    ' as "daily 09:00", "weekdays 18:30", "mon,fri 20:00" or "every 3 hours"',
    TimetableFault.NEVER: "must name a day that is in the calendar",
    TimetableFault.TOO_OFTEN: "must leave at least 5 minutes from one time to the next",
}
