"""Power cuts: the process is killed at any moment, and started again with the same database."""

from random import Random

import pytest

from tests.bot.test_chats import opened, press
from tests.bot.test_deletion import all_gone
from tests.conftest import OWNER, animation, at_length, library
from tests.long import conversions
from tests.long.kills import LIBRARY, OPTIONS, Kills, is_all_done
from tests.standins.http import Fault, Trouble
from tests.whole.program import Program, wait_until, went

KILLS = at_length(20, 4)


@pytest.mark.timeout(400)
def test_many_kills(house):
    home = house(LIBRARY, start=False, **OPTIONS)
    kills = Kills(home, Random(20_260))
    kills.run(KILLS)

    kills.check(KILLS)


@pytest.mark.timeout(400)
def test_kills_in_the_middle_of_conversions(house, tmp_path):
    photos, people = conversions.photos(at_length(12, 6)), conversions.PEOPLE[: at_length(20, 5)]
    home = house(photos, start=False, **conversions.OPTIONS)
    kills = conversions.ConversionKills(home, tmp_path / "cache", Random(20_260), people)
    kills.run(at_length(9, 3))

    kills.check()


def test_request_not_begun(house):
    home = house(library(3), start=False)
    home.stash.server.pause()
    with Program(environ=home.environ) as bot:
        home.say("/random")
        bot.wait_for_event("stash_down")
        bot.kill()
    home.stash.server.resume()
    with Program(environ=home.environ):
        images = home.wait_for_images(1)

    assert set(images) <= {1, 2, 3}
    assert not home.telegram.pending()


def sent_without_an_answer(server, carry_out):
    response = carry_out()
    server.stopping.wait(60)
    return response


@pytest.mark.parametrize("trouble", [Trouble.FLOOD, sent_without_an_answer])
def test_killed_between_an_album_and_its_message(house, trouble):
    """At most the message is lost; if it has come, its buttons work."""
    is_there = trouble is not Trouble.FLOOD
    home = house(library(9), start=False)
    home.telegram.server.fail(Fault("sendMessage", trouble, seconds=60))
    with Program(environ=home.environ) as bot:
        home.say("/random 3")
        bot.wait_for_event("photo_sent", 3)
        wait_until(lambda: went(home, "sendMessage"), "the message is under way")
        wait_until(lambda: len(home.received()) == 3 + is_there, "it is there")
        bot.kill()
    if is_there:
        [*_, message] = home.received()
        home.telegram.press(message, message.button("👎 3").data, user_id=OWNER)
    with Program(environ=home.environ):
        home.say("/help")
        home.wait_for_text("/random –")
        wait_until(lambda: not is_there or "👎 3 ✓" in str(home.received()[3]), "the mark")

    assert len(home.sent_images()) == 3
    assert len(home.received()) == 4 + is_there


def test_half_of_several(house):
    """Of five pictures two had come and a third was on its way: the other two come afterwards."""
    home = house([animation(number) for number in range(1, 31)], start=False)
    with Program(environ=home.environ) as bot:
        home.telegram.wait_for_poll()
        home.telegram.server.delay = 0.1
        home.say("/random 5")
        home.wait_for_images(1)
        home.telegram.server.fail(Fault("send(Photo|Animation)", Trouble.SILENCE, seconds=60))
        wait_until(lambda: went(home, "send(Photo|Animation)"), "a picture is under way")
        before = len(home.wait_for_images(1))
        bot.kill()
    with Program(environ=home.environ):
        wait_until(lambda: is_all_done(home), "the request is served")
        images = home.wait_for_images(4)

    assert 1 <= before <= 3
    assert len(set(images)) == len(images) == 4
    states = home.query("SELECT state, count(*) FROM sent_photos GROUP BY state ORDER BY state")
    assert states == [("sent", 4), ("unknown", 1)]


def noted(home):
    return home.query("SELECT count(*) FROM messages")[0][0]


@pytest.mark.parametrize("trouble", [Trouble.SILENCE, Trouble.RESET], ids=["deleted", "not yet"])
def test_purge_that_was_cut_off(house, trouble):
    """Telegram may have deleted all or none: the bot deletes all once more."""
    home = house(library(3), start=False)
    with Program(environ=home.environ) as bot:
        home.ask("/random 3", count=3)
        wait_until(lambda: noted(home) == 4, "the album and its message are noted")
        home.telegram.server.fail(Fault("deleteMessages", trouble, seconds=60, times=9))
        message = opened(home, "/purge", part="Shall I delete")
        message = press(home, message, "Yes")
        home.telegram.press(message, "purge:yes", user_id=OWNER)
        wait_until(lambda: home.telegram.server._faults[0].met, "the deletion has begun")
        bot.kill()
    left = noted(home)
    home.telegram.server._faults.clear()
    home.start()
    all_gone(home)

    assert left == 4
    assert [each.id for each in home.received()] == [message.id]
    assert home.query("SELECT count(*) FROM sent_photos WHERE state = 'sent'") == [(3,)]
