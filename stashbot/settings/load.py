"""Reading the settings: from the environment, systemd's credentials and settings.toml.

All faults are reported at once, and no fault holds a secret.
"""

from __future__ import annotations

import json
import os
import tomllib
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import tzlocal

from ..errors import SettingsError
from . import keys
from .keys import KEYS, SCHEDULE_KEYS, SECTIONS, Key, ScheduleSettings, Settings

#: Names the settings file; the only variable of stashbot that is no key.
SETTINGS_VARIABLE = "STASHBOT_SETTINGS"
#: The most characters of a wrong value that a fault quotes.
QUOTED = 60

_NAMES = [key.name for key in (*KEYS, *SCHEDULE_KEYS)]
_VARIABLES = [SETTINGS_VARIABLE, *(key.variable for key in KEYS)]


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check the settings; without a `path` there is no file. Raises SettingsError."""
    reader = _Reader(path, environ)
    values = {key.name: reader.value(key) for key in KEYS}
    schedules = reader.schedules()
    variables = (name for name in environ if name.startswith(keys.PREFIX))
    faults = [*reader.faults, *_contradictions(values, schedules), *_unknown(variables, _VARIABLES)]
    if faults:
        raise SettingsError(tuple(faults))
    sections = {
        name: kind(**{key.option: values[key.name] for key in KEYS if key.section == name})
        for name, kind in SECTIONS.items()
    }
    # systemd.exec(5): several directories are separated by colons.
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    home = Path(state or (path.parent if path else "")).absolute()
    sections["database"] = home / sections["database"].path
    timezone = values["timezone"] or _machine_zone()
    for schedule in schedules:
        schedule["timezone"] = schedule["timezone"] or timezone
    fixed = tuple(ScheduleSettings(**schedule) for schedule in schedules)
    return Settings(**sections, timezone=timezone, schedules=fixed)


def check_only(path: Path | None, environ: Mapping[str, str]) -> bool:
    """Check like `load`; False if unreadable credentials were left out. Raises SettingsError."""
    # systemd 252 gives ExecReload= the variable, and no access to the directory.
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    has_secrets = not directory or os.access(directory, os.R_OK | os.X_OK)
    right_secrets = {key.variable: "0:0" for key in KEYS if key.credential}
    load(path, environ if has_secrets else {**right_secrets, **environ})
    return has_secrets


class _Reader:
    """Finds and checks values, and collects faults in `faults`."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        self._environ = environ
        self._document = self._read_file(path) if path else {}
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
        if credential:
            return self._checked(key, credential, f"{key.name} (credential {key.credential})")
        if self._document is None:
            return None  # the unreadable file may hold the value
        table = self._document.get(key.section, {}) if key.section else self._document
        if not isinstance(table, dict):
            return None  # the whole table is a fault already
        return self._in_table(key, table)

    def schedules(self) -> list[dict[str, Any]]:
        """The schedules of the file, each as a dict by option."""
        tables = (self._document or {}).get("schedule", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self.faults.append("schedule: must be written as [[schedule]], once for each")
            return []
        for n, table in enumerate(tables, 1):
            names = (f"schedule.{option}" for option in table)
            self.faults += _unknown(names, _NAMES, f" (number {n})")
        return [
            {key.option: self._in_table(key, table, f" (number {n})") for key in SCHEDULE_KEYS}
            for n, table in enumerate(tables, 1)
        ]

    def _read_file(self, path: Path) -> dict[str, Any] | None:
        """The file's content; None, and a fault, if it cannot be read."""
        try:
            return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError:
            fault = "there is no such file; copy settings.toml to there"
        except OSError as error:
            fault = f"cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            fault = "is no text; save it as UTF-8"
        except ValueError as error:  # it names line and column
            fault = f"is no TOML: {error}"
        self.faults.append(f"{path}: {fault}")
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

    def _in_table(self, key: Key, table: Mapping[str, object], number: str = "") -> object:
        return self._checked(key, table.get(key.option, key.default), key.name + number)

    def _checked(self, key: Key, raw: object, place: str) -> object:
        try:
            return key.check(raw.strip() if isinstance(raw, str) else raw)
        except ValueError as error:
            shown = json.dumps(raw, ensure_ascii=False, default=str)[:QUOTED]
            self.faults.append(f"{place}: {error}" + ("" if key.private else f"; it is {shown}"))
            return None


def _unknown_keys(document: dict[str, object]) -> Iterator[str]:
    known = [*_NAMES, *SECTIONS, "schedule"]
    for name, content in document.items():
        if isinstance(content, dict) and name in SECTIONS:
            yield from _unknown((f"{name}.{option}" for option in content), _NAMES)
        elif name in SECTIONS:
            yield f"{name}: must be a section, that is, a line [{name}] with keys below it"
        else:
            yield from _unknown([name], known)


def _unknown(names: Iterable[str], known: Collection[str], number: str = "") -> Iterator[str]:
    """A fault for each unknown name, with the nearest known one."""
    by_option = {name.rpartition(".")[2]: name for name in known}
    for name in names:
        if name in known:
            continue
        near = [by_option[each] for each in get_close_matches(name.rpartition(".")[2], by_option)]
        near += get_close_matches(name, known)
        advice = f"did you mean {near[0]}?" if near else "leave it out"
        yield f"{name}{number}: is unknown; {advice}"


def _contradictions(
    values: Mapping[str, Any], schedules: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """The faults of values that are right one by one."""
    avoid, keep = values["history.avoid_days"], values["history.keep_days"]
    if None not in (avoid, keep) and keep < avoid:
        yield f"history.keep_days: must not be less than history.avoid_days, {avoid}; it is {keep}"
    for chat, count in Counter(each["chat"] for each in schedules).items():
        if chat is not None and count > keys.MOST_SCHEDULES:
            most = keys.MOST_SCHEDULES
            yield f"schedule.chat: {chat} has {count} schedules; a chat can have {most}"


def _machine_zone() -> ZoneInfo:
    """The machine's time zone, or UTC if it has no IANA name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tzlocal warns when it falls back to UTC
            zone = tzlocal.get_localzone()
    except (LookupError, ValueError, OSError):
        zone = None
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC")
