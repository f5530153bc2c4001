"""What the owner may set: settings.toml, the environment, and systemd's credentials.

Which keys there are, and what is right for each, stands in `keys`; here they are found,
checked, and put together as frozen values.
"""

from __future__ import annotations

import json
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import tzlocal

from ..errors import SettingsError
from .keys import KEYS, PREFIX, SCHEDULE_KEYS, Key

#: Where the settings file is; the only variable of ours that is not a key.
SETTINGS_VARIABLE = "STASHBOT_SETTINGS"
#: How many standing orders a chat may have.
MOST_SCHEDULES = 20
NOT_YET = "belongs to a part that is not there yet; leave it out"

T = TypeVar("T")

_NAMES = [key.name for key in KEYS]
_VARIABLES = [key.variable for key in KEYS]
_SECTIONS = [*dict.fromkeys(key.section for key in KEYS if key.section), "schedule"]


@dataclass(frozen=True)
class TelegramSettings:
    """The bot's account, and whom it serves; the first allowed user is the owner."""

    token: str = field(repr=False)
    allowed_users: tuple[int, ...]
    allowed_chats: tuple[int, ...]
    language: str
    api_url: str
    proxy: str = field(repr=False)


@dataclass(frozen=True)
class StashSettings:
    """Where Stash is, without a slash at the end, and its key, empty for none."""

    url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class HistorySettings:
    """How long a picture stays away from a chat, and how long we know of it; in days."""

    avoid_days: int
    keep_days: int


@dataclass(frozen=True)
class PhotosSettings:
    """Which pictures, and how they are shown; `max_side` in pixels, 0 for any."""

    filter: str
    caption: tuple[str, ...]
    max_side: int
    spoiler: bool
    protect: bool


@dataclass(frozen=True)
class VotesSettings:
    """The effect of a vote; `like` and `dislike` are values of Stash's rating100.

    `write_ratings` is "unrated", "always" or "never".
    """

    like: int
    dislike: int
    write_ratings: str
    auto_next: bool


@dataclass(frozen=True)
class ScheduleSettings:
    """A standing order: `count` pictures for a chat, `when` as the owner wrote it."""

    chat: int
    when: str
    timezone: ZoneInfo
    count: int
    filter: str


@dataclass(frozen=True)
class LogSettings:
    """How much is logged, and in what form."""

    level: str
    format: str


@dataclass(frozen=True)
class Settings:
    """All that the owner has decided, checked and complete. `repr()` shows no secret."""

    timezone: ZoneInfo
    telegram: TelegramSettings
    stash: StashSettings
    history: HistorySettings
    photos: PhotosSettings
    votes: VotesSettings
    schedules: tuple[ScheduleSettings, ...]
    database: Path
    log: LogSettings

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may appear nowhere, in every form in which we hand it on; none is empty."""
        password = urlsplit(self.telegram.proxy).password or ""
        found = (self.telegram.token, self.stash.api_key, password, unquote(password))
        return tuple(dict.fromkeys(secret for secret in found if secret))


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check the settings; `path` None means that there is no file.

    Raises SettingsError with every fault that there is, none of which holds a secret.
    """
    reader = _Reader(path, environ)
    values = {key.name: reader.value(key) for key in KEYS}
    schedules = reader.schedules()
    faults = [*reader.faults, *_contradictions(values), *_crowds(schedules)]
    faults += _unknown_variables(environ)
    if faults:
        raise SettingsError(tuple(faults))

    def section(name: str, kind: Callable[..., T]) -> T:
        return kind(**{key.option: values[key.name] for key in KEYS if key.section == name})

    timezone = values["timezone"] or _machine_zone()
    return Settings(
        timezone=timezone,
        telegram=section("telegram", TelegramSettings),
        stash=section("stash", StashSettings),
        history=section("history", HistorySettings),
        photos=section("photos", PhotosSettings),
        votes=section("votes", VotesSettings),
        schedules=tuple(
            ScheduleSettings(**{**order, "timezone": order["timezone"] or timezone})
            for order in schedules
        ),
        database=_home(path, environ) / values["database.path"],
        log=section("log", LogSettings),
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


def _crowds(schedules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with standing orders that are right each by itself."""
    seen: dict[tuple[object, ...], int] = {}
    for number, order in enumerate(schedules, 1):
        first = seen.setdefault(tuple(order.values()), number)
        if first != number:
            yield f"schedule (number {number}): is the same as number {first}; leave one out"
    chats = Counter(order["chat"] for order in schedules if order["chat"] is not None)
    for chat, count in chats.items():
        if count > MOST_SCHEDULES:
            yield f"schedule.chat: {chat} has {count} schedules; a chat can have {MOST_SCHEDULES}"


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
