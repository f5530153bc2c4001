"""Votes in the database: what a press means, what the votes add up to, what is forgotten."""

import tempfile
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from stashbot.models import Facet, Feature, Image, Named, Press, Shown, Standing, Trigger, Vote
from stashbot.rules.preferences import ANYTHING, Tally, growth
from stashbot.rules.ratings import Step, plan
from stashbot.store.store import Store
from stashbot.store.votes import _LATEST, _LIKED_OF_LAST, _STANDING
from tests.conftest import at_length
from tests.store.stored import CHAT, DAY, NOW, USER, arrive, ask, begin, rows_of, show

LIKE, DISLIKE = Vote.LIKE, Vote.DISLIKE
RATINGS = {LIKE: 100, DISLIKE: 20}
ANN, BEN, GROUP = 7, 8, -500
SEA = Named(3, "sea")
IMAGES = {
    1: Image(1, title="One", tags=(SEA,), performers=(Named(3, "Ann"),)),
    2: Image(2, title="Two", tags=(SEA,)),
}
TAG = Feature(Facet.TAG, SEA.id)


class Voter:
    """Presses thumbs as people do: on a keyboard as it was at some time."""

    def __init__(self, store):
        self.store = store
        self.update_id = 1000

    def press(
        self,
        thumb,
        *,
        user=ANN,
        image=1,
        chat=None,
        shown=None,
        now=NOW,
        ratings=RATINGS,
        is_ticked=False,
    ):
        """Press a thumb of the keyboard as it is now, or as it was; the vote after that."""
        self.update_id += 1
        chat = user if chat is None else chat
        if shown is None:
            shown = self.store.votes.standing(chat, image).newest
        press = Press(self.update_id, chat, user, image, thumb, shown, is_ticked=is_ticked)
        ballot, _ = self.store.votes.cast(press, now, ratings)
        return ballot.vote


@pytest.fixture
def voter(store):
    for image in IMAGES.values():
        request = ask(store, ANN)
        arrive(store, store.begin(request, [image], NOW), [image])
    return Voter(store)


@pytest.mark.parametrize(
    ("presses", "vote"),
    [
        pytest.param([LIKE], LIKE, id="given"),
        pytest.param([LIKE, LIKE], None, id="the same again takes it back"),
        pytest.param([LIKE, DISLIKE], DISLIKE, id="the other moves it"),
        pytest.param([LIKE, LIKE, LIKE], LIKE, id="given anew"),
        pytest.param([DISLIKE, LIKE, LIKE], None, id="moved and taken back"),
    ],
)
def test_presses_on_a_fresh_keyboard(voter, presses, vote):
    """Where every keyboard shows what was said before, a button means what it says."""
    votes = [voter.press(thumb) for thumb in presses]

    assert votes[-1] is vote
    assert voter.store.votes.standing(ANN, 1).likes == int(vote is LIKE)
    assert voter.store.votes.standing(ANN, 1).dislikes == int(vote is DISLIKE)


def test_same_button_in_two_chats(voter):
    """A thumb in the group is another than the same in private, be both keyboards as new."""
    voter.press(LIKE, shown=0)

    assert voter.press(LIKE, chat=GROUP, shown=0) is LIKE
    assert voter.store.votes.standing(GROUP, 1).likes == 1


def test_double_tap(voter):
    """Two quick taps are one vote; so are two that take it back."""
    assert voter.press(LIKE, shown=0) is LIKE
    assert voter.press(LIKE, shown=0) is LIKE

    shown = voter.store.votes.standing(ANN, 1).newest
    assert voter.press(LIKE, shown=shown) is None
    assert voter.press(LIKE, shown=shown) is None


def test_tick_of_a_forgotten_vote(voter):
    """A keyboard that still shows a forgotten vote loses its tick first; the other thumb counts."""
    voter.press(LIKE)
    shown = voter.store.votes.standing(ANN, 1).newest
    voter.store.votes.forget(ANN, RATINGS)

    assert voter.press(LIKE, shown=shown, is_ticked=True) is None
    assert voter.press(LIKE) is LIKE
    voter.store.votes.forget(ANN, RATINGS)
    assert voter.press(DISLIKE, shown=shown) is DISLIKE


def test_old_message(voter):
    """A keyboard of a year ago that knows of no vote gives one and takes none back."""
    voter.press(DISLIKE)
    voter.press(LIKE)

    assert voter.press(LIKE, shown=0, now=NOW + 365 * DAY) is LIKE


