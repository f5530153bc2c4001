"""`/settings` through the whole bot: its buttons, and where the settings of a chat count."""

from dataclasses import replace

import pytest
import tzlocal

from stashbot.settings.keys import ScheduleSettings
from tests.conftest import FRIEND, GROUP, OWNER, library
from tests.votes.test_voting import press as vote
from tests.whole.program import wait_until

HEADING = "The settings of this chat."


def opened(home, text="/settings", user=OWNER, chat=0, part=HEADING):
    """The message with the settings, after a command."""
    before = len(home.received(chat or user))
    home.say(text, user=user, chat=chat)
    wait_until(lambda: len(home.received(chat or user)) > before, text)
    message = home.received(chat or user)[before]
    assert part in message.text
    return message


def press(home, message, *labels, user=OWNER):
    """Press buttons of a message, one after the other; the message with its new buttons."""
    for label in labels:
        before = find(home, message)
        home.telegram.press(before, before.button(label).data, user_id=user)
        wait_until(lambda: find(home, message) != before, label)  # noqa: B023
    return find(home, message)


def find(home, message):
    return next(each for each in home.received(message.chat_id) if each.id == message.id)


def last_photo(home):
    return home.telegram.wait_for("sendPhoto")[-1].params


def test_spoiler_and_protection_count_from_the_next_picture_on(house):
    home = house(STASHBOT_PHOTOS_SPOILER="true")
    home.ask()
    before = last_photo(home)
    message = press(home, opened(home), "Blurred until a tap: yes", "No forwarding or saving: no")
    home.ask()
    here = last_photo(home)
    home.ask(user=FRIEND)

    assert message.button("Blurred until a tap: no").data == "set:spoiler:1"
    assert (before["has_spoiler"], before.get("protect_content")) == ("True", None)
    assert (here.get("has_spoiler"), here["protect_content"]) == (None, "True")
    assert last_photo(home)["has_spoiler"] == "True"


def test_no_next_picture_after_a_vote(house):
    home = house()
    press(home, opened(home), "Next picture after a vote: yes")
    home.ask()
    vote(home, "👍")
    home.ask()

    assert len(home.sent_images()) == 2


def test_language_is_the_chats_before_the_files_and_the_users(house):
    home = house(STASHBOT_TELEGRAM_LANGUAGE="en")
    message = press(home, opened(home), "Language: English")
    home.restart()
    home.say("/excluded", language="en")

    assert "Язык: Русский" in message.buttons[0][0].text
    assert home.wait_for_text("В этом чате ничего")
    message = press(home, message, "Язык: Русский")
    home.say("hello", language="ru")
    assert "auto" not in message.buttons[0][0].text
    assert home.wait_for_text("Я понимаю только команды")
    home.say("hello", language="en")
    assert home.wait_for_text("I don't chat")


@pytest.mark.parametrize("text", ["/settings timezone tokyo", "/settings пояс Токио"])
def test_time_zone_by_the_name_of_a_city(house, text):
    home = house()
    home.say("/schedule daily 09:00")
    home.wait_for_text("✅ Every day")
    message = opened(home, text)
    home.say("/schedule")
    home.wait_for_text("times in Asia/Tokyo")

    assert message.button("Asia/Tokyo")
    assert " at 09:00 (in " in home.received()[-1].text
    assert not home.events("schedule_missed")


@pytest.fixture
def unzoned(house, monkeypatch):
    """A house without a time zone, on a machine in UTC, with a schedule in its settings."""
    monkeypatch.setattr(tzlocal.unix, "_cache_tz", None)
    monkeypatch.setenv("TZ", "Etc/UTC")
    home = house(start=False, STASHBOT_TIMEZONE="")
    fixed = ScheduleSettings(
        OWNER, "daily 7:00", home.settings.timezone, 1, "", silent=False, topic=0
    )
    home.settings = replace(home.settings, schedules=(fixed,))
    return home.start()


def test_machine_in_utc_without_a_time_zone(unzoned):
    """The first schedule asks for the zone, and nothing calls it UTC. Then the zone counts."""
    unzoned.say("/schedule daily 09:00")
    unzoned.wait_for_text("I don't know your time zone")
    asked = unzoned.received()[-1]
    unzoned.say("/schedule daily 10:00")
    second = unzoned.wait_for_text("✅ Every day at 10:00")
    for command in ("/schedule", "/settings", "/settings timezone", "/help", "/status", "/stats"):
        opened(unzoned, command, part="")
    texts = [f"{message.text} {message.buttons}" for message in unzoned.received()]
    chosen = press(unzoned, asked, "Berlin")

    assert "time zone" not in second
    assert not [text for text in texts if "UTC" in text]
    assert "times in Europe/Berlin" in chosen.text
    entries = unzoned.app.schedules.entries()
    assert [str(entry.zone) for entry in entries] == ["Europe/Berlin"] * 3


def test_time_zone_by_buttons(house):
    home = house()
    unclear = opened(home, "/settings timezone berln", part="I don't know “berln”")
    by_name = press(home, unclear, "Europe/Berlin")
    chosen = press(home, by_name, "Time zone", "New York", "Time zone", "←")

    assert chosen.button("America/New_York")


def test_typed_hours(house):
    home = house()
    message = opened(home, "/settings quiet 22:30-7")
    refused = opened(home, "/settings delete 48", part="I delete my pictures here: never")
    message = opened(home, "/settings delete 5")
    off = opened(home, "/settings quiet off")

    assert message.button("after 5 hours")
    assert message.button("22:30–07:00")
    assert refused.button("never ✓")
    assert off.button("Quiet hours: none")


def test_settings_of_a_group_move_with_it(house):
    home = house()
    message = opened(home, user=OWNER, chat=GROUP)
    press(home, message, "Blurred until a tap: no", user=FRIEND)
    home.telegram.upgrade_group(GROUP, -1009)
    home.wait_for_event("chat_moved")

    assert opened(home, chat=-1009).button("Blurred until a tap: yes")
    assert home.query("SELECT count(*) FROM messages WHERE chat_id = ?", GROUP) == [(0,)]


def test_setting_that_does_not_exist(house):
    home = house()
    message = opened(home)
    for data in ("set:owner:1", "set:timezone:../../etc", "set:spoiler:7", "settings:media"):
        home.telegram.press(message, data, user_id=OWNER)
    home.say("/help")
    home.wait_for_text("/random")

    assert home.query("SELECT settings FROM chats WHERE chat_id = ?", OWNER) == [("{}",)]
    assert not [entry for entry in home.log if entry["level"] == "error"]


def test_silent_schedule(house):
    home = house(library(9))
    press(home, opened(home), "Schedules without a sound: no")
    home.ask()
    asked = last_photo(home)
    home.stop()
    home.query(
        'INSERT INTO schedules (chat_id, "when", handled_until) '
        "VALUES (?, 'every 5 minutes', datetime('now', '-5 minutes'))",
        OWNER,
    )
    home.start()
    home.wait_for_images(2)

    assert "disable_notification" not in asked
    assert last_photo(home)["disable_notification"] == "True"
