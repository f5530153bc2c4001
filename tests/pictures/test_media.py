import io
import struct
import zlib
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageCms

from stashbot.errors import ImageUnusable
from stashbot.models import Kind
from stashbot.pictures.media import sniff
from stashbot.rules.sizes import fitted
from tests.conftest import at_length
from tests.pictures.awkward import (
    BLUE,
    CORNERS,
    GREEN,
    GREY,
    MP4,
    NAMES,
    RED,
    TRANSPOSED,
    animation,
    awkward,
    saved,
    scene,
    swapped_profile,
)
from tests.pictures.fitting import IMAGE, corners, decoded, is_like, remade

#: Files that are small enough for a hundred conversions.
SMALL = [name for name in NAMES if not name.startswith(("12 ", "100 ", "too ", "empty"))]


@pytest.mark.parametrize(
    ("name", "extension", "size"),
    [
        ("jpeg", "jpg", (120, 80)),
        ("progressive jpeg", "jpg", (120, 80)),
        ("grey jpeg", "jpg", (120, 80)),
        ("png", "png", (120, 80)),
        ("black and white png", "png", (120, 80)),
        ("palette png", "png", (120, 80)),
        ("webp", "webp", (120, 80)),
        ("one pixel", "jpg", (1, 1)),
    ],
)
def test_accepted_photo_stays_unchanged(fit, name, extension, size):
    upload = fit(awkward(name), 2560)

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
        "still gif",
        "png with late orientation",
        *(f"orientation {n}" for n in range(2, 9)),
    ],
)
def test_converted_photo_keeps_colours_shape_and_orientation(fit, name):
    picture = remade(fit(awkward(name), 2560))

    assert picture.size == (120, 80)
    assert all(map(is_like, corners(picture), CORNERS)), corners(picture)
    assert is_like(picture.getpixel((60, 10)), GREY)


@pytest.mark.parametrize(
    "name",
    ["png with alpha", "webp with alpha", "palette png with transparency", "grey png with alpha"],
)
def test_transparent_pixels_become_white(fit, name):
    picture = remade(fit(awkward(name), 2560))

    assert is_like(picture.convert("RGB").getpixel((60, 40)), (255, 255, 255), 8)


