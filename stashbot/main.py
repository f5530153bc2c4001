"""The command line, and the one place where the parts meet."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import structlog

from . import __version__, logs
from .bot import Bot
from .check import Mark, check, verdict
from .courier import Courier
from .daemon import ENDING, Daemon, Pool
from .deck import Deck
from .errors import SettingsError, StashbotError
from .outage import Outage
from .outbox import Outbox
from .pacing import TELEGRAM, Rules
from .publisher import Publisher
from .receiver import EX_CONFIG, Receiver
from .reports import Reports
from .scheduler import Scheduler
from .schedules import Schedules
from .sender import Sender
from .settings import Settings, load
from .stash.client import StashClient
from .store import Store

log = structlog.get_logger()

#: The demo's bot is known to the demo alone; its chat keeps so many messages.
DEMO_TOKEN, DEMO_MESSAGES = "4242:demo-of-a-token", 200
#: A standing order to be seen there; more of them are added in the chat.
DEMO_SCHEDULE = '[[schedule]]\nchat = 1\nwhen = "daily 09:00"\ncount = 3\n'
BESIDE = Path(__file__).parent.parent
#: See mallopt(3).
M_ARENA_MAX = -8
#: Threads for pictures, for small messages, and for questions to Stash.
PUBLISHERS, ANSWERERS, ASKERS = 6, 2, 1
#: Seconds that the threads have for their last turn; within 2 s all is over.
PATIENCE = 1.3
#: Seconds between tries of Stash, and of Telegram, when they have long been away.
STASH_PAUSE, TELEGRAM_PAUSE = 20.0, 60.0


@dataclass(frozen=True)
class App:
    """The bot, put together: `start` it, wait for `daemon`, `end` it."""

    daemon: Daemon
    store: Store
    schedules: Schedules
    bot: Bot
    receiver: Receiver
    scheduler: Scheduler
    pictures: Pool
    answers: Pool
    questions: Pool

    def start(self) -> None:
        """Take up what was left behind, and start the threads."""
        unknown = self.store.recover(_now())
        if unknown:
            log.warning("sending_interrupted", pictures=unknown)
        self.schedules.take_over()
        pools = (
            ("publisher", self.pictures, PUBLISHERS),
            ("answerer", self.answers, ANSWERERS),
            ("asker", self.questions, ASKERS),
        )
        for name, pool, threads in pools:
            self.daemon.at_end(pool.close)
            for number in range(1, threads + 1):
                self.daemon.start(f"{name}-{number}", pool.turn)
        self.bot.resume()
        self.daemon.start("scheduler", self.scheduler.turn)
        self.daemon.start("receiver", self.receiver.turn, lambda: self.receiver.is_polling)
        self.bot.introduce()

    def end(self) -> None:
        """Stop within PATIENCE; what is being sent then is left to the next start."""
        self.daemon.end(PATIENCE)
        self.store.close()


def build(settings: Settings, rules: Rules = TELEGRAM) -> App:
    """Put the parts together, to send as fast as the rules allow.

    Raises StoreError; starts nothing and contacts nobody.
    """
    telegram, photos, zone = settings.telegram, settings.photos, settings.timezone
    avoid = timedelta(days=settings.history.avoid_days)
    daemon, pictures, answers, questions = Daemon(), Pool(), Pool(), Pool()
    stash_outage = Outage("stash", STASH_PAUSE, pictures.hurry)
    telegram_outage = Outage("telegram", TELEGRAM_PAUSE, answers.hurry)
    store = Store(settings.database)
    stash = StashClient(settings.stash.url, settings.stash.api_key, daemon.stop)
    sender = _sender(settings, rules)
    daemon.at_end(sender.close)
    for part in (stash, sender, store):
        daemon.at_thread_end(part.close_thread)

    outbox = Outbox(sender, store, answers, _now)
    deck = Deck(store, stash, avoid, Random(), _now)
    courier = Courier(store, deck, stash, sender, photos, stash_outage, _now)
    publisher = Publisher(courier, store, sender, outbox, pictures, stash_outage, _now)
    wake = threading.Event()
    daemon.at_end(wake.set)
    schedules = Schedules(store, settings, wake.set, _now)
    keep_days = settings.history.keep_days
    scheduler = Scheduler(store, keep_days, schedules, publisher.accept, wake, _now)
    queue, coming = publisher.__len__, scheduler.next_due
    reports = Reports(store, stash, sender, stash_outage, queue, coming, zone, avoid, _now)
    bot = Bot(telegram, store, sender, outbox, publisher, reports, schedules, questions, _now)
    receiver = Receiver(sender, bot.handle, telegram_outage, daemon.stop, daemon.quit)
    return App(daemon, store, schedules, bot, receiver, scheduler, pictures, answers, questions)


def _sender(settings: Settings, rules: Rules) -> Sender:
    telegram, photos = settings.telegram, settings.photos
    return Sender(
        telegram.token,
        telegram.api_url,
        telegram.proxy,
        spoiler=photos.spoiler,
        protect=photos.protect,
        rules=rules,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    file = _settings_file(options, os.environ)
    try:
        if options.command == "demo":
            return _demo(options)
        settings = load(file, os.environ)
        logs.configure(settings.log.level, settings.log.format, settings.secrets)
        return _check(settings) if options.command == "check" else _run(build(settings))
    except SettingsError as error:
        what = "demo" if options.command == "demo" else f"settings ({file or 'environment'})"
        print(f"The {what} cannot be used yet:", *error.faults, sep="\n  ", file=sys.stderr)
        return EX_CONFIG
    except StashbotError as error:
        print(f"stashbot cannot start: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stashbot", description="Sends random pictures from Stash to Telegram."
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="instead of settings.toml")
    parser.add_argument("--version", action="version", version=f"stashbot {__version__}")
    parser.set_defaults(command="run")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=False)
    commands.add_parser("run", help="the bot, until SIGTERM or SIGINT (the default)")
    commands.add_parser("check", help="try out the settings, and say what to do where it fails")
    demo = commands.add_parser("demo", help="the whole bot on this machine alone, with a chat page")
    demo.add_argument("--port", type=_port, default=8080, help="of the chat page (default 8080)")
    demo.add_argument("--pictures", type=Path, metavar="DIR", help="instead of drawn pictures")
    demo.add_argument(
        "--stash",
        metavar="URL",
        help="a real Stash in place of the stand-in; its key is taken from STASHBOT_STASH_API_KEY",
    )
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 (any that is free) to 65535")


def _settings_file(options: argparse.Namespace, environ: Mapping[str, str]) -> Path | None:
    """The file that was named; else the one beside stashbot.py, if it is there."""
    if options.settings:
        return Path(options.settings)
    if named := environ.get("STASHBOT_SETTINGS"):
        return Path(named)
    beside = BESIDE / "settings.toml"
    return beside if beside.exists() else None


def _run(app: App) -> int:
    """The bot, until a signal asks for its end."""
    _use_one_heap()
    # Not before: a signal ends us at once while there is nothing to be finished.
    _block_signals()
    log.info("started", version=__version__)
    app.start()
    app.daemon.wait()
    log.info("stopping", version=__version__)
    began = time.monotonic()
    app.end()
    log.info("stopped", version=__version__, seconds=round(time.monotonic() - began, 2))
    return app.daemon.exit_code


def _use_one_heap() -> None:
    """Have all threads allocate from one heap of the C library, before the first one starts.

    Each would get its own, which keeps what it once had. Five MiB less after 100 pictures.
    """
    with suppress(OSError, AttributeError):  # another C library, of another way
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _block_signals() -> None:
    """Keep signals for `Daemon.wait`; each thread that starts later inherits this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def _check(settings: Settings) -> int:
    logs.configure("critical", settings.log.format, settings.secrets)
    faults = 0
    for line in check(settings):
        print(line, flush=True)
        faults += line.mark is Mark.WRONG
    print(f"\n{verdict(faults)}")
    return 1 if faults else 0


