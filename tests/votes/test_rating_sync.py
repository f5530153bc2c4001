"""Ratings on their way to Stash: what to do about each, and that each arrives once."""

import io
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from stashbot.demo.http import Fault, Response, Trouble
from stashbot.demo.stash.standin import StashStandIn
from stashbot.logs import configure
from stashbot.models import Image, Press, Priority, Rating, Vote
from stashbot.rules.ratings import plan
from stashbot.runtime.outage import Outage
from stashbot.runtime.pool import Pool
from stashbot.settings.load import load
from stashbot.stash.client import StashClient
from stashbot.store.store import Store
from stashbot.votes.rating_sync import RatingSync
from tests.conftest import OWNER, at_length, library, nothing_but_ratings, picture
from tests.store.stored import NOW, ask
from tests.whole.program import Program, wait_until

GRAPHQL = "/graphql"
NOTHING = "nothing"
RATINGS = {Vote.LIKE: 100, Vote.DISLIKE: 20}


def entry(target, told=None, before=None, **known):
    """What ballot 5 wants, after ballot 1 was the first and ballot 4 the last to be written."""
    written = {"announced": 4, "since": 1} if told else {}
    values = {"ballot": target and 5, "target": target, "told": told, "before": before}
    return Rating(1, 5, **values | written | known)


def unsure(target, told, before, seen, **known):
    """The same where Stash, which had `seen` until then, may not have heard of ballot 4."""
    return entry(target, told, before, is_sure=False, seen=seen, **known)


def again(target, before, seen):
    """The same where ballot 5 itself may have been written, and was cut."""
    return unsure(target, target, before, seen, announced=5)


def older(target, told, before, **known):
    """Ballot 5 has taken a vote back, and the newest that is left is an older one."""
    return entry(target, told, before, ballot=1, **known)


@pytest.mark.parametrize(
    ("rating", "current", "written", "remembered"),
    [
        pytest.param(entry(100), None, 100, None, id="the first vote"),
        pytest.param(entry(100), 60, 100, 60, id="over the owner's rating"),
        pytest.param(entry(100), 100, NOTHING, 100, id="the owner thinks the same"),
        pytest.param(entry(20, 100, 60), 100, 20, 60, id="moved"),
        pytest.param(entry(20, 100, 60), 80, 20, 80, id="moved after the owner"),
        pytest.param(entry(None, 100, 60), 100, 60, NOTHING, id="taken back"),
        pytest.param(entry(None, 100), 100, None, NOTHING, id="taken back, there was none"),
        pytest.param(entry(None, 100, 60), 80, NOTHING, NOTHING, id="the owner has changed it"),
        pytest.param(entry(None, 100, 60), None, NOTHING, NOTHING, id="the owner has cleared it"),
        pytest.param(entry(None), 60, NOTHING, NOTHING, id="taken back before it was written"),
        pytest.param(entry(None, 100, 100), 100, NOTHING, NOTHING, id="it was that before"),
        pytest.param(again(100, 60, seen=60), 60, 100, 60, id="cut before"),
        pytest.param(again(100, 60, seen=60), 100, NOTHING, 60, id="cut after"),
        pytest.param(again(100, 60, seen=60), 70, NOTHING, NOTHING, id="cut, then the owner"),
        pytest.param(again(20, 60, seen=100), 100, 20, 60, id="the move cut before"),
        pytest.param(again(20, 60, seen=100), 20, NOTHING, 60, id="the move cut after"),
        pytest.param(again(20, 60, seen=100), 60, NOTHING, NOTHING, id="cut, and put back"),
        pytest.param(unsure(20, 100, 60, seen=60), 60, 20, 60, id="cut, then moved"),
        pytest.param(unsure(None, 100, 60, seen=60), 60, NOTHING, NOTHING, id="cut, taken back"),
        pytest.param(unsure(None, 20, 60, seen=100), 100, 60, NOTHING, id="move cut, taken back"),
        pytest.param(unsure(20, 20, 60, seen=100), 60, 20, 60, id="two cuts, and pressed again"),
        pytest.param(older(100, 20, 60), 20, 100, 60, id="another's older vote is left"),
        pytest.param(older(100, 20, 80, since=4), 20, 80, NOTHING, id="older than the owner's"),
        pytest.param(older(100, 100, 60), 80, NOTHING, NOTHING, id="told before the owner's"),
    ],
)
def test_plan(rating, current, written, remembered):
    """What is to be done follows from what we have told Stash and from what it says now."""
    step = plan(rating, current)

    assert (step.rating100 if step.writes else NOTHING) == written
    is_ours = step.entry is not None and step.entry.told is not None
    assert (step.entry.before if is_ours else NOTHING) == remembered


