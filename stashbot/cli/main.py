"""The command line."""

from __future__ import annotations

from ..runtime import lazy_imports as _lazy  # noqa: F401 - before telebot, requests and structlog

# isort: split
import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from .. import __version__, logs
from ..errors import SettingsError, StashbotError
from ..runtime.systemd import Notifier
from ..settings.keys import Settings
from ..settings.load import load
from .backup import backup, restore
from .check import check, check_settings
from .demo import demo
from .machine import Mark
from .run import run

#: The first words of a complaint.
FAILURES = {"backup": "There is no backup", "restore": "Nothing is restored"}
BESIDE = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of the command line; the exit code."""
    options = _parser().parse_args(arguments)
    file = _settings_file(options, os.environ)
    try:
        if options.command == "demo":
            return demo(options)
        if options.command == "check" and options.settings_only:
            print(check_settings(file, os.environ))
            return 0
        settings = load(file, os.environ)
        if options.command in FAILURES:
            (backup if options.command == "backup" else restore)(settings.database, options.file)
            return 0
        logs.configure(settings.log.level, settings.log.format, settings.secrets)
        if options.command == "check":
            return _check(settings)
        return run(settings, partial(load, file, os.environ))
    except SettingsError as error:
        subject = "demo" if options.command == "demo" else f"settings ({file or 'environment'})"
        faults = (f"  {each}" for each in error.faults)
        _complain(options.command, [f"The {subject} cannot be used yet:", *faults])
        return os.EX_CONFIG
    except StashbotError as error:
        beginning = FAILURES.get(options.command, "stashbot cannot start")
        _complain(options.command, [f"{beginning}: {error}"])
        return 1


def _complain(command: str, lines: Sequence[str]) -> None:
    """Say on stderr, and to systemd, why the bot does not start; there may be no log yet."""
    if command == "run":
        Notifier().tell(STATUS=" ".join(lines))
    # sd-daemon(3): the prefix makes an error of the line in the journal.
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
    trial = commands.add_parser("check", help="try the settings, and name a remedy for each fault")
    only = "contact no server, and open no database"
    trial.add_argument("--settings-only", action="store_true", help=only)
    copy = commands.add_parser("backup", help="a copy of the database, also while the bot runs")
    copy.add_argument("file", metavar="FILE", help="or - for standard output")
    copy = commands.add_parser("restore", help="a backup in the place of the database")
    copy.add_argument("file", metavar="FILE", help="or - for standard input")
    demo = commands.add_parser("demo", help="the whole bot on this machine alone, with a chat page")
    demo.add_argument("--port", type=_port, default=8080, help="of the chat page (default 8080)")
    demo.add_argument("--pictures", type=Path, metavar="DIR", help="instead of drawn pictures")
    real = "a real Stash in place of the stand-in; STASHBOT_STASH_API_KEY has its key"
    demo.add_argument("--stash", metavar="URL", help=real)
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 (any that is free) to 65535")


def _settings_file(options: argparse.Namespace, environ: Mapping[str, str]) -> Path | None:
    """The named file; else the file beside stashbot.py, if it is there."""
    if named := options.settings or environ.get("STASHBOT_SETTINGS"):
        return Path(named)
    beside = BESIDE / "settings.toml"
    return beside if beside.exists() else None


def _check(settings: Settings) -> int:
    logs.configure("critical", settings.log.format, settings.secrets)
    faults = 0
    for line in check(settings):
        print(line, flush=True)
        faults += line.mark is Mark.WRONG
    mend = f"The bot cannot work yet: mend the lines marked {Mark.WRONG} ({faults})."
    print(f"\n{mend if faults else 'The bot can start.'}")
    return 1 if faults else 0
