"""Letting people and groups in, and /people."""

import pytest

from stashbot.demo.telegram.chats import User
from stashbot.rules.access import MOST_QUESTIONS
from stashbot.telegram.commands import COMMANDS
from tests.bot.test_access import CLUB, after_all, update
from tests.conftest import FRIEND, GROUP, NO_NEXT, OWNER, STRANGER, library
from tests.long.updates import BUTTONS, membership
from tests.standins.http import Fault, Trouble
from tests.whole.program import wait_until, went

#: Of people in all: more than a page of the list has.
MANY = 30
ANONYMOUS, CHANNEL_BOT, OTHER_BOT = 1087968824, 136817688, 4243


def tap(home, label, user=OWNER, chat=OWNER):
    """Press the newest button with this label, and wait for the answer."""
    answers = len(home.telegram.answers)
    for message in reversed(home.received(chat)):
        labels = {button.text: button.data for row in message.buttons for button in row}
        if found := [data for text, data in labels.items() if label in text]:
            home.telegram.press(message, found[0], user_id=user)
            home.telegram.wait_for("answerCallbackQuery", count=answers + 1)
            return message.id
    raise AssertionError(label)


def ask_owner(home, user=STRANGER, count=1, **name):
    """A stranger writes; returns the question that the owner gets."""
    home.telegram.add_user(User(user, name.pop("name", "Anna"), **name))
    home.say("hello", user=user)
    return home.wait_for_text("would like to use me", count=count)


def added(user, chat_id, *, type="supergroup", status="member", before="left"):
    """An update: a user adds the bot to a group."""
    return {
        "my_chat_member": {
            "chat": {"id": chat_id, "type": type, "title": "Club"},
            "from": {"id": user, "is_bot": user == OTHER_BOT, "first_name": "P"},
            "date": 1,
        }
        | membership(before, status)
    }


def names(home, standing):
    rows = home.query("SELECT chat_id FROM people WHERE standing = ?", standing)
    return [chat_id for (chat_id,) in rows]


def ready(home):
    """The chats for which a picture lies ready."""
    return set(home.app.requests._preparation._prefetched._ready)


def let_in(home, user=STRANGER):
    ask_owner(home, user)
    tap(home, "Allow")
    home.wait_for_text("I send random pictures", chat=user)


def remove(home):
    home.say("/people")
    home.wait_for_text("Let in:")
    tap(home, "Remove")


def test_stranger_is_let_in_by_a_tap(house):
    home = house(library(9))
    question = ask_owner(home, username="anna")
    message = tap(home, "✅ Allow")
    home.wait_for_text("I send random pictures", chat=STRANGER)
    home.ask(user=STRANGER)
    home.telegram.wait_for(lambda call: "/people can undo" in call.params.get("text", ""))
    tap_again = [each for each in home.received(OWNER) if each.id == message]
    home.telegram.press(message, "people:ignore:1:", user_id=OWNER)
    after_all(home)

    assert question.endswith(f"👤 Anna\n@anna, id {STRANGER}")
    assert tap_again[0].text == f"✅ Let in. /people can undo that.\n👤 Anna\n@anna, id {STRANGER}"
    assert not tap_again[0].buttons
    assert names(home, "admitted") == [STRANGER]
    [granted] = home.events("access_granted")
    assert (granted["user_id"], granted["chat_id"]) == (STRANGER, STRANGER)


def test_ignored_stranger_hears_only_that_the_bot_is_private(house):
    home = house()
    ask_owner(home)
    tap(home, "🚫 Ignore")
    home.restart()
    home.say("hello?", user=STRANGER)
    home.wait_for_text("This bot is private.", chat=STRANGER, count=2)
    home.say("/people")
    home.wait_for_text("🚫 Ignored:")
    tap(home, "Stop ignoring Anna")
    home.restart()
    home.say("and now?", user=STRANGER)

    home.wait_for_text("I have asked", chat=STRANGER, count=2)
    texts = [message.text for message in home.received(STRANGER)]
    asked = "This bot is private. I have asked its owner to let you in."
    assert texts == [asked, "This bot is private.", asked]


