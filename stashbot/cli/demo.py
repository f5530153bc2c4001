"""`stashbot demo`: the bot between its stand-ins."""

from __future__ import annotations

import argparse
import io
import os
import secrets
import signal
import struct
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .. import __version__, logs
from ..app import build
from ..pictures.cleaning import metadata
from ..pictures.converter import Drawer
from ..pictures.files import TemporaryFiles
from ..pictures.media import sniff
from ..runtime.systemd import Notifier
from ..runtime.threads import ENDING
from ..settings.load import load
from .run import stop

if TYPE_CHECKING:
    from ..demo.stash.standin import StashStandIn
    from ..demo.telegram.standin import TelegramStandIn

log = structlog.get_logger()

#: The id of the demo's bot.
DEMO_BOT = 4242
#: The users of the chat page: the owner, another allowed user, a stranger; and their group.
DEMO_USERS = {1: "Ann", 2: "Ben", 3: "Cleo"}
DEMO_GROUP = -10
#: The most messages that the chat page keeps.
DEMO_MESSAGES = 200
#: The first schedule of the demo's chat.
DEMO_SCHEDULE = '[[schedule]]\nchat = 1\nwhen = "daily 09:00"\ncount = 3\n'


def demo(options: argparse.Namespace) -> int:
    """Run the bot between two stand-ins until Ctrl-C; its database ends with the process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stashbot-demo-"))
        stash_url = options.stash
        if not stash_url:
            drawer = Drawer(TemporaryFiles(Path(folder)))
            stack.callback(drawer.close)
            stash_url = stack.enter_context(_stash(options.pictures, drawer)).url
        token = f"{DEMO_BOT}:{secrets.token_urlsafe(32)}"  # no web page knows it
        try:
            telegram = _telegram(token, options.port)
        except OSError as error:
            reason = f"Port {options.port} cannot be used ({error.strerror})"
            print(f"{reason}: name another with --port", file=sys.stderr)
            return 1
        stack.enter_context(telegram)
        file = Path(folder) / "settings.toml"
        file.write_text(DEMO_SCHEDULE, "utf-8")
        environment = _demo_environment(token, telegram.url, stash_url)
        if options.stash:  # the demo changes nothing in a real library
            environment["STASHBOT_VOTES_WRITE_RATINGS"] = "false"
        settings = load(file, environment)
        logs.configure(settings.log.level, settings.log.format, settings.secrets)
        print(f"Open {telegram.url} in a browser, and send /random. Ctrl-C ends it.", flush=True)
        app = build(settings)
        app.supervisor.at_end(telegram.close)  # it ends the long poll
        log.info("started", version=__version__)
        app.start()
        app.supervisor.wait(ENDING)
        return stop(app, Notifier())


def _stash(folder: Path | None, drawer: Drawer) -> StashStandIn:
    """Serve the pictures of a folder, or the demo's own library."""
    from ..demo.pictures.drawings import details, drawn
    from ..demo.pictures.picture import in_folder
    from ..demo.stash.standin import StashStandIn, demo_filters

    if folder:
        return StashStandIn(in_folder(folder))
    pictures = drawn(drawer.draw, datetime.now(UTC))
    return StashStandIn(pictures, details=details(), filters=demo_filters())


def _telegram(token: str, port: int) -> TelegramStandIn:
    from ..demo.telegram.chats import Chat, User
    from ..demo.telegram.standin import TelegramStandIn

    users = [User(id, name) for id, name in DEMO_USERS.items()]
    groups = [Chat(DEMO_GROUP, "group", "Friends", tuple(DEMO_USERS)[:2])]
    return TelegramStandIn(
        token,
        measure=_measure,
        port=port,
        users=users,
        groups=groups,
        keep_messages=DEMO_MESSAGES,
    )


def _measure(data: bytes) -> tuple[int, int]:
    """The sides of a picture, as it is shown. Raises ValueError if it is not whole."""
    form = sniff(data)
    if form == "gif":
        return struct.unpack_from("<HH", data.ljust(10, b"\0"), 6)
    if form not in metadata.FORMS:
        raise ValueError("no picture")
    picture = metadata.read(io.BytesIO(data), form)
    if not picture.is_whole:
        raise ValueError("no whole picture")
    return picture.size[::-1] if picture.orientation >= 5 else picture.size


def _demo_environment(token: str, api_url: str, stash_url: str) -> dict[str, str]:
    """The settings of the demo; the environment may have the key of a real Stash."""
    return {
        "STASHBOT_TELEGRAM_TOKEN": token,
        "STASHBOT_TELEGRAM_ALLOWED_USERS": "1,2",
        "STASHBOT_TELEGRAM_ALLOWED_CHATS": str(DEMO_GROUP),
        "STASHBOT_TELEGRAM_API_URL": api_url,
        "STASHBOT_STASH_URL": stash_url,
        "STASHBOT_STASH_API_KEY": os.environ.get("STASHBOT_STASH_API_KEY", ""),
    }
