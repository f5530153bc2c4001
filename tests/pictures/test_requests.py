"""What a request meets on its way: refusals, a database in trouble, a chat that moves."""

import json
import sqlite3
import time
from contextlib import ExitStack, closing, nullcontext

import pytest

from stashbot.demo.http import Fault, Response, Trouble
from stashbot.errors import NoRoom, StashError, StashProblem, TelegramError
from stashbot.models import Priority
from stashbot.pictures.memory_limit import HEAVY, LARGE, UNKNOWN, Freight, Load
from stashbot.pictures.preparation import Delivery
from stashbot.pictures.requests import STASH_LIMIT, _Job
from tests.conftest import FRIEND, GROUP, OWNER, crowd, images_of, library, picture
from tests.pictures.awkward import awkward
from tests.store.stored import ask
from tests.whole.program import Abreast

SUPERGROUP = -100_500


def not_decodable():
    """A JPEG that is whole by its looks, and that Telegram cannot process."""
    data = bytearray(awkward("jpeg"))
    start = data.index(b"\xff\xc4")  # the tables, without which nothing can be decoded
    data[start + 4 : start + 40] = bytes(36)
    return bytes(data)


def locked(home):
    """A connection that keeps everybody else from writing until it is closed."""
    connection = sqlite3.connect(home.settings.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return closing(connection)


def test_album_with_a_picture_that_telegram_refuses(house):
    """The others of a refused album come one by one, and the refused one as a document."""
    home = house([picture(1), picture(2), picture(3, data=not_decodable())])

    images = home.ask("/random 3", count=3)

    sent = [call for call in home.telegram.calls if images_of(call)]
    assert sorted(images) == [1, 2, 3]
    assert {call.method for call in sent if images_of(call) != [3]} == {"sendPhoto"}
    assert [call.method for call in sent if images_of(call) == [3]] == ["sendDocument"]


def test_database_that_cannot_be_written_before_the_upload(house):
    """
    Without a claim nothing is sent, later neither; the user hears of it, and the next
    request is served.
    """
    home = house(library(3))
    home.stash.server.delay = 0.5
    home.say("/random")
    while home.telegram.pending():  # until the request is accepted
        time.sleep(0.01)
    with locked(home):
        text = home.wait_for_text("I cannot answer right now")

    home.stash.server.delay = 0
    until(lambda: not home.app.store.waiting_requests())

    assert "database" in text
    assert not home.sent_images()
    assert len(home.ask()) == 1
    assert "is locked" in home.events("store_failed")[0]["error"]


def test_group_that_moves_while_its_picture_is_fetched(house):
    """A picture asked for in a group arrives in the supergroup that it has become."""
    home = house(library(3), start=False)
    home.telegram.add_group(GROUP, "Friends", [OWNER])
    home.start()
    home.stash.server.delay = 0.3

    home.say("/random", chat=GROUP)
    home.telegram.upgrade_group(GROUP, SUPERGROUP)
    home.wait_for_images(1)
    home.ask(chat=SUPERGROUP)

    chats = [call.chat_id for call in home.telegram.calls if images_of(call)]
    assert chats == [SUPERGROUP, SUPERGROUP]


def test_group_in_which_the_bot_may_not_send(house):
    """A chat that is closed to the bot costs one try there, and no image of the library."""
    home = house(library(3))
    home.telegram.server.flood = lambda _: refused("not enough rights to send photos to the chat")
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD))

    home.say("/random")
    home.wait_for_event("photo_failed")

    assert not home.app.store.is_gone(OWNER)
    assert not home.events("image_skipped")


def refused(description):
    answer = {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}
    return Response(400, body=json.dumps(answer).encode())


def until(is_so, timeout=10):
    deadline = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_refused_picture_is_not_made_up_for_with_a_repeat(house):
    """An album brings no picture twice, also where Telegram takes one in no form at all."""
    home = house([picture(1), picture(2), picture(3, data=not_decodable())])
    home.telegram.server.flood = lambda _: refused("wrong type of the document")
    home.telegram.server.fail(Fault("sendDocument", Trouble.FLOOD))

    home.say("/random 3")
    home.wait_for_event("image_skipped")
    until(lambda: not home.app.store.waiting_requests())

    assert sorted(home.sent_images()) == [1, 2]


