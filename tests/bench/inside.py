"""Picking and voting with a long history, measured inside this process."""

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

from stashbot.demo.stash.library import _id
from stashbot.demo.stash.standin import StashStandIn
from stashbot.models import Facet, Feature, Press, Vote
from stashbot.pictures.candidates import Deck
from stashbot.rules.preferences import growth
from stashbot.stash.client import StashClient
from stashbot.store.store import Store
from stashbot.store.votes import _COUNT

from .standins import VastLibrary, picture
from .table import Budget, Measured

ROUNDS, TIMES = 5, 100
HISTORY, VOTES, LIBRARY = 1_000_000, 100_000, 200_000
EXCLUSIONS, GALLERIES = 5_000, 100
ANN, OTHERS = 1, 10
#: Share of likes among all votes.
LIKES = 0.5

PICKING = Budget("picking, 1,000,000 rows and 100,000 votes", 5, "ms")
CHOOSY = Budget("picking, with 5,000 exclusions besides", 5, "ms")
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
            fill_votes(path, store, votes, now, others=rounds * times)
            deck = Deck(store, client, timedelta(days=30), Random(1), lambda: now)

            def pick(_: int) -> None:
                deck.give_back(ANN, deck.draw(ANN))

            pick(0)
            yield Measured(PICKING, measured(pick))
            hand = deck._hands[ANN]
            yield Measured(WEIGHTS, measured(lambda _: deck._weights(ANN, hand.all)))
            yield Measured(VOTING, measured(lambda number: vote(store, number, votes, now)))
            _exclude(store, exclusions, now)
            pick(0)
            yield Measured(CHOOSY, measured(pick))
        client.close_thread()


def vote(store: Store, number: int, votes: int, now: datetime) -> bool:
    """Cast a vote and read the state of its buttons; returns whether it counted.

    Every second vote replaces one of the first `votes` votes.
    """
    if number % 2:
        image_id, thumb = number, next(each for each in Vote if each is not _thumb(number))
    else:
        image_id, thumb = votes + 1 + number, Vote.LIKE
    press = Press(number, ANN, ANN, image_id, thumb, 0)
    _, is_new = store.votes.cast(press, now, {Vote.LIKE: 100, Vote.DISLIKE: 20})
    store.votes.standing(ANN, image_id)
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
    """Exclude `count` images and galleries."""
    galleries = [Feature(Facet.GALLERY, _id("gallery", f"Gallery {n}")) for n in range(GALLERIES)]
    images = [Feature(Facet.IMAGE, number) for number in range(1, count + 1)]
    for feature in [*galleries, *images][:count]:
        store.exclusions.add(ANN, feature, now)


def fill_history(path: Path, rows: int = HISTORY, library: int = LIBRARY) -> None:
    """History of two years in ten chats."""
    now, chance = datetime.now(UTC).replace(tzinfo=None), Random(1)
    with closing(sqlite3.connect(path)) as connection, connection:
        # They would run a million times for known values.
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


def fill_votes(path: Path, store: Store, votes: int, now: datetime, *, others: int) -> None:
    """Votes of one user on as many images, and known features of `others` more."""
    worth, moment = growth(now), "2026-01-01 00:00:00"

    def row(number: int) -> tuple[object, ...]:
        features, thumb = json.dumps([["image", 0, ""], *_features(number)]), _thumb(number)
        return (ANN, number, ANN, thumb, thumb, 0, moment, worth, features)

    def known(number: int) -> tuple[int, str]:
        return number, json.dumps([["image", number, picture(number).title], *_features(number)])

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO votes (user_id, image_id, chat_id, vote, pressed, shown, voted_at,"
            " worth, features) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(row, range(1, votes + 1)),
        )
        connection.executemany(
            "INSERT INTO pictures (image_id, features) VALUES (?, ?)",
            map(known, range(1, votes + others + 1)),
        )
    with store._db.writing():
        store._db.run(_COUNT.format(which="user_id = ?"), (ANN, 1, ANN))


def _thumb(number: int) -> Vote:
    """The vote on an image."""
    return Vote.LIKE if Random(number).random() < LIKES else Vote.DISLIKE


def _features(number: int) -> list[tuple[str, int, str]]:
    """About a dozen features: those of an image, and the tags of the next one."""
    image = picture(number)
    named = [
        *(("performer", name) for name in image.performers),
        *(("gallery", gallery.title) for gallery in image.galleries),
        ("studio", image.studio),
        *(("tag", name) for name in (*image.tags, *picture(number + 1).tags)),
    ]
    return [(facet, _id(facet, name), name) for facet, name in dict.fromkeys(named)]
