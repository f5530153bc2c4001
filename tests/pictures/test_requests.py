"""Requests on their way: refusals, waiting, a database in trouble, a chat that moves."""

import io
import json
import shutil
import struct
import time
from datetime import UTC, datetime

import pytest
from PIL import Image as Pixels

from stashbot.demo.http import Response
from stashbot.models import Facet, Feature
from stashbot.pictures import media, preparation, requests
from stashbot.pictures.cleaning import metadata
from stashbot.pictures.delivery import MOST_REFUSALS
from stashbot.pictures.files import cache_folder
from stashbot.rules.sizes import UPLOAD_LIMIT
from tests.conftest import FRIEND, GROUP, OWNER, at_length, crowd, images_of, library, picture
from tests.pictures.awkward import awkward, saved
from tests.standins.http import Fault, Trouble
from tests.store.stored import locked
from tests.whole.program import Abreast, wait_until, went

SUPERGROUP, CHANNEL = -1_000_000_000_500, -1_000_000_000_501
CANNOT_PARSE = "can't parse entities"
EVER = 10**6


def not_decodable():
    """A JPEG that looks whole, and that Telegram cannot process."""
    data = bytearray(awkward("jpeg"))
    start = data.index(b"\xff\xc4")  # the tables, without which nothing can be decoded
    data[start + 4 : start + 40] = bytes(36)
    return bytes(data)


def refusal(description, code=400):
    answer = {"ok": False, "error_code": code, "description": f"Bad Request: {description}"}
    return Response(code, body=json.dumps(answer).encode())


def answer(home, response, path="/send(?!Chat)", **options):
    """Let Telegram answer so in place of sending, always unless `options` say otherwise."""
    fault = Fault(path, response, **{"times": EVER} | options)
    home.telegram.server.fail(fault)
    return fault


def is_over(home):
    wait_until(lambda: not len(home.app.requests), "all requests are over", 20)


def files_of(home):
    return len([request for request in home.stash.requests if request.path.startswith("/image/")])


@pytest.mark.parametrize("is_paced", [False, True], ids=["at once", "at real pacing"])
def test_the_others_of_a_refused_album_come_singly(house, is_paced):
    pictures = [picture(1), picture(2), picture(3, data=not_decodable())]
    home = house(pictures, is_paced=is_paced)

    images = home.ask("/random 3", count=3)

    sent = [call for call in home.telegram.calls if images_of(call)]
    assert sorted(images) == [1, 2, 3]
    assert {call.method for call in sent if images_of(call) != [3]} == {"sendPhoto"}
    assert [call.method for call in sent if images_of(call) == [3]] == ["sendDocument"]
    albums = [call for call in home.telegram.calls if call.method == "sendMediaGroup"]
    assert len(albums) == 1
    assert not [call for call in home.telegram.calls if "reply_parameters" in call.params]


def test_an_album_goes_on_without_a_picture_that_is_refused_in_each_form(house):
    home = house([picture(1), picture(2), picture(3, data=not_decodable())])
    answer(home, refusal("wrong type of the document"), "/sendDocument")

    home.say("/random 3")
    home.wait_for_event("image_skipped")
    is_over(home)

    assert sorted(home.sent_images()) == [1, 2]


REFUSALS = [(CANNOT_PARSE, False), (CANNOT_PARSE, True), ("SOMETHING_UNKNOWN", False)]
REFUSALS += at_length([("SOMETHING_UNKNOWN", True)], [])


@pytest.mark.parametrize(("description", "is_paced"), REFUSALS)
def test_a_request_ends_after_ten_refusals_with_a_sentence(house, description, is_paced):
    home = house(library(20), is_paced=is_paced)
    refusing = answer(home, refusal(description), words="Picture")

    home.say("/random")
    home.wait_for_text("none of them can be sent", timeout=30)
    home.stop()

    assert refusing.met == MOST_REFUSALS
    assert not home.events("image_skipped")


