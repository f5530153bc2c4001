"""Trouble on either side, at any single call: what the user hears, and that it goes on."""

import time

import pytest

from stashbot.settings.load import load
from tests.bot.test_access import update
from tests.conftest import OWNER, at_length, images_of, library, picture
from tests.standins.http import Fault, Trouble
from tests.whole.program import wait_until

#: Each trouble that lasts, and what the user hears of it.
LASTING = [
    (Trouble.RESET, "Stash cannot be reached"),
    (Trouble.SILENCE, "Stash has not answered in time"),
    (Trouble.ERROR, "Stash cannot be reached"),
    (Trouble.HTML, "Something other than Stash answers"),
    (Trouble.HALF, ""),
    (Trouble.UNAUTHORIZED, "Stash does not accept my API key"),
    (Trouble.FLOOD, "Stash cannot be reached"),
]
LASTING = [(call, *each) for call in ("/graphql", "/image/") for each in LASTING]
#: Outside of `.ci/run` each trouble comes once, by turns in a question and in a download.
LASTING = at_length(LASTING, LASTING[::2])
SWITCHED_OFF = ("", None, "Stash cannot be reached")
EVER = 10_000


def words(value):
    return value or "any" if isinstance(value, str) else str(value)


@pytest.mark.parametrize(
    ("call", "trouble", "said"),
    [*LASTING, SWITCHED_OFF],
    ids=words,
)
def test_lasting_fault_of_stash(house, call, trouble, said):
    """The user hears soon what is wrong; other commands work; the picture follows."""
    home = house(library(3))
    server = home.stash.server
    if trouble:
        server.fail(Fault(call, trouble, times=EVER))
    else:
        server.pause()
    began = time.monotonic()

    home.say("/random")
    text = home.wait_for_text("I'll send it as soon as I can.")
    took = time.monotonic() - began
    home.say("/help")
    home.wait_for_text("/random –")
    if trouble:
        server.heal()
    else:
        server.resume()
    home.wait_for_images(1)

    assert took < 7  # 4 s on a machine that does nothing else
    assert said in text
    home.stop()
    outages = 0 if trouble is Trouble.SILENCE else 1  # it answers in the end
    assert len(home.events("stash_down")) == len(home.events("stash_up")) == outages


STATES = [
    ({"status": "SETUP"}, "Stash is not set up yet"),
    ({"app_schema": 52, "version": "v0.23.1"}, "Stash 0.23.1 is too old"),
    ({"tripwire": True}, "Stash has locked itself"),
    ({"status": "NEEDS_MIGRATION"}, "Stash needs to bring its database up to date"),
    ({"api_key": "another"}, "Stash does not accept my API key"),
]


@pytest.mark.parametrize(("state", "said"), at_length(STATES, STATES[1:3]), ids=str)
def test_stash_in_no_state_to_serve(house, state, said):
    home = house(library(3))
    before = {name: getattr(home.stash, name) for name in state}
    for name, value in state.items():
        setattr(home.stash, name, value)

    home.say("/random")
    text = home.wait_for_text("I'll send it as soon as I can.")
    for name, value in before.items():
        setattr(home.stash, name, value)
    home.wait_for_images(1)

    assert said in text


def test_missing_file(house):
    home = house(library(3))
    home.stash.missing = {1, 2}

    images = home.ask() + home.ask()

    assert images == [3, 3]
    home.stop()
    skipped = {line["image_id"]: line["reason"] for line in home.events("image_skipped")}
    assert skipped == {1: "the file is gone", 2: "the file is gone"} or set(skipped) <= {1, 2}


def test_disk_that_was_not_mounted(house):
    home = house(library(3))
    home.stash.missing = {1, 2, 3}
    home.say("/random")
    home.wait_for_text("none of them can be sent")

    home.stash.missing = set()
    images = home.ask("/random 3", count=3)

    assert sorted(images) == [1, 2, 3]
    assert not home.events("image_skipped")


@pytest.mark.parametrize("is_behind_a_proxy", [False, True], ids=["direct", "proxy"])
def test_photo_that_may_have_arrived(house, is_behind_a_proxy):
    """It is not sent again; another one is."""
    home = house(library(3), start=False)
    if is_behind_a_proxy:
        home.environ["STASHBOT_TELEGRAM_PROXY"] = home.telegram.api_url
    home.settings = load(None, home.environ)
    home.start()
    home.telegram.server.fail(Fault("sendPhoto", Trouble.RESET, after=True))

    home.say("/random")
    images = home.wait_for_images(2)  # Telegram took the first one, too

    assert len(set(images)) == 2
    assert len(home.wait_for_event("photo_failed")) == 1


@pytest.mark.parametrize("trouble", [Trouble.UNAUTHORIZED, Trouble.FLOOD])
def test_photo_that_surely_did_not_arrive(house, trouble):
    """It is sent later, once."""
    home = house(library(1))
    home.telegram.server.fail(Fault("sendPhoto", trouble, seconds=1))

    assert home.ask() == [1]


def test_slow_upload(house):
    home = house(library(2))
    home.telegram.server.fail(Fault("sendPhoto", Trouble.SILENCE))

    home.ask()
    home.stop()

    assert len(home.sent_images()) == 1
    assert not home.events("photo_failed")


def test_flood_pauses_one_chat_alone(house):
    home = house(library(20))
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD, seconds=4))
    began = time.monotonic()

    home.say("/random")
    home.telegram.wait_for_poll()
    home.wait_for_event("flood_wait")
    home.say("/random", user=1002)
    home.wait_for_images(1)
    other_took = time.monotonic() - began
    home.wait_for_images(2)
    took = time.monotonic() - began

    assert other_took < 3
    assert took >= 4
    chats = [call.chat_id for call in home.telegram.calls if images_of(call)]
    assert chats == [1002, OWNER]
    [line] = home.events("flood_wait")
    assert (line["chat_id"], line["seconds"]) == (OWNER, 4)


def test_telegram_is_away(house):
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


def test_broken_update(house):
    home = house([picture(7)])
    home.telegram.put_update({"message": {"message_id": "odd"}})

    assert home.ask() == [7]
    assert [line["level"] for line in home.events("update_skipped")] == ["error"]


def test_update_ids_start_again(house):
    """After a quiet week Telegram's ids may go down; nothing is handled twice then."""
    home = house(library(9))
    home.ask()

    home.telegram.put_update({"update_id": 17} | update())
    home.wait_for_images(2)
    home.ask()

    assert len(home.sent_images()) == 3
    wait_until(lambda: not home.telegram.pending(), "all is confirmed")


def test_blocked_bot(house):
    home = house(library(3))
    home.telegram.server.fail(Fault("sendPhoto", Trouble.SILENCE, seconds=0.3))
    home.stash.server.delay = 0.3
    home.say("/random")
    home.telegram.block(OWNER)
    home.wait_for_event("chat_gone")

    home.telegram.unblock(OWNER)

    assert len(home.ask()) == 1
