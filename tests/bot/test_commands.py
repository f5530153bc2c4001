"""Commands, the 🎲 button and presses: what is understood, and what is answered."""

import ast
import json
import re
import sqlite3
import threading
from datetime import timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stashbot
from stashbot.app import build
from stashbot.bot.commands import COMMANDS, images_wanted
from stashbot.bot.status import TITLE, StatusReports
from stashbot.demo.http import Fault, Trouble
from stashbot.messages.catalogue import TEXTS
from stashbot.models import Facet, Feature, Image, Kind, KnownFile, Sent, Trigger
from stashbot.runtime.outage import Outage
from stashbot.stash.client import StashClient
from stashbot.store.history import NOT_IN_STASH
from tests.bot.test_access import after_all, chats_written_to, update
from tests.conftest import FRIEND, GROUP, OWNER, library, picture, utc

HINT, USAGE = "I only understand commands", "After /random you can give a number"
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def group(house):
    """A house with an allowed group."""
    home = house(library(5), start=False)
    home.telegram.add_group(GROUP, "Friends", [OWNER, FRIEND])
    return home.start()


# What is asked for


@pytest.mark.parametrize(
    ("argument", "count"),
    [("", 1), ("1", 1), ("2", 2), ("10", 10), ("05", 5), ("0010", 10)]
    + [(bad, None) for bad in ("0", "00", "11", "100", "0100", "0051", "-1", "+5", "5.0")]
    + [(bad, None) for bad in ("five", "5 5", "٥", "²", "1e1", "9" * 5000)],
    ids=lambda value: str(value)[:10] or "nothing",
)
def test_how_many(argument, count):
    """One to ten, in digits; anything else is not understood."""
    assert images_wanted(argument) == count


@given(st.text(alphabet="0123456789 -+.٥", max_size=6))
def test_never_more_than_ten(argument):
    """No argument brings more than an album holds."""
    assert images_wanted(argument) in {None, *range(1, 11)}


@pytest.mark.parametrize("text", ["/random 11", "/random five", "/random 0100", "/random\n-1"])
def test_bad_argument(house, text):
    """What would be right is said, and no picture comes."""
    home = house()

    home.say(text)
    home.wait_for_text(USAGE)

    assert not home.stash.requests


@pytest.mark.parametrize(
    "text",
    ["hello", "/unknown", "/random5", "/", "//random", "🎲🎲", "/random@other_bot", "/ random"],
)
def test_anything_else_in_private(house, text):
    """What is not understood gets a hint, not silence."""
    home = house()

    home.say(text)

    assert "\n" not in home.wait_for_text(HINT)


@pytest.mark.parametrize(
    "content",
    [
        {"photo": [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}]},
        {"caption": "/random", "document": {"file_id": "a", "file_unique_id": "b"}},
        {"sticker": {"file_id": "a", "file_unique_id": "b", "type": "regular", "width": 1}
         | {"height": 1, "is_animated": False, "is_video": False}},
        {"text": ""},
        {"dice": {"emoji": "🎯", "value": 3}},
        {"location": {"longitude": 1.0, "latitude": 2.0}},
    ],
    ids=lambda content: next(iter(content)),
)  # fmt: skip
def test_no_text_at_all(house, content):
    """A photo, a sticker or nothing at all gets the hint as well."""
    home = house()
    sent = update()
    del sent["message"]["text"]
    sent["message"] |= content

    home.telegram.put_update(sent)

    home.wait_for_text(HINT)
    assert not home.events("update_skipped")


def test_lone_die(house):
    """Telegram makes a die of a lone 🎲: it asks for a picture."""
    home = house([picture(7)])
    sent = update(dice={"emoji": "🎲", "value": 6})
    del sent["message"]["text"]

    home.telegram.put_update(sent)

    assert home.wait_for_images(1) == [7]


def test_edited_message(house):
    """An edited command is no new command."""
    home = house()

    home.telegram.put_update({"edited_message": update()["message"]})
    after_all(home)

    assert not home.stash.requests