def test_a_refused_picture_is_left_out_when_another_was_sent(house):
    home = house(library(6))
    answer(home, refusal(CANNOT_PARSE), words="Picture 3<")

    came = home.ask("/random 6", count=5)
    is_over(home)

    assert sorted(came) == [1, 2, 4, 5, 6]
    assert [each["image_id"] for each in home.events("image_skipped")] == [3]


@pytest.mark.parametrize("response", [Response(502), Response()], ids=["502", "empty"])
@pytest.mark.parametrize("is_paced", [False, True], ids=["at once", "at real pacing"])
def test_another_picture_comes_after_a_doubtful_answer(house, response, is_paced):
    home = house(library(3), is_paced=is_paced)
    answer(home, response, "/sendPhoto", times=1)

    came = home.ask() + home.ask()

    [(doubtful,)] = home.query("SELECT image_id FROM sent_photos WHERE state = 'unknown'")
    assert {*came, doubtful} == {1, 2, 3}


def test_a_chat_that_takes_no_pictures_gets_one_sentence(house):
    home = house(library(3))
    refusing = answer(home, refusal("TOPIC_CLOSED"), "/sendPhoto", times=1)

    home.say("/random")
    home.wait_for_text("not allowed to send pictures")
    is_over(home)

    assert refusing.met == 1
    assert not home.events("chat_gone")
    assert len(home.ask()) == 1
    assert not home.events("image_skipped")


def test_each_of_several_requests_hears_that_stash_hangs(house):
    home = house(library(30), **crowd([FRIEND]))
    home.stash.server.delay = 6.0
    began = time.monotonic()
    for _ in range(3):
        home.say("/random")

    home.wait_for_text("Stash has not answered in time", count=3)

    assert 3.5 < time.monotonic() - began < 7
    home.stash.server.delay = 0.0
    assert len(set(home.wait_for_images(3, timeout=30))) == 3


def test_a_slow_telegram_is_no_fault_of_stash(house):
    home = house(library(30))
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD, seconds=6))
    home.say("/random")

    text = home.wait_for_text("longer than usual")
    home.wait_for_images(1)

    assert "Stash" not in text
    assert not home.events("stash_down")


def test_the_chat_shows_that_a_slow_picture_is_on_its_way(house):
    home = house(library(3))
    home.ask()
    before = len(home.telegram.calls)  # on a busy machine the first one is slow too
    home.stash.server.delay = 1.0
    home.ask(user=FRIEND)

    later = home.telegram.calls[before:]
    actions = [call for call in later if call.method == "sendChatAction"]
    assert {call.chat_id for call in actions} == {FRIEND}
    assert {call.params["action"] for call in actions} == {"upload_photo"}


def test_an_album_of_large_files_comes_in_messages_of_at_most_50_mb(house):
    home = house([picture(number, data=bytes(22_000_000)) for number in (1, 2, 3)])

    came = home.ask("/random 3", count=3)

    assert sorted(came) == [1, 2, 3]
    assert files_of(home) == 3


def test_one_huge_file_is_read_at_a_time(house, monkeypatch):
    monkeypatch.setattr(preparation, "UPLOAD_LIMIT", 1_000_000)
    people = range(2001, 2005)
    home = house([picture(n, data=bytes(2_000_000)) for n in (1, 2, 3)], **crowd(people))
    reads = Abreast(home.stash.server, lambda request: request.method == "GET", 0.2)

    for user in people:
        home.say("/random", user=user)
    home.wait_for_images(4)

    assert reads.most == 1


def test_a_file_over_50_mb_is_read_if_what_is_sent_is_smaller(house):
    large = io.BytesIO()
    Pixels.new("RGB", (4300, 4000), "red").save(large, "BMP")
    assert large.tell() > UPLOAD_LIMIT
    home = house([picture(7, data=large.getvalue())])

    assert home.ask() == [7]
    [(_, data)] = home.telegram.wait_for("sendPhoto")[0].files.values()
    assert Pixels.open(io.BytesIO(data)).size == (2560, 2381)


