"""The checks of settings: each takes a value as TOML has it.

A check returns the value as `Settings` has it, or raises ValueError with the text that tells
the owner a right value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from ..errors import TimetableError, TimetableFault
from ..messages.caption import CAPTION_FIELDS
from ..rules.timetable import read

#: Ids have at most 52 significant bits: https://core.telegram.org/bots/api#user
LARGEST_ID = 2**52

Check = Callable[[object], object]


def text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError('must be a text in quotes, such as "..."')


def choice(*words: str) -> Check:
    """A check for one of these words."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(f"must be one of {', '.join(words)}")

    return check


def when(value: object) -> str:
    try:
        return read(text(value)).text
    except TimetableError as error:
        raise ValueError(_TIMES[error.fault]) from error


_TIMES = {
    TimetableFault.UNREADABLE: 'must be five fields of cron, such as "0 9 * * 1-5", or words, such'
    ' as "daily 09:00", "weekdays 18:30", "mon,fri 20:00" or "every 3 hours"',
    TimetableFault.NEVER: "must name a day that is in the calendar",
    TimetableFault.TOO_OFTEN: "must leave at least 5 minutes from one time to the next",
}


def whole(low: int, high: int, *, or_zero: bool = False) -> Check:
    """A check for a whole number from `low` to `high`."""
    right = f"{'0 or ' * or_zero}a whole number from {low} to {high}"

    def check(value: object) -> int:
        # `True` is an int in Python; the owner means no number by it.
        if type(value) is int and (low <= value <= high or (or_zero and value == 0)):
            return value
        raise ValueError(f"must be {right}")

    return check


#: What an environment variable may say for true and false.
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def write_ratings(value: object) -> str:
    """Take a word; true stands for "always", false for "never", also as a variable's text."""
    flag_or_word = FLAGS.get(value.strip().lower(), value) if isinstance(value, str) else value
    if isinstance(flag_or_word, bool):
        return "always" if flag_or_word else "never"
    return str(choice("unrated", "always", "never")(value))


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def ids(right: str, allowed: range, *, least: int) -> Check:
    """A check for a list of at least so many ids; equal ids become one."""

    def check(value: object) -> tuple[int, ...]:
        if (
            isinstance(value, list)
            and len(value) >= least
            and all(type(item) is int and item in allowed for item in value)
        ):
            return tuple(dict.fromkeys(value))
        raise ValueError(f"must be {right}")

    return check


def chat(value: object) -> int:
    if type(value) is int and value != 0 and abs(value) < LARGEST_ID:
        return value
    raise ValueError("must be the id of a user, group or channel, such as 123456789")


def caption(value: object) -> tuple[str, ...]:
    """Take the fields of a caption, each at most once."""
    if isinstance(value, list) and all(item in tuple(CAPTION_FIELDS) for item in value):
        if len(set(value)) == len(value):
            return tuple(value)
        raise ValueError("must name nothing twice")
    raise ValueError(f"must be a list with some of {', '.join(CAPTION_FIELDS)}")


def matching(pattern: str, right: str) -> Check:
    """A check for a text that matches the pattern, without the blanks around it."""

    def check(value: object) -> str:
        found = text(value).strip()
        if re.fullmatch(pattern, found):
            return found
        raise ValueError(f"must be {right}")

    return check


def file(value: object) -> str:
    found = text(value).strip()
    if found and found.isprintable():
        return found
    raise ValueError("must be the name of a file")


token = matching(
    r"[0-9]+:[A-Za-z0-9_-]+",
    "the bot's token, digits, a colon and letters; copy it from @BotFather",
)
# The key goes into an HTTP header.
api_key = matching(
    r"[!-~]*", "plain letters and signs without spaces; copy it from Stash's settings"
)


def _address(value: object, schemes: Iterable[str], right: str) -> SplitResult:
    found = text(value).strip()
    try:
        parts = urlsplit(found)
        fits = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a wrong port or IPv6 address; urllib's own text would quote it
        fits = False
    if fits and found.isprintable() and " " not in found:
        return parts
    raise ValueError(f"must be {right}")


def url(value: object) -> str:
    """Take the address of a server; the result has no slash at its end."""
    right = 'an http:// or https:// address with a host, such as "http://localhost:9999"'
    parts = _address(value, ("http", "https"), right)
    if "@" in parts.netloc:
        raise ValueError("must hold no user name and no password")
    if parts.query or parts.fragment:
        raise ValueError("must end with the path, without ? and #")
    return parts.geturl().rstrip("/")


def proxy(value: object) -> str:
    """Take the address of a proxy; empty for none."""
    schemes = ("http", "https", "socks5", "socks5h")
    starts = ", ".join(f"{scheme}://" for scheme in schemes)
    right = f"empty, or an address that starts with one of {starts}"
    return _address(value, schemes, right).geturl() if value != "" else ""


def zone(value: object) -> ZoneInfo | None:
    """The time zone of that name; None where the name is empty."""
    name = text(value).strip()
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError):
        pass  # an unknown name, a path out of the zone database, or one of its folders
    raise ValueError('must be the IANA name of a time zone, such as "Europe/Berlin"')