@pytest.mark.parametrize("text", ["/random@stash_demo_bot", "/random@STASH_DEMO_BOT 1", "/random"])
def test_command_for_us_in_a_group(group, text):
    """A command to this bot, or to nobody, is obeyed."""
    assert len(group.ask(text, chat=GROUP)) == 1


@pytest.mark.parametrize(
    "text", ["/random@other_bot", "/unknown", "hello", "/help@stash_demo_bot2"]
)
def test_not_for_us_in_a_group(group, text):
    """Talk, unknown commands and those to other bots are left alone."""
    group.say(text, chat=GROUP)
    after_all(group)

    assert chats_written_to(group) == {OWNER}


def test_die_in_a_group(group):
    """In a group a die is a game among people."""
    sent = update(
        chat={"id": GROUP, "type": "group", "title": "F"}, dice={"emoji": "🎲", "value": 6}
    )
    del sent["message"]["text"]

    group.telegram.put_update(sent)
    after_all(group)

    assert chats_written_to(group) == {OWNER}


def test_own_name_cannot_be_learned(group):
    """A command to a name is not lost when Telegram fails to say what the bot is called."""
    group.telegram.server.fail(Fault("getMe", Trouble.RESET))

    assert len(group.ask("/random@stash_demo_bot", chat=GROUP)) == 1


# What is said


@pytest.mark.parametrize("text", ["/start", "/help"])
def test_welcome(house, text):
    """The commands are listed, and the 🎲 button lies on the keyboard, in plain text."""
    home = house()

    home.say(text)
    answer = home.wait_for_text("/random")

    assert all(f"/{name}" in answer for name in COMMANDS)
    assert home.telegram.keyboard(OWNER) == (("🎲 Random picture",),)
    assert "parse_mode" not in home.telegram.wait_for("sendMessage")[0].params


@pytest.mark.parametrize(
    ("setting", "code", "language"),
    [
        ("auto", "en", "en"),
        ("auto", "ru", "ru"),
        ("auto", "ru-RU", "ru"),
        ("auto", "de", "en"),
        ("en", "ru", "en"),
        ("ru", "en", "ru"),
    ],
)
def test_language(house, setting, code, language):
    """Each user's own language, unless the owner has chosen one for all."""
    home = house(STASHBOT_TELEGRAM_LANGUAGE=setting)

    home.say("hello", language=code)

    assert home.wait_for_text("/random") == TEXTS[language]("hint")


def test_languages_in_one_group(group):
    """In a group everybody is answered in his own language."""
    group.say("/random x", chat=GROUP)
    group.say("/random x", user=FRIEND, chat=GROUP, language="ru")

    group.wait_for_text(USAGE, chat=GROUP)
    group.wait_for_text("После /random", chat=GROUP)


@pytest.mark.parametrize(("setting", "fallback"), [("auto", "en"), ("ru", "ru")])
def test_list_of_commands(house, setting, fallback):
    """Telegram is given the commands in each language, and for those who have another."""
    home = house(STASHBOT_TELEGRAM_LANGUAGE=setting)
    calls = home.telegram.wait_for("setMyCommands", count=3)

    lists = {
        call.params.get("language_code", ""): {
            item["command"]: item["description"] for item in call.json("commands")
        }
        for call in calls
    }

    assert lists == {
        code: {name: TEXTS[language](f"command.{name}") for name in COMMANDS}
        for code, language in {"": fallback, "en": "en", "ru": "ru"}.items()
    }


# Presses


@pytest.mark.parametrize("data", ["", "nonsense", "next:1", "like:7", "\x00", "я" * 32])
def test_unknown_press(house, data):
    """A button that means nothing to us stops spinning, and nothing happens."""
    home = house()

    home.telegram.press(1, data, user_id=OWNER)
    home.telegram.wait_for("answerCallbackQuery")

    assert home.telegram.answers[0].text == ""
    assert not home.stash.requests


