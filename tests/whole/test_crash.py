"""Power cuts: the process is killed at any moment, and started again with the same database."""

from random import Random

import pytest

from tests.conftest import animation, at_length, library
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
