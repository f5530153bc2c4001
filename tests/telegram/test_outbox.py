"""Small messages: what is tried again, what never, and what is remembered of a refusal."""

import sqlite3
import time

import pytest

from stashbot.app import build
from stashbot.demo.http import Fault, Trouble
from stashbot.errors import ChatGone
from stashbot.models import Button
from tests.conftest import FRIEND, OWNER, library


def texts_to(home, chat=OWNER):
    return [message.text for message in home.received(chat)]


@pytest.mark.parametrize("trouble", [Trouble.FLOOD, Trouble.UNAUTHORIZED])
def test_text_that_surely_did_not_arrive(house, trouble):
    """What Telegram throttled, or refused for a token that it knows again, comes later, once."""
    home = house()
    home.telegram.server.fail(Fault("sendMessage", trouble, seconds=1))

    home.say("hello")
    home.wait_for_text("I only understand commands")
    home.say("/help")
    home.wait_for_text("I send random pictures")

    assert len(texts_to(home)) == 2


def test_text_that_may_have_arrived(house):
    """A text whose answer was lost is not sent twice, and the log says so."""
    home = house()
    home.telegram.server.fail(Fault("sendMessage", Trouble.RESET, after=True))

    home.say("hello")
    [line] = home.wait_for_event("message_lost")
    home.say("/help")
    home.wait_for_text("I send random pictures")

    assert line["maybe_sent"]
    assert len(texts_to(home)) == 2


def test_list_of_commands_that_may_have_arrived(house):
    """What does no harm when done twice is done until it succeeds."""
    home = house(start=False)
    home.telegram.server.fail(Fault("setMyCommands", Trouble.RESET, times=2))
    home.start()

    assert len(home.telegram.wait_for("setMyCommands", count=3)) == 3


def test_answer_to_a_press_that_may_have_arrived(house):
    """A button does not spin on because an answer was lost."""
    home = house()
    home.telegram.server.fail(Fault("answerCallbackQuery", Trouble.RESET))

    home.telegram.press(1, "odd", user_id=OWNER)

    assert home.telegram.wait_for("answerCallbackQuery")[0].status == 200


def test_buttons_of_the_newest_message_first(house):
    """
    While new buttons wait, only the last of each message count, and the newest message is
    drawn first.
    """
    home = house(library(3))
    for _ in range(3):
        home.ask()
    home.wait_for_event("photo_sent", 3)
    first, second, third = (message.id for message in home.received())
    home.app.bot._sender._pause(OWNER, 0.3)
    outbox = home.app.bot._outbox

    for message, label in ((first, "a"), (second, "b"), (first, "c"), (third, "d")):
        outbox.redraw(OWNER, message, [[Button(label, "next")]])
    drawn = home.telegram.wait_for("editMessageReplyMarkup", count=3)
    home.stop()

    assert [int(call.params["message_id"]) for call in drawn] == [third, second, first]
    labels = [message.buttons[0][0].text for message in home.received()]
    assert labels == ["c", "b", "d"]
    assert len(home.telegram.wait_for("editMessageReplyMarkup")) == 3


def test_text_to_somebody_who_has_blocked_us(house):
    """The refusal is remembered until that chat writes again, and nothing is repeated."""
    home = house()
    home.telegram._messenger.updates.allow(["message"])  # no word of the block
    home.telegram.block(FRIEND)

    home.say("hello", user=FRIEND)
    home.wait_for_event("chat_gone")
    deadline = time.monotonic() + 10
    while not home.app.store.is_gone(FRIEND):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    refused = [call for call in home.telegram.calls if call.status == 403]
    assert len(refused) == 1
    assert not home.events("message_lost")


def test_refusal_that_cannot_be_remembered(house):
    """A database in trouble is named at level error, and stops nobody."""
    home = house(start=False)
    home.app = build(home.settings)
    home.app.store._db.timeout = 0.01  # seconds, or the test would wait for five
    outbox = home.app.bot._outbox
    other = sqlite3.connect(home.settings.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    outbox.lose_chat(FRIEND, ChatGone("bot was blocked by the user", permanent=True))
    outbox.move_chat(-5, -1005)
    other.close()

    lines = home.events("store_failed")
    assert [(line["level"], line["chat_id"]) for line in lines] == [
        ("error", FRIEND),
        ("error", -5),
    ]
