"""A hundred chats whose schedules are due at once, while the bot runs or before it starts.

Some chats have several schedules for that minute, so that one picture must wait for another.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stashbot.pictures.prefetch import MOST_CHATS as READY
from stashbot.store.store import Store

from . import large
from . import rounds as everyday
from .process import ASKERS, BotProcess, run_bot
from .rounds import IMAGES, ROUNDS
from .standins import Distance
from .table import Budget, Measured, in_rounds

CROWD = range(101, 201)
#: Every tenth chat has a schedule for each of these forms of "daily".
SEVERAL_EVERY = 10
DAILY = ("* * *", "1-31 * *", "* 1-12 *")
#: Least time from the start to the due minute, in which pictures are prefetched.
LEAD = timedelta(seconds=10)
#: Seconds without a message after which no more will come.
SILENCE_S = 3.0

CROWD_TIME = Budget("100 chats due at once, all sent", 4.5, "s")
LATE_TIME = Budget("100 chats due before the start, all sent", 8, "s")
A_SECOND = Budget("messages in a second, at most", 30, "", holds_anywhere=True, digits=0)
TO_ONE = Budget("messages to one chat in a second, at most", 1, "", holds_anywhere=True, digits=0)
WRONG = Budget("scheduled pictures lost or sent twice", 0, "", holds_anywhere=True, digits=0)
# The limits of everyday use, for comparison.
CROWDED = Budget("memory after 100 chats due at once", everyday.MEMORY.limit, "MiB", digits=1)
CROWDED_PEAK = Budget(
    "memory at the peak, 100 chats due at once", large.PEAK.limit, "MiB", digits=1
)
STOP_IDLE = Budget("SIGTERM to exit, idle", 2, "s")


@dataclass(frozen=True)
class Service:
    """The result of one run: `seconds` until each chat has its first picture.

    `in_a_second` and `to_one` are the most messages within a second, to all chats and to one.
    `wrong` counts lost and repeated pictures. Memory is in MiB.
    """

    seconds: float
    in_a_second: int
    to_one: int
    wrong: int
    memory: float
    peak: float
    stop_seconds: float


def crowd(
    distance: Distance,
    *,
    rounds: int = ROUNDS,
    chats: Sequence[int] = CROWD,
    silence: float = SILENCE_S,
    coming: Callable[[], datetime] | None = None,
) -> Iterator[Measured]:
    """Two runs a round: the chats are due before the start, and while the bot runs."""
    coming = coming or next_minute

    def one_round() -> dict[Budget, float]:
        late = serve(distance, last_minute(), chats, silence)
        seen = serve(distance, coming(), chats, silence)
        return {
            CROWD_TIME: seen.seconds,
            LATE_TIME: late.seconds,
            A_SECOND: max(seen.in_a_second, late.in_a_second),
            TO_ONE: max(seen.to_one, late.to_one),
            WRONG: seen.wrong + late.wrong,
            STOP_IDLE: seen.stop_seconds,
            CROWDED: late.memory,
            CROWDED_PEAK: late.peak,
        }

    return in_rounds(rounds, one_round)


def last_minute() -> datetime:
    """The last full minute."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)


def next_minute() -> datetime:
    """The next full minute that is at least LEAD away."""
    return (datetime.now(UTC) + LEAD).replace(second=0, microsecond=0) + timedelta(minutes=1)


def serve(
    distance: Distance, due: datetime, chats: Sequence[int] = CROWD, silence: float = SILENCE_S
) -> Service:
    """One run of the bot in which all these chats are due at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = _add_schedules(Path(folder), due, chats)
        people = [*ASKERS, *chats]
        with run_bot(IMAGES, distance, folder=Path(folder), people=people) as bot:
            left = (due - datetime.now(UTC)).total_seconds()
            due_at = time.monotonic() + left
            if left > 0:
                # The measurement needs the first pictures prefetched.
                bot.stash.wait_for_files(min(READY, len(chats)), timeout=left)
                time.sleep(max(0.0, due_at - time.monotonic()))
            return _served(bot, due_at, wanted, silence)


def _add_schedules(folder: Path, due: datetime, chats: Sequence[int]) -> Counter[int]:
    """Add schedules for that time and for later; returns the due pictures of each chat."""
    later, wanted = due + timedelta(hours=12), Counter[int]()
    with closing(Store(folder / "stashbot.db")) as store:
        for number, chat in enumerate(chats, 1):
            ways = DAILY if number % SEVERAL_EVERY == 0 else DAILY[:1]
            for way in ways:
                when = f"{due.minute} {due.hour} {way}"
                store.schedules.add(chat, when, 1, due - timedelta(minutes=5))
            sleeping = f"{later.minute} {later.hour} * * *"
            store.schedules.add(chat, sleeping, 1, due - timedelta(minutes=5))
            wanted[chat] = len(ways)
    return wanted


def _served(bot: BotProcess, due_at: float, wanted: Counter[int], silence: float) -> Service:
    """Wait for all pictures, and measure their delivery."""
    with suppress(TimeoutError):  # some were lost
        bot.telegram.wait_for_photos(wanted.total())
    bot.telegram.wait_for_silence(silence)
    messages = bot.telegram.messages()
    by_chat: dict[int, list[float]] = {}
    for moment, chat, _ in messages:
        by_chat.setdefault(chat, []).append(moment)
    began = max(due_at, min(bot.began + bot.start_seconds, messages[0][0]))
    return Service(
        seconds=max(times[0] for times in by_chat.values()) - began,
        in_a_second=_most_within_a_second([moment for moment, *_ in messages]),
        to_one=max(map(_most_within_a_second, by_chat.values())),
        wrong=count_wrong(wanted, [(chat, image) for _, chat, image in messages]),
        memory=bot.memory("VmRSS"),
        peak=bot.memory("VmHWM"),
        stop_seconds=bot.stop(),
    )


def count_wrong(wanted: Counter[int], sent: Sequence[tuple[int, int]]) -> int:
    """The number of missing, surplus and repeated pictures."""
    came = Counter(chat for chat, _ in sent)
    miscounted = (wanted - came).total() + (came - wanted).total()
    again = len(sent) - len(set(sent))
    return max(miscounted, again)


def _most_within_a_second(times: Sequence[float]) -> int:
    return max(sum(start <= each < start + 1 for each in times) for start in times)
