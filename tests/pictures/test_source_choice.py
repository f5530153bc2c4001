"""The choice among the images of each source, whatever happens to the library meanwhile."""

import random
import tempfile
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from stashbot.demo.pictures.picture import Gallery
from stashbot.demo.stash.names import id_of
from stashbot.demo.stash.standin import SavedFilter
from stashbot.errors import NothingToSend, StashError
from stashbot.models import ChatValues, Facet, Feature, Press, Vote
from stashbot.pictures.candidates import Candidates
from stashbot.pictures.sources import filters, memory
from stashbot.pictures.sources.errors import NoSource, SourceProblem
from stashbot.pictures.sources.finding import Sources
from stashbot.pictures.sources.lists import FEW_DATES, KNOWN_FOR_S
from stashbot.pictures.walk import PAGE_FRESH, RECHECK
from stashbot.stash.client import StashClient
from stashbot.store.store import Store
from tests.conftest import at_length, picture, utc
from tests.standins.stash import StashStandIn
from tests.store.stored import arrive, ask

CHATS = (1, 2, 3)
AVOID, DAY = timedelta(days=7), timedelta(days=1)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
EVER = utc("2000-01-01")
TAGS, PEOPLE = ("Beach", "Sea", "море"), ("Anna", "Боб")
GALLERIES, STUDIOS = ("Trip", "Home"), ("Big", "Small")


@dataclass(frozen=True)
class Item:
    """An image of the library, as the test knows it."""

    id: int
    tags: frozenset[str] = frozenset()
    performers: frozenset[str] = frozenset()
    gallery: str = ""
    studio: str = ""
    date: str = ""
    rating100: int | None = None
    created: datetime = EVER

    @property
    def features(self):
        named = {
            Facet.TAG: self.tags,
            Facet.PERFORMER: self.performers,
            Facet.GALLERY: {self.gallery} - {""},
            Facet.STUDIO: {self.studio} - {""},
        }
        return {
            Feature(facet, id_of(facet, name)) for facet, names in named.items() for name in names
        }

    def picture(self):
        return picture(
            self.id,
            data=b"tiny",
            tags=tuple(sorted(self.tags)),
            performers=tuple(sorted(self.performers)),
            galleries=(Gallery(self.gallery),) if self.gallery else (),
            studio=self.studio,
            date=self.date,
            rating100=self.rating100,
            created=self.created,
        )


def _with_ids(key, *names, excluded=()):
    kind = {"tags": "tag", "performers": "performer", "studios": "studio"}[key]
    items, without = (
        [{"id": str(id_of(kind, name)), "label": "old"} for name in each]
        for each in (names, excluded)
    )
    value = {"items": items, "excluded": without} | ({} if key == "performers" else {"depth": 0})
    return {key: {"value": value, "modifier": "INCLUDES"}}


#: Criteria of saved filters, each with what it means.
CRITERIA = [
    (_with_ids("tags", "Beach"), lambda item: "Beach" in item.tags),
    (_with_ids("tags", excluded=["Beach"]), lambda item: "Beach" not in item.tags),
    (_with_ids("performers", "Anna", "Боб"), lambda item: bool(item.performers)),
    (
        _with_ids("studios", "Big")
        | {"rating100": {"value": {"value": 50}, "modifier": "GREATER_THAN"}},
        lambda item: item.studio == "Big" and (item.rating100 or 0) > 50,
    ),
    (
        {"is_missing": {"value": "galleries", "modifier": "EQUALS"}},
        lambda item: not item.gallery,
    ),
    (
        {"path": {"value": "1.jpg", "modifier": "INCLUDES"}},
        lambda item: item.id % 10 == 1,
    ),
]
FILTER, LIKED_FROM = 7, 1
BERLIN = ZoneInfo("Europe/Berlin")


