import io
import random
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageChops

from stashbot.errors import ImageUnusable
from stashbot.models import Image, Kind
from stashbot.pictures import media, pixels
from stashbot.pictures.media import Plan, as_document, fit, sniff
from stashbot.pictures.pixels import Header, read_header
from tests.pictures.awkward import (
    BLUE,
    CORNERS,
    GREEN,
    GREY,
    MP4,
    NAMES,
    RED,
    animation,
    awkward,
    noisy,
    saved,
    scene,
)

IMAGE = Image(id=7, width=640, height=480, duration=1.5)
#: Files that are small enough for a hundred conversions.
SMALL = [name for name in NAMES if not name.startswith(("12 ", "100 ", "too ", "empty"))]


def decoded(upload):
    """The uploaded photo; checks that it is within Telegram's limits."""
    picture = Pillow.open(io.BytesIO(upload.data))
    picture.load()
    assert upload.kind is Kind.PHOTO
    assert picture.size == (upload.width, upload.height)
    assert sum(picture.size) <= 10_000
    assert max(picture.size) <= 20 * min(picture.size)
    assert len(upload.data) <= 10_000_000
    return picture


def remade(upload):
    """The uploaded photo; checks that it is a converted JPEG without metadata."""
    picture = decoded(upload)
    assert upload.filename == "image-7.jpg"
    assert picture.format == "JPEG"
    assert picture.mode in ("L", "RGB")
    assert not {"exif", "icc_profile", "xmp", "comment"} & picture.info.keys()
    return picture


def corners(picture):
    """The colours of the corners, clockwise from upper left."""
    right, low = picture.width - 6, picture.height - 6
    rgb = picture.convert("RGB")
    return [rgb.getpixel(at) for at in ((5, 5), (right, 5), (right, low), (5, low))]


def is_like(colour, expected, tolerance=30):
    return all(abs(a - b) <= tolerance for a, b in zip(colour, expected, strict=True))


@pytest.mark.parametrize(
    ("name", "extension", "size"),
    [
        ("jpeg", "jpg", (120, 80)),
        ("progressive jpeg", "jpg", (120, 80)),
        ("grey jpeg", "jpg", (120, 80)),
        ("jpeg with junk behind", "jpg", (120, 80)),
        ("jpeg of several pictures", "jpg", (120, 80)),
        ("orientation 1", "jpg", (120, 80)),
        ("png", "png", (120, 80)),
        ("black and white png", "png", (120, 80)),
        ("palette png", "png", (120, 80)),
        ("webp", "webp", (120, 80)),
        ("one pixel", "jpg", (1, 1)),
    ],
)
def test_accepted_photo_stays_unchanged(name, extension, size):
    upload = fit(awkward(name), IMAGE, 2560)

    assert upload.kind is Kind.PHOTO
    assert upload.data == awkward(name)
    assert upload.filename == f"image-7.{extension}"
    assert (upload.width, upload.height) == size


@pytest.mark.parametrize(
    "name",
    [
        "cmyk jpeg",
        "broken profile",
        "png with alpha",
        "webp with alpha",
        "palette png with transparency",
        "bmp",
        "tiff",
        "avif",
        "jpeg 2000",
        "still gif",
        "png with late orientation",
        *(f"orientation {n}" for n in range(2, 9)),
    ],
)
def test_converted_photo_keeps_colours_shape_and_orientation(name):
    picture = remade(fit(awkward(name), IMAGE, 2560))

    assert picture.size == (120, 80)
    assert all(map(is_like, corners(picture), CORNERS)), corners(picture)
    assert is_like(picture.getpixel((60, 10)), GREY)


@pytest.mark.parametrize(
    "name",
    ["png with alpha", "webp with alpha", "palette png with transparency", "grey png with alpha"],
)
def test_transparent_pixels_become_white(name):
    picture = remade(fit(awkward(name), IMAGE, 2560))

    assert is_like(picture.convert("RGB").getpixel((60, 40)), (255, 255, 255), 8)


@pytest.mark.parametrize("name", ["16-bit grey png", "16-bit rgb png"])
def test_16_bit_slope_in_8_bits(name):
    picture = remade(fit(awkward(name), IMAGE, 2560)).convert("L")

    assert all(abs(picture.getpixel((x, 16)) - x) <= 4 for x in range(256))


