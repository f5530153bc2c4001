"""Votes in the database: the effect of presses, the counts, and forgetting."""

import tempfile
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stashbot.models import Facet, Feature, Image, Named, Press, Shown, Trigger, Vote, VoteCounts
from stashbot.rules.preferences import TOTAL
from stashbot.rules.votes import NO_OPINION, vote_of
from stashbot.store.database import open_database, scripts
from stashbot.store.ratings import RatingScale
from stashbot.store.store import Store
from tests.conftest import at_length
from tests.store.stored import CHAT, DAY, NOW, USER, arrive, ask, begin, rows_of, show

LIKE, DISLIKE = Vote.LIKE, Vote.DISLIKE
RATINGS = RatingScale({LIKE: 100, DISLIKE: 20}, owner=0)
ANN, BEN, GROUP = 7, 8, -500
SEA = Named(3, "sea")
IMAGES = {
    1: Image(1, title="One", tags=(SEA,), performers=(Named(3, "Ann"),)),
    2: Image(2, title="Two", tags=(SEA,)),
}
TAG = Feature(Facet.TAG, SEA.id)


class Voter:
    """Presses vote buttons, each with a new update; `seconds` go by before a press."""

    def __init__(self, store):
        self.store, self.now, self.update_id = store, NOW, 1000

    def press(self, vote, *, user=ANN, image=1, chat=None, seconds=10.0, ratings=RATINGS):
        """Press the button that asks for `vote`; the user's vote after it."""
        self.update_id += 1
        self.now += timedelta(seconds=seconds)
        return self.deliver(self.update_id, vote, user, image, chat or user, ratings)[0]

    def deliver(self, update_id, vote, user=ANN, image=1, chat=ANN, ratings=RATINGS):
        press = Press(update_id, chat, user, image, vote)
        opinion, is_changed = self.store.votes.cast(press, self.now, ratings)
        return opinion.vote, is_changed

    def counts(self, chat, image=1):
        votes = self.store.votes.of_image(chat, image)
        return votes.likes, votes.dislikes


@pytest.fixture
def voter(store):
    for image in IMAGES.values():
        arrive(store, store.begin(ask(store, ANN), [image], NOW).values(), [image])
    return Voter(store)


@pytest.mark.parametrize("seconds", [0.2, 10], ids=["quickly", "slowly"])
@pytest.mark.parametrize(
    ("presses", "vote"),
    [
        pytest.param([LIKE], LIKE, id="given"),
        pytest.param([LIKE, LIKE], LIKE, id="given twice"),
        pytest.param([LIKE, DISLIKE], DISLIKE, id="moved"),
        pytest.param([LIKE, None], None, id="taken back"),
        pytest.param([LIKE, None, None], None, id="taken back twice"),
        pytest.param([None], None, id="taken back before it is given"),
        pytest.param([LIKE, None, LIKE], LIKE, id="given anew"),
    ],
)
def test_buttons_set_the_vote_in_a_private_chat(voter, presses, vote, seconds):
    assert [voter.press(each, seconds=seconds) for each in presses][-1] is vote
    assert voter.counts(ANN) == (int(vote is LIKE), int(vote is DISLIKE))


@pytest.mark.parametrize(
    ("presses", "vote"),
    [
        pytest.param([(LIKE, 0)], LIKE, id="given"),
        pytest.param([(LIKE, 0), (LIKE, 0.3)], LIKE, id="double tap"),
        pytest.param([(LIKE, 0), (LIKE, 2)], LIKE, id="after two seconds"),
        pytest.param([(LIKE, 0), (LIKE, 2.1)], None, id="taken back"),
        pytest.param([(LIKE, 0), (LIKE, 9), (LIKE, 0.3)], None, id="double tap takes it back"),
        pytest.param([(LIKE, 0), (LIKE, 9), (LIKE, 2.1)], LIKE, id="given anew"),
        pytest.param([(LIKE, 0), (DISLIKE, 0.3)], DISLIKE, id="moved at once"),
        pytest.param([(LIKE, 0), (LIKE, 9), (DISLIKE, 0.3)], DISLIKE, id="then the other"),
        pytest.param([(LIKE, 9), (LIKE, -3600)], None, id="the clock was put back"),
    ],
)
def test_second_press_takes_the_vote_back_in_a_group(voter, presses, vote):
    assert [voter.press(each, chat=GROUP, seconds=after) for each, after in presses][-1] is vote
    assert voter.counts(GROUP) == (int(vote is LIKE), int(vote is DISLIKE))


