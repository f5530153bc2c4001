"""The main job: a person asks, and a picture comes that this chat has not seen."""

import sqlite3
from collections import Counter

import pytest

from tests.conftest import FRIEND, OWNER, at_length, images_of, library, picture


def rows(house, columns):
    with sqlite3.connect(house.settings.database) as connection:
        return connection.execute(f"SELECT {columns} FROM sent_photos").fetchall()  # noqa: S608 - ours


def test_picture_on_request(house):
    """The picture has its caption, the vote buttons and ➡️."""
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
    assert [button["text"] for button in row] == ["👍", "👎", "➡️"]


def test_picture_is_recorded(house):
    """The history has the image, the moment in UTC, the user and the title."""
    home = house([picture(7)])

    home.ask()
    home.stop()

    [(image_id, user_id, title, is_recent)] = rows(
        home, "image_id, user_id, title, abs(julianday('now') - julianday(sent_at)) < 0.01"
    )
    assert (image_id, user_id, title, is_recent) == (7, OWNER, "Picture 7", 1)


def test_next_button(house):
    """A press of ➡️ is answered at once, and brings another picture."""
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
    """/random 5 brings five different pictures in one message, each with its caption."""
    home = house(library(20))

    images = home.ask("/random 5", count=5)

    assert len(set(images)) == 5
    [call] = home.telegram.wait_for("sendMediaGroup")
    assert [item["parse_mode"] for item in call.json("media")] == ["HTML"] * 5


def test_album_larger_than_the_library(house):
    """An album has each image once, and no more than there are."""
    home = house(library(3))

    images = home.ask("/random 5", count=3)

    assert sorted(images) == [1, 2, 3]
    assert home.wait_for_images(3) == images


def test_requests_at_once(house):
    """Requests that run side by side never bring the same image."""
    home = house(library(30))
    for _ in range(30):
        home.say("/random")

    assert sorted(home.wait_for_images(30)) == list(range(1, 31))


def test_whole_library_before_anything_again(house):
    """Within as many pictures as the library has none comes twice."""
    size, rounds = at_length(300, 90), 3
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


def test_order_differs_from_chat_to_chat(house):
    """Each chat gets the library in an order of its own."""
    home = house(library(30))

    mine = home.ask("/random 10", count=10)
    theirs = home.ask("/random 10", count=10, user=FRIEND)

    assert len(set(mine)) == len(set(theirs)) == 10
    assert mine != theirs


def test_order_goes_on_after_a_restart(house):
    """After a restart no image comes again while an unseen one is left."""
    home = house(library(60))
    images = []
    for _ in range(6):
        images += home.ask("/random 10", count=10)
        home.restart()

    assert sorted(images) == list(range(1, 61))


def test_new_image_comes_first_when_all_were_seen(house):
    """A new image is sent before an old one comes again."""
    home = house(library(3))
    home.ask("/random 3", count=3)
    again = home.ask()

    home.stash.add(picture(99), picture(100))
    new = home.ask() + home.ask()

    assert again[0] in {1, 2, 3}
    assert sorted(new) == [99, 100]
    assert home.ask()[0] not in {99, 100}


def test_images_deleted_in_stash_are_passed_over(house):
    """When all were seen, an image that Stash no longer has does not stop the round."""
    home = house(library(4))
    images = home.ask("/random 4", count=4)

    home.stash.remove(images[0], images[2])
    home.restart()  # no picture lies ready that was chosen before
    again = home.ask() + home.ask() + home.ask()

    assert again == [images[1], images[3], images[1]]


def test_empty_library(house):
    """Only a library that is really empty has nothing to send."""
    home = house([])

    home.say("/random")
    call = home.telegram.wait_for("sendMessage")[0]

    assert "the library has no pictures" in call.params["text"]


def test_known_file_is_not_uploaded_again(house):
    """An image that Telegram has goes by its file_id, as long as the file is the same."""
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
    """A file_id that Telegram refuses is forgotten, and the file goes up again."""
    home = house([picture(7)])
    home.ask()

    home.telegram.forget_files()
    home.ask()
    home.ask()

    uploads = [bool(call.files) for call in home.telegram.calls if images_of(call)]
    assert uploads == [True, True, False]


def test_log_line_of_a_picture(house):
    """One line has the chat, the user, the image, its form, and the time of each step."""
    home = house([picture(7)])

    home.ask()
    home.stop()

    [line] = home.events("photo_sent")
    keys = ("chat_id", "user_id", "image_id", "kind", "trigger")
    assert [line[key] for key in keys] == [OWNER, OWNER, 7, "photo", "command"]
    assert {"pick_ms", "fetch_ms", "send_ms", "bytes", "reused"} <= line.keys()


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
    """Requests for more images than there are wait for their turn, and none is refused."""
    home = house(library(2))
    home.telegram.server.delay = 0.05

    for _ in range(5):
        home.say("/random")
    images = home.wait_for_images(5)

    assert set(images) == {1, 2}
    assert not [call for call in home.telegram.calls if call.method == "sendMessage"]