@pytest.mark.parametrize(
    ("file", "grey"),
    [
        (awkward("16-bit grey tiff"), 128),
        (awkward("32-bit grey tiff"), 128),
        (awkward("real grey tiff"), 128),
        (saved(Pillow.linear_gradient("L").convert("F"), "TIFF"), 128),
        (saved(Pillow.new("F", (64, 48), -3.0), "TIFF"), 0),
    ],
    ids=["16 bits", "32 bits", "0 to 1", "any range", "one value"],
)
def test_middle_of_a_deep_grey_range(file, grey):
    picture = remade(fit(file, IMAGE, 2560))

    assert abs(picture.getpixel((picture.width // 2, picture.height // 2)) - grey) <= 3


def test_colour_profile_is_applied():
    picture = remade(fit(awkward("other colours"), IMAGE, 2560))

    red, green, *_ = corners(picture)
    assert red[1] > 150 > red[0]
    assert green[0] > 150 > green[1]


def test_profile_for_another_colour_mode_is_ignored():
    picture = remade(fit(awkward("grey in other colours"), IMAGE, 2560))

    assert is_like(picture.convert("RGB").getpixel((60, 10)), GREY)


@pytest.mark.parametrize(
    ("size", "max_side", "expected"),
    [
        ((300, 200), 100, (100, 67)),
        ((200, 300), 100, (67, 100)),
        ((300, 200), 300, (300, 200)),
        ((300, 200), 0, (300, 200)),
        ((2000, 100), 505, (505, 26)),
        ((100, 2000), 505, (26, 505)),
        ((9000, 1500), 0, (8570, 1428)),
    ],
    ids=["wide", "high", "exact", "no limit", "thin", "narrow", "sum of sides"],
)
def test_scaled_size(size, max_side, expected):
    upload = fit(saved(Pillow.new("L", size)), IMAGE, max_side)

    assert decoded(upload).size == expected


@given(
    st.tuples(st.integers(1, 60_000), st.integers(1, 60_000)).filter(
        lambda size: max(size) <= 20 * min(size)
    ),
    st.just(0) | st.integers(100, 5000),
)
def test_any_size_fits_the_limits(size, max_side):
    fitted = media._fitted(size, max_side)

    assert sum(fitted) <= 10_000
    assert max(fitted) <= 20 * min(fitted)
    assert max(fitted) <= (max_side or 10_000)
    assert all(new <= old for new, old in zip(fitted, size, strict=True))
    assert abs(fitted[0] * size[1] - fitted[1] * size[0]) <= max(size)


def test_12_megapixels_become_at_most_1_mb():
    file = awkward("12 megapixels")
    assert len(file) > 5_500_000

    upload = fit(file, IMAGE, 2560)

    assert len(upload.data) <= 1_000_000
    assert remade(upload).size == (2560, 1920)


@pytest.mark.parametrize("name", ["100 megapixels", "100 megapixels in png"])
def test_100_megapixels_become_a_photo(name):
    picture = remade(fit(awkward(name), IMAGE, 2560))

    assert picture.size == (2560, 2560)
    assert abs(picture.getpixel((9, 9)) - 90) <= 2


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_scaled_slope_has_no_seams(mode):
    slope = Pillow.linear_gradient("L").resize((300, 2000)).convert(mode)

    picture = remade(fit(saved(slope, "PNG"), IMAGE, 1000)).convert("L")

    assert all(abs(picture.getpixel((75, y)) - y * 255 / 1000) <= 3 for y in range(1000))


def test_scaling_in_bands_equals_scaling_at_once():
    # Faint noise: Pillow clips values beyond black and white between its two passes.
    # Always the same: in about 1 of 60 others, one pixel is rounded to a difference of 2.
    values = bytes(64 + value // 2 for value in random.Random(1).randbytes(301 * 2001))
    noise = Pillow.frombytes("L", (301, 2001), values)

    at_once = noise.resize((150, 997), Pillow.Resampling.LANCZOS)
    difference = ImageChops.difference(pixels._scaled(noise, (150, 997)), at_once)

    assert difference.getextrema()[1] <= 1


def test_header_of_a_progressive_jpeg():
    assert read_header(awkward("progressive jpeg"), "jpeg").progressive
    assert not read_header(awkward("jpeg"), "jpeg").progressive


def test_jpeg_of_196_megapixels_is_scaled_while_decoding():
    """A JPEG may have more pixels than the limit of decoded ones."""
    file = saved(Pillow.new("L", (14_000, 14_000), 90))

    assert remade(fit(file, IMAGE, 2560)).size == (2560, 2560)


def test_photo_over_10_mb_at_the_lowest_quality_is_halved():
    noise = Pillow.effect_noise((5000, 5000), 255)

    picture = remade(fit(saved(noise, "BMP"), IMAGE, 0))

    assert picture.size == (2500, 2500)


def test_file_over_50_mb_becomes_a_photo():
    file = saved(Pillow.new("RGB", (4300, 4000), RED), "BMP")
    assert len(file) > 50_000_000

    assert remade(fit(file, IMAGE, 1280)).size == (1280, 1191)


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("too thin", "jpg"),
        ("cut short", "jpg"),
        ("cut short png", "png"),
        ("cut short webp", "webp"),
        ("heic", "heic"),
        ("jpeg xl", "jxl"),
        ("webm", "webm"),
        ("text", "txt"),
        ("noise", "bin"),
    ],
)
def test_undecodable_file_becomes_a_document(name, extension):
    upload = fit(awkward(name), IMAGE, 2560)

    assert upload.kind is Kind.DOCUMENT
    assert upload.filename == f"image-7.{extension}"
    assert upload.data == awkward(name)


def test_photo_as_a_document():
    upload = as_document(awkward("png"), IMAGE)

    assert upload.kind is Kind.DOCUMENT
    assert upload.filename == "image-7.png"
    assert upload.data == awkward("png")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "the file is empty"),
        (awkward("svg"), "a placeholder in place of the file"),
        (awkward("html"), "a web page in place of the file"),
        (MP4 + bytes(50_000_000), "over 50 MB"),
        (awkward("cut short png") + bytes(50_000_000), "over 50 MB"),
        (bytes(50_000_001), "over 50 MB"),
    ],
    ids=["empty", "svg", "html", "video", "damaged", "unknown"],
)
def test_unusable_file(file, reason):
    with pytest.raises(ImageUnusable) as caught:
        fit(file, IMAGE, 2560)

    assert str(caught.value) == reason


