"""Votes and exclusions as users see them: under pictures, in lists, and in the next pictures."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from PIL import ExifTags
from PIL import Image as Pixels

from stashbot.demo.pictures.picture import Gallery
from stashbot.demo.stash.standin import SavedFilter
from stashbot.models import Facet, Feature
from stashbot.settings.load import load
from tests.conftest import FRIEND, GROUP, NO_NEXT, OWNER, library, picture
from tests.pictures.awkward import awkward, saved
from tests.standins.http import Fault, Trouble
from tests.whole.program import wait_until

PLAIN = [["👍", "👎", "➡️", "⋯"]]
LIKED = [["👍 ✓", "👎", "➡️", "⋯"]]
HIDE, HIDE_IT = "🚫 Hide", "🚫 Hide this picture"


def latest(home, chat=OWNER):
    return home.received(chat)[-1]


def press(home, text, message=None, user=OWNER, chat=0):
    """Press the button that begins so, as it is now; wait until the press is answered."""
    message = latest(home, chat or user) if message is None else fresh(home, message)
    labels = [button.text for row in message.buttons for button in row]
    label = next(each for each in labels if each.startswith(text))
    query = home.telegram.press(message, message.button(label).data, user_id=user, chat_id=chat)
    wait_until(lambda: [each for each in home.telegram.answers if each.query_id == query], "answer")
    return next(each.text for each in home.telegram.answers if each.query_id == query)


def fresh(home, message):
    return next(each for each in home.received(message.chat_id) if each.id == message.id)


def labels(home, message):
    return [[button.text for button in row] for row in fresh(home, message).buttons]


def wait_for_labels(home, message, expected):
    wait_until(lambda: labels(home, message) == expected, expected)


def image_of(message):
    return int(message.buttons[0][0].data.split(":")[2])


@pytest.fixture
def sent(house):
    """A house in which the owner was sent one picture, and its message."""

    def build(pictures=None, **options):
        home = house(pictures or [picture(7)], **options)
        home.ask()
        home.wait_for_event("photo_sent")  # a reaction before that is to a message not known yet
        return home, latest(home)

    return build


def test_state_of_the_buttons(sent):
    home, message = sent(**NO_NEXT)
    shown = [labels(home, message)]
    notes = []
    for thumb, row in (("👍", "👍 ✓"), ("👎", "👎 ✓"), ("👎", "👎")):
        notes.append(press(home, thumb))
        wait_until(lambda: row in labels(home, message)[0], row)  # noqa: B023
        shown.append(labels(home, message))
    home.stop()

    assert notes == ["👍 · ⭐ 5 in Stash", "👎 · ⭐ 1 in Stash", "Vote removed"]
    assert shown == [
        PLAIN,
        LIKED,
        [["👍", "👎 ✓", "➡️", "⋯"], ["🚫 Hide…"]],
        PLAIN,
    ]
    assert [each["vote"] for each in home.events("voted")] == ["like", "dislike", None]
    assert {each["image_id"] for each in home.events("voted")} == {7}
    assert len(home.received()) == 1


def test_press_is_answered_before_the_slow_work(sent):
    home, _ = sent()  # with one picture in Stash the bot prepares no next one
    home.stash.server.fail(Fault("/", Trouble.SILENCE, times=9, seconds=2))

    press(home, "👍")

    assert home.events("voted")
    assert not home.events("rating_written")
    assert len(home.sent_images()) == 1


def test_votes_of_a_group(house):
    home = house([picture(7)], **NO_NEXT)
    home.say("/random", chat=GROUP)
    home.wait_for_images(1)
    message = latest(home, GROUP)

    assert press(home, "👍", chat=GROUP) == "👍 · ⭐ 5 in Stash"
    for _ in range(2):
        assert press(home, "👍", user=FRIEND, chat=GROUP) == "👍 · ⭐ 5 in Stash"
    wait_for_labels(home, message, [["👍 2", "👎", "➡️", "⋯"]])
    home.app.pictures.voting._now = lambda: datetime.now(UTC) + timedelta(seconds=3)
    assert press(home, "👍", user=FRIEND, chat=GROUP) == "Vote removed · ⭐ 5 in Stash"
    wait_for_labels(home, message, [["👍 1", "👎", "➡️", "⋯"]])


@pytest.mark.parametrize(
    ("data", "vote"),
    [
        pytest.param("vote:like:7:0", "like", id="of an older version"),
        pytest.param("vote:like:7:5:ticked", None, id="marked, of an older version"),
        pytest.param("vote:none:7", None, id="marked"),
    ],
)
def test_old_keyboard(sent, data, vote):
    """A button sets the vote that it asks for, and a second tap changes nothing."""
    home, message = sent(**NO_NEXT)
    press(home, "👎")
    for taps in (2, 3):
        home.telegram.press(message, data, user_id=OWNER)
        home.telegram.wait_for("answerCallbackQuery", count=taps)
    home.stop()

    assert [each["vote"] for each in home.events("voted")] == ["dislike", vote]


def test_next_after_a_vote(sent):
    home, first = sent(library(9))

    for thumb in ("👍", "👎", "👎"):
        press(home, thumb, first)
    home.wait_for_images(2)
    home.wait_for_event("photo_sent", 2)
    press(home, "👍", first)
    press(home, "👎")
    home.wait_for_images(3)
    home.stop()

    assert len(home.sent_images()) == 3
    assert [each["trigger"] for each in home.events("photo_sent")] == ["command", "vote", "vote"]


def test_vote_that_is_taken_back_brings_nothing(sent):
    home, message = sent(library(9), **NO_NEXT)
    press(home, "👍")
    wait_for_labels(home, message, LIKED)
    wait_until(lambda: not home.telegram.pending(), "the press is confirmed")
    home.settings = load(None, home.environ | {"STASHBOT_VOTES_AUTO_NEXT": "true"})
    home.restart()

    assert press(home, "👍", message) == "Vote removed"
    home.stop()

    assert home.query("SELECT count(*) FROM requests") == [(1,)]
    assert len(home.sent_images()) == 1


def test_vote_is_kept(house):
    home = house([picture(7)], **NO_NEXT)
    home.ask()
    press(home, "👍")
    home.restart()
    home.ask()
    home.say("/stats")

    assert "<b>Votes</b>\n👍 1\n" in home.wait_for_text("Votes")
    assert labels(home, home.received()[-2]) == LIKED


def test_vote_that_was_not_shown_before_the_end(sent):
    home, message = sent(**NO_NEXT)
    home.app.telegram._limiter.pause(OWNER, 60)
    press(home, "👍")
    home.stop()
    before = labels(home, message)
    home.start()

    wait_for_labels(home, message, LIKED)
    assert before == PLAIN


def test_vote_on_what_came_again_in_an_album(house):
    """No caption of an album is drawn, though a picture in it was voted on just before."""
    home = house(library(2), **NO_NEXT)
    home.ask()
    message = latest(home)
    press(home, "👍")
    wait_for_labels(home, message, LIKED)
    home.ask("/random 2", count=2)
    home.wait_for_event("photo_sent", 3)
    edits = len(home.telegram.wait_for("editMessageCaption"))
    home.restart()
    home.say("/stats")
    home.wait_for_text("Votes")
    home.stop()

    assert len(home.telegram.wait_for("editMessageCaption")) == edits
    assert not home.events("message_lost")


def of_gallery(name):
    return (Gallery(name),)


def unfold(home):
    message = latest(home)
    press(home, "⋯")
    wait_until(lambda: len(labels(home, message)) > 2, "the menu")
    return message


def row_of(home, message, icon):
    """The row of the menu for a name, or for the picture itself, as it is now."""
    rows = fresh(home, message).buttons
    return (
        rows[-2]
        if icon == "🖼"
        else next(row for row in rows if row[0].text.startswith(f"🎲 {icon}"))
    )


def hide(home, message, icon):
    """Press 🚫 beside a name; the answer to it."""
    button = row_of(home, message, icon)[-1]
    query = home.telegram.press(message, button.data, user_id=OWNER)
    wait_until(lambda: [each for each in home.telegram.answers if each.query_id == query], "answer")
    return next(each.text for each in home.telegram.answers if each.query_id == query)


@pytest.mark.parametrize("icon", ["🖼", "📁", "👤", "🎬", "🏷"])
def test_hidden_is_not_sent(house, icon):
    here = {"galleries": of_gallery("Sea"), "performers": ("Ann",), "studio": "A", "tags": ("x",)}
    there = {"galleries": of_gallery("City"), "performers": ("Ben",), "studio": "B", "tags": ("y",)}
    pictures = [picture(id, **(here if id % 2 else there)) for id in range(1, 21)]
    home = house(pictures, **NO_NEXT)
    [first] = home.ask()
    message = unfold(home)

    note = hide(home, message, icon)
    wait_until(lambda: row_of(home, message, icon)[-1].text.startswith("↩️"), "mark")
    home.ask("/random 10", count=10)
    home.ask("/random 10", count=10)

    assert note.startswith(f"Hidden in this chat: {icon}")
    after = home.sent_images()[1:]
    barred = {first} if icon == "🖼" else {each.id for each in pictures if each.id % 2 == first % 2}
    assert not barred & set(after)
    assert set(after) == {each.id for each in pictures} - barred - {first}
    [excluded] = home.events("excluded")
    assert (excluded["chat_id"], excluded["user_id"], excluded["image_id"]) == (OWNER, OWNER, first)


def test_marked_button_brings_back(sent):
    home, message = sent(**NO_NEXT)
    unfold(home)
    performer = row_of(home, message, "👤")[1].data

    hide(home, message, "👤")
    wait_until(lambda: row_of(home, message, "👤")[1].text == "↩️ Bring back", "the mark")
    home.telegram.press(message, performer, user_id=OWNER)  # a late second tap
    note = hide(home, message, "👤")
    wait_until(lambda: row_of(home, message, "👤")[1].text == HIDE, "no mark")
    home.stop()

    assert note == "Back again: 👤 Artist 2"
    assert len(home.events("excluded")) == len(home.events("restored")) == 1


def test_menu_unfolds_and_folds(sent):
    home, message = sent(**NO_NEXT, STASHBOT_STASH_PUBLIC_URL="https://stash.example.org/s/")
    unfold(home)

    assert labels(home, message) == [
        ["👍", "👎", "➡️"],
        ["🎲 👤 Artist 2", HIDE],
        ["🎲 📁 Gallery 3", HIDE],
        ["🎲 🏷 tag0", HIDE],
        [f"⭐ {stars}" for stars in range(1, 6)],
        [HIDE_IT],
        ["🔎", "❓", "ⓘ", "📄", "🔗", "←"],
    ]
    press(home, "👍", message)
    wait_until(lambda: labels(home, message)[0][0] == "👍 ✓", "the vote")
    assert len(labels(home, message)) == 7
    home.restart()
    press(home, "←", message)
    wait_for_labels(home, message, LIKED)


def test_menu_while_stash_is_away(sent):
    """It needs no Stash, and one edit."""
    home, message = sent(**NO_NEXT)
    home.stash.server.fail(Fault("/", Trouble.SILENCE, times=9, seconds=2))
    unfold(home)
    press(home, "←", message)
    wait_for_labels(home, message, PLAIN)

    assert len(home.telegram.wait_for("editMessageCaption")) == 2


def test_reactions_are_votes(sent):
    home, message = sent(**NO_NEXT)
    for old, new, vote in (
        ("", "🔥", "like"),
        ("🔥", "💩", "dislike"),
        ("💩", "❤", "like"),
        ("❤", "", None),
        ("", "🤔", None),
    ):
        home.telegram.react(message, old, new, user_id=OWNER)
        wait_until(lambda v=vote: home.query("SELECT vote FROM votes") == [(v,)], new)
    home.telegram.react(message, "", "👍", user_id=OWNER)

    wait_for_labels(home, message, LIKED)
    assert len(home.sent_images()) == 1


@pytest.mark.parametrize(
    ("data", "vote"), [("vote:dislike:7", ("dislike", None)), ("rate:5:7", ("like", 5))]
)
def test_reaction_that_is_taken_back_after_another_vote(sent, data, vote):
    home, message = sent(**NO_NEXT)
    home.telegram.react(message, "", "👍", user_id=OWNER)
    wait_for_labels(home, message, LIKED)
    home.telegram.press(message, data, user_id=OWNER)
    home.telegram.react(message, "👍", "", user_id=OWNER)
    home.say("/help")
    home.wait_for_text("/random")

    assert home.query("SELECT vote, stars FROM votes") == [vote]


def test_reactions_that_count_nothing(house):
    """Of strangers, of bots, anonymous ones, and those to other messages."""
    home = house(library(5), **NO_NEXT)
    home.ask()
    home.wait_for_event("photo_sent")
    message = latest(home)
    stranger, bot = {"id": 77, "is_bot": False}, {"id": OWNER, "is_bot": True}
    for user in (stranger, bot, None):
        home.telegram.react(message, "", "👍", user_id=OWNER, user=user)
    home.telegram.react(message, "", "👍", user_id=OWNER, message_id=9999)
    home.say("/help")
    home.wait_for_text("/random")

    assert home.query("SELECT vote FROM votes") == []


def test_picture_that_came_twice(sent):
    """Each of its messages has a menu of its own."""
    home, first = sent(**NO_NEXT)
    unfold(home)
    home.ask()
    home.wait_for_event("photo_sent", 2)
    second = latest(home)

    press(home, "👍", first)
    wait_until(lambda: labels(home, first)[0][0] == "👍 ✓", "the vote")
    assert HIDE_IT in [text for row in labels(home, first) for text in row]
    press(home, "👎", second)
    wait_until(lambda: labels(home, second)[0][1] == "👎 ✓", "the vote")
    assert labels(home, second) == [["👍", "👎 ✓", "➡️", "⋯"], ["🚫 Hide…"]]


def test_menu_of_a_picture_that_may_have_arrived(sent):
    """Its message is not known; hiding leaves its buttons in place."""
    home, message = sent(**NO_NEXT)
    home.query("UPDATE sent_photos SET message_id = NULL, state = 'unknown'")
    unfold(home)
    hide(home, message, "👤")
    wait_until(lambda: "↩️" in str(labels(home, message)), "the mark")

    assert labels(home, message)[0] == ["👍", "👎", "➡️"]
    assert labels(home, message)[-1][-1] == "←"


def test_picture_of_an_older_version(sent):
    """Its caption and its rating are not known: only the buttons follow the vote."""
    home, message = sent([picture(7, rating100=40)], **NO_NEXT)
    home.query("UPDATE pictures SET date = NULL, rating100 = NULL")
    note = press(home, "👍", message)
    home.telegram.wait_for("editMessageReplyMarkup")

    assert note == "👍"
    assert labels(home, message) == LIKED


def test_menu_after_a_dislike(sent):
    home, message = sent(**NO_NEXT)
    press(home, "👎")
    wait_for_labels(home, message, [["👍", "👎 ✓", "➡️", "⋯"], ["🚫 Hide…"]])
    press(home, "🚫 Hide…")

    wait_until(lambda: [HIDE_IT] in labels(home, message), "the menu")


def test_next_picture_from_a_name(house):
    pictures = [picture(id, performers=("Ann" if id in (3, 9) else "Ben",)) for id in range(1, 20)]
    home = house(pictures, **NO_NEXT)
    home.ask("/random ann")
    unfold(home)
    press(home, "🎲 👤 Ann")

    assert set(home.wait_for_images(2)) == {3, 9}


def test_all_that_stash_knows(sent):
    known = {"code": "C-7", "photographer": "Eve", "details": "Line 1\nLine 2", "rating100": 80}
    home, message = sent([picture(7, date="2020-05-04", **known)], **NO_NEXT)
    unfold(home)
    press(home, "ⓘ")

    text = home.wait_for_text("🖼 Picture 7")
    told = home.telegram.wait_for("sendMessage")[-1]
    lines = ["Code: C-7", "📷 Eve", "📅 2020-05-04", "👤 Artist 2", "⭐ 4/5", "Line 1\nLine 2"]
    assert all(line in text for line in lines)
    assert "60 × 40" in text
    assert "7.jpg" not in text
    assert told.json("reply_parameters")["message_id"] == message.id


@pytest.mark.parametrize(
    ("user", "chat"),
    [
        pytest.param(OWNER, OWNER, id="owner"),
        pytest.param(FRIEND, FRIEND, id="friend"),
        pytest.param(OWNER, GROUP, id="owner in a group"),
    ],
)
def test_original(house, user, chat):
    """It is untouched for the owner, and without its position where others see it."""
    exif = Pixels.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N of here"
    data = saved(Pixels.new("RGB", (60, 40)), exif=exif)
    home = house([picture(7, data=data, path="trip/IMG 7.jpg")], **NO_NEXT)
    home.ask(user=user, chat=chat)
    home.wait_for_event("photo_sent")
    home.say("/original", user=user, chat=chat)
    [call] = home.telegram.wait_for("sendDocument")

    name, content = call.files["document"]
    assert name == "IMG 7.jpg"
    assert (content == data) == (b"N of here" in content) == (chat == OWNER)


def test_original_that_is_gone(sent):
    home, message = sent(**NO_NEXT)
    home.stash.missing.add(7)
    unfold(home)
    press(home, "📄", message)

    assert home.wait_for_text("can't send the original")


def test_answer_to_another_message(sent):
    """The first message of a forum's topic is one too."""
    home, message = sent(**NO_NEXT)
    other = home.say("hello")
    home.telegram.say(OWNER, "/info", reply_to=other.id)
    home.wait_for_text("🖼 Picture 7")

    told = home.telegram.wait_for("sendMessage")[-1]
    assert told.json("reply_parameters")["message_id"] == message.id


