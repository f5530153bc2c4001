"""How the reaction grows: with the library, the history, and the number of chats."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from stashbot.store import Store

from .inside import HISTORY, fill_history
from .life import ASKERS, life
from .rounds import CROWD

ROUNDS, PRESSES = 5, 10
LIBRARIES = (1_000, 100_000, 1_000_000)
#: What may be added where there is a thousand times as much.
FACTOR = 1.2


def rows() -> Iterator[tuple[str, list[float]]]:
    """Each case, with the median reaction of each round in milliseconds."""
    for images in LIBRARIES:
        yield f"library of {images:,}", _reactions(images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stashbot.db"
        Store(path).close()
        for count in (0, HISTORY):
            if count:
                fill_history(path, count, LIBRARIES[1])
                with closing(Store(path)) as store:  # so that nothing is left in the WAL
                    store.size_bytes()
            yield f"history of {count:,}", _reactions(LIBRARIES[1], path)
    for chats in (1, len(CROWD)):
        yield f"{chats} chats in turn", _reactions(LIBRARIES[1], people=CROWD[:chats])


def _reactions(
    images: int, database: Path | None = None, people: range | None = None
) -> list[float]:
    """Medians of rounds of presses in one life, after each has asked once."""
    with tempfile.TemporaryDirectory() as folder:
        if database:
            shutil.copy(database, folder)
        askers = people or ASKERS
        options = {"folder": Path(folder), "people": askers, "is_slow": True}
        with life(images, **options) as bot:
            times = []
            for number in range(len(askers) + PRESSES * ROUNDS):
                # One chat may have a picture a second.
                time.sleep(1.0 if len(askers) == 1 else 0.0)
                times.append(bot.react(askers[number % len(askers)]))
    times = times[len(askers) :]
    size = len(times) // ROUNDS
    return [statistics.median(times[at : at + size]) * 1000 for at in range(0, size * ROUNDS, size)]


def show(say: Callable[[str], object] = print) -> None:
    """Tell each case, and how much larger it is than the smallest of its kind."""
    say(f"{'update to sendPhoto with':44} {'median':>11}   least to most of all rounds")
    smallest: dict[str, float] = {}
    for name, values in rows():
        median = statistics.median(values)
        kind = name.split()[0] if not name[0].isdigit() else "chats"
        base = smallest.setdefault(kind, median)
        say(
            f"{name:44} {median:8.1f} ms   {min(values):.1f} to {max(values):.1f} in {len(values)}"
            f"   × {median / base:.2f}"
        )
