"""Any actions of several users, with restarts: each ends in the state of its last action."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from stashbot.demo.stash.names import id_of
from tests.conftest import FRIEND, GROUP, NO_NEXT, OWNER, STRANGER, House, at_length, picture
from tests.whole.program import wait_until

IMAGES = (1, 2)
TAGS = ("sea",)
RATINGS = {"like": 100, "dislike": 20}
EMOJI = {"like": "❤", "dislike": "👎", None: ""}
#: A user and a chat in which the user acts.
PLACES = [(OWNER, OWNER), (FRIEND, FRIEND), (OWNER, GROUP), (FRIEND, GROUP)]

places = st.sampled_from(PLACES)
images = st.sampled_from(IMAGES)
votes = st.sampled_from(["like", "dislike"])


@dataclass
class Opinion:
    """A user's last action on an image, at which step, and the chat where it counts."""

    vote: str | None = None
    stars: int = 0
    chat: int = 0
    step: int = 0

    @property
    def is_given(self):
        return bool(self.vote or self.stars)


class AnyActions(RuleBasedStateMachine):
    """Two users, a stranger and a group, over two images that were sent to each chat."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.opinions = {(user, image): Opinion() for user in (OWNER, FRIEND) for image in IMAGES}
        self.reactions = {}
        self.hidden = set()
        self.steps, self.restarts, self.now = 0, 0, datetime.now(UTC)

    @initialize(rated=st.sampled_from([None, 55]))
    def start(self, rated):
        self.by_hand = dict.fromkeys(IMAGES, (rated, 0))
        pictures = [picture(image, rating100=rated, tags=TAGS) for image in IMAGES]
        self.home = House(Path(self.folder.name), pictures, **NO_NEXT)
        self.home.start()
        self.messages = {}
        for user, chat in PLACES[:3]:
            for _ in IMAGES:
                self.home.ask(user=user, chat=chat)
            for message in self.home.received(chat):
                image = int(message.buttons[0][0].data.split(":")[2])
                self.messages[chat, image] = message
        self.keep_time()

    def keep_time(self):
        self.home.app.pictures.voting._now = lambda: self.now

    # Actions

    def press(self, user, chat, image, data):
        self.home.telegram.press(self.messages[chat, image], data, user_id=user)
        self.settle()

    def settle(self):
        """Wait until the last action is in the database, and its rating in Stash."""
        home, self.steps = self.home, self.steps + 1
        wait_until(lambda: not home.telegram.pending(), "the update is confirmed")
        waiting = "SELECT 1 FROM ratings WHERE queued IS NOT NULL"
        wait_until(lambda: not home.query(waiting), "no rating waits")

    def give(self, user, chat, image, vote, stars=0):
        """Note the opinion of an action; one that changes nothing is no action."""
        last = self.opinions[user, image]
        is_other = (vote, stars) != (last.vote, last.stars)
        if is_other or ((vote or stars) and chat not in (last.chat, user)):
            self.opinions[user, image] = Opinion(vote, stars, chat, self.steps)

    def takes_back(self, user, chat, image, vote, stars=0):
        """Whether a press in a group, where buttons show no user's own vote, takes it back."""
        last = self.opinions[user, image]
        is_same = (vote, stars) == (last.vote, last.stars) and last.is_given
        return chat == GROUP and last.chat == GROUP and is_same

    @rule(place=places, image=images, vote=votes, is_double=st.booleans())
    def vote(self, place, image, vote, is_double):
        user, chat = place
        self.now += timedelta(seconds=3)
        is_back = self.takes_back(user, chat, image, vote)
        for _ in range(1 + is_double):
            self.press(user, chat, image, f"vote:{vote}:{image}")
        self.give(user, chat, image, None if is_back else vote)
        self.see_marks(chat, image)

    @rule(place=places, image=images)
    def take_back(self, place, image):
        self.press(*place, image, f"vote:none:{image}")
        self.give(*place, image, None)
        self.see_marks(place[1], image)

    @rule(place=places, image=images, stars=st.integers(0, 5))
    def rate(self, place, image, stars):
        self.now += timedelta(seconds=3)
        vote = "like" if stars > 3 else "dislike" if 0 < stars < 3 else None
        is_back = self.takes_back(*place, image, vote, stars)
        self.press(*place, image, f"rate:{stars}:{image}")
        self.give(*place, image, *((None, 0) if is_back else (vote, stars)))
        self.see_marks(place[1], image)

    @rule(place=places, image=images, vote=st.sampled_from(["like", "dislike", None]))
    def react(self, place, image, vote):
        user, chat = place
        last = self.reactions.get((user, chat, image))
        self.reactions[user, chat, image] = vote
        self.home.telegram.react(
            self.messages[chat, image], EMOJI[last], EMOJI[vote], user_id=user, chat_id=chat
        )
        self.settle()
        opinion = self.opinions[user, image]
        if vote != last and (vote or (opinion.vote, opinion.stars) == (last, 0)):
            self.give(user, chat, image, vote)
            self.see_marks(chat, image)

    @rule(chat=st.sampled_from([OWNER, FRIEND, GROUP]), image=images, vote=votes)
    def act_as_a_stranger(self, chat, image, vote):
        message, stranger = self.messages[chat, image], {"user_id": STRANGER, "chat_id": chat}
        self.home.telegram.press(message, f"vote:{vote}:{image}", user_id=STRANGER)
        self.home.telegram.react(message, "", EMOJI[vote], **stranger)
        self.home.telegram.press(message, f"exclude:image:{image}:{image}", user_id=STRANGER)
        self.settle()

    @rule(place=places, image=images, is_hidden=st.booleans(), is_tag=st.booleans())
    def hide(self, place, image, is_hidden, is_tag):
        chat = place[1]
        kind, id = ("tag", id_of("tag", *TAGS)) if is_tag else ("image", image)
        action = "exclude" if is_hidden else "include"
        self.press(*place, image, f"{action}:{kind}:{id}:{image}")
        change = self.hidden.add if is_hidden else self.hidden.discard
        change((chat, kind, id))

    @rule(image=images, rating100=st.sampled_from([35, 55, 75]))
    def rate_by_hand(self, image, rating100):
        self.home.stash.add(picture(image, rating100=rating100, tags=TAGS))
        self.by_hand[image] = rating100, self.steps

    @precondition(lambda self: self.restarts < 3)
    @rule()
    def restart(self):
        self.restarts += 1
        self.home.restart()
        self.keep_time()

    # The state at the end

    def teardown(self):
        try:
            self.check()
        finally:
            self.home.close()
            self.folder.cleanup()

    def check(self):
        home = self.home
        stored = home.query("SELECT user_id, image_id, vote, stars FROM votes")
        held = {(user, image): (vote, stars or 0) for user, image, vote, stars in stored}
        hidden = set(home.query("SELECT chat_id, facet, feature_id FROM exclusions"))
        ratings = {each.id: each.rating100 for each in home.stash.pictures}

        for key, opinion in self.opinions.items():
            assert held.get(key, (None, 0)) == (opinion.vote, opinion.stars)
        assert hidden == self.hidden
        assert ratings == {image: self.rating(image) for image in IMAGES}

    def rating(self, image):
        """The rating of the newest action, where it may replace the one by hand."""
        by_hand, rated_at = self.by_hand[image]
        given = [self.opinions[user, image] for user in (OWNER, FRIEND)]
        given = sorted((each for each in given if each.is_given), key=lambda each: each.step)
        of_owner = self.opinions[OWNER, image]
        if of_owner.stars:
            given.append(of_owner)
        if not given:
            return by_hand
        last = given[-1]
        rating100 = last.stars * 20 or RATINGS[last.vote]
        is_explicit = last is of_owner and last.stars and last.step > rated_at
        return rating100 if is_explicit or not by_hand else by_hand

    def counts(self, chat, image):
        """The numbers of likes and dislikes that count in a chat."""
        given = [
            self.opinions[user, image].vote
            for user in (OWNER, FRIEND)
            if chat in (user, self.opinions[user, image].chat)
        ]
        return given.count("like"), given.count("dislike")

    def see_marks(self, chat, image):
        """Wait until the buttons under a picture show the votes that count in its chat."""
        wait_until(lambda: self.marks(chat, image) == self.counts(chat, image), "marks")

    def marks(self, chat, image):
        """The numbers of likes and dislikes on the buttons under a picture."""
        message = self.messages[chat, image]
        [fresh] = [each for each in self.home.received(chat) if each.id == message.id]
        likes, dislikes = (button.text.partition(" ")[2] for button in fresh.buttons[0][:2])
        return tuple(int(each.replace("✓", "1") or 0) for each in (likes, dislikes))


TestAnyActions = AnyActions.TestCase
# A failure is not made smaller: each example takes seconds.
PHASES = [hypothesis.Phase.reuse, hypothesis.Phase.generate]
TestAnyActions.settings = hypothesis.settings(
    max_examples=at_length(25, 5), stateful_step_count=25, phases=PHASES
)
