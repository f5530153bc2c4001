"""The settings: every key with its check and its default, declared once.

A key is a field of one of these dataclasses. `KEYS` and `SCHEDULE_KEYS` are derived from the
fields; `load` fills the dataclasses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from ..messages.caption import CAPTION_FIELDS
from ..messages.catalogue import LANGUAGES
from ..models import ChatValues
from . import checks

#: The name of each environment variable of stashbot begins with this.
PREFIX = "STASHBOT_"
#: The most schedules of one chat.
MOST_SCHEDULES = 20
#: The longest time in days that a key may name: longer than any history.
CENTURY_DAYS = 36500


@dataclass(frozen=True)
class Key:
    """One setting: its table in the file, its name there, its check, its default in TOML.

    Faults never quote the value of a `private` key: it is a secret, or an address that may
    hold one. `credential` is the name of its file in $CREDENTIALS_DIRECTORY.
    """

    section: str
    option: str
    check: checks.Check
    default: object
    private: bool = False
    credential: str = ""

    @property
    def name(self) -> str:
        """The dotted name, such as `stash.url`."""
        return f"{self.section}.{self.option}" if self.section else self.option

    @property
    def variable(self) -> str:
        """The environment variable that sets the key."""
        return PREFIX + self.name.upper().replace(".", "_")

    def from_text(self, text: str) -> object:
        """The value of a variable as TOML would have it; the text itself if it does not fit."""
        match self.default:
            case bool():
                return checks.FLAGS.get(text.strip().lower(), text)
            case int():
                return _number(text)
            case list():
                return [_number(part.strip()) for part in text.split(",") if part.strip()]
        return text


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text) else text


def key(
    check: checks.Check, default: object, *, private: bool = False, credential: str = ""
) -> Any:
    """Declare a dataclass field as a key; the arguments are those of `Key`."""
    about = {"check": check, "default": default, "private": private, "credential": credential}
    return field(repr=not private, metadata=about)


def _keys(section: str, kind: type) -> list[Key]:
    return [Key(section, each.name, **each.metadata) for each in fields(kind) if each.metadata]


@dataclass(frozen=True)
class TelegramSettings:
    """The bot's account, and the people and chats it serves; the first user is the owner."""

    token: str = key(checks.token, "", private=True, credential="telegram_token")
    allowed_users: tuple[int, ...] = key(checks.users, [])
    allowed_chats: tuple[int, ...] = key(checks.chats, [])
    language: str = key(checks.choice("auto", *LANGUAGES), "auto")
    alerts: bool = key(checks.flag, True)
    api_url: str = key(checks.url, "https://api.telegram.org", private=True)
    proxy: str = key(checks.proxy, "", private=True)


@dataclass(frozen=True)
class StashSettings:
    """The address of Stash, without a slash at its end, and its key, empty for none.

    `ca` is a file with certificates that are trusted besides the machine's own, empty for none.
    `public_url` is the address for people, who open an image there; empty for no such button.
    """

    url: str = key(checks.url, "http://localhost:9999", private=True)
    api_key: str = key(checks.api_key, "", private=True, credential="stash_api_key")
    ca: str = key(checks.certificates, "")
    public_url: str = key(checks.public_url, "", private=True)


@dataclass(frozen=True)
class HistorySettings:
    """After how many days a chat may see a picture again, and the history forgets it."""

    avoid_days: int = key(checks.whole(0, CENTURY_DAYS), 30)
    keep_days: int = key(checks.whole(1, CENTURY_DAYS), 730)


@dataclass(frozen=True)
class PhotosSettings:
    """Which pictures are sent, and how they look; `max_side` in pixels, 0 for any size."""

    filter: str = key(checks.source, "")
    caption: tuple[str, ...] = key(checks.caption, list(CAPTION_FIELDS))
    max_side: int = key(checks.max_side, 2560)
    spoiler: bool = key(checks.flag, False)
    protect: bool = key(checks.flag, False)


@dataclass(frozen=True)
class VotesSettings:
    """The effect of a vote; `like` and `dislike` are values of Stash's rating100."""

    like: int = key(checks.whole(1, 100), 100)
    dislike: int = key(checks.whole(1, 100), 20)
    write_ratings: str = key(checks.write_ratings, "unrated")
    auto_next: bool = key(checks.flag, True)


