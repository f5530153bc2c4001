"""The main job: a person asks, and a picture comes that this chat has not seen."""

from collections import Counter

import pytest

from tests.conftest import OWNER, at_length, images_of, library, picture


def test_picture_on_request(house):
    home = house([picture(7, title="A & B <c>", rating100=85, date="2024-05", studio="Sea")])

    home.say("/random")
    call = home.telegram.wait_for("sendPhoto")[0]

    assert call.params["caption"].splitlines() == [
        "<b>A &amp; B &lt;c&gt;</b>",
        "👤 Artist 2",
        "🎬 Sea",
        "📁 Gallery 3",
        "📅 2024-05",
        "⭐ 4.3/5",
        "🏷 tag0",
    ]
    [row] = call.json("reply_markup")["inline_keyboard"]
    assert [button["text"] for button in row] == ["👍", "👎", "➡️", "⋯"]


def test_record_of_a_picture(house):
    """It stands in the history, with the moment in UTC, and in the log."""
    home = house([picture(7)])

    home.ask()
    home.stop()

    [row] = home.query(
        "SELECT image_id, user_id, title, abs(julianday('now') - julianday(sent_at)) < 0.01"
        " FROM sent_photos"
    )
    [line] = home.events("photo_sent")
    keys = ("chat_id", "user_id", "image_id", "kind", "trigger")
    assert row == (7, OWNER, "Picture 7", 1)
    assert [line[key] for key in keys] == [OWNER, OWNER, 7, "photo", "command"]


def test_library_that_becomes_empty_while_stash_is_away(house):
    home = house([])
    home.stash.server.pause()
    home.say("/random")
    home.wait_for_text("Stash cannot be reached")

    home.stash.server.resume()
    home.wait_for_text("Your Stash has no pictures yet")

    assert len(home.wait_for_event("stash_up")) == 1


def test_next_button(house):
    home = house(library(2))
    [first] = home.ask()
    message = home.received()[-1]

    home.telegram.press(message, "next", user_id=OWNER)
    images = home.wait_for_images(2)

    assert set(images) == {1, 2}
    assert images[0] == first
    assert len(home.telegram.wait_for("answerCallbackQuery")) == 1


@pytest.mark.parametrize(
    "text", ["🎲 Random picture", "🎲 Случайная картинка", "/RANDOM", "/random 1"]
)
def test_other_ways_to_ask(house, text):
    """The button on the keyboard is a request too, in either language."""
    assert house([picture(7)]).ask(text) == [7]


def test_album(house):
    home = house(library(20))

    images = home.ask("/random 5", count=5)

    assert len(set(images)) == 5
    [call] = home.telegram.wait_for("sendMediaGroup")
    assert [item["parse_mode"] for item in call.json("media")] == ["HTML"] * 5


def test_album_larger_than_the_library(house):
    home = house(library(3))

    images = home.ask("/random 5", count=3)

    assert sorted(images) == [1, 2, 3]
    assert home.wait_for_images(3) == images


def test_requests_at_once(house):
    home = house(library(30))
    for _ in range(30):
        home.say("/random")

    assert sorted(home.wait_for_images(30)) == list(range(1, 31))


def test_whole_library_before_anything_again(house):
    size, rounds = at_length(300, 60), 3
    home = house(library(size))

    for done in range(0, size * rounds + size // 3, 10):
        home.say("/random 10")
        home.wait_for_images(done + 10)
    images = home.sent_images()

    more = len(images) - size * rounds
    expected = [rounds] * (size - more) + [rounds + 1] * more
    assert sorted(Counter(images).values()) == expected
    for start in range(len(images) - size):
        assert len(set(images[start : start + size])) == size


def test_order_goes_on_after_a_restart(house):
    home = house(library(60))
    images = []
    for _ in range(6):
        images += home.ask("/random 10", count=10)
        home.restart()

    assert sorted(images) == list(range(1, 61))


def test_new_image_comes_first_when_all_were_seen(house):
    home = house(library(3))
    home.ask("/random 3", count=3)
    again = home.ask()

    home.stash.add(picture(99), picture(100))
    new = home.ask() + home.ask()

    assert again[0] in {1, 2, 3}
    assert sorted(new) == [99, 100]
    assert home.ask()[0] not in {99, 100}


def test_images_deleted_in_stash_are_passed_over(house):
    home = house(library(4))
    images = home.ask("/random 4", count=4)

    home.stash.remove(images[0], images[2])
    home.restart()  # no picture lies ready that was chosen before
    again = home.ask() + home.ask() + home.ask()

    assert again == [images[1], images[3], images[1]]


def test_known_file_is_not_uploaded_again(house):
    home = house([picture(7)])

    home.ask()
    home.ask()
    home.stash.add(picture(7, data=b"".join([picture(8).load(), b"changed"]), size=999))
    home.restart()
    home.ask()

    uploads = [bool(call.files) for call in home.telegram.calls if images_of(call)]
    home.stop()
    assert uploads == [True, False, True]
    reused = [entry["reused"] for entry in home.events("photo_sent")]
    assert reused == [False, True, False]


def test_forgotten_file_is_uploaded(house):
    home = house([picture(7)])
    home.ask()

    home.telegram.forget_files()
    home.ask()
    home.ask()

    uploads = [bool(call.files) for call in home.telegram.calls if images_of(call)]
    assert uploads == [True, True, False]


def test_graphql_in_steady_state(house):
    """In ten pictures Stash is asked once at most, for at most a kilobyte a picture."""
    home = house(library(200))
    home.ask("/random 10", count=10)
    home.stash.clear()

    for _ in range(10):
        home.ask("/random 10", count=10)

    asked = [record for record in home.stash.requests if record.kind == "graphql"]
    assert len(asked) <= 10
    assert sum(record.bytes_in + record.bytes_out for record in asked) <= 100_000


def test_more_requests_than_images(house):
    home = house(library(2))
    home.telegram.server.delay = 0.05

    for _ in range(5):
        home.say("/random")
    images = home.wait_for_images(5)

    assert set(images) == {1, 2}
    assert not [call for call in home.telegram.calls if call.method == "sendMessage"]
