"""
Ratings on their way to Stash: what to do about each, and that each arrives once.
"""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from conftest import OWNER, library, picture
from program import Program, wait_until

from stashbot.demo.server import Fault, Response, Trouble
from stashbot.models import Rating
from stashbot.ratings import Step, plan

GRAPHQL = "/graphql"


def entry(target, told=None, before=None):
    return Rating(1, 5, target, told, before)


def unsure(target, told, before, seen):
    """An entry of which it is not known whether Stash, which had `seen`, has heard the last."""
    return Rating(1, 5, target, told, before, is_sure=False, seen=seen)


def writes(rating100, target=None, before=None, *, over=None):
    """A step that writes over the rating `over`."""
    return Step(True, rating100, target and replace(entry(target, target, before), seen=over))


def keeps(target=None, before=None):
    return Step(False, target, target and replace(entry(target, target, before), seen=target))


@pytest.mark.parametrize(
    ("rating", "current", "step"),
    [
        pytest.param(entry(100), None, writes(100, 100), id="the first vote"),
        pytest.param(entry(100), 60, writes(100, 100, 60, over=60), id="over the owner's rating"),
        pytest.param(entry(100), 100, keeps(100, 100), id="the owner thinks the same"),
        pytest.param(entry(20, 100, 60), 100, writes(20, 20, 60, over=100), id="moved"),
        pytest.param(entry(20, 100, 60), 80, writes(20, 20, 80, over=80), id="moved later"),
        pytest.param(entry(None, 100, 60), 100, writes(60), id="taken back"),
        pytest.param(entry(None, 100), 100, writes(None), id="taken back, there was none"),
        pytest.param(entry(None, 100, 60), 80, Step(False, 60), id="the owner has changed it"),
        pytest.param(entry(None, 100, 60), None, Step(False, 60), id="the owner has cleared it"),
        pytest.param(entry(None), 60, Step(False), id="taken back before it was written"),
        pytest.param(entry(None, 100, 100), 100, Step(False, 100), id="it was that before"),
        pytest.param(
            unsure(100, 100, 60, seen=60), 60, writes(100, 100, 60, over=60), id="cut before"
        ),
        pytest.param(unsure(100, 100, 60, seen=60), 100, keeps(100, 60), id="cut after"),
        pytest.param(unsure(100, 100, 60, seen=60), 70, Step(False), id="cut, and then the owner"),
        pytest.param(
            unsure(20, 20, 60, seen=100),
            100,
            writes(20, 20, 60, over=100),
            id="the move cut before",
        ),
        pytest.param(unsure(20, 20, 60, seen=100), 20, keeps(20, 60), id="the move cut after"),
        pytest.param(unsure(20, 20, 60, seen=100), 60, Step(False), id="the owner has put it back"),
        pytest.param(
            unsure(20, 100, 60, seen=60), 60, writes(20, 20, 60, over=60), id="cut, then moved"
        ),
        pytest.param(
            unsure(None, 100, 60, seen=60), 60, Step(False, 60), id="cut, then taken back"
        ),
        pytest.param(
            unsure(None, 20, 60, seen=100), 100, writes(60), id="the move cut, then taken back"
        ),
    ],
)
def test_plan(rating, current, step):
    """
    What is to be done follows from what we have told Stash and from what it says now.
    """
    assert plan(rating, current) == step


def ratings(home):
    """The ratings of the library, by id, without those that have none."""
    return {each.id: each.rating100 for each in home.stash.pictures if each.rating100}


def told(home):
    """What Stash was told, in that order."""
    return [
        (int(record.variables["input"]["id"]), record.variables["input"]["rating100"])
        for record in home.stash.requests
        if record.operation == "Rate"
    ]


def press(home, image_id, thumb="👍", user=OWNER):
    """Press a thumb under the message with this image, as it is now; the message."""
    message = next(each for each in home.received() if shows(each, image_id))
    home.telegram.press(message, message.button(thumb).data, user_id=user)
    return message