def test_original_that_stash_replaces(sent):
    """Stash answers a placeholder for a file that is missing: it is not sent as the original."""
    home, message = sent(**NO_NEXT)
    home.stash.add(picture(7, data=awkward("svg")))
    unfold(home)
    press(home, "📄", message)

    assert home.wait_for_text("can't send the original")


def test_original_without_a_place_for_it(sent):
    home, message = sent(**NO_NEXT)
    unfold(home)
    shutil.rmtree(home.app.files.folder)
    home.app.files.folder.touch()
    press(home, "📄", message)

    assert home.wait_for_text("My disk has no room for a picture")
    assert home.events("photo_failed")


@pytest.mark.parametrize("command", ["/info", "/original", "/hide", "/more", "/why"])
def test_answers_before_the_first_picture(house, command):
    home = house(library(3))
    home.say(command)

    assert home.wait_for_text("haven't sent a picture here")


def test_hide_as_an_answer_to_a_picture(house):
    home = house(library(20), **NO_NEXT)
    first, second = home.ask("/random 2", count=2)
    home.wait_for_event("photo_sent", 2)
    [message] = [
        m for m in home.telegram.messages(OWNER) if m.file and f"Picture {first}\n" in f"{m.text}\n"
    ]
    home.telegram.say(OWNER, "/hide", reply_to=message.id)
    home.wait_for_text("What should not come")
    listing = latest(home)
    press(home, HIDE_IT, listing)
    wait_until(lambda: labels(home, listing)[0] == ["↩️ Bring this picture back"], "the mark")

    assert listing.reply_to == message.id
    assert [each["image_id"] for each in home.events("excluded")] == [first]
    assert second != first


