"""
Trouble on either side, at any single call: what the user hears, and that it goes on.
"""

import time

import pytest

from stashbot.settings.load import load
from tests.conftest import OWNER, images_of, library, picture
from tests.standins.http import Fault, Trouble

#: Each trouble that lasts, what the user hears of it in words of the product, and where.
LASTING = [
    (Trouble.RESET, "Stash cannot be reached"),
    (Trouble.SILENCE, "Stash has not answered in time"),
    (Trouble.ERROR, "Stash cannot be reached"),
    (Trouble.HTML, "The answer from Stash makes no sense"),
    (Trouble.HALF, ""),
    (Trouble.UNAUTHORIZED, "Stash wants an API key"),
    (Trouble.FLOOD, "Stash cannot be reached"),
]
CALLS = {"question": "/graphql", "file": "/image/"}
EVER = 10_000


def words(value):
    return value or "any" if isinstance(value, str) else str(value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("trouble", "said"), LASTING, ids=words)
def test_lasting_fault_of_stash(house, call, trouble, said):
    """
    While it lasts the user hears within 5 s what is wrong and that the picture will
    follow; when it is gone, the picture comes.
    """
    home = house(library(3))
    home.stash.server.fail(Fault(CALLS[call], trouble, times=EVER))
    began = time.monotonic()

    home.say("/random")
    text = home.wait_for_text("The picture will follow.")
    took = time.monotonic() - began
    home.stash.server.heal()
    home.wait_for_images(1)

    assert took < 5
    assert said in text
    home.stop()
    outages = 0 if trouble is Trouble.SILENCE else 1  # it answers in the end
    assert len(home.events("stash_down")) == len(home.events("stash_up")) == outages


def test_stash_refuses_connections(house):
    """
    A Stash that is switched off is named within 5 s, once; its return brings the picture.
    """
    home = house(library(3))
    home.stash.server.pause()
    began = time.monotonic()

    home.say("/random")
    text = home.wait_for_text("The picture will follow.")
    took = time.monotonic() - began
    home.say("/help")
    home.wait_for_text("/random")
    home.stash.server.resume()
    home.wait_for_images(1)

    assert took < 5
    assert "Stash cannot be reached" in text
    home.stop()
    assert len(home.events("stash_down")) == 1


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"status": "SETUP"}, "Stash is not set up yet"),
        ({"status": "NEEDS_MIGRATION"}, "Stash needs to bring its database up to date"),
        ({"app_schema": 52}, "Stash 0.23.1 is too old"),
        ({"tripwire": True}, "Stash has locked itself"),
        ({"api_key": "another"}, "Stash wants an API key"),
    ],
    ids=str,
)
def test_stash_in_no_state_to_serve(house, state, said):
    """
    Each state of Stash in which it cannot serve is told in words, and waited out.
    """
    home = house(library(3))
    before = {name: getattr(home.stash, name) for name in state}
    if "app_schema" in state:
        home.stash.version = "v0.23.1"
    for name, value in state.items():
        setattr(home.stash, name, value)

    home.say("/random")
    text = home.wait_for_text("The picture will follow.")
    for name, value in before.items():
        setattr(home.stash, name, value)
    home.wait_for_images(1)

    assert said in text


def test_missing_file(house):
    """
    A picture whose file is gone is replaced by another, logged, and left out for a day.
    """
    home = house(library(3))
    home.stash.missing = {1, 2}

    images = home.ask() + home.ask()

    assert images == [3, 3]
    home.stop()
    skipped = {line["image_id"]: line["reason"] for line in home.events("image_skipped")}
    assert skipped == {1: "the file is gone", 2: "the file is gone"} or set(skipped) <= {1, 2}


def test_no_file_is_there(house):
    """
    When nothing can be sent the user hears that, and not that the library is empty.
    """
    home = house(library(3))
    home.stash.missing = {1, 2, 3}

    home.say("/random")

    assert "none of them can be sent" in home.wait_for_text("none of them")


def test_disk_that_was_not_mounted(house):
    """
    While no file at all can be had, none is left out: when the disk is back, all come.
    """
    home = house(library(3))
    home.stash.missing = {1, 2, 3}
    home.say("/random")
    home.wait_for_text("none of them")

    home.stash.missing = set()
    images = home.ask("/random 3", count=3)

    assert sorted(images) == [1, 2, 3]
    assert not home.events("image_skipped")


SURELY_NOT_SENT = [Trouble.UNAUTHORIZED, Trouble.FLOOD]


