"""Pictures that lie ready: prepared when the last is out, bounded, and never lost or repeated."""

import sqlite3
import time
from contextlib import closing

import pytest

from stashbot.demo.http import Fault, Response, Trouble
from stashbot.models import Image, Kind, KnownFile, Upload
from stashbot.pictures.prefetch import BYTES, CHATS, FRESH, TOO_OLD, Parcel, Shelf
from tests.conftest import FRIEND, OWNER, at_length, crowd, images_of, library, picture
from tests.whole.program import Abreast, Program, wait_until

NO_NEXT = {"STASHBOT_VOTES_AUTO_NEXT": "false"}


def parcel(id, size=1000, packed_at=0.0):
    return Parcel(Image(id), Upload(Kind.PHOTO, "a.jpg", bytes(size)), packed_at, 0.0, 0.0)


class Desk:
    """A shelf with a clock of its own, and what it has given up."""

    def __init__(self):
        self.now = 0.0
        self.given_up = []
        self.shelf = Shelf(lambda chat, image: self.given_up.append((chat, image.id)), self.clock)

    def clock(self):
        return self.now


@pytest.fixture
def desk():
    return Desk()


def test_each_chat_has_its_own(desk):
    """What is put there for a chat is taken by it, once."""
    desk.shelf.put(1, [parcel(11)])
    desk.shelf.put(2, [parcel(22)])

    assert desk.shelf.take(1, 1) == [parcel(11)]
    assert desk.shelf.take(1, 1) == []
    assert desk.shelf.take(2, 1) == [parcel(22)]
    assert desk.given_up == []


def test_several_of_a_chat(desk):
    """For an album several lie ready; they are taken in their order, and the rest stays."""
    desk.shelf.put(1, [parcel(11), parcel(12)])
    desk.shelf.put(1, [parcel(13)])

    assert desk.shelf.count(1) == 3
    assert desk.shelf.take(1, 2) == [parcel(11), parcel(12)]
    assert desk.shelf.take(1, 2) == [parcel(13)]
    assert desk.shelf.count(1) == 0
    assert desk.given_up == []


def test_so_many_chats(desk):
    """For one chat too many, those that have lain longest are given up."""
    desk.shelf.put(1, [parcel(1), parcel(101)])
    for chat in range(2, CHATS + 2):
        desk.shelf.put(chat, [parcel(chat)])

    assert desk.given_up == [(1, 1), (1, 101)]
    assert desk.shelf.take(1, 1) == []