def _demo(options: argparse.Namespace) -> int:
    """The bot between two stand-ins, until Ctrl-C. Nothing of it outlives the process."""
    from .demo.drawings import drawn
    from .demo.pictures import in_folder
    from .demo.stash import StashStandIn
    from .demo.telegram import TelegramStandIn

    _block_signals()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stashbot-demo-"))
        stash_url = options.stash
        if not stash_url:
            pictures = in_folder(options.pictures) if options.pictures else drawn()
            stash_url = stack.enter_context(StashStandIn(pictures)).url
        try:
            telegram = TelegramStandIn(
                DEMO_TOKEN, port=options.port, flood_limits=True, keep_messages=DEMO_MESSAGES
            )
        except OSError as error:
            reason = f"Port {options.port} cannot be used ({error.strerror})"
            print(f"{reason}: name another with --port", file=sys.stderr)
            return 1
        stack.enter_context(telegram)
        file = Path(folder) / "settings.toml"
        file.write_text(DEMO_SCHEDULE, "utf-8")
        settings = load(file, _demo_environment(telegram.api_url, stash_url))
        logs.configure(settings.log.level, settings.log.format, settings.secrets)
        print(f"Open {telegram.url} in a browser, and send /random. Ctrl-C ends it.", flush=True)
        app = build(settings)
        # So that no thread is held by a poll.
        app.daemon.at_end(telegram.close)
        return _run(app)


def _demo_environment(api_url: str, stash_url: str) -> dict[str, str]:
    """The settings of the demo; the key of a real Stash may come from the environment."""
    return {
        "STASHBOT_TELEGRAM_TOKEN": DEMO_TOKEN,
        "STASHBOT_TELEGRAM_ALLOWED_USERS": "1",
        "STASHBOT_TELEGRAM_API_URL": api_url,
        "STASHBOT_STASH_URL": stash_url,
        "STASHBOT_STASH_API_KEY": os.environ.get("STASHBOT_STASH_API_KEY", ""),
    }


def _now() -> datetime:
    return datetime.now(UTC)
