"""Hundreds of saved filters: the bot gets the images that each of them means."""

import random
import threading
from datetime import timedelta

import pytest

from stashbot.demo.pictures.picture import Details, Gallery
from stashbot.demo.stash.names import id_of
from stashbot.demo.stash.standin import SavedFilter
from stashbot.models import Source, SourceKind
from stashbot.pictures.sources.filters import SavedFilters
from stashbot.stash.client import StashClient
from tests.conftest import picture, utc
from tests.pictures.filter_meaning import Facts, Names, filters, means
from tests.standins.stash import StashStandIn

#: Tags and studios with their parents, and performers with their tags.
TAGS = {"Sea": "", "Beach": "Sea", "Sand": "Beach", "Город": ""}
STUDIOS = {"Big": "", "Middle": "Big", "Small": "Middle"}
PEOPLE = {"Anna": ("Beach",), "Боб": ("Sea", "Город"), "Cleo": ()}
GALLERIES = ("Trip", "Home")
TEXTS = (
    "",
    "",
    "Sea",
    "by the sea",
    "a_b",
    "aXb",
    "100%",
    "100 years",
    "x y",
    "y",
    "Море",
    "море 1",
)
SIZES = ((60, 40), (256, 144), (360, 360), (480, 640), (1280, 720), (1080, 1920), (1920, 1080))


def a_picture(chance, id):
    def some(names):
        most = min(len(names), chance.choice((0, 0, 1, 1, 2, 3)))
        return tuple(chance.sample(sorted(names), most))

    width, height = chance.choice(SIZES)
    moment = utc("2024-01-01 09:00") + chance.choice((0, 1, 2, 100, 160)) * timedelta(hours=25)
    texts = ("title", "code", "details", "photographer", "url")
    return picture(
        id,
        path=f"{chance.choice(('sea', 'x y', 'Море', 'a_b'))}/{id}.{chance.choice(('jpg', 'gif'))}",
        data=b"tiny",
        width=width,
        height=height,
        tags=some(TAGS),
        performers=some(PEOPLE),
        galleries=tuple(map(Gallery, some(GALLERIES))),
        studio=chance.choice(("", *STUDIOS)),
        rating100=chance.choice((None, None, 0, 20, 40, 60, 80, 90, 100)),
        o_counter=chance.choice((0, 0, 1, 2, 3, 4)),
        organized=chance.random() < 0.5,
        date=chance.choice(("", "2018-02-02", "2019-01-01", "2020-05-05", "2021-06-30", "2022")),
        created=moment,
        modified=moment + chance.choice((0, 1, 200)) * timedelta(days=1),
        **{name: chance.choice(TEXTS) for name in texts},
    )


def facts_of(image):
    own = ("title", "code", "details", "photographer", "url", "rating100", "o_counter")
    kinds = {"tags": "tag", "performers": "performer", "studios": "studio"}
    of_people = {tag for name in image.performers for tag in PEOPLE[name]}
    return Facts(
        image.id,
        **{name: getattr(image, name) for name in (*own, "organized", "width", "height")},
        **{key: {id_of(kind, name) for name in getattr(image, key)} for key, kind in kinds.items()},
        galleries={id_of("gallery", each.title) for each in image.galleries},
        performer_tags={id_of("tag", name) for name in of_people},
        performer_favorite="Anna" in image.performers,
        has_untagged_performer="Cleo" in image.performers,
        path=f"/data/{image.path}",
        checksum=image.fingerprint,
        is_still=not image.path.endswith("gif"),
        date="2022-01-01" if image.date == "2022" else image.date,
        created_at=f"{image.created:%Y-%m-%dT%H:%M:%S}",
        updated_at=f"{image.modified:%Y-%m-%dT%H:%M:%S}",
    )


NAMES = Names(
    tags=[id_of("tag", name) for name in TAGS],
    performers=[id_of("performer", name) for name in PEOPLE],
    galleries=[id_of("gallery", name) for name in GALLERIES],
    studios=[id_of("studio", name) for name in STUDIOS],
    parents={
        f"{kind}s": {id_of(kind, name): id_of(kind, above) for name, above in each.items() if above}
        for kind, each in (("tag", TAGS), ("studio", STUDIOS))
    },
)
DETAILS = [
    *(Details("tag", name, parent=above) for name, above in TAGS.items()),
    *(Details("studio", name, parent=above) for name, above in STUDIOS.items()),
    *(
        Details("performer", name, tags=tags, is_favorite=name == "Anna")
        for name, tags in PEOPLE.items()
    ),
]


@pytest.fixture(scope="module")
def shelf():
    """Pictures with everything that filters ask for, and a client of their Stash."""
    chance = random.Random(4)
    pictures = [a_picture(chance, id) for id in range(1, 61)]
    with StashStandIn(pictures, details=DETAILS) as stash:
        client = StashClient(stash.url, "", threading.Event())
        yield stash, client, [facts_of(each) for each in pictures]
        client.close_thread()


@pytest.mark.parametrize("is_decimal", [False, True], ids=["stars", "decimal"])
def test_images_of_saved_filters(shelf, store, is_decimal):
    stash, client, library = shelf
    stash.ui = {"ratingSystemOptions": {"type": "decimal"}} if is_decimal else {}
    every = filters(NAMES)
    stash.filters = [SavedFilter(id, f"No. {id}", None, each) for id, each in enumerate(every, 1)]
    saved_filters, wrong, sizes = SavedFilters(store=store, stash=client), [], set()
    for saved in stash.filters:
        place = saved_filters.place(Source(SourceKind.FILTER, saved.id))
        found = client.ids(1, 0, 1000, place)
        factor = 10 if is_decimal else 20
        meant = {
            each.id for each in library if means(saved.object_filter, each, NAMES, stars=factor)
        }
        sizes.add(len(meant))
        if set(found) != meant or len(found) != len(meant):
            wrong.append((saved.object_filter, sorted({*found} ^ meant)))

    assert wrong == []
    assert len(every) > 400
    assert len(sizes) > 40
