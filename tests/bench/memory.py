"""What the process takes of the memory when it has most to hold.

The product's limits are for everyday life, and are shown here beside the harder scenes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from stashbot.pictures.prefetch import CHATS as READY

from . import rounds as everyday
from .crowd import CALM, CROWD, last_minute, serve
from .life import life
from .rounds import IMAGES, QUIET, ROUNDS
from .standins import Distance, detailed_picture
from .table import Budget, Seen, in_rounds

#: How many pictures each chat asks for until its next one lies ready.
ASKED = 3

CROWDED = Budget("memory after 100 chats due at once", everyday.MEMORY.limit, "MiB", digits=1)
CROWDED_PEAK = Budget(
    "memory at the peak, 100 chats due at once", everyday.PEAK.limit, "MiB", digits=1
)
FULL = Budget("memory with 24 MiB of pictures ready", everyday.MEMORY.limit, "MiB", digits=1)
FULL_PEAK = Budget("memory at the peak, 24 MiB ready", everyday.PEAK.limit, "MiB", digits=1)


def memory(
    distance: Distance,
    *,
    rounds: int = ROUNDS,
    chats: Sequence[int] = CROWD,
    calm: float = CALM,
    asked: int = ASKED,
    quiet: float = QUIET,
) -> Iterator[Seen]:
    """Lives in which a crowd is due as it starts, and lives with a full shelf."""

    def one_round() -> dict[Budget, float]:
        crowded = serve(distance, last_minute(), chats, calm)
        now = {CROWDED: crowded.memory, CROWDED_PEAK: crowded.peak}
        return now | _full_shelf(distance, asked, quiet)

    return in_rounds(rounds, one_round)


def _full_shelf(distance: Distance, asked: int, quiet: float) -> dict[Budget, float]:
    """Let as many chats ask as may have a picture ready, each of 3 MB."""
    people = range(1, READY + 1)
    with life(IMAGES, distance, people=people, draw=detailed_picture) as bot:
        for _ in range(asked):
            for user in people:
                bot.react(user)
        bot.stash.wait_for_files((asked + 1) * len(people))
        time.sleep(quiet)  # while the last one is put there
        return {FULL: bot.memory("VmRSS"), FULL_PEAK: bot.memory("VmHWM")}