def test_update_that_comes_again(voter):
    """After a restart the same updates may come once more: they change nothing."""
    votes, shown = voter.store.votes, []
    for number, thumb in enumerate([LIKE, LIKE]):
        shown.append(votes.standing(ANN, 1).newest)
        votes.cast(Press(number, ANN, ANN, 1, thumb, shown[-1]), NOW, RATINGS)

    for number, thumb in enumerate([LIKE, LIKE]):
        votes.cast(Press(number, ANN, ANN, 1, thumb, shown[number]), NOW, RATINGS)

    assert votes.standing(ANN, 1).likes == 0


def test_two_chats_see_different_votes(voter):
    """A group sees the votes that were given there, a private chat all of its user's."""
    voter.press(LIKE, user=ANN)
    voter.press(DISLIKE, user=BEN, chat=GROUP)

    seen = voter.store.votes.standing
    assert (seen(ANN, 1).likes, seen(ANN, 1).dislikes) == (1, 0)
    assert (seen(BEN, 1).likes, seen(BEN, 1).dislikes) == (0, 1)
    assert (seen(GROUP, 1).likes, seen(GROUP, 1).dislikes) == (0, 1)


def test_group_does_not_take_back_what_it_does_not_show(voter):
    """Who likes an image in private, and presses 👍 in the group, likes it there too."""
    voter.press(LIKE, user=ANN)
    voter.press(DISLIKE, user=BEN, chat=GROUP)

    assert voter.press(LIKE, user=ANN, chat=GROUP) is LIKE
    assert voter.store.votes.standing(GROUP, 1).likes == 1


def test_tallies(voter):
    """A vote counts for each feature of the image, in the private chat and in the group."""
    voter.press(LIKE, image=1)
    voter.press(DISLIKE, image=2, chat=GROUP)
    voter.press(LIKE, user=BEN, image=1, chat=GROUP)

    tallies = voter.store.votes.tallies
    seen = Tally(1, 1, 1, 1, shown=2)
    assert tallies(ANN, [TAG], NOW) == {ANYTHING: seen, TAG: seen}
    assert tallies(GROUP, [TAG], NOW) == {ANYTHING: Tally(1, 1, 1, 1), TAG: Tally(1, 1, 1, 1)}
    assert voter.store.votes.tallies_of(BEN, Facet.PERFORMER, NOW) == {
        Feature(Facet.PERFORMER, 3): Tally(1, 0, 1, 0)
    }
    assert voter.store.votes.total(BEN, NOW) == Tally(1, 0, 1, 0)


@pytest.mark.parametrize("question", [_STANDING, _LIKED_OF_LAST])
def test_years_of_votes_slow_nothing_down(voter, question):
    """What somebody says of a few images is looked up by these, not among all his votes."""
    asked = {"chat_id": ANN, "image_id": 1, "pictures": 50}
    plan = [row[3] for row in voter.store._db.run(f"EXPLAIN QUERY PLAN {question}", asked)]

    steps = [step for step in plan if "votes" in step]
    assert steps
    assert all("votes_image_id" in step for step in steps)


def test_years_of_pictures_slow_no_start_down(voter):
    """Which message shows what was voted on last is looked up by the image."""
    rows = voter.store._db.run(f"EXPLAIN QUERY PLAN {_LATEST}", (20, "2026-01-01"))

    assert [row[3] for row in rows if "sent_photos_seen" in row[3]]


def test_old_votes_count_less(voter):
    """A vote of a year ago counts half, but is still counted as one."""
    voter.press(LIKE, now=NOW - 365 * DAY)
    [tally] = voter.store.votes.tallies_of(ANN, Facet.TAG, NOW).values()

    assert (tally.likes, tally.liked) == (1, pytest.approx(0.5))


def test_what_was_shown_counts_less_with_time(voter):
    """A picture of a year ago counts half; one that may have arrived counts as shown."""
    store = voter.store
    store.lose(store.begin(ask(store, ANN), [IMAGES[1]], NOW), NOW + 365 * DAY)

    seen = store.votes.tallies(ANN, [TAG], NOW + 365 * DAY)
    assert seen[TAG].shown == pytest.approx(2 / 2 + 1)
    assert seen[ANYTHING].shown == pytest.approx(2 / 2 + 1)


