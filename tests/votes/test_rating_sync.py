"""Ratings in Stash: the step for each, and that each is written once."""

import io
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from stashbot.demo.http import Response
from stashbot.logs import configure
from stashbot.models import Image, Press, Priority, Vote
from stashbot.rules.ratings import Rating, plan
from stashbot.runtime.outage import Outage
from stashbot.runtime.pool import Pool
from stashbot.settings.load import load
from stashbot.stash.client import StashClient
from stashbot.store.ratings import RatingScale
from stashbot.store.store import Store
from stashbot.votes.buttons import PictureButtons
from stashbot.votes.rating_sync import RatingSync
from tests.conftest import (
    FRIEND,
    NO_NEXT,
    OWNER,
    TOKEN,
    at_length,
    library,
    nothing_but_ratings,
    picture,
)
from tests.standins.http import Fault
from tests.standins.stash import StashStandIn
from tests.stash.scripted import errors
from tests.store.stored import NOW, ask, show
from tests.whole.program import wait_until

NOTHING = "nothing"
RATINGS = RatingScale({Vote.LIKE: 100, Vote.DISLIKE: 20}, owner=0)


def entry(target, written=None, before=None, **known):
    """An entry for a vote that was given; without a target one that was taken back."""
    return Rating(1, 5, target, written=written, before=before, **{"is_new": bool(target)} | known)


def cut(target, before=60, written=None, **known):
    """An entry whose write was announced, and not confirmed."""
    return entry(target, written, before, **{"announced": target, "is_new": False} | known)


#: An entry, the rating in Stash, the value to write and then the value before the bot's own;
#: first if ratings of others may be replaced, then if not and the values differ.
PLANS = {
    "first vote": (entry(100), None, (100, None)),
    "first vote, rated 0": (entry(100), 0, (100, 0)),
    "over a rating": (entry(100), 60, (100, 60), (NOTHING, NOTHING)),
    "over the same rating": (entry(100), 100, (NOTHING, 100), (NOTHING, NOTHING)),
    "moved": (entry(20, 100), 100, (20, None)),
    "moved, with a rating before": (entry(20, 100, 60), 100, (20, 60), (60, NOTHING)),
    "moved after a change in Stash": (entry(20, 100), 80, (20, 80), (NOTHING, NOTHING)),
    "moved after it was cleared": (entry(20, 100, 60), None, (20, None)),
    "taken back": (entry(None, 100), 100, (None, NOTHING)),
    "taken back, with a rating before": (entry(None, 100, 60), 100, (60, NOTHING)),
    "taken back, with the same before": (entry(None, 100, 100), 100, (NOTHING, NOTHING)),
    "taken back after a change in Stash": (entry(None, 100, 60), 80, (NOTHING, NOTHING)),
    "taken back after it was cleared": (entry(None, 100, 60), None, (NOTHING, NOTHING)),
    "taken back before it was written": (entry(None), 60, (NOTHING, NOTHING)),
    "another vote is left": (entry(100, 20, is_new=False), 20, (100, None)),
    "another is left, after a change": (entry(100, 20, is_new=False), 80, (NOTHING, NOTHING)),
    "cut before": (cut(100, None), None, (100, None)),
    "cut before, over a rating": (cut(100), 60, (100, 60), (NOTHING, NOTHING)),
    "cut after": (cut(100), 100, (NOTHING, 60), (60, NOTHING)),
    "stars, cut after": (cut(100, is_explicit=True), 100, (NOTHING, 60)),
    "cut, then a change in Stash": (cut(100), 70, (NOTHING, NOTHING)),
    "move cut before": (cut(20, written=100), 100, (20, 60), (60, NOTHING)),
    "move cut after": (cut(20, written=100), 20, (NOTHING, 60), (60, NOTHING)),
    "move cut, and put back": (cut(20, written=100), 60, (NOTHING, NOTHING)),
    "cut after, then moved": (
        cut(20, announced=100, is_new=True),
        100,
        (20, 60),
        (60, NOTHING),
    ),
    "cut after, then taken back": (cut(None, announced=100), 100, (60, NOTHING)),
    "cut before, then taken back": (cut(None, announced=100), 60, (NOTHING, NOTHING)),
    "move cut before, then taken back": (cut(None, announced=20, written=100), 100, (60, NOTHING)),
    "cut, and given anew": (cut(100, is_new=True), 80, (100, 80), (NOTHING, NOTHING)),
}