class Home:
    """Sources and candidates over a library of tiny pictures, with clocks that are set by hand."""

    def __init__(self, items=(), seed=1):
        self.closing = ExitStack()
        folder = self.closing.enter_context(tempfile.TemporaryDirectory())
        defaults = ChatValues(timezone=BERLIN)
        self.store = Store(Path(folder) / "stashbot.db", defaults=defaults)
        self.closing.callback(self.store.close)
        self.store._db.run("PRAGMA synchronous = OFF")
        self.stash = StashStandIn([each.picture() for each in items])
        self.closing.callback(self.stash.close)
        self.client = StashClient(self.stash.url, "", threading.Event())
        self.closing.callback(self.client.close_thread)
        self.now, self.random = utc("2026-05-04 12:00"), random.Random(seed)
        patch = self.closing.enter_context(pytest.MonkeyPatch.context())
        clock = SimpleNamespace(monotonic=self.monotonic)
        for module in (filters, memory):
            patch.setattr(module, "time", clock)
        self.start()

    def start(self):
        """All that was in memory is gone."""
        self.store.recover(self.now)
        self.sources = Sources(
            store=self.store,
            stash=self.client,
            settings=SimpleNamespace(photos=SimpleNamespace(filter="")),
            now=self.tick,
        )
        self.candidates = Candidates(
            store=self.store, stash=self.client, avoid=AVOID, random=self.random, now=self.tick
        )

    def monotonic(self):
        return (self.now - EVER).total_seconds()

    def tick(self):
        self.now += timedelta(microseconds=1)
        return self.now

    def choose(self, chat, key, count=1, *, unseen_only=False):
        """Choose images; their request, and the block that ends their claims."""
        request = ask(self.store, chat, count=count, now=self.now)
        place = self.sources.find(request, key).place
        with ExitStack() as block:
            chosen = self.candidates.choose(chat, count, place=place, unseen_only=unseen_only)
            images = block.enter_context(chosen)
            return request, images, block.pop_all()

    def send(self, request, images, block):
        with block:
            rows = self.store.begin(request, images, self.tick())
            sent = [image for image in images if image.id in rows]  # not excluded since
            arrive(self.store, rows.values(), sent, self.tick())
            return {image.id: self.now for image in sent}

    def like(self, chat, image_id, vote, update_id):
        press = Press(update_id, chat, chat, image_id, vote)
        assert self.store.votes.cast(press, self.now, None)[0].vote == vote


# What belongs to a source, by the test's own judgement


def today_in_berlin(now):
    return now.astimezone(BERLIN).date()


def is_this_day(item, now):
    today = today_in_berlin(now)
    day = date.fromisoformat(item.date) if item.date else today
    return (day.month, day.day) == (today.month, today.day) and day.year < today.year


BELONGS = {
    "all": lambda _item, _now: True,
    "unrated": lambda item, _now: not item.rating100,
    "today": is_this_day,
    # The bot cuts the moment down to the day.
    "new": lambda item, now: item.created > now - timedelta(days=30),
    **{f"tag:{id_of('tag', name)}": lambda i, _, name=name: name in i.tags for name in TAGS},
    **{
        f"performer:{id_of('performer', name)}": lambda i, _, name=name: name in i.performers
        for name in PEOPLE
    },
    **{
        f"gallery:{id_of('gallery', name)}": lambda i, _, name=name: name == i.gallery
        for name in GALLERIES
    },
    **{
        f"studio:{id_of('studio', name)}": lambda i, _, name=name: name == i.studio
        for name in STUDIOS
    },
}
KEYS = (*BELONGS, f"filter:{FILTER}", "liked", f"like:{LIKED_FROM}")


def item(chance, id, created, now):
    """An image with anything at all; its date is near this day of this or an earlier year."""
    day = (now + chance.choice((0, 0, 1, 2)) * DAY).replace(
        year=chance.choice((1999, 2020, 2025, now.year))
    )

    def some(names):
        return frozenset(chance.sample(names, chance.randint(0, len(names))))

    return Item(
        id=id,
        tags=some(TAGS),
        performers=some(PEOPLE),
        gallery=chance.choice(("", *GALLERIES)),
        studio=chance.choice(("", *STUDIOS)),
        date=chance.choice(("", f"{day:%Y-%m-%d}", f"{day:%Y-%m-%d}")),
        rating100=chance.choice((None, 0, 20, 80)),
        created=created,
    )


