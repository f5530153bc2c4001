"""The candidates, in situations that the whole bot does not reach."""

import random
import re
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from stashbot.errors import NothingReason, NothingToSend
from stashbot.models import LIBRARY, Facet, Feature, Place, Source, SourceKind
from stashbot.pictures.candidates import MOST_OLDER, Candidates
from stashbot.pictures.walk import NEW_FRESH, PAGE_FRESH, RECHECK
from stashbot.rules.selection import PAGE
from stashbot.schedule.runner import Scheduler
from stashbot.stash.client import StashClient
from stashbot.store.store import Store
from tests.conftest import at_length, picture, utc
from tests.standins.stash import StashStandIn
from tests.store.stored import arrive, ask

CHAT, OTHER = 1, 2
AVOID, HOUR, EVER = timedelta(days=30), timedelta(hours=1), utc("2000-01-01")


class Table:
    """Candidates over a library of tiny pictures, with a clock that is set by hand."""

    def __init__(self, folder, count, avoid=AVOID):
        self.store = Store(folder / "stashbot.db")
        self.store._db.run("PRAGMA synchronous = OFF")  # no power cut here, but less waiting
        self.stash = StashStandIn([])
        self.add(*range(1, count + 1))
        self.client = StashClient(self.stash.url, "", threading.Event())
        self.avoid = avoid
        self.now = utc("2026-05-04 12:00")
        self.restart()

    def restart(self):
        """What was in memory is gone, and what was being sent is in doubt."""
        self.store.recover(self.now)
        self.blocks = {}
        self.candidates = Candidates(
            store=self.store,
            stash=self.client,
            avoid=self.avoid,
            random=random.Random(1),
            now=self.tick,
        )

    def draw(self, chat=CHAT):
        """Choose an image, which is claimed until it is released."""
        with ExitStack() as block:
            [image] = block.enter_context(self.candidates.choose(chat))
            self.blocks[chat, image.id] = block.pop_all()
        return image

    def release(self, image, chat=CHAT):
        self.blocks.pop((chat, image.id)).close()

    def tick(self):
        self.now += timedelta(microseconds=1)
        return self.now

    def add(self, *ids):
        self.stash.add(*(picture(id, data=b"tiny") for id in ids))

    def send(self, image, chat=CHAT):
        self.remember([image], chat)
        self.release(image, chat)
        return image.id

    def leave_out(self, image, chat=CHAT):
        self.store.skip_image(image.id, "odd", self.now + timedelta(days=1))
        self.release(image, chat)

    def send_next(self, chat=CHAT):
        return self.send(self.draw(chat), chat)

    def remember(self, images, chat=CHAT):
        request = ask(self.store, chat, count=len(images), now=self.now)
        rows = self.store.begin(request, images, self.tick()).values()
        arrive(self.store, rows, images, self.tick())

    def close(self):
        self.client.close_thread()
        self.store.close()
        self.stash.close()


@pytest.fixture
def table(tmp_path):
    tables = []

    def lay(count, avoid=AVOID):
        tables.append(Table(tmp_path, count, avoid))
        return tables[-1]

    yield lay
    for each in tables:
        each.close()


@pytest.mark.parametrize("size", [1, 39, 40, 41, 80, *at_length([999, 1000, 1001], [])])
def test_last_unseen_image(table, size):
    home = table(size)
    home.remember(home.client.page(5, 0, size)[: size - 1])
    last = home.client.page(5, 0, size)[-1].id

    assert home.send_next() == last
    assert home.draw().id in range(1, size + 1)


@pytest.mark.parametrize("size", [2, 40, 41, *at_length([81], [])])
def test_rounds(table, size):
    home = table(size)

    images = []
    for _ in range(2 * size):
        home.now += timedelta(seconds=1)
        images.append(home.send_next())

    assert sorted(images[:size]) == list(range(1, size + 1))
    assert images[size:] == images[:size]


def change(stash, alter):
    """Alter the body of each question to Stash, or of each answer, before it is read."""
    handle = stash.server.handle

    def altered(request):
        question, answer = alter
        plain = request.headers | {"accept-encoding": "identity"}
        response = handle(replace(request, headers=plain, body=question(request.body)))
        return replace(response, body=answer(response.body))

    stash.server.handle = altered


def without_page(body):
    return re.sub(rb'"page": ?\d+', b'"page": 1', body)


def with_unreadable_seven(body):
    return re.sub(rb'"id": ?"7", ?"title"', b'"id": "0", "title"', body)


@pytest.mark.parametrize("size", [100, at_length(2500, 1000)])
def test_stash_that_ignores_the_page_asked_for(table, size):
    home = table(size)
    change(home.stash, (without_page, bytes))
    home.remember(home.client.page(5, 0, size)[: size - 20])

    images = [home.send_next() for _ in range(25)]

    assert len({*images}) >= 20


def test_image_that_cannot_be_read(table):
    """It is never on a page, and the search finds its id."""
    home = table(8)
    change(home.stash, (bytes, with_unreadable_seven))

    images = [home.send_next() for _ in range(16)]

    assert sorted(images[:7]) == [1, 2, 3, 4, 5, 6, 8]
    assert 7 not in images