def test_same_word_in_private(voter):
    """
    Who has liked an image in a group, and likes it in private, likes it there still; a second
    tap is none.
    """
    voter.press(LIKE, chat=GROUP)

    assert voter.press(LIKE, shown=0) is LIKE
    ballot = voter.store.votes.standing(ANN, 1).newest
    assert voter.press(LIKE, shown=0) is LIKE
    assert voter.store.votes.standing(GROUP, 1) == Standing(1, 0, ballot)
    assert voter.press(DISLIKE) is DISLIKE
    assert voter.store.votes.standing(GROUP, 1) == Standing()


def test_features_are_those_of_the_vote(voter):
    """An image that gets other tags in Stash takes back what it was counted for."""
    voter.press(LIKE)
    request = ask(voter.store, ANN)
    voter.store.begin(request, [Image(1, tags=(Named(9, "new"),))], NOW)
    voter.press(LIKE)

    assert replace(voter.store.votes.total(ANN, NOW), shown=0) == Tally()
    assert set(voter.store.votes.tallies_of(ANN, Facet.TAG, NOW).values()) == {Tally()}


def test_group_moves(voter):
    """Votes and exclusions of a group follow it to its new id."""
    voter.press(LIKE, chat=GROUP)
    voter.press(LIKE, user=BEN, image=2, chat=-900)
    for chat in (GROUP, -900):
        voter.store.lose(voter.store.begin(ask(voter.store, chat), [IMAGES[1]], NOW), NOW)
    voter.store.exclusions.add(GROUP, TAG, NOW)
    assert voter.store.exclusions.of(GROUP) != voter.store.exclusions.of(-900)

    voter.store.move_chat(GROUP, -900, NOW)

    assert voter.store.votes.standing(-900, 1).likes == 1
    assert voter.store.votes.total(-900, NOW) == Tally(2, 0, 2, 0, shown=2)
    assert voter.store.votes.total(GROUP, NOW) == Tally()
    assert voter.store.exclusions.of(-900) == {TAG}
    assert not voter.store.exclusions.of(GROUP)


def test_forget(voter):
    """Who forgets, forgets all votes of his own, in the groups too; others keep theirs."""
    voter.press(LIKE)
    voter.press(DISLIKE, image=2, chat=GROUP)
    voter.press(LIKE, user=BEN, image=2, chat=GROUP)

    assert voter.store.votes.forget(ANN, RATINGS) == 2

    assert voter.store.votes.total(ANN, NOW) == Tally()
    assert voter.store.votes.total(GROUP, NOW) == Tally(1, 0, 1, 0)
    assert voter.store.votes.standing(GROUP, 2) == Standing(1, 0, 3)
    assert voter.press(LIKE) is LIKE


def test_forget_leaves_stash_alone(voter):
    """What waits to be written for a forgotten vote is not, and what was written stays."""
    voter.press(LIKE, image=1)
    voter.press(LIKE, user=BEN, image=1)
    voter.press(LIKE, user=BEN, image=1)  # takes it back
    voter.press(LIKE, image=2)

    voter.store.votes.forget(ANN, RATINGS)

    left = voter.store.ratings.first()
    assert left.image_id == 1
    assert not plan(left, 60).writes
    assert voter.store.ratings.first(without=[left.queued]) is None


def test_forget_leaves_the_word_to_others(voter):
    """What waits for a forgotten vote gives way to what another person said before."""
    voter.press(LIKE)
    voter.press(DISLIKE, user=BEN)

    voter.store.votes.forget(BEN, RATINGS)

    assert plan(voter.store.ratings.first(), 60).rating100 == 100


def test_forget_does_not_hold_up_another_vote(voter):
    """A vote that counts again since another was taken back is written, whoever forgets what."""
    voter.press(LIKE)
    voter.press(DISLIKE, user=BEN)
    voter.press(DISLIKE, user=BEN)

    voter.store.votes.forget(BEN, RATINGS)

    assert plan(voter.store.ratings.first(), 60).rating100 == 100


def test_forget_does_not_hold_up_the_way_back(voter):
    """A vote that was taken back before all was forgotten is taken back in Stash as well."""
    voter.press(LIKE)
    voter.press(DISLIKE, user=BEN)
    rating = voter.store.ratings.first()
    step = plan(rating, 60)
    voter.store.ratings.announce(rating, step)
    voter.store.ratings.finish(rating, step)
    voter.press(DISLIKE, user=BEN)

    voter.store.votes.forget(ANN, RATINGS)

    assert plan(voter.store.ratings.first(), 20) == Step(writes=True, rating100=60)


def test_votes_that_are_not_for_stash(voter):
    """
    What waited when ratings were switched off is not written later for a vote that is no more.
    """
    voter.press(LIKE)

    voter.press(LIKE, ratings=None)

    assert voter.store.ratings.first() is None


