"""The converter, the bot, or both, killed in the middle of a conversion, and what must hold."""

import os
import signal
import time
from contextlib import suppress

from PIL import Image as Pixels

from tests.conftest import crowd, images_of, picture
from tests.long.kills import is_all_done
from tests.pictures.awkward import saved
from tests.whole.program import Program, children, wait_until

PEOPLE = range(2001, 2021)
OPTIONS = crowd(PEOPLE)
IMAGES = 12
VICTIMS = ("converter", "bot", "both")


def photos(count=IMAGES):
    """So many photos; a child takes a tenth of a second or more for each."""
    data = saved(Pixels.linear_gradient("L").resize((6000, 4000)), "PNG", compress_level=1)
    return [picture(id, data=data, width=6000, height=4000) for id in range(1, count + 1)]


class ConversionKills:
    """Kills between the stand-ins of a house that is not started; `folder` has the files.

    In the end each of the `people` sees the whole library.
    """

    def __init__(self, home, folder, random, people=PEOPLE):
        self.home, self.folder, self.random, self.people = home, folder, random, people
        self.images = [picture.id for picture in home.stash.pictures]
        self.environ = home.environ | {"CACHE_DIRECTORY": str(folder)}

    def run(self, kills):
        """Kill so many times; then let every user see the whole library."""
        for number in range(kills):
            with Program(environ=self.environ) as bot:
                bot.wait_for_event("started")
                self.home.say("/random", user=self.random.choice(self.people))
                wait_until(lambda: children(bot.process.pid), "a picture is converted")
                time.sleep(self.random.uniform(0, 0.3))
                self.kill(bot, VICTIMS[number % len(VICTIMS)])
                bot.stop()
            self.home.query("DELETE FROM files")  # so that the images are converted again
        with Program(environ=self.environ) as bot:
            bot.wait_for_event("started")
            wait_until(lambda: is_all_done(self.home), "what was asked for before", 60)
            for user in self.people:
                for _ in range(len(self.images) - len(self.seen(user))):
                    self.home.say("/random", user=user)
            wait_until(self.is_finished, "everybody has everything", 120)
            assert bot.stop()[0] == 0

    def kill(self, bot, victim):
        if victim != "bot":
            for child in children(bot.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        if victim != "converter":
            bot.kill()

    def seen(self, user):
        sql = "SELECT image_id FROM sent_photos WHERE chat_id = ? AND state <> 'sending'"
        return [image for (image,) in self.home.query(sql, user)]

    def is_finished(self):
        return all(len(self.seen(user)) == len(self.images) for user in self.people)

    def check(self):
        """Nothing came twice, nothing is left out, and no file is left."""
        for user in self.people:
            calls = [call for call in self.home.telegram.calls if call.chat_id == user]
            came = [image for call in calls for image in images_of(call)]
            assert len(came) == len(set(came))
            assert sorted(self.seen(user)) == self.images
        assert self.home.query("SELECT * FROM skipped_images") == []
        kinds = self.home.query("SELECT DISTINCT kind FROM sent_photos WHERE state = 'sent'")
        assert kinds == [("photo",)]
        assert list(self.folder.iterdir()) == []
