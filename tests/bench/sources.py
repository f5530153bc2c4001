"""What the pictures of each kind of source cost in questions to Stash.

Each source has half of the library, and is asked for by its name or word; the next picture
comes from there, as with ➡️. The library is the stand-in for Stash, over HTTP.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from stashbot.demo.pictures.picture import Picture
from stashbot.demo.stash.names import id_of
from stashbot.demo.stash.standin import SavedFilter
from stashbot.models import Press, Trigger, Vote
from stashbot.pictures.candidates import Candidates
from stashbot.pictures.sources.finding import Sources
from stashbot.settings.load import load
from stashbot.stash.client import StashClient
from stashbot.store.store import Store
from tests.standins.stash import StashStandIn

from .process import TOKEN
from .standins import picture
from .table import Budget, Measured, in_rounds

ROUNDS, PICTURES, IMAGES = 3, 200, 1000
#: Time between two pictures.
LOOKING = timedelta(seconds=5)
#: Earlier years with images of the day.
YEARS = 40
NOW = datetime(2026, 5, 4, tzinfo=UTC)
TAG, PERFORMER, FILTER = "everywhere", "Ann", "Best"

#: A source of each kind, by the key that asks for it first.
KEYS = {
    "filter": f"name:{FILTER}",
    "tag": f"name:{TAG}",
    "performer": f"name:{PERFORMER}",
    "new": "new",
    "unrated": "unrated",
    "liked": "liked",
    "today": "today",
    "like": "like:1",
}
#: Questions before the first page: for a name, for a filter, for the days of earlier years (the
#: first of them, and two of twenty years), for one image and all that shares something with it.
FIRST = {
    kind: Budget(f"GraphQL requests, first of {kind}", limit, "", holds_anywhere=True, digits=0)
    for kind, limit in zip(KEYS, (3, 2, 2, 1, 1, 1, 4, 3), strict=True)
}
QUESTIONS = {
    kind: Budget(f"GraphQL requests a picture of {kind}", 0.1, "", holds_anywhere=True, digits=3)
    for kind in KEYS
}
BYTES = {
    kind: Budget(f"GraphQL bytes a picture of {kind}", 1, "kB", holds_anywhere=True)
    for kind in KEYS
}


def sources(
    *, rounds: int = ROUNDS, pictures: int = PICTURES, images: int = IMAGES
) -> Iterator[Measured]:
    """The questions to Stash for so many pictures from each source, in a new chat for each."""
    return in_rounds(rounds, lambda: _one_round(pictures, images))


def _one_round(pictures: int, images: int) -> dict[Budget, float]:
    seen, library = dict[Budget, float](), map(_picture, range(1, images + 1))
    with (
        tempfile.TemporaryDirectory() as folder,
        StashStandIn(library, filters=[_filter()]) as stash,
        closing(Store(Path(folder) / "stashbot.db")) as store,
    ):
        client = StashClient(stash.url, "", threading.Event())
        client.count()  # and the state of Stash, which is asked for once
        chooser = _Chooser(store, client)
        for chat, (kind, key) in enumerate(KEYS.items(), 1):
            if kind == "liked":
                _like(store, chat, images)
            stash.clear()
            key_of_next = chooser.choose(chat, key)
            seen[FIRST[kind]] = len(stash.requests)
            for _ in range(pictures - 1):
                chooser.choose(chat, key_of_next)
            sizes = [each.bytes_in + each.bytes_out for each in stash.requests]
            seen[QUESTIONS[kind]] = len(sizes) / pictures
            seen[BYTES[kind]] = sum(sizes) / pictures / 1000
        client.close_thread()
    return seen


class _Chooser:
    """The parts that find a source and choose from it, in the order of a request."""

    def __init__(self, store: Store, stash: StashClient) -> None:
        environ = {
            "STASHBOT_TELEGRAM_TOKEN": TOKEN,
            "STASHBOT_TELEGRAM_ALLOWED_USERS": "1",
            "STASHBOT_STASH_URL": "http://127.0.0.1",
            "STASHBOT_TIMEZONE": "UTC",
        }
        self._store = store
        self._now = NOW
        shared = {"store": store, "stash": stash, "now": lambda: self._now}
        self._sources = Sources(**shared, settings=load(None, environ))
        self._candidates = Candidates(**shared, avoid=timedelta(days=30), random=Random(1))

    def choose(self, chat_id: int, key: str) -> str:
        """Choose a picture, note it as shown and look at it; return the key of its source."""
        request = self._store.add_request(
            update_id=None,
            chat_id=chat_id,
            user_id=chat_id,
            count=1,
            trigger=Trigger.COMMAND,
            language="en",
            source=key,
            now=self._now,
        )
        assert request
        place = self._sources.find(request, key).place
        with self._candidates.choose(chat_id, place=place, unseen_only=True) as [image]:
            self._store.lose(self._store.begin(request, [image], self._now).values(), self._now)
        self._now += LOOKING
        return place.source.key


def _picture(number: int) -> Picture:
    """Every other picture is in each of the sources."""
    plain = picture(number)
    if number % 2 == 0:
        return replace(plain, rating100=60)
    return replace(
        plain,
        tags=(*plain.tags, TAG),
        performers=(*plain.performers, PERFORMER),
        created=NOW - timedelta(days=1),
        date=f"{NOW.year - 1 - number % YEARS}{NOW:-%m-%d}",
    )


def _filter() -> SavedFilter:
    items = [{"id": str(id_of("tag", TAG)), "label": TAG}]
    value = {"items": items, "excluded": [], "depth": 0}
    return SavedFilter(1, FILTER, None, {"tags": {"modifier": "INCLUDES", "value": value}})


def _like(store: Store, chat_id: int, images: int) -> None:
    for number in range(1, images + 1, 2):
        press = Press(number, chat_id, chat_id, number, Vote.LIKE)
        store.votes.cast(press, NOW, None)