def test_pruning(voter, path):
    """What was known of images goes with their history; votes stay."""
    voter.press(LIKE)

    voter.store.prune(NOW + 800 * DAY, keep_days=730)

    assert rows_of(path, "SELECT * FROM pictures") == []
    assert rows_of(path, "SELECT * FROM presses") == []
    assert voter.store.votes.total(ANN, NOW).likes == 1
    assert voter.press(LIKE) is None


def follow(store, message_id, update_id, image_id=1, chat_id=CHAT):
    return store.add_request(
        update_id=update_id,
        chat_id=chat_id,
        user_id=USER,
        count=1,
        trigger=Trigger.VOTE,
        language="en",
        now=NOW,
        after=Shown(message_id, image_id),
    )


def message_of(path, image_id):
    ids = dict(rows_of(path, "SELECT image_id, message_id FROM sent_photos"))
    return ids[image_id]


def test_next_follows_the_newest_once(store, path):
    """A picture is followed by one, if it is the newest and nothing else is asked for."""
    show(store, 1)
    old = message_of(path, 1)
    show(store, 2, now=NOW + DAY)
    store.recover(NOW)  # closes the requests of `show`
    newest = message_of(path, 2)

    assert follow(store, old, 1) is None
    assert follow(store, newest, 2, image_id=2)
    assert follow(store, newest, 3, image_id=2) is None


@pytest.mark.parametrize("is_lost", [False, True], ids=["under way", "lost"])
def test_next_follows_what_is_not_known_to_have_arrived(store, is_lost):
    """Who votes on the newest picture has it, whether or not Telegram has said so."""
    [row] = begin(store, 1)
    if is_lost:
        store.lose([row], NOW)

    assert follow(store, 123, 1, image_id=2) is None
    assert follow(store, 123, 2)


def test_next_that_did_not_come(store, path):
    """What could not be sent after a vote is asked for by the next vote."""
    show(store, 1)
    store.recover(NOW)
    newest = message_of(path, 1)
    request = follow(store, newest, 1)
    store.finish_request(request.id, "failed", NOW)

    assert follow(store, newest, 2)


def test_next_waits_for_nobody_who_asks(store, path):
    """While a picture is asked for or under way, a vote on the newest brings no other."""
    show(store, 1)
    store.recover(NOW)
    request = ask(store)
    asked_for = follow(store, message_of(path, 1), 1)
    store.finish_request(request.id, "failed", NOW)
    begin(store, 2, now=NOW + DAY)
    store.recover(NOW)

    assert asked_for is None
    assert follow(store, message_of(path, 1), 2) is None


def test_next_in_a_group_that_has_moved(store, path):
    """
    The messages of a supergroup are others than those of the group it was, with their numbers.
    """
    for chat, image in ((GROUP, 1), (-900, 2)):
        show(store, image, chat_id=chat)
    store.recover(NOW)
    number = message_of(path, 1)
    first = follow(store, number, 1, chat_id=GROUP)
    store.finish_request(first.id, "done", NOW)
    store.move_chat(GROUP, -900, NOW)
    [row] = begin(store, 3, chat_id=-900, now=NOW + DAY)
    store.lose([row], NOW + DAY)

    assert follow(store, number, 2, image_id=3, chat_id=-900)


def test_next_beside_what_the_clock_sends(store, path):
    """A picture that a schedule wants is not the one that a vote asks for."""
    show(store, 1)
    store.recover(NOW)
    order = store.orders.add(CHAT, "daily 09:00", 1, NOW)

    assert store.orders.claim(order, NOW + DAY, "en", NOW)
    assert follow(store, message_of(path, 1), 1)