def test_exclude_by_name(house):
    home = house(library(20), **NO_NEXT)
    home.say("/exclude artist 2")
    assert "Hidden in this chat: 👤 Artist 2" in home.wait_for_text("👤 Artist 2")
    home.say("/exclude new")
    home.wait_for_text("Add the name of")
    home.say("/exclude nothing like it")
    home.wait_for_text("I know no tag, performer, gallery or studio called “nothing like it”.")
    home.say("/excluded")
    home.wait_for_text("Tap one to bring")

    assert labels(home, latest(home)) == [["↩️ 👤 Artist 2"]]
    sent = home.ask("/random 10", count=10) + home.ask("/random 6", count=6)
    assert not {id for id in sent if id % 5 == 2}


def test_exclude_by_a_name_of_several(house):
    home = house(library(20))
    home.stash.filters = [SavedFilter(1, "Artist 2", None, {})]
    home.say("/exclude artist")
    home.wait_for_text("several called “artist”")
    several = latest(home)
    home.say("/exclude artist 2")
    home.wait_for_text("Hidden in this chat: 👤 Artist 2")

    assert "👤 Artist 3" in several.text
    assert labels(home, several) == []


def test_everything_is_excluded(house):
    home = house([picture(7)], **NO_NEXT, STASHBOT_VOTES_WRITE_RATINGS="false")
    home.ask()
    hide(home, unfold(home), "🖼")
    elsewhere = home.ask(user=FRIEND)

    home.say("/random")
    home.wait_for_text("Everything that is left is hidden here.")
    home.say("/excluded")
    home.wait_for_text("🖼 1")

    assert elsewhere == [7]
    assert press(home, "↩️ 🖼 Picture 7") == "Back again: 🖼 Picture 7"
    assert home.ask() == [7]
    assert home.stash.pictures == [picture(7, load=home.stash.pictures[0].load)]


