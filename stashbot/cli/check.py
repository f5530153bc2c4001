"""`./stashbot.py check`: one line for each part that the bot needs, with a remedy for a fault."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from ..errors import (
    ChatGone,
    ImageUnusable,
    StashError,
    StashProblem,
    StoreError,
    TelegramError,
    TokenRefused,
)
from ..messages.catalogue import TEXTS, size
from ..pictures import media
from ..rules import selection
from ..settings.keys import Settings
from ..settings.load import check_only
from ..stash.client import StashClient
from ..store.store import Store
from ..telegram.client import TelegramClient

ENGLISH = TEXTS["en"]
#: Width of the first column.
MARK = 7
#: Width of the second column: "Group -1001234567890" fits.
TRIED = 22
#: The most pictures that one check tries.
TRIES = 5
#: File systems of other machines, by their names in mountinfo. SQLite's WAL needs memory that
#: all its users share, and sound locks: https://www.sqlite.org/wal.html
REMOTE = re.compile(r"9p|afs|ceph|cifs|fuse\.(glusterfs|rclone|sshfs)|lustre|nfs4?|smb3|smbfs")

REMEDIES = {
    StashProblem.UNREACHABLE: "start Stash, or put its right address into stash.url",
    StashProblem.SLOW: "try again; if it stays like that, look which task keeps Stash busy",
    StashProblem.BROKEN: "stash.url has to be the address of Stash itself, such as"
    " http://nas:9999, without the path of a page; if it is, look into Stash's log",
    StashProblem.KEY_REFUSED: "copy the key from Stash (Settings, Security) into stash.api_key;"
    " leave that empty if Stash asks for no password",
    StashProblem.LOCKED: "remove the line security_tripwire_accessed_from_public_internet from"
    " Stash's config.yml, restart Stash, then set a password in Settings, Security",
    StashProblem.NEEDS_SETUP: "open Stash in a browser and finish its set-up",
    StashProblem.NEEDS_MIGRATION: "open Stash in a browser and confirm the migration",
    StashProblem.TOO_OLD: "update Stash to 0.26 or newer",
}


class Mark(StrEnum):
    """The result of one line; only WRONG keeps the bot from working."""

    RIGHT = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Line:
    """One part, the result of its trial, and the remedy, empty if none is needed."""

    mark: Mark
    tried: str
    came: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.mark:{MARK}}{self.tried:{TRIED}}{self.came}"
        return f"{line}\n{'':{MARK + TRIED}}-> {self.remedy}" if self.remedy else line


def check_settings(path: Path | None, environ: Mapping[str, str]) -> Line:
    """Check the settings alone. Raises SettingsError."""
    if check_only(path, environ):
        return Line(Mark.RIGHT, "Settings", "all values are in order")
    came = "all values are in order; secrets not checked: their directory is not readable here"
    return Line(Mark.RIGHT, "Settings", came)


def check(settings: Settings) -> Iterator[Line]:
    """Try each part that the bot needs, a line at a time. Sends nothing and makes no file."""
    came = f"all values are in order; times are in {settings.timezone}"
    yield Line(Mark.RIGHT, "Settings", came)
    yield _database(settings.database)
    yield from _telegram(settings)
    yield from _stash(settings)


def verdict(faults: int) -> str:
    """The last line of a check with so many wrong lines."""
    if not faults:
        return "The bot can start."
    return f"The bot cannot work yet: mend the lines marked {Mark.WRONG} ({faults})."


def _database(path: Path) -> Line:
    tried = "Database"
    kind = file_system(path, Path("/proc/self/mountinfo").read_text("utf-8", errors="replace"))
    if REMOTE.fullmatch(kind):
        came = f"{path} is on {kind}, a file system of another machine"
        return Line(Mark.WRONG, tried, came, "set database.path to a disk of this machine")
    if not path.exists():
        if path.parent.is_dir():
            return Line(Mark.RIGHT, tried, f"{path} is not there yet; the first start makes it")
        remedy = f"make the folder {path.parent}, or change database.path"
        return Line(Mark.WRONG, tried, f"{path} has no folder to be in", remedy)
    try:
        store = Store(path)
        try:
            fault = store.check_integrity()
        finally:
            store.close()
    except StoreError as error:  # its text has the remedy
        return Line(Mark.WRONG, tried, str(error))
    if fault:
        remedy = "put a backup in its place, or move it away: the bot then begins a new one"
        return Line(Mark.WRONG, tried, f"{path} is damaged: {fault}", remedy)
    return Line(Mark.RIGHT, tried, f"{path} is sound, {size(path.stat().st_size, ENGLISH)}")


def file_system(path: Path, mountinfo: str) -> str:
    """The type of the file system that holds a path, by the text of proc_pid_mountinfo(5)."""
    places = [path.resolve(), *path.resolve().parents]
    kinds = {}
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        # A blank in the name stands there as its octal number.
        name = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), mount.split()[4])
        kinds[Path(name)] = source.split()[0]  # a later mount hides an earlier one
    return next((kinds[place] for place in places if place in kinds), "")


def _telegram(settings: Settings) -> Iterator[Line]:
    tried, telegram = "Telegram", settings.telegram
    with _sender(settings) as sender:
        try:
            name, webhook = sender.get_me(), sender.get_webhook()
        except TokenRefused as error:
            remedy = "copy the token from @BotFather once more, into telegram.token"
            yield Line(Mark.WRONG, tried, f"does not know the token ({error})", remedy)
            return
        except TelegramError as error:
            remedy = "look at this machine's network, and at telegram.api_url and telegram.proxy"
            yield Line(Mark.WRONG, tried, str(error), remedy)
            return
        yield Line(Mark.RIGHT, tried, f"the bot is @{name}")
        if webhook:
            came = "another program gets this bot's messages, by a webhook"
            remedy = f"end it, and open {telegram.api_url}/bot<token>/deleteWebhook in a browser"
            yield Line(Mark.WRONG, "Webhook", came, remedy)
        scheduled = (each.chat for each in settings.schedules)
        chats = (*telegram.allowed_users, *telegram.allowed_chats, *scheduled)
        for chat_id in dict.fromkeys(chats):
            yield _chat(sender, chat_id)


def _chat(sender: TelegramClient, chat_id: int) -> Line:
    is_user = chat_id > 0
    tried = f"{'User' if is_user else 'Group'} {chat_id}"
    try:
        sender.get_chat(chat_id)
    except ChatGone:
        remedy = "they have to write /start to the bot" if is_user else "add the bot to the group"
        return Line(Mark.NOTE, tried, "the bot cannot write there yet", remedy)
    except TelegramError as error:
        return Line(Mark.NOTE, tried, f"cannot be looked at: {error}", "try again later")
    # Telegram knows a chat that has blocked the bot, too.
    return Line(Mark.RIGHT, tried, "is known to the bot")


def _stash(settings: Settings) -> Iterator[Line]:
    tried, url = "Stash", settings.stash.url
    with _client(settings) as stash:
        try:
            state = stash.server()
            milliseconds = round(state.seconds * 1000)
            came = f"version {state.version} at {url} answers in {milliseconds} ms"
            yield Line(Mark.RIGHT, tried, came)
            yield from _library(stash)
            yield from _picture(stash, settings.photos.max_side)
        except StashError as error:
            yield Line(Mark.WRONG, tried, f"{url}: {error}", REMEDIES[error.problem])


def _library(stash: StashClient) -> Iterator[Line]:
    count = stash.count()
    if count:
        yield Line(Mark.RIGHT, "Library", "1 image" if count == 1 else f"{count:,} images")
    else:
        remedy = "have Stash scan a folder with pictures"
        yield Line(Mark.WRONG, "Library", "there are no images in it", remedy)


def _picture(stash: StashClient, max_side: int) -> Iterator[Line]:
    """Fetch random pictures and prepare them for sending, until one is good."""
    images = stash.page(selection.new_shuffle(Random()).seed, 0, TRIES)
    for image in images:
        try:
            data = stash.download(image, media.UPLOAD_LIMIT)
            upload = media.fit(data, image, max_side)
        except ImageUnusable as error:
            yield Line(Mark.NOTE, "Picture", f"image {image.id} would be left out: {error}")
            continue
        sizes = (size(len(file), ENGLISH) for file in (data, upload.data))
        came = "image {} goes as {}: {} from Stash, {} to Telegram"
        yield Line(Mark.RIGHT, "Picture", came.format(image.id, upload.kind, *sizes))
        return
    if images:
        remedy = "see whether the disk with the pictures is there, and let Stash scan it again"
        yield Line(Mark.WRONG, "Picture", "none of the tried ones can be sent", remedy)


@contextmanager
def _sender(settings: Settings) -> Iterator[TelegramClient]:
    telegram = settings.telegram
    sender = TelegramClient(telegram.token, telegram.api_url, telegram.proxy)
    try:
        yield sender
    finally:
        sender.close_thread()


@contextmanager
def _client(settings: Settings) -> Iterator[StashClient]:
    stash = StashClient(settings.stash.url, settings.stash.api_key, threading.Event())
    try:
        yield stash
    finally:
        stash.close_thread()
