"""The owner hears of trouble in Telegram, once when it begins and once when it ends."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stashbot.alerts.news import AFTER_S, Trouble
from stashbot.demo.http import Response
from stashbot.messages.catalogue import TEXTS
from tests.conftest import FRIEND, NO_NEXT, OWNER, library
from tests.standins.http import Fault
from tests.whole.program import wait_until

CONFLICT = {"ok": False, "error_code": 409, "description": "Conflict: terminated by other"}


def look(home, times=2):
    """Have the bot look for trouble; after the second look, the first has said all."""

    def has_looked():
        home.app.question_pool.hurry()  # without effect while it looks
        return home.app.alerts._since is not before

    for _ in range(times):
        before = home.app.alerts._since
        wait_until(has_looked, "it looks")


def impatient(home, *troubles):
    """Have the owner told of these troubles at once."""
    home.app.alerts.after = AFTER_S | dict.fromkeys(troubles, 0.0)
    home.app.alerts.calm_s = 0.0
    return home


def alerts(home, chat=OWNER):
    """All alerts in a chat."""
    home.app.outbox.say(chat, mark := f"after {len(home.telegram.calls)} calls")
    home.wait_for_text(mark, chat=chat)
    return [m.text for m in home.received(chat) if (m.text or "").startswith(("⚠", "✅"))]


def cut_stash(home):
    home.stash.server.pause()
    home.say("/random", user=FRIEND)
    home.wait_for_event("stash_down")


def miss(home):
    claimed = claim(home, hours=2)
    home.app.requests.give_up(claimed, "not running then")


def claim(home, hours, when="0 0 29 2 *"):
    now = datetime.now(UTC)
    store = home.app.store.schedules
    store.add(OWNER, when, 1, now)
    [schedule] = [each for each in store.of(OWNER) if each.when == when]
    return store.claim(schedule, now - timedelta(hours=hours), "en", now)


def serve(home, hours=1, **schedule):
    home.app.requests.accept(claim(home, hours, **schedule))
    wait_until(lambda: not len(home.app.requests), "it is served")


def vote_without_stash(home):
    [image] = home.ask()
    home.stash.server.pause()
    home.telegram.press(home.received()[-1], f"vote:like:{image}", user_id=OWNER)
    home.wait_for_event("stash_down")


def resume(home):
    home.stash.server.resume()
    home.app.question_pool.hurry()
    home.wait_for_event("stash_up")
    wait_until(lambda: not len(home.app.store.ratings), "all are written")


def away(home):
    return home.settings.database.with_name("away.db")


def take_database(home):
    home.settings.database.rename(away(home))


def give_database(home):
    away(home).rename(home.settings.database)


def fill_disk(home):
    home.app.alerts.least_free = 2**60


def empty_disk(home):
    home.app.alerts.least_free = 0


def poll_too(home):
    answer = Response(409, body=json.dumps(CONFLICT).encode())
    home.telegram.server.fail(Fault("/getUpdates", answer, times=1000))
    home.telegram.server.cut()
    home.wait_for_event("poll_conflict")
    home.app.alerts.calm_s = 60.0


def stop_polling(home):
    home.telegram.server.heal()
    home.wait_for_event("telegram_up")
    home.app.alerts.calm_s = 0.0


SITUATIONS = {
    Trouble.STASH: (cut_stash, resume),
    Trouble.SCHEDULES: (miss, serve),
    Trouble.RATINGS: (vote_without_stash, resume),
    Trouble.DATABASE: (take_database, give_database),
    Trouble.DISK: (fill_disk, empty_disk),
    Trouble.POLLING: (poll_too, stop_polling),
}


@pytest.mark.parametrize("trouble", Trouble)
def test_the_owner_hears_of_its_beginning_and_its_end_once(house, trouble):
    home = impatient(house(library(9), **NO_NEXT), trouble)
    begin, end = SITUATIONS[trouble]
    texts = TEXTS["en"].phrases
    first, last = texts[f"alert.{trouble}"].partition("{")[0], texts[f"alert.over.{trouble}"]

    begin(home)
    look(home, 3)
    told = home.wait_for_text(first)
    end(home)
    look(home, 3)
    home.wait_for_text(last)

    assert told.endswith("\n/status")
    assert [text.startswith((first, last)) for text in alerts(home)] == [True, True]
    assert not alerts(home, FRIEND)


def test_a_schedule_that_is_missed_while_another_is_served(house):
    home = impatient(house(library(9)), Trouble.SCHEDULES)
    for hours in (4, 3):
        miss(home)
        look(home)
        serve(home, hours, when="0 0 1 1 *")
        look(home)
    while_missed = alerts(home)
    home.app.store.schedules.remove(home.app.store.schedules.of(OWNER)[:1], datetime.now(UTC))
    look(home)

    assert ["did not come" in text for text in while_missed] == [True]
    assert ["come again" in text for text in alerts(home)[1:]] == [True]


def test_a_missed_schedule_that_then_has_nothing_to_send(house):
    home = impatient(house(library(9)), Trouble.SCHEDULES)
    miss(home)
    look(home)
    home.app.requests.accept(replace(claim(home, hours=1), source="liked"))
    wait_until(lambda: not len(home.app.requests), "it is served")
    look(home)

    assert "come again" in alerts(home)[-1]


def quiet(home, *, is_quiet):
    """Give the owner quiet hours around the present, or none."""
    now = datetime.now(home.settings.timezone)
    start, end = (now + timedelta(hours=hours) for hours in (-2, 2))
    text = f"{start:%H:%M}-{end:%H:%M}" if is_quiet else "0"
    home.app.store.chats.change(OWNER, "quiet", text, datetime.now(UTC))


def test_quiet_hours(house):
    """What lasts is told after them; the disk is told in them."""
    home = impatient(house(), Trouble.SCHEDULES)
    quiet(home, is_quiet=True)

    miss(home)
    fill_disk(home)
    look(home)
    in_them = alerts(home)
    quiet(home, is_quiet=False)
    look(home)
    after_them = alerts(home)[1:]

    assert ["disk is nearly full" in text for text in in_them] == [True]
    assert ["Scheduled pictures" in text for text in after_them] == [True]


def test_a_restart_repeats_nothing(house):
    home = impatient(house(), Trouble.STASH)
    cut_stash(home)
    look(home)
    home.restart()
    look(home)
    before = alerts(home)
    resume(home)
    look(home)

    assert len(before) == 1
    assert alerts(home)[1:] == ["✅ Stash works again."]


def test_the_looks_go_on_after_a_bug_in_one(house):
    home = impatient(house())
    home.app.alerts.least_free = None

    home.app.question_pool.hurry()
    home.wait_for_event("turn_failed")
    fill_disk(home)
    look(home)

    assert ["disk is nearly full" in text for text in alerts(home)] == [True]


@pytest.mark.parametrize(
    "environ",
    [{"STASHBOT_TELEGRAM_ALERTS": "false"}, {"STASHBOT_TELEGRAM_ALLOWED_USERS": ""}],
    ids=["switched off", "without an owner"],
)
def test_no_alerts(house, environ):
    home = house(**environ)
    fill_disk(home)
    home.app.alerts.turn()

    assert not alerts(home)


def test_a_refused_key_is_told_at_once_with_the_remedy(house):
    """In the owner's language; a friend learns that the owner is told."""
    home = house(STASHBOT_TELEGRAM_LANGUAGE="ru", api_key="right")
    home.stash.api_key = "another"
    home.say("/filters", user=FRIEND)
    said = home.wait_for_text("Stash", chat=FRIEND)
    look(home)
    home.say("/filters")
    answer = home.wait_for_text("Stash не принимает")

    assert said == "Stash не принимает мой ключ API. Сообщаю об этом владельцу."
    assert "в stash.api_key (STASHBOT_STASH_API_KEY) и перезапустите" in answer
    assert [answer in text for text in alerts(home)] == [True]


def test_nobody_is_promised_an_alert_that_is_switched_off(house):
    home = house(STASHBOT_TELEGRAM_ALERTS="false")
    home.stash.server.pause()
    home.say("/filters", user=FRIEND)

    said = home.wait_for_text("Stash", chat=FRIEND)
    assert said == "Stash cannot be reached. Please let my owner know."
