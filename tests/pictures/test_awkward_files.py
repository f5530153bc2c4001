"""Awkward files on their way from Stash to Telegram."""

import io

import pytest
from PIL import Image as Pixels

from tests.conftest import at_length, images_of, library, picture
from tests.pictures.awkward import NAMES, awkward

VIDEOS = {"mp4", "mov"}
ANIMATIONS = {"animated gif", "animated webp"}
DOCUMENTS = {"too thin", "animated png", "animated avif", "jpeg 2000", "cut short webp"}
DOCUMENTS |= {"text", "noise", "heic", "jpeg xl", "webm"}
#: Substitutes for a missing file, and the reason for skipping them.
PLACEHOLDERS = {"empty": "the file is empty", "svg": "a placeholder", "html": "a web page"}


def method_for(name):
    if name in VIDEOS:
        return "sendVideo"
    if name in ANIMATIONS:
        return "sendAnimation"
    return "sendDocument" if name in DOCUMENTS else "sendPhoto"


#: The largest ones only at length: `test_media` converts them too.
SENT = [name for name in NAMES if name not in PLACEHOLDERS]
SENT = at_length(SENT, [name for name in SENT if not name.startswith("100 ")])
PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_telegram_accepts_every_awkward_file(house, part):
    names = dict(enumerate(SENT[part::PARTS], 1))
    home = house([picture(number, data=awkward(name)) for number, name in names.items()])

    for _ in names:
        home.ask()

    calls = [call for call in home.telegram.calls if call.files]
    methods = {names[number]: call.method for call in calls for number in images_of(call)}
    assert methods == {name: method_for(name) for name in names.values()}
    assert all(call.status == 200 for call in calls)


@pytest.mark.parametrize(("name", "reason"), [*PLACEHOLDERS.items(), ("huge mp4", "over")])
def test_file_that_cannot_be_sent_is_skipped(house, name, reason):
    data = awkward("mp4") + bytes(50_000_001) if name == "huge mp4" else awkward(name)
    home = house([picture(7, load=lambda: data, size=len(data) or 999), picture(8)])

    images = home.ask() + home.ask()

    assert images == [8, 8]
    [line] = home.wait_for_event("image_skipped")
    assert line["image_id"] == 7
    assert line["reason"].startswith(reason)


def test_photo_with_a_broken_scan(house):
    # The end is intact, but the middle of the scan is not.
    data = bytearray(awkward("jpeg"))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff\xd9" * 20
    home = house([picture(7, data=bytes(data))])

    home.ask()

    [call] = [call for call in home.telegram.calls if call.status == 200 and call.files]
    assert call.method in {"sendPhoto", "sendDocument"}
    assert "Picture 7" in call.params["caption"]


def test_album_of_photos_a_clip_an_animation_and_a_document(house):
    names = ["jpeg", "mp4", "animated gif", "too thin", "png"]
    files = [picture(number, data=awkward(name)) for number, name in enumerate(names, 1)]
    home = house(files)

    images = home.ask("/random 5", count=5)

    assert sorted(images) == [1, 2, 3, 4, 5]
    assert all(call.status == 200 for call in home.telegram.calls)


def test_photo_larger_than_max_side(house):
    large = io.BytesIO()
    Pixels.linear_gradient("L").resize((3000, 1500)).save(large, "JPEG")
    home = house([picture(7, data=large.getvalue())], STASHBOT_PHOTOS_MAX_SIDE="1280")

    home.ask()

    [(_, data)] = home.telegram.wait_for("sendPhoto")[0].files.values()
    assert Pixels.open(io.BytesIO(data)).size == (1280, 640)


def test_spoiler_and_protection_of_photos_and_albums(house):
    options = {"STASHBOT_PHOTOS_SPOILER": "true", "STASHBOT_PHOTOS_PROTECT": "true"}
    home = house(library(5), **options)

    home.ask()
    home.ask("/random 3", count=3)

    photo = home.telegram.wait_for("sendPhoto")[0]
    album = home.telegram.wait_for("sendMediaGroup")[0]
    assert photo.params["has_spoiler"] == photo.params["protect_content"] == "True"
    assert album.params["protect_content"] == "True"
    assert all(item["has_spoiler"] for item in album.json("media"))
