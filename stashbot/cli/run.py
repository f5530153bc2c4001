"""The life of the process: signals, systemd, new settings."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

import structlog

from .. import __version__, logs
from ..app import App, build
from ..errors import SettingsError, StashbotError, StoreError
from ..runtime.systemd import Notifier
from ..runtime.threads import ENDING
from ..settings.keys import Settings
from ..store.store import Store

log = structlog.get_logger()


#: See mallopt(3).
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3


#: Seconds for the threads' last turn where the process stays: an upload should have its end.
RELOAD_PATIENCE = 30.0


def run(settings: Settings, source: Callable[[], Settings]) -> int:
    """The bot, until a signal asks for its end; SIGHUP has it read its settings again."""
    _keep_no_memory()
    # Not before: a signal ends us at once while there is nothing to be finished. Where a
    # terminal is closed, SIGHUP means what it has always meant.
    signals = ENDING if os.isatty(0) else ENDING | {signal.SIGHUP}
    block(signals)
    notifier, app = Notifier(), build(settings)
    log.info("started", version=__version__)
    app.start(notifier.watchdog)
    while True:
        notifier.tell(READY=1, STATUS=_line(app))
        came = app.daemon.wait(signals, notifier.interval, partial(_look, app, notifier))
        if came != signal.SIGHUP:
            return stop(app, notifier)
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


def stop(app: App, notifier: Notifier) -> int:
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


def block(signals: Collection[int]) -> None:
    """Keep signals for `Supervisor.wait`; each thread that starts later inherits this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
