"""How well the choice follows a user's votes: a simulation with the real parts.

The user likes a fifth of the tags, and votes on every picture, or presses one of the two
buttons alone. Each picture has one tag, and a performer, a gallery and a studio that have no
influence on the vote. The library is the stand-in for Stash, over HTTP.
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
from stashbot.models import Image, Press, Request, Trigger, Vote
from stashbot.pictures.candidates import Candidates
from stashbot.stash.client import StashClient
from stashbot.store.store import Store
from tests.standins.stash import StashStandIn

SEED = 20_261
#: The number of seeds that `main` tries.
SEEDS = 3
IMAGES = 5_000
TAGS = 50
#: The share of the tags that the user likes.
LIKED = 0.2
PERFORMERS = 200
GALLERIES = 100
STUDIOS = 20
#: Pictures with votes before the choice is measured.
LEARNING = 200
#: Pictures for which it is measured.
SHOWN = 1_000
#: Pictures of one value in `Outcome.windows`.
WINDOW = 100
ANN = 7
NOW = datetime(2026, 5, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    """The share of liked pictures before and after learning.

    `windows` are the shares of each hundred pictures in turn; `tags` is how many tags came
    after learning, `requests` how many requests to Stash a picture took.
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
def desk(
    pictures: list[Picture], random: Random
) -> Iterator[tuple[StashStandIn, Store, Candidates]]:
    with tempfile.TemporaryDirectory() as folder, StashStandIn(pictures) as stash:
        client = StashClient(stash.url, "", threading.Event())
        with closing(Store(Path(folder) / "stashbot.db")) as store:
            candidates = Candidates(
                store=store,
                stash=client,
                avoid=timedelta(days=30),
                random=random,
                now=lambda: NOW,
            )
            yield stash, store, candidates
        client.close_thread()


def show(store: Store, candidates: Candidates, request: Request) -> Image:
    """Draw a picture, and note it as shown."""
    with candidates.choose(ANN) as [image]:
        store.lose(store.begin(request, [image], NOW).values(), NOW)
    return image


def simulate(
    seed: int = SEED,
    *,
    learning: int = LEARNING,
    shown: int = SHOWN,
    buttons: Collection[Vote] = tuple(Vote),
) -> Outcome:
    """Simulate a user with these buttons."""
    random = Random(seed)
    pictures = library(random)
    liked = {f"tag {number}" for number in random.sample(range(TAGS), int(LIKED * TAGS))}
    tags = []
    with desk(pictures, random) as (stash, store, candidates):
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
            image = show(store, candidates, request)
            tag = image.tags[0].name
            vote = Vote.LIKE if tag in liked else Vote.DISLIKE
            if vote in buttons:
                store.votes.cast(Press(number, ANN, ANN, image.id, vote), NOW, None)
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
        _tell(seed, tuple(Vote))
    for vote in Vote:
        _tell(SEED, (vote,))


def _tell(seed: int, buttons: Collection[Vote]) -> None:
    found = simulate(seed, buttons=buttons)
    each = " ".join(f"{share:.0%}" for share in found.windows)
    print(
        f"{seed}  {'both' if len(buttons) > 1 else next(iter(buttons)):7}  {found.before:9.0%}"
        f"  {found.after:9.0%}  {found.tags:5} of {TAGS}  {found.requests:13.3f}   {each}",
        flush=True,
    )


if __name__ == "__main__":
    main()