@pytest.mark.parametrize("stars", [3, 5])
def test_double_tap_takes_stars_back_in_a_group(voter, stars):
    vote = vote_of(stars)
    for update_id, seconds in enumerate([0, 9, 0.3], 2000):
        voter.now += timedelta(seconds=seconds)
        press = Press(update_id, GROUP, ANN, 1, vote, stars)
        opinion, _ = voter.store.votes.cast(press, voter.now, RATINGS)

    assert opinion == NO_OPINION


def test_update_ids_that_start_anew_after_a_quiet_week(voter):
    voter.press(LIKE)
    voter.now += 8 * DAY

    assert voter.deliver(5, DISLIKE) == (DISLIKE, True)


def test_counts_by_feature(voter):
    voter.press(LIKE, image=1)
    voter.press(DISLIKE, image=2, chat=GROUP)
    voter.press(LIKE, user=BEN, image=1, chat=GROUP)

    votes = voter.store.votes
    assert votes.counts(ANN, [TAG]) == dict.fromkeys([TOTAL, TAG], VoteCounts(1, 1, shown=2))
    assert votes.counts(GROUP, [TAG]) == dict.fromkeys([TOTAL, TAG], VoteCounts(1, 1))
    performer = Feature(Facet.PERFORMER, 3)
    assert votes.voted_on(BEN, Facet.PERFORMER) == {performer: VoteCounts(1, 0)}
    assert votes.total(BEN) == VoteCounts(1, 0)


def test_picture_that_may_have_arrived_counts_as_shown(voter):
    store = voter.store
    store.lose(store.begin(ask(store, ANN), [IMAGES[1]], NOW).values(), NOW)

    assert store.votes.counts(ANN, [TAG])[TAG].shown == 3


def test_features_are_those_of_the_vote(voter):
    voter.press(LIKE)
    voter.store.begin(ask(voter.store, ANN), [Image(1, tags=(Named(9, "new"),))], NOW)
    voter.press(None)

    assert voter.store.votes.total(ANN) == VoteCounts(0, 0, shown=2)
    assert voter.store.votes.voted_on(ANN, Facet.TAG) == {}


def test_group_moves(voter):
    voter.press(LIKE, chat=GROUP)
    voter.press(LIKE, user=BEN, image=2, chat=-900)
    for chat in (GROUP, -900):
        rows = voter.store.begin(ask(voter.store, chat), [IMAGES[1]], NOW)
        voter.store.lose(rows.values(), NOW)
    voter.store.exclusions.add(GROUP, TAG, NOW)

    voter.store.chats.move_chat(GROUP, -900, NOW)

    assert voter.counts(-900) == (1, 0)
    assert voter.store.votes.total(-900) == VoteCounts(2, 0, shown=2)
    assert voter.store.votes.total(GROUP) == VoteCounts()
    assert voter.store.exclusions.of(-900) == {TAG}
    assert not voter.store.exclusions.of(GROUP)


@pytest.mark.parametrize(
    ("presses", "forgets", "waiting"),
    [
        pytest.param([(ANN, LIKE)], ANN, [], id="own vote"),
        pytest.param([(ANN, LIKE)], BEN, [100], id="vote of another user"),
        pytest.param([(ANN, LIKE), (BEN, DISLIKE)], BEN, [100], id="an older one is left"),
        pytest.param([(ANN, LIKE), (BEN, DISLIKE), (BEN, None)], BEN, [100], id="it counts again"),
        pytest.param([(ANN, LIKE), (BEN, DISLIKE), (BEN, None)], ANN, [None], id="taken back"),
    ],
)
def test_ratings_that_wait_when_votes_are_forgotten(voter, presses, forgets, waiting):
    for user, vote in presses:
        voter.press(vote, user=user)

    voter.store.votes.forget(forgets, RATINGS)

    left = voter.store.ratings.first()
    assert ([left.target] if left else []) == waiting


