"""Power cuts: the process is killed at any moment, and started again with the same database."""

import sqlite3
import time
from collections import Counter
from contextlib import closing
from random import Random

from stashbot.demo.http import Fault, Trouble
from tests.conftest import animation, at_length, crowd, images_of, library
from tests.whole.program import Program, wait_until, went

KILLS = at_length(20, 4)
#: So many that none of them has to wait long for the next picture.
PEOPLE = range(2001, 2041)


def query(home, sql, *values):
    with closing(sqlite3.connect(home.settings.database)) as connection:
        return connection.execute(sql, values).fetchall()


def is_all_done(home):
    """Whether every update is confirmed and every request of the database is closed."""
    return not home.telegram.pending() and not query(
        home, "SELECT 1 FROM requests WHERE state = 'waiting'"
    )


def ask_at_random(home, random):
    """A few requests of several people; how many pictures they are for, by user."""
    wanted = Counter()
    for _ in range(random.randint(2, 5)):
        user, count = random.choice(PEOPLE), random.choice([1, 1, 1, 2])
        home.say(f"/random {count}", user=user)
        wanted[user] += count
    return wanted


def kill_at_random(home, bot, random):
    """Kill it a moment after its start, or after one of its calls, or in their answers."""
    seen = len(home.telegram.calls)
    if random.random() < 0.3:
        bot.wait_for_event("started")
    else:
        wanted = seen + random.randint(1, 12)
        wait_until(lambda: len(home.telegram.calls) >= wanted or is_all_done(home), "calls")
    time.sleep(random.uniform(0, 0.12))
    bot.kill()


def received(home, chat):
    """The ids of the images that came to a chat, in their order."""
    return [
        image for call in home.telegram.calls if call.chat_id == chat for image in images_of(call)
    ]


def test_many_kills(house):
    """
    However often it is killed, no image comes twice, and each request gets its pictures;
    of those that were on their way at that moment nobody knows, and they are not sent again.
    """
    random = Random(20_260)
    home = house(library(600), start=False, **crowd(PEOPLE))
    home.telegram.server.delay = 0.03
    wanted = Counter()
    for _ in range(KILLS):
        wanted += ask_at_random(home, random)
        with Program(environ=home.environ) as bot:
            kill_at_random(home, bot, random)
    with Program(environ=home.environ) as bot:
        bot.wait_for_event("started")
        wait_until(lambda: is_all_done(home), "every request is served", timeout=40)
        assert bot.stop()[0] == 0

    assert query(home, "PRAGMA integrity_check") == [("ok",)]
    for chat in PEOPLE:
        images = received(home, chat)
        rows = query(home, "SELECT image_id, state FROM sent_photos WHERE chat_id = ?", chat)
        unknown = {image for image, state in rows if state == "unknown"}
        assert len(images) == len(set(images))
        assert len(rows) == len({image for image, _ in rows}) == wanted[chat]
        assert {state for _, state in rows} <= {"sent", "unknown"}
        assert set(images) | unknown == {image for image, _ in rows}
    per_request = query(
        home,
        """SELECT count(*) FROM requests WHERE count <> (
             SELECT count(*) FROM sent_photos WHERE request_id = requests.id)""",
    )
    assert per_request == [(0,)]
    # Else the kills have not hit what they are meant to hit.
    assert query(home, "SELECT count(*) FROM sent_photos WHERE state = 'unknown'") > [(0,)]


def test_request_not_begun(house):
    """A request that was stored, and no more, when the power went is answered afterwards."""
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
    states = query(home, "SELECT state, count(*) FROM sent_photos GROUP BY state ORDER BY state")
    assert states == [("sent", 4), ("unknown", 1)]


def test_update_that_comes_again(house):
    """An update that was served before the kill, and not yet confirmed, is served once."""
    home = house(library(9), start=False)
    with Program(environ=home.environ) as bot:
        home.telegram.wait_for_poll()
        home.telegram.server.fail(Fault("getUpdates", Trouble.SILENCE, seconds=60))
        home.say("/random")
        home.wait_for_images(1)
        wait_until(lambda: went(home, "getUpdates"), "the next poll hangs")
        bot.kill()
    unconfirmed = home.telegram.pending()
    with Program(environ=home.environ) as bot:
        home.say("/help")
        home.wait_for_text("/random")
        wait_until(lambda: is_all_done(home), "all is confirmed")
        assert bot.stop()[0] == 0

    assert len(unconfirmed) == 1
    assert len(home.sent_images()) == 1
    assert not bot.events("update_skipped")


def test_database_is_left_whole(house):
    """What was sent before a kill is known after it, down to the numbers of `/stats`."""
    home = house(library(9), start=False)
    with Program(environ=home.environ) as bot:
        home.ask("/random 3", count=3)
        bot.wait_for_event("photo_sent", 3)
        bot.kill()
    with Program(environ=home.environ):
        home.say("/stats")
        text = home.wait_for_text("Pictures in this chat")

    assert "In all: 3 pictures" in text
    assert "Not seen yet: 6 pictures" in text
    assert query(home, "PRAGMA integrity_check") == [("ok",)]
