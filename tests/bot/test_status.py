"""The texts of /stats, /status and systemctl status."""

import re
import threading

import pytest

from stashbot.app import build
from stashbot.bot.status import LONGEST_TITLE, StatusReports
from stashbot.messages.catalogue import TEXTS
from stashbot.stash.client import StashClient
from tests.conftest import FRIEND, OWNER, library, utc
from tests.standins.http import Fault, Trouble
from tests.store.stored import show


class Desk:
    """Reports of a bot that is not started, at a moment of the test's choice."""

    def __init__(self, home, now):
        self.home, self.now = home, now
        self.app = home.app = build(home.settings)
        self.stash = StashClient(home.stash.url, "", threading.Event())
        self.reports = StatusReports(
            store=self.app.store,
            stash=self.stash,
            telegram=self.app.telegram,
            settings=home.settings,
            next_due=lambda: None,
            now=lambda: utc(self.now),
        )

    def sent(self, image_id, at, title="", chat=OWNER):
        show(self.app.store, image_id, chat_id=chat, now=utc(at), title=title)

    def stats(self, language="en"):
        return self.reports.stats(OWNER, TEXTS[language]).text


@pytest.fixture
def desk(house):
    """A function that makes the reports at a moment in UTC; the bot's zone is Berlin."""
    desks = []

    def open_desk(now, size=10):
        desks.append(Desk(house(library(size), start=False), now))
        return desks[-1]

    yield open_desk
    for each in desks:
        each.stash.close_thread()


def test_stats(desk):
    """The day begins at midnight in the bot's zone, and a week has seven times 24 hours."""
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-03 21:59", "before midnight")
    here.sent(2, "2026-05-03 22:01")
    here.sent(3, "2026-05-04 08:15", "A <b>bold</b>\n one & more")
    here.sent(3, "2026-04-27 09:01")
    here.sent(4, "2026-04-27 08:59")
    here.sent(5, "2026-01-01 00:00")
    here.sent(6, "2026-05-04 08:30", chat=FRIEND)

    assert here.stats().splitlines() == [
        "<b>Pictures in this chat</b>",
        "2 today · 4 in 7 days · 6 in all",
        "The last one: today at 10:15, “A &lt;b&gt;bold&lt;/b&gt; one &amp; more”",
        "",
        "<b>Library</b>",
        "10 pictures · 6 not seen yet",
    ]


def test_stats_of_a_new_chat(desk):
    assert desk("2026-05-04 09:00", size=1).stats("ru").splitlines() == [
        "Здесь пока ничего не было: первую картинку пришлёт /random.",
        "",
        "<b>Библиотека</b>",
        "1 картинка · ещё не показано\u00a01",
    ]


def test_images_that_cannot_be_sent(desk):
    """They do not count as not seen yet for ever; one that was seen counts as seen."""
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-04 08:00")
    for image in (1, 2, 3):
        here.app.store.skip_image(image, "too large", utc("2026-05-05"))

    assert "10 pictures · 7 not seen yet · 2 cannot be sent" in here.stats()


def test_day_of_23_hours(desk):
    here = desk("2026-03-29 21:59")
    for at in ("2026-03-28 22:59", "2026-03-28 23:00", "2026-03-29 21:58"):
        here.sent(1, at)
    today = here.stats().splitlines()[1]
    here.now = "2026-03-29 22:00"

    assert today == "2 today · 3 in 7 days · 3 in all"
    assert here.stats().splitlines()[1] == "3 in 7 days · 3 in all"


def test_stats_with_a_long_title(desk):
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-04 08:00", "x" * 9000)

    assert "x" * (LONGEST_TITLE - 1) + "…”" in here.stats()


def test_stats_while_stash_is_away(desk):
    """The rest is told. After a failure Stash is not asked again at once."""
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-04 08:00")
    here.home.stash.server.fail(Fault("/graphql", Trouble.UNAUTHORIZED, times=99))
    first = here.stats()
    here.home.stash.server.heal()
    here.home.stash.clear()
    here.stash.outage.down(OSError())

    assert first == here.stats()
    assert first.splitlines()[1:2] == ["1 today · 1 in 7 days · 1 in all"]
    assert first.endswith("Stash does not answer right now, so I can't count the pictures.")
    assert not here.home.stash.requests


def test_line_for_systemctl(desk):
    here = desk("2026-05-04 09:00:30")
    here.sent(1, "2026-05-03 21:00")
    here.sent(2, "2026-05-04 08:00")
    calm = here.reports.line()
    here.stash.outage.down(OSError("no route"))

    assert calm == "1 picture today"
    assert here.reports.line() == "1 picture today; Stash is away since 11:00: no route"


def test_status(house):
    """Only the owner gets it."""
    home = house()

    home.say("/status")
    lines = home.wait_for_text("stashbot").splitlines()
    home.say("/status", user=FRIEND)
    home.wait_for_text("Only my owner", chat=FRIEND)

    patterns = [
        r"stashbot \S+",
        r"Uptime: \d+\sseconds?",
        r"Telegram answers in \d+ ms",
        r"Stash 0\.30\.1 answers in \d+ ms",
        r"Database: [\d.]+\skB",
        r"No schedules",
    ]
    assert len(lines) == len(patterns)
    assert all(re.fullmatch(*pair) for pair in zip(patterns, lines, strict=True))


def test_status_while_stash_is_away(house):
    home = house()
    home.stash.status = "SETUP"

    home.say("/status")

    assert "it has not been set up yet" in home.wait_for_text("Stash is not working")