def test_chat_that_hides_the_last_image_during_a_search(table):
    """The image is not left out for other chats."""
    home = table(100)
    *seen, last = home.client.page(5, 0, 100)
    home.remember(seen)

    def hide(body):
        if b"ImagesById" in body:
            home.store.exclusions.add(CHAT, last.itself, home.now)
        return body

    change(home.stash, (hide, bytes))
    home.draw()

    assert home.store.exclusions.of(CHAT)
    assert home.store._db.run("SELECT image_id FROM skipped_images") == []


def test_new_image_that_was_excluded_for_a_while(table):
    home = table(3)
    for _ in range(4):
        home.send_next()
    home.store.exclusions.add(CHAT, Feature(Facet.IMAGE, 4), home.now)
    home.add(4)
    repeats = [home.send_next() for _ in range(2)]

    home.store.exclusions.remove(CHAT, Feature(Facet.IMAGE, 4))

    assert 4 not in repeats
    assert home.send_next() == 4


def test_many_new_images_at_once(table):
    home = table(3)
    for _ in range(4):
        home.send_next()

    home.add(*range(10, 110))
    images = [home.send_next() for _ in range(100)]

    assert sorted(images) == list(range(10, 110))
    assert home.send_next() in {1, 2, 3}


@pytest.mark.parametrize("is_restarted", [False, True], ids=["released", "restart"])
def test_image_given_back_when_all_else_was_seen(table, is_restarted):
    home = table(3)
    home.send_next()
    home.send_next()
    unseen = home.draw()
    home.send_next()

    if is_restarted:
        home.restart()
    else:
        home.release(unseen)

    assert home.send_next() == unseen.id


def test_new_images_cover_one_that_was_given_back(table):
    home = table(2)
    home.send_next()
    unseen = home.draw()
    home.send_next()
    home.add(7)
    new = home.draw()

    home.release(unseen)
    home.send(new)

    assert new.id == 7
    assert home.send_next() == unseen.id


@pytest.mark.parametrize("is_seen", [False, True], ids=["unseen", "seen"])
def test_library_that_was_emptied(table, is_seen):
    home = table(2)
    for _ in range(3 * is_seen):
        home.send_next()
    home.stash.remove(1, 2)

    if is_seen:  # the other one is still in hand
        home.leave_out(home.draw())
    with pytest.raises(NothingToSend) as caught:
        home.draw()
    home.add(9)

    assert caught.value.reason is NothingReason.EMPTY
    assert home.send_next() == 9


def test_everything_is_left_out(table):
    home = table(2)
    for id in (1, 2):
        home.store.skip_image(id, "too large", home.now + HOUR)

    with pytest.raises(NothingToSend) as caught:
        home.draw()

    assert caught.value.reason is NothingReason.UNUSABLE
    home.now += HOUR + RECHECK
    assert home.send_next() in {1, 2}


def test_image_that_was_left_out_comes_back(table):
    home = table(20)
    home.store.skip_image(20, "the file is gone", home.now + HOUR)
    assert 20 not in [home.send_next() for _ in range(25)]

    home.now += RECHECK

    assert home.send_next() == 20


def test_images_as_good_as_new(table):
    """An image that was shown before the days to avoid counts as unseen."""
    home = table(50)
    old = [home.send_next() for _ in range(25)]
    home.now += AVOID
    [home.send_next() for _ in range(25)]

    home.now += HOUR

    assert sorted(home.send_next() for _ in range(25)) == sorted(old)


@pytest.mark.parametrize("size", [1, 3, 41])
def test_nothing_to_avoid(table, size):
    home = table(size, avoid=timedelta())

    for _ in range(3):
        assert len({home.send_next() for _ in range(size)}) == size


def test_clock_that_was_put_back(table):
    """A history that lies in the future is no reason to send nothing, or to ask for ever."""
    home = table(3)
    home.remember(home.client.page(1, 0, 3))

    home.now -= 5 * HOUR

    assert {home.send_next() for _ in range(3)} == {1, 2, 3}


def test_history_that_is_kept_no_longer_than_avoided(table):
    home = table(50, avoid=timedelta(days=1))
    scheduler = Scheduler(
        store=home.store,
        schedules=None,
        requests=None,
        wake=threading.Event(),
        keep_days=1,
        now=lambda: home.now,
    )
    for _ in range(50):
        home.send_next()
    home.now += 8 * HOUR
    again = home.send_next()

    home.now += 17 * HOUR
    scheduler.prune()

    assert {home.send_next() for _ in range(49)} == set(range(1, 51)) - {again}


def test_album_of_several_images_at_once(table):
    home = table(12)
    for _ in range(7):
        home.send_next()
    with home.candidates.choose(CHAT, 10) as images:
        ids = [image.id for image in images]
        home.remember(images)

    assert len(set(ids)) == 10
    assert len({home.send_next() for _ in range(2)} | set(ids)) == 12


def test_images_to_pass_over_are_not_chosen(table):
    home = table(5)

    with home.candidates.choose(CHAT, 9, without=[1, 2]) as images:
        assert {image.id for image in images} == {3, 4, 5}