@pytest.mark.parametrize("replaces_others", [True, False], ids=["always", "unrated"])
@pytest.mark.parametrize("name", PLANS)
def test_plan(name, replaces_others):
    rating, current, *expected = PLANS[name]

    step = plan(rating, current, replaces_others=replaces_others)

    written = step.rating100 if step.writes else NOTHING
    before = step.entry.before if step.entry else NOTHING
    assert (written, before) == expected[0 if replaces_others else -1]


class AnyCuts(RuleBasedStateMachine):
    """Votes of two users on an image, and a worker that is cut short between any two steps.

    At the end Stash has the rating of the newest vote, or the one from before.
    """

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "stashbot.db")
        self.store.begin(ask(self.store, 7), [Image(1)], NOW)
        self.votes, self.update_id = {}, 0
        self.work = None  # the rating and the step that are under way

    @initialize(before=st.sampled_from([None, 60]))
    def start(self, before):
        self.stash = self.before = before

    def teardown(self):
        self.work = None
        while self.store.ratings.first():
            self.read_and_announce()
            self.write_and_finish()
        self.store.close()
        self.folder.cleanup()
        newest = next(reversed(self.votes.values()), None)
        assert self.stash == (RATINGS.rating100[newest] if newest else self.before)

    @rule(user=st.sampled_from([7, 8]), vote=st.sampled_from([*Vote, None]))
    def press(self, user, vote):
        self.update_id += 1
        press = Press(self.update_id, user, user, 1, vote)
        if self.store.votes.cast(press, NOW, RATINGS)[1]:
            self.votes.pop(user, None)
            self.votes |= {user: vote} if vote else {}

    @precondition(lambda self: not self.work and self.store.ratings.first())
    @rule()
    def read_and_announce(self):
        rating = self.store.ratings.first()
        step = plan(rating, self.stash, replaces_others=self.before is not None)
        assert self.store.ratings.announce(rating, step)
        self.work = rating, step

    @precondition(lambda self: self.work)
    @rule()
    def cut_before_the_write(self):
        self.work = None

    @precondition(lambda self: self.work)
    @rule()
    def write(self):
        _, step = self.work
        self.stash = step.rating100 if step.writes else self.stash

    @precondition(lambda self: self.work)
    @rule()
    def write_and_finish(self):
        self.write()
        self.store.ratings.finish(*self.work)
        self.work = None


TestAnyCuts = AnyCuts.TestCase
TestAnyCuts.settings = hypothesis.settings(max_examples=at_length(200, 12), stateful_step_count=30)


def written(home):
    return [
        (int(record.variables["input"]["id"]), record.variables["input"]["rating100"])
        for record in home.stash.requests
        if record.operation == "Rate"
    ]


def waiting(home):
    """The images whose ratings are to be written."""
    return home.query("SELECT image_id FROM ratings WHERE queued IS NOT NULL")


def settled(home):
    """Wait until no rating waits; all writes."""
    wait_until(lambda: not waiting(home), "no rating waits")
    return written(home)


def press(home, vote, image_id=7):
    """Press a button that asks for this vote, and wait until the vote is stored."""
    votes = len(home.telegram.answers) + 1
    home.telegram.press(home.received()[-1], f"vote:{vote}:{image_id}", user_id=OWNER)
    home.telegram.wait_for("answerCallbackQuery", count=votes)


@pytest.fixture
def rated(house):
    """A house in which the only image was sent."""

    def build(rating100=None, **options):
        home = house([picture(7, rating100=rating100)], **NO_NEXT | options)
        home.ask()
        home.wait_for_event("photo_sent")
        return home

    return build