def test_a_full_disk_is_said_and_ends_the_request(house, monkeypatch):
    home = house(library(9))
    monkeypatch.setattr(media, "DISK_RESERVE", 2**62)

    home.say("/random")
    home.wait_for_text("My disk has no room")
    is_over(home)
    monkeypatch.undo()

    assert len(home.ask()) == 1
    assert not home.events("image_skipped")


def test_a_smaller_picture_comes_when_the_disk_is_nearly_full(house, monkeypatch):
    home = house([picture(number, size=10**9) for number in (1, 2)] + [picture(3)])
    free = shutil.disk_usage(home.app.files.folder).free
    monkeypatch.setattr(media, "DISK_RESERVE", free - 10**8)

    assert home.ask() == [3]


def deaths(home, image):
    return home.app.store.conversions.deaths(image, datetime.now(UTC))


def test_an_image_of_which_the_bot_died_comes_as_a_document(house):
    home = house([picture(7, data=awkward("png with alpha"))])
    for _ in range(preparation.FATAL_DEATHS):
        home.app.store.conversions.note_death([7], datetime.now(UTC))

    assert home.ask() == [7]
    assert [call.method for call in home.telegram.calls if images_of(call)] == ["sendDocument"]


def test_an_image_is_innocent_when_it_is_converted(house):
    home = house([picture(7, data=awkward("png with alpha"))])
    home.app.store.conversions.note_death([7], datetime.now(UTC))

    home.ask()

    assert deaths(home, 7) == 0


def test_others_come_before_an_image_of_which_the_bot_died(house):
    home = house(library(30), start=False)
    folder = cache_folder(home.settings.database)
    folder.mkdir()
    for number in range(1, 30):
        (folder / f"converting-{number}-1").touch()
    home.start()

    assert home.ask() == [30]
    assert (deaths(home, 29), deaths(home, 30)) == (1, 0)


def test_no_temporary_file_is_left(house):
    home = house([*library(6), picture(7, data=not_decodable())])
    for count in (1, 3, 3):
        home.ask("/random" if count == 1 else f"/random {count}", count=count)
    is_over(home)
    folder = home.app.files.folder
    home.stop()

    assert not folder.exists()


def test_a_large_clip_is_fetched_once_and_not_ahead(house):
    clip = {"data": bytes(30_000_000), "duration": 5.0}
    home = house([picture(id, path=f"{id}.mp4", **clip) for id in (1, 2, 3)])

    came = [home.ask()[0] for _ in range(3)]
    home.stop()

    assert sorted(came) == [1, 2, 3]
    assert files_of(home) == 3


def test_nothing_is_sent_while_the_database_cannot_be_written(house):
    home = house(library(3))
    home.stash.server.delay = 0.5
    home.say("/random")
    wait_until(lambda: not home.telegram.pending(), "the request is accepted")
    with locked(home.settings.database):
        text = home.wait_for_text("I can't answer right now")
    home.stash.server.delay = 0
    wait_until(lambda: not home.app.store.waiting_requests(), "the request is ended")

    assert "database" in text
    assert not home.sent_images()
    assert len(home.ask()) == 1
    assert "is locked" in home.events("store_failed")[0]["error"]


def test_a_picture_is_recorded_when_the_database_can_be_written_again(house):
    home = house(library(3))
    uploads = Abreast(home.telegram.server, lambda request: "sendPhoto" in request.path, 0.5)
    home.say("/random")
    wait_until(lambda: uploads.now, "it is being uploaded")
    with locked(home.settings.database):
        home.wait_for_event("store_failed", timeout=20)

    def states():
        rows = "SELECT state FROM sent_photos UNION ALL SELECT state FROM requests"
        return [state for (state,) in home.query(rows)]

    wait_until(lambda: states() == ["sent", "done"], "both are recorded")
    assert len(home.sent_images()) == 1
    assert not [call for call in home.telegram.calls if call.method == "sendMessage"]
    assert home.ask() != home.sent_images()[:1]


