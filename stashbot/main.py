"""The command line, and the life of the process: signals, systemd, new settings."""

from __future__ import annotations

from . import lean as _lean  # noqa: F401 - before all that it keeps light

# isort: split
import argparse
import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import structlog

from . import __version__, logs
from .app import App, build
from .check import Mark, check, verdict
from .daemon import ENDING
from .errors import SettingsError, StashbotError, StoreError
from .receiver import EX_CONFIG
from .settings import Settings, load
from .store import Store
from .systemd import Notifier

log = structlog.get_logger()

#: The demo's bot is known to the demo alone; its chat keeps so many messages.
DEMO_TOKEN, DEMO_MESSAGES = "4242:demo-of-a-token", 200
#: A standing order to be seen there; more of them are added in the chat.
DEMO_SCHEDULE = '[[schedule]]\nchat = 1\nwhen = "daily 09:00"\ncount = 3\n'
BESIDE = Path(__file__).parent.parent
#: See mallopt(3).
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
#: Seconds for the threads' last turn where the process stays: an upload should have its end.
RELOAD_PATIENCE = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; the exit code."""
    options = _parser().parse_args(arguments)
    file = _settings_file(options, os.environ)
    try:
        if options.command == "demo":
            return _demo(options)
        settings = load(file, os.environ)
        logs.configure(settings.log.level, settings.log.format, settings.secrets)
        if options.command == "check":
            return _check(settings)
        return _run(settings, partial(load, file, os.environ))
    except SettingsError as error:
        what = "demo" if options.command == "demo" else f"settings ({file or 'environment'})"
        _complain([f"The {what} cannot be used yet:", *(f"  {each}" for each in error.faults)])
        return EX_CONFIG
    except StashbotError as error:
        _complain([f"stashbot cannot start: {error}"])
        return 1


def _complain(lines: Sequence[str]) -> None:
    """Say why there will be no bot, before there is a log; also to systemd, if it listens."""
    Notifier().tell(STATUS=" ".join(lines))
    # sd-daemon(3): how the journal knows an error from other lines.
    prefix = "<3>" if "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty() else ""
    print(*(prefix + line for line in lines), sep="\n", file=sys.stderr)


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


def _run(settings: Settings, source: Callable[[], Settings]) -> int:
    """The bot, until a signal asks for its end; SIGHUP has it read its settings again."""
    _keep_no_memory()
    # Not before: a signal ends us at once while there is nothing to be finished. Where a
    # terminal is closed, SIGHUP means what it has always meant.
    signals = ENDING if os.isatty(0) else ENDING | {signal.SIGHUP}
    _block(signals)
    notifier, app = Notifier(), build(settings)
    log.info("started", version=__version__)
    app.start(notifier.watchdog)
    while True:
        notifier.tell(READY=1, STATUS=_line(app))
        came = app.daemon.wait(signals, notifier.interval, partial(_look, app, notifier))
        if came != signal.SIGHUP:
            return _stop(app, notifier)
        notifier.tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
        app = _reloaded(app, source, notifier)


def _look(app: App, notifier: Notifier) -> None:
    """Tell systemd how we are, and that we are alive, if we are."""
    if stuck := app.daemon.stuck():
        log.critical("stuck", threads=stuck, do="systemd restarts the bot")
        notifier.tell(STATUS=f"stuck: {', '.join(stuck)}")
    else:
        notifier.tell(WATCHDOG=1, STATUS=_line(app))


def _line(app: App) -> str:
    try:
        return app.reports.line()
    except StoreError as error:
        return str(error)


def _stop(app: App, notifier: Notifier) -> int:
    """End the bot; the exit code."""
    notifier.tell(STOPPING=1, STATUS="stopping")
    log.info("stopping", version=__version__)
    began = time.monotonic()
    app.end()
    log.info("stopped", version=__version__, seconds=round(time.monotonic() - began, 2))
    return app.daemon.exit_code


def _reloaded(app: App, source: Callable[[], Settings], notifier: Notifier) -> App:
    """The bot with the settings as they are now, or the same one if they are wrong.

    All of them can change: the parts are put together anew, and what waits is taken up from
    the database. A new database is tried before the old bot ends.
    """
    try:
        settings = source()
        Store(settings.database).close()
    except StashbotError as error:
        faults = error.faults if isinstance(error, SettingsError) else [str(error)]
        log.error("reload_refused", error="the old settings stay", faults=faults)
        return app
    app.end(RELOAD_PATIENCE)
    logs.configure(settings.log.level, settings.log.format, settings.secrets)
    new = build(settings)
    new.start(notifier.watchdog)
    log.info("reloaded", version=__version__)
    return new


def _keep_no_memory() -> None:
    """Have the C library give back what is freed, before the first thread starts.

    All threads allocate from one heap: each would get its own, which keeps what it once
    had. And by itself the library raises the size from which a block is given back with
    each large one that is, up to 32 MiB: the next pictures would stay in the heap.
    """
    with suppress(OSError, AttributeError):  # another C library, of another way
        library = ctypes.CDLL(None)
        library.mallopt(M_ARENA_MAX, 1)
        library.mallopt(M_MMAP_THRESHOLD, 1 << 17)


def _block(signals: Collection[int]) -> None:
    """Keep signals for `Daemon.wait`; each thread that starts later inherits this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)


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

    _block(ENDING)
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
        environment = _demo_environment(telegram.api_url, stash_url)
        if options.stash:  # a real library is only shown
            environment["STASHBOT_VOTES_WRITE_RATINGS"] = "false"
        settings = load(file, environment)
        logs.configure(settings.log.level, settings.log.format, settings.secrets)
        print(f"Open {telegram.url} in a browser, and send /random. Ctrl-C ends it.", flush=True)
        app = build(settings)
        # So that no thread is held by a poll.
        app.daemon.at_end(telegram.close)
        log.info("started", version=__version__)
        app.start()
        app.daemon.wait(ENDING)
        return _stop(app, Notifier())


def _demo_environment(api_url: str, stash_url: str) -> dict[str, str]:
    """The settings of the demo; the key of a real Stash may come from the environment."""
    return {
        "STASHBOT_TELEGRAM_TOKEN": DEMO_TOKEN,
        "STASHBOT_TELEGRAM_ALLOWED_USERS": "1",
        "STASHBOT_TELEGRAM_API_URL": api_url,
        "STASHBOT_STASH_URL": stash_url,
        "STASHBOT_STASH_API_KEY": os.environ.get("STASHBOT_STASH_API_KEY", ""),
    }