def shows(message, image_id):
    return any(f":{image_id}:" in each.data for row in message.buttons for each in row)


@pytest.fixture
def rated(house):
    """A house in which the only image was sent, and had the owner's rating 60."""

    def build(rating100=60, **options):
        home = house([picture(7, rating100=rating100)], **NO_NEXT, **options)
        home.ask()
        home.wait_for_event("photo_sent")
        return home

    return build


NO_NEXT = {"STASHBOT_VOTES_AUTO_NEXT": "false"}


def settled(home, count):
    """Wait until so many ratings were written; what Stash was told."""
    home.wait_for_event("rating_written", count)
    return told(home)


def test_vote_reaches_stash(rated):
    """
    A vote is written at once, and nothing but the rating changes.
    """
    home = rated()
    before = home.stash.pictures[0]

    press(home, 7)

    assert settled(home, 1) == [(7, 100)]
    [after] = home.stash.pictures
    assert (after.rating100, after.title, after.tags) == (100, before.title, before.tags)
    assert home.events("rating_written")[0]["image_id"] == 7
    assert home.events("rating_written")[0]["rating100"] == 100


@pytest.mark.parametrize("before", [60, None])
def test_taken_back(rated, before):
    """
    A vote that is taken back leaves the rating that the owner had set by hand, or none.
    """
    home = rated(before)
    press(home, 7, "👎")
    settled(home, 1)
    home.telegram.wait_for("editMessageReplyMarkup")

    press(home, 7, "👎")

    assert settled(home, 2) == [(7, 20), (7, before)]
    assert home.stash.pictures[0].rating100 == before


def test_changed_by_hand_meanwhile(rated):
    """
    What the owner sets in Stash after the vote stays when the vote is taken back.
    """
    home = rated()
    press(home, 7)
    settled(home, 1)
    home.telegram.wait_for("editMessageReplyMarkup")
    home.stash.add(picture(7, rating100=80))
    asked = len(home.stash.requests)

    press(home, 7)
    wait_until(lambda: len(home.stash.requests) > asked, "it looks at the rating")
    home.restart()

    assert told(home) == [(7, 100)]
    assert home.stash.pictures[0].rating100 == 80


def test_other_numbers(rated):
    """
    What a vote is worth in Stash is the owner's to say.
    """
    home = rated(STASHBOT_VOTES_LIKE="80")

    press(home, 7)

    assert settled(home, 1) == [(7, 80)]


def test_ratings_stay_here(rated):
    """
    Without `write_ratings` Stash is told nothing; the vote stands all the same.
    """
    home = rated(STASHBOT_VOTES_WRITE_RATINGS="false")

    press(home, 7)
    home.telegram.wait_for("editMessageReplyMarkup")
    home.say("/stats")
    home.wait_for_text("Votes: 👍 1, 👎 0")
    home.stop()

    assert told(home) == []


def test_image_is_gone(house):
    """
    A rating for an image that Stash has no more is dropped with a word; the next is written.
    """
    home = house(library(2), **NO_NEXT)
    home.ask(count=1)
    home.ask(count=1)
    home.wait_for_event("photo_sent", 2)
    home.stash.remove(1)

    press(home, 1)
    press(home, 2)

    assert settled(home, 1) == [(2, 100)]
    [failed] = home.events("rating_failed")
    assert (failed["level"], failed["image_id"], failed["rating100"]) == ("warning", 1, 100)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["one life", "a restart between"])