ALWAYS = {"STASHBOT_VOTES_WRITE_RATINGS": "always"}


def test_vote_reaches_stash(rated):
    home = rated()
    before = home.stash.pictures[0]

    press(home, "like")
    event = home.wait_for_event("rating_written")[0]

    assert written(home) == [(7, 100)]
    [after] = home.stash.pictures
    assert (after.rating100, after.title, after.tags) == (100, before.title, before.tags)
    assert (event["image_id"], event["rating100"]) == (7, 100)


@pytest.mark.parametrize(
    ("before", "options", "expected"),
    [
        pytest.param(None, {}, [(7, 20), (7, None)], id="no rating before"),
        pytest.param(60, ALWAYS, [(7, 20), (7, 60)], id="a rating that may be replaced"),
        pytest.param(60, {}, [], id="a rating of the owner"),
        pytest.param(
            None, {"STASHBOT_VOTES_DISLIKE": "40"}, [(7, 40), (7, None)], id="another number"
        ),
        pytest.param(60, {"STASHBOT_VOTES_WRITE_RATINGS": "false"}, [], id="never"),
    ],
)
def test_vote_that_is_taken_back(rated, before, options, expected):
    home = rated(before, **options)
    for vote in ("dislike", "none"):
        press(home, vote)
        settled(home)

    assert written(home) == expected
    assert home.stash.pictures[0].rating100 == before


def rate(home, stars, user=OWNER):
    """Press a star, and wait until it is stored; the answer to it."""
    message = home.received(user)[-1]
    query = home.telegram.press(message, f"rate:{stars}:7", user_id=user)
    answer = partial(_answer, home, query)
    wait_until(lambda: answer() is not None, "the answer")
    return answer()


def labels_of(edit):
    rows = edit.json("reply_markup")["inline_keyboard"]
    return [button["text"] for row in rows for button in row]


def _answer(home, query):
    return next((each.text for each in home.telegram.answers if each.query_id == query), None)


@pytest.mark.parametrize("before", [None, 60])
def test_stars_of_the_owner(rated, before):
    """They replace any rating, and the marked star restores what was there."""
    home = rated(before)
    note = rate(home, 4)

    assert note == "⭐ 4 in Stash"
    assert settled(home) == [(7, 80)]
    assert home.query("SELECT vote, stars FROM votes") == [("like", 4)]
    rate(home, 2)
    settled(home)
    rate(home, 0)
    assert settled(home) == [(7, 80), (7, 40), (7, before)]
    assert home.query("SELECT vote, stars FROM votes") == [(None, None)]


def friend_presses(home, data):
    """The friend, who was sent the picture too, presses a button; wait for the effect in Stash."""
    message = home.received(FRIEND)[-1]
    query = home.telegram.press(message, data, user_id=FRIEND)
    wait_until(lambda: _answer(home, query) is not None, "the answer")
    return settled(home)


@pytest.fixture
def shared(rated):
    """A house in which the owner and a friend were sent the only image."""

    def build(rating100=None, **options):
        home = rated(rating100, **options)
        home.ask(user=FRIEND)
        home.wait_for_event("photo_sent", 2)
        return home

    return build


def test_stars_of_the_owner_end_above_the_vote_of_a_friend(shared):
    """The vote was not written over the rating before the stars, and is not after them."""
    home = shared(40)
    friend_presses(home, "vote:dislike:7")
    rate(home, 5)
    settled(home)
    note = rate(home, 0)

    assert settled(home) == [(7, 100), (7, 40)]
    assert note == "Vote removed · ⭐ 2 in Stash"


@pytest.mark.parametrize("before", [None, 40])
def test_vote_of_a_friend_after_stars_of_the_owner(shared, before):
    home = shared(before)
    rate(home, 5)
    settled(home)

    assert friend_presses(home, "vote:dislike:7") == [(7, 100)]
    assert friend_presses(home, "rate:1:7") == [(7, 100)]


