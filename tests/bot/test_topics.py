"""Forum topics through the whole bot: each answer goes to the topic where it was asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stashbot.settings.keys import ScheduleSettings
from stashbot.store.tables import in_utc
from stashbot.telegram.commands import COMMANDS
from tests.bot.test_deletion import grown
from tests.conftest import FRIEND, OWNER, library
from tests.pictures.test_requests import answer, is_over, refusal
from tests.standins.http import Fault, Trouble
from tests.store.stored import locked
from tests.whole.program import wait_until

FORUM, TOPIC, OTHER = -1_000_000_000_600, 7, 9
FORBIDDEN = "not allowed to send pictures"


def set_topics(home, *topics, chat_id=FORUM, type="supergroup"):
    home.telegram.add_group(chat_id, "Forum", [OWNER, FRIEND], type=type, topics=topics)


@pytest.fixture
def forum(house):
    """A house whose users share a forum, not started yet."""
    home = house(library(40), start=False, STASHBOT_TELEGRAM_ALLOWED_CHATS=str(FORUM))
    set_topics(home, TOPIC, OTHER)
    return home


def say(home, text, topic=TOPIC, count=1, **options):
    """The bot's `count` next messages in the forum, after a text of a user."""
    options = {"chat_id": FORUM, "topic": topic} | options
    return after(home, lambda: home.telegram.say(FRIEND, text, **options), count)


def press(home, message, data):
    return after(home, lambda: home.telegram.press(message, data, user_id=FRIEND))


def after(home, act, count=1):
    before = len(home.received(FORUM))
    act()
    wait_until(lambda: len(home.received(FORUM)) >= before + count, f"{count} more")
    return home.received(FORUM)[before:]


def topics(home):
    return {message.topic for message in home.received(FORUM)}


def test_each_command_in_a_topic_is_answered_there(forum):
    forum.start()

    for name in ("start", *COMMANDS):
        say(forum, f"/{name}")

    assert topics(forum) == {TOPIC}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("/random 2", 3),
        ("/random 11", 12),
        ("/random 11 tag1", 8),
        ("/random nonsense", 1),
        ("/exclude tag1", 1),
    ],
)
def test_albums_their_messages_and_refusals_go_to_the_topic(forum, text, count):
    forum.start()

    say(forum, text, count=count)

    assert topics(forum) == {TOPIC}


def test_each_press_in_a_topic_is_answered_there(forum):
    forum.start()
    [photo] = say(forum, "/random")
    vote = photo.buttons[0][0].data
    image = vote.split(":")[2]

    for data in ("next", f"why:{image}", f"info:{image}", f"original:{image}", "chart", "pin:1"):
        press(forum, photo, data)
    newest = press(forum, photo, "next")[-1]
    voted = press(forum, newest, newest.buttons[0][0].data)

    assert [message.file is not None for message in voted] == [True]
    assert topics(forum) == {TOPIC}


@pytest.mark.parametrize("text", ["/random", "/random 2"])
def test_next_under_a_picture_that_is_deleted(forum, text):
    forum.start()
    [*_, message] = say(forum, text, count=1 if text == "/random" else 3)
    say(forum, "/random", topic=0)
    ids = [each.id for each in forum.received(FORUM)]
    forum.telegram._messenger.delete(FORUM, ids)

    [picture] = press(forum, message, "next")

    assert picture.topic == TOPIC


def test_a_slow_picture_is_announced_in_its_topic(forum):
    forum.start()
    forum.stash.server.delay = 6.0

    say(forum, "/random")
    [action, *_] = forum.telegram.wait_for("sendChatAction")

    assert topics(forum) == {TOPIC}
    assert action.params["message_thread_id"] == str(TOPIC)


def test_the_reason_why_an_original_does_not_come_is_said_in_the_topic(forum):
    forum.start()
    say(forum, "/random")
    forum.stash.server.fail(Fault("/graphql", Trouble.UNAUTHORIZED, times=99))

    [said] = say(forum, "/original")

    assert (said.file, said.topic) == (None, TOPIC)


def test_trouble_with_the_database_is_said_in_the_topic(forum):
    forum.start()
    forum.app.store._db.timeout = 0.01  # seconds, or the test would wait for five
    with locked(forum.settings.database):
        [said] = say(forum, "/random")

    assert "database" in said.text
    assert said.topic == TOPIC


