"""Why a picture came, and votes on its names, as users see them."""

from datetime import UTC, datetime

import pytest

from tests.conftest import FRIEND, GROUP, NO_NEXT, OWNER, library, picture
from tests.votes.test_voting import fresh, image_of, labels, latest, press, unfold
from tests.whole.program import wait_until


def ask_why(home, message=None):
    """Send /why, as a reply to a message if there is one; return the answer."""
    before = len(answers(home))
    home.telegram.say(OWNER, "/why", reply_to=message.id if message else 0)
    wait_until(lambda: len(answers(home)) > before, "the answer")
    return answers(home)[-1]


def answers(home):
    return [each for each in home.received() if each.text.startswith("From: ")]


def test_answer_to_the_menu(house):
    home = house([picture(7)], **NO_NEXT)
    home.ask()
    message = latest(home)
    unfold(home)
    press(home, "❓")
    text = home.wait_for_text("From: ")
    told = home.telegram.wait_for("sendMessage")[-1]

    assert text.splitlines() == [
        "From: 🎲 the whole library",
        "",
        "It is as likely as any other: the votes so far say nothing about pictures like it.",
        "",
        "I show it here for the first time.",
    ]
    assert told.json("reply_parameters")["message_id"] == message.id
    assert labels(home, latest(home)) == [
        [f"less of {name}", f"more of {name}"] for name in ("Artist 2", "Gallery 3", "tag0")
    ]


def test_votes_behind_a_picture(house):
    pictures = [picture(id, performers=("Ann" if id < 5 else "Ben",)) for id in range(1, 9)]
    home = house(pictures, **NO_NEXT)
    for _ in pictures:
        home.ask()
        press(home, "👍" if image_of(latest(home)) < 5 else "👎")
    home.wait_for_event("photo_sent", len(pictures))
    last = latest(home)
    mine, other = ("👍", "👎") if image_of(last) < 5 else ("👎", "👍")

    text = ask_why(home, last).text
    assert f"{mine} 4 of 4 for 👤" in text
    assert f"{other} 4 of 4" not in text
    assert ("likelier" in text) is (mine == "👍")


@pytest.mark.parametrize(
    ("command", "source", "order"),
    [
        pytest.param("/random tag2", "🏷 tag2", "as likely as any other", id="a tag"),
        pytest.param("/new", "🆕 New", "The newest come first", id="new"),
        pytest.param("/more", "🔎 A similar picture", "The most similar come first", id="similar"),
    ],
)
def test_source(house, command, source, order):
    home = house([*library(20), picture(21, created=datetime.now(UTC))], **NO_NEXT)
    home.ask("/random tag1")
    home.wait_for_event("photo_sent")
    home.ask(command)
    home.wait_for_event("photo_sent", 2)

    text = ask_why(home).text
    assert text.startswith(f"From: {source}\n")
    assert order in text


def test_repeat(house):
    """The answer to the older message does not tell of the later one."""
    home = house([picture(7)], **NO_NEXT)
    for _ in range(2):
        home.ask()
    home.wait_for_event("photo_sent", 2)
    first, second = home.received()

    assert "came again" in ask_why(home, second).text
    assert "for the first time" in ask_why(home, first).text


def test_picture_of_an_album(house):
    home = house(library(20), **NO_NEXT)
    home.ask("/random 2", count=2)
    home.wait_for_text("1. Picture")
    first = home.received()[0]

    ask_why(home, first)
    [told] = home.telegram.wait_for(lambda call: "From: " in call.params.get("text", ""))
    assert told.json("reply_parameters")["message_id"] == first.id


def test_more_of_a_name(house):
    home = house([picture(7, studio="Blue")], **NO_NEXT)
    home.ask()
    home.wait_for_event("photo_sent")
    answer = ask_why(home)
    assert press(home, "more of Blue", answer) == "Noted: more of 🎬 Blue"
    wait_until(lambda: "✓ more of Blue" in labels(home, answer)[2], "the mark")
    home.say("/preferences")
    learned = home.wait_for_text("Your taste")
    assert press(home, "✓ more of Blue", answer) == "Taken back: 🎬 Blue"
    wait_until(lambda: "more of Blue" in labels(home, answer)[2], "no mark")
    home.say("/preferences")
    home.wait_for_text("don't know your taste yet")
    home.stop()

    assert "🎬 Blue – 👍 1" in learned
    assert not [each for each in home.stash.requests if "mutation" in each.query]
    assert [each["vote"] for each in home.events("voted")] == ["like", None]


def test_names_on_the_buttons_stay_while_votes_change_the_reasons(house):
    home = house([picture(id, tags=[f"t{n}" for n in range(8)]) for id in (1, 2, 3)], **NO_NEXT)
    for _ in range(3):
        home.ask()
    home.wait_for_event("photo_sent", 3)
    answer = ask_why(home)
    before = labels(home, answer)
    press(home, "more of ", answer)
    wait_until(lambda: labels(home, answer) != before, "the mark")

    assert [row[0] for row in labels(home, answer)] == [row[0] for row in before]


def test_less_of_a_name_in_a_group(house):
    """Two users press the buttons that they share: each has a vote of their own."""
    home = house([picture(7)], **NO_NEXT)
    home.ask(chat=GROUP)
    home.wait_for_event("photo_sent")
    home.say("/why", chat=GROUP)
    home.wait_for_text("From: ", chat=GROUP)
    answer = latest(home, GROUP)
    for user, mark in ((OWNER, "✓ 1 ·"), (FRIEND, "✓ 2 ·")):
        press(home, labels(home, answer)[2][0], answer, user=user, chat=GROUP)
        wait_until(lambda: labels(home, answer)[2][0] == f"{mark} less of tag0", mark)  # noqa: B023
    home.say("/why", chat=GROUP)
    text = home.wait_for_text("From: ", chat=GROUP, count=2)

    assert "👎 2 of 2 for 🏷 tag0" in text
    assert fresh(home, answer).text == answer.text