class AnyCuts(RuleBasedStateMachine):
    """
    Votes of two people on an image, an owner who sets ratings in Stash while nothing waits,
    a worker that is cut short between any two steps, and people who forget their votes. In
    the end Stash has what was said last: by the owner, or by the newest vote since then that
    is left. What it has of a forgotten vote stays there until somebody votes.
    """

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "stashbot.db")
        self.store.begin(ask(self.store, 7), [Image(1)], NOW)
        self.stash = self.base = None
        self.base_until = 0  # the ballots up to there are older than the owner's rating
        self.is_left_alone = False  # as it is, until somebody votes
        self.is_taking_back = False  # with the last press
        self.votes, self.press_id = {}, 0
        self.work = None  # the rating and the step that are under way

    def teardown(self):
        before = self.stash
        while rating := self.store.ratings.first():
            step = plan(rating, self.stash)
            assert self.store.ratings.announce(rating, step)
            if step.writes:
                self.stash = step.rating100
            self.store.ratings.finish(rating, step)
        self.store.close()
        self.folder.cleanup()
        id, rating100 = self.newest()
        said = rating100 if id > self.base_until else self.base
        assert self.stash == (before if self.is_left_alone else said)

    def newest(self):
        """The newest vote that is left: its ballot, and what it is worth."""
        return max(self.votes.values(), default=(0, None), key=lambda each: each[0])

    @precondition(lambda self: not self.work)
    @rule(user=st.sampled_from([7, 8]))
    def forget(self, user):
        id, _ = self.newest()
        is_theirs = id > 0 and self.votes.get(user, (0,))[0] == id
        is_settled = self.store.ratings.first() is None
        self.votes.pop(user, None)
        self.store.votes.forget(user, RATINGS)
        if is_settled or (is_theirs and not self.newest()[0] and not self.is_taking_back):
            self.is_left_alone = True
            if not self.votes:  # then nothing is known of what was before
                self.base, self.base_until = self.stash, 0

    @rule(user=st.sampled_from([7, 8]), thumb=st.sampled_from(Vote))
    def press(self, user, thumb):
        self.is_left_alone = False
        self.press_id += 1
        shown = self.store.votes.standing(user, 1).newest
        press = Press(self.press_id, user, user, 1, thumb, shown)
        ballot, _ = self.store.votes.cast(press, NOW, RATINGS)
        self.is_taking_back = ballot.vote is None
        self.votes[user] = (ballot.id, RATINGS[ballot.vote]) if ballot.vote else (0, None)

    @precondition(lambda self: not self.work and not self.store.ratings.first())
    @rule(rating100=st.sampled_from([None, 60, 80]))
    def owner(self, rating100):
        if rating100 != self.stash:
            self.is_left_alone = False
            self.stash = self.base = rating100
            self.base_until = max(id for id, _ in [*self.votes.values(), (0, None)])

    @precondition(lambda self: not self.work and self.store.ratings.first())
    @rule()
    def read_and_announce(self):
        rating = self.store.ratings.first()
        step = plan(rating, self.stash)
        if self.store.ratings.announce(rating, step):
            self.work = rating, step

    @precondition(lambda self: self.work)
    @rule()
    def cut_before_the_write(self):
        self.work = None

    @precondition(lambda self: self.work)
    @rule()
    def write_and_cut(self):
        _, step = self.work
        self.stash, self.work = step.rating100 if step.writes else self.stash, None

    @precondition(lambda self: self.work)
    @rule(data=st.data())
    def write_and_finish(self, data):
        rating, step = self.work
        self.stash = step.rating100 if step.writes else self.stash
        if data.draw(st.booleans()):  # somebody votes while it is written
            self.press(data.draw(st.sampled_from([7, 8])), data.draw(st.sampled_from(Vote)))
        self.store.ratings.finish(rating, step)
        self.work = None


