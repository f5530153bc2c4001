"""The budgets that the running program is held to, each measured in several lives of it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stashbot.store import Store

from .life import ASKERS, life
from .standins import Distance
from .table import Budget, Seen

ROUNDS, PICTURES, QUIET, IDLE_SECONDS = 5, 200, 2, 12
IMAGES = 10_000
#: Who gets a picture by the clock in the same second, and the standing orders that sleep on.
CROWD, SLEEPING = range(101, 201), 200

START = Budget("start to first getUpdates", 0.6, "s")
STOP_IDLE = Budget("SIGTERM to exit, idle", 2, "s")
STOP_BUSY = Budget("SIGTERM to exit, busy", 2, "s")
REACTION = Budget("update to sendPhoto, median of 200", 20, "ms", digits=1)
QUESTIONS = Budget("GraphQL requests a picture", 0.1, "", holds_anywhere=True, digits=3)
BYTES = Budget("GraphQL bytes a picture", 1, "kB", holds_anywhere=True)
MEMORY = Budget("memory after 200 pictures", 60, "MiB", digits=1)
PEAK = Budget("memory at the peak", 160, "MiB", digits=1)
UPLOAD = Budget("upload of a 12-megapixel, 6 MB photo", 1, "MB", holds_anywhere=True)
IDLE = Budget("processor while idle, a minute", 0.02, "s", digits=3)
CROWD_TIME = Budget("100 chats due at once, all sent", 8, "s")
A_SECOND = Budget("messages in a second, at most", 30, "", holds_anywhere=True, digits=0)
TO_ONE = Budget("messages to one chat in a second, at most", 1, "", holds_anywhere=True, digits=0)


def everyday(distance: Distance) -> Iterator[Seen]:
    """Lives in which people ask for pictures, one after the other."""
    rounds = [_one_life(distance) for _ in range(ROUNDS)]
    for budget in rounds[0]:
        yield Seen(budget, tuple(each[budget] for each in rounds))


def _one_life(distance: Distance) -> dict[Budget, float]:
    with life(IMAGES, distance) as bot:
        seen = {START: bot.start_seconds}
        times = [bot.react() for _ in range(PICTURES)]
        time.sleep(QUIET)  # while the last one's successor is prepared
        asked, size = bot.stash.graphql()
        seen |= {
            REACTION: statistics.median(times) * 1000,
            QUESTIONS: asked / PICTURES,
            BYTES: size / PICTURES / 1000,
            UPLOAD: bot.telegram.largest_upload() / 1e6,
            MEMORY: bot.memory("VmRSS"),
            PEAK: bot.memory("VmHWM"),
            IDLE: bot.idle(IDLE_SECONDS),
        }
        for user in ASKERS:
            bot.telegram.say(user, "/random 3")
        time.sleep(0.05)
        seen[STOP_BUSY] = bot.stop()
    return seen


def crowd(distance: Distance) -> Iterator[Seen]:
    """Lives in which a hundred chats are due as it starts, after which it is idle."""
    rounds = [_one_crowd(distance) for _ in range(ROUNDS)]
    for budget in rounds[0]:
        yield Seen(budget, tuple(each[budget] for each in rounds))


def _one_crowd(distance: Distance) -> dict[Budget, float]:
    with tempfile.TemporaryDirectory() as folder:
        _give_orders(Path(folder))
        people = [*ASKERS, *CROWD]
        with life(IMAGES, distance, folder=Path(folder), people=people) as bot:
            polled = bot.began + bot.start_seconds
            sent = bot.telegram.wait_for_photos(len(CROWD))
            times = sorted(moment for moment, _ in sent)
            seen = {
                CROWD_TIME: times[-1] - min(polled, times[0]),
                A_SECOND: float(_most_within_a_second(times)),
                TO_ONE: float(
                    max(
                        _most_within_a_second(sorted(at for at, to in sent if to == chat))
                        for chat in CROWD
                    )
                ),
            }
            seen[STOP_IDLE] = bot.stop()
    return seen


def _give_orders(folder: Path) -> None:
    """A picture for each of the crowd that was due a minute ago, and orders for later."""
    now = datetime.now(UTC)
    due, later = now - timedelta(minutes=1), now + timedelta(hours=12)
    with closing(Store(folder / "stashbot.db")) as store:
        for chat in CROWD:
            at = due - timedelta(minutes=5)
            store.orders.add(chat, f"{due.minute} {due.hour} * * *", 1, at)
        for number in range(SLEEPING - len(CROWD)):
            chat = CROWD[number]
            store.orders.add(chat, f"{later.minute} {later.hour} * * *", 1, now)


def _most_within_a_second(times: list[float]) -> int:
    return max(sum(start <= each < start + 1 for each in times) for start in times)
