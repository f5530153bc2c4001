"""The demo's own pictures, and those of a folder."""

import io
import os
import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import pyvips
from PIL import Image, ImageChops, ImageSequence, ImageStat

from stashbot.demo.pictures.drawings import details, drawn
from stashbot.demo.pictures.picture import Gallery, in_folder
from stashbot.errors import SettingsError
from tests.conftest import at_length
from tests.standins.draw import draw

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
LIBRARY = drawn(draw, NOW)
#: The same library, whose files are the SVG texts themselves.
TEXTS = drawn(lambda frames, _: "\n".join(frames).encode(), NOW)


def thumbnail(frames, _):
    return pyvips.Image.thumbnail_buffer(frames[0].encode(), 64).pngsave_buffer()


@pytest.mark.parametrize("picture", LIBRARY[:: at_length(1, 4)], ids=lambda each: each.path)
def test_a_drawn_file_agrees_with_its_metadata(picture):
    image = Image.open(io.BytesIO(picture.load()))
    frames = [(f.info.get("duration", 0), f.tobytes()) for f in ImageSequence.Iterator(image)]

    assert Image.MIME[image.format] == picture.type
    assert image.size == (picture.width, picture.height)
    assert sum(delay for delay, _ in frames) / 1000 == pytest.approx(picture.duration)
    assert len(image.convert("RGB").resize((64, 64)).getcolors(4096)) > 8
    if picture.is_clip:
        assert len({pixels for _, pixels in frames}) > len(frames) / 2
        assert image.info["loop"] == 0


def test_neighbours_look_different():
    """Compared at a size of 64 pixels, by the colour with the largest mean difference."""
    shown = drawn(thumbnail, NOW)[: at_length(None, 25)]
    files = [io.BytesIO(picture.load()) for picture in shown]
    images = [Image.open(file).convert("RGB").resize((64, 64)) for file in files]
    differences = [ImageChops.difference(*pair) for pair in pairwise(images)]

    assert min(max(ImageStat.Stat(each).mean) for each in differences) > 12


def test_no_two_are_equal_and_each_is_the_same_next_time():
    files = [picture.load() for picture in TEXTS]

    assert len(set(files)) == len(files) >= 60
    assert files == [picture.load() for picture in TEXTS]


def test_twelve_in_a_row_have_different_motifs():
    motifs = [picture.tags[:-1] for picture in LIBRARY]  # the last tag is that of the palette
    rows = [motifs[start : start + 12] for start in range(len(motifs) - 12)]

    assert all(len(set(row)) > 10 for row in rows)


def test_the_library_is_as_mixed_as_a_persons():
    shapes = {(p.width > p.height) - (p.width < p.height) for p in LIBRARY}
    titles = [picture.title for picture in LIBRARY]

    assert {p.type for p in LIBRARY} == {"image/jpeg", "image/png", "image/webp", "image/gif"}
    assert shapes == {-1, 0, 1}
    assert sum(p.width * p.height >= 12_000_000 for p in LIBRARY) >= 3
    assert [p.path for p in LIBRARY if p.width > 4 * p.height] != []
    assert "" in titles
    assert max(map(len, titles)) > 200
    assert [title for title in titles if re.search("[а-яё]", title)] != []
    assert {len(p.date) for p in LIBRARY} == {0, 4, 7, 10}
    assert {p.rating100 for p in LIBRARY} >= {None, 20, 100}
    assert {len(p.performers) for p in LIBRARY} == {0, 1, 2}
    assert {bool(p.studio) for p in LIBRARY} == {True, False}
    assert {gallery.title == "" for p in LIBRARY for gallery in p.galleries} == {True, False}
    assert () in {p.galleries for p in LIBRARY}


def test_a_fifth_has_no_rating():
    unrated = [picture for picture in LIBRARY if picture.rating100 is None]

    assert 0.15 < len(unrated) / len(LIBRARY) < 0.25


def test_ten_arrived_in_the_last_30_days_with_the_highest_ids():
    new = [p for p in LIBRARY if p.created > NOW - timedelta(days=30)]

    assert new == LIBRARY[-10:]
    assert [p.created for p in new] == sorted({p.created for p in new})
    assert new[-1].created < NOW


@pytest.mark.parametrize(
    ("now", "beside"),
    [
        (NOW, {"07-30", "08-01"}),
        (datetime(2028, 2, 29, tzinfo=UTC), {"02-28", "03-01"}),
        (datetime(2027, 3, 1, tzinfo=UTC), {"02-28", "03-02"}),
        (datetime(2027, 1, 1, tzinfo=UTC), {"12-31", "01-02"}),
    ],
    ids=["July", "leap day", "after February", "new year"],
)
def test_some_are_of_this_day_of_earlier_years(now, beside):
    days = [p.date for p in drawn(draw, now) if p.id % 4 == 0]
    today = {day for day in days if day[5:] == f"{now:%m-%d}"}

    assert len(today) >= 3
    assert {day[5:] for day in days} == {f"{now:%m-%d}", *beside}
    assert all(date.fromisoformat(day) < now.date() for day in days)