@pytest.mark.parametrize("name", ["mp4", "mov"])
def test_clip_keeps_size_and_duration_from_stash(name):
    upload = fit(awkward(name), IMAGE, 2560)

    assert upload.kind is Kind.VIDEO
    assert upload.filename == f"image-7.{name}"
    assert upload.data == awkward(name)
    assert (upload.width, upload.height, upload.duration) == (640, 480, 1.5)


def test_animated_gif_stays_unchanged():
    upload = fit(awkward("animated gif"), IMAGE, 2560)

    assert upload.kind is Kind.ANIMATION
    assert upload.filename == "image-7.gif"
    assert upload.data == awkward("animated gif")
    assert (upload.width, upload.height) == (90, 60)


def test_first_frame_of_an_animated_gif_over_50_mb():
    picture = remade(fit(awkward("animated gif") + bytes(50_000_000), IMAGE, 2560))

    assert is_like(picture.getpixel((45, 30)), RED)


@pytest.mark.parametrize(
    ("name", "repetitions"),
    [("animated webp", 0), ("animated png", 2), ("animated avif", 0)],
)
def test_animation_becomes_a_gif_of_the_same_duration(name, repetitions):
    upload = fit(awkward(name), IMAGE, 2560)

    assert upload.kind is Kind.ANIMATION
    assert upload.filename == "image-7.gif"
    gif = Pillow.open(io.BytesIO(upload.data))
    assert (gif.size, gif.n_frames) == ((90, 60), 3)
    assert gif.info["loop"] == repetitions
    for number, colour in enumerate((RED, GREEN, BLUE)):
        gif.seek(number)
        assert is_like(gif.convert("RGB").getpixel((45, 30)), colour)
        assert gif.info["duration"] == 100 * (number + 1)


def test_animation_that_plays_once():
    upload = fit(animation("WEBP", loop=1), IMAGE, 2560)

    assert "loop" not in Pillow.open(io.BytesIO(upload.data)).info


def test_large_animation_is_scaled():
    upload = fit(animation("WEBP", (1280, 800)), IMAGE, 2560)

    assert (upload.width, upload.height) == (640, 400)
    assert Pillow.open(io.BytesIO(upload.data)).size == (640, 400)


def test_first_frame_of_an_animation_that_is_cut_short():
    frames = [noisy(90, 60) for _ in range(3)]
    file = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    at = file.rindex(b"fdAT")

    upload = fit(file[: at + 40] + bytes(500), IMAGE, 2560)

    assert remade(upload).size == (90, 60)


