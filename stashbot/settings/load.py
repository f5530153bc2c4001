"""Reading the settings: from the environment, systemd's credentials and settings.toml.

All faults are reported at once, each with the origin of its value, and no fault holds a secret.
"""

from __future__ import annotations

import json
import os
import ssl
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
#: The zones of machines for which none was chosen.
UTC_NAMES = ("UTC", "Etc/UTC")

_NAMES = [key.name for key in (*KEYS, *SCHEDULE_KEYS)]
_VARIABLES = [SETTINGS_VARIABLE, *(key.variable for key in KEYS)]


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check the settings; without a `path` there is no file. Raises SettingsError."""
    reader = _Reader(path, environ)
    values = {key.name: reader.value(key) for key in KEYS}
    schedules = reader.schedules()
    variables = (name for name in environ if name.startswith(keys.PREFIX))
    faults = [*reader.faults, *_contradictions(values, schedules, reader.origins)]
    faults += _unknown(variables, _VARIABLES, ", from the environment")
    folder = path.parent if path else Path()
    if values["stash.ca"]:
        values["stash.ca"] = file = str((folder / values["stash.ca"]).absolute())
        faults += (f"stash.ca, {reader.origins['stash.ca']}: {each}" for each in _no_pem(file))
    if faults:
        raise SettingsError(tuple(faults))
    sections = {
        name: kind(**{key.option: values[key.name] for key in KEYS if key.section == name})
        for name, kind in SECTIONS.items()
    }
    # systemd.exec(5): several directories are separated by colons.
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    home = Path(state or folder).absolute()
    sections["database"] = home / sections["database"].path
    timezone = values["timezone"] or _machine_zone()
    for schedule in schedules:
        schedule["timezone"] = schedule["timezone"] or timezone
    return Settings(
        **sections,
        timezone=timezone,
        is_zone_chosen=bool(values["timezone"]) or timezone.key not in UTC_NAMES,
        schedules=tuple(ScheduleSettings(**schedule) for schedule in schedules),
        origins=reader.origins,
    )


def check_only(path: Path | None, environ: Mapping[str, str]) -> bool:
    """Check like `load`; False if unreadable credentials were left out. Raises SettingsError."""
    # systemd 252 gives ExecReload= the variable, and no access to the directory.
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    has_secrets = not directory or os.access(directory, os.R_OK | os.X_OK)
    right_secrets = {key.variable: "0:0" for key in KEYS if key.credential}
    load(path, environ if has_secrets else {**right_secrets, **environ})
    return has_secrets


class _Reader:
    """Finds and checks values; collects faults in `faults`, and their `origins` by key."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        self._file = f"from the file {path}"
        self.origins = {key.name: self._file for key in SCHEDULE_KEYS}
        self._environ = environ
        self._document = self._read_file(path) if path else {}
        self.faults += _unknown_keys(self._document or {}, f", {self._file}")

    def value(self, key: Key) -> Any:
        """The key's value as `Settings` has it; None, and a fault, if it is wrong."""
        raw, origin = self._found(key)
        self.origins[key.name] = origin
        is_list = key.variable in self._environ and isinstance(key.default, list)
        commas = ", separated by commas" if is_list else ""
        return None if raw is None else self._checked(key, raw, f", {origin}{commas}")

    def _found(self, key: Key) -> tuple[object, str]:
        """The key's value as TOML would have it, None if it cannot be read, and its origin."""
        if key.variable in self._environ:
            raw = key.from_text(self._environ[key.variable])
            return raw, f"from the variable {key.variable}"
        origin = f"from the credential {key.credential}"
        try:
            credential = self._credential(key)
        except OSError as error:
            self.faults.append(f"{key.name}, {origin}: cannot be read: {error.strerror}")
            return None, origin
        if credential:
            return credential, origin
        table = self._document
        if table is not None and key.section:
            table = table.get(key.section, {})
        if not isinstance(table, dict):
            return None, self._file  # the file or the table is a fault already
        if key.option in table:
            return table[key.option], self._file
        return key.default, "not set"

    def schedules(self) -> list[dict[str, Any]]:
        """The schedules of the file, each as a dict by option."""
        tables = (self._document or {}).get("schedule", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            right = "must be written as [[schedule]], once for each"
            self.faults.append(f"schedule, {self._file}: {right}")
            return []
        return [
            self._schedule(table, f" (number {n}), {self._file}")
            for n, table in enumerate(tables, 1)
        ]

    def _schedule(self, table: Mapping[str, object], place: str) -> dict[str, Any]:
        self.faults += _unknown((f"schedule.{option}" for option in table), _NAMES, place)
        return {
            key.option: self._checked(key, table.get(key.option, key.default), place)
            for key in SCHEDULE_KEYS
        }

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

    def _checked(self, key: Key, raw: object, place: str) -> object:
        try:
            return key.check(raw.strip() if isinstance(raw, str) else raw)
        except ValueError as error:
            shown = json.dumps(raw, ensure_ascii=False, default=str)[:QUOTED]
            value = "" if key.private else f"; it is {shown}"
            self.faults.append(f"{key.name}{place}: {error}{value}")
            return None


def _unknown_keys(document: dict[str, object], place: str) -> Iterator[str]:
    known = [*_NAMES, *SECTIONS, "schedule"]
    for name, content in document.items():
        if isinstance(content, dict) and name in SECTIONS:
            yield from _unknown((f"{name}.{option}" for option in content), _NAMES, place)
        elif name in SECTIONS:
            yield f"{name}{place}: must be a section, that is, a line [{name}] with keys below it"
        else:
            yield from _unknown([name], known, place)


def _unknown(names: Iterable[str], known: Collection[str], place: str) -> Iterator[str]:
    """A fault for each unknown name, with the nearest known one."""
    by_option = {name.rpartition(".")[2]: name for name in known}
    for name in names:
        if name in known:
            continue
        near = [by_option[each] for each in get_close_matches(name.rpartition(".")[2], by_option)]
        near += get_close_matches(name, known)
        advice = f"did you mean {near[0]}?" if near else "leave it out"
        yield f"{name}{place}: is unknown; {advice}"


def _contradictions(
    values: Mapping[str, Any], schedules: Sequence[Mapping[str, Any]], origins: Mapping[str, str]
) -> Iterator[str]:
    """The faults of values that are right one by one."""
    low, high = "history.avoid_days", "history.keep_days"
    avoid, keep = values[low], values[high]
    if None not in (avoid, keep) and keep < avoid:
        right = f"must not be less than {avoid}, the days of {low}, {origins[low]}"
        yield f"{high}, {origins[high]}: {right}; it is {keep}"
    for chat, count in Counter(each["chat"] for each in schedules).items():
        if chat is not None and count > keys.MOST_SCHEDULES:
            fault = f"{chat} has {count} schedules; a chat can have {keys.MOST_SCHEDULES}"
            yield f"schedule.chat, {origins['schedule.chat']}: {fault}"


def _no_pem(file: str) -> Iterator[str]:
    """The fault of a file with certificates, if it has one."""
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        yield f"{file} has no certificate; it must be a PEM file, with -----BEGIN CERTIFICATE-----"
    except OSError as error:
        yield f"{file} cannot be read: {error.strerror}"


def _machine_zone() -> ZoneInfo:
    """The machine's time zone, or UTC if it has no IANA name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tzlocal warns when it falls back to UTC
            zone = tzlocal.get_localzone()
    except (LookupError, ValueError, OSError):
        zone = None
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC")