def test_image_from_an_old_page_has_the_present_words(table):
    home = table(30)
    home.send_next()
    home.stash.add(*(picture(id, data=b"tiny", title=f"New {id}") for id in range(1, 31)))
    fresh = home.draw()
    home.now += PAGE_FRESH

    assert fresh.title.startswith("Picture")
    assert home.draw().title.startswith("New")


def test_image_from_an_old_page_that_is_gone_is_passed_over(table):
    home = table(30)
    home.send_next()
    home.now += PAGE_FRESH
    home.stash.remove(*range(1, 30))

    assert home.draw().id == 30


NEW = Place(Source(SourceKind.NEW), {"created_at": {"value": "2000", "modifier": "GREATER_THAN"}})


def send_from(home, place):
    with home.candidates.choose(CHAT, place=place) as [image]:
        home.remember([image], CHAT)
    return image.id


def test_new_images_cost_one_question_a_page(table):
    home = table(3 * PAGE)
    home.client.count()
    home.stash.clear()
    sent = {send_from(home, NEW) for _ in range(3 * PAGE)}

    assert len(sent) == 3 * PAGE
    assert [each.operation for each in home.stash.requests] == 3 * ["Page"]


def test_newer_image_comes_first_after_a_while(table):
    home = table(10)
    send_from(home, NEW)
    home.stash.add(picture(11, data=b"tiny", created=home.now + timedelta(seconds=1)))
    assert send_from(home, NEW) != 11
    home.now += NEW_FRESH + timedelta(seconds=1)
    assert send_from(home, NEW) == 11
    home.stash.clear()
    home.now += NEW_FRESH + timedelta(seconds=1)
    assert send_from(home, NEW) < 11

    assert [each.operation for each in home.stash.requests] == ["NewestArrival"]


@pytest.mark.parametrize(("others", "pages"), [(MOST_OLDER, 0), (MOST_OLDER + 1, 1)])
def test_pages_of_older_sources_are_bounded_over_all_chats(table, others, pages):
    home = table(PAGE)
    home.send_next()
    send_from(home, Place(Source(SourceKind.TAG, 1)))
    for chat in range(3, 2 + others):
        for place in (LIBRARY, NEW):
            with home.candidates.choose(chat, place=place):
                pass
    home.stash.clear()
    home.send_next()

    assert [each.operation for each in home.stash.requests] == pages * ["Page"]


class Model:
    """What may come, worked out from all that has happened."""

    def __init__(self, home, seed):
        self.home, self.chance = home, random.Random(seed)
        self.library = set(home.client.ids(1, 0, 1000))
        self.out = {CHAT: [], OTHER: []}
        self.seen = {CHAT: {}, OTHER: {}}
        self.left_out = {}
        self.next_id = 1000

    def is_unseen(self, id, chat):
        return self.home.now - self.seen[chat].get(id, EVER) > AVOID

    def unseen(self, chat):
        busy = {image.id for image in self.out[chat]}
        return {
            id
            for id in self.library - busy
            if self.is_unseen(id, chat) and self.home.now > self.left_out.get(id, EVER) + RECHECK
        }

    def draw(self, chat):
        expected = self.unseen(chat)
        try:
            image = self.home.draw(chat)
        except NothingToSend as error:
            nothing = error
        else:
            self.out[chat].append(image)
            assert not expected or self.is_unseen(image.id, chat)
            return
        assert not expected
        assert (nothing.reason is NothingReason.EMPTY) <= (not self.library)

    def finish(self, chat):
        image = self.out[chat].pop(self.chance.randrange(len(self.out[chat])))
        match self.chance.choice("sssssgx"):
            case "s":
                self.seen[chat][self.home.send(image, chat)] = self.home.now
            case "g":
                self.home.release(image, chat)
            case "x":
                self.left_out[image.id] = self.home.now + RECHECK
                self.home.leave_out(image, chat)

    def change_library(self):
        gone = set(self.chance.sample(sorted(self.library), len(self.library) // 3))
        new = set(range(self.next_id, self.next_id + self.chance.choice([1, 3, 60])))
        self.next_id += 100
        self.home.stash.remove(*gone)
        self.home.add(*new)
        self.library = self.library - gone | new

    def restart(self):
        self.home.restart()
        self.out = {CHAT: [], OTHER: []}


@pytest.mark.parametrize("seed", range(at_length(6, 2)))
def test_anything_may_happen(table, seed):
    """Whatever happens, a chat gets nothing again while something unseen is left."""
    home = table([1, 5, 38, 45][seed % 4])
    model = Model(home, seed)

    for step in range(1, at_length(201, 121)):
        chat = model.chance.choice([CHAT, CHAT, OTHER])
        home.now += model.chance.choice([timedelta(seconds=1), HOUR, 9 * HOUR])
        if step % 30 == 0:
            model.change_library()
        if step % 40 == 0:
            model.restart()
        if model.out[chat] and model.chance.random() < 0.6:
            model.finish(chat)
        else:
            model.draw(chat)

    assert len(model.seen[CHAT]) > len(model.seen[OTHER])
