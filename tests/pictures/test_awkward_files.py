"""A folder of awkward files, from Stash to Telegram: each arrives in a form that it takes."""

import io

import pytest
from PIL import Image as Pixels

from tests.conftest import library, picture
from tests.pictures.awkward import NAMES, awkward

VIDEOS = {"mp4", "mov"}
ANIMATIONS = {"animated gif", "animated webp", "animated png", "animated avif"}
DOCUMENTS = {
    "too thin",
    "cut short",
    "cut short png",
    "cut short webp",
    "text",
    "noise",
    "heic",
    "jpeg xl",
    "webm",
}
#: No files of a library, but what is served in place of one.
STAND_INS = {"empty": "the file is empty", "svg": "a placeholder", "html": "a web page"}


def method_for(name):
    """The method of the Bot API by which a file of this kind goes out."""
    if name in VIDEOS:
        return "sendVideo"
    if name in ANIMATIONS:
        return "sendAnimation"
    return "sendDocument" if name in DOCUMENTS else "sendPhoto"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STAND_INS])
def test_file_arrives(house, name):
    """Telegram, which checks what it is given, takes the file by the method that suits it."""
    home = house([picture(7, data=awkward(name))])

    home.ask()

    [call] = [call for call in home.telegram.calls if call.files]
    assert (call.method, call.status) == (method_for(name), 200)


@pytest.mark.parametrize(("name", "reason"), STAND_INS.items())
def test_stand_in_for_a_file_is_replaced(house, name, reason):
    """What is no picture at all is skipped with its reason, and another comes in its place."""
    home = house([picture(7, load=lambda: awkward(name)), picture(8)])

    images = home.ask() + home.ask()

    assert images == [8, 8]
    [line] = home.wait_for_event("image_skipped")
    assert line["reason"].startswith(reason)


def test_file_over_every_limit_is_replaced(house):
    """What has over 50 MB and cannot be made smaller is skipped, and another comes."""
    huge = awkward("mp4") + bytes(50_000_001)
    home = house([picture(7, data=huge), picture(8)])

    images = home.ask() + home.ask()

    assert images == [8, 8]
    [line] = home.wait_for_event("image_skipped")
    assert (line["image_id"], line["reason"].startswith("over")) == (7, True)


def test_photo_that_telegram_refuses_goes_as_document(house):
    """A photo that Telegram cannot process goes as a document, with caption and button."""
    # Whole by its looks, and with nothing to decode in its middle.
    data = bytearray(awkward("jpeg"))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff\xd9" * 20
    home = house([picture(7, data=bytes(data))])

    home.ask()

    [call] = [call for call in home.telegram.calls if call.status == 200 and call.files]
    assert call.method in {"sendPhoto", "sendDocument"}
    assert "Picture 7" in call.params["caption"]


def test_album_of_mixed_kinds(house):
    """Photos and videos share an album; what cannot be in one comes beside it."""
    names = ["jpeg", "mp4", "animated gif", "too thin", "png"]
    files = [picture(number, data=awkward(name)) for number, name in enumerate(names, 1)]
    home = house(files)

    images = home.ask("/random 5", count=5)

    assert sorted(images) == [1, 2, 3, 4, 5]
    assert all(call.status == 200 for call in home.telegram.calls)


def test_large_photo_is_scaled(house):
    """A photo larger than photos.max_side is scaled down, in its own shape."""
    large = io.BytesIO()
    Pixels.linear_gradient("L").resize((3000, 1500)).save(large, "JPEG")
    home = house([picture(7, data=large.getvalue())], STASHBOT_PHOTOS_MAX_SIDE="1280")

    home.ask()

    [(_, data)] = home.telegram.wait_for("sendPhoto")[0].files.values()
    assert Pixels.open(io.BytesIO(data)).size == (1280, 640)


def test_spoiler_and_protection(house):
    """The settings for Telegram's cover and against forwarding reach photos and albums."""
    options = {"STASHBOT_PHOTOS_SPOILER": "true", "STASHBOT_PHOTOS_PROTECT": "true"}
    home = house(library(5), **options)

    home.ask()
    home.ask("/random 3", count=3)

    photo = home.telegram.wait_for("sendPhoto")[0]
    album = home.telegram.wait_for("sendMediaGroup")[0]
    assert photo.params["has_spoiler"] == photo.params["protect_content"] == "True"
    assert album.params["protect_content"] == "True"
    assert all(item["has_spoiler"] for item in album.json("media"))