def test_a_channel_gets_no_buttons(house):
    home = house(library(3), start=False)
    home.telegram.add_group(CHANNEL, "News", [OWNER], type="channel")
    home.telegram.add_group(SUPERGROUP, "Friends", [OWNER], type="supergroup")
    home.start()
    for update, chat in enumerate((CHANNEL, SUPERGROUP), 1):
        home.app.requests.ask(update, chat, OWNER, language="en")
    home.wait_for_images(2)

    buttons = {
        call.chat_id: "reply_markup" in call.params
        for call in home.telegram.calls
        if images_of(call)
    }
    assert buttons == {CHANNEL: False, SUPERGROUP: True}


def test_a_channel_is_asked_for_again_after_a_failure(house):
    home = house(library(3), start=False)
    home.telegram.add_group(CHANNEL, "News", [OWNER], type="channel")
    fault = Fault("getChat$", Trouble.ERROR)
    home.telegram.server.fail(fault)
    home.start()
    for update in range(1, 4):
        home.app.requests.ask(update, CHANNEL, OWNER, language="en")
        home.wait_for_images(update)

    sent = [call for call in home.telegram.calls if images_of(call)]
    assert fault.met == 1
    assert ["reply_markup" in call.params for call in sent] == [True, False, False]


def test_an_image_that_cannot_be_left_out_costs_no_request(house):
    home = house(library(4))
    home.stash.missing = {1, 2, 3}
    home.query(
        "CREATE TRIGGER no BEFORE INSERT ON skipped_images BEGIN SELECT RAISE(ABORT, 'no'); END"
    )

    assert home.ask() == [4]


def test_a_picture_for_a_group_arrives_in_its_supergroup(house):
    home = house(library(3))
    home.stash.server.delay = 0.3

    home.say("/random", chat=GROUP)
    home.telegram.upgrade_group(GROUP, SUPERGROUP)
    home.wait_for_images(1)
    home.ask(chat=SUPERGROUP)

    chats = [call.chat_id for call in home.telegram.calls if images_of(call)]
    assert chats == [SUPERGROUP, SUPERGROUP]


def test_no_document_of_a_picture_that_was_excluded_meanwhile(house):
    long = saved(Pixels.new("RGB", (60, 400)))
    home = house([picture(1, data=long, width=60, height=400)])
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD, seconds=1))
    home.say("/random")
    wait_until(lambda: went(home, "sendPhoto"), "it waits")
    home.app.store.exclusions.add(OWNER, Feature(Facet.IMAGE, 1, ""), datetime.now(UTC))
    is_over(home)

    assert not [call for call in home.telegram.calls if call.files and call.status == 200]


def test_a_long_photo_without_its_document_is_served(house, monkeypatch):
    monkeypatch.setattr(requests, "TELEGRAM_LIMIT_S", 60.0)
    long = saved(Pixels.new("RGB", (60, 400)))
    home = house([picture(1, data=long, width=60, height=400)])
    home.telegram.server.fail(Fault("sendDocument", Trouble.FLOOD, seconds=600))

    assert home.ask() == [1]
    [failed] = home.wait_for_event("photo_failed")
    is_over(home)

    assert failed["reason"].startswith("its document: ")
    assert not home.events("request_failed")
    assert not [call for call in home.telegram.calls if call.method == "sendMessage"]


def test_a_file_with_a_damaged_structure_is_passed_over(house, monkeypatch):
    home = house(library(4))
    monkeypatch.setitem(metadata._READERS, "jpeg", lambda *_: struct.unpack("<L", b"-"))

    home.say("/random")
    home.wait_for_text("none of them can be sent")
    monkeypatch.undo()

    assert len(home.ask()) == 1


def test_a_picture_whose_temporary_file_is_gone_is_passed_over(house):
    home = house(library(3))
    home.ask()
    wait_until(lambda: home.app.requests._preparation._prefetched.has(OWNER), "the next is ready")
    shutil.rmtree(home.app.files.folder)

    assert len(home.ask()) == 1
    assert len(home.ask()) == 1