def test_details_are_of_names_in_the_library():
    tags = {name for p in LIBRARY for name in p.tags}
    performers = {name for p in LIBRARY for name in p.performers}
    known = {each.full_name for each in details()}

    assert known <= tags | performers
    assert {"beach", "море", "Анна", "Ines Valcour (sculptor)"} <= known
    assert {"Juno Castellane", "Juno Hartley", "Ines Valcour"} <= performers


def test_a_drawing_that_fails_is_an_error_of_the_file():
    with pytest.raises(OSError, match="svgload"):
        draw(["no picture"], "png")


# A folder


def jpeg(width, height):
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG")
    return out.getvalue()


def test_pictures_in_a_folder(tmp_path):
    """Files at any depth are found; hidden ones, folders and other files are not."""
    (tmp_path / "Sea" / "2023").mkdir(parents=True)
    (tmp_path / ".thumbs").mkdir()
    (tmp_path / "b.JPG").write_bytes(jpeg(90, 60))
    (tmp_path / "Sea" / "2023" / "Two boats.jpeg").write_bytes(jpeg(30, 40))
    for name in ("a.mp4", "c.heic", "notes.txt", ".hidden.jpg", ".thumbs/b.jpg"):
        (tmp_path / name).write_bytes(b"data")
    (tmp_path / "dir.png").mkdir()
    os.utime(tmp_path / "b.JPG", (1714979289, 1714979289))
    boats, clip, photo, unreadable = in_folder(tmp_path)

    assert [(p.id, p.path) for p in (boats, clip, photo, unreadable)] == [
        *((1, "Sea/2023/Two boats.jpeg"), (2, "a.mp4"), (3, "b.JPG"), (4, "c.heic"))
    ]
    assert (boats.title, boats.type) == ("Two boats", "image/jpeg")
    assert boats.galleries == (Gallery(folder="/data/Sea/2023"),)
    assert (clip.type, clip.is_clip, clip.width, clip.galleries) == ("video/mp4", True, 0, ())
    assert (photo.date, photo.size) == ("2024-05-06", len(jpeg(90, 60)))
    assert photo.load() == jpeg(90, 60)
    assert (unreadable.type, unreadable.is_clip) == ("image/heic", False)


def test_changed_and_deleted_file(tmp_path):
    """The fingerprint changes even if the time does not."""
    file = tmp_path / "a.jpg"
    found = []
    for data in (b"one", b"other"):
        file.write_bytes(data)
        os.utime(file, (1714979289, 1714979289))
        found += in_folder(tmp_path)
    file.unlink()

    assert found[0].fingerprint != found[1].fingerprint
    with pytest.raises(FileNotFoundError):
        found[1].load()


@pytest.fixture
def linked(tmp_path):
    """A folder with one picture, beside a private file."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a picture")
    (tmp_path / "private.jpg").write_bytes(b"private")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "private.jpg").write_bytes(b"private")
    return folder


@pytest.mark.parametrize("target", ["/etc/passwd", "../private.jpg", "b.jpg"])
def test_a_link_out_of_the_folder_is_not_listed(linked, target):
    (linked / "b.jpg").symlink_to(target)  # the last one points to itself
    (linked / "more").symlink_to("../more")
    (linked / "c.jpg").symlink_to("more/private.jpg")

    assert [picture.path for picture in in_folder(linked)] == ["a.jpg"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../private.jpg", "a.jpg"])
def test_a_file_that_becomes_a_link_out_of_the_folder_is_not_read(linked, target):
    [picture] = in_folder(linked)
    (linked / "a.jpg").unlink()
    (linked / "a.jpg").symlink_to(target)

    with pytest.raises(OSError, match=r"a\.jpg"):
        picture.load()


def test_a_link_inside_the_folder_is_followed(linked):
    (linked / "b.jpg").symlink_to("a.jpg")

    assert [picture.load() for picture in in_folder(linked)] == [b"a picture"] * 2


def test_a_folder_behind_a_link_is_the_folder_itself(linked, tmp_path):
    (tmp_path / "link").symlink_to(linked)

    assert [picture.load() for picture in in_folder(tmp_path / "link")] == [b"a picture"]


@pytest.mark.parametrize(
    ("folder", "words"),
    [("nowhere", "no such folder"), (".", "holds no pictures (jpg jpeg png")],
    ids=["not there", "empty"],
)
def test_folder_without_pictures(tmp_path, folder, words):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SettingsError) as caught:
        in_folder(tmp_path / Path(folder))

    assert words in str(caught.value)
