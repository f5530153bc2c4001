"""The budgets of everyday use: users ask for pictures, in several runs of the program."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from .process import ASKERS, run_bot
from .standins import Distance
from .table import Budget, Measured, in_rounds

ROUNDS = 5
PICTURES = 200
QUIET = 5  # seconds; the timer of a slow request ends after 4 s
IDLE_SECONDS = 55  # with QUIET, the minute after which the memory is measured
IMAGES = 10_000

START = Budget("start to first getUpdates", 0.45, "s")
STOP_BUSY = Budget("SIGTERM to exit, busy", 2, "s")
REACTION = Budget("update to sendPhoto, median of 200", 12, "ms", digits=1)
QUESTIONS = Budget("GraphQL requests a picture", 0.1, "", holds_anywhere=True, digits=3)
BYTES = Budget("GraphQL bytes a picture", 1, "kB", holds_anywhere=True)
MEMORY = Budget("memory after 200 pictures, a minute later", 50, "MiB", digits=1)
UPLOAD = Budget("upload of a 12-megapixel, 6 MB photo", 1, "MB", holds_anywhere=True)
IDLE = Budget("processor while idle, a minute", 0.02, "s", digits=3)


def everyday(
    distance: Distance,
    *,
    rounds: int = ROUNDS,
    pictures: int = PICTURES,
    quiet: float = QUIET,
    idle: float = IDLE_SECONDS,
) -> Iterator[Measured]:
    """Runs in which users ask for pictures one after another."""
    return in_rounds(rounds, lambda: _one_run(distance, pictures, quiet, idle))


def _one_run(distance: Distance, pictures: int, quiet: float, idle: float) -> dict[Budget, float]:
    with run_bot(IMAGES, distance) as bot:
        seen = {START: bot.start_seconds}
        times = [bot.react() for _ in range(pictures)]
        time.sleep(quiet)  # while the next picture is prefetched
        asked, size = bot.stash.graphql()
        seen |= {
            REACTION: statistics.median(times) * 1000,
            QUESTIONS: asked / pictures,
            BYTES: size / pictures / 1000,
            UPLOAD: bot.telegram.largest_upload() / 1e6,
            IDLE: bot.idle(idle),
            MEMORY: bot.memory("VmRSS"),
        }
        for user in ASKERS:
            bot.telegram.say(user, "/random 3")
        time.sleep(0.05)
        seen[STOP_BUSY] = bot.stop()
    return seen