@pytest.mark.parametrize(("size", "at_once"), [(22_000_000, 2), (44_000_000, 1)])
def test_album_of_large_files(house, size, at_once):
    """Files that would not fit into one album are not fetched before the others are sent."""
    home = house([picture(number, data=bytes(size)) for number in (1, 2, 3)])
    fetched = []
    home.telegram.server.flood = lambda _: fetched.append(files_of(home)) or refused("file")
    home.telegram.server.fail(Fault("sendDocument", Trouble.FLOOD))

    home.say("/random 3")
    home.wait_for_images(2)
    until(lambda: not len(home.app.requests))

    assert fetched == [at_once]
    assert len(set(home.sent_images())) == len(home.sent_images())


def test_large_files_for_many(house):
    """However many people want large files, few are in memory at once, and all arrive."""
    people = range(2001, 2007)
    clips = [picture(number, data=bytes(11_000_000)) for number in (1, 2, 3)]
    home = house(clips, **crowd(people))
    uploads = Abreast(home.telegram.server, lambda request: len(request.body) > LARGE, 0.2)

    for user in people:
        home.say("/random 2", user=user)
    home.wait_for_images(12)

    assert uploads.most == 2


def test_large_originals_come_two_at_a_time(house):
    """Of an album's large originals two are in memory at once, as they are fitted one by one."""
    home = house([picture(number, data=bytes(HEAVY + 1)) for number in range(1, 5)])
    files = Abreast(home.stash.server, lambda request: request.method == "GET", 0.1)

    home.ask("/random 4", count=4)

    assert files.most == 2


def test_large_originals_that_never_come(freight):
    """Where Stash hangs, one more waits for a second, and a small one not at all."""
    heavy = HEAVY + 1
    began = time.monotonic()
    with ExitStack() as held:
        for size, priority in (
            (heavy, Priority.BACKGROUND),
            (heavy, Priority.USER),
            (HEAVY, Priority.USER),
        ):
            held.enter_context(freight.fitting(size, priority))
        held.enter_context(freight.fitting(heavy, Priority.SCHEDULE))
        soon = time.monotonic() - began
        held.enter_context(freight.fitting(heavy, Priority.USER))
        late = time.monotonic() - began

    assert soon < 0.5 < late < 2


def test_one_large_file_after_another(house):
    """Each makes room when it is out."""
    home = house([picture(number, data=bytes(11_000_000)) for number in range(1, 6)])

    came = [home.ask()[0] for _ in range(5)]

    assert sorted(came) == [1, 2, 3, 4, 5]


def test_no_room_is_no_outage(house):
    """That large files have to wait for others is not taken for a Stash that is away."""
    home = house([picture(1, data=bytes(11_000_000))], **crowd([FRIEND]))
    freight, loads = home.app.requests._packer._freight, []
    for _ in range(2):
        loads.append(Load(Priority.USER))
        freight.add(loads[-1], LARGE + 1)
    home.app.requests._stash.down(StashError(StashProblem.SLOW, "no answer"))

    home.say("/random")
    home.wait_for_event("stash_up")
    freight.clear(loads[0])
    home.wait_for_images(1)


def test_clip_without_a_place_is_not_prepared(house):
    """A clip that is larger than all that may lie ready is fetched when it is wanted, once."""
    clip = {"data": bytes(30_000_000), "duration": 5.0}
    clips = [picture(id, path=f"{id}.mp4", **clip) for id in (1, 2, 3)]
    home = house(clips)

    came = [home.ask()[0] for _ in range(3)]
    home.stop()

    assert sorted(came) == [1, 2, 3]
    assert files_of(home) == 3


@pytest.fixture
def freight():
    return Freight()


@pytest.mark.parametrize(
    ("there", "priority", "has_room"),
    [
        ([], Priority.USER, True),
        ([Priority.USER], Priority.USER, True),
        ([Priority.USER, Priority.USER], Priority.USER, False),
        ([Priority.USER, Priority.SCHEDULE], Priority.USER, False),
        ([], Priority.SCHEDULE, True),
        ([Priority.USER], Priority.SCHEDULE, False),
        ([Priority.SCHEDULE], Priority.SCHEDULE, False),
        ([Priority.BACKGROUND], Priority.SCHEDULE, True),
        ([Priority.BACKGROUND, Priority.USER], Priority.USER, True),
        ([Priority.USER], Priority.BACKGROUND, True),
        ([Priority.BACKGROUND], Priority.BACKGROUND, False),
    ],
    ids=str,
)
def test_room_for_large_files(freight, there, priority, has_room):
    """
    Two may have large files, the clock leaves room for a person, and so does what nobody
    waits for.
    """
    for other in reversed(there):
        freight.add(Load(other), LARGE + 1)

    with nullcontext() if has_room else pytest.raises(NoRoom):
        freight.add(Load(priority), LARGE + 1)