@pytest.mark.parametrize("name", ["16-bit grey png", "16-bit rgb png"])
def test_16_bit_slope_in_8_bits(fit, name):
    picture = remade(fit(awkward(name), 2560)).convert("L")

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
def test_middle_of_a_deep_grey_range(fit, file, grey):
    picture = remade(fit(file, 2560))

    assert abs(picture.getpixel((picture.width // 2, picture.height // 2)) - grey) <= 3


def test_colour_profile_is_applied(fit):
    picture = remade(fit(awkward("other colours"), 2560))

    red, green, *_ = corners(picture)
    assert red[1] > 150 > red[0]
    assert green[0] > 150 > green[1]


@pytest.mark.parametrize("name", ["Linear sRGB  ", "sRGB-elle-g10"])
def test_a_linear_profile_is_applied_though_its_name_has_srgb(fit, name):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB built-in".encode("utf-16-be"), name.encode("utf-16-be"))
    curve = profile.index(b"para") + 12
    straight = struct.pack(">5l", 65536, 65536, 0, 65536, 0)
    profile = profile[:curve] + straight + profile[curve + len(straight) :]

    picture = remade(fit(saved(scene(), icc_profile=profile, quality=95), 2560))

    assert is_like(picture.getpixel((60, 40)), (182, 182, 182), 3)


def test_profile_for_another_colour_mode_is_ignored(fit):
    picture = remade(fit(awkward("grey in other colours"), 2560))

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
def test_scaled_size(fit, size, max_side, expected):
    upload = fit(saved(Pillow.new("L", size)), max_side)

    assert decoded(upload).size == expected


@given(
    st.tuples(st.integers(1, 60_000), st.integers(1, 60_000)).filter(
        lambda size: max(size) <= 20 * min(size)
    ),
    st.just(0) | st.integers(100, 5000),
)
def test_any_size_fits_the_limits(size, max_side):
    scaled = fitted(size, max_side)

    assert sum(scaled) <= 10_000
    assert max(scaled) <= 20 * min(scaled)
    assert max(scaled) <= (max_side or 10_000)
    assert all(new <= old for new, old in zip(scaled, size, strict=True))
    assert abs(scaled[0] * size[1] - scaled[1] * size[0]) <= max(size)


def test_12_megapixels_become_at_most_1_mb(fit):
    file = awkward("12 megapixels")
    assert len(file) > 5_500_000

    upload = fit(file, 2560)

    assert len(upload.data) <= 1_000_000
    assert remade(upload).size == (2560, 1920)


@pytest.mark.parametrize("name", ["100 megapixels", "100 megapixels in png"])
def test_100_megapixels_become_a_photo(fit, name):
    picture = remade(fit(awkward(name), 2560))

    assert picture.size == (2560, 2560)
    assert abs(picture.getpixel((9, 9)) - 90) <= 2


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_scaled_slope_has_no_seams(fit, mode):
    slope = Pillow.linear_gradient("L").resize((300, 2000)).convert(mode)

    picture = remade(fit(saved(slope, "PNG"), 1000)).convert("L")

    assert all(abs(picture.getpixel((75, y)) - y * 255 / 1000) <= 3 for y in range(1000))


def test_jpeg_of_196_megapixels_is_scaled_while_decoding(fit):
    """A JPEG may have more pixels than the limit of decoded ones."""
    file = saved(Pillow.new("L", (14_000, 14_000), 90))

    assert remade(fit(file, 2560)).size == (2560, 2560)


def test_photo_over_10_mb_at_the_lowest_quality_is_halved(fit):
    noise, tile = Pillow.new("L", (5000, 5000)), Pillow.effect_noise((1000, 1000), 255)
    for x, y in product(range(0, 5000, 1000), repeat=2):
        noise.paste(tile, (x, y))

    picture = remade(fit(saved(noise, "BMP"), 0))

    assert picture.size == (2500, 2500)


def test_file_over_50_mb_becomes_a_photo(fit):
    file = saved(Pillow.new("RGB", (4300, 4000), RED), "BMP")
    assert len(file) > 50_000_000

    assert remade(fit(file, 1280)).size == (1280, 1191)


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("too thin", "jpg"),
        ("cut short webp", "webp"),
        ("jpeg 2000", "jp2"),
        ("animated avif", "avif"),
        ("heic", "heic"),
        ("jpeg xl", "jxl"),
        ("webm", "webm"),
        ("text", "txt"),
        ("noise", "bin"),
    ],
)
def test_undecodable_file_becomes_a_document(fit, name, extension):
    upload = fit(awkward(name), 2560)

    assert upload.kind is Kind.DOCUMENT
    assert upload.filename == f"image-7.{extension}"
    assert upload.data == awkward(name)


def test_photo_as_a_document(fit):
    upload = fit(awkward("png"), 2560, as_document=True)

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
        (bytes(50_000_001), "over 50 MB"),
    ],
    ids=["empty", "svg", "html", "video", "unknown"],
)
def test_unusable_file(fit, file, reason):
    with pytest.raises(ImageUnusable) as caught:
        fit(file, 2560)

    assert str(caught.value) == reason


@pytest.mark.parametrize("name", ["mp4", "mov"])
def test_clip_keeps_size_and_duration_from_stash(fit, name):
    upload = fit(awkward(name), 2560)

    assert upload.kind is Kind.VIDEO
    assert upload.filename == f"image-7.{name}"
    assert len(upload.data) == len(awkward(name))
    assert (upload.width, upload.height, upload.duration) == (640, 480, 1.5)


def test_animated_gif_stays_unchanged(fit):
    upload = fit(awkward("animated gif"), 2560)

    assert upload.kind is Kind.ANIMATION
    assert upload.filename == "image-7.gif"
    assert upload.data == awkward("animated gif")
    assert (upload.width, upload.height) == (90, 60)


def test_animation_that_plays_once(fit):
    upload = fit(animation("WEBP", loop=1), 2560)

    assert "loop" not in Pillow.open(io.BytesIO(upload.data)).info