def test_press_on_a_message_of_long_ago(house):
    """➡️ works below a message that Telegram does not show us any more."""
    home = house([picture(7)])

    home.telegram.press(4000, "next", user_id=OWNER)

    assert home.wait_for_images(1) == [7]
    home.telegram.wait_for("answerCallbackQuery")


def test_press_that_is_too_old(house):
    """A press that Telegram has given up still brings its picture, without a fuss."""
    home = house([picture(7)])
    message = {"chat": {"id": OWNER, "type": "private"}, "message_id": 1, "date": 0}
    press = {"id": "99", "from": update()["message"]["from"], "chat_instance": "1"}

    home.telegram.put_update({"callback_query": press | {"message": message, "data": "next"}})

    assert home.wait_for_images(1) == [7]
    home.telegram.wait_for("answerCallbackQuery")
    assert not home.events("message_lost")


def test_press_without_a_message(house):
    """A press from we know not where is answered, and refused."""
    home = house()
    press = {"id": "99", "from": update()["message"]["from"], "chat_instance": "1", "data": "next"}

    home.telegram.put_update({"callback_query": press})
    [call] = home.telegram.wait_for("answerCallbackQuery")

    assert call.params["text"] == "This bot is private."
    assert not home.stash.requests


# Trouble


def test_update_that_comes_again_after_a_restart(house):
    """What Telegram delivers twice, because it was not confirmed, is served once."""
    home = house(library(5))
    sent = update() | {"update_id": 600_000_000}
    home.telegram.put_update(dict(sent))
    home.wait_for_images(1)

    home.restart()
    home.telegram.put_update(dict(sent))
    after_all(home)
    home.ask(user=FRIEND)

    chats = [call.chat_id for call in home.telegram.calls if call.method == "sendPhoto"]
    assert chats == [OWNER, FRIEND]