TestAnyCuts = AnyCuts.TestCase
TestAnyCuts.settings = hypothesis.settings(max_examples=at_length(200, 15), stateful_step_count=30)


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
    """A vote is written at once, and nothing but the rating changes."""
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
    """A vote that is taken back leaves the rating that the owner had set by hand, or none."""
    home = rated(before)
    press(home, 7, "👎")
    settled(home, 1)
    home.telegram.wait_for("editMessageReplyMarkup")

    press(home, 7, "👎")

    assert settled(home, 2) == [(7, 20), (7, before)]
    assert home.stash.pictures[0].rating100 == before


def test_changed_by_hand_meanwhile(rated):
    """What the owner sets in Stash after the vote stays when the vote is taken back."""
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
    """What a vote is worth in Stash is the owner's to say."""
    home = rated(STASHBOT_VOTES_LIKE="80")

    press(home, 7)

    assert settled(home, 1) == [(7, 80)]


def test_ratings_stay_here(rated):
    """Without `write_ratings` Stash is told nothing; the vote stands all the same."""
    home = rated(STASHBOT_VOTES_WRITE_RATINGS="false")

    press(home, 7)
    home.telegram.wait_for("editMessageReplyMarkup")
    home.say("/stats")
    home.wait_for_text("Votes: 👍 1, 👎 0")
    home.stop()

    assert told(home) == []


def test_ratings_stay_here_from_now_on(rated):
    """What waited when `write_ratings` was turned off is not said to be on its way."""
    home = rated()
    Unwilling(home.stash, LOCKED)
    press(home, 7)
    home.wait_for_event("voted")
    home.say("/status")
    before = home.wait_for_text("Waiting")
    home.settings = load(None, home.environ | {"STASHBOT_VOTES_WRITE_RATINGS": "false"})
    home.restart()
    home.say("/status")
    after = home.wait_for_text("Waiting", count=2)

    assert "Not in Stash yet: 1 rating" in before
    assert "Not in Stash yet" not in after


def test_image_is_gone(house):
    """A rating for an image that Stash has no more is dropped with a word; the next is written."""
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
    """Fifty votes while Stash is away arrive when it is back: each once, in their order."""
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


GRAPHQL_ERROR = Response(
    body=b'{"errors":[{"message":"context canceled","path":["imageUpdate"]}],"data":null}'
)
LOCKED = Response(
    body=b'{"errors":[{"message":"database is locked","path":["imageUpdate"]}],"data":null}'
)
BAD_GATEWAY = Response(502, "text/html", b"<html>")


class Unwilling:
    """Answers so many ratings in this way, those of one image if that is named."""

    def __init__(self, stash, response, times=10**9, image_id=""):
        self.response, self.times, self.what = response, times, f'"id": "{image_id}'.encode()
        self.handle, stash.server.handle = stash.server.handle, self

    def __call__(self, request):
        is_meant = b'"operationName": "Rate"' in request.body and self.what in request.body
        if is_meant and self.times > 0:
            self.times -= 1
            return self.response
        return self.handle(request)


