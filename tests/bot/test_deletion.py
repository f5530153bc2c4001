"""Pictures that are deleted by their age, and by `/purge`."""

from datetime import UTC, datetime, timedelta

import pytest

from stashbot.bot.deletion import Deletion
from stashbot.demo.telegram.limits import bad_request
from stashbot.demo.telegram.standin import respond
from tests.bot.test_chats import find, opened, press
from tests.conftest import FRIEND, GROUP, OWNER, library
from tests.standins.http import Fault, Trouble
from tests.whole.program import wait_until

REFUSAL = respond(bad_request("message can't be deleted").as_json(), 400)
#: The messages of the house below.
NOTED = 8
QUESTION = "Shall I delete my pictures"


def grown(home, hours, chat=OWNER):
    """Let the noted messages of a chat be so much older."""
    home.query(
        "UPDATE messages SET sent_at = strftime('%Y-%m-%d %H:%M:%f000', sent_at, ?) "
        "WHERE chat_id = ?",
        f"-{hours} hours",
        chat,
    )


def look(home):
    """Look for messages that are due now, and not once a minute."""
    home.app.question_pool.hurry()


def all_gone(home):
    """Wait until no message is noted any more."""
    wait_until(lambda: look(home) or not kept(home), "all are deleted")


def kept(home, chat=OWNER):
    """The ids of the noted messages."""
    rows = home.query("SELECT message_id FROM messages WHERE chat_id = ?", chat)
    return {id for (id,) in rows}


def shown(home, chat=OWNER):
    """The ids of the bot's messages in a chat."""
    return {each.id for each in home.received(chat)}


@pytest.fixture
def full(house):
    """A house whose owner has a picture, an album, and each message that belongs to one."""
    home = house(library(9))
    home.ask()
    home.wait_for_event("photo_sent")
    picture = home.received()[-1]
    for count, part in ((1, "info"), (2, "original")):
        data = f"{part}:{home.sent_images()[0]}"
        home.telegram.press(picture, data, user_id=OWNER)
        wait_until(lambda: len(home.received()) > count, part)  # noqa: B023
    home.say("/stats")
    home.wait_for_text("Pictures in this chat")
    home.ask("/random 3", count=3)
    wait_until(lambda: len(kept(home)) == NOTED, "all messages are noted")
    return home


def test_deleted_after_some_hours(full):
    home = full
    message = opened(home, "/settings delete 3")
    grown(home, 2)
    home.app.chats.deletion.turn()
    before = len(shown(home))
    grown(home, 1)
    all_gone(home)

    assert before == NOTED + 1
    assert find(home, message)
    assert len(shown(home)) == 1
    assert home.query("SELECT count(*) FROM sent_photos") == [(4,)]
    assert not [each for each in home.telegram.calls if each.method.startswith("deleteMessage")][1:]


def test_purge_asks_twice(full):
    home = full
    question = opened(home, "/purge", part=QUESTION)
    really = press(home, question, "Yes, delete")
    before = kept(home)
    done = press(home, really, "Yes, delete")

    assert len(before) == NOTED
    assert really.buttons[0][0].text == "No, keep"
    assert done.text == "Done, my pictures from the last 48 hours are gone."
    assert shown(home) == {done.id}
    assert [each.text for each in home.telegram.messages(OWNER) if not each.sender.is_bot]
    assert home.query("SELECT count(*) FROM sent_photos") == [(4,)]


def test_purge_is_taken_back(full):
    home = full
    message = press(home, opened(home, "/purge", part=QUESTION), "No, keep")

    assert message.text == "All right, the pictures stay."
    assert home.telegram.calls[-1].method != "deleteMessages"
    assert len(kept(home)) == NOTED