class Model:
    """Chats ask for pictures of a source, and now and then of others, while the library changes.

    A change of an image may count ten minutes late.
    """

    def __init__(self, home, key, seed):
        self.home, self.key, self.chance = home, key, random.Random(seed)
        self.items = {}
        self.next_id = 1
        self.versions = []
        self.seen = {chat: {} for chat in CHATS}
        self.liked = {chat: set() for chat in CHATS}
        self.excluded = {chat: set() for chat in CHATS}
        self.out = []
        self.left_out = {}
        self.updates = 0
        size = self.chance.choice([3, 12, 12, 45])
        self.add([self.chance.choice([HOUR, 5 * DAY, 29 * DAY, 40 * DAY]) for _ in range(size)])
        self.read_filter()

    # What the test knows

    def changed(self, *changed, gone=()):
        self.versions.append((self.home.now, dict(self.items)))
        self.items |= {each.id: each for each in changed}
        for id in gone:
            self.items.pop(id, None)
        self.home.stash.add(*(each.picture() for each in changed))
        self.home.stash.remove(*gone)

    def recent(self):
        """The library now, and as it was in the last ten minutes."""
        late = PAGE_FRESH + SECOND
        return [self.items, *(old for until, old in self.versions if self.home.now - until <= late)]

    def belongs(self, key, item, chat, library, *, is_sure=False):
        """Whether an item is in a source; `is_sure` if not by what the bot cuts down alone."""
        if key == "liked":
            return item.id in self.liked[chat]
        if key.startswith("filter:"):
            return self.is_meant(item)
        if key.startswith("like:"):
            return item.id != LIKED_FROM and self.is_alike(item, library, is_sure=is_sure)
        slack = DAY if key == "new" and not is_sure else timedelta()
        return BELONGS[key](item, self.home.now - slack)

    def is_alike(self, item, library, *, is_sure):
        """Whether an item shares a feature with one; a feature that all images have is none."""
        # Of an image that is gone, the bot knows the features that it had at some time.
        gone = [] if is_sure else [old[LIKED_FROM] for _, old in self.versions if LIKED_FROM in old]
        models = [library[LIKED_FROM]] if LIKED_FROM in library else gone
        return any(
            not all(feature in each.features for each in library.values())
            for model in models
            for feature in item.features & model.features
        )

    def may_come(self, key, id, chat):
        return any(
            id in library and self.belongs(key, library[id], chat, library)
            for library in self.recent()
        )

    def must_come(self, key, chat):
        """Images that are in a source for some time now, and that nothing keeps back."""
        now = self.home.now
        busy = {image.id for who, _, images, _ in self.out if who == chat for image in images}
        return {
            id
            for id in self.items
            if id not in busy
            and not self.is_excluded(id, chat)
            and now > self.left_out.get(id, EVER) + RECHECK
            and all(
                id in library and self.belongs(key, library[id], chat, library, is_sure=True)
                for library in self.recent()
            )
        }

    def is_excluded(self, id, chat):
        item = self.items[id]
        return bool({Feature(Facet.IMAGE, id), *item.features} & self.excluded[chat])

    def is_unseen(self, key, id, chat):
        if key == "new":
            return id not in self.seen[chat]
        return self.home.now - self.seen[chat].get(id, EVER) > AVOID

    # What happens

    def step(self):
        others = (
            [self.wait] * 12
            + [self.vote] * (20 if self.key == "liked" else 4)
            + [self.change] * 3
            + [self.finish] * 3
            + [self.add, self.remove, self.read_filter, self.restart, self.exclude]
            + [self.bring_back]
        )
        if self.chance.random() < 0.5:
            self.ask()
        else:
            self.chance.choice(others)()

    def ask(self):
        chat = self.chance.choice((1, 1, 1, *CHATS))
        key = self.chance.choice((self.key, self.key, self.key, "all", self.chance.choice(KEYS)))
        count = self.chance.choice([1, 1, 1, 2, 10])
        for _ in range(self.chance.choice([1, 1, 3])):
            must = self.must_come(key, chat)
            unseen = {id for id in must if self.is_unseen(key, id, chat)}
            try:
                request, images, block = self.home.choose(chat, key, count)
            except NothingToSend:
                assert not unseen
                assert key == "new" or not must
                return
            except NoSource as error:
                is_hidden = error.problem is SourceProblem.HIDDEN
                assert self.is_hidden(key, chat) if is_hidden else not must
                return
            self.out.append((chat, request, images, block))
            self.check(key, [image.id for image in images], count, chat, unseen)
            if self.chance.random() < 0.9:
                self.finish(-1)

    def is_hidden(self, key, chat):
        kind, _, id = key.partition(":")
        return kind in {*Facet} and Feature(Facet(kind), int(id)) in self.excluded[chat]

    def check(self, key, ids, count, chat, unseen):
        """Judge the images of one answer, in their order."""
        busy = [image.id for who, _, those, _ in self.out if who == chat for image in those]
        assert 1 <= len(ids) <= count
        assert len(busy) == len(set(busy))
        for id in ids:
            assert self.may_come(key, id, chat)
            assert not (self.is_settled(id) and self.is_excluded(id, chat))
            assert self.home.now > self.left_out.get(id, EVER)
            assert self.is_unseen(key, id, chat) or not (unseen or key == "new")
            if key == "new" and id in self.items:
                assert not [i for i in unseen if self.items[i].created > self.items[id].created]
            unseen.discard(id)
        assert len(ids) == count or not unseen

    def is_settled(self, id):
        """Whether the image has been as it is for long enough."""
        item = self.items.get(id)
        return bool(item) and all(old.get(id) == item for old in self.recent())

    def finish(self, which=0):
        if not self.out:
            return
        chat, request, images, block = self.out.pop(which)
        match self.chance.choice("sssssgx"):
            case "s":
                self.seen[chat] |= self.home.send(request, images, block)
            case "x":
                self.left_out[images[0].id] = self.home.now + DAY
                self.home.store.skip_image(images[0].id, "odd", self.home.now + DAY)
        block.close()

    def wait(self):
        self.home.now += self.chance.choice([SECOND, 11 * MINUTE, HOUR, 9 * HOUR, 25 * HOUR])
        if self.chance.random() < 0.03:
            self.home.now += AVOID

    def add(self, ages=(timedelta(),)):
        new = enumerate(ages, self.next_id)
        self.next_id += len(ages)  # Stash gives no id twice
        self.changed(
            *(item(self.chance, id, self.home.tick() - age, self.home.now) for id, age in new)
        )

    def any_item(self):
        return self.chance.choice(
            [*self.items.values()] or [item(self.chance, 1, EVER, self.home.now)]
        )

    def change(self):
        """An image gets other tags, another rating, another date, and so on."""
        old = self.any_item()
        if old.id in self.items:
            self.changed(item(self.chance, old.id, old.created, self.home.now))

    def remove(self):
        self.changed(gone=[self.any_item().id])

    def read_filter(self):
        criteria, self.is_meant = self.chance.choice(CRITERIA)
        self.home.stash.filters = [SavedFilter(FILTER, "Best", None, criteria)]
        self.home.now += 15 * SECOND  # it is read again so seldom

    def vote(self):
        """A chat votes on an image that it has seen."""
        chat = self.chance.choice(CHATS)
        if self.seen[chat]:
            id, vote = self.chance.choice([*self.seen[chat]]), self.chance.choice([*Vote, None])
            self.updates += 1
            self.home.now += 3 * SECOND
            self.home.like(chat, id, vote, self.updates)
            (self.liked[chat].add if vote is Vote.LIKE else self.liked[chat].discard)(id)

    def exclude(self):
        chat, chosen = self.chance.choice(CHATS), self.any_item()
        hidden = [
            each for each in chosen.features if each.facet in (Facet.GALLERY, Facet.PERFORMER)
        ]
        feature = self.chance.choice(
            [Feature(Facet.IMAGE, chosen.id), *sorted(hidden, key=lambda each: each.id)]
        )
        self.home.store.exclusions.add(chat, feature, self.home.now)
        self.excluded[chat].add(feature)

    def bring_back(self):
        for chat, features in self.excluded.items():
            for feature in features:
                assert self.home.store.exclusions.remove(chat, feature)
            features.clear()

    def restart(self):
        for *_, block in self.out:
            block.close()
        self.out.clear()
        self.home.start()