def test_large_animation_is_scaled(fit):
    upload = fit(animation("WEBP", (1280, 800)), 2560)

    assert (upload.width, upload.height) == (640, 400)
    assert Pillow.open(io.BytesIO(upload.data)).size == (640, 400)


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"GIF87a", "gif"),
        (b"II*\0", "tiff"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
        (b"\xff\x4f\xff\x51", "j2k"),
        (b"\0\0\1\0\1\0", "ico"),
        (b"BM\x10\0\0\0\0\0\0\0", "bmp"),
        (b"BMW drives past", ""),
        (b"RIFF\x10\0\0\0AVI LIST", "avi"),
        (b"\x1aE\xdf\xa3\x9f\x42\x82\x84webm", "webm"),
        (b"\x1aE\xdf\xa3\x9f\x42\x82\x88matroska", "mkv"),
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
@settings(max_examples=at_length(12, 4), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_file_is_sent_or_refused(fit, workshop, name, data):
    file = bytearray(awkward(name))
    place = st.integers(0, len(file) - 1) | st.integers(0, min(len(file) - 1, 64))
    for at, value in data.draw(st.dictionaries(place, st.integers(0, 255), max_size=8)).items():
        file[at] = value
    del file[data.draw(st.just(len(file)) | place) :]

    before = workshop[1].count
    try:
        upload = fit(bytes(file), 100)
    except ImageUnusable:
        return

    assert upload.data
    if upload.kind is Kind.PHOTO and workshop[1].count > before:
        decoded(upload)


def test_scene_looks_different_in_every_orientation():
    turned = {tuple(corners(scene().transpose(way))) for way in Pillow.Transpose}

    assert len(turned) == 7
    assert tuple(CORNERS) not in turned


@pytest.mark.parametrize("size", [(200, 1001), (1001, 200)])
def test_a_document_follows_a_photo_that_is_too_long_to_be_read(fit_all, size):
    photo, document = fit_all(saved(Pillow.new("RGB", size), exif=b"Exif\0\0II*\0"), 2560)

    assert (photo.kind, document.kind) == (Kind.PHOTO, Kind.DOCUMENT)
    assert Pillow.open(io.BytesIO(document.data)).size == size
    assert b"Exif" not in document.data


def test_no_document_follows_a_usual_photo(fit_all):
    assert len(fit_all(saved(Pillow.new("RGB", (200, 1000))), 2560)) == 1


@pytest.mark.parametrize(
    ("title", "filename"),
    [
        ("", "image-7.png"),
        ("Sunset at the sea", "Sunset at the sea.png"),
        ("Закат / море: «Анна»", "Закат море Анна.png"),
        ("../../etc/passwd\n", "etc passwd.png"),
        ("...", "image-7.png"),
        ("long " * 50, f"{('long ' * 12).strip()}.png"),
        ('a"b\\c%d', "a b c d.png"),
    ],
)
def test_the_name_of_a_file_is_its_title(fit, title, filename):
    image = replace(IMAGE, title=title)

    assert fit(awkward("png"), 2560, image, as_document=True).filename == filename


@pytest.mark.parametrize("form", ["WEBP", "GIF"])
@pytest.mark.parametrize("delay", [10, 16, 20, 40, 100])
def test_the_length_of_a_film(fit, form, delay):
    frames = [Pillow.new("RGB", (64, 48), (each * 4, 0, 255 - each * 4)) for each in range(50)]
    stored = delay if form == "WEBP" else delay // 10 * 10
    film = saved(frames[0], form, save_all=True, append_images=frames[1:], duration=delay)

    upload = fit(film, 2560)

    found = Pillow.open(io.BytesIO(upload.data))
    times = []
    for number in range(found.n_frames):
        found.seek(number)
        times.append(found.info["duration"])
    assert upload.kind is Kind.ANIMATION
    assert abs(sum(times) - 50 * stored) <= 20
    assert min(times) >= 20
    assert abs(upload.duration * 1000 - sum(times)) < 1


@pytest.mark.parametrize("delays", [[10, 1000], [200, 10, 1000, 5, 5, 70], [1000, 10, 100, 100]])
def test_a_short_frame_does_not_take_the_time_of_a_long_one(fit, delays):
    frames = [Pillow.new("RGB", (64, 48), (each * 40, 0, 0)) for each in range(len(delays))]
    options = {"duration": delays, "lossless": True}
    film = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], **options)

    found = Pillow.open(io.BytesIO(fit(film, 2560).data))

    times = {}
    for number in range(found.n_frames):
        found.seek(number)
        times[found.convert("RGB").getpixel((9, 9))[0] // 40] = found.info["duration"]
    assert {at: delay for at, delay in enumerate(delays) if delay >= 20}.keys() == times.keys()
    assert all(abs(times[at] - delays[at]) <= 20 for at in times)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_film_is_turned(fit, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    picture = scene()
    if orientation in TRANSPOSED:
        picture = picture.transpose(TRANSPOSED[orientation])
    black = Pillow.new("RGB", picture.size)
    options = {"duration": 100, "exif": exif.tobytes(), "lossless": True}
    film = saved(picture, "WEBP", save_all=True, append_images=[black], **options)

    upload = fit(film, 2560)

    found = Pillow.open(io.BytesIO(upload.data))
    assert found.size == (upload.width, upload.height) == (120, 80)
    assert all(map(is_like, corners(found), CORNERS)), corners(found)


def test_a_film_in_other_colours(fit):
    frames = [Pillow.new("RGB", (60, 40), colour) for colour in (RED, BLUE)]
    options = {"duration": 100, "icc_profile": swapped_profile(), "lossless": True}
    film = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], **options)

    found = Pillow.open(io.BytesIO(fit(film, 2560).data)).convert("RGB")

    assert is_like(found.getpixel((9, 9)), GREEN)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(64, 48), (61, 47)])
