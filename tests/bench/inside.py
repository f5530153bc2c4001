"""What is measured inside the process: picking and voting, with years of memory."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from stashbot.deck import Deck
from stashbot.demo.library import _id
from stashbot.demo.stash import StashStandIn
from stashbot.models import Press, Vote
from stashbot.stash.client import StashClient
from stashbot.store import Store
from stashbot.taste import growth
from stashbot.votes import _COUNT

from .standins import VastLibrary, picture
from .table import Budget, Seen

ROUNDS, TIMES = 5, 100
HISTORY, VOTES, LIBRARY = 1_000_000, 100_000, 200_000
ANN, OTHERS = 1, 10

PICKING = Budget("picking, 1,000,000 rows and 100,000 votes", 5, "ms")
WEIGHTS = Budget("weights of a page, the same", 5, "ms")
VOTING = Budget("a vote, the same", 5, "ms")


def remembering() -> Iterator[Seen]:
    """Picking and voting with a long history and many votes."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder, StashStandIn([]) as stash:
        stash._library = VastLibrary(LIBRARY)
        path = Path(folder) / "stashbot.db"
        client = StashClient(stash.url, "", threading.Event())
        with closing(Store(path)) as store:
            fill_history(path)
            _fill_votes(path, store, now)
            deck = Deck(store, client, timedelta(days=30), Random(1), lambda: now)
            deck.give_back(ANN, deck.draw(ANN))
            yield Seen(PICKING, _rounds(lambda _: deck.give_back(ANN, deck.draw(ANN))))
            hand = deck._hands[ANN]
            yield Seen(WEIGHTS, _rounds(lambda _: deck._weights(ANN, hand.all)))
            yield Seen(VOTING, _rounds(lambda number: _vote(store, number, now)))
        client.close_thread()


def _vote(store: Store, number: int, now: datetime) -> None:
    """Take a vote, and look at what the buttons are to show."""
    press = Press(number, ANN, ANN, LIBRARY + number, Vote.LIKE, 0)
    store.votes.cast(press, now, {Vote.LIKE: 100, Vote.DISLIKE: 20})
    store.votes.standing(ANN, press.image_id)


def _rounds(work: Callable[[int], object]) -> tuple[float, ...]:
    """The median of each round, in milliseconds."""
    medians = []
    for number in range(ROUNDS):
        times = []
        for turn in range(TIMES):
            began = time.perf_counter()
            work(number * TIMES + turn)
            times.append(time.perf_counter() - began)
        medians.append(sorted(times)[TIMES // 2] * 1000)
    return tuple(medians)


def fill_history(path: Path, rows: int = HISTORY, library: int = LIBRARY) -> None:
    """Rows of two years, for ten chats."""
    now, chance = datetime.now(UTC).replace(tzinfo=None), Random(1)
    with closing(sqlite3.connect(path)) as connection, connection:
        # They would be asked a million times about what is known here.
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.executemany(
            "INSERT INTO sent_photos (image_id, sent_at, user_id, title, chat_id, is_latest)"
            " VALUES (?, ?, ?, '', ?, ?)",
            (
                (
                    chance.randrange(1, library),
                    (now - timedelta(seconds=chance.randrange(63_000_000))).isoformat(" "),
                    ANN + number % OTHERS,
                    ANN + number % OTHERS,
                    int(number > rows // 2),
                )
                for number in range(rows)
            ),
        )
        for _, sql in triggers:
            connection.execute(sql)


def _fill_votes(path: Path, store: Store, now: datetime) -> None:
    """Votes of one person on as many images, with the features of the library's."""
    chance = Random(2)

    def vote(number: int) -> tuple[object, ...]:
        image = picture(number)
        tags = [["tag", _id("tag", name), name] for name in image.tags]
        people = [["performer", _id("performer", name), name] for name in image.performers]
        features = json.dumps([["image", 0, ""], *tags, *people])
        thumb = chance.choice(["like", "dislike"])
        return (ANN, number, ANN, thumb, thumb, 0, "2026-01-01 00:00:00", growth(now), features)

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO votes (user_id, image_id, chat_id, vote, pressed, shown, voted_at,"
            " worth, features) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(vote, range(1, VOTES + 1)),
        )
    with store._db.writing():
        store._db.run(_COUNT.format(which="user_id = ?"), (ANN, 1, ANN))
