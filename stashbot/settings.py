"""What the owner may set: settings.toml, the environment, and systemd's credentials.

`KEYS` and `SCHEDULE_KEYS` say everything about a key: its name, its default, and what
is right for it. A check takes the value as TOML has it, and returns it as `Settings`
has it, or raises ValueError with what would be right.
"""

from __future__ import annotations

import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

import tzlocal

from .errors import SettingsError
from .texts import CAPTION_FIELDS, LANGUAGES

PREFIX = "STASHBOT_"
#: Where the settings file is; the only variable of ours that is not a key.
SETTINGS_VARIABLE = "STASHBOT_SETTINGS"
# Ids have at most 52 significant bits: https://core.telegram.org/bots/api#user
LARGEST_ID = 2**52
# Longer than any history, and short enough to count with.
CENTURY = 36500  # days
NOT_YET = "is not there yet; leave it out"

T = TypeVar("T")
Check = Callable[[object], object]


@dataclass(frozen=True)
class Telegram:
    """The bot's account, and whom it serves; the first allowed user is the owner."""

    token: str = field(repr=False)
    allowed_users: tuple[int, ...]
    allowed_chats: tuple[int, ...]
    language: str
    api_url: str
    proxy: str = field(repr=False)


@dataclass(frozen=True)
class Stash:
    """Where Stash is, without a slash at the end, and its key, empty for none."""

    url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class History:
    """How long a picture stays away from a chat, and how long we know of it; in days."""

    avoid_days: int
    keep_days: int


@dataclass(frozen=True)
class Photos:
    """Which pictures, and how they are shown; `max_side` in pixels, 0 for any."""

    filter: str
    caption: tuple[str, ...]
    max_side: int
    spoiler: bool
    protect: bool


@dataclass(frozen=True)
class Votes:
    """What a vote does; `like` and `dislike` are values of Stash's rating100."""

    like: int
    dislike: int
    write_ratings: bool
    auto_next: bool


@dataclass(frozen=True)
class Schedule:
    """A standing order: `count` pictures for a chat, `when` as the owner wrote it."""

    chat: int
    when: str
    timezone: ZoneInfo
    count: int
    filter: str


@dataclass(frozen=True)
class Log:
    """How much is logged, and in what form."""

    level: str
    format: str


@dataclass(frozen=True)
class Settings:
    """All that the owner has decided, checked and complete. `repr()` shows no secret."""

    timezone: ZoneInfo
    telegram: Telegram
    stash: Stash
    history: History
    photos: Photos
    votes: Votes
    schedules: tuple[Schedule, ...]
    database: Path
    log: Log

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may appear nowhere, in every form in which we hand it on; none is empty."""
        password = urlsplit(self.telegram.proxy).password or ""
        found = (self.telegram.token, self.stash.api_key, password, unquote(password))
        return tuple(dict.fromkeys(secret for secret in found if secret))


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
    Key("votes.like", 100, _whole(1, 100), later=True),
    Key("votes.dislike", 20, _whole(1, 100), later=True),
    Key("votes.write_ratings", True, _flag, later=True),
    Key("votes.auto_next", True, _flag, later=True),
    Key("database.path", "stashbot.db", _filled("the name of a file")),
    Key("log.level", "info", _choice("debug", "info", "warning", "error")),
    Key("log.format", "auto", _choice("auto", "json", "console")),
)
#: The keys of each [[schedule]]; they come from the file alone.
SCHEDULE_KEYS = (
    Key("schedule.chat", 0, _chat),
    Key("schedule.when", "", _filled('a cron expression or words, such as "daily 09:00"')),
    Key("schedule.timezone", "", _zone),
    Key("schedule.count", 1, _whole(1, 10)),
    Key("schedule.filter", "", _text),
)
_NAMES = [key.name for key in KEYS]
_VARIABLES = [key.variable for key in KEYS]
_SECTIONS = [*dict.fromkeys(key.section for key in KEYS if key.section), "schedule"]


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check the settings; `path` None means that there is no file.

    Raises SettingsError with every fault that there is, none of which holds a secret.
    """
    reader = _Reader(path, environ)
    values = {key.name: reader.value(key) for key in KEYS}
    schedules = reader.schedules()
    faults = [*reader.faults, *_contradictions(values), *_unknown_variables(environ)]
    if faults:
        raise SettingsError(tuple(faults))

    def section(name: str, kind: Callable[..., T]) -> T:
        return kind(**{key.option: values[key.name] for key in KEYS if key.section == name})

    timezone = values["timezone"] or _machine_zone()
    return Settings(
        timezone=timezone,
        telegram=section("telegram", Telegram),
        stash=section("stash", Stash),
        history=section("history", History),
        photos=section("photos", Photos),
        votes=section("votes", Votes),
        schedules=tuple(
            Schedule(**{**order, "timezone": order["timezone"] or timezone}) for order in schedules
        ),
        database=_home(path, environ) / values["database.path"],
        log=section("log", Log),
    )


