"""Access: which users and chats the bot serves, and the limits for strangers."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stashbot.bot.access import MOST_STRANGERS, Strangers
from stashbot.bot.commands import MOST_WAITING
from tests.conftest import FRIEND, GROUP, OWNER, STRANGER, picture
from tests.standins.http import Fault, Trouble
from tests.store.stored import is_gone
from tests.whole.program import wait_until

CLUB, SUPERGROUP = -600, -1_000_500


def update(text="/random", *, user=OWNER, chat=None, **message):
    chat = chat or {"id": user, "type": "private"}
    sender = {"id": user, "is_bot": False, "first_name": "P", "language_code": "en"}
    values = {"message_id": 77, "date": 1, "chat": chat, "from": sender, "text": text}
    return {"message": values | message}


def after_all(home):
    """Wait until the bot has answered everything that was said so far."""
    before = len([call for call in home.telegram.calls if call.chat_id == OWNER])
    home.say("and now?")
    home.telegram.wait_for(lambda call: call.chat_id == OWNER, count=before + 1)


def chats_written_to(home):
    return {call.chat_id for call in home.telegram.calls if call.chat_id}


def chats_on_record(home):
    tables = ("chats", "requests", "sent_photos", "walks")
    rows = home.query(" UNION ".join(map("SELECT chat_id FROM {}".format, tables)))
    return {chat_id for (chat_id,) in rows}


@pytest.fixture
def groups(house):
    """A house with a group that is not allowed, besides the allowed one."""
    home = house([picture(7)], start=False)
    home.telegram.add_group(CLUB, "Club", [OWNER, STRANGER])
    home.telegram.add_user(home.telegram.user(STRANGER))
    return home.start()


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "This bot is private"), ("ru", "Это личный бот"), ("de", "This bot is private")],
)
def test_stranger_in_private(house, language, words):
    home = house()

    home.say("/random", user=STRANGER, language=language)

    assert home.wait_for_text(words, chat=STRANGER)


def test_stranger_leaves_no_trace(groups):
    for text in ("/start", "/random", "/stats", "/status", "🎲 Random picture", "hello"):
        groups.say(text, user=STRANGER)
    groups.telegram.press(1, "next", user_id=STRANGER)
    groups.telegram.block(STRANGER)
    groups.telegram.wait_for("answerCallbackQuery")
    groups.telegram.wait_for(lambda call: call.chat_id == STRANGER)
    after_all(groups)

    [line] = groups.events("access_denied")
    assert (line["user_id"], line["chat_id"]) == (STRANGER, STRANGER)
    answers = [call.method for call in groups.telegram.calls if call.chat_id == STRANGER]
    assert answers == ["sendMessage"]
    assert not groups.stash.requests
    assert not groups.events("chat_gone")
    assert STRANGER not in chats_on_record(groups)


def test_refused_in_groups(groups):
    """Strangers in any group, and friends in a group that is not allowed, get no answer."""
    for text in ("/random", "/start@stash_demo_bot", "hello"):
        groups.say(text, user=STRANGER, chat=GROUP)
        groups.say(text, user=STRANGER, chat=CLUB)
    groups.say("/random", chat=CLUB)
    after_all(groups)

    assert chats_written_to(groups) == {OWNER}
    refused = [(line["user_id"], line["chat_id"]) for line in groups.events("access_denied")]
    assert sorted(refused) == [(OWNER, CLUB), (STRANGER, CLUB), (STRANGER, GROUP)]
    assert not groups.stash.requests


@pytest.mark.parametrize("chat", [0, GROUP, CLUB], ids=["private", "allowed", "not allowed"])
def test_stranger_presses_a_button(groups, chat):
    groups.telegram.press(1, "next", user_id=STRANGER, chat_id=chat)
    groups.telegram.wait_for("answerCallbackQuery")
    after_all(groups)

    assert [answer.text for answer in groups.telegram.answers] == ["This bot is private."]
    assert not groups.stash.requests


def test_many_presses_of_strangers(groups):
    """The answers that wait are bounded while Telegram takes none."""
    groups.telegram.server.fail(Fault("answerCallbackQuery", Trouble.SILENCE, times=9, seconds=1))
    for number in range(3 * MOST_WAITING):
        sender = {"id": STRANGER, "is_bot": False, "first_name": "P"}
        groups.telegram.put_update(
            {"callback_query": {"id": f"{number}", "from": sender, "chat_instance": "1"}}
        )
    while groups.telegram.pending():
        time.sleep(0.01)

    assert len(groups.app.outbox) <= MOST_WAITING + 1
    assert not groups.events("update_skipped")


def test_many_strangers(house):
    home = house([picture(7)])
    for number in range(300):
        home.telegram.put_update(update(user=10_000 + number))

    home.ask()
    home.stop()

    assert len(home.events("access_denied")) == MOST_STRANGERS
    assert 0 < len(chats_written_to(home) - {OWNER}) <= MOST_STRANGERS


def test_message_without_a_sender(house):
    home = house()
    message = update(chat={"id": GROUP, "type": "supergroup"})
    del message["message"]["from"]

    home.telegram.put_update(message)
    home.telegram.put_update({"channel_post": message["message"]})
    after_all(home)

    assert chats_written_to(home) == {OWNER}
    assert not home.events("update_skipped")


def ask(home):
    home.say("/random", user=FRIEND)


def be_due(home):
    now, schedules = datetime.now(UTC), home.app.store.schedules
    schedule = schedules.add(FRIEND, "daily 09:00", 1, now)
    schedules.claim(schedule, now, "en", now)


@pytest.mark.parametrize("begin", [ask, be_due])
def test_request_of_a_user_whom_the_settings_do_not_name_any_more(house, begin):
    home = house()
    home.stash.server.pause()
    begin(home)
    wait_until(lambda: home.query("SELECT 1 FROM requests"), "it is stored")
    home.stop()
    telegram = replace(home.settings.telegram, allowed_users=(OWNER,))
    home.settings = replace(home.settings, telegram=telegram)
    home.stash.server.resume()
    home.start()
    home.ask()

    assert home.query("SELECT state FROM requests WHERE chat_id = ?", FRIEND) == [("failed",)]
    assert [call.chat_id for call in home.telegram.wait_for("sendPhoto")] == [OWNER]


def test_group_says_that_it_became_a_supergroup(groups):
    groups.telegram.upgrade_group(GROUP, SUPERGROUP)
    groups.telegram.upgrade_group(CLUB, SUPERGROUP - 1)  # which is not allowed

    groups.ask(chat=SUPERGROUP)
    groups.say("/random", user=STRANGER, chat=SUPERGROUP)
    groups.say("/random", chat=SUPERGROUP - 1)
    after_all(groups)

    assert chats_written_to(groups) == {OWNER, SUPERGROUP}
    [line] = groups.events("chat_moved")
    assert (line["chat_id"], line["new_id"]) == (GROUP, SUPERGROUP)


@pytest.mark.parametrize("text", ["/random", "/help"])
def test_group_refuses_its_old_id(groups, text):
    """The answer goes to the new id, and commands from there are served."""
    groups.telegram._messenger.updates.allow(["callback_query"])  # no update about the move
    groups.telegram.upgrade_group(GROUP, SUPERGROUP)
    groups.telegram.put_update(update(text, chat={"id": GROUP, "type": "group", "title": "F"}))

    groups.telegram.wait_for(lambda call: call.chat_id == SUPERGROUP and call.status == 200)
    groups.wait_for_event("chat_moved")
    supergroup = {"id": SUPERGROUP, "type": "supergroup", "title": "F"}
    groups.telegram.put_update(update("/stats", chat=supergroup))

    assert groups.wait_for_text("Library", chat=SUPERGROUP)


def test_user_blocks_and_unblocks_the_bot(house):
    home = house([picture(7)])
    home.say("/help", user=FRIEND)
    home.wait_for_text("/random", chat=FRIEND)
    home.telegram.block(FRIEND)
    home.wait_for_event("chat_gone")
    after_all(home)
    was_gone = is_gone(home.app.store, FRIEND)

    home.telegram.unblock(FRIEND)
    home.ask(user=FRIEND)

    assert was_gone
    assert not is_gone(home.app.store, FRIEND)


def test_one_stranger():
    now = iter(range(150))
    strangers = Strangers(now.__next__)

    answers = [second for second in range(150) if strangers.may_answer(STRANGER, STRANGER)]

    assert answers == [0, 60, 120]
