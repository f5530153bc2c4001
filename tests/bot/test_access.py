"""Who is served: strangers learn their id and nothing else, and cost next to nothing."""

import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.bot.commands import CROWD, STRANGER_PAUSE, STRANGERS, Strangers
from stashbot.demo.http import Fault, Trouble
from tests.conftest import FRIEND, GROUP, OWNER, STRANGER, picture

CLUB, SUPERGROUP = -600, -1_000_500


def update(text="/random", *, user=OWNER, chat=None, **message):
    """A message as Telegram delivers it, of a user whom it may not know otherwise."""
    chat = chat or {"id": user, "type": "private"}
    sender = {"id": user, "is_bot": False, "first_name": "P", "language_code": "en"}
    values = {"message_id": 77, "date": 1, "chat": chat, "from": sender, "text": text}
    return {"message": values | message}


def after_all(home):
    """Wait until everything said so far has been answered."""
    before = len([call for call in home.telegram.calls if call.chat_id == OWNER])
    home.say("and now?")
    home.telegram.wait_for(lambda call: call.chat_id == OWNER, count=before + 1)


def chats_written_to(home):
    return {call.chat_id for call in home.telegram.calls if call.chat_id}


def chats_on_record(home):
    union = " UNION ".join(
        f"SELECT chat_id FROM {table}"  # noqa: S608 - the names stand right below
        for table in ("chats", "requests", "sent_photos", "walks")
    )
    with sqlite3.connect(home.settings.database) as connection:
        return {chat_id for (chat_id,) in connection.execute(union)}


@pytest.fixture
def groups(house):
    """A house with an allowed group, and one that is not."""
    home = house([picture(7)], start=False)
    home.telegram.add_group(GROUP, "Friends", [OWNER, FRIEND, STRANGER])
    home.telegram.add_group(CLUB, "Club", [OWNER, STRANGER])
    return home.start()


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "This bot is private"), ("ru", "Это закрытый бот"), ("de", "This bot is private")],
)
def test_stranger_in_private(house, language, words):
    """A stranger is refused in words of his own, with the id that the owner has to add."""
    home = house()

    home.say("/random", user=STRANGER, language=language)

    text = home.wait_for_text(words, chat=STRANGER)
    assert str(STRANGER) in text


def test_stranger_leaves_no_trace(house):
    """
    Whatever a stranger does is worth one line in the log: Stash and the database hear
    nothing of it.
    """
    home = house()

    for text in ("/start", "/random", "/stats", "/status", "🎲 Random picture", "hello"):
        home.say(text, user=STRANGER)
    home.telegram.press(1, "next", user_id=STRANGER)
    home.telegram.wait_for("answerCallbackQuery")
    after_all(home)

    [line] = home.events("access_denied")
    assert (line["user_id"], line["chat_id"]) == (STRANGER, STRANGER)
    assert [call.method for call in home.telegram.calls if call.chat_id == STRANGER] == [
        "sendMessage"
    ]
    assert not home.stash.requests
    assert STRANGER not in chats_on_record(home)


def test_stranger_in_groups(groups):
    """In a group a stranger hears nothing, allowed or not, command or not."""
    for chat in (GROUP, CLUB):
        for text in ("/random", "/start@stash_demo_bot", "hello"):
            groups.say(text, user=STRANGER, chat=chat)
    after_all(groups)

    assert chats_written_to(groups) == {OWNER}
    assert {line["chat_id"] for line in groups.events("access_denied")} == {GROUP, CLUB}
    assert not groups.stash.requests


def test_friend_in_a_group_that_is_not_allowed(groups):
    """There even the owner hears nothing, and the log names the group's id."""
    groups.say("/random", chat=CLUB)
    after_all(groups)

    assert chats_written_to(groups) == {OWNER}
    [line] = groups.events("access_denied")
    assert (line["user_id"], line["chat_id"]) == (OWNER, CLUB)


@pytest.mark.parametrize("chat", [0, GROUP, CLUB], ids=["private", "allowed", "not allowed"])
def test_stranger_presses_a_button(groups, chat):
    """A press is answered wherever it comes from, and brings a stranger nothing."""
    groups.telegram.add_user(groups.telegram._messenger.user(STRANGER))
    groups.telegram.press(1, "next", user_id=STRANGER, chat_id=chat)

    groups.telegram.wait_for("answerCallbackQuery")
    after_all(groups)

    assert [answer.text for answer in groups.telegram.answers] == ["This bot is private."]
    assert not groups.stash.requests


