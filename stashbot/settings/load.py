"""Reading the settings: from the environment, systemd's credentials and settings.toml.

`keys` declares the keys. This module finds their values, checks them, and reports all faults
at once.
"""

from __future__ import annotations

import json
import os
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import tzlocal

from ..errors import SettingsError
from .keys import (
    KEYS,
    MOST_SCHEDULES,
    PREFIX,
    SCHEDULE_KEYS,
    SECTIONS,
    Key,
    ScheduleSettings,
    Settings,
)

#: Names the settings file; the only variable of stashbot that is no key.
SETTINGS_VARIABLE = "STASHBOT_SETTINGS"
NOT_YET = "belongs to a part that is not there yet; leave it out"

_NAMES = [key.name for key in KEYS]
_VARIABLES = [key.variable for key in KEYS]
_TABLES = [*SECTIONS, "schedule"]


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check the settings; `path` None means that there is no file.

    Raises SettingsError with all faults; no fault holds a secret.
    """
    values, schedules = _read(_Reader(path, environ), environ)
    sections = {
        name: kind(**{key.option: values[key.name] for key in KEYS if key.section == name})
        for name, kind in SECTIONS.items()
    }
    timezone = values["timezone"] or _machine_zone()
    return Settings(
        **sections | {"database": _home(path, environ) / sections["database"].path},
        timezone=timezone,
        schedules=tuple(
            ScheduleSettings(**each | {"timezone": each["timezone"] or timezone})
            for each in schedules
        ),
    )


def check_only(path: Path | None, environ: Mapping[str, str]) -> bool:
    """Check the settings like `load`, without the credentials where they are not readable.

    Returns False if the credentials were left out. Raises SettingsError.
    """
    # systemd 252 gives ExecReload= the variable, and no access to the directory.
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    has_secrets = not directory or os.access(directory, os.R_OK | os.X_OK)
    _read(_Reader(path, environ, has_secrets=has_secrets), environ)
    return has_secrets


def _read(
    reader: _Reader, environ: Mapping[str, str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The value of each key by its name, and the schedules; raises SettingsError."""
    values = {key.name: reader.value(key) for key in KEYS}
    schedules = reader.schedules()
    faults = [*reader.faults, *_contradictions(values), *_crowds(schedules)]
    faults += _unknown_variables(environ)
    if faults:
        raise SettingsError(tuple(faults))
    return values, schedules


class _Reader:
    """Finds and checks values, and collects faults in `faults`."""

    def __init__(
        self, path: Path | None, environ: Mapping[str, str], *, has_secrets: bool = True
    ) -> None:
        self.faults: list[str] = []
        self._environ = environ
        self._has_secrets = has_secrets
        self._document = self._read_file(path) if path else {}
        self.faults += _unknown_keys(self._document or {})

    def value(self, key: Key) -> Any:
        """The key's value as `Settings` has it; None, and a fault, if it is wrong."""
        if key.variable in self._environ:
            commas = ", separated by commas" if isinstance(key.default, list) else ""
            raw = key.from_text(self._environ[key.variable])
            return self._checked(key, raw, f"{key.name} ({key.variable}{commas})")
        if key.credential and not self._has_secrets:
            return None
        try:
            credential = self._credential(key)
        except OSError as error:
            self.faults.append(f"{key.name}: its credential cannot be read: {error.strerror}")
            return None
        if credential:
            return self._checked(key, credential, f"{key.name} (credential {key.credential})")
        return self._from_file(key)

    def schedules(self) -> list[dict[str, Any]]:
        """The schedules of the file, each as a dict by option."""
        tables = (self._document or {}).get("schedule", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self.faults.append("schedule: must be written as [[schedule]], once for each")
            return []
        return [self._schedule(table, number) for number, table in enumerate(tables, 1)]

    def _schedule(self, table: dict[str, object], number: int) -> dict[str, Any]:
        known = [key.name for key in SCHEDULE_KEYS]
        self.faults += [
            f"schedule.{option} (number {number}): {_unknown(f'schedule.{option}', known)}"
            for option in table
            if f"schedule.{option}" not in known
        ]
        return {
            key.option: self._checked(
                key, table.get(key.option, key.default), f"{key.name} (number {number})"
            )
            for key in SCHEDULE_KEYS
        }

    def _read_file(self, path: Path) -> dict[str, Any] | None:
        """The file's content; None, and a fault, if it cannot be read."""
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

    def _credential(self, key: Key) -> str:
        """The text of the key's credential, without blanks around it; empty for none."""
        directory = self._environ.get("CREDENTIALS_DIRECTORY", "")
        if not (key.credential and directory):
            return ""
        try:
            return (Path(directory) / key.credential).read_text("utf-8", errors="replace").strip()
        except FileNotFoundError:
            return ""

    def _from_file(self, key: Key) -> object:
        if self._document is None:
            return None  # the unreadable file may hold the value
        table = self._document.get(key.section, {}) if key.section else self._document
        if not isinstance(table, dict):
            return None  # the whole table is a fault already
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
        if name in _TABLES:
            yield from _unknown_options(name, content)
        elif name not in _NAMES:
            yield f"{name}: {_unknown(name, [*_TABLES, *_NAMES])}"


def _unknown_options(section: str, content: object) -> Iterator[str]:
    if section == "schedule":
        return  # `_Reader` looks at each of its tables
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
    """The fault of an unknown name, with the nearest known one."""
    by_option = {key.rpartition(".")[2]: key for key in known}
    near = [by_option[option] for option in get_close_matches(name.rpartition(".")[2], by_option)]
    near += get_close_matches(name, known)
    return f"is unknown; did you mean {near[0]}?" if near else "is unknown; leave it out"


def _contradictions(values: Mapping[str, Any]) -> Iterator[str]:
    avoid, keep = values["history.avoid_days"], values["history.keep_days"]
    if None not in (avoid, keep) and keep < avoid:
        yield f"history.keep_days: must not be less than history.avoid_days, {avoid}; it is {keep}"


def _crowds(schedules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The faults of schedules that are right one by one: equal ones, and too many of a chat."""
    seen: dict[tuple[object, ...], int] = {}
    for number, schedule in enumerate(schedules, 1):
        first = seen.setdefault(tuple(schedule.values()), number)
        if first != number:
            yield f"schedule (number {number}): is the same as number {first}; leave one out"
    chats = Counter(each["chat"] for each in schedules if each["chat"] is not None)
    for chat, count in chats.items():
        if count > MOST_SCHEDULES:
            yield f"schedule.chat: {chat} has {count} schedules; a chat can have {MOST_SCHEDULES}"


def _machine_zone() -> ZoneInfo:
    """The machine's time zone, or UTC if it has no IANA name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tzlocal warns when it falls back to UTC
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