def test_unseen_picture_that_is_brought_back(house):
    home = house(library(12), **NO_NEXT)
    [first] = home.ask()
    hide(home, unfold(home), "👤")
    barred = {id for id in range(1, 13) if id % 5 == first % 5} - {first}
    home.say("/stats")
    text = home.wait_for_text("12 pictures")
    home.ask("/random 10", count=11 - len(barred))
    home.ask()  # every other picture was seen
    home.say("/excluded")
    home.wait_for_text("👤 1")
    press(home, "↩️")

    assert f"{11 - len(barred)} not seen yet" in text
    assert {home.ask()[0] for _ in barred} == barred


def test_exclusion_in_a_running_album(house):
    here = {"galleries": of_gallery("Sea")}
    pictures = [picture(id, **(here if id <= 10 else {"galleries": ()})) for id in range(1, 21)]
    home = house(pictures, **NO_NEXT)
    while home.ask()[0] > 10:
        pass
    message = unfold(home)
    before = len(home.sent_images())
    home.stash.server.delay = 0.05
    home.say("/random 10")
    wait_until(lambda: sum(each.kind == "image" for each in home.stash.requests) > before + 2, "it")
    hide(home, message, "📁")
    home.stash.server.delay = 0
    home.wait_for_event("photo_sent", before + 10)

    came = home.sent_images()[before:]
    assert len(came) == len(set(came)) == 10
    assert all(id > 10 for id in came)


