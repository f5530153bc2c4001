"""The reaction time by sizes of the library, the history and the number of chats."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stashbot.store.store import Store

from .crowd import CROWD
from .inside import HISTORY, fill_history
from .process import ASKERS, run_bot
from .standins import Distance

ROUNDS, PRESSES = 5, 18
LIBRARIES = (1_000, 100_000, 1_000_000)
#: Limit of the reaction time for a thousand times as much, relative to the smallest case.
FACTOR = 1.2


@dataclass(frozen=True)
class Case:
    """The median reaction time of each round, in milliseconds.

    `factor` is the median of the ratios to the smallest case of the same round.
    """

    name: str
    values: tuple[float, ...]
    factor: float
    limit: float | None

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def cases(distance: Distance) -> Iterator[Case]:
    """The reaction time with larger libraries, longer histories and more chats."""
    react = partial(_reaction, distance)
    libraries = {f"library of {images:,}": partial(react, images) for images in LIBRARIES}
    yield from _compared(libraries, FACTOR)
    with tempfile.TemporaryDirectory() as folder:
        histories = {}
        for rows in (0, HISTORY):
            database = Path(folder) / str(rows)
            Store(database).close()
            fill_history(database, rows, LIBRARIES[1])
            histories[f"history of {rows:,}"] = partial(react, LIBRARIES[1], database=database)
        yield from _compared(histories, FACTOR)
    # Only a few chats have a prefetched picture; the others wait for Stash.
    chats = {
        f"{count} chats in turn": partial(react, LIBRARIES[1], people=CROWD[:count])
        for count in (1, len(CROWD))
    }
    yield from _compared(chats, None)


def _compared(measures: Mapping[str, Callable[[], float]], limit: float | None) -> Iterator[Case]:
    """Measure in turn, so that the load of the machine affects all cases alike."""
    rounds = [[measure() for measure in measures.values()] for _ in range(ROUNDS)]
    for name, values in zip(measures, zip(*rounds, strict=True), strict=True):
        factors = [value / each[0] for value, each in zip(values, rounds, strict=True)]
        yield Case(name, values, statistics.median(factors), limit)


def _reaction(
    distance: Distance, images: int, *, database: Path | None = None, people: range = ASKERS
) -> float:
    """The median reaction in one run after a first request of each user, in milliseconds."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        if database:
            shutil.copy(database, Path(folder) / "stashbot.db")
        with run_bot(images, distance, folder=Path(folder), people=people, is_slow=True) as bot:
            for number in range(len(people) + PRESSES):
                # Telegram allows a chat one message a second.
                time.sleep(1.0 if len(people) == 1 else 0.0)
                times.append(bot.react(people[number % len(people)]) * 1000)
    return statistics.median(times[len(people) :])


def show(found: Iterable[Case], say: Callable[[str], object] = print) -> None:
    """Print each case and its factor."""
    heading = "update to sendPhoto with"
    say(f"{heading:44} {'at most':>11} {'median':>11}   least to most of all rounds")
    for case in found:
        limit = f"× {case.limit:.2f}" if case.limit else ""
        mark = "  over" if case.limit and case.factor > case.limit else ""
        say(
            f"{case.name:44} {limit:>11} {case.median:8.1f} ms"
            f"   {min(case.values):.1f} to {max(case.values):.1f} in {len(case.values)},"
            f" × {case.factor:.2f}{mark}"
        )
