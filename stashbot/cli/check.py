"""`./stashbot.py check`: one line for each part that the bot needs, with a remedy for a fault."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from ..errors import ImageUnusable, StashError, StashProblem, TelegramError
from ..messages.catalogue import size
from ..models import Image, Source, SourceKind
from ..pictures.converter import Converter
from ..pictures.files import TemporaryFiles, cache_folder
from ..pictures.media import Media
from ..pictures.sources.errors import NoSource, SourceProblem
from ..pictures.sources.finding import Sources
from ..rules import selection
from ..rules.sizes import UPLOAD_LIMIT
from ..settings.keys import Settings, names_in
from ..settings.load import check_only
from ..stash.client import StashClient
from ..stash.queries import QueryFailed
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.errors import ChatGone, TokenRefused
from .machine import ENGLISH, Line, Mark, database, fonts, temporary_files, wrong

#: The most pictures that one check tries.
TRIES = 5
NETWORK = "telegram.api_url; telegram.proxy"
REMEDIES = {
    StashProblem.UNREACHABLE: "stash.url: start Stash, or put its right address there",
    StashProblem.SLOW: "try again; if it stays like that, look which task keeps Stash busy",
    StashProblem.BROKEN: "stash.url: put the address of Stash itself there, such as"
    " http://nas:9999, without the path of a page; if it is right, look into Stash's log",
    StashProblem.CERTIFICATE: "stash.ca: name a PEM file with the right certificate there",
    StashProblem.PROXY: "stash.url: put the address of Stash itself there, or let the proxy pass"
    " the bot without a login",
    StashProblem.KEY_REFUSED: "stash.api_key: copy the key from Stash (Settings, Security);"
    " leave it empty if Stash asks for no password; if it is right, a proxy in front of Stash takes"
    " it away",
    StashProblem.LOCKED: "remove the line security_tripwire_accessed_from_public_internet from"
    " Stash's config.yml, restart Stash, then set a password in Settings, Security",
    StashProblem.NEEDS_SETUP: "open Stash in a browser and finish its set-up",
    StashProblem.NEEDS_MIGRATION: "open Stash in a browser and confirm the migration",
    StashProblem.TOO_OLD: "update Stash to 0.26 or newer",
}


def check_settings(path: Path | None, environ: Mapping[str, str]) -> Line:
    """Check the settings alone. Raises SettingsError."""
    came = "all values are in order"
    if not check_only(path, environ):
        came += "; secrets not checked: their directory is not readable here"
    return Line(Mark.RIGHT, "Settings", came)


def check(settings: Settings) -> Iterator[Line]:
    """Try each part that the bot needs, a line at a time. Sends nothing and makes no file.

    Each remedy has the origin of a value after the name of its key.
    """
    for line in _lines(settings):
        yield replace(line, remedy=settings.placed(line.remedy))


def _lines(settings: Settings) -> Iterator[Line]:
    zone = f"; times are in {settings.timezone}" if settings.is_zone_chosen else ""
    yield Line(Mark.RIGHT, "Settings", f"all values are in order{zone}")
    if not zone:
        remedy = f'timezone, {settings.origins["timezone"]}: write yours, such as "Europe/Berlin"'
        yield Line(Mark.NOTE, "Time zone", "none is set, and this machine has UTC", remedy)
    yield database(settings.database)
    yield temporary_files(cache_folder(settings.database))
    yield fonts()
    telegram, stash = settings.telegram, settings.stash
    with ExitStack() as stack:
        sender = TelegramClient(telegram.token, telegram.api_url, telegram.proxy)
        stack.callback(sender.close_thread)
        yield from _telegram(settings, sender)
        client = StashClient(stash.url, stash.api_key, threading.Event(), ca=stash.ca)
        stack.callback(client.close_thread)
        yield from _stash(settings, client)


def _telegram(settings: Settings, sender: TelegramClient) -> Iterator[Line]:
    tried, telegram = "Telegram", settings.telegram
    try:
        name, webhook = sender.get_me(), sender.get_webhook()
    except TokenRefused as error:
        remedy = "telegram.token: copy the token from @BotFather once more"
        yield Line(Mark.WRONG, tried, f"does not know the token ({error})", remedy)
        return
    except TelegramError as error:
        remedy = f"{NETWORK}: look at them, and at this machine's network and clock"
        yield Line(Mark.WRONG, tried, str(error), remedy)
        return
    yield Line(Mark.RIGHT, tried, f"the bot is @{name}")
    if webhook:
        came = "another program gets this bot's messages, by a webhook"
        remedy = "telegram.token: end the other program, and open"
        remedy += f" {telegram.api_url}/bot<token>/deleteWebhook in a browser"
        yield Line(Mark.WRONG, "Webhook", came, remedy)
    if not telegram.allowed_users:
        remedy = "send the bot the code in its log (pairing_code), unless it has an owner"
        yield Line(Mark.NOTE, "Owner", "telegram.allowed_users is empty", remedy)
    keys = dict.fromkeys(telegram.allowed_users, "telegram.allowed_users")
    keys |= dict.fromkeys(telegram.allowed_chats, "telegram.allowed_chats")
    for schedule in settings.schedules:
        keys.setdefault(schedule.chat, "schedule.chat")
    for chat_id, key in keys.items():
        yield _chat(sender, chat_id, key)


def _chat(sender: TelegramClient, chat_id: int, key: str) -> Line:
    is_user = chat_id > 0
    tried = f"{'User' if is_user else 'Group'} {chat_id}"
    try:
        sender.get_chat(chat_id)
    except ChatGone:
        remedy = "they have to write /start to the bot" if is_user else "add the bot to the group"
        remedy = f"{key}: {remedy}, if the id is right"
        return Line(Mark.NOTE, tried, "the bot cannot write there yet", remedy)
    except TelegramError as error:
        return Line(Mark.NOTE, tried, f"cannot be looked at: {error}", "try again later")
    # Telegram knows a chat that has blocked the bot, too.
    return Line(Mark.RIGHT, tried, "is known to the bot")


def _stash(settings: Settings, stash: StashClient) -> Iterator[Line]:
    url = settings.stash.url
    try:
        state = stash.server()
        came = f"version {state.version} at {url} answers in {round(state.seconds * 1000)} ms"
        yield Line(Mark.RIGHT, "Stash", came)
        if count := stash.count():
            yield Line(Mark.RIGHT, "Library", "1 image" if count == 1 else f"{count:,} images")
            yield from _picture(stash, settings.photos.max_side)
        else:
            remedy = "stash.url: have this Stash scan a folder with pictures"
            yield Line(Mark.WRONG, "Library", "there are no images in it", remedy)
        yield from _sources(settings, stash)
    except StashError as error:
        line = wrong("Stash", error, REMEDIES[error.problem])
        yield replace(line, came=f"{url}: {line.came}")


def _sources(settings: Settings, stash: StashClient) -> Iterator[Line]:
    """Look up each source that the settings name. Raises StashError."""
    named = names_in(settings)
    if not named:
        return
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="stashbot-check-"))
        # Votes and exclusions do not matter here, so an empty database takes the bot's place.
        store = stack.enter_context(closing(Store(Path(folder) / "empty.db")))
        sources = Sources(
            store=store, stash=stash, settings=settings, now=partial(datetime.now, UTC)
        )
        for key, what in named:
            yield _source(key, what, sources, stash)


def _source(key: str, what: str, sources: Sources, stash: StashClient) -> Line:
    key, _, where = key.partition(" ")
    asked = f'"{what}" {where}'.strip()
    try:
        source = sources.named(what)
        if source.kind is SourceKind.FILTER:
            _try_filter(source, sources, stash)
    except NoSource as error:
        return Line(Mark.WRONG, key, f"{asked}: {error}", f"{key}: {_remedy(error)}")
    return Line(Mark.RIGHT, key, f"{asked} is {_called(source)}")


def _try_filter(source: Source, sources: Sources, stash: StashClient) -> None:
    """Ask Stash for an image of a saved filter. Raises NoSource, StashError."""
    place = sources.filters.place(source)
    try:
        stash.ids(0, 0, 1, place)
    except QueryFailed:
        if fault := sources.filters.blame(place):
            raise fault from None
        raise


def _remedy(error: NoSource) -> str:
    near = ", ".join(map(_called, error.options))
    match error.problem:
        case SourceProblem.UNCLEAR:
            return f"write the whole name of one, or rename one in Stash: {near}"
        case SourceProblem.UNKNOWN if near:
            return f"did you mean {near}?"
        case SourceProblem.FILTER_REFUSED:
            return f"remove {error.criterion} from {error.name} in Stash, or name another filter"
    return "write the name of a filter, tag, performer, gallery or studio, or a word such as new"


def _called(source: Source) -> str:
    if not source.name:
        return f"the word {source.kind}"
    kind = "saved filter" if source.kind is SourceKind.FILTER else source.kind
    return f"the {kind} {source.name}"


def _picture(stash: StashClient, max_side: int) -> Iterator[Line]:
    """Fetch random pictures and prepare them for sending, until one is good."""
    for image in stash.page(selection.new_shuffle(Random()).seed, 0, TRIES):
        try:
            yield Line(Mark.RIGHT, "Picture", _converted(stash, image, max_side))
        except ImageUnusable as error:
            yield Line(Mark.NOTE, "Picture", f"image {image.id} would be left out: {error}")
        except OSError as error:
            yield Line(Mark.WRONG, "Picture", f"no temporary file: {error.strerror}")
            return
        else:
            return
    remedy = "see whether the disk with the pictures is there, and let Stash scan it again"
    yield Line(Mark.WRONG, "Picture", "none of the tried ones can be sent", remedy)


def _converted(stash: StashClient, image: Image, max_side: int) -> str:
    """Prepare an image for sending, and return a sentence about the result."""
    with ExitStack() as block:
        folder = block.enter_context(TemporaryDirectory(prefix="stashbot-check-"))
        files = TemporaryFiles(Path(folder))
        converter = Converter(files)
        block.callback(converter.close)
        source = files.new(block)
        stash.download(image, source, UPLOAD_LIMIT)
        read = size(source.stat().st_size, ENGLISH)
        upload, *_ = Media(files, converter, max_side).fit(source, image, block)
        sent = size(upload.size, ENGLISH)
    return f"image {image.id} goes as {upload.kind}: {read} from Stash, {sent} to Telegram"