class AnyPresses(RuleBasedStateMachine):
    """
    Presses of several people, double taps, updates that come again, restarts, messages of any
    age, and people who forget their votes, in any order. What stands in the end is what each
    has pressed last: the thumb, or nothing where the keyboard showed that very thumb as theirs.
    """

    keyboards = Bundle("keyboards")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "stashbot.db")
        for image in IMAGES.values():
            self.store.begin(ask(self.store, ANN), [image], NOW)
        self.said = {}  # by user and image: the vote, where it was given, and which press it was
        self.pressed = {}  # by user and image: the button of the last vote that is not forgotten
        self.presses, self.now, self.when = [], NOW, {}

    def teardown(self):
        self.store.close()
        self.folder.cleanup()

    def seen_in(self, chat, image):
        """What the chat sees of an image: by user, the vote and the press it came from."""
        return {
            user: (vote, number)
            for (user, of), (vote, where, number) in self.said.items()
            if of == image and chat in (user, where)
        }

    @rule(
        target=keyboards,
        image=st.sampled_from([1, 1, 1, 2]),
        chat=st.sampled_from([ANN, GROUP, GROUP, BEN]),
    )
    def draw(self, image, chat):
        shown = self.store.votes.standing(chat, image).newest
        return image, chat, shown, self.seen_in(chat, image)

    @rule(
        keyboard=keyboards,
        user=st.sampled_from([ANN, BEN]),
        thumb=st.sampled_from(Vote),
        taps=st.integers(1, 2),
    )
    def press(self, keyboard, user, thumb, taps):
        image, chat, shown, seen = keyboard
        user = user if chat == GROUP else chat
        before, last = self.said.get((user, image)), self.pressed.get((user, image))
        is_ticked = chat == user and seen.get(user, (None, 0))[0] is thumb
        is_own = seen.get(user) == (thumb, before[2]) if before else is_ticked
        for _ in range(taps):
            press = Press(len(self.presses), chat, user, image, thumb, shown, is_ticked=is_ticked)
            self.presses.append(press)
            _, is_new = self.store.votes.cast(press, self.now, RATINGS)
        is_kept = chat == user and before is not None and before[0] is thumb
        if last != (thumb, shown, before[1] if is_kept and not is_own else chat):
            vote = None if is_own else thumb
            # What somebody says in private, and has said in the group, is said there still.
            is_same = chat == user and before is not None and before[0] is vote is thumb
            self.said[user, image] = (vote, before[1] if is_same else chat, len(self.presses))
            self.when[user, image] = self.now
        where = self.said[user, image][1]
        self.pressed[user, image] = (thumb, shown, where)
        assert not is_new or taps == 1

    @rule(days=st.integers(1, 400))
    def wait(self, days):
        self.now += days * DAY

    @rule(chat=st.sampled_from([ANN, BEN, GROUP]))
    def forget(self, chat):
        for user, image in list(self.said):
            if chat in (user, self.said[user, image][1]):
                del self.said[user, image], self.pressed[user, image]
        self.store.votes.forget(chat, RATINGS)

    @precondition(lambda self: self.presses)
    @rule(data=st.data())
    def come_again(self, data):
        """Updates that were not confirmed before a restart, from one of them on."""
        for press in self.presses[data.draw(st.integers(0, len(self.presses) - 1)) :]:
            assert self.store.votes.cast(press, self.now, RATINGS)[1] is False

    @rule()
    def restart(self):
        self.store.close()
        self.store = Store(Path(self.folder.name) / "stashbot.db")

    @invariant()
    def each_has_the_last_word(self):
        for chat in (ANN, BEN, GROUP):
            for image in IMAGES:
                votes = [vote for vote, _ in self.seen_in(chat, image).values()]
                standing = self.store.votes.standing(chat, image)
                assert (standing.likes, standing.dislikes) == (
                    votes.count(LIKE),
                    votes.count(DISLIKE),
                )

    @invariant()
    def tallies_are_the_sum(self):
        for chat in (ANN, BEN, GROUP):
            worths = {LIKE: [], DISLIKE: [], None: []}
            for image in IMAGES:
                for user, (vote, _) in self.seen_in(chat, image).items():
                    age = self.now - self.when[user, image]
                    worths[vote].append(growth(NOW - age) / growth(NOW))
            total = self.store.votes.total(chat, self.now)
            assert (total.likes, total.dislikes) == (len(worths[LIKE]), len(worths[DISLIKE]))
            assert total.liked == pytest.approx(sum(worths[LIKE]))
            assert total.disliked == pytest.approx(sum(worths[DISLIKE]))

    @invariant()
    def each_image_waits_for_its_last_vote(self):
        waiting, ballots = {}, set()
        while rating := self.store.ratings.first(without=ballots):
            ballots.add(rating.queued)
            waiting[rating.image_id] = rating.target
        for image in IMAGES:
            votes = [
                (number, vote) for (_, of), (vote, _, number) in self.said.items() if of == image
            ]
            given = [vote for _, vote in sorted(votes, key=lambda each: each[0]) if vote]
            assert waiting.get(image) == (RATINGS[given[-1]] if given else None)


TestAnyPresses = AnyPresses.TestCase
TestAnyPresses.settings = hypothesis.settings(
    max_examples=at_length(100, 12), stateful_step_count=25
)
