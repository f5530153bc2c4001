"""A simulation of how the choice learns a user's taste, with the real parts.

The user likes a fifth of the tags and votes honestly: on every picture, or with one of the
thumbs only. Each picture has one tag, and a performer, a gallery and a studio of no interest
to the user. Stash is the stand-in; candidates, votes and the database are the bot's.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from stashbot.demo.pictures.picture import Gallery, Picture
from stashbot.demo.stash.standin import StashStandIn
from stashbot.models import Image, Press, Request, Trigger, Vote
from stashbot.pictures.candidates import Deck
from stashbot.stash.client import StashClient
from stashbot.store.store import Store

SEED, SEEDS = 20_261, 3
IMAGES, TAGS, LIKED = 5_000, 50, 0.2
PERFORMERS, GALLERIES, STUDIOS = 200, 100, 20
LEARNING = 200  # votes before the measurement
SHOWN = 1_000  # pictures of the measurement
WINDOW = 100  # pictures of one share in the table
ANN = 7
NOW = datetime(2026, 5, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    """The shares of liked pictures before and after learning.

    `windows` are the shares of each WINDOW in turn, `tags` the number of different tags after
    learning, `requests` the requests to Stash a picture.
    """

    before: float
    after: float
    windows: tuple[float, ...]
    tags: int
    requests: float


def library(random: Random) -> list[Picture]:
    return [
        Picture(
            id=number,
            path=f"{number}.jpg",
            load=bytes,
            tags=(f"tag {random.randrange(TAGS)}",),
            performers=(f"performer {random.randrange(PERFORMERS)}",),
            galleries=(Gallery(f"gallery {random.randrange(GALLERIES)}"),),
            studio=f"studio {random.randrange(STUDIOS)}",
        )
        for number in range(1, IMAGES + 1)
    ]


@contextmanager
def parts(pictures: list[Picture], random: Random) -> Iterator[tuple[StashStandIn, Store, Deck]]:
    with tempfile.TemporaryDirectory() as folder, StashStandIn(pictures) as stash:
        client = StashClient(stash.url, "", threading.Event())
        with closing(Store(Path(folder) / "stashbot.db")) as store:
            yield stash, store, Deck(store, client, timedelta(days=30), random, lambda: NOW)
        client.close_thread()


def show(store: Store, deck: Deck, request: Request) -> Image:
    """Choose a picture, and record it as shown."""
    image = deck.draw(ANN)
    store.lose(store.begin(request, [image], NOW), NOW)
    deck.discard(ANN, image)
    return image


def simulate(
    seed: int = SEED,
    *,
    learning: int = LEARNING,
    shown: int = SHOWN,
    thumbs: Collection[Vote] = tuple(Vote),
) -> Outcome:
    """Let a user vote with these thumbs on `learning` and then `shown` pictures."""
    random = Random(seed)
    pictures = library(random)
    liked = {f"tag {number}" for number in random.sample(range(TAGS), int(LIKED * TAGS))}
    tags = []
    with parts(pictures, random) as (stash, store, deck):
        request = store.add_request(
            update_id=None,
            chat_id=ANN,
            user_id=ANN,
            count=1,
            trigger=Trigger.COMMAND,
            language="en",
            now=NOW,
        )
        assert request
        for number in range(learning + shown):
            image = show(store, deck, request)
            tag = image.tags[0].name
            thumb = Vote.LIKE if tag in liked else Vote.DISLIKE
            if thumb in thumbs:
                store.votes.cast(Press(number, ANN, ANN, image.id, thumb, 0), NOW, None)
            tags.append(tag)
        requests = len(stash.requests) / len(tags)
    hits = [tag in liked for tag in tags]
    windows = (hits[at : at + WINDOW] for at in range(0, len(hits), WINDOW))
    return Outcome(
        before=sum(hits[:learning]) / learning,
        after=sum(hits[learning:]) / shown,
        windows=tuple(sum(each) / len(each) for each in windows),
        tags=len(set(tags[learning:])),
        requests=requests,
    )


def main() -> None:
    print(f"{IMAGES} images, {TAGS} tags of which {LIKED:.0%} are liked; the share of liked ones\n")
    print("seed   presses  first 200  next 1000  tags shown  requests each   each hundred in turn")
    for seed in range(SEED, SEED + SEEDS):
        _print(seed, tuple(Vote))
    for thumb in Vote:
        _print(SEED, (thumb,))


def _print(seed: int, thumbs: Collection[Vote]) -> None:
    found = simulate(seed, thumbs=thumbs)
    each = " ".join(f"{share:.0%}" for share in found.windows)
    print(
        f"{seed}  {'both' if len(thumbs) > 1 else next(iter(thumbs)):7}  {found.before:9.0%}"
        f"  {found.after:9.0%}  {found.tags:5} of {TAGS}  {found.requests:13.3f}   {each}",
        flush=True,
    )


if __name__ == "__main__":
    main()