@pytest.mark.parametrize("response", [GRAPHQL_ERROR, LOCKED, BAD_GATEWAY])
def test_passing_failure(rated, response):
    """A rating that Stash could not take once is written a moment later, and Stash is not away."""
    home = rated()
    Unwilling(home.stash, response, times=1)

    press(home, 7)

    assert settled(home, 1) == [(7, 100)]
    assert not home.events("stash_down")
    assert not home.events("rating_failed")


@pytest.mark.parametrize("response", [LOCKED, BAD_GATEWAY])
def test_stash_that_takes_no_ratings(house, response):
    """While Stash serves pictures and takes no ratings, pictures come as ever."""
    home = house(library(9), **NO_NEXT)
    Unwilling(home.stash, response)
    home.ask()
    press(home, home.sent_images()[0])
    home.wait_for_event("voted")
    began = time.monotonic()

    for _ in range(4):
        home.ask()

    assert time.monotonic() - began < 3
    assert not home.events("stash_down")


class Desk:
    """A rater on a database and a Stash, with its pool on a clock that the test moves."""

    def __init__(self, folder, stash):
        self.now, self.stash = 0.0, stash
        self.store = Store(folder / "stashbot.db")
        self.client = StashClient(stash.url, "", threading.Event())
        self.outage = Outage("stash", 20.0, self.clock)
        self.pool = Pool(aside=1, clock=self.clock)
        self.rater = RatingSync(
            self.store, self.client, self.outage, self.pool, may_write=True, clock=self.clock
        )

    def clock(self):
        return self.now

    def vote(self, image_id, thumb=Vote.LIKE):
        shown = self.store.votes.standing(7, image_id).newest
        press = Press(1000 * image_id + shown, 7, 7, image_id, thumb, shown)
        self.store.votes.cast(press, NOW, RATINGS)
        self.rater.wake()

    def work(self, seconds=0.0):
        """Let the pool do what is to be done in so many seconds."""
        over = []
        self.pool.submit(lambda: over.append(1), seconds, priority=Priority.BACKGROUND)
        while not over:
            if not any(self.pool._lines.values()):
                self.now = max(self.now, self.pool._due[0][0])
            self.pool.turn()

    @property
    def told(self):
        return [
            int(record.variables["input"]["id"])
            for record in self.stash.requests
            if record.operation == "Rate"
        ]


@pytest.fixture
def desk(tmp_path):
    with StashStandIn(library(5)) as stash:
        built = Desk(tmp_path, stash)
        yield built
        built.client.close_thread()
        built.store.close()
        nothing_but_ratings(stash)


def test_others_wait_for_a_short_while(desk):
    """A rating that Stash fails at holds up the others for some seconds, to keep the order."""
    Unwilling(desk.stash, GRAPHQL_ERROR, times=2, image_id=1)
    for image_id in (1, 2, 3):
        desk.vote(image_id)

    desk.work(6.0)

    assert desk.told == [1, 2, 3]


def test_others_do_not_wait_for_ever(desk):
    """Then they go first; it is tried again ever more rarely, and written when Stash takes it."""
    logs = io.StringIO()
    configure("info", "json", (), stream=logs)
    unwilling = Unwilling(desk.stash, GRAPHQL_ERROR, image_id=1)
    for image_id in (1, 2, 3):
        desk.vote(image_id)
    desk.work(60.0)
    before, unwilling.times = desk.told, 0
    desk.work(60.0)

    assert before == [2, 3]
    assert desk.told == [2, 3, 1]
    assert len(desk.store.ratings) == 0
    assert 1 < logs.getvalue().count("rating_failed") < 5


def test_new_vote_on_what_failed(desk):
    """A new vote on such an image is tried at once."""
    unwilling = Unwilling(desk.stash, GRAPHQL_ERROR, image_id=1)
    desk.vote(1)
    desk.work(600.0)
    unwilling.times = 0

    desk.vote(1, Vote.DISLIKE)
    desk.work()

    assert desk.told == [1]
    assert desk.stash.pictures[0].rating100 == 20