def test_vote_of_a_friend_writes_no_old_stars(shared):
    """The owner has rated in Stash since the stars: that rating stays."""
    home = shared(40)
    rate(home, 5)
    settled(home)
    home.stash.add(picture(7, rating100=70))

    assert friend_presses(home, "vote:like:7") == [(7, 100)]
    assert home.stash.pictures[0].rating100 == 70


def test_vote_of_a_friend_after_stars_that_it_may_replace(shared):
    home = shared(40, **ALWAYS)
    rate(home, 5)
    settled(home)

    assert friend_presses(home, "vote:dislike:7") == [(7, 100), (7, 20)]


def test_vote_after_stars_over_a_rating(rated):
    """Only stars may replace a rating: with the vote in their place it is restored."""
    home = rated(60)
    rate(home, 5)
    settled(home)
    press(home, "dislike")

    assert settled(home) == [(7, 100), (7, 60)]
    assert home.telegram.answers[-1].text == "👎 · Stash keeps ⭐ 3"


def test_three_stars_are_no_vote(rated):
    home = rated()
    press(home, "like")
    rate(home, 3)

    assert settled(home)[-1] == (7, 60)
    assert home.query("SELECT vote, stars FROM votes") == [(None, 3)]


def test_stars_of_others_touch_no_rating_of_the_owner(rated):
    home = rated(60)
    home.ask(user=FRIEND)
    home.wait_for_event("photo_sent", 2)
    note = rate(home, 5, FRIEND)

    assert settled(home) == []
    assert note == "Stash keeps ⭐ 3"


def test_stars_are_followed_by_a_vote(rated):
    home = rated()
    rate(home, 4)
    settled(home)
    press(home, "dislike")

    assert settled(home) == [(7, 80), (7, 20)]
    assert home.query("SELECT vote, stars FROM votes") == [("dislike", None)]


@pytest.mark.parametrize(
    ("before", "options", "shown"),
    [
        pytest.param(None, {}, "⭐ 5/5", id="written"),
        pytest.param(60, {}, "⭐ 3/5", id="of the owner"),
        pytest.param(60, ALWAYS, "⭐ 5/5", id="replaced"),
    ],
)
def test_caption_after_a_vote(rated, before, options, shown):
    """The rating stands in the caption in the same edit as the mark."""
    home = rated(before, **options)
    press(home, "like")
    [edit] = home.telegram.wait_for("editMessageCaption")

    assert shown in edit.params["caption"]
    assert "Picture 7" in edit.params["caption"]
    assert labels_of(edit)[0] == "👍 ✓"


def test_written_while_the_rating_is_looked_up(store, monkeypatch):
    """A vote that is taken back while the one before it is being written leaves no rating."""
    show(store, 7)
    votes, queue = store.votes, store.ratings

    def cast(update_id, vote):
        votes.cast(Press(update_id, OWNER, OWNER, 7, vote), NOW, RATINGS)

    def announced(current):
        rating = queue.first()
        step = plan(rating, current, replaces_others=False)
        assert queue.announce(rating, step)
        return rating, step

    def write(rating, step):
        votes.note_rating(7, step.rating100)
        queue.finish(rating, step)

    cast(1, Vote.LIKE)
    write(*announced(None))
    cast(2, Vote.DISLIKE)
    dislike = announced(100)
    cast(3, None)
    looks = []

    def in_the_middle(look, image_id):
        if len(looks) == 1:
            write(*dislike)
        looks.append(image_id)
        return look(image_id)

    monkeypatch.setattr(votes, "image", partial(in_the_middle, votes.image))
    monkeypatch.setattr(queue, "entry", partial(in_the_middle, queue.entry))
    settings = load(None, {"STASHBOT_TELEGRAM_TOKEN": TOKEN})

    assert PictureButtons(store, settings).rating(7) is None
    assert len(looks) == 2


