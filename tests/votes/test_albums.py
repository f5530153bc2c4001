"""The message after an album, as users see it."""

from datetime import UTC, datetime, timedelta

import pytest

from stashbot.pictures import prefetch
from tests.conftest import FRIEND, GROUP, NO_NEXT, OWNER, jpeg, library, picture
from tests.votes.test_voting import labels, latest, press, wait_for_labels
from tests.whole.program import wait_until

CHANNEL = -1_000_000_000_777
THREE = [["👍 1", "👎 1", "👍 2", "👎 2"], ["👍 3", "👎 3"], ["➡️ 3"]]


def album(home, text="/random 3", count=3, chat=OWNER, listed=1):
    """Ask for an album: the ids of its images, and the message after it, once it is noted."""
    images = home.ask(text, count=count, chat=chat)
    noted = "SELECT DISTINCT album_message FROM sent_photos WHERE album_message IS NOT NULL"
    wait_until(lambda: len(home.query(noted)) == listed, "the message after the album")
    return images, latest(home, chat)


def in_group(like="👍 2"):
    return [["👍 1", "👎 1"], [like, "👎 2"], ["👍 3", "👎 3"], ["➡️ 3"]]


def test_lines_and_buttons_of_an_album(house):
    home = house([picture(id, title="<b>&" if id == 2 else "") for id in (1, 2, 3)])
    home.say("/random 3")
    wait_until(lambda: len(home.received()) == 4, "the album and its message")
    *_, message = home.received()
    [call] = home.telegram.wait_for("sendMessage")
    ids = [int(row.data.split(":")[2]) for line in message.buttons[:-1] for row in line[::2]]

    names = {1: "picture 1", 2: "<b>&", 3: "picture 3"}
    assert message.text.split("\n") == [f"{n}. {names[id]}" for n, id in enumerate(ids, 1)]
    assert labels(home, message) == THREE
    assert message.reply_to == home.received()[0].id
    assert call.params["disable_notification"] == "True"


def test_votes_on_pictures_of_an_album(house):
    """The second one is liked; no next picture follows, and nothing waits for the album."""
    home = house(library(9), is_paced=True)
    images, message = album(home)

    assert press(home, "👍 2", message) == "👍 · ⭐ 5 in Stash"
    wait_for_labels(home, message, [["👍 1", "👎 1", "👍 2 ✓", "👎 2"], *THREE[1:]])
    press(home, "👎 3", message)
    assert press(home, "👍 2 ✓", message) == "Vote removed"
    wait_for_labels(home, message, [THREE[0], ["👍 3", "👎 3 ✓"], ["➡️ 3"]])
    home.stop()
    assert home.query("SELECT image_id, vote FROM votes WHERE vote <> ''") == [
        (images[2], "dislike")
    ]
    assert home.query("SELECT count(*) FROM requests") == [(1,)]


def test_votes_on_an_album_in_a_group(house):
    home = house(library(9))
    _, message = album(home, chat=GROUP)
    before = labels(home, message)
    for user in (OWNER, FRIEND):
        press(home, "👍 2", message, user=user, chat=GROUP)
    wait_for_labels(home, message, in_group("👍 2: 2"))
    home.app.pictures.voting._now = lambda: datetime.now(UTC) + timedelta(seconds=3)
    press(home, "👍 2", message, user=FRIEND, chat=GROUP)

    wait_for_labels(home, message, in_group("👍 2: 1"))
    assert before == in_group()


def test_as_many_again_from_the_same_source(house):
    home = house([picture(id, tags=("sea" if id < 7 else "sky",)) for id in range(1, 20)])
    images, message = album(home, "/random 3 sea")
    press(home, "➡️ 3", message)
    again = home.wait_for_images(6)[3:]

    assert message.text.startswith("🏷 sea\n1. Picture ")
    assert sorted(images + again) == [1, 2, 3, 4, 5, 6]


def test_reaction_to_a_picture_of_an_album(house):
    home = house(library(20), **NO_NEXT)
    (_, second, _), message = album(home)
    home.telegram.react(home.received()[1], "", "👍", user_id=OWNER)

    wait_for_labels(home, message, [["👍 1", "👎 1", "👍 2 ✓", "👎 2"], *THREE[1:]])
    assert home.query("SELECT image_id, vote FROM votes") == [(second, "like")]
    assert not [call for call in home.telegram.calls if call.method == "editMessageCaption"]


def test_reaction_to_the_message_after_an_album(house):
    """It belongs to no picture."""
    home = house(library(20), **NO_NEXT)
    _, message = album(home)
    home.telegram.react(message, "", "👍", user_id=OWNER)
    home.say("/help")
    home.wait_for_text("/random –")

    assert not home.events("voted")


@pytest.mark.parametrize("is_noted", [True, False], ids=["noted", "killed before it was noted"])
def test_buttons_of_an_album_after_a_restart(house, is_noted):
    home = house(library(9), **NO_NEXT)
    _, message = album(home)
    if not is_noted:
        home.query("UPDATE sent_photos SET album_message = NULL")
    home.restart()
    press(home, "👎 3", message)

    wait_for_labels(home, message, [THREE[0], ["👍 3", "👎 3 ✓"], ["➡️ 3"]])


def test_vote_on_an_album_that_was_not_shown_before_the_end(house):
    home = house(library(9), **NO_NEXT)
    _, message = album(home)
    home.app.telegram._limiter.pause(OWNER, 60)
    press(home, "👎 3", message)
    home.restart()

    wait_for_labels(home, message, [THREE[0], ["👍 3", "👎 3 ✓"], ["➡️ 3"]])


def test_each_part_of_an_album_has_its_message(house, monkeypatch):
    monkeypatch.setattr(prefetch, "ALBUM_BYTES", 3.5 * len(jpeg(1)))
    home = house(library(5))
    home.ask("/random 5", count=5)
    wait_until(lambda: len(home.received()) == 7, "two albums, each with its message")
    firsts = {each.album: each.id for each in reversed(home.received()) if each.album}
    replies = [each for each in home.received() if each.reply_to]

    assert sorted(each.reply_to for each in replies) == sorted(firsts.values())
    assert [labels(home, each)[-1] for each in replies] == [["➡️ 5"]] * 2


def test_command_as_an_answer_to_the_message_after_an_album(house):
    """It is about the first picture."""
    home = house(library(9))
    (first, *_), message = album(home)
    home.telegram.say(OWNER, "/info", reply_to=message.id)

    assert home.wait_for_text(f"🖼 Picture {first}\n")


def test_album_in_a_channel(house):
    home = house(library(9), start=False)
    home.telegram.add_group(CHANNEL, "News", [OWNER], type="channel")
    home.start()
    home.app.requests.ask(1, CHANNEL, OWNER, count=3, language="en")
    home.wait_for_event("photo_sent", 3)
    home.say("/help")
    home.wait_for_text("/random –")

    assert len(home.received(CHANNEL)) == 3
