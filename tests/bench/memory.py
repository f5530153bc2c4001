"""The memory of the process under the greatest load.

The product's limits are for everyday use; they are printed here for comparison.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from stashbot.pictures.prefetch import MOST_CHATS as READY

from . import rounds as everyday
from .crowd import CROWD, SILENCE_S, last_minute, serve
from .process import run_bot
from .rounds import IMAGES, QUIET, ROUNDS
from .standins import Distance, detailed_picture
from .table import Budget, Measured, in_rounds

#: Requests of each chat before all have a prefetched picture.
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
    silence: float = SILENCE_S,
    asked: int = ASKED,
    quiet: float = QUIET,
) -> Iterator[Measured]:
    """Runs with a crowd that is due at the start, and runs with a full prefetch."""

    def one_round() -> dict[Budget, float]:
        crowded = serve(distance, last_minute(), chats, silence)
        now = {CROWDED: crowded.memory, CROWDED_PEAK: crowded.peak}
        return now | _full_prefetch(distance, asked, quiet)

    return in_rounds(rounds, one_round)


def _full_prefetch(distance: Distance, asked: int, quiet: float) -> dict[Budget, float]:
    """As many chats ask as may have a prefetched picture, of 3 MB each."""
    people = range(1, READY + 1)
    with run_bot(IMAGES, distance, people=people, make=detailed_picture) as bot:
        for _ in range(asked):
            for user in people:
                bot.react(user)
        bot.stash.wait_for_files((asked + 1) * len(people))
        time.sleep(quiet)  # while the last one is prefetched
        return {FULL: bot.memory("VmRSS"), FULL_PEAK: bot.memory("VmHWM")}