def test_caption_after_a_rating_by_hand(rated):
    """The caption says what Stash has, also if the bot learns that after the press."""
    home = rated()
    home.stash.add(picture(7, rating100=60))
    press(home, "like")
    edit = home.telegram.wait_for(
        lambda call: call.method == "editMessageCaption" and "⭐ 3/5" in call.params["caption"]
    )[-1]

    assert labels_of(edit)[0] == "👍 ✓"
    assert settled(home) == []


def test_caption_after_a_vote_on_an_image_that_is_gone(rated):
    """It has no rating that Stash did not take."""
    home = rated()
    home.stash.remove(7)
    press(home, "like")
    home.wait_for_event("rating_failed")

    wait_until(lambda: "✓" in str(home.received()[-1].buttons), "the mark")
    wait_until(lambda: "⭐" not in home.received()[-1].text, "no rating")


def test_no_stars_without_ratings(rated):
    home = rated(STASHBOT_VOTES_WRITE_RATINGS="never")
    home.telegram.press(home.received()[-1], "menu:7", user_id=OWNER)
    edit = home.telegram.wait_for("editMessageCaption")[-1]

    assert "ⓘ" in labels_of(edit)
    assert "⭐ 1" not in labels_of(edit)


def test_ratings_stay_here_from_now_on(rated):
    """/status does not count the ratings that waited when the setting became "never"."""
    home = rated()
    refuse(home.stash, LOCKED)
    press(home, "like")
    home.say("/status")
    before = home.wait_for_text("Database")
    home.settings = load(None, home.environ | {"STASHBOT_VOTES_WRITE_RATINGS": "false"})
    home.restart()
    home.say("/status")
    after = home.wait_for_text("Database", count=2)

    assert "Not in Stash yet: 1 rating" in before
    assert "Not in Stash yet" not in after


def test_caption_after_a_rating_out_of_range(rated):
    """Stash takes any number."""
    home = rated(250)
    press(home, "like")
    settled(home)
    home.telegram.press(home.received()[-1], "menu:7", user_id=OWNER)
    edit = home.telegram.wait_for("editMessageCaption", count=2)[-1]

    assert "⭐ 5/5" in edit.params["caption"]


def test_caption_without_the_ratings_that_stay_here(rated):
    home = rated()
    refuse(home.stash, LOCKED)
    press(home, "like")
    home.settings = load(None, home.environ | {"STASHBOT_VOTES_WRITE_RATINGS": "never"})
    home.restart()
    edits = len(home.telegram.wait_for("editMessageCaption"))
    home.telegram.press(home.received()[-1], "menu:7", user_id=OWNER)
    edit = home.telegram.wait_for("editMessageCaption", count=edits + 1)[-1]

    assert "⭐" not in edit.params["caption"]


def test_image_is_gone(house):
    """A rating for an image that Stash has no more is dropped with a word; the next is written."""
    home = house(library(2), **NO_NEXT)
    home.ask(count=1)
    home.ask(count=1)
    home.wait_for_event("photo_sent", 2)
    home.stash.remove(1)

    press(home, "like", 1)
    press(home, "like", 2)

    assert settled(home) == [(2, 100)]
    [failed] = home.events("rating_failed")
    assert (failed["level"], failed["image_id"], failed["rating100"]) == ("warning", 1, 100)


def test_stash_away_during_fifty_votes(house):
    home = house(library(60), **NO_NEXT)
    for _ in range(5):
        home.ask("/random 10", count=10)
    images = home.wait_for_images(50)
    home.stop()
    home.stash.server.pause()
    home.start()
    for image in images:
        home.telegram.press(1, f"vote:{'like' if image % 2 else 'dislike'}:{image}", user_id=OWNER)
    home.wait_for_event("voted", 50)
    home.say("/status")
    assert "Not in Stash yet: 50 ratings" in home.wait_for_text("Database")
    home.restart()
    home.stash.server.resume()

    assert settled(home) == [(image, 100 if image % 2 else 20) for image in images]


GRAPHQL_ERROR, LOCKED = errors("context canceled"), errors("database is locked")
BAD_GATEWAY = Response(502, "text/html", b"<html>")


