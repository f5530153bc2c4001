"""How the reaction grows: with the library, the history, and the number of chats."""

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
from .life import ASKERS, life
from .standins import Distance

ROUNDS, PRESSES = 5, 18
LIBRARIES = (1_000, 100_000, 1_000_000)
#: How many times as long the reaction may be where there is a thousand times as much.
FACTOR = 1.2


@dataclass(frozen=True)
class Case:
    """The median reaction of each round, in milliseconds.

    `factor` is the median of what each is in relation to the smallest case of its round.
    """

    name: str
    values: tuple[float, ...]
    factor: float
    limit: float | None

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def cases(distance: Distance) -> Iterator[Case]:
    """The reaction with ever more pictures in the library, in the history, and ever more chats."""
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
    # For a few chats a picture lies ready; the others wait for Stash.
    chats = {
        f"{count} chats in turn": partial(react, LIBRARIES[1], people=CROWD[:count])
        for count in (1, len(CROWD))
    }
    yield from _compared(chats, None)


def _compared(measures: Mapping[str, Callable[[], float]], limit: float | None) -> Iterator[Case]:
    """Measure in turn, round after round, so that the machine's moods come to all alike."""
    rounds = [[measure() for measure in measures.values()] for _ in range(ROUNDS)]
    for name, values in zip(measures, zip(*rounds, strict=True), strict=True):
        factors = [value / each[0] for value, each in zip(values, rounds, strict=True)]
        yield Case(name, values, statistics.median(factors), limit)


def _reaction(
    distance: Distance, images: int, *, database: Path | None = None, people: range = ASKERS
) -> float:
    """The median of some presses in one life, after each has asked once; in milliseconds."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        if database:
            shutil.copy(database, Path(folder) / "stashbot.db")
        with life(images, distance, folder=Path(folder), people=people, is_slow=True) as bot:
            for number in range(len(people) + PRESSES):
                # One chat may have a picture a second.
                time.sleep(1.0 if len(people) == 1 else 0.0)
                times.append(bot.react(people[number % len(people)]) * 1000)
    return statistics.median(times[len(people) :])


def show(found: Iterable[Case], say: Callable[[str], object] = print) -> None:
    """Tell each case, and how many times it is the smallest of its kind."""
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