@pytest.fixture
def home():
    with ExitStack() as block:

        def make(*arguments, **options):
            home = Home(*arguments, **options)
            block.enter_context(home.closing)
            return home

        yield make


#: A source of each kind.
KINDS = [*{key.partition(":")[0]: key for key in KEYS}.values()]


@pytest.mark.parametrize("seed", range(at_length(4, 1)))
@pytest.mark.parametrize("key", at_length(KEYS, KINDS))
def test_whatever_happens(home, key, seed):
    """A chat gets images of the source alone, and none again while an unseen one is left."""
    model = Model(home(), key, seed)

    for _ in range(at_length(150, 40)):
        model.step()

    assert not any("mutation" in record.query for record in model.home.stash.requests)


#: Images 1 to 6 belong to each of these sources, and 7 to 12 to "all" alone.
INSIDE = Item(
    0, frozenset({"Beach"}), frozenset({"Anna"}), "Trip", "Big", "2025-05-04", created=EVER
)
OUTSIDE = Item(0, frozenset({"Sea"}), date="2025-06-04", rating100=50)
EVEN = [
    *(
        f"{facet}:{id_of(facet, name)}"
        for facet, name in [
            ("tag", "Beach"),
            ("performer", "Anna"),
            ("gallery", "Trip"),
            ("studio", "Big"),
        ]
    ),
    *("all", "today", "unrated", f"filter:{FILTER}"),
]