def test_question_that_was_answered_in_the_list(house):
    home = house()
    ask_owner(home)
    home.say("/people")
    home.wait_for_text("⏳ Waiting")
    tap(home, "✅ Allow Anna")
    tap(home, "🚫 Ignore")
    home.telegram.wait_for(lambda call: "/people can undo" in call.params.get("text", ""))

    [question] = [each for each in home.received(OWNER) if "/people can undo" in each.text]
    assert question.text.startswith("✅ Let in.")
    assert not question.buttons
    assert names(home, "admitted") == [STRANGER]


@pytest.mark.parametrize(
    ("name", "username", "shown"),
    [
        ("Anna\u202e\n\x00Smith", "", "👤 Anna Smith\nid 6666"),
        ("A" * 200, "", f"👤 {'A' * 39}…\nid 6666"),
        ("\u3164 ", "", "👤 6666\nid 6666"),
        ("Bob\n@bob, id 1001", "eve", "👤 Bob @bob, id 1001\n@eve, id 6666"),
    ],
    ids=["controls", "long", "invisible", "somebody else"],
)
def test_name_of_a_stranger(house, name, username, shown):
    assert ask_owner(house(), name=name, username=username).endswith(f"May they?\n{shown}")


def test_many_strangers_ask(house):
    """The owner is asked ten times, and /people has all of them."""
    home = house()
    for user in [*range(7000, 7000 + MANY), *range(7000, 7000 + MANY)]:
        home.telegram.put_update(update("hello", user=user))
    home.wait_for_text("would like to use me", count=MOST_QUESTIONS)
    after_all(home)
    home.restart()
    home.telegram.put_update(update("hello", user=7000))
    home.telegram.put_update(update("hello", user=7000 + MANY))
    after_all(home)
    home.say("/people")
    home.wait_for_text("⏳ Waiting")
    tap(home, "▶️")
    tap(home, "▶️")
    home.wait_for_event("access_denied")
    message = tap(home, "✅ Allow")

    questions = [each for each in home.received(OWNER) if "would like to use me" in each.text]
    assert len(questions) == MOST_QUESTIONS
    assert len(names(home, "waiting")) == MANY
    assert len(names(home, "admitted")) == 1
    [listed] = [each for each in home.received(OWNER) if each.id == message]
    assert len(listed.buttons) == 9


@pytest.mark.parametrize(
    ("type", "status"),
    [("group", "member"), ("supergroup", "member"), ("channel", "administrator")],
)
def test_group_is_let_in_and_removed(house, type, status):
    home = house(library(9))
    home.telegram.add_group(CLUB, "Club", [OWNER, FRIEND, STRANGER], type=type)
    home.say("/random", chat=CLUB)
    home.telegram.put_update(added(STRANGER, CLUB, type=type, status=status))
    after_all(home)
    home.telegram.put_update(added(FRIEND, CLUB, type=type, status=status))
    home.wait_for_text(f"May I be used there?\n👥 Club\nid {CLUB}")
    tap(home, "Allow")
    home.wait_for_event("access_granted")
    home.ask(user=FRIEND, chat=CLUB)
    home.say("/people", chat=CLUB)
    home.wait_for_text("Let in:")
    tap(home, "Remove Club")
    before = len(home.received(CLUB))
    home.say("/random", chat=CLUB)
    after_all(home)

    assert len(home.received(CLUB)) == before == 1
    assert [line["chat_id"] for line in home.events("access_removed")] == [CLUB]


def test_group_that_waits_becomes_a_supergroup_and_is_removed(house):
    home = house(library(9))
    home.telegram.add_group(CLUB, "Club", [OWNER])
    home.telegram.put_update(added(OWNER, CLUB, type="group"))
    home.wait_for_text("been added")
    home.telegram.upgrade_group(CLUB, -1_000_600)
    home.wait_for_event("chat_moved")
    tap(home, "Allow")
    home.ask(chat=-1_000_600)
    wait_until(lambda: -1_000_600 in ready(home), "a picture lies ready")
    remove(home)

    wait_until(lambda: -1_000_600 not in ready(home), "it is given up")