def test_what_purge_cannot_do_is_said_in_the_topic(forum):
    forum.start()
    [photo] = say(forum, "/random")
    [denied] = press(forum, photo, "purge:sure")
    grown(forum, 72, chat=FORUM)
    [too_old] = after(forum, lambda: forum.telegram.press(photo, "purge:yes", user_id=OWNER))

    assert "administrators" in denied.text
    assert "48 hours" in too_old.text
    assert topics(forum) == {TOPIC}


def test_a_picture_goes_to_its_topic_after_a_restart(forum):
    forum.start()
    forum.stash.server.delay = 60.0
    forum.telegram.say(FRIEND, "/random", chat_id=FORUM, topic=TOPIC)
    wait_until(lambda: forum.query("SELECT id FROM requests"), "the request is stored")
    forum.stop()
    forum.stash.server.delay = 0.0
    forum.start()
    forum.wait_for_images(1)

    assert topics(forum) == {TOPIC}


def test_schedules_of_the_settings_serve_several_topics(forum):
    zone, times = forum.settings.timezone, (FORUM, "every 5 minutes")
    both = (
        ScheduleSettings(*times, zone, 1, "", silent=False, topic=topic) for topic in (TOPIC, OTHER)
    )
    forum.settings = replace(forum.settings, schedules=tuple(both))
    forum.start()
    past = in_utc(datetime.now(UTC) - timedelta(minutes=5))
    forum.query("UPDATE schedules SET handled_until = ?", past)
    forum.app.schedules.changed()
    forum.wait_for_images(2)

    assert sorted(message.topic for message in forum.received(FORUM)) == [TOPIC, OTHER]


def test_a_schedule_goes_to_the_topic_where_it_was_made(forum):
    """In a private chat, which can have topics too: groups have theirs in the settings."""
    forum.start()
    set_topics(forum, TOPIC, OTHER, chat_id=OWNER, type="private")

    for topic, what in ((TOPIC, ""), (OTHER, ""), (OTHER, " from tag1")):
        forum.telegram.say(OWNER, f"/schedule daily 9:00{what}", chat_id=OWNER, topic=topic)
    wait_until(lambda: len(forum.received()) == 3, "three answers")

    assert [message.topic for message in forum.received()] == [TOPIC, OTHER, OTHER]
    assert forum.query("SELECT topic FROM schedules") == [(TOPIC,), (OTHER,), (OTHER,)]
    forum.say("/schedule")
    assert "(topic 7)\n" in (listed := forum.wait_for_text("Schedules of this chat"))
    assert "(topic 9)\n" in listed


@pytest.mark.parametrize("reason", ["TOPIC_CLOSED", "TOPIC_DELETED", "message thread not found"])
def test_a_topic_that_takes_no_pictures_gets_one_sentence(forum, reason):
    forum.start()
    answer(forum, refusal(reason), "/sendPhoto", times=1)

    [said] = say(forum, "/random")
    is_over(forum)
    say(forum, "/random", topic=OTHER)

    assert FORBIDDEN in said.text
    assert said.topic == TOPIC
    assert not forum.events("chat_gone")


def test_nothing_of_a_deleted_topic_goes_to_general(forum):
    forum.start()
    forum.stash.server.delay = 0.5
    forum.telegram.say(FRIEND, "/random", chat_id=FORUM, topic=TOPIC)
    set_topics(forum, OTHER)

    forum.wait_for_event("message_lost")
    say(forum, "/random", topic=OTHER)

    assert topics(forum) == {OTHER}
    assert not forum.events("chat_gone")


def test_general_has_no_topic(forum):
    forum.start()

    [photo] = say(forum, "/random", topic=0)
    press(forum, photo, "next")
    say(forum, "/stats", topic=0)

    assert topics(forum) == {0}


def test_a_reply_in_a_group_without_topics_has_a_thread_and_no_topic(forum):
    set_topics(forum)
    forum.start()
    [photo] = say(forum, "/random", topic=0)

    for text in ("/random", "/stats"):
        say(forum, text, topic=0, reply_to=photo.id)

    assert not any("message_thread_id" in call.params for call in forum.telegram.calls)


def test_a_group_gets_topics(forum):
    set_topics(forum)
    forum.start()
    [photo] = say(forum, "/random", topic=0)
    set_topics(forum, TOPIC)

    [there] = say(forum, "/random")
    [general] = press(forum, photo, "next")

    assert (there.topic, general.topic) == (TOPIC, 0)