def six_of_twelve(home, key):
    inside = [replace(INSIDE, id=id) for id in range(1, 7)]
    made = home([*inside, *(replace(OUTSIDE, id=id) for id in range(7, 13) if key != "all")])
    made.stash.filters = [SavedFilter(FILTER, "Best", None, CRITERIA[0][0])]
    return made


@pytest.mark.parametrize("key", EVEN)
def test_each_image_is_as_likely_without_votes(home, key):
    made, number, counts = six_of_twelve(home, key), at_length(300, 60), Counter()
    for chat in range(number):
        _, [image], block = made.choose(chat, key)
        block.close()
        counts[image.id] += 1

    even = number / 6
    # One in a million with five degrees of freedom; the seed is always the same.
    assert sum((counts[id] - even) ** 2 / even for id in range(1, 7)) < 36
    assert counts.keys() <= {*range(1, 7)}


@pytest.mark.parametrize("key", EVEN)
def test_each_image_is_reached_once(home, key):
    made = six_of_twelve(home, key)
    found = []
    for count in (1, 2, 3):
        request, images, block = made.choose(1, key, count)
        made.send(request, images, block)
        found += [image.id for image in images]
        made.start()

    assert sorted(found) == [*range(1, 7)]


def test_the_images_most_like_one_come_first(home):
    rare, common = frozenset({"Beach", "Sea"}), frozenset({"Sea"})
    tags = {1: rare, 2: rare, 3: rare, **dict.fromkeys(range(4, 13), common)}
    made = home([Item(id, tags) for id, tags in tags.items()] + [Item(id) for id in range(13, 20)])
    orders = []
    for chat in CHATS:
        orders.append([])
        for _ in range(11):
            request, images, block = made.choose(chat, "like:1")
            made.send(request, images, block)
            orders[-1] += [image.id for image in images]

    assert all(set(order[:2]) == {2, 3} for order in orders)
    assert all(sorted(order) == [*range(2, 13)] for order in orders)