def test_bitmaps(fit, mode, size):
    picture = scene(*size).quantize(64) if mode == "P" else scene(*size).convert(mode)

    upload = fit(saved(picture, "BMP"), 2560)

    if mode == "1":
        assert (upload.kind, upload.filename) == (Kind.DOCUMENT, "image-7.bmp")
        return
    found = decoded(upload).convert("RGB")
    assert found.size == size
    assert all(map(is_like, corners(found), corners(picture.convert("RGB"))))


@pytest.mark.parametrize("form", ["WEBP", "GIF"])
def test_a_film_that_is_too_long_is_not_stretched(fit, form):
    upload = fit(animation(form, (2000, 50), duration=[100, 10, 10]), 2560)

    assert upload.kind is Kind.DOCUMENT


@pytest.mark.parametrize(
    ("form", "at", "part"),
    [
        ("jpeg", 2, b"\xff\xfe\0\2"),
        ("png", 33, bytes(4) + b"IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big")),
        ("webp", None, b"odd \0\0\0\0"),
    ],
    ids=["jpeg", "png", "webp"],
)
def test_a_photo_of_too_many_parts_is_converted(fit, form, at, part):
    data = saved(scene(), form.upper(), lossless=True)
    data = data[:at] + part * 50_001 + (data[at:] if at else b"")

    assert all(map(is_like, corners(remade(fit(data, 2560))), CORNERS))
    with pytest.raises(ImageUnusable, match="too many"):
        fit(data, 2560, as_document=True)


@pytest.mark.parametrize(
    "data",
    [awkward("animated gif")[:13] + b"!\xfe" + b"\1x" * 300_001, MP4 + b"\0\0\0\x08free" * 50_001],
    ids=["gif", "mp4"],
)
def test_a_film_of_too_many_parts_is_left_out(fit, data):
    with pytest.raises(ImageUnusable, match="too many"):
        fit(data, 2560)


@pytest.mark.parametrize("as_document", [False, True])
def test_a_clip_loses_its_position(fit, as_document):
    private = b"\0\0\0\x10udta+52.5200"

    upload = fit(MP4 + private, 2560, as_document=as_document)

    assert b"52.5200" not in upload.data
    assert len(upload.data) == len(MP4 + private)