def test_removed_person(house):
    """A request that waits and the schedules are given up."""
    home = house(library(9), users=(OWNER, FRIEND, STRANGER), **NO_NEXT)
    let_in(home)
    home.say("/schedule every 5 minutes", user=STRANGER)
    home.wait_for_text("✅", chat=STRANGER)
    home.ask(user=STRANGER)
    home.stash.server.fail(Fault("", Trouble.SILENCE, times=99, seconds=1))
    home.say("/random 2", user=STRANGER)
    while home.telegram.pending():
        home.telegram.wait_for_poll()
    remove(home)
    home.stash.server.heal()
    home.say("/random", user=STRANGER)
    home.ask()

    assert names(home, "admitted") == []
    assert home.app.store.schedules.of(STRANGER) == []
    assert home.query("SELECT DISTINCT state FROM requests WHERE count = 2") == [("failed",)]
    assert home.query("SELECT COUNT(*) FROM sent_photos WHERE chat_id = ?", STRANGER) == [(1,)]
    assert [line["user_id"] for line in home.events("access_removed")] == [STRANGER]


def test_picture_that_lies_ready_for_a_removed_person(house):
    home = house(library(9))
    let_in(home)
    home.ask(user=STRANGER)
    wait_until(lambda: STRANGER in ready(home), "a picture lies ready")
    remove(home)

    wait_until(lambda: STRANGER not in ready(home), "it is given up")


@pytest.mark.parametrize("trouble", [Trouble.SILENCE, Trouble.FLOOD], ids=["sent", "to be sent"])
def test_person_is_removed_while_a_picture_is_under_way(house, trouble):
    home = house(library(9))
    let_in(home)
    home.telegram.server.fail(Fault("sendPhoto", trouble, seconds=2))
    home.say("/random", user=STRANGER)
    wait_until(lambda: went(home, "sendPhoto"), "Telegram was asked")
    remove(home)
    wait_until(lambda: not len(home.app.picture_pool), "all is done")

    assert STRANGER not in ready(home)
    assert len(home.sent_images()) == (trouble is Trouble.SILENCE)


def test_settings_people_have_no_button(house):
    home = house()
    home.say("/people")
    text = home.wait_for_text("In my settings")

    assert f"{OWNER}, {FRIEND}, {GROUP}" in text
    assert not home.received(OWNER)[-1].buttons


@pytest.mark.parametrize("user", [FRIEND, STRANGER])
def test_forged_press_of_somebody_else(house, user):
    home = house(users=(OWNER, FRIEND, STRANGER))
    ask_owner(home, 6667)
    for action in ("allow", "ignore", "remove", "lift", "show"):
        for page in ("", "0"):
            home.telegram.press(1, f"people:{action}:1:{page}", user_id=user, chat_id=user)
    tap(home, "Allow", user=user)

    assert names(home, "waiting") == [6667]
    assert "editMessageText" not in [call.method for call in home.telegram.calls]


# The table of all people and all updates

HERE = {"id": GROUP, "type": "group", "title": "Friends"}
ELSEWHERE = {"id": CLUB, "type": "group", "title": "Club"}
ASKED = ["This bot is private. I have asked its owner to let you in."]
PRIVATE = ["This bot is private."]
#: The people whose updates count, each with their chat.
SERVED = {
    "owner": (OWNER, None),
    "owner in a group": (OWNER, HERE),
    "named in the settings": (FRIEND, None),
    "named in the settings, in a group": (FRIEND, HERE),
    "let in": (STRANGER, None),
    "let in, in a group": (STRANGER, HERE),
}
#: The others, each with their chat, what they hear, and whether they wait for the owner then.
UNSERVED = {
    "stranger": (6000, None, ASKED, True),
    "removed": (STRANGER, None, ASKED, True),
    "ignored": (STRANGER, None, PRIVATE, False),
    "stranger in a group": (6000, HERE, [], False),
    "removed, in a group": (STRANGER, HERE, [], False),
    "anonymous administrator": (ANONYMOUS, HERE, [], False),
    "channel": (CHANNEL_BOT, HERE, [], False),
    "bot": (OTHER_BOT, HERE, [], False),
    "bot in private": (OTHER_BOT, None, PRIVATE, False),
    "owner in another group": (OWNER, ELSEWHERE, [], False),
    "let in, in another group": (FRIEND, ELSEWHERE, [], False),
}