def test_database_is_locked(house):
    """
    While another program holds the database the user hears that the bot cannot answer,
    a press too; the log says which; afterwards all is well.
    """
    home = house(library(5), start=False)
    home.app = build(home.settings)
    home.app.store._db.timeout = 0.01  # seconds, or the test would wait for five
    home.app.start()
    home.say("hello")
    home.wait_for_text(HINT)
    with sqlite3.connect(home.settings.database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")

        home.say("/random")
        home.wait_for_text("trouble with my database")
        home.telegram.press(1, "next", user_id=OWNER)
        home.telegram.wait_for("answerCallbackQuery")
        other.execute("ROLLBACK")
    other.close()
    home.ask()

    assert "trouble with my database" in home.telegram.answers[0].text
    lines = home.events("store_failed")
    assert len(lines) >= 2
    assert {line["level"] for line in lines} == {"error"}
    assert str(home.settings.database) in lines[0]["error"]


# Reports


class Desk:
    """Reports upon a house that is not open, at a moment of our choice."""

    def __init__(self, home, now, avoid=30):
        self.home, self.now = home, now
        self.app = home.app = build(home.settings)
        self.stash = StashClient(home.stash.url, "", threading.Event())
        self.reports = StatusReports(
            self.app.store,
            self.stash,
            self.app.receiver._sender,
            lambda: 4,
            lambda: 0,
            lambda: None,
            BERLIN,
            timedelta(days=avoid),
            lambda: utc(self.now),
        )

    def sent(self, image_id, at, title="", chat=OWNER):
        store, image = self.app.store, Image(image_id, title=title)
        request = store.add_request(
            update_id=None,
            chat_id=chat,
            user_id=OWNER,
            count=1,
            trigger=Trigger.COMMAND,
            language="en",
            now=utc(at),
        )
        [row_id] = store.begin(request, [image], utc(at))
        arrived = [(row_id, image, Sent(1, KnownFile(Kind.PHOTO, "file")))]
        store.settle(arrived, utc(at), bot_id=1, shape="", ends=request)

    def stats(self, language="en"):
        return self.reports.stats(OWNER, TEXTS[language])

    def close(self):
        self.stash.close_thread()


@pytest.fixture
def desk(house):
    """A function that opens a desk at a moment in UTC."""
    desks = []

    def open_desk(now, size=10, **options):
        desks.append(Desk(house(library(size), start=False), now, **options))
        return desks[-1]

    yield open_desk
    for each in desks:
        each.close()


def test_stats(desk):
    """
    The day begins at midnight where the owner lives; a week has seven times 24 hours;
    other chats do not count.
    """
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-03 21:59", "before midnight")
    here.sent(2, "2026-05-03 22:01")
    here.sent(3, "2026-05-04 08:15", "A <b>bold</b>\n one & more")
    here.sent(3, "2026-04-27 09:01")
    here.sent(4, "2026-04-27 08:59")
    here.sent(5, "2026-01-01 00:00")
    here.sent(6, "2026-05-04 08:30", chat=FRIEND)

    assert here.stats().splitlines() == [
        "Pictures in this chat",
        "Today: 2 pictures",
        "In 7 days: 4 pictures",
        "In all: 6 pictures",
        "The last one: 2026-05-04 10:15, “A <b>bold</b> one & more”",
        "Votes: 👍 0, 👎 0",
        "Liked of the last 5 pictures: 0%",
        "Not seen yet: 6 pictures",
        "In the library: 10 pictures",
    ]


def test_stats_with_images_that_cannot_be_sent(desk):
    """
    They are not among the unseen ones; one that was sent before counts as seen.
    """
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-04 08:00")
    store, until = here.home.app.store, utc("2026-05-05 09:00")
    for image_id, reason in ((1, "too large"), (2, "too large"), (99, NOT_IN_STASH)):
        store.skip_image(image_id, reason, until)
    store.exclusions.add(OWNER, Feature(Facet.IMAGE, 2), until)
    store.exclusions.add(OWNER, Feature(Facet.IMAGE, 3), until)

    assert here.stats().splitlines()[-3:] == [
        "Not seen yet: 7 pictures",
        "Cannot be sent: 1 picture",
        "In the library: 10 pictures",
    ]


def test_stats_of_a_new_chat(desk):
    """Nothing was sent, and everything is left."""
    assert desk("2026-05-04 09:00", size=1).stats("ru").splitlines() == [
        "Картинки в этом чате",
        "Сегодня: 0 картинок",
        "За 7 дней: 0 картинок",
        "Всего: 0 картинок",
        "Оценки: 👍 0, 👎 0",
        "Ещё не показана: 1 картинка",
        "В библиотеке: 1 картинка",
    ]


@pytest.mark.parametrize(
    ("sent", "now", "today"),
    [
        pytest.param("2026-03-28 22:59", "2026-03-29 20:00", 0, id="before it begins"),
        pytest.param("2026-03-28 23:00", "2026-03-29 20:00", 1, id="as it begins"),
        pytest.param("2026-03-29 21:59", "2026-03-29 22:00", 0, id="as it ends"),
        pytest.param("2026-03-29 22:00", "2026-03-29 22:01", 1, id="after it"),
    ],
)
def test_day_of_23_hours(desk, sent, now, today):
    """A day on which clocks are put forward begins and ends at its own midnights."""
    here = desk(now)
    here.sent(1, sent)

    assert f"Today: {today} picture" in here.stats()


def test_stats_with_a_title_without_end(desk):
    """However long a title is, the message fits."""
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-04 08:00", "x" * 9000)

    assert "x" * (TITLE - 1) + "…”" in here.stats()


def test_stats_while_stash_is_away(desk):
    """What the bot knows itself is told; Stash, once it has just failed, is not asked."""
    here = desk("2026-05-04 09:00")
    here.sent(1, "2026-05-04 08:00")
    here.home.stash.server.fail(Fault("/graphql", Trouble.UNAUTHORIZED, times=99))
    first = here.stats()
    here.home.stash.server.heal()
    here.home.stash.clear()
    here.stash.outage.down(OSError())

    assert first == here.stats()
    assert first.splitlines()[1:2] == ["Today: 1 picture"]
    assert first.endswith("In the library: unknown, Stash does not answer")
    assert not here.home.stash.requests


def test_line_for_systemctl(desk):
    """One line says what went out today, in all chats, and what is away since when."""
    here = desk("2026-05-04 09:00:30")
    here.sent(1, "2026-05-03 21:00")
    here.sent(2, "2026-05-04 08:00")
    calm = here.reports.line()
    here.stash.outage.down(OSError("no route"))

    assert calm == "1 picture today"
    assert here.reports.line() == "1 picture today; Stash is away since 11:00: no route"


def test_stats_after_an_outage_that_nobody_ended(desk):
    """A Stash that is back is asked, though no picture has been asked for since."""
    here = desk("2026-05-04 09:00")
    here.stash.outage = Outage("stash", 20, iter((0.0, 9.0, 9.0)).__next__)
    here.stash.outage.down(OSError())

    assert "In the library: 10 pictures" in here.stats()


def test_status(house):
    """The owner learns how everything is; nobody else does."""
    home = house()

    home.say("/status")
    lines = home.wait_for_text("stashbot").splitlines()
    home.say("/status", user=FRIEND)
    home.wait_for_text("for the bot's owner only", chat=FRIEND)

    patterns = [
        r"stashbot \S+",
        r"Uptime: \d+ seconds?",
        r"Telegram answers in \d+ ms",
        r"Stash 0\.30\.1 answers in \d+ ms",
        r"Waiting: 0 requests",
        r"Database: [\d.]+ kB",
        r"No schedules",
    ]
    assert len(lines) == len(patterns)
    assert all(re.fullmatch(*pair) for pair in zip(patterns, lines, strict=True))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "SETUP"}, "it has not been set up yet"),
        ({"tripwire": True}, "Stash is not working"),
    ],
    ids=str,
)
def test_status_while_stash_is_away(house, state, words):
    """What is wrong with Stash is said in its place, and the rest as ever."""
    home = house()
    for name, value in state.items():
        setattr(home.stash, name, value)

    home.say("/status")

    assert words in home.wait_for_text("Stash is not working")