def test_the_images_most_like_one_are_of_a_disliked_kind(home):
    rare, common = frozenset({"Beach", "Sea"}), frozenset({"Sea"})
    made = home(
        [Item(id, rare) for id in range(1, 14)]
        + [Item(id, common, studio="Small") for id in range(14, 41)]
        + [Item(id) for id in range(41, 121)]
    )
    seen = sent(made, f"tag:{id_of('tag', 'Beach')}", 10)
    for id in seen:
        made.like(1, id, Vote.DISLIKE, id)
    for id in sent(made, f"studio:{id_of('studio', 'Small')}", 10):
        made.like(1, id, Vote.LIKE, id)

    left = {*range(2, 14)} - {*seen}
    assert set(sent(made, "like:1", len(left))) == left


def sent(home, key, times):
    """The ids of so many pictures, one after the other."""
    ids = []
    for _ in range(times):
        request, images, block = home.choose(1, key)
        ids += home.send(request, images, block)
    return ids


def test_the_next_day_has_its_own_pictures(home):
    days = dict.fromkeys((1, 2), "2025-05-05") | dict.fromkeys((3, 4), "2025-05-04")
    made = home([Item(id, date=day) for id, day in days.items()])
    assert set(sent(made, "today", 3)) == {3, 4}

    made.now += 12 * HOUR

    assert set(sent(made, "today", 2)) == {1, 2}


def test_the_day_is_that_of_the_chats_time_zone(home):
    made = home([Item(1, date="2025-05-05"), Item(2, date="2025-05-04")])
    made.store.chats.change(1, "timezone", "Pacific/Kiritimati", made.now)

    assert sent(made, "today", 1) == [1]


def test_a_like_that_is_taken_back_ends_with_the_next_picture(home):
    made = home([Item(id) for id in range(1, 6)])
    sent(made, "all", 5)
    for id in (1, 2, 3):
        made.like(1, id, Vote.LIKE, id)
    sent(made, "liked", 1)
    made.now += MINUTE
    for id in (1, 2):
        made.like(1, id, None, 10 + id)

    assert sent(made, "liked", 3) == [3, 3, 3]


def test_likeness_goes_by_the_present_features(home):
    tags = {1: {"Beach"}, 2: {"Beach"}, 3: {"Sea"}, 4: ()}
    made = home([Item(id, frozenset(names)) for id, names in tags.items()])
    sent(made, "all", 4)

    made.stash.add(Item(1, frozenset({"Sea"})).picture())

    assert sent(made, "like:1", 1) == [3]


def test_an_image_of_an_old_page_that_is_hidden_by_now(home):
    made = home([Item(id) for id in (1, 2, 3)])
    made.choose(1, "all", unseen_only=True)[-1].close()
    made.store.exclusions.add(1, Feature(Facet.GALLERY, id_of("gallery", "Trip")), made.now)

    made.stash.add(*(Item(id, gallery="Trip").picture() for id in (1, 2)))
    made.now += PAGE_FRESH + SECOND

    assert made.choose(1, "all")[1][0].id == 3


@pytest.mark.parametrize("key", ["today", "like:1"])
def test_an_old_list_counts_while_stash_is_away(home, key):
    made = home([Item(id, frozenset({"Beach"}), date="2020-05-04") for id in (1, 2)] + [Item(3)])
    request = ask(made.store, 1, now=made.now)
    known = made.sources.find(request, key).place
    made.now += timedelta(seconds=KNOWN_FOR_S + 1)
    made.stash.server.pause()
    with pytest.raises(StashError):
        made.client.count()

    assert made.sources.find(request, key).place == known


def test_this_day_beside_dates_without_a_day(home):
    made = home(
        [Item(id, date="1990") for id in range(1, FEW_DATES + 1)] + [Item(50, date="2020-05-04")]
    )

    assert sent(made, "today", 1) == [50]
