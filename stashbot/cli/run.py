"""The life of the process: signals, systemd, new settings."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

import structlog

from .. import __version__
from ..app import App, build
from ..errors import SettingsError, StashbotError, StoreError, StoreLocked
from ..runtime.outage import Outage
from ..runtime.systemd import Notifier
from ..runtime.threads import ENDING
from ..settings.keys import Settings
from ..store.database import only_process
from ..store.store import Store

log = structlog.get_logger()

#: Seconds between two tries of a database that another program has locked.
LOCKED_PAUSE_S = 1.0
#: Microseconds by which each of these tries moves systemd's time limit for the start.
LOCKED_EXTENSION_US = 30_000_000


def run(settings: Settings, read_settings: Callable[[], Settings]) -> int:
    """Run the bot until a signal ends it; the exit code.

    SIGHUP replaces the process by itself with the new settings, if they are right.
    """
    # On a terminal SIGHUP means that the terminal is closed, and ends the process.
    signals = ENDING if os.isatty(0) else ENDING | {signal.SIGHUP}
    # A reload has blocked them already: the mask survives execv, and each thread inherits it.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    event = "reloaded" if blocked >= signals else "started"
    notifier = Notifier()
    with only_process(settings.database):
        app = _start(settings, notifier)
        if app is None:
            return 0
        log.info(event, version=__version__)
        while True:
            notifier.tell(READY=1, STATUS=_line(app))
            look = partial(_look, app, notifier)
            came = app.supervisor.wait(signals, notifier.interval_s, look)
            if came != signal.SIGHUP:
                return stop(app, notifier)
            if _is_right(read_settings):
                return _reload(app, notifier)


def stop(app: App, notifier: Notifier) -> int:
    began = time.monotonic()
    notifier.tell(STOPPING=1, STATUS="stopping")
    log.info("stopping", version=__version__)
    app.end()
    log.info("stopped", version=__version__, seconds=round(time.monotonic() - began, 2))
    return app.supervisor.exit_code


def _start(settings: Settings, notifier: Notifier) -> App | None:
    """Start the bot once the database is not locked; None after a signal. Raises StoreError."""
    is_told = False
    while not signal.sigpending() & ENDING:
        app = None
        try:
            app = build(settings)
            for name, outage in _outages(app):
                if since := os.environ.get(name):
                    outage.since = float(since)
            app.start(notifier.watchdog_s)
        except StoreLocked as error:
            if app:
                app.end()
            if not is_told:
                log.error("database_locked", error=str(error), do="the bot starts when it can")
            is_told = True
            extension = LOCKED_EXTENSION_US
            notifier.tell(STATUS=str(error), EXTEND_TIMEOUT_USEC=extension, WATCHDOG=1)
        else:
            return app
        if signal.sigtimedwait(ENDING, LOCKED_PAUSE_S):
            break
    return None


def _look(app: App, notifier: Notifier) -> None:
    """Tell systemd the bot's state, and that it is alive unless a thread is overdue.

    The line for the state reads the database: so a file that is gone is noticed.
    """
    if overdue := app.supervisor.overdue():
        log.critical("stuck", threads=overdue, do="systemd restarts the bot")
        notifier.tell(STATUS=f"stuck: {', '.join(overdue)}")
    else:
        notifier.tell(WATCHDOG=1, STATUS=_line(app))


def _line(app: App) -> str:
    try:
        return app.reports.line()
    except StoreError as error:
        return str(error)


def _is_right(read_settings: Callable[[], Settings]) -> bool:
    """Whether the bot can start with the settings as they are now; names their faults."""
    try:
        Store(read_settings().database).close()
    except StashbotError as error:
        faults = error.faults if isinstance(error, SettingsError) else [str(error)]
        log.error("reload_refused", error="the old settings stay", faults=faults)
        return False
    return True


def _outages(app: App) -> list[tuple[str, Outage]]:
    """Each outage, with the variable that tells a reloaded program when it began.

    So its end is logged once, also if the new settings are the remedy.
    """
    return [("STASH_DOWN_SINCE", app.stash.outage), ("TELEGRAM_DOWN_SINCE", app.telegram.outage)]


def _reload(app: App, notifier: Notifier) -> int:
    """End the bot and start the program anew in this process; the exit code if a signal came."""
    now_us = time.monotonic_ns() // 1000
    notifier.tell(RELOADING=1, MONOTONIC_USEC=now_us, STATUS="reloading", WATCHDOG=1)
    app.end()
    for name, outage in _outages(app):
        os.environ[name] = "" if outage.since is None else str(outage.since)
    if not signal.sigpending() & ENDING:
        # A signal that comes from here on stays pending, and the new program finds it.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    return stop(app, notifier)
