"""Schedules in a chat: shown, changed, and served when they are due."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stashbot.app import build
from stashbot.demo.http import Response
from stashbot.pictures import requests
from stashbot.settings.keys import ScheduleSettings
from tests.conftest import FRIEND, GROUP, OWNER, crowd, images_of, library
from tests.standins.http import Fault
from tests.whole.program import wait_until

MINUTE = timedelta(minutes=1)


def now():
    return datetime.now(UTC)


def with_fixed(home, *schedules):
    """Have these schedules in the settings; (chat, when, count)."""
    zone = home.settings.timezone
    schedules = tuple(
        ScheduleSettings(chat, when, zone, count, "", silent=False, topic=0)
        for chat, when, count in schedules
    )
    home.settings = replace(home.settings, schedules=schedules)
    return home


def overdue(home, chat=OWNER, count=1, *, is_silent=False):
    """Give a schedule that was due a moment ago; the bot learns of it now."""
    store, schedules = home.app.store, home.app.schedules
    ago = now() - 5 * MINUTE
    schedule = store.schedules.add(chat, "every 5 minutes", count, ago, is_silent=is_silent)
    schedules.changed()
    return schedule


def last_text(home, part, chat=OWNER):
    home.wait_for_text(part, chat=chat)
    return [message for message in home.received(chat) if part in message.text][-1]


def press(home, message, row=0, column=0):
    """Press a button that the message has or had; returns the message as it is then."""
    edits = len([call for call in home.telegram.calls if call.method == "editMessageText"])
    home.telegram.press(message.id, message.buttons[row][column].data, user_id=OWNER)
    home.telegram.wait_for("editMessageText", count=edits + 1)
    return next(each for each in home.received() if each.id == message.id)


def labels(message):
    return [[button.text for button in row] for row in message.buttons]


def test_schedules_of_a_new_chat(house):
    home = house()

    home.say("/schedule")

    message = last_text(home, "This chat has no schedules")
    assert "/schedule daily 09:00" in message.text
    assert not message.buttons


@pytest.mark.parametrize(
    ("text", "shown", "when"),
    [
        ("/schedule daily 09:00", "Every day at 9:00", "every day at 9:00"),
        ("/schedule 0 9 * * 1-5", "Weekdays at 9:00", "weekdays at 9:00"),
        ("/schedule 0 9 1 * *", "0 9 1 * *", "0 9 1 * *"),
        ("/schedule   weekdays   18:30  x3", "Weekdays at 18:30 ×3", "weekdays at 18:30"),
        ("/schedule every 3 hours ×10", "Every 3 hours ×10", "every 3 hours"),
        ("/schedule х2 по будням 18:30", "Weekdays at 18:30 ×2", "weekdays at 18:30"),
        ("/schedule silent every 3 hours x2", "Every 3 hours ×2 🔕", "every 3 hours"),
        ("/schedule@stash_demo_bot каждые 3 часа", "Every 3 hours", "every 3 hours"),
    ],
)
def test_adding_a_schedule(house, text, shown, when):
    home = house()

    home.say(text)

    message = last_text(home, "✅")
    assert [entity.type for entity in message.entities] == ["date_time"]
    moment = r".+ at \d\d:\d\d( \(in .+\))?"
    assert re.fullmatch(rf"✅ {re.escape(shown)}\. First: {moment}\.", message.text)
    assert labels(message) == [["↩️ Undo", "📋 All"]]
    [schedule] = home.app.store.schedules.of(OWNER)
    assert schedule.when == when
    [added] = home.wait_for_event("schedule_added")
    assert (added["chat_id"], added["when"]) == (OWNER, when)
    wait_until(home.app.scheduler.next_due, "it is planned", timeout=1)


def test_moments_on_an_old_bot_api_server(house):
    home = house()
    reason = 'Bad Request: can\'t parse entities: Unsupported start tag "tg-time" at byte offset 9'
    refusal = json.dumps({"ok": False, "error_code": 400, "description": reason}).encode()
    home.telegram.server.fail(Fault("/", Response(400, body=refusal), times=9, words="tg-time"))

    home.say("/schedule daily 09:00")
    added = last_text(home, "✅")
    home.telegram.press(added.id, added.buttons[0][1].data, user_id=OWNER)
    wait_until(lambda: "⏰" in home.received()[-1].text, "the list is shown")

    assert " at 09:00 (in " in added.text
    assert not home.events("message_lost")


def test_undoing_what_was_added(house):
    home = house()
    home.say("/schedule каждый день в 9 x2", language="ru")
    home.say("/schedule every 3 hours")
    added = last_text(home, "✅ Every 3 hours.")

    removed = press(home, added)
    again = press(home, added)  # as if the answer to the first press had not come
    listed = press(home, last_text(home, "✅ Каждый день в 9:00 ×2."), column=1)

    assert removed.text == "Removed: Every 3 hours."
    assert "Every 3 hours" not in again.text
    assert labels(listed) == labels(again) == [["❌ Every day at 9:00 ×2"]]
    assert press(home, removed).text.startswith("1 schedule is back.")


def test_undoing_off_after_a_restart(house):
    """Just those come back, and only once."""
    home = house()
    for when in ("daily 7:00", "daily 8:00", "daily 9:00"):
        home.say(f"/schedule {when}")
    press(home, last_text(home, "✅ Every day at 7:00."))
    home.say("/schedule off")
    removed = last_text(home, "2 schedules removed.")
    home.say("/schedule 8:00")
    home.wait_for_text("✅ Every day at 8:00.", count=2)
    home.restart()

    back = press(home, removed)
    home.say("/schedule off")
    home.wait_for_text("2 schedules removed.", count=2)
    again = press(home, removed)

    assert back.text.startswith("1 schedule is back.")
    assert labels(back) == [["❌ Every day at 9:00"], ["❌ Every day at 8:00"]]
    assert again.text.startswith("This chat has no schedules")


def test_a_guess_and_its_button(house):
    home = house()
    home.say("/schedule x3 каждый денб в 9", language="ru")

    message = last_text(home, "Не понял, когда это: «каждый денб в 9».")
    added = press(home, message)

    assert labels(message) == [["✅ Каждый день в 9:00 ×3"]]
    assert added.text.startswith("✅ Каждый день в 9:00 ×3. Первая картинка")


def test_a_guess_that_no_button_holds(house):
    home = house()

    home.say("/schedule mon,wed,fri,sat 9:00, 10:30, 11:00, 12:00, 13:00 or so")

    message = last_text(home, "“mon,wed,fri,sat 9:00, 10:30, 11:00, 12:…”.\n\nTo add one")
    assert not message.buttons


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("sometimes", "I didn't understand “sometimes”.\n\nTo add one"),
        ("daily 09:00 x11", "I didn't understand “daily 09:00 x11”. Did you mean"),
        ("daily 09:00 x0", "I didn't understand “daily 09:00 x0”. Did you mean"),
        ("0 0 31 2 *", "That day never comes"),
        ("* * * * *", "at least 5 minutes"),
    ],
)
def test_schedule_that_cannot_be_kept(house, argument, answer):
    home = house()

    home.say(f"/schedule {argument}")

    assert home.wait_for_text(answer)
    assert not home.app.store.schedules.of(OWNER)


def test_same_schedule_twice(house):
    home = house()

    home.say("/schedule daily 09:00")
    home.say("/schedule 9 утра")
    home.wait_for_text("has that schedule already")
    home.say("/schedule daily 09:00 x2")
    home.wait_for_text("✅", count=2)

    assert len(home.app.store.schedules.of(OWNER)) == 2


def test_twenty_schedules(house):
    home = house()
    for hour in range(20):
        home.app.store.schedules.add(OWNER, f"daily {hour}:00", 1, now())

    home.say("/schedule daily 23:30")

    message = last_text(home, "at most 20 schedules")
    assert len(message.buttons) == 20
    assert len(home.app.store.schedules.of(OWNER)) == 20


def test_more_than_a_message_holds(house):
    fixed = [(OWNER, f"mon,tue,thu,fri,sun {hour}:30", 10) for hour in range(20)]
    home = with_fixed(house(start=False), *fixed).start()
    for hour in range(20):
        words = ", ".join(f"{hour}:{minute:02}" for minute in (0, 5, 15, 20, 30, 35, 45, 50))
        home.app.store.schedules.add(OWNER, f"mon,tue,wed {words}", hour, now())

    home.say("/schedule")

    message = last_text(home, "Schedules of this chat")
    assert 3000 < len(message.text) <= 4096
    assert message.text.endswith("\n…")
    assert len(message.buttons) == 20


def test_removing_by_button(house):
    home = house()
    home.say("/schedule daily 09:00")
    home.say("/schedule every 3 hours")
    home.wait_for_text("✅", count=2)
    home.say("/schedule")
    message = last_text(home, "Schedules of this chat")

    shown = press(home, message)
    again = press(home, message)

    assert shown.text.startswith("Removed: Every day at 9:00.\nSchedules")
    assert again.text.startswith("Schedules of this chat")
    assert labels(shown) == labels(again) == [["❌ Every 3 hours"]]
    assert len(home.events("schedule_removed")) == 1
    assert not home.events("update_skipped")


def test_schedule_of_another_chat(house):
    home = house()
    schedule = home.app.store.schedules.add(FRIEND, "daily 09:00", 1, now())
    home.say("/schedule daily 09:00")
    message = last_text(home, "✅")

    for count, action in enumerate(("unorder", "unadd", "unremove"), 1):
        home.telegram.press(message, f"{action}:{schedule.id}", user_id=OWNER)
        home.telegram.wait_for("editMessageText", count=count)

    assert [each.id for each in home.app.store.schedules.of(FRIEND)] == [schedule.id]
    assert len(home.app.store.schedules.of(OWNER)) == 1


@pytest.mark.parametrize("word", ["off", "OFF", "выкл"])
def test_off(house, word):
    """Schedules of the settings stay."""
    home = with_fixed(house(start=False), (OWNER, "daily 07:00", 1)).start()
    home.say("/schedule daily 09:00")
    home.say("/schedule every 3 hours")
    home.wait_for_text("✅", count=2)

    home.say(f"/schedule {word}")

    message = last_text(home, "2 schedules removed.")
    assert labels(message) == [["↩️ Undo", "📋 All"]]
    assert [schedule.when for schedule in home.app.store.schedules.of(OWNER)] == ["daily 07:00"]


def test_schedules_of_the_settings(house):
    home = with_fixed(house(start=False), (OWNER, "daily 07:00", 3)).start()

    home.say("/schedule")
    home.say("/help")

    fixed = "1. Every day at 7:00 ×3 – from my settings file\n⏰ "
    assert fixed in last_text(home, "Schedules of this chat").text
    assert fixed in last_text(home, "/random –").text
    home.say("/schedule", language="ru")
    assert last_text(home, "1. Каждый день в 7:00 ×3 – из моего файла настроек")
    home.say("/status")
    assert "The next schedule: " in home.wait_for_text("Uptime")


def test_group(house):
    home = with_fixed(house(start=False), (GROUP, "daily 07:00", 1)).start()

    home.say("/schedule", chat=GROUP)
    listed = last_text(home, "Schedules of this chat", chat=GROUP)
    home.say("/schedule daily 09:00", chat=GROUP)
    home.say("/schedule off", chat=GROUP)
    home.wait_for_text("only my owner sets schedules", chat=GROUP, count=3)

    assert "1. Every day at 7:00" in listed.text
    assert not listed.buttons
    assert len(home.app.store.schedules.of(GROUP)) == 1


@pytest.mark.parametrize("count", [1, 4])
def test_schedule_that_is_due(house, count):
    home = house(library(9))

    overdue(home, count=count)
    images = home.wait_for_images(count)

    assert len(set(images)) == count
    sent = home.wait_for_event("photo_sent")[0]
    assert (sent["trigger"], sent["chat_id"], sent["user_id"]) == ("schedule", OWNER, OWNER)
    [fired] = home.events("schedule_fired")
    assert (fired["chat_id"], fired["when"]) == (OWNER, "every 5 minutes")


@pytest.mark.parametrize("is_silent", [True, False])
def test_silent_schedule_after_a_crash(house, is_silent):
    home = house(library(3))
    home.stash.server.pause()
    overdue(home, is_silent=is_silent)
    home.wait_for_event("schedule_fired")
    home.restart()
    home.stash.server.resume()

    home.wait_for_images(1)

    [photo] = [call for call in home.telegram.calls if images_of(call)]
    assert ("disable_notification" in photo.params) is is_silent


def test_channel(house):
    home = with_fixed(house(library(3), start=False), (-700, "every 5 minutes", 1))
    home.telegram.add_group(-700, "News", [])
    home.start()
    [schedule] = home.app.store.schedules.of(-700)
    home.app.store.schedules.skip(schedule, now() - 5 * MINUTE)
    home.app.schedules.changed()

    home.wait_for_images(1)

    assert home.wait_for_event("photo_sent")[0]["user_id"] == 0


def test_stash_is_away_when_a_schedule_is_due(house):
    home = house(library(3))
    home.stash.server.pause()
    overdue(home)
    home.wait_for_event("stash_down")
    home.stash.server.resume()

    home.wait_for_images(1)

    assert not [call for call in home.telegram.calls if call.method == "sendMessage"]


def test_stash_stays_away(house, monkeypatch):
    monkeypatch.setattr(requests, "STASH_LIMIT_S", 1.0)
    home = house(library(3))
    home.stash.server.pause()
    schedule = home.app.store.schedules.add(OWNER, "0 0 29 2 *", 1, now())
    request = home.app.store.schedules.claim(schedule, now(), "en", now())
    home.app.requests.accept(request)

    [missed] = home.wait_for_event("schedule_missed")
    wait_until(lambda: not home.app.store.waiting_requests(), "it is given up")

    assert (missed["chat_id"], missed["when"]) == (OWNER, "0 0 29 2 *")
    assert "15 minutes" in missed["reason"]


@pytest.mark.parametrize(("minutes", "is_served"), [(40, True), (70, False)])
def test_crash_with_a_schedule_waiting(house, minutes, is_served):
    home = house(library(3), start=False)
    home.app = build(home.settings)
    schedule = home.app.store.schedules.add(OWNER, "0 0 29 2 *", 1, now())
    home.app.store.schedules.claim(
        schedule, now() - minutes * MINUTE, "en", now() - minutes * MINUTE
    )
    home.stop()
    home.start()

    if is_served:
        home.wait_for_images(1)
    else:
        home.wait_for_event("schedule_missed")
    wait_until(lambda: not home.app.store.waiting_requests(), "it is settled")

    assert len(home.sent_images()) == is_served


def test_schedule_removed_while_it_waits(house):
    home = house(library(3))
    home.stash.server.pause()
    overdue(home)
    home.wait_for_event("stash_down")
    home.say("/schedule off")
    home.wait_for_text("1 schedule removed.")
    home.stash.server.resume()

    home.ask()
    missed = home.wait_for_event("schedule_missed")

    assert len(home.sent_images()) == 1
    assert "was removed" in missed[0]["reason"]


def test_user_blocks_the_bot(house):
    home = house(library(9))
    home.telegram._messenger.updates.allow(["message"])  # no word of the block
    home.telegram.block(FRIEND)
    overdue(home, FRIEND)
    home.wait_for_event("chat_gone")
    wait_until(lambda: not home.app.schedules.entries(), "the schedule rests")
    home.telegram.unblock(FRIEND)

    home.say("/schedule", user=FRIEND)
    home.wait_for_text("Schedules of this chat", chat=FRIEND)

    assert home.events("chat_back")
    assert [entry.schedule.chat_id for entry in home.app.schedules.entries()] == [FRIEND]
    assert home.events("schedule_missed")[0]["reason"] == "the chat is gone"


def test_person_before_the_crowd(house):
    people = range(2001, 2041)
    home = house(library(50), is_paced=True, **crowd(people))
    home.telegram.server.delay = 0.05
    for user in people:
        home.app.store.schedules.add(user, "every 5 minutes", 1, now() - 5 * MINUTE)
    home.app.schedules.changed()
    home.wait_for_images(5)

    home.say("/random")
    home.wait_for_images(len(people) + 1)

    served = [call for call in home.telegram.calls if images_of(call)]
    times = sorted(call.time for call in served)
    assert [call.chat_id for call in served].index(OWNER) < len(people) - 5
    assert max(sum(start <= each < start + 1 for each in times) for start in times) <= 30


def test_unreadable_schedule_in_the_database(house):
    home = house(start=False)
    home.app = build(home.settings)
    home.app.store.schedules.add(OWNER, "daily 09:00", 1, now())
    home.stop()
    home.query("UPDATE schedules SET [when] = 'once in a blue moon'")
    home.start()

    home.say("/schedule")

    message = last_text(home, "1. once in a blue moon")
    assert labels(message) == [["❌ once in a blue moon"]]
    assert home.events("schedule_unreadable")[0]["level"] == "error"