def test_votes_that_are_not_written_to_stash(voter):
    voter.press(LIKE)

    voter.press(None, ratings=None)

    assert voter.store.ratings.first() is None


def test_pruning_keeps_votes(voter, path):
    voter.press(LIKE)

    voter.store.prune(NOW + 800 * DAY, keep_days=730)

    assert rows_of(path, "SELECT * FROM pictures") == []
    assert voter.store.votes.total(ANN).likes == 1
    assert voter.press(None) is None


OLD = """
INSERT INTO orders (chat_id, [when], handled_until) VALUES (7, 'daily 09:00', '2026-05-04');
INSERT INTO requests (chat_id, user_id, count, [trigger], requested_at, language, order_id)
    VALUES (7, 7, 1, 'schedule', '2026-05-04', 'en', 1);
INSERT INTO pictures VALUES (1, '[["image", 1, "One"], ["tag", 3, "sea"]]');
INSERT INTO sent_photos (image_id, sent_at, user_id, chat_id) VALUES
    (1, '2026-05-03', 7, 7), (1, '2026-05-04', 7, 7), (2, '2026-05-04', 7, 7);
INSERT INTO votes VALUES
    (1, 7, 1, 7, 'like', 'like', 0, '2026-05-04 08:59:00', 1.5,
        '[["image", 0, ""], ["tag", 3, "sea"]]'),
    (2, 8, 1, -500, NULL, 'like', 0, '2026-05-04 08:59:00', 1.5, '[["image", 0, ""]]');
INSERT INTO presses VALUES (41, '2026-05-04 08:58:00'), (42, '2026-05-04 08:59:00');
INSERT INTO tallies VALUES (7, 'image', 0, '', 1, 0, 1.5, 0), (7, 'tag', 3, 'sea', 1, 0, 1.5, 0);
INSERT INTO showings VALUES (7, 'image', 0, 2.5), (7, 'tag', 3, 2.5);
INSERT INTO ratings VALUES
    (1, 1, 1, 100, NULL, NULL, 1, NULL, 0, 0), (2, 9, 9, 100, 100, 60, 0, 60, 9, 1),
    (3, 10, 10, 20, 20, 60, 0, 100, 10, 1), (4, NULL, 4, 100, 100, 60, 1, 60, 4, 1);
INSERT INTO exclusions (chat_id, facet, feature_id, name, excluded_at)
    VALUES (7, 'tag', 4, 'rain', '2026-05-04');
"""


def test_database_of_an_older_version(path):
    old = open_database(path, busy_ms=1000, migrations=scripts()[:4])
    for statement in OLD.split(";\n"):
        old.run(statement)
    old.close()

    store = Store(path)
    voter = Voter(store)

    assert [each.when for each in store.schedules.of(ANN)] == ["daily 09:00"]
    assert store.waiting_requests()[0].when == "daily 09:00"
    assert store.votes.counts(ANN, [TAG]) == {
        TOTAL: VoteCounts(1, 0, shown=2),
        TAG: VoteCounts(1, 0, shown=2),
    }
    assert store.exclusions.of(ANN) == {Feature(Facet.TAG, 4)}
    assert rows_of(path, "SELECT * FROM ratings") == [
        (1, 1, 100, 1, None, None, None, 0),
        (2, 9, 100, 0, None, 100, 60, 0),
        (3, 10, 20, 0, 100, 20, 60, 0),
        (4, None, 100, 0, 100, None, 60, 0),
    ]
    assert voter.deliver(42, DISLIKE) == (LIKE, False)
    assert voter.deliver(43, DISLIKE) == (DISLIKE, True)
    assert store.check_integrity() is None
    store.close()


