"""The program, killed at random moments while it is used, and the promises that it keeps.

The users ask for pictures and albums, and vote; schedules are due. The random numbers are given,
but the moments of the kills also depend on the machine.
"""

import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from stashbot.messages.catalogue import TEXTS
from stashbot.store.tables import in_utc
from tests.conftest import crowd, images_of, library
from tests.whole.program import Program, wait_until

#: So many users that none of them has to wait long for the next picture.
PEOPLE = range(2001, 2041)
#: More images than any chat is sent.
LIBRARY = library(600)
OPTIONS = crowd(PEOPLE)
#: So many kills surely hit pictures that are being sent.
MANY = 20
#: Seconds in which the last run serves all that is left.
REST_S = 120
RATINGS = {"like": 100, "dislike": 20}


def is_all_done(home):
    """Whether every update is confirmed and every request of the database is closed."""
    return not home.telegram.pending() and not home.query(
        "SELECT 1 FROM requests WHERE state = 'waiting'"
    )


class Kills:
    """Uses and kills the program between the stand-ins of a house that is not started."""

    def __init__(self, home, random):
        self.home, self.random = home, random
        self.asked = Counter()  # pictures, by user
        self.presses = {}  # user, image and vote, by the id of the callback query
        home.telegram.server.delay = 0.03

    def run(self, kills):
        """Kill the program so many times; then let it finish."""
        for _ in range(kills):
            self.use()
            # The first kill may come before the database has its tables.
            if self.home.query("SELECT 1 FROM sqlite_master WHERE name = 'schedules'"):
                self.schedule()
            with Program(environ=self.home.environ) as bot:
                self.kill(bot)
        with Program(environ=self.home.environ) as bot:
            bot.wait_for_event("started")
            wait_until(self.is_finished, "every request and rating is served", REST_S)
            assert bot.stop()[0] == 0

    def is_finished(self):
        left = self.home.query(
            """SELECT 1 FROM ratings WHERE queued IS NOT NULL UNION ALL
            SELECT 1 FROM schedules
            WHERE NOT EXISTS (SELECT 1 FROM requests WHERE schedule_id = schedules.id)""",
        )
        return not left and is_all_done(self.home)

    # The use

    def use(self):
        """A few votes and requests; some users ask again, and their picture may lie ready."""
        for user in self.random.sample(sorted(self.asked), min(8, len(self.asked))):
            self.vote(user)
        people = self.random.sample(PEOPLE, 3)
        for _ in range(self.random.randint(1, 4)):
            user, count = self.random.choice(people), self.random.choice([1, 1, 1, 2, 3])
            self.home.say(f"/random {count}", user=user)
            self.asked[user] += count

    def vote(self, user):
        """Vote on a user's newest picture with buttons, unless its image has a vote."""
        received = [message for message in self.home.received(user) if message.buttons]
        image = int(re.search(r"Picture (\d+)|$", received[-1].text)[1] or 0) if received else 0
        if image and image not in [voted for _, voted, _ in self.presses.values()]:
            vote = self.random.choice(list(RATINGS))
            press = self.home.telegram.press(received[-1], f"vote:{vote}:{image}", user_id=user)
            self.presses[press] = user, image, vote

    def schedule(self):
        """Add a schedule that was due some minutes ago, and let all others seem to be due again."""
        now, user = datetime.now(UTC), self.random.choice(PEOPLE)
        due = now - timedelta(minutes=self.random.randint(1, 20))
        before = in_utc(due.replace(second=0) - timedelta(minutes=1))
        self.home.query("UPDATE schedules SET handled_until = min(handled_until, ?)", before)
        self.home.query(
            """INSERT OR IGNORE INTO schedules (chat_id, "when", count, handled_until)
            VALUES (?, ?, ?, ?)""",
            *(user, f"{due.minute} * * * *", self.random.choice([1, 2]), before),
        )

    def kill(self, bot):
        """Kill it during its start, or after some pictures, or while the next ones are sent."""
        home, seen, chance = self.home, len(self.home.sent_images()), self.random.random()
        if chance < 0.15:
            time.sleep(self.random.uniform(0, 0.6))
        elif chance < 0.35:
            bot.wait_for_event("started")
        else:
            if chance > 0.7:
                bot.wait_for_event("started")
                self.use()
            wanted = seen + self.random.randint(1, 12)
            wait_until(lambda: len(home.sent_images()) >= wanted or is_all_done(home), "pictures")
        time.sleep(self.random.uniform(0, 0.12))
        bot.kill()

    # The promises

    def check(self, kills):
        """Check all promises, after `run` with so many kills."""
        assert self.home.query("PRAGMA integrity_check") == [("ok",)]
        for chat in PEOPLE:
            self.check_pictures(chat)
        self.check_requests()
        self.check_votes()
        assert self.acknowledged()
        # Else the kills have not hit the moments that they are meant to hit.
        is_hit = self.home.query("SELECT 1 FROM sent_photos WHERE state = 'unknown'")
        assert is_hit or kills < MANY

    def check_pictures(self, chat):
        """No image came twice, and only those are missing that may have arrived."""
        calls = [call for call in self.home.telegram.calls if call.chat_id == chat]
        images = [image for call in calls for image in images_of(call)]
        rows = self.home.query("SELECT image_id, state FROM sent_photos WHERE chat_id = ?", chat)
        unknown = {image for image, state in rows if state == "unknown"}
        assert len(images) == len(set(images))
        assert len(rows) == len({image for image, _ in rows})
        assert {state for _, state in rows} <= {"sent", "unknown"}
        assert set(images) | unknown == {image for image, _ in rows}

    def check_requests(self):
        """No request is lost, and each has as many pictures as were asked for."""
        asked = self.home.query(
            """SELECT chat_id, sum(count) FROM requests
            WHERE "trigger" = 'command' GROUP BY chat_id""",
        )
        wrong = self.home.query(
            """SELECT * FROM requests WHERE state <> 'done' OR count <> (
            SELECT count(*) FROM sent_photos WHERE request_id = requests.id)""",
        )
        assert dict(asked) == dict(self.asked)
        assert wrong == []
        self.check_schedules()

    def check_schedules(self):
        """Each schedule ran once for each moment."""
        runs = self.home.query("SELECT schedule_id, due FROM requests WHERE due IS NOT NULL")
        schedules = self.home.query("SELECT id FROM schedules")
        assert len(runs) == len(set(runs))
        assert {(id,) for id, _ in runs} == set(schedules)

    def acknowledged(self):
        """The presses whose vote the bot has told to the user."""
        answers = {answer.query_id: answer.text for answer in self.home.telegram.answers}
        return {
            press: (user, image, vote)
            for press, (user, image, vote) in self.presses.items()
            if answers.get(press, "").startswith(TEXTS["en"](f"vote.{vote}"))
        }

    def check_votes(self):
        """No acknowledged vote is lost, here or in Stash."""
        votes = set(self.home.query("SELECT user_id, image_id, vote FROM votes"))
        ratings = {picture.id: picture.rating100 for picture in self.home.stash.pictures}
        for user, image, vote in self.acknowledged().values():
            assert (user, image, vote) in votes
            assert ratings[image] == RATINGS[vote]

    def summary(self):
        rows = self.home.query("SELECT state, count(*) FROM sent_photos GROUP BY state")
        counts = self.home.query('SELECT "trigger", count(*) FROM requests GROUP BY "trigger"')
        return f"requests {dict(counts)}, pictures {dict(rows)}, votes {len(self.acknowledged())}"
