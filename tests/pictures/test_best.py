"""The best of the pictures that are liked in a chat."""

import pytest

from tests.conftest import NO_NEXT, OWNER, animation, images_of, picture

#: Pictures with an odd number have a rating, the best the highest number.
RATED = [11, 9, 7, 5, 3, 1]
QUIET = NO_NEXT | {"STASHBOT_VOTES_WRITE_RATINGS": "never"}


def like(home, count):
    """Ask for pictures and like them; then the bot starts anew, and the record of Stash too."""
    for _ in range(count):
        [image] = home.ask()
        home.telegram.press(home.received()[-1], f"vote:like:{image}", user_id=OWNER)
    home.wait_for_event("voted", count)
    home.restart()
    home.stash.clear()


def best(home, count):
    """Ask for the best; the calls that bring them."""
    before = len(home.telegram.calls)
    total = len(home.sent_images()) + count
    home.telegram.press(home.received()[-1], "pick:10:best", user_id=OWNER)
    home.wait_for_images(total)
    return [call for call in home.telegram.calls[before:] if images_of(call)]


@pytest.fixture
def liked(house):
    """Twelve pictures and a GIF are liked."""
    rated = [picture(id, rating100=5 * id if id % 2 else None) for id in range(1, 13)]
    home = house([*rated, animation(13)], **QUIET)
    like(home, 13)
    return home


def test_the_best_ten_are_an_album_without_stash_and_without_an_upload(liked):
    by_vote = [each["image_id"] for each in liked.events("voted")][::-1]
    unrated = [id for id in by_vote if id % 2 == 0]
    [album] = best(liked, 10)
    message = liked.wait_for_text("1. Picture 11")
    liked.stop()

    assert images_of(album) == [*RATED, *unrated[:4]]
    assert message.startswith("🏆 The best ten\n")
    assert liked.received()[-1].button("➡️ 10").data == "pick:10:liked"
    assert (album.method, album.files) == ("sendMediaGroup", {})
    assert liked.stash.requests == []
    assert liked.query("SELECT count(*), count(message_id) FROM sent_photos") == [(23, 23)]
    assert liked.query("SELECT count(*) FROM files WHERE fingerprint <> ''") == [(13,)]


def test_a_file_that_telegram_has_lost_is_left_out_of_the_best(liked):
    liked.query("UPDATE files SET file_id = 'lost' WHERE image_id = 11")
    sent = best(liked, 10)
    liked.stop()

    assert [id for call in sent for id in images_of(call)][:5] == RATED[1:]
    assert not any(call.files for call in sent)
    assert liked.stash.requests == []
    assert liked.query("SELECT * FROM files WHERE image_id = 11") == []
    assert liked.query("SELECT * FROM skipped_images") == []


def test_a_hidden_picture_is_not_among_the_best(liked):
    liked.telegram.press(liked.received()[-1], "exclude:image:11:11", user_id=OWNER)
    liked.wait_for_event("excluded")
    [album] = best(liked, 10)

    assert images_of(album)[:5] == RATED[1:]


def test_the_best_of_one_liked_picture_is_that_picture(house):
    home = house([picture(1), picture(2)], **QUIET)
    like(home, 1)
    [liked] = home.ask("/liked")
    button = home.received()[-1].button("The best ten")
    home.say("/random")
    home.wait_for_images(3)
    [call] = best(home, 1)
    home.wait_for_event("photo_sent", 4)
    home.say("/why")
    why = home.wait_for_text("From: ")

    assert button.data == "pick:10:best"
    assert (call.method, images_of(call)) == ("sendPhoto", [liked])
    assert home.received()[-2].button("➡️").data == "next:liked"
    assert why.startswith("From: 🏆 The best ten\n\nThe best rated come first there")
    assert "came again" not in why


def test_without_likes_there_are_no_best(house):
    home = house([picture(1)], **QUIET)
    home.ask()
    home.telegram.press(home.received()[-1], "pick:10:best", user_id=OWNER)

    assert home.wait_for_text("Nothing is liked")
