"""A hundred chats that are due at once: while the bot runs, and as it starts too late.

Some of them have several orders for that minute, so that one picture has to wait for the
other.
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

from stashbot.pictures.prefetch import CHATS as READY
from stashbot.store.store import Store

from .life import ASKERS, Life, life
from .rounds import IMAGES, ROUNDS
from .standins import Distance
from .table import Budget, Seen, in_rounds

CROWD = range(101, 201)
#: One chat of so many has an order for each of these ways to say "daily".
EAGER_EVERY, DAILY = 10, ("* * *", "1-31 * *", "* 1-12 *")
#: From the start to the minute, at least: by then pictures lie ready.
LEAD = timedelta(seconds=10)
#: Seconds without a message after which no more will come.
CALM = 3.0

CROWD_TIME = Budget("100 chats due at once, all sent", 8, "s")
LATE_TIME = Budget("100 chats due before the start, all sent", 8, "s")
A_SECOND = Budget("messages in a second, at most", 30, "", holds_anywhere=True, digits=0)
TO_ONE = Budget("messages to one chat in a second, at most", 1, "", holds_anywhere=True, digits=0)
AMISS = Budget("scheduled pictures lost or sent twice", 0, "", holds_anywhere=True, digits=0)
STOP_IDLE = Budget("SIGTERM to exit, idle", 2, "s")


@dataclass(frozen=True)
class Service:
    """How a crowd was served: `seconds` until each chat had its first picture.

    `in_a_second` and `to_one` are the most messages in any second, to all and to one chat;
    `amiss` counts the pictures that were lost or sent twice. Memory is in MiB.
    """

    seconds: float
    in_a_second: int
    to_one: int
    amiss: int
    memory: float
    peak: float
    stop_seconds: float


def crowd(
    distance: Distance,
    *,
    rounds: int = ROUNDS,
    chats: Sequence[int] = CROWD,
    calm: float = CALM,
    coming: Callable[[], datetime] | None = None,
) -> Iterator[Seen]:
    """Two lives a round: the chats were due before the start, and are due while it runs."""
    coming = coming or next_minute

    def one_round() -> dict[Budget, float]:
        late = serve(distance, last_minute(), chats, calm)
        seen = serve(distance, coming(), chats, calm)
        return {
            CROWD_TIME: seen.seconds,
            LATE_TIME: late.seconds,
            A_SECOND: max(seen.in_a_second, late.in_a_second),
            TO_ONE: max(seen.to_one, late.to_one),
            AMISS: seen.amiss + late.amiss,
            STOP_IDLE: seen.stop_seconds,
        }

    return in_rounds(rounds, one_round)


def last_minute() -> datetime:
    """A full minute that is over."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)


def next_minute() -> datetime:
    """The next full minute that is far enough away."""
    return (datetime.now(UTC) + LEAD).replace(second=0, microsecond=0) + timedelta(minutes=1)


def serve(
    distance: Distance, due: datetime, chats: Sequence[int] = CROWD, calm: float = CALM
) -> Service:
    """One life, in which all these chats are due at a moment."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = _give_orders(Path(folder), due, chats)
        people = [*ASKERS, *chats]
        with life(IMAGES, distance, folder=Path(folder), people=people) as bot:
            left = (due - datetime.now(UTC)).total_seconds()
            due_at = time.monotonic() + left
            if left > 0:
                # The first pictures are to lie ready by then, or something else is measured.
                bot.stash.wait_for_files(min(READY, len(chats)), timeout=left)
                time.sleep(max(0.0, due_at - time.monotonic()))
            return _served(bot, due_at, wanted, calm)


def _give_orders(folder: Path, due: datetime, chats: Sequence[int]) -> Counter[int]:
    """Schedules for that moment, and some that sleep on; how many pictures each chat is to get."""
    later, wanted = due + timedelta(hours=12), Counter[int]()
    with closing(Store(folder / "stashbot.db")) as store:
        for number, chat in enumerate(chats, 1):
            ways = DAILY if number % EAGER_EVERY == 0 else DAILY[:1]
            for way in ways:
                when = f"{due.minute} {due.hour} {way}"
                store.orders.add(chat, when, 1, due - timedelta(minutes=5))
            sleeping = f"{later.minute} {later.hour} * * *"
            store.orders.add(chat, sleeping, 1, due - timedelta(minutes=5))
            wanted[chat] = len(ways)
    return wanted


def _served(bot: Life, due_at: float, wanted: Counter[int], calm: float) -> Service:
    """Wait until all have their pictures, and see how they came."""
    with suppress(TimeoutError):  # then some were lost
        bot.telegram.wait_for_photos(wanted.total())
    bot.telegram.wait_for_calm(calm)
    messages = bot.telegram.messages()
    by_chat: dict[int, list[float]] = {}
    for moment, chat, _ in messages:
        by_chat.setdefault(chat, []).append(moment)
    began = max(due_at, min(bot.began + bot.start_seconds, messages[0][0]))
    return Service(
        seconds=max(times[0] for times in by_chat.values()) - began,
        in_a_second=_most_within_a_second([moment for moment, *_ in messages]),
        to_one=max(map(_most_within_a_second, by_chat.values())),
        amiss=amiss(wanted, [(chat, image) for _, chat, image in messages]),
        memory=bot.memory("VmRSS"),
        peak=bot.memory("VmHWM"),
        stop_seconds=bot.stop(),
    )


def amiss(wanted: Counter[int], sent: Sequence[tuple[int, int]]) -> int:
    """How many messages are missing in the chats, or too many, or an image's second there."""
    came = Counter(chat for chat, _ in sent)
    wrong = (wanted - came).total() + (came - wanted).total()
    again = len(sent) - len(set(sent))
    return max(wrong, again)


def _most_within_a_second(times: Sequence[float]) -> int:
    return max(sum(start <= each < start + 1 for each in times) for start in times)