def refuse(stash, response, times=10**9, image_id=""):
    """Let Stash answer ratings, all or those of one image, in this way."""
    words = f'"operationName": "Rate".*"id": "{image_id}'
    stash.server.fail(fault := Fault("/graphql", response, times=times, words=words))
    return fault


@pytest.mark.parametrize("response", [GRAPHQL_ERROR, LOCKED, BAD_GATEWAY])
def test_rating_that_stash_could_not_take_once(rated, response):
    home = rated()
    refuse(home.stash, response, times=1)

    press(home, "like")

    assert settled(home) == [(7, 100)]
    assert not home.events("stash_down") + home.events("rating_failed")


@pytest.mark.parametrize("response", [LOCKED, BAD_GATEWAY])
def test_pictures_from_a_stash_that_takes_no_ratings(house, response):
    home = house(library(9), **NO_NEXT)
    refuse(home.stash, response)
    home.ask()
    press(home, "like", home.sent_images()[0])
    began = time.monotonic()

    for _ in range(4):
        home.ask()

    assert time.monotonic() - began < 5
    assert not home.events("stash_down")


class Desk:
    """A RatingSync with a real database and Stash, and a pool on a clock of the test."""

    def __init__(self, folder, stash):
        self.now, self.stash, self.update_id = 0.0, stash, 0
        self.store = Store(folder / "stashbot.db")
        self.client = StashClient(stash.url, "", threading.Event())
        self.client.outage = self.outage = Outage("stash", 20.0, self.clock)
        self.pool = Pool({}, clock=self.clock)
        self.sync = RatingSync(
            store=self.store, stash=self.client, pool=self.pool, write_ratings="unrated"
        )

    def clock(self):
        return self.now

    def vote(self, image_id, vote=Vote.LIKE):
        self.update_id += 1
        self.store.votes.cast(Press(self.update_id, 7, 7, image_id, vote), NOW, RATINGS)
        self.sync.wake()

    def work(self, seconds=0.0):
        over = []
        self.pool.submit(lambda: over.append(1), seconds, priority=Priority.BACKGROUND)
        while not over:
            self.now = max(self.now, min(each[0].due for each in self.pool._lanes.values()))
            self.pool.turn()


@pytest.fixture
def desk(tmp_path):
    with StashStandIn(library(5)) as stash:
        built = Desk(tmp_path, stash)
        yield built
        built.client.close_thread()
        built.store.close()
        nothing_but_ratings(stash)


def test_others_do_not_wait_for_a_rating_that_stash_does_not_take(desk):
    logs = io.StringIO()
    configure("info", "json", (), stream=logs)
    refuse(desk.stash, GRAPHQL_ERROR, image_id=1)
    for image_id in (1, 2, 3):
        desk.vote(image_id)
    desk.work(60.0)
    desk.stash.server.heal()
    desk.work(60.0)

    assert written(desk) == [(2, 100), (3, 100), (1, 100)]
    assert len(desk.store.ratings) == 0
    assert 1 < logs.getvalue().count("rating_failed") < 7
    assert not desk.sync._rests


def test_rating_that_failed_is_tried_ever_more_rarely(desk):
    refused = refuse(desk.stash, GRAPHQL_ERROR, image_id=1)
    desk.vote(1)

    desk.work(86_400.0)

    assert 20 < refused.met < 40


def test_votes_while_a_rating_rests(desk):
    refuse(desk.stash, GRAPHQL_ERROR, image_id=1)
    desk.vote(1)
    desk.work(3600.0)
    desk.vote(2)
    desk.work()
    desk.stash.server.heal()
    desk.vote(1, Vote.DISLIKE)
    desk.work()

    assert written(desk) == [(2, 100), (1, 20)]


def test_another_caller_has_found_stash_away(desk):
    desk.outage.down(OSError("no route"))
    desk.vote(1)
    desk.work(0.5)
    desk.now = 1.2
    assert desk.outage.may_try()
    desk.work(1.5)
    before = len(desk.stash.requests)
    desk.work(20)

    assert before == 0
    assert written(desk) == [(1, 100)]
