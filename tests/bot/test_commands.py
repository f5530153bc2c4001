"""Commands, the 🎲 button and presses: the words that the bot understands, and its answers."""

import pytest

from stashbot.app import build
from stashbot.messages.catalogue import TEXTS
from stashbot.telegram.commands import COMMANDS
from tests.bot.test_access import after_all, chats_written_to, update
from tests.conftest import FRIEND, GROUP, OWNER, library, picture
from tests.store.stored import locked
from tests.whole.program import wait_until

HINT = "I don't chat, I send pictures"
PHOTO = {"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}
STICKER = PHOTO | {"type": "regular", "is_animated": False, "is_video": False}
IN_GROUP = {"id": GROUP, "type": "group", "title": "F"}


@pytest.fixture
def group(house):
    """A house whose bot knows its name, for messages in the group."""
    home = house(library(5))
    wait_until(lambda: home.app.telegram.name, "the bot knows its name")
    return home


def without_text(**message):
    """A message as Telegram delivers it, with other content than a text."""
    sent = update(**message)
    del sent["message"]["text"]
    return sent


@pytest.mark.parametrize(
    ("message", "answer"),
    [(update(bad), HINT) for bad in ("hello", "/unknown", "/random5", "/", "//random", "123", "٥")]
    + [(update(bad), HINT) for bad in ("/ random", "/random@other_bot", "")]
    + [
        (without_text(photo=[PHOTO]), HINT),
        (without_text(caption="/random", document=PHOTO), HINT),
        (without_text(sticker=STICKER), HINT),
        (without_text(dice={"emoji": "🎯", "value": 3}), HINT),
        (without_text(location={"longitude": 1.0, "latitude": 2.0}), HINT),
    ],
    ids=lambda value: str(value)[-50:],
)
def test_message_that_is_not_understood(house, message, answer):
    home = house()
    wait_until(lambda: home.app.telegram.name, "the bot knows its name")

    home.telegram.put_update(message)

    assert "\n" not in home.wait_for_text(answer)
    assert not home.stash.requests
    assert not home.events("update_skipped")


@pytest.mark.parametrize("text", ["/random@stash_demo_bot", "/random@STASH_DEMO_BOT 1", "/random"])
def test_command_for_this_bot_in_a_group(group, text):
    assert len(group.ask(text, chat=GROUP)) == 1


@pytest.mark.parametrize(
    "message",
    [update(text, chat=IN_GROUP) for text in ("/random@other_bot", "/unknown", "hello")]
    + [update("/help@stash_demo_bot2", chat=IN_GROUP)]
    + [without_text(chat=IN_GROUP, dice={"emoji": "🎲", "value": 6})],
    ids=["command for another bot", "unknown command", "talk", "similar name", "dice"],
)
def test_message_for_others_in_a_group(group, message):
    group.telegram.put_update(message)
    after_all(group)

    assert chats_written_to(group) == {OWNER}


def test_single_dice_in_private(house):
    """Telegram turns a single 🎲 into a dice: it asks for a picture."""
    home = house([picture(7)])

    home.telegram.put_update(without_text(dice={"emoji": "🎲", "value": 6}))

    assert home.wait_for_images(1) == [7]


def test_start(house):
    """It teaches the first steps in at most four lines."""
    home = house()

    home.say("/start")
    answer = home.wait_for_text("🎲")

    assert len(answer.splitlines()) <= 4
    assert all(each in answer for each in ("👍", "👎", "⋯", "/help"))
    assert home.telegram.keyboard(OWNER) == (("🎲 Random picture",),)


def test_help(house):
    home = house()

    home.say("/help")
    answer = home.wait_for_text("/random")

    assert all(f"/{name}" in answer for name in COMMANDS)
    assert home.telegram.keyboard(OWNER) == (("🎲 Random picture",),)
    [said] = home.telegram.wait_for("sendMessage")
    assert said.json("link_preview_options") == {"is_disabled": True}  # Telegram fetches nothing


@pytest.mark.parametrize(
    ("setting", "code", "language"),
    [
        ("auto", "ru-RU", "ru"),
        ("auto", "de", "en"),
        ("ru", "en", "ru"),
    ],
)
def test_language(house, setting, code, language):
    home = house(STASHBOT_TELEGRAM_LANGUAGE=setting)

    home.say("hello", language=code)

    assert home.wait_for_text("/help") == TEXTS[language]("hint")


@pytest.mark.parametrize(("setting", "fallback"), [("auto", "en"), ("ru", "ru")])
def test_lists_of_commands_by_scope_and_language(house, setting, fallback):
    home = house(STASHBOT_TELEGRAM_LANGUAGE=setting)
    lists = {
        (*(call.json("scope").values()), call.params.get("language_code", "")): {
            item["command"]: item["description"] for item in call.json("commands")
        }
        for call in home.telegram.wait_for("setMyCommands", count=9)
    }

    scopes = {
        ("default",): {"status", "people"},
        ("all_group_chats",): {"status", "people", "schedule"},
        ("chat", OWNER): set(),
    }
    assert lists == {
        (*scope, code): {
            name: TEXTS[language](f"command.{name}") for name in COMMANDS if name not in left_out
        }
        for scope, left_out in scopes.items()
        for code, language in {"": fallback, "en": "en", "ru": "ru"}.items()
    }


def is_for_owner(call):
    return call.method == "setMyCommands" and call.json("scope").get("chat_id") == OWNER


def test_owner_who_has_never_written_gets_the_list_with_start(house):
    home = house(users=(FRIEND,))
    refused = home.telegram.wait_for(is_for_owner, count=3)

    home.say("/start")
    registered = home.telegram.wait_for(is_for_owner, count=6)[3:]

    assert {call.status for call in refused} == {400}
    assert {call.status for call in registered} == {200}
    assert not home.events("message_lost")


@pytest.mark.parametrize(
    ("user", "chat", "hidden"),
    [
        (OWNER, 0, set()),
        (FRIEND, 0, {"status", "people"}),
        (OWNER, GROUP, {"status", "people", "schedule"}),
    ],
)
def test_help_lists_what_works_where_it_is_asked(house, user, chat, hidden):
    home = house()

    home.say("/help", user=user, chat=chat)
    lines = home.wait_for_text("/random –", chat=chat or user).splitlines()

    assert [line.split()[0] for line in lines] == [
        f"/{name}" for name in COMMANDS if name not in hidden
    ]


UNKNOWN = ["", "nonsense", "next:1", "like:7", "\x00", "я" * 32, "forget:perhaps", "excluded:-1"]
UNKNOWN += ["vote:love:7:0", "vote:like:seven:0", "vote:none:7:ticked", "restore:1"]
UNKNOWN += ["vote:like:9999999999999999999:0", "exclude:country:3:7", "exclude:tags:3:7"]


@pytest.mark.parametrize("data", UNKNOWN)
def test_unknown_press(house, data):
    home = house()

    home.telegram.press(1, data, user_id=OWNER)
    home.telegram.wait_for("answerCallbackQuery")

    assert home.telegram.answers[0].text == ""
    assert not home.stash.requests
    assert not home.events("voted") + home.events("excluded") + home.events("turn_failed")


def test_press_on_an_old_message(house):
    """Telegram does not show the message any more; the press brings a picture."""
    home = house([picture(7)])

    home.telegram.press(4000, "next", user_id=OWNER)

    assert home.wait_for_images(1) == [7]
    home.telegram.wait_for("answerCallbackQuery")


def test_press_without_a_message(house):
    home = house()
    press = {"id": "99", "from": update()["message"]["from"], "chat_instance": "1", "data": "next"}

    home.telegram.put_update({"callback_query": press})
    [call] = home.telegram.wait_for("answerCallbackQuery")

    assert call.params["text"] == "This bot is private."
    assert not home.stash.requests


def test_database_is_locked(house):
    """Messages and presses are told so, the log names the file, and later all is well."""
    home = house(library(5), start=False)
    home.app = build(home.settings)
    home.app.store._db.timeout = 0.01  # seconds, or the test would wait for five
    home.app.start()
    home.say("hello")
    home.wait_for_text(HINT)
    with locked(home.settings.database):
        home.say("/random")
        home.wait_for_text("my database is not available")
        home.telegram.press(1, "next", user_id=OWNER)
        home.telegram.wait_for("answerCallbackQuery")
    home.ask()

    assert "my database is not available" in home.telegram.answers[0].text
    lines = home.events("store_failed")
    assert len(lines) >= 2
    assert {line["level"] for line in lines} == {"error"}
    assert str(home.settings.database) in lines[0]["error"]