def test_so_many_bytes(desk):
    """All together keep within 24 MiB; what is larger than that has no place at all."""
    for chat in (1, 2, 3):
        desk.shelf.put(chat, [parcel(chat, BYTES // 2 - 1)])
    desk.shelf.put(4, [parcel(4, BYTES + 1)])
    desk.shelf.put(5, [parcel(51, BYTES // 2), parcel(52, BYTES // 2), parcel(53, 1)])

    assert desk.given_up == [(1, 1), (4, 4), (5, 53), (2, 2), (3, 3)]
    assert desk.shelf.count(5) == 2


def test_known_files_weigh_nothing(desk):
    """A file that Telegram has takes no room."""
    known = Parcel(Image(1), KnownFile(Kind.PHOTO, "x"), 0.0, 0.0, 0.0)

    assert known.size == 0


def test_too_old(desk):
    """After a day it is given up, and not sent."""
    desk.shelf.put(1, [parcel(1), parcel(2, packed_at=10.0)])
    desk.now = TOO_OLD + 5

    assert desk.shelf.take(1, 2) == [parcel(2, packed_at=10.0)]
    assert desk.given_up == [(1, 1)]


def test_too_old_in_another_chat(desk):
    """What is put there for one chat ends what is too old in all."""
    desk.shelf.put(1, [parcel(1)])
    desk.shelf.put(2, [parcel(2), parcel(3, packed_at=10.0)])
    desk.now = TOO_OLD + 5
    desk.shelf.put(4, [parcel(4, packed_at=desk.now)])

    assert desk.given_up == [(1, 1), (2, 2)]
    assert [desk.shelf.count(chat) for chat in (1, 2, 4)] == [0, 1, 1]


def test_single_one_is_taken_away(desk):
    """One of several is taken by who comes first, and the others stay."""
    unwanted = parcel(12)
    desk.shelf.put(1, [parcel(11), unwanted])

    assert desk.shelf.remove(1, unwanted)
    assert not desk.shelf.remove(1, unwanted)
    assert desk.shelf.ready(1) == [parcel(11)]
    assert desk.given_up == []


def test_busy(desk):
    """It is busy while it is full of what was put there just now."""
    for chat in range(CHATS):
        assert not desk.shelf.is_busy
        desk.shelf.put(chat, [parcel(chat)])

    assert desk.shelf.is_busy
    desk.now = FRESH
    assert not desk.shelf.is_busy


def test_busy_with_large_ones(desk):
    """It is busy, too, when half of its bytes were put there just now."""
    desk.shelf.put(1, [parcel(1, BYTES // 2)])
    before = desk.shelf.is_busy
    desk.shelf.put(2, [parcel(2, 1)])

    assert (before, desk.shelf.is_busy) == (False, True)


# In the whole bot


def shelf_of(home):
    return home.app.requests._packer._shelf


def prepared(home, chat=OWNER):
    """Wait until a picture lies ready for a chat."""
    wait_until(lambda: shelf_of(home).count(chat), "a picture lies ready")


def ready_for(home, chat=OWNER):
    """The ids of the images that lie ready for a chat."""
    return [parcel.image.id for parcel in shelf_of(home).ready(chat)]


def files_asked(home):
    return [each.path for each in home.stash.requests if each.kind == "image"]


def test_request_costs_one_upload(house):
    """The next picture comes though Stash has gone: it was fetched and fitted before."""
    home = house(library(9))
    home.ask()
    prepared(home)
    home.stash.server.pause()
    before = len(files_asked(home))

    assert len(home.ask()) == 1
    assert len(files_asked(home)) == before
    home.stash.server.resume()


def test_ready_while_stash_is_known_to_be_away(house):
    """What lies ready is sent at once, also while Stash is away, and says nothing about Stash."""
    home = house(library(9))
    home.ask()
    prepared(home)
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


def test_every_picture_once(house):
    """What is prepared is one of the pictures that are left, and none of them is lost."""
    home = house(library(9))

    came = []
    for _ in range(9):
        came += home.ask()

    assert sorted(came) == list(range(1, 10))


def test_ten_fast_presses(house):
    """➡️ ten times as fast as it can be pressed: ten different pictures, paced, none lost."""
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


def test_given_up_is_free(house):
    """What makes room for another chat's picture is sent later."""
    people = range(2001, 2011)
    home = house(library(4), **crowd(people))
    for user in people:
        home.ask(user=user)
        prepared(home, user)
    for user in people:
        home.ask("/random 3", count=3, user=user)

    for user in people:
        calls = [call for call in home.telegram.calls if call.chat_id == user]
        assert sorted(image for call in calls for image in images_of(call)) == [1, 2, 3, 4]


def test_excluded_while_it_lies_ready(house):
    """An exclusion holds for what lies ready too, and another is prepared."""
    same = {"performers": ("Ann",), "galleries": ()}
    home = house([picture(id, **same) for id in range(1, 9)], **NO_NEXT)
    home.ask()
    prepared(home)
    message = home.received()[-1]
    image = message.buttons[0][0].data.split(":")[2]
    performer = home.app.store.votes.features(int(image))[1].id
    home.stash.add(picture(50, performers=("Ben",), galleries=()))

    home.telegram.press(message, f"exclude:performer:{performer}:{image}", user_id=OWNER)
    wait_until(lambda: ready_for(home) == [50], "another lies ready")

    assert home.ask() == [50]


def test_power_cut_with_pictures_ready(house):
    """A crash with pictures that lie ready leaves no trace of them: all of the library comes."""
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


def test_telegram_fails_with_what_was_ready(house):
    """A picture that could not be sent is not fetched again for the next try."""
    home = house([picture(7)])
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD, seconds=1))

    home.ask()

    assert len(files_asked(home)) == 1


def test_telegram_fails_with_an_album(house):
    """Of an album that could not be sent no picture is fetched again."""
    home = house(library(9))
    home.telegram.server.fail(Fault("sendMediaGroup", Trouble.FLOOD, seconds=1))

    album = home.ask("/random 5", count=5)
    asked = files_asked(home)
    of_album = sorted(f"/image/{id}/image" for id in album)

    assert sorted(path for path in asked if path in of_album) == of_album
    assert len(asked) <= 6  # the next picture may have been prepared by then


def test_prepared_for_the_clock(house):
    """What will soon be due by the clock lies ready, and comes though Stash has gone."""
    home = house(library(9))
    home.app.requests.prepare(OWNER, 3)
    wait_until(lambda: shelf_of(home).count(OWNER) == 3, "three lie ready")
    home.stash.server.pause()

    assert len(set(home.ask("/random 3", count=3))) == 3
    assert len(files_asked(home)) == 3
    home.stash.server.resume()


def test_album_side_by_side(house):
    """The pictures of an album are fetched several at a time."""
    home = house(library(9))
    files = Abreast(home.stash.server, lambda request: request.method == "GET", 0.05)

    home.ask("/random 6", count=6)

    assert files.most == 3


def test_forgotten_files_in_an_album(house):
    """Where Telegram forgets the files of an album, each is uploaded again."""
    home = house(library(5))
    home.ask("/random 5", count=5, user=FRIEND)
    home.telegram.forget_files()

    assert sorted(home.ask("/random 5", count=5)) == [1, 2, 3, 4, 5]


def test_forgotten_file_while_stash_is_away(house):
    """A file_id that Telegram has refused is not offered again while the file cannot be had."""
    home = house(library(2))
    for _ in range(2):
        home.ask(user=FRIEND)
    home.ask()
    prepared(home)
    home.telegram.forget_files()
    home.stash.server.pause()

    home.say("/random")
    home.wait_for_text("Stash cannot be reached")
    home.stash.server.resume()
    home.wait_for_images(4)

    assert [call.status for call in home.telegram.calls].count(400) == 1


def test_forgotten_file_while_stash_hangs(house):
    """Who waits for a file that Telegram has forgotten hears in time that Stash hangs."""
    home = house(library(2))
    for _ in range(2):
        home.ask(user=FRIEND)
    home.telegram.forget_files()
    Slow(home, 6)
    began = time.monotonic()

    home.say("/random")
    home.wait_for_text("Stash has not answered in time")
    seconds = time.monotonic() - began
    home.wait_for_images(3)
    home.wait_for_event("stash_up")

    assert seconds < 5
    assert len(home.events("stash_down")) == 1


def test_second_part_of_a_slow_album_while_stash_hangs(house):
    """Who waits for the rest of an album hears it too, though the first of it was slow to send."""
    home = house([picture(id, data=bytes(23_000_000)) for id in (1, 2, 3)])
    home.telegram.server.fail(Fault("sendDocument", Trouble.SILENCE, seconds=5))
    home.say("/random 3")
    wait_until(lambda: [c for c in home.telegram.calls if c.method == "sendDocument"], "it is sent")
    Slow(home, 4)

    home.wait_for_text("Stash has not answered in time")
    home.wait_for_images(3)
    home.wait_for_event("stash_up")

    assert len(home.events("stash_down")) == 1


def test_refused_for_good(house):
    """A picture that Telegram refuses for a reason of its own stands in nobody's way."""
    home = house(library(4))
    home.ask()
    prepared(home)
    [refused] = shelf_of(home)._parcels[OWNER]
    refuse(home, refused.image.id)

    came = home.ask() + home.ask()
    home.stop()

    assert len(came) == 2
    assert refused.image.id not in came
    [failed] = home.events("photo_failed")
    assert failed["image_id"] == refused.image.id
    assert [each["image_id"] for each in home.events("image_skipped")] == [refused.image.id]


def test_refused_for_good_in_an_album(house):
    """Of an album with such a picture the others come, and one more."""
    home = house(library(6))
    refuse(home, 3)

    came = home.ask("/random 5", count=5)

    assert sorted(came) == [1, 2, 4, 5, 6]


def test_all_is_refused_for_good(house):
    """Where Telegram takes nothing, that is said after a few, and none is left out for it."""
    home = house(library(20))
    home.telegram.server.handle = Refusing(home.telegram.server.handle, "Picture")

    home.say("/random")
    home.wait_for_text("none of them can be sent")
    home.stop()

    assert not home.events("image_skipped")


def refuse(home, image_id):
    """Have Telegram refuse every message with this picture."""
    home.telegram.server.handle = Refusing(home.telegram.server.handle, f"Picture {image_id}<")


class Refusing:
    """Refuses what has these words in it, as Telegram does what it cannot read."""

    def __init__(self, handle, words):
        self.handle, self.words = handle, words.encode()

    def __call__(self, request):
        if "/send" in request.path and self.words in request.body:
            return Response(400, body=REFUSAL)
        return self.handle(request)


REFUSAL = b'{"ok":false,"error_code":400,"description":"Bad Request: can\'t parse entities"}'


def test_albums_leave_a_thread_free(house):
    """However slow the albums of two people are, a third gets what lies ready."""
    people = range(2001, 2004)
    home = house(library(40), **crowd(people))
    for user in people:
        home.ask(user=user)
        prepared(home, user)
    slow = Slow(home, 60)
    for user in people[:2]:
        home.say("/random 10", user=user)
    wait_until(lambda: len(slow.now) >= 2, "files hang")

    home.ask(user=people[2])

    assert not home.events("stash_down")


def test_who_asks_goes_before_what_is_prepared(house):
    """While an album is prepared, who asks waits for the picture at hand at most."""
    home = house(library(40))
    home.ask()
    prepared(home)
    slow = Slow(home, 0.3)
    home.app.requests.prepare(OWNER, 10)
    wait_until(lambda: slow.now, "one is fetched")

    home.ask()
    home.stop()

    assert len(slow.seen) <= 2


def test_ready_while_another_is_prepared(house):
    """What lies ready does not wait for what hangs behind it, and says nothing about Stash."""
    home = house(library(40))
    home.ask()
    prepared(home)
    slow = Slow(home, 30)
    home.app.requests.prepare(OWNER, 3)
    wait_until(lambda: slow.now, "one is fetched")
    began = time.monotonic()

    home.ask()
    seconds = time.monotonic() - began

    assert seconds < 2
    assert not home.events("stash_down")


def test_ready_while_telegram_is_slow(house):
    """Nor is Stash blamed when it is Telegram that keeps what lies ready from going out."""
    home = house(library(40))
    home.ask()
    prepared(home)
    slow = Slow(home, 6)
    home.app.requests.prepare(OWNER, 3)
    wait_until(lambda: slow.now, "one is fetched")
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD, seconds=5))

    home.ask()
    home.stop()

    assert not home.events("stash_down")


def test_last_one_is_being_prepared(house):
    """Nothing comes again while the last new picture is just being prepared."""
    home = house(library(3))
    first = home.ask()
    prepared(home)
    slow = Slow(home, 0.5)
    home.app.requests.prepare(OWNER, 2)
    wait_until(lambda: slow.now, "the last one is fetched")

    assert sorted(first + home.ask("/random 2", count=2)) == [1, 2, 3]


class Slow:
    """Lets each file take so many seconds; which are under way, and which have been."""

    def __init__(self, home, seconds):
        self.handle, self.server, self.seconds = (
            home.stash.server.handle,
            home.stash.server,
            seconds,
        )
        self.now, self.seen = [], []
        home.stash.server.handle = self

    def __call__(self, request):
        if request.method == "GET":
            self.now.append(request)
            self.seen.append(request)
            self.server.stopping.wait(self.seconds)
            self.now.remove(request)
        return self.handle(request)


def test_slow_picture_ahead(house):
    """
    Who asks while the next picture is being prepared, and Stash hangs, hears of it in time,
    and the log of its end.
    """
    home = house(library(9))
    home.stash.server.handle = Late(home.stash.server.handle, home.stash.server, 6)
    home.ask()
    wait_until(lambda: home.app.requests._packer._preparing, "it is being prepared")
    began = time.monotonic()
    home.say("/random")
    home.wait_for_text("Stash has not answered in time")
    seconds = time.monotonic() - began
    home.wait_for_images(2)
    home.wait_for_event("stash_up")

    assert seconds < 5
    assert len(home.events("stash_down")) == 1


def test_nobody_was_asked(house):
    """Pictures that need nothing of Stash say nothing about it."""
    home = house(library(12), **NO_NEXT)
    home.ask(user=FRIEND)
    for _ in range(12):
        home.ask()
    prepared(home, FRIEND)
    home.stash.server.pause()
    home.say("/random")
    home.wait_for_event("stash_down")

    home.ask("/random 3", count=3, user=FRIEND)

    assert not home.events("stash_up")
    home.stash.server.resume()


def test_end_of_the_program_is_no_outage(house):
    """What the end cuts short is not logged as if Stash were away."""
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


def test_one_connection_for_one_person(house):
    """Who asks for one picture after the other is served on the same connection to Telegram."""
    home = house(library(30))
    home.ask()
    prepared(home)
    opened, track = [], home.telegram.server.track
    home.telegram.server.track = lambda connection, is_open: (
        opened.append(connection) if is_open else None,
        track(connection, is_open=is_open),
    )
    for _ in range(10):
        home.ask()
        prepared(home)

    assert len(opened) <= 2


class Late:
    """Lets the second file come late."""

    def __init__(self, handle, server, seconds):
        self.handle, self.server, self.seconds, self.files = handle, server, seconds, 0

    def __call__(self, request):
        if request.method == "GET":
            self.files += 1
            if self.files == 2:
                self.server.stopping.wait(self.seconds)
        return self.handle(request)


def test_others_do_not_see_it(house):
    """What lies ready for one chat may come to another."""
    home = house([picture(1), picture(2)])
    home.ask()
    prepared(home)

    assert sorted(home.ask("/random 2", count=2, user=FRIEND)) == [1, 2]
