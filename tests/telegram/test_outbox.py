"""Texts and edits in the background: repeated, lost, limited, and the state of chats."""

import threading
import time

import pytest

from stashbot.app import build
from stashbot.models import Button
from stashbot.telegram.errors import ChatGone
from tests.conftest import FRIEND, GROUP, OWNER, library
from tests.standins.http import Fault, Trouble
from tests.store.stored import is_gone, locked


def texts_to(home, chat=OWNER):
    return [message.text for message in home.received(chat)]


@pytest.mark.parametrize("trouble", [Trouble.FLOOD, Trouble.UNAUTHORIZED])
def test_text_that_surely_did_not_arrive(house, trouble):
    home = house()
    home.telegram.server.fail(Fault("sendMessage", trouble, seconds=1))

    home.say("hello")
    home.wait_for_text("I don't chat, I send pictures")
    home.say("/help")
    home.wait_for_text("/random –")

    assert len(texts_to(home)) == 2


@pytest.mark.parametrize("has_arrived", [False, True])
def test_text_that_may_have_arrived(house, has_arrived):
    """It is sent once more: twice is better than not at all."""
    home = house(is_paced=True)
    home.telegram.server.fail(Fault("sendMessage", Trouble.RESET, after=has_arrived))

    home.say("hello")
    home.wait_for_text("I don't chat, I send pictures", count=2 if has_arrived else 1)
    home.say("/help")
    home.wait_for_text("/random –")

    assert len(texts_to(home)) == (3 if has_arrived else 2)
    assert not home.events("message_lost")


def test_text_that_may_have_arrived_twice(house):
    home = house(is_paced=True)
    home.telegram.server.fail(Fault("sendMessage", Trouble.RESET, after=True, times=2))

    home.say("hello")
    [line] = home.wait_for_event("message_lost")
    home.say("/help")
    home.wait_for_text("/random –")

    assert line["maybe_sent"]
    assert len(texts_to(home)) == 3


def test_harmless_calls_that_may_have_arrived(house):
    home = house(start=False)
    home.telegram.server.fail(Fault("setMyCommands", Trouble.RESET, times=2))
    home.telegram.server.fail(Fault("answerCallbackQuery", Trouble.RESET))
    home.start()

    home.telegram.press(1, "odd", user_id=OWNER)

    assert home.telegram.wait_for("answerCallbackQuery")[0].status == 200
    assert len(home.telegram.wait_for("setMyCommands", count=9)) == 9


@pytest.mark.parametrize("chat", [OWNER, GROUP], ids=["private", "group"])
def test_text_right_after_an_album(house, chat):
    """It does not wait until the album's items are paid for."""
    home = house(library(10), is_paced=True)
    home.telegram.flood = None  # whether an album delays a text in Telegram is not known
    home.ask("/random 10", count=10, chat=chat)
    began = time.monotonic()

    home.say("/help", chat=chat)
    home.wait_for_text("/random –", chat=chat)

    assert time.monotonic() - began < 5


def test_vote_every_two_seconds(house):
    """A vote in a private chat and another user's in a group, by turns; its mark comes at once."""
    home = house(library(9), is_paced=True)
    home.ask(chat=OWNER)
    home.ask(chat=GROUP)
    clock, times = threading.Event(), []
    for votes in range(1, 13):
        chat, user = (GROUP, FRIEND) if votes % 2 else (OWNER, OWNER)
        newest, began = home.received(chat)[-1], time.monotonic()
        home.telegram.press(newest, newest.buttons[0][0].data, user_id=user)
        home.telegram.wait_for("editMessageCaption", count=votes)
        times.append(time.monotonic() - began)
        home.wait_for_images(votes + 2)
        clock.wait(began + 1 - time.monotonic())

    assert sorted(times)[-3] < 1  # a busy machine may hold up two


def test_redraws_that_wait(house):
    """Only the last rows of a message are drawn, and the newest message comes first."""
    home = house(library(3))
    for _ in range(3):
        home.ask()
    home.wait_for_event("photo_sent", 3)
    first, second, third = (message.id for message in home.received())
    home.app.telegram._limiter.pause(OWNER, 0.3)

    for message, label in ((first, "a"), (second, "b"), (first, "c"), (third, "d")):
        home.app.outbox.redraw(OWNER, message, [[Button(label, "next")]])
    drawn = home.telegram.wait_for("editMessageReplyMarkup", count=3)
    home.stop()

    assert [int(call.params["message_id"]) for call in drawn] == [third, second, first]
    assert [message.buttons[0][0].text for message in home.received()] == ["c", "b", "d"]
    assert len(home.telegram.wait_for("editMessageReplyMarkup")) == 3


def test_edit_after_one_that_telegram_put_off(house):
    """Only the later one is sent when the pause is over."""
    home = house(is_paced=True)
    home.ask(chat=GROUP)
    [message] = home.received(GROUP)
    home.telegram.server.fail(Fault("editMessageReplyMarkup", Trouble.FLOOD, seconds=1))
    home.app.outbox.redraw(GROUP, message.id, [[Button("early", "next")]])
    home.wait_for_event("flood_wait")

    home.app.outbox.redraw(GROUP, message.id, [[Button("late", "next")]])

    [edit] = home.telegram.wait_for("editMessageReplyMarkup")
    assert edit.json("reply_markup")["inline_keyboard"][0][0]["text"] == "late"


def test_text_to_a_user_who_has_blocked_the_bot(house):
    home = house()
    home.telegram._messenger.updates.allow(["message"])  # no update about the block
    home.telegram.block(FRIEND)

    home.say("hello", user=FRIEND)
    home.wait_for_event("chat_gone")

    assert is_gone(home.app.store, FRIEND)
    assert len([call for call in home.telegram.calls if call.status == 403]) == 1
    assert not home.events("message_lost")


def test_database_fails_while_a_refusal_is_noted(house):
    home = house(start=False)
    home.app = build(home.settings)
    home.app.store._db.timeout = 0.01  # seconds, or the test would wait for five

    with locked(home.settings.database):
        home.app.outbox.lose_chat(FRIEND, ChatGone("bot was blocked by the user", permanent=True))
        home.app.outbox.move_chat(-5, -1005)

    failed = [(line["level"], line["chat_id"]) for line in home.events("store_failed")]
    assert failed == [("error", FRIEND), ("error", -5)]