def test_list_of_exclusions(house):
    """Eight on a page, the newest first, with arrows; one that is dropped leaves the list."""
    home = house(library(20), **NO_NEXT)
    for number in range(1, 20):
        feature = Feature(Facet.IMAGE, number, f"Picture {number}")
        home.app.store.exclusions.add(OWNER, feature, datetime.now(UTC))
    home.say("/excluded")
    home.wait_for_text("🖼 19")
    message = latest(home)
    pages = [labels(home, message)]
    for button in ("▶️", "▶️", "↩️ 🖼 Picture 2"):
        press(home, button, message)
        wait_until(lambda: labels(home, message) != pages[-1], button)
        pages.append(labels(home, message))

    entries = [f"↩️ 🖼 Picture {id}" for id in range(19, 0, -1)]
    assert [[label for row in page for label in row] for page in pages] == [
        [*entries[:8], "▶️"],
        [*entries[8:16], "◀️", "▶️"],
        [*entries[16:], "◀️"],
        [entries[16], entries[18], "◀️"],
    ]
    assert "🖼 18" in fresh(home, message).text
    assert home.wait_for_event("restored")[0]["image_id"] == 2


def test_preferences(house):
    people = [("<Ann>",), ("<Ann>",), ("<Ann>",), ("Ben",), ("Cid",), ("Cid",)]
    pictures = [
        picture(id, performers=each, galleries=(), tags=("t",)) for id, each in enumerate(people, 1)
    ]
    home = house(pictures, **NO_NEXT)
    for _ in people:
        home.ask()
        image = image_of(latest(home))
        press(home, "👎" if image > 4 else "👍")
    home.say("/preferences")
    text = home.wait_for_text("Your taste")

    assert text.splitlines() == [
        "<b>Your taste</b>",
        "👍 4 · 👎 2",
        "",
        "<b>Liked most</b>",
        "👤 &lt;Ann&gt; – 👍 3",
        "👤 Ben – 👍 1",
        "🏷 t – 👍 4 · 👎 2",
        "",
        "<b>Liked least</b>",
        "👤 Cid – 👎 2",
    ]
    assert "👤 <Ann> – 👍 3" in latest(home).text


def test_forget(sent):
    home, _ = sent(**NO_NEXT)
    press(home, "👍")
    home.wait_for_event("rating_written")
    home.say("/preferences")
    home.wait_for_text("Your taste")
    message = latest(home)

    for answer in ("🗑", "No", "🗑", "Yes", "No", "🗑", "Yes", "Yes"):
        before = fresh(home, message).text
        press(home, answer, message)
        wait_until(lambda: fresh(home, message).text != before, answer)  # noqa: B023
    home.say("/preferences")
    home.wait_for_text("I don't know your taste yet")
    home.stop()

    assert fresh(home, message).text == "I have forgotten all votes."
    assert [record.operation for record in home.stash.requests].count("Rate") == 1
    assert home.stash.pictures[0].rating100 == 100


def test_in_russian(house):
    home = house([picture(7, title="", galleries=())], **NO_NEXT)
    home.say("/random", language="ru")
    home.telegram.wait_for("sendPhoto")
    message = latest(home)
    home.telegram.say(OWNER, "/excluded", language_code="ru")
    home.wait_for_text("ничего не скрыто")

    press(home, "👎", message)
    wait_for_labels(home, message, [["👍", "👎 ✓", "➡️", "⋯"], ["🚫 Скрыть…"]])
