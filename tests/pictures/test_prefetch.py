"""Pictures that lie ready: prepared when the last is out, bounded, never lost or repeated."""

import sqlite3
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from stashbot.demo.http import Response
from stashbot.models import Image, Kind, KnownFile, Upload
from stashbot.pictures.prefetch import FRESH_S, MOST_BYTES, MOST_CHATS, Prefetched, Prepared
from tests.conftest import FRIEND, OWNER, at_length, crowd, images_of, library, picture
from tests.standins.http import Fault, Trouble
from tests.whole.program import Abreast, Program, wait_until

NO_NEXT = {"STASHBOT_VOTES_AUTO_NEXT": "false"}


def prepared_picture(id, size=1000):
    file = Upload(Kind.PHOTO, "a.jpg", Path("a.jpg"), size)
    return Prepared(Image(id), file, 0.0, 0.0, 0.0)


class Desk:
    """Prefetched pictures with a clock of their own; `released` are the claims that ended."""

    def __init__(self):
        self.now = 0.0
        self.released = []
        self.prefetched = Prefetched(lambda: self.now)

    def put(self, chat, id, size=1000):
        claim = ExitStack()
        claim.callback(self.released.append, id)
        self.prefetched.put(chat, prepared_picture(id, size), claim)

    def take(self, chat):
        taken = self.prefetched.take(chat)
        if taken is None:
            return None
        prepared, claim = taken
        assert prepared.image.id not in self.released
        claim.close()
        return prepared.image.id


@pytest.fixture
def desk():
    return Desk()


def test_a_picture_is_taken_by_its_chat_once(desk):
    desk.put(1, 11)
    desk.put(2, 22)

    assert (desk.take(1), desk.take(1), desk.take(2)) == (11, None, 22)
    assert desk.released == [11, 22]


def test_a_new_picture_replaces_the_last_one_of_a_chat(desk):
    desk.put(1, 11)
    desk.put(1, 12)

    assert desk.released == [11]
    assert desk.take(1) == 12


def test_one_chat_too_many_drops_the_oldest_picture(desk):
    for chat in range(MOST_CHATS):
        assert not desk.prefetched.is_full
        desk.put(chat, chat)
    assert desk.prefetched.is_full
    desk.put(MOST_CHATS, MOST_CHATS)

    assert desk.released == [0]
    assert not desk.prefetched.has(0)