def test_small_files_always_have_room(freight):
    """What is small is counted for each request, as it is in the end; who has leave keeps it."""
    for _ in range(2):
        freight.add(Load(Priority.USER), LARGE + 1)
    load = Load(Priority.USER)

    freight.add(load, LARGE)
    with pytest.raises(NoRoom):
        freight.add(load, 0)
    freight.replace(load, LARGE, 500_000)
    freight.add(load, 0)

    assert load.bytes == 500_000 + UNKNOWN


def test_room_is_given_back(freight):
    """Who has nothing any more makes room, once."""
    loads = [Load(Priority.USER) for _ in range(4)]
    for load in loads[:2]:
        freight.add(load, LARGE + 1)
    for _ in range(2):
        freight.clear(loads[0])

    freight.add(loads[2], LARGE + 1)
    with pytest.raises(NoRoom):
        freight.add(loads[3], LARGE + 1)


def files_of(home):
    return len([request for request in home.stash.requests if request.path.startswith("/image/")])


def test_image_that_cannot_be_left_out(house):
    """Where the database fails while images are left out, each may be drawn again later."""
    home = house(library(4), start=False)
    home.stash.missing = {1, 2, 3}
    home.start()
    with closing(sqlite3.connect(home.settings.database)) as other:
        other.execute(
            "CREATE TRIGGER no BEFORE INSERT ON skipped_images BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        home.say("/random")
        home.say("/random")
        home.wait_for_event("turn_failed")
        other.execute("DROP TRIGGER no")

    home.say("/random")
    before = len(home.sent_images())

    assert set(home.wait_for_images(before + 1)) == {4}


def test_refused_image_that_cannot_be_left_out(house):
    """So it is with one that Telegram refuses in every form: it may be drawn again later."""
    home = house([picture(1, data=not_decodable())])
    home.telegram.server.flood = lambda _: refused("wrong type of the document")
    home.telegram.server.fail(Fault("sendDocument", Trouble.FLOOD))
    with closing(sqlite3.connect(home.settings.database)) as other:
        other.execute(
            "CREATE TRIGGER no BEFORE INSERT ON skipped_images BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        home.say("/random")
        home.wait_for_event("turn_failed")
        other.execute("DROP TRIGGER no")

    assert home.ask() == [1]


def test_image_that_stays_under_way(house):
    """Who waits for an image that is on its way for ever hears in the end that nothing comes."""
    home = house([picture(1)])
    publisher = home.app.requests
    publisher._packer._deck.draw(OWNER)
    request = ask(home.app.store, OWNER)
    long_ago = time.monotonic() - STASH_LIMIT - 1
    job = _Job(Delivery(request, left=1), time.monotonic(), under_way_since=long_ago)

    assert publisher._try(job) is None
    assert home.wait_for_text("none of them can be sent")
    assert not home.app.store.waiting_requests()


def test_stash_comes_back_with_an_empty_library(house):
    """An answer is an answer, also if there is nothing in it."""
    home = house([])
    home.stash.server.pause()
    home.say("/random")
    home.wait_for_text("Stash cannot be reached")

    home.stash.server.resume()
    home.wait_for_text("There is nothing to send")

    assert len(home.wait_for_event("stash_up")) == 1


def test_time_without_telegram_does_not_count_for_stash(house):
    """Stash has its own quarter of an hour, after Telegram has been away for longer."""
    home = house(library(3))
    home.stash.server.pause()
    request = ask(home.app.store, OWNER)
    publisher = home.app.requests
    long_ago = time.monotonic() - STASH_LIMIT - 1
    job = _Job(Delivery(request, left=1), time.monotonic(), without_stash_since=long_ago)

    publisher._wait_for_telegram(job, TelegramError("cannot connect"))
    publisher._wait_for_stash(job)

    assert home.app.store.waiting_requests() == [request]