def test_photo_that_may_have_arrived_through_a_proxy(house):
    """
    Behind a proxy too, what breaks after the upload is in doubt and not sent again.
    """
    home = house(library(3), start=False)
    home.environ["STASHBOT_TELEGRAM_PROXY"] = home.telegram.api_url
    home.settings = load(None, home.environ)
    home.start()
    home.telegram.server.fail(Fault("sendPhoto", Trouble.RESET, after=True))

    home.say("/random")
    images = home.wait_for_images(2)  # Telegram took the first one, too

    assert len(set(images)) == 2
    assert len(home.wait_for_event("photo_failed")) == 1


@pytest.mark.parametrize("trouble", SURELY_NOT_SENT)
def test_photo_that_surely_did_not_arrive(house, trouble):
    """
    What Telegram refused for a passing reason is sent later, once.
    """
    home = house(library(1))
    home.telegram.server.fail(Fault("sendPhoto", trouble, seconds=1))

    assert home.ask() == [1]


def test_slow_upload(house):
    """
    Five seconds of silence from Telegram are no reason to send twice.
    """
    home = house(library(2))
    home.telegram.server.fail(Fault("sendPhoto", Trouble.SILENCE))

    home.ask()
    home.stop()

    assert len(home.sent_images()) == 1
    assert not home.events("photo_failed")


def test_flood_pauses_one_chat_alone(house):
    """
    429 holds back the chat that it names, for as long as it says, and nobody else.
    """
    home = house(library(20))
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD, seconds=2))
    began = time.monotonic()

    home.say("/random")
    home.telegram.wait_for_poll()
    home.wait_for_event("flood_wait")
    home.say("/random", user=1002)
    home.wait_for_images(1)
    other_took = time.monotonic() - began
    home.wait_for_images(2)
    took = time.monotonic() - began

    assert other_took < 1.5
    assert took >= 2
    chats = [call.chat_id for call in home.telegram.calls if images_of(call)]
    assert chats == [1002, OWNER]
    [line] = home.events("flood_wait")
    assert (line["chat_id"], line["seconds"]) == (OWNER, 2)


def test_flood_while_polling(house):
    home = house(library(3))
    home.telegram.wait_for_poll()
    home.telegram.server.fail(Fault("getUpdates", Trouble.FLOOD, seconds=1))

    home.ask()  # ends the poll that waits; the next one meets the fault

    assert len(home.ask()) == 1
    assert len(set(home.sent_images())) == 2


def test_telegram_is_away(house):
    """
    Nothing that was accepted is lost while Telegram refuses connections.
    """
    home = house(library(3))
    home.stash.server.delay = 0.5
    home.say("/random")
    home.say("/help")
    while home.telegram.pending():
        time.sleep(0.01)
    home.telegram.server.pause()
    time.sleep(1.5)
    home.telegram.server.resume()

    assert len(home.wait_for_images(1)) == 1
    assert len(home.wait_for_event("telegram_up")) == 1
    assert len(home.events("telegram_down")) == 1


def test_token_is_refused(house):
    """
    A token that Telegram refuses twice ends the bot with 78: no restart can mend it.
    """
    home = house()
    home.telegram.wait_for_poll()
    home.telegram.server.fail(Fault("getUpdates", Trouble.UNAUTHORIZED, times=2))
    home.telegram.server.cut()

    assert home.app.supervisor.stop.wait(10)
    assert home.app.supervisor.exit_code == 78
    assert home.events("token_refused")[0]["level"] == "critical"


def test_broken_update(house):
    """
    An update that nobody can read is logged and passed over; those behind it are served.
    """
    home = house([picture(7)])
    home.telegram.put_update({"message": {"message_id": "odd"}})

    assert home.ask() == [7]
    assert [line["level"] for line in home.events("update_skipped")] == ["error"]


def test_update_ids_start_again(house):
    """
    After a quiet week Telegram's ids may go down; nothing is handled twice then.
    """
    home = house(library(9))
    home.ask()
    message = {
        "message_id": 77,
        "date": 1,
        "chat": {"id": OWNER, "type": "private"},
        "from": {"id": OWNER, "is_bot": False, "first_name": "P"},
        "text": "/random",
    }

    home.telegram.put_update({"update_id": 17, "message": message})
    home.wait_for_images(2)
    home.ask()

    assert len(home.sent_images()) == 3
    assert not home.telegram.pending()


def test_blocked_bot(house):
    """
    Being blocked ends the request without a fuss; writing again resumes the chat.
    """
    home = house(library(3))
    home.telegram.server.fail(Fault("sendPhoto", Trouble.SILENCE, seconds=0.3))
    home.stash.server.delay = 0.3
    home.say("/random")
    home.telegram.block(OWNER)
    home.wait_for_event("chat_gone")

    home.telegram.unblock(OWNER)

    assert len(home.ask()) == 1