@dataclass(frozen=True)
class DatabaseSettings:
    """The database file, as the owner wrote it."""

    path: str = key(checks.file, "stashbot.db")


@dataclass(frozen=True)
class LogSettings:
    """The lowest level that is logged, and the form of the lines."""

    level: str = key(checks.choice("debug", "info", "warning", "error"), "info")
    format: str = key(checks.choice("auto", "json", "console"), "auto")


@dataclass(frozen=True)
class ScheduleSettings:
    """A schedule of the file: `count` pictures for a chat, `when` as the owner wrote it."""

    chat: int = key(checks.chat, 0)
    when: str = key(checks.when, "")
    timezone: ZoneInfo = key(checks.zone, "")  # noqa: RUF009 - a field
    count: int = key(checks.whole(1, 10), 1)
    filter: str = key(checks.source, "")
    silent: bool = key(checks.flag, False)
    topic: int = key(checks.topic, 0)


@dataclass(frozen=True)
class Settings:
    """All settings, checked and complete. `repr()` shows no secret."""

    telegram: TelegramSettings
    stash: StashSettings
    history: HistorySettings
    photos: PhotosSettings
    votes: VotesSettings
    schedules: tuple[ScheduleSettings, ...]
    database: Path
    log: LogSettings
    timezone: ZoneInfo = key(checks.zone, "")  # noqa: RUF009 - a field
    #: False if the time zone is UTC only because the machine's is.
    is_zone_chosen: bool = True
    #: The origin of each key's value, such as "from the variable STASHBOT_STASH_URL".
    origins: Mapping[str, str] = field(default_factory=dict, repr=False)

    def placed(self, text: str) -> str:
        """The text with the origin of its value after the name of each key."""
        return _DOTTED.sub(lambda name: f"{name[0]}, {self.origins[name[0]]}", text)

    def located(self, text: str) -> str:
        """The text with the file, variable or credential of its value after each key's name."""

        def place(name: re.Match[str]) -> str:
            found = self.origins[name[0]].split(" ", 3)[3:]  # empty if it is not set
            return f"{name[0]} ({found[0]})" if found else name[0]

        return _DOTTED.sub(place, text)

    @property
    def chat(self) -> ChatValues:
        """The settings of chats that have none of their own."""
        photos = self.photos
        return ChatValues(
            language=self.telegram.language,
            timezone=self.timezone,
            is_zone_chosen=self.is_zone_chosen,
            spoiler=photos.spoiler,
            protect=photos.protect,
            auto_next=self.votes.auto_next,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that may appear nowhere, in each form that leaves the bot; none is empty."""
        password = urlsplit(self.telegram.proxy).password or ""
        found = (self.telegram.token, self.stash.api_key, password, unquote(password))
        return tuple(dict.fromkeys(secret for secret in found if secret))


#: The tables of the file, in its order, besides [[schedule]].
SECTIONS: dict[str, type] = {
    "telegram": TelegramSettings,
    "stash": StashSettings,
    "history": HistorySettings,
    "photos": PhotosSettings,
    "votes": VotesSettings,
    "database": DatabaseSettings,
    "log": LogSettings,
}
#: Every key outside [[schedule]], in the order of the file.
KEYS = [each for name, kind in {"": Settings, **SECTIONS}.items() for each in _keys(name, kind)]
#: The keys of each [[schedule]]; the file alone sets them.
SCHEDULE_KEYS = _keys("schedule", ScheduleSettings)
_DOTTED = re.compile(
    "|".join(
        rf"\b{re.escape(f'{each.section}.{each.option}')}\b"
        for each in (*KEYS, *SCHEDULE_KEYS)
        if each.section
    )
)


def names_in(settings: Settings) -> list[tuple[str, str]]:
    """The sources that the settings name, each with its key."""
    keys = [("photos.filter", settings.photos.filter)]
    keys += [(f"schedule.filter ({each.when})", each.filter) for each in settings.schedules]
    return [(key, what) for key, what in keys if what]