@pytest.mark.parametrize("administrators", [(), (FRIEND,)], ids=["member", "administrator"])
def test_purge_in_a_group(house, administrators):
    home = house()
    home.telegram.add_group(GROUP, "Friends", (OWNER, FRIEND), administrators=administrators)
    home.ask(chat=GROUP)
    home.wait_for_event("photo_sent")
    if administrators:
        question = opened(home, "/purge", user=FRIEND, chat=GROUP, part=QUESTION)
        press(home, question, "Yes, delete", "Yes, delete", user=FRIEND)
    else:
        question = opened(home, "/purge", chat=GROUP, part=QUESTION)
        home.telegram.press(question, "purge:yes", user_id=FRIEND)
        home.wait_for_text("Only the administrators", chat=GROUP)
        home.say("/purge", user=FRIEND, chat=GROUP)
        home.wait_for_text("Only the administrators", chat=GROUP, count=2)

    assert len(kept(home, GROUP)) == (not administrators)


def test_nothing_to_purge(house):
    home = house()
    message = press(home, opened(home, "/purge", part=QUESTION), "Yes", "Yes")

    assert "no pictures from the last 48 hours" in message.text


def test_more_than_a_hundred_messages(house):
    home = house()
    home.query(
        "WITH RECURSIVE n (id) AS (SELECT 1 UNION SELECT id + 1 FROM n WHERE id < 250) "
        "INSERT INTO messages SELECT ?, id, datetime('now'), 1 FROM n",
        OWNER,
    )
    home.say("/help")
    home.wait_for_text("/random")
    all_gone(home)
    calls = home.telegram.wait_for("deleteMessages", count=3)

    assert [len(call.json("message_ids")) for call in calls] == [100, 100, 50]


def test_telegram_is_away_for_a_while(full):
    home = full
    home.telegram.server.fail(Fault("deleteMessages", Trouble.FLOOD, seconds=1))
    message = press(home, opened(home, "/purge", part=QUESTION), "Yes", "Yes")
    home.restart()
    all_gone(home)

    assert message.text == "I'm on it. The rest will be gone in a while."


def test_a_long_pause_that_telegram_asks_for(full):
    home = full
    home.telegram.server.fail(Fault("deleteMessages", Trouble.FLOOD, seconds=120))
    really = press(home, opened(home, "/purge", part=QUESTION), "Yes")
    home.telegram.press(really, "purge:yes", user_id=OWNER)
    home.wait_for_event("flood_wait")
    home.app.chats.deletion.turn()

    assert not [call for call in home.telegram.calls if call.method == "deleteMessages"]
    assert len(kept(home)) == NOTED


def test_too_old_is_said_once(full):
    home = full
    grown(home, 49)
    opened(home, "/settings delete 3")
    home.ask()
    wait_until(lambda: len(kept(home)) == NOTED + 1, "the new picture is noted")
    grown(home, 4)
    all_gone(home)
    home.wait_for_text(f"{NOTED} of my messages here are older than 48 hours")
    home.restart()
    look(home)
    home.say("/help")
    home.wait_for_text("/random")

    said = [each for each in home.received() if "older than 48 hours" in each.text]
    assert len(said) == 1
    [call] = home.telegram.wait_for("deleteMessages")
    assert len(call.json("message_ids")) == 1


def test_refusal_is_said_once(full):
    home = full
    home.telegram.server.fail(Fault("deleteMessages", REFUSAL))
    press(home, opened(home, "/purge", part=QUESTION), "Yes", "Yes")

    assert home.wait_for_text(f"Telegram does not let me delete {NOTED} of my messages here.")
    assert not kept(home)


@pytest.mark.parametrize("ahead", [25, 40, 24 * 400, -30], ids=lambda hours: f"{hours} h")
def test_clock_that_has_jumped(full, ahead):
    home = full
    opened(home, "/settings delete 1")
    deletion = Deletion(
        store=home.app.store,
        telegram=home.app.telegram,
        outbox=home.app.outbox,
        now=lambda: datetime.now(UTC) + timedelta(hours=ahead),
    )
    deletion.turn()

    assert len(kept(home)) == NOTED
    assert bool(home.events("not_deleted")) == (ahead > 0)
    assert not [call for call in home.telegram.calls if call.method == "deleteMessages"]