# The log's words

#: The events of a bot that sends pictures when asked, with their fields.
EVENTS = {
    "started": {"version"},
    "stopping": {"version"},
    "stopped": {"version", "seconds"},
    "photo_sent": {"chat_id", "user_id", "image_id", "kind", "trigger", "pick_ms", "fetch_ms"}
    | {"send_ms", "bytes", "reused"},
    "photo_failed": {"image_id", "reason"},
    "image_skipped": {"image_id", "reason"},
    "access_denied": {"user_id", "chat_id"},
    "*_down": {"error"},
    "*_up": {"seconds"},
    "flood_wait": {"chat_id", "seconds"},
}


@cache
def logged_events():
    """Each event that the sources log, with its fields in every place; `*` is a variable."""
    found = {}
    for path in Path(stashbot.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name("log")), args=[event, *_]):
                    name = re.sub(r"\{.*?\}", "*", ast.unparse(event).removeprefix("f").strip("'"))
                    fields = {keyword.arg for keyword in node.keywords}
                    found.setdefault(name, []).append(fields)
    return found


@pytest.mark.parametrize("event", EVENTS)
def test_events_of_the_log(event):
    """Each event that people's tools look for is logged under its name, with these fields."""
    places = logged_events()[event]

    assert places
    assert all(fields == EVENTS[event] for fields in places)


def test_names_of_services_in_the_log(house):
    """The services that go down and come up are called stash and telegram."""
    home = house(start=False)
    app = build(home.settings)
    home.app = app

    outages = {app.receiver._outage, app.bot._reports._stash.outage}
    for outage in outages:
        outage.down(OSError("away"))
        outage.up()

    names = {json.loads(line)["event"] for line in home.log_stream.getvalue().splitlines()}
    assert names == {"stash_down", "stash_up", "telegram_down", "telegram_up"}
