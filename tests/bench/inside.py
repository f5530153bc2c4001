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
from functools import partial
from pathlib import Path
from random import Random

from stashbot.demo.stash.names import id_of
from stashbot.models import Facet, Feature, Press, Vote
from stashbot.pictures.candidates import Candidates
from stashbot.stash.client import StashClient
from stashbot.store.ratings import RatingScale
from stashbot.store.store import Store
from tests.standins.stash import StashStandIn

from .standins import VastLibrary, picture
from .table import Budget, Measured

ROUNDS, TIMES = 5, 100
HISTORY, VOTES, LIBRARY = 1_000_000, 100_000, 200_000
EXCLUSIONS, GALLERIES = 1_000, 100
ANN, OTHERS = 1, 10
SCALE = RatingScale({Vote.LIKE: 100, Vote.DISLIKE: 20}, owner=ANN)
#: Of all votes, those that like it.
SHARE = 0.5

PICKING = Budget("picking, 1,000,000 rows and 100,000 votes", 5, "ms")
CHOOSY = Budget("picking, with 1,000 exclusions besides", 5, "ms")
WEIGHTS = Budget("weights of a page, the same", 5, "ms")
VOTING = Budget("a vote, the same", 5, "ms")


def remembering(
    *,
    rounds: int = ROUNDS,
    times: int = TIMES,
    rows: int = HISTORY,
    votes: int = VOTES,
    exclusions: int = EXCLUSIONS,
) -> Iterator[Measured]:
    """Picking and voting with a long history and many votes."""
    now = datetime.now(UTC)
    measured = partial(_rounds, rounds, times)
    with tempfile.TemporaryDirectory() as folder, StashStandIn([]) as stash:
        stash._library = VastLibrary(LIBRARY)
        path = Path(folder) / "stashbot.db"
        client = StashClient(stash.url, "", threading.Event())
        with closing(Store(path)) as store:
            fill_history(path, rows)
            fill_votes(path, store, votes, others=rounds * times)
            candidates = Candidates(
                store=store,
                stash=client,
                avoid=timedelta(days=30),
                random=Random(1),
                now=lambda: now,
            )

            def pick(_: int) -> None:
                with candidates.choose(ANN):
                    pass

            pick(0)
            yield Measured(PICKING, measured(pick))
            _, walk = candidates._walks[ANN]
            page = walk._page.images
            yield Measured(WEIGHTS, measured(lambda _: walk._weights(page)))
            yield Measured(VOTING, measured(lambda number: vote(store, number, votes, now)))
            _exclude(store, exclusions, now)
            pick(0)
            yield Measured(CHOOSY, measured(pick))
        client.close_thread()


def vote(store: Store, number: int, votes: int, now: datetime) -> bool:
    """Take a vote, and look at what the buttons are to show; whether it was a new one.

    Of two, one changes what was said of one of the first `votes` images.
    """
    if number % 2:
        image_id, vote = number, next(each for each in Vote if each is not _vote(number))
    else:
        image_id, vote = votes + 1 + number, Vote.LIKE
    press = Press(number + 1, ANN, ANN, image_id, vote)
    _, is_new = store.votes.cast(press, now, SCALE)
    store.votes.of_image(ANN, image_id)
    return is_new


def _rounds(rounds: int, times: int, work: Callable[[int], object]) -> tuple[float, ...]:
    """The median of each round, in milliseconds."""
    medians = []
    for number in range(rounds):
        seconds = []
        for turn in range(times):
            began = time.perf_counter()
            work(number * times + turn)
            seconds.append(time.perf_counter() - began)
        medians.append(sorted(seconds)[times // 2] * 1000)
    return tuple(medians)


def _exclude(store: Store, count: int, now: datetime) -> None:
    """Exclude so much of the library: images, and a few of the galleries."""
    galleries = [Feature(Facet.GALLERY, id_of("gallery", f"Gallery {n}")) for n in range(GALLERIES)]
    images = [Feature(Facet.IMAGE, number) for number in range(1, count + 1)]
    for feature in [*galleries, *images][:count]:
        store.exclusions.add(ANN, feature, now)


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


def fill_votes(path: Path, store: Store, votes: int, *, others: int) -> None:
    """Votes of one person on as many images; these are known, and so are some `others`."""

    def vote(number: int) -> tuple[object, ...]:
        features = json.dumps([["image", 0, ""], *_features(number)])
        return (ANN, number, ANN, _vote(number), "2026-01-01 00:00:00", features)

    def known(number: int) -> tuple[int, str]:
        return number, json.dumps([["image", number, picture(number).title], *_features(number)])

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO votes (user_id, image_id, chat_id, vote, voted_at, features)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            map(vote, range(1, votes + 1)),
        )
        connection.executemany(
            "INSERT INTO pictures (image_id, features) VALUES (?, ?)",
            map(known, range(1, votes + others + 1)),
        )
    with store._db.writing():
        store.votes._count("user_id = ?", ANN, sign=1)


def _vote(number: int) -> Vote:
    """The vote on an image."""
    return Vote.LIKE if Random(number).random() < SHARE else Vote.DISLIKE


def _features(number: int) -> list[tuple[str, int, str]]:
    """About a dozen features: those of an image of the library, and its neighbour's tags."""
    image = picture(number)
    named = [
        *(("performer", name) for name in image.performers),
        *(("gallery", gallery.title) for gallery in image.galleries),
        ("studio", image.studio),
        *(("tag", name) for name in (*image.tags, *picture(number + 1).tags)),
    ]
    return [(facet, id_of(facet, name), name) for facet, name in dict.fromkeys(named)]