@pytest.fixture
def follow(store):
    """Asks for the picture after a vote on a message that shows an image."""
    numbers = count()

    def follow(image_id, message_id=None, chat_id=CHAT):
        sql = "SELECT message_id FROM sent_photos WHERE image_id = ?"
        return store.add_request(
            update_id=next(numbers),
            chat_id=chat_id,
            user_id=USER,
            count=1,
            trigger=Trigger.VOTE,
            language="en",
            now=NOW,
            after=Shown(message_id or store._db.run(sql, (image_id,))[0][0], image_id),
        )

    return follow


def test_next_follows_the_newest_once(store, follow):
    for image_id in (1, 2):
        show(store, image_id, now=NOW + image_id * DAY)
    store.recover(NOW)  # closes the requests of `show`

    assert follow(1) is None
    assert follow(2)
    assert follow(2) is None


@pytest.mark.parametrize("is_lost", [False, True], ids=["under way", "lost"])
def test_next_follows_a_picture_that_may_not_have_arrived(store, follow, is_lost):
    """A vote on the newest picture proves that it arrived, also without an answer of Telegram."""
    [row] = begin(store, 1)
    if is_lost:
        store.lose([row], NOW)

    assert follow(2, 123) is None
    assert follow(1, 123)


def test_next_that_did_not_come(store, follow):
    show(store, 1)
    store.recover(NOW)
    store.finish_request(follow(1).id, "failed", NOW)

    assert follow(1)


def test_next_while_a_picture_is_asked_for(store, follow):
    show(store, 1)
    store.recover(NOW)
    request = ask(store)
    asked_for = follow(1)
    store.finish_request(request.id, "failed", NOW)
    begin(store, 2, now=NOW + DAY)
    store.recover(NOW)

    assert asked_for is None
    assert follow(1) is None


def test_next_in_a_group_that_has_moved(store, follow):
    for chat, image in ((GROUP, 1), (-900, 2)):
        show(store, image, chat_id=chat)
    store.recover(NOW)
    store.finish_request(follow(1, 501, GROUP).id, "done", NOW)
    store.chats.move_chat(GROUP, -900, NOW)
    store.lose(begin(store, 3, chat_id=-900, now=NOW + DAY), NOW + DAY)

    assert follow(3, 501, -900)


def test_next_beside_a_schedule(store, follow):
    show(store, 1)
    store.recover(NOW)
    schedule = store.schedules.add(CHAT, "daily 09:00", 1, NOW)

    assert store.schedules.claim(schedule, NOW + DAY, "en", NOW)
    assert follow(1)


ANY_PRESS = st.tuples(
    st.sampled_from([*Vote, None]),
    st.sampled_from([ANN, BEN]),
    st.sampled_from([1, 1, 2]),
    st.booleans(),
    st.sampled_from([0, 5]),
)
VOTES = "SELECT user_id, image_id, chat_id, vote FROM votes ORDER BY id"


@given(st.lists(ANY_PRESS | st.sampled_from([ANN, BEN, GROUP]), max_size=30))
@settings(max_examples=at_length(100, 20))
def test_any_votes(steps):
    """The counts are the sum of the votes, also after users forget; repeats change nothing."""
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder) / "db")) as store:
        for image in IMAGES.values():
            store.begin(ask(store, ANN), [image], NOW)
        voter, delivered = Voter(store), []
        for number, step in enumerate(steps):
            if isinstance(step, int):
                store.votes.forget(step, RATINGS)
                delivered.clear()
                continue
            vote, user, image, is_group, seconds = step
            voter.now += timedelta(seconds=seconds)
            delivered.append((number, vote, user, image, GROUP if is_group else user))
            voter.deliver(*delivered[-1])
        votes = store._db.run(VOTES)
        for press in delivered:
            voter.deliver(*press)

        assert store._db.run(VOTES) == votes
        for chat in (ANN, BEN, GROUP):
            here = [(image, vote) for user, image, place, vote in votes if chat in (user, place)]
            found = store.votes.total(chat)
            assert [vote for _, vote in here].count(LIKE) == found.likes
            assert [vote for _, vote in here].count(DISLIKE) == found.dislikes
            assert voter.counts(chat, 1) == (here.count((1, LIKE)), here.count((1, DISLIKE)))