def test_stash_away_during_fifty_votes(house, is_restarted):
    """
    Fifty votes while Stash is away arrive when it is back: each once, in their order.
    """
    home = house(library(60), **NO_NEXT)
    for _ in range(5):
        home.ask("/random 10", count=10)
    images = home.wait_for_images(50)
    home.stop()
    home.stash.server.pause()
    home.start()
    # Albums have no buttons: what a keyboard under them would send is sent here.
    for image in images:
        home.telegram.press(
            1, f"vote:{'like' if image % 2 else 'dislike'}:{image}:0", user_id=OWNER
        )
    home.wait_for_event("voted", 50)
    home.say("/status")
    assert "Not in Stash yet: 50 ratings" in home.wait_for_text("Waiting")
    if is_restarted:
        home.restart()
    home.stash.server.resume()

    expected = [(image, 100 if image % 2 else 20) for image in images]
    assert settled(home, 50) == expected
    assert ratings(home) == dict(expected)


class Hold:
    """Holds the first request of an operation, before or after it takes effect, until released.

    What it holds before its effect never takes it.
    """

    def __init__(self, home, operation, *, after):
        self.reached, self.released = threading.Event(), threading.Event()
        self._operation, self._after = f'"operationName": "{operation}"', after
        self._handle = home.stash.server.handle
        home.stash.server.handle = self

    def __call__(self, request):
        if self._operation not in request.body.decode() or self.reached.is_set():
            return self._handle(request)
        response = self._handle(request) if self._after else Response(503)
        self.reached.set()
        self.released.wait(20)
        return response

    def kill(self, bot):
        """Wait until a request is held, and end the bot as a power cut would."""
        assert self.reached.wait(10)
        bot.kill()
        self.released.set()


STEPS = {
    "as it asks": ("Rating", False),
    "as it has asked": ("Rating", True),
    "as it writes": ("Rate", False),
    "as it has written": ("Rate", True),
}


@pytest.mark.parametrize("step", STEPS)
def test_kill_at_each_step(house, step):
    """
    Killed between any two steps it writes each rating once, in order, and restores it once.
    """
    operation, after = STEPS[step]
    home = house([picture(7, rating100=60), picture(8)], start=False, **NO_NEXT)
    # Given, moved, and taken back, each in a life that is cut short.
    for seven, eight, shown in (("👍", "👎", "👍 ✓"), ("👎", "👍", "👎 ✓"), ("👎", "👍", "👎")):
        with Program(environ=home.environ) as bot:
            if not home.received():
                home.ask()
                home.ask()
            wait_until(lambda: not waiting(home), "all from before is written")
            held = Hold(home, operation, after=after)
            press(home, 7, seven)
            press(home, 8, eight)
            wait_until(partial(shows_votes, home, {7: shown, 8: other(shown)}), "both are shown")
            held.kill(bot)
    with Program(environ=home.environ):
        wait_until(lambda: not waiting(home), "all is written")

    assert told(home) == [(7, 100), (8, 20), (7, 20), (8, 100), (7, 60), (8, None)]
    assert ratings(home) == {7: 60}


def other(label):
    """The same state of the other thumb."""
    return label.translate(str.maketrans("👍👎", "👎👍"))


def shows_votes(home, labels):
    """Whether each of the images has a thumb with this label under it."""
    return all(
        any(shows(message, image_id) and label in thumbs(message) for message in home.received())
        for image_id, label in labels.items()
    )


def thumbs(message):
    return [button.text for button in message.buttons[0]]


def waiting(home):
    """The images whose ratings are to be written."""
    with closing(sqlite3.connect(home.settings.database)) as connection:
        found = connection.execute("SELECT image_id FROM ratings WHERE queued IS NOT NULL")
        return found.fetchall()


@pytest.mark.parametrize("trouble", [Trouble.RESET, Trouble.HTML, Trouble.ERROR, Trouble.HALF])
def test_answer_lost(rated, trouble):
    """
    Where the answer to a rating is lost, Stash is asked what it has, and not told twice.
    """
    home = rated()
    held = Hold(home, "Rate", after=True)

    press(home, 7)
    assert held.reached.wait(10)
    home.stash.server.fail(Fault(GRAPHQL, trouble))
    home.stash.server.cut()
    held.released.set()
    wait_until(lambda: not waiting(home), "all is written")

    assert told(home) == [(7, 100)]