def test_too_many_bytes_drop_the_oldest_pictures(desk):
    for chat in (1, 2, 3):
        desk.put(chat, chat, MOST_BYTES // 2 - 1)
    desk.put(4, 4, MOST_BYTES + 1)

    assert sorted(desk.released) == [1, 2, 3, 4]


def test_documents_count_among_the_bytes(desk):
    document = Upload(Kind.DOCUMENT, "a.jpg", Path("a.jpg"), MOST_BYTES)
    desk.prefetched.put(1, replace(prepared_picture(1), document=document), ExitStack())

    assert not desk.prefetched.has(1)


def test_a_file_that_telegram_knows_has_no_bytes():
    known = Prepared(Image(1), KnownFile(Kind.PHOTO, "x"), 0.0, 0.0, 0.0)

    assert known.size == 0


def test_a_picture_is_prepared_anew_after_an_hour(desk):
    desk.put(1, 1)
    desk.now = FRESH_S

    assert desk.take(1) is None
    assert desk.released == [1]


# In the whole bot


def prefetched_of(home):
    return home.app.requests._preparation._prefetched


def is_ready(home, chat=OWNER):
    """Wait until a picture lies ready for a chat."""
    wait_until(lambda: prefetched_of(home).has(chat), "a picture lies ready")


def ready_for(home, chat=OWNER):
    """The id of the image that lies ready for a chat."""
    found = prefetched_of(home)._ready.get(chat)
    return found and found[0].image.id


def files_asked(home):
    return [each.path for each in home.stash.requests if each.kind == "image"]


def test_the_next_picture_comes_without_stash(house):
    home = house(library(9))
    home.ask()
    is_ready(home)
    home.stash.server.pause()
    before = len(files_asked(home))

    assert len(home.ask()) == 1
    assert len(files_asked(home)) == before
    home.stash.server.resume()


def test_a_ready_picture_comes_while_stash_is_known_to_be_away(house):
    home = house(library(9))
    home.ask()
    is_ready(home)
    home.stash.server.pause()
    home.say("/random", user=FRIEND)
    home.wait_for_event("stash_down")

    home.say("/random")
    home.wait_for_images(2)

    assert not home.events("stash_up")
    home.stash.server.resume()
    home.wait_for_images(3)
    home.stop()
    assert len(home.events("stash_down")) == len(home.events("stash_up")) == 1


def test_every_picture_comes_once(house):
    home = house(library(9))

    came = [image for _ in range(9) for image in home.ask()]

    assert sorted(came) == list(range(1, 10))


def test_ten_fast_presses_bring_ten_pictures_at_real_pacing(house):
    home = house(library(60), is_paced=True)
    [first] = home.ask()
    message = home.received()[-1]

    presses = at_length(10, 6)
    for _ in range(presses):
        home.telegram.press(message, "next", user_id=OWNER)
    came = home.wait_for_images(presses + 1)
    home.stop()

    assert len(set(came)) == len(came) == presses + 1
    assert first in came
    assert not [call for call in home.telegram.calls if call.status == 429]
    times = [call.time for call in home.telegram.calls if images_of(call)]
    assert all(later - sooner >= 3 for sooner, later in zip(times, times[3:], strict=False))


def test_a_dropped_picture_comes_later(house):
    people = range(2001, 2011)
    home = house(library(4), **crowd(people))
    for user in people:
        home.ask(user=user)
        is_ready(home, user)
    for user in people:
        home.ask("/random 3", count=3, user=user)

    for user in people:
        calls = [call for call in home.telegram.calls if call.chat_id == user]
        assert sorted(image for call in calls for image in images_of(call)) == [1, 2, 3, 4]


def test_an_excluded_picture_that_lies_ready_is_replaced(house):
    same = {"performers": ("Ann",), "galleries": ()}
    home = house([picture(id, **same) for id in range(1, 9)], **NO_NEXT)
    home.ask()
    is_ready(home)
    message = home.received()[-1]
    image = message.buttons[0][0].data.split(":")[2]
    performer = home.app.store.votes.features(int(image))[1].id
    home.stash.add(picture(50, performers=("Ben",), galleries=()))

    home.telegram.press(message, f"exclude:performer:{performer}:{image}", user_id=OWNER)
    wait_until(lambda: ready_for(home) == 50, "another lies ready")

    assert home.ask() == [50]


def test_a_crash_loses_no_picture_that_lay_ready(house):
    home = house(library(7), start=False)
    for _ in range(3):
        with Program(environ=home.environ) as bot:
            home.ask()
            home.ask()
            bot.wait_for_event("photo_sent", 2)
            bot.kill()
    with Program(environ=home.environ):
        home.ask()

    assert sorted(home.sent_images()) == list(range(1, 8))
    with closing(sqlite3.connect(home.settings.database)) as connection:
        assert connection.execute("SELECT count(*) FROM sent_photos").fetchone() == (7,)


@pytest.mark.parametrize(
    ("method", "text", "count"), [("sendPhoto", "/random", 1), ("sendMediaGroup", "/random 5", 5)]
)
def test_a_picture_that_waits_for_telegram_is_not_fetched_again(house, method, text, count):
    home = house(library(count))
    home.telegram.server.fail(Fault(method, Trouble.FLOOD, seconds=1))

    home.ask(text, count=count)

    assert len(files_asked(home)) == count


def test_pictures_of_an_album_are_fetched_side_by_side(house):
    home = house(library(9))
    files = Abreast(home.stash.server, lambda request: request.method == "GET", 0.05)

    home.ask("/random 6", count=6)

    assert files.most == 3


def test_files_that_telegram_has_forgotten_are_uploaded_again(house):
    home = house(library(5))
    home.ask("/random 5", count=5, user=FRIEND)
    home.telegram.forget_files()

    assert sorted(home.ask("/random 5", count=5)) == [1, 2, 3, 4, 5]


def test_a_forgotten_file_is_not_offered_again_while_stash_is_away(house):
    home = house(library(2))
    for _ in range(2):
        home.ask(user=FRIEND)
    home.ask()
    is_ready(home)
    home.telegram.forget_files()
    home.stash.server.pause()

    home.say("/random")
    home.wait_for_text("Stash cannot be reached")
    home.stash.server.resume()
    home.wait_for_images(4)

    refused = [call.params["photo"] for call in home.telegram.calls if call.status == 400]
    assert refused
    assert len(set(refused)) == len(refused)


class SlowFiles:
    """Lets each file take so many seconds; `now` are the requests under way."""

    def __init__(self, home, seconds):
        self.handle, self.server, self.seconds = (
            home.stash.server.handle,
            home.stash.server,
            seconds,
        )
        self.now = []
        home.stash.server.handle = self

    def __call__(self, request):
        if request.method == "GET":
            self.now.append(request)
            self.server.stopping.wait(self.seconds)
            self.now.remove(request)
        return self.handle(request)


def test_ready_pictures_do_not_queue_behind_requests_that_wait_for_stash(house):
    people = range(2001, 2009)
    home = house(library(40), **crowd(people))
    home.ask(user=people[7])
    is_ready(home, people[7])
    slow = SlowFiles(home, 60)
    for user in people[:7]:
        home.say("/random 10" if user % 2 else "/random", user=user)
    wait_until(lambda: len(slow.now) >= 4, "files hang")
    began = time.monotonic()

    home.ask(user=people[7])

    assert time.monotonic() - began < 2
    assert not home.events("stash_down")


def test_a_request_takes_the_picture_that_is_being_prefetched(house):
    home = house(library(9))
    slow = SlowFiles(home, 0.5)
    home.ask()
    wait_until(lambda: slow.now, "the next one is fetched")
    before = len(files_asked(home))

    home.ask()

    assert len(files_asked(home)) <= before + 2


def test_the_last_new_picture_comes_though_it_is_being_prefetched(house):
    home = house(library(3))
    first = home.ask()
    is_ready(home)

    assert sorted(first + home.ask("/random 2", count=2)) == [1, 2, 3]


def test_the_end_of_the_program_is_no_outage(house):
    home = house(library(9))
    home.stash.server.handle = Dribbling(home.stash.server)
    home.say("/random")
    wait_until(lambda: home.stash.server.handle.pieces > 2, "it comes piece by piece")
    home.stop()

    assert not home.events("stash_down")


class Dribbling:
    """Lets each file come a byte at a time."""

    def __init__(self, server):
        self.handle, self.server, self.pieces = server.handle, server, 0

    def __call__(self, request):
        if request.method == "GET":
            return Response(200, "image/jpeg", self.bytes())
        return self.handle(request)

    def bytes(self):
        while not self.server.stopping.wait(0.02):
            self.pieces += 1
            yield b"x"


def test_one_chat_is_served_on_one_connection(house):
    home = house(library(30))
    home.ask()
    is_ready(home)
    opened, track = [], home.telegram.server.track
    home.telegram.server.track = lambda connection, is_open: (
        opened.append(connection) if is_open else None,
        track(connection, is_open=is_open),
    )
    for _ in range(10):
        home.ask()
        is_ready(home)

    assert len(opened) <= 3


def test_a_picture_that_is_ready_for_one_chat_may_come_to_another(house):
    home = house([picture(1), picture(2)])
    home.ask()
    is_ready(home)

    assert sorted(home.ask("/random 2", count=2, user=FRIEND)) == [1, 2]