def test_flood_of_presses_by_strangers(groups):
    """While Telegram takes no answers, strangers' presses do not pile up."""
    groups.telegram.server.fail(Fault("answerCallbackQuery", Trouble.SILENCE, times=9, seconds=1))
    for number in range(3 * CROWD):
        sender = {"id": STRANGER, "is_bot": False, "first_name": "P"}
        groups.telegram.put_update(
            {"callback_query": {"id": f"{number}", "from": sender, "chat_instance": "1"}}
        )
    while groups.telegram.pending():
        time.sleep(0.01)

    assert len(groups.app.bot._outbox) <= CROWD + 1
    assert not groups.events("update_skipped")


def test_flood_of_strangers(house):
    """Three hundred strangers get a hundred answers, and the owner his picture."""
    home = house([picture(7)])
    for number in range(300):
        home.telegram.put_update(update(user=10_000 + number))

    home.ask()
    home.stop()

    assert len(home.events("access_denied")) == STRANGERS
    written = chats_written_to(home) - {OWNER}
    assert 0 < len(written) <= STRANGERS


def test_channel_post_and_anonymous_message(house):
    """A message without a sender is nobody's."""
    home = house()
    message = update(chat={"id": GROUP, "type": "supergroup"})
    del message["message"]["from"]

    home.telegram.put_update(message)
    home.telegram.put_update({"channel_post": message["message"]})
    after_all(home)

    assert chats_written_to(home) == {OWNER}
    assert not home.events("update_skipped")


def test_group_says_that_it_became_a_supergroup(groups):
    """The new id takes over at once, strangers staying strangers."""
    groups.telegram.upgrade_group(GROUP, SUPERGROUP)

    groups.ask(chat=SUPERGROUP)
    groups.say("/random", user=STRANGER, chat=SUPERGROUP)
    after_all(groups)

    assert chats_written_to(groups) == {OWNER, SUPERGROUP}
    [line] = groups.events("chat_moved")
    assert (line["chat_id"], line["new_id"]) == (GROUP, SUPERGROUP)


@pytest.mark.parametrize("text", ["/random", "/help"])
def test_group_refuses_its_old_id(groups, text):
    """What Telegram refuses because the group has moved goes to its new id."""
    groups.telegram._messenger.updates.allow(["callback_query"])  # no word of the move
    groups.telegram.upgrade_group(GROUP, SUPERGROUP)
    groups.telegram.put_update(update(text, chat={"id": GROUP, "type": "group", "title": "F"}))

    groups.telegram.wait_for(lambda call: call.chat_id == SUPERGROUP and call.status == 200)
    groups.wait_for_event("chat_moved")
    groups.telegram.put_update(
        update("/stats", chat={"id": SUPERGROUP, "type": "supergroup", "title": "F"})
    )

    assert "Pictures in this chat" in groups.wait_for_text("Pictures in", chat=SUPERGROUP)


def test_club_does_not_become_ours_by_moving(groups):
    """A group that was not allowed is not allowed as a supergroup."""
    groups.telegram.upgrade_group(CLUB, SUPERGROUP)
    groups.say("/random", chat=SUPERGROUP)
    after_all(groups)

    assert chats_written_to(groups) == {OWNER}
    assert not groups.events("chat_moved")


def test_blocked_and_unblocked(house):
    """Who blocks the bot is left alone; who comes back is served."""
    home = house([picture(7)])
    home.say("/help", user=FRIEND)
    home.wait_for_text("/random", chat=FRIEND)
    home.telegram.block(FRIEND)
    home.wait_for_event("chat_gone")
    after_all(home)
    is_gone = home.app.store.is_gone(FRIEND)

    home.telegram.unblock(FRIEND)
    home.ask(user=FRIEND)

    assert is_gone
    assert not home.app.store.is_gone(FRIEND)


def test_stranger_blocks_the_bot(house):
    """That is no news for the log or the database."""
    home = house()
    home.telegram.add_user(home.telegram._messenger.user(STRANGER))

    home.telegram.block(STRANGER)
    after_all(home)

    assert not home.events("chat_gone")
    assert STRANGER not in chats_on_record(home)


def test_stranger_is_answered_once_a_minute():
    """However often he writes, and again when the minute is over."""
    now = [0.0]
    strangers = Strangers(lambda: now[0])
    answers = []

    for second in range(150):
        now[0] = float(second)
        answers += [second] if strangers.may_answer(STRANGER, STRANGER) else []

    assert answers == [0, 60, 120]


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 5)), max_size=600))
def test_strangers_in_any_order(visits):
    """Within any minute nobody is answered twice, nor more than so many remembered."""
    now, answered = [0.0], []
    strangers = Strangers(lambda: now[0])
    for user, pause in visits:
        now[0] += pause
        if strangers.may_answer(user, user):
            answered.append((now[0], user))

    for place, (at, _) in enumerate(answered):
        recent = [user for when, user in answered[: place + 1] if when > at - STRANGER_PAUSE]
        assert len(recent) == len(set(recent)) <= STRANGERS
    assert len(strangers._answered) <= STRANGERS
