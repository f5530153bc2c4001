"""The code that makes its sender the owner."""

import json
from types import SimpleNamespace

import pytest
import structlog

from stashbot.bot.pairing import (
    CHANGE_PAUSE_S,
    DEAF_S,
    LOG_EVERY_S,
    MOST_TRIES,
    MOST_USERS,
    MOST_WRONG,
    Pairing,
)
from stashbot.rules.access import People
from tests.conftest import FRIEND, GROUP, OWNER, STRANGER, library
from tests.whole.program import Program

NO_OWNER = {"STASHBOT_TELEGRAM_ALLOWED_USERS": ""}
WRONG = "99999999"


class Guesses:
    """A pairing with a clock of its own; its codes are 00000000, 00000001 and so on."""

    def __init__(self, name="stash_demo_bot"):
        self.now, self.codes = 0.0, iter(range(100))
        self.store = SimpleNamespace(known=People())
        self.pairing = Pairing(
            self.store, SimpleNamespace(name=name), lambda: self.now, lambda _: next(self.codes)
        )

    def guess(self, user, text=WRONG, times=1):
        return [self.pairing.is_owner(user, text) for _ in range(times)][-1]


@pytest.mark.parametrize(
    ("text", "is_owner"),
    [
        ("00000000", True),
        ("/start 00000000", True),
        ("/start@stash_demo_bot 00000000", True),
        ("00000001", False),
        ("0000000", False),
        ("000000000", False),
        ("code 00000000", False),
        ("/help 00000000", False),
        ("٠٠٠٠٠٠٠٠", False),
        ("", False),
    ],
)
def test_texts(text, is_owner):
    assert Guesses().guess(STRANGER, text) == is_owner


def test_user_is_not_heard_for_an_hour_after_five_wrong_codes():
    desk = Guesses()
    desk.guess(STRANGER, times=MOST_TRIES)
    desk.now = DEAF_S - 1
    heard = desk.guess(STRANGER, "00000000"), desk.guess(STRANGER, "00000000")
    desk.now = DEAF_S

    assert heard == (False, False)
    assert desk.guess(STRANGER, "00000000")


@pytest.mark.parametrize("text", ["hello", "/start", "1234", "/random 12345678"])
def test_other_texts_are_no_tries(text):
    desk = Guesses()
    desk.guess(STRANGER, text, times=2 * MOST_WRONG)

    assert desk.guess(STRANGER, "00000000")


def test_code_changes_after_fifty_wrong_ones_once_in_ten_minutes():
    desk, users = Guesses(), iter(range(10_000))
    for _ in range(MOST_WRONG):
        desk.guess(next(users))
    first = desk.guess(next(users), "00000000")
    for _ in range(3 * MOST_WRONG):
        desk.guess(next(users))
    second = desk.guess(next(users), "00000001")
    desk.now = CHANGE_PAUSE_S
    desk.guess(next(users))

    assert (first, second) == (False, True)
    assert desk.guess(next(users), "00000002")


def test_tries_of_many_users_are_bounded():
    desk = Guesses()
    for user in range(3 * MOST_USERS):
        desk.guess(user)

    assert len(desk.pairing._tries) == MOST_USERS


def test_code_is_logged_once_an_hour_until_there_is_an_owner():
    desk = Guesses()
    with structlog.testing.capture_logs() as lines:
        pauses = [desk.pairing.announce(), desk.pairing.announce()]  # the pool was hurried
        desk.now = LOG_EVERY_S
        pauses.append(desk.pairing.announce())
        desk.store.known = People((OWNER,))
        pauses.append(desk.pairing.announce())

    assert pauses == [LOG_EVERY_S, LOG_EVERY_S, LOG_EVERY_S, None]
    assert [line["code"] for line in lines] == ["00000000"] * 2
    assert {line["link"] for line in lines} == {"https://t.me/stash_demo_bot?start=00000000"}


# The whole bot


def code_of(home):
    return home.wait_for_event("pairing_code")[-1]["code"]


@pytest.mark.parametrize("form", ["{}", "/start {}"])
def test_sender_of_the_code_is_the_owner_also_after_a_restart(house, form):
    home = house(library(9), **NO_OWNER)
    code = code_of(home)
    home.say(form.format(code), user=STRANGER, chat=GROUP)  # which is not private
    home.say("/random", user=FRIEND)
    refused = home.wait_for_text("private", chat=FRIEND)
    home.say(form.format(code))
    home.wait_for_text("You are my owner now.")
    listed = home.telegram.wait_for("setMyCommands", count=9)
    home.say(code, user=FRIEND)
    home.ask()
    home.restart()
    home.say("/status")
    home.wait_for_text("Uptime")

    assert refused == "This bot is private."
    assert [call.json("scope").get("chat_id") for call in listed] == [None] * 6 + [OWNER] * 3
    assert home.query("SELECT chat_id FROM people WHERE standing = 'owner'") == [(OWNER,)]
    assert len(home.events("pairing_code")) == 1
    assert [line["user_id"] for line in home.events("access_granted")] == [OWNER]


def test_thousand_guesses_by_fifty_users(house):
    home = house(**NO_OWNER)
    first = int(code_of(home))
    for number in range(1000):
        sender = {"id": 2000 + number % 50, "is_bot": False, "first_name": "P"}
        text = f"{(first + 1 + number) % 10**8:08}"
        chat = {"id": sender["id"], "type": "private"}
        update = {"message_id": 1, "date": 1, "chat": chat, "from": sender, "text": text}
        home.telegram.put_update({"message": update})
    home.wait_for_event("pairing_code", count=2)
    home.say(code_of(home))

    home.wait_for_text("You are my owner now.")
    assert [line["user_id"] for line in home.events("access_granted")] == [OWNER]
    assert len(home.events("pairing_code")) == 2
    assert not home.stash.requests


def test_code_stands_in_its_event_alone(house):
    home = house(library(9), start=False, STASHBOT_LOG_LEVEL="debug", **NO_OWNER)
    with Program(environ=home.environ) as bot:
        code = bot.wait_for_event("pairing_code")[0]["code"]
        home.say(f"/start {code}")
        home.wait_for_text("You are my owner now.")
        for text in (code, "/status", "/people", "/help"):
            home.say(text)
        home.wait_for_text("Uptime")
        assert bot.stop()[0] == 0

    with_code = [line for line in (*bot.stdout, *bot.stderr) if code in line]
    assert [json.loads(line)["event"] for line in with_code] == ["pairing_code"]
    assert not [call for call in home.telegram.calls if code in str(call.params)]
    assert all(code not in str(row) for row in home.query("SELECT * FROM people"))


def test_settings_name_another_owner(house):
    home = house(library(9), **NO_OWNER)
    home.say(code_of(home), user=FRIEND)
    home.wait_for_text("You are my owner now.", chat=FRIEND)
    home.stop()
    other = house(library(9), STASHBOT_TELEGRAM_ALLOWED_USERS=str(OWNER))
    other.say("/people")
    other.wait_for_text(f"id {FRIEND}")
    other.ask(user=FRIEND)
    other.say("/status", user=FRIEND)
    other.wait_for_text("Only my owner", chat=FRIEND)
    former = other.telegram.wait_for(
        lambda call: call.method == "setMyCommands" and call.json("scope").get("chat_id") == FRIEND,
        count=3,
    )

    assert not [each for each in former if "people" in each.params["commands"]]
    assert not other.events("pairing_code")