class _Reader:
    """Finds and checks values, and collects in `faults` what is wrong with them."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        self._environ = environ
        self._document = self._read(path) if path else {}
        self.faults += _unknown_keys(self._document or {})

    def value(self, key: Key) -> Any:
        """The key's value as `Settings` has it; None, and a fault, if it is wrong."""
        if key.variable in self._environ:
            commas = ", separated by commas" if isinstance(key.default, list) else ""
            raw = key.from_text(self._environ[key.variable])
            return self._checked(key, raw, f"{key.name} ({key.variable}{commas})")
        try:
            credential = self._credential(key)
        except OSError as error:
            self.faults.append(f"{key.name}: its credential cannot be read: {error.strerror}")
            return None
        if credential is not None:
            return self._checked(key, credential, f"{key.name} (credential {key.credential})")
        return self._from_file(key)

    def schedules(self) -> list[dict[str, Any]]:
        """The standing orders, each as a dict by option."""
        orders = (self._document or {}).get("schedule", [])
        if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
            self.faults.append("schedule: must be written as [[schedule]], once for each")
            return []
        if orders:
            self.faults.append(f"schedule: {NOT_YET}")
        return [self._schedule(order, number) for number, order in enumerate(orders, 1)]

    def _schedule(self, order: dict[str, object], number: int) -> dict[str, Any]:
        known = [key.name for key in SCHEDULE_KEYS]
        self.faults += [
            f"schedule.{option} (number {number}): {_unknown(f'schedule.{option}', known)}"
            for option in order
            if f"schedule.{option}" not in known
        ]
        return {
            key.option: self._checked(
                key, order.get(key.option, key.default), f"{key.name} (number {number})"
            )
            for key in SCHEDULE_KEYS
        }

    def _read(self, path: Path) -> dict[str, Any] | None:
        """The file's content; None, and a fault, if it cannot be had."""
        try:
            return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError:
            self.faults.append(f"{path}: there is no such file; copy settings.toml to there")
        except OSError as error:
            self.faults.append(f"{path}: cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self.faults.append(f"{path}: is no text; save it as UTF-8")
        except ValueError as error:  # it names line and column
            self.faults.append(f"{path}: is no TOML: {error}")
        return None

    def _credential(self, key: Key) -> str | None:
        directory = self._environ.get("CREDENTIALS_DIRECTORY", "")
        if not (key.credential and directory):
            return None
        try:
            return (Path(directory) / key.credential).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def _from_file(self, key: Key) -> object:
        if self._document is None:
            return None  # what is missing may stand in the file that we could not read
        table = self._document.get(key.section, {}) if key.section else self._document
        if not isinstance(table, dict):
            return None  # it is a fault already, as a whole
        return self._checked(key, table.get(key.option, key.default), key.name)

    def _checked(self, key: Key, raw: object, place: str) -> object:
        try:
            value = key.check(raw)
        except ValueError as error:
            shown = "" if key.private else f"; it is {_shown(raw)}"
            self.faults.append(f"{place}: {error}{shown}")
            return None
        if key.later and value != key.check(key.default):
            self.faults.append(f"{place}: {NOT_YET}")
        return value


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _unknown_keys(document: dict[str, object]) -> Iterator[str]:
    for name, content in document.items():
        if name in _SECTIONS:
            yield from _unknown_options(name, content)
        elif name not in _NAMES:
            yield f"{name}: {_unknown(name, [*_SECTIONS, *_NAMES])}"


def _unknown_options(section: str, content: object) -> Iterator[str]:
    if section == "schedule":
        return  # its tables are looked at one by one
    if not isinstance(content, dict):
        yield f"{section}: must be a section, that is, a line [{section}] with keys below it"
        return
    for option in content:
        name = f"{section}.{option}"
        if name not in _NAMES:
            yield f"{name}: {_unknown(name, _NAMES)}"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    for name in environ:
        if name.startswith(PREFIX) and name not in {SETTINGS_VARIABLE, *_VARIABLES}:
            yield f"{name}: {_unknown(name, _VARIABLES)}"


def _unknown(name: str, known: list[str]) -> str:
    """What to say of a name that we do not know, with the nearest that we do."""
    by_option = {key.rpartition(".")[2]: key for key in known}
    near = [by_option[option] for option in get_close_matches(name.rpartition(".")[2], by_option)]
    near += get_close_matches(name, known)
    return f"is unknown; did you mean {near[0]}?" if near else "is unknown; leave it out"


def _contradictions(values: Mapping[str, Any]) -> Iterator[str]:
    avoid, keep = values["history.avoid_days"], values["history.keep_days"]
    if None not in (avoid, keep) and keep < avoid:
        yield f"history.keep_days: must not be less than history.avoid_days, {avoid}; it is {keep}"


def _machine_zone() -> ZoneInfo:
    """The machine's time zone, or UTC if it has none that we can name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where it falls back to UTC
            zone = tzlocal.get_localzone()
    except (LookupError, ValueError, OSError):
        zone = None
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC")


def _home(path: Path | None, environ: Mapping[str, str]) -> Path:
    """The directory, absolute, that a relative path of the database starts from."""
    # systemd.exec(5): several directories are separated by colons.
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if state:
        return Path(state).absolute()
    return path.absolute().parent if path else Path.cwd()