PHOTO = Header("jpeg", (2000, 1500), 900_000)


def test_picture_does_not_wait_for_an_animation():
    frames = [Pillow.effect_noise((700, 700), 60).convert("RGB") for _ in range(2)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:] * 29, method=0)
    converting = threading.Thread(target=pixels.as_gif, args=(data, "webp", (640, 640)))
    converting.start()
    while not pixels._DECODING.locked():
        time.sleep(0.001)

    fit(awkward("cmyk jpeg"), IMAGE, 2560)
    was_converting = converting.is_alive()
    converting.join()

    assert was_converting


MOVING = Header("webp", (2000, 1500), 900_000, frames=50)


@pytest.mark.parametrize(
    ("header", "plan"),
    [
        (PHOTO, Plan.AS_IS),
        (replace(PHOTO, form="png"), Plan.AS_IS),
        (replace(PHOTO, form="tiff"), Plan.REMAKE),
        (replace(PHOTO, plain=False), Plan.REMAKE),
        (replace(PHOTO, whole=False), Plan.REMAKE),
        (replace(PHOTO, bytes=10_000_001), Plan.REMAKE),
        (replace(PHOTO, size=(2561, 1500)), Plan.REMAKE),
        (replace(PHOTO, size=(2000, 100)), Plan.AS_IS),
        (replace(PHOTO, size=(2000, 99)), Plan.DOCUMENT),
        (replace(PHOTO, form="png", size=(10_000, 10_000)), Plan.REMAKE),
        (replace(PHOTO, form="png", size=(11_000, 11_000)), Plan.DOCUMENT),
        (replace(PHOTO, size=(20_000, 20_000)), Plan.REMAKE),
        (replace(PHOTO, size=(20_000, 20_000), progressive=True), Plan.DOCUMENT),
        (MOVING, Plan.CONVERT),
        (replace(MOVING, frames=400), Plan.REMAKE),
        (replace(MOVING, size=(10_000, 10_000), frames=11), Plan.REMAKE),
        (replace(MOVING, form="gif", frames=2), Plan.ANIMATION),
        (replace(MOVING, form="gif", frames=2, bytes=50_000_001), Plan.REMAKE),
        (replace(MOVING, form="gif", frames=1), Plan.REMAKE),
    ],
)
def test_form_by_header(header, plan):
    assert media._plan(header, 2560) is plan


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"GIF87a", "gif"),
        (b"II*\0", "tiff"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
        (b"BM\x10\0\0\0\0\0\0\0", "bmp"),
        (b"BMW drives past", ""),
        (b"RIFF\x10\0\0\0AVI LIST", ""),
        (b"\0\0\0\x1cftypisom\0\0\2\0isomiso2mp41", "mp4"),
        (b"\0\0\0\x14ftypM4V \0\0\0\0M4V ", "mp4"),
        (b"\0\0\0\x14ftyp3gp5\0\0\0\0", "mp4"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "mov"),
        (b"\0\0\0\x10ftypcrx \0\0\0\0", ""),
        (b"\0\0\0\x08wide\0\0\1\0mdat", "mov"),
        (b"\xef\xbb\xbf <!-- made by hand --> <SVG>", "svg"),
        (b'<?xml version="1.0"?><note/>', ""),
        (b"", ""),
    ],
)
def test_format_by_first_bytes(data, form):
    assert sniff(data) == form


@pytest.mark.parametrize("name", SMALL)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_file_is_sent_or_refused(name, data):
    file = bytearray(awkward(name))
    place = st.integers(0, len(file) - 1) | st.integers(0, min(len(file) - 1, 64))
    for at, value in data.draw(st.dictionaries(place, st.integers(0, 255), max_size=8)).items():
        file[at] = value
    del file[data.draw(st.just(len(file)) | place) :]

    try:
        upload = fit(bytes(file), IMAGE, 100)
    except ImageUnusable:
        return

    assert upload.data
    if upload.data != file and upload.kind is Kind.PHOTO:
        remade(upload)


def test_import_does_not_load_pillow():
    code = "import sys, stashbot.pictures.media; sys.exit('PIL' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_scene_looks_different_in_every_orientation():
    turned = {tuple(corners(scene().transpose(way))) for way in Pillow.Transpose}

    assert len(turned) == 7
    assert tuple(CORNERS) not in turned