def sender(user):
    is_bot = user in (ANONYMOUS, CHANNEL_BOT, OTHER_BOT)
    return {"id": user, "is_bot": is_bot, "first_name": "Anna", "language_code": "en"}


def touch(bot, user, chat, message_id, image, buttons):
    """Press buttons, and react to a picture."""
    for data in buttons:
        bot.telegram.press(message_id, data, user_id=user, chat_id=chat["id"])
    like = {"old_reaction": [], "new_reaction": [{"type": "emoji", "emoji": "👍"}]}
    about = {"message_id": message_id, "date": 1, "chat": chat, "user": sender(user)}
    bot.telegram.put_update({"message_reaction": about | like})


@pytest.fixture
def bot(house):
    home = house(library(50), **NO_NEXT)
    home.telegram.add_group(CLUB, "Club", [OWNER, FRIEND])
    return home


@pytest.mark.parametrize("who", SERVED)
def test_served(bot, who):
    user, chat = SERVED[who]
    if user == STRANGER:
        let_in(bot)
    chat_id = chat["id"] if chat else user
    [image] = bot.ask(user=user, chat=GROUP if chat else 0)
    sent = bot.received(chat_id)[-1]
    for command in COMMANDS:
        place = user if command == "people" and user == OWNER else chat_id
        before = len(bot.received(place))
        bot.say(f"/{command}", user=user, chat=GROUP if chat else 0)
        bot.telegram.wait_for(
            lambda _, place=place, before=before: len(bot.received(place)) > before
        )
        is_refused = bot.received(place)[-1].text == "Only my owner can use this command."
        assert is_refused == (command in ("status", "people") and user != OWNER), command
    buttons = (f"vote:dislike:{image}", "next", "people:show:0:0")
    touch(bot, user, chat or {"id": user, "type": "private"}, sent.id, image, buttons)
    bot.wait_for_event("voted", count=2)

    assert {line["user_id"] for line in bot.events("voted")} == {user}
    assert not bot.events("access_denied") or user == STRANGER


def test_each_kind_of_button_is_pressed_there(bot):
    patterns = bot.app.poller._handle.__self__._callbacks._handlers
    pressed = [data.format(id=1) for data in BUTTONS]

    assert not [each for each in patterns if not any(map(each.fullmatch, pressed))]


@pytest.mark.parametrize("who", UNSERVED)
def test_unserved(bot, who):
    user, chat, heard, is_waiting = UNSERVED[who]
    if who.startswith(("removed", "ignored")):
        ask_owner(bot)
        tap(bot, "Ignore" if who == "ignored" else "Allow")
        if who.startswith("removed"):
            remove(bot)
        # Or the press would be delivered once more, and answered.
        wait_until(lambda: not bot.telegram.pending(), "all updates are confirmed")
        bot.restart()
    place = chat or {"id": user, "type": "private", "first_name": "Anna"}
    if not chat:
        bot.telegram.add_user(User(user, "Anna"))
    counted = """SELECT (SELECT COUNT(*) FROM chats), (SELECT COUNT(*) FROM requests),
        (SELECT COUNT(*) FROM votes), (SELECT COUNT(*) FROM schedules)"""
    after_all(bot)
    before = bot.query(counted), len(bot.received(place["id"])), len(bot.telegram.answers)
    for command in COMMANDS:
        message = update(f"/{command}", chat=place)["message"] | {"from": sender(user)}
        bot.telegram.put_update({"message": message})
    if user not in (OWNER, FRIEND):
        bot.telegram.put_update(added(user, -777))
    if not chat:
        for status in ("kicked", "member"):
            bot.telegram.put_update(added(user, user, type="private", status=status))
    touch(bot, user, place, 1, 1, [data.format(id=1) for data in BUTTONS])
    bot.telegram.wait_for(lambda _: len(bot.telegram.answers) == before[2] + len(BUTTONS))
    for text in heard:
        bot.wait_for_text(text, chat=user)

    assert bot.query(counted) == before[0]
    texts = [message.text for message in bot.received(place["id"])][before[1] :]
    assert texts == heard
    assert [answer.text for answer in bot.telegram.answers][before[2] :] == PRIVATE * len(BUTTONS)
    assert names(bot, "waiting") == [user] * is_waiting
    assert not bot.stash.requests
    assert not bot.events("update_skipped")