def test_votes_while_one_rests(desk):
    """What Stash fails at holds up nobody for longer: another's rating is written at once."""
    Unwilling(desk.stash, GRAPHQL_ERROR, image_id=1)
    desk.vote(1)
    desk.work(3600.0)

    desk.vote(2)
    desk.work()

    assert desk.told == [2]


def test_stash_is_back_while_one_rests_shortly(desk):
    """The order is kept, and the pause, though the pool is hurried meanwhile."""
    unwilling = Unwilling(desk.stash, GRAPHQL_ERROR, times=2, image_id=1)
    for image_id in (1, 2):
        desk.vote(image_id)
    desk.work(0.5)

    desk.pool.hurry()
    desk.work()
    tried, early = 2 - unwilling.times, desk.told
    desk.work(5.0)

    assert (tried, early) == (1, [])
    assert desk.told == [1, 2]


def test_new_vote_during_a_short_rest(desk):
    """A rest that no rating needs any more holds up nobody."""
    Unwilling(desk.stash, GRAPHQL_ERROR, times=1, image_id=1)
    desk.vote(1)
    desk.work()

    desk.vote(1, Vote.DISLIKE)
    desk.pool.hurry()
    desk.work()

    assert desk.told == [1]


def test_stash_is_back_while_one_rests_long(desk):
    """It is tried again when its time has come, and neither forgotten nor tried before."""
    unwilling = Unwilling(desk.stash, GRAPHQL_ERROR, times=5, image_id=1)
    desk.vote(1)
    desk.work(20.0)  # it was tried after 0, 1, 3, 7 and 15 s

    desk.pool.hurry()
    desk.work(10.0)
    early = desk.told
    desk.work(2.0)

    assert (unwilling.times, early, desk.told) == (0, [], [1])


def test_vote_while_a_gone_image_is_dropped(desk):
    """A vote that comes while the image of an older one turns out to be gone is not dropped."""
    desk.vote(1)
    rating = desk.store.ratings.first()
    desk.vote(1, Vote.DISLIKE)

    desk.store.ratings.drop(rating)

    assert desk.store.ratings.first().target == 20


def test_others_have_found_stash_away(desk):
    """It is not asked before its time, nor while somebody else tries it; then once."""
    desk.outage.down(OSError("no route"))
    desk.vote(1)
    desk.work(0.5)
    early = len(desk.stash.requests)
    desk.now = 1.1
    assert desk.outage.may_try()
    desk.work(1.5)
    besides = len(desk.stash.requests)
    desk.work(20)

    assert (early, besides) == (0, 0)
    assert desk.told == [1]


def test_nothing_is_left_of_failures(desk):
    """What has failed is forgotten when it no longer waits, whatever else still fails."""
    Unwilling(desk.stash, GRAPHQL_ERROR, image_id=1)
    unwilling = Unwilling(desk.stash, GRAPHQL_ERROR, image_id=2)
    for image_id in (1, 2):
        desk.vote(image_id)
    for _ in range(20):
        desk.work(60.0)
        desk.vote(2)
    desk.work(3600.0)
    failing = len(desk.rater._failures)
    unwilling.times = 0
    desk.work(6 * 3600.0)

    assert (failing, len(desk.rater._failures), len(desk.pool)) == (2, 1, 1)


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


@pytest.mark.parametrize("step", at_length(list(STEPS), ["as it has written"]))
def test_kill_at_each_step(house, step):
    """Killed between any two steps it writes each rating once, in order, and restores it once."""
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
    """Where the answer to a rating is lost, Stash is asked what it has, and not told twice."""
    home = rated()
    held = Hold(home, "Rate", after=True)

    press(home, 7)
    assert held.reached.wait(10)
    home.stash.server.fail(Fault(GRAPHQL, trouble))
    home.stash.server.cut()
    held.released.set()
    wait_until(lambda: not waiting(home), "all is written")

    assert told(home) == [(7, 100)]
