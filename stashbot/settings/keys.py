"""The keys of the settings: what each is called, its default, and what is right for it.

A check takes the value as TOML has it, and returns it as `Settings` has it, or raises
ValueError with what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from ..errors import TimetableError, TimetableFault
from ..messages.caption import CAPTION_FIELDS
from ..messages.catalogue import LANGUAGES
from ..rules.timetable import read

#: What the name of every variable of ours begins with.
PREFIX = "STASHBOT_"
# Ids have at most 52 significant bits: https://core.telegram.org/bots/api#user
LARGEST_ID = 2**52
# Longer than any history, and short enough to count with.
CENTURY = 36500  # days

Check = Callable[[object], object]


@dataclass(frozen=True)
class Key:
    """One setting: its dotted name, its default as TOML has it, and its check.

    The value of a `private` key is quoted in no fault: it is a secret, or an address
    that may hold one. `credential` is the name of its file in $CREDENTIALS_DIRECTORY.
    A key that comes `later` is checked, and refused unless it has its default.
    """

    name: str
    default: object
    check: Check
    private: bool = False
    credential: str = ""
    later: bool = False

    @property
    def section(self) -> str:
        """The table that the key stands in, empty for the top of the file."""
        return self.name.rpartition(".")[0]

    @property
    def option(self) -> str:
        """The key's name within its section."""
        return self.name.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable that sets the key."""
        return PREFIX + self.name.upper().replace(".", "_")

    def from_text(self, text: str) -> object:
        """What a variable says, as TOML would have it; as it is where it makes no sense."""
        match self.default:
            case bool():
                return _FLAGS.get(text.strip().lower(), text)
            case int():
                return _number(text)
            case list():
                return [_number(part.strip()) for part in text.split(",") if part.strip()]
        return text


_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text) else text


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError('must be a text in quotes, such as "..."')


def _filled(right: str) -> Check:
    def check(value: object) -> str:
        text = _text(value).strip()
        if text and text.isprintable():
            return text
        raise ValueError(f"must be {right}")

    return check


def _choice(*words: str) -> Check:
    def check(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(f"must be one of {', '.join(words)}")

    return check


def _when(value: object) -> str:
    text = _filled('a cron expression or words, such as "daily 09:00"')(value)
    try:
        return read(str(text)).text
    except TimetableError as error:
        raise ValueError(_TIMES[error.fault]) from error


_TIMES = {
    TimetableFault.UNREADABLE: 'must be five fields of cron, such as "0 9 * * 1-5", or words, such'
    ' as "daily 09:00", "weekdays 18:30", "mon,fri 20:00" or "every 3 hours"',
    TimetableFault.NEVER: "must name a day that is in the calendar",
    TimetableFault.TOO_OFTEN: "must leave at least 5 minutes from one time to the next",
}


def _whole(low: int, high: int, *, or_zero: bool = False) -> Check:
    right = f"{'0 or ' * or_zero}a whole number from {low} to {high}"

    def check(value: object) -> int:
        # True is an int in Python, and no number to the owner.
        if type(value) is int and (low <= value <= high or (or_zero and value == 0)):
            return value
        raise ValueError(f"must be {right}")

    return check


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _write_ratings(value: object) -> str:
    """A word; true stands for "always", false for "never", also as the text of a variable."""
    flag = _FLAGS.get(value.strip().lower(), value) if isinstance(value, str) else value
    if isinstance(flag, bool):
        return "always" if flag else "never"
    return str(_choice("unrated", "always", "never")(value))


def _ids(right: str, allowed: range, *, least: int) -> Check:
    def check(value: object) -> tuple[int, ...]:
        if (
            isinstance(value, list)
            and len(value) >= least
            and all(type(item) is int and item in allowed for item in value)
        ):
            return tuple(dict.fromkeys(value))
        raise ValueError(f"must be {right}")

    return check


def _chat(value: object) -> int:
    if type(value) is int and value != 0 and abs(value) < LARGEST_ID:
        return value
    raise ValueError("must be the id of a user, group or channel, such as 123456789")


def _caption(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(item in tuple(CAPTION_FIELDS) for item in value):
        if len(set(value)) == len(value):
            return tuple(value)
        raise ValueError("must name nothing twice")
    raise ValueError(f"must be a list with some of {', '.join(CAPTION_FIELDS)}")


def _token(value: object) -> str:
    text = _text(value).strip()
    if re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", text):
        return text
    raise ValueError(
        "must be the bot's token, digits, a colon and letters; copy it from @BotFather"
    )


def _api_key(value: object) -> str:
    text = _text(value).strip()
    if re.fullmatch(r"[!-~]*", text):  # it travels in an HTTP header
        return text
    raise ValueError(
        "must be plain letters and signs without spaces; copy it from Stash's settings"
    )


def _address(value: object, schemes: Iterable[str], right: str) -> SplitResult:
    text = _text(value).strip()
    try:
        parts = urlsplit(text)
        fits = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a wrong port or IPv6 address; urllib's own words would quote it
        fits = False
    if fits and text.isprintable() and " " not in text:
        return parts
    raise ValueError(f"must be {right}")


def _url(value: object) -> str:
    right = 'an http:// or https:// address with a host, such as "http://localhost:9999"'
    parts = _address(value, ("http", "https"), right)
    if "@" in parts.netloc:
        raise ValueError("must hold no user name and no password")
    if parts.query or parts.fragment:
        raise ValueError("must end with the path, without ? and #")
    return parts.geturl().rstrip("/")


def _proxy(value: object) -> str:
    schemes = ("http", "https", "socks5", "socks5h")
    starts = ", ".join(f"{scheme}://" for scheme in schemes)
    right = f"empty, or an address that starts with one of {starts}"
    return _address(value, schemes, right).geturl() if value != "" else ""


def _zone(value: object) -> ZoneInfo | None:
    """The time zone of that name; None where the name is empty."""
    name = _text(value).strip()
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError):
        pass  # an unknown name, one that leads out of the database, or a directory in it
    raise ValueError('must be the IANA name of a time zone, such as "Europe/Berlin"')


#: Every key outside [[schedule]], in the order of the file.
KEYS = (
    Key("timezone", "", _zone),
    Key("telegram.token", "", _token, private=True, credential="telegram_token"),
    Key(
        "telegram.allowed_users",
        [],
        _ids("a list of user ids, such as [123456789]", range(1, LARGEST_ID), least=1),
    ),
    Key(
        "telegram.allowed_chats",
        [],
        _ids(
            "a list of group ids, which are negative, such as [-1001234567890]",
            range(1 - LARGEST_ID, 0),
            least=0,
        ),
    ),
    Key("telegram.language", "auto", _choice("auto", *LANGUAGES)),
    Key("telegram.api_url", "https://api.telegram.org", _url, private=True),
    Key("telegram.proxy", "", _proxy, private=True),
    Key("stash.url", "http://localhost:9999", _url, private=True),
    Key("stash.api_key", "", _api_key, private=True, credential="stash_api_key"),
    Key("history.avoid_days", 30, _whole(0, CENTURY)),
    Key("history.keep_days", 730, _whole(1, CENTURY)),
    Key("photos.filter", "", _text, later=True),
    Key("photos.caption", list(CAPTION_FIELDS), _caption),
    Key("photos.max_side", 2560, _whole(320, 10_000, or_zero=True)),
    Key("photos.spoiler", False, _flag),
    Key("photos.protect", False, _flag),
    Key("votes.like", 100, _whole(1, 100)),
    Key("votes.dislike", 20, _whole(1, 100)),
    Key("votes.write_ratings", "unrated", _write_ratings),
    Key("votes.auto_next", True, _flag),
    Key("database.path", "stashbot.db", _filled("the name of a file")),
    Key("log.level", "info", _choice("debug", "info", "warning", "error")),
    Key("log.format", "auto", _choice("auto", "json", "console")),
)
#: The keys of each [[schedule]]; they come from the file alone.
SCHEDULE_KEYS = (
    Key("schedule.chat", 0, _chat),
    Key("schedule.when", "", _when),
    Key("schedule.timezone", "", _zone),
    Key("schedule.count", 1, _whole(1, 10)),
    Key("schedule.filter", "", _text, later=True),
)
