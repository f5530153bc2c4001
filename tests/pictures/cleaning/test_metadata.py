"""Private data taken out of files, judged by Pillow; what changes the look of a picture stays."""

import io
import struct
import time
import zlib

import pytest
from PIL import Image as Pixels
from PIL import ImageChops, ImageOps, PngImagePlugin

from stashbot.pictures.cleaning import jpeg, metadata
from stashbot.pictures.cleaning.container import TooManyParts, orientation
from tests.pictures.awkward import animation, noisy, saved, scene, swapped_profile

FORMS = ("jpeg", "png", "webp")
SECRETS = (b"Canon 4711", b"Anna's garden", b"52.5200", b"serial-0815")


def exif(orientation=1):
    """An EXIF block as a phone writes it, with a position and a serial number."""
    block = Pixels.Exif()
    block[0x0112] = orientation
    block[0x0110] = "Canon 4711"
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    block.get_ifd(0x8769).update({0xA431: "serial-0815"})
    return block.tobytes()


def private(form, orientation=1, **options):
    """A picture with everything that must not leave the house."""
    picture, xmp = noisy(90, 60), b"<x:xmpmeta>52.5200 Anna's garden</x:xmpmeta>"
    options = {"exif": exif(orientation), **options}
    if form == "jpeg":
        data = saved(picture, comment=b"Anna's garden", xmp=xmp, quality=90, **options)
        return data + b"\xff\xd8 a second picture: 52.5200"
    if form == "webp":
        return saved(picture, "WEBP", lossless=True, xmp=xmp, **options)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "Anna's garden")
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=False)
    return saved(picture, "PNG", pnginfo=texts, **options) + b"52.5200"


def cleaned(tmp_path, data, form):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    with source.open("rb") as file:
        container = metadata.read(file, form)
        metadata.copy(file, target, container)
    return container, target.read_bytes()


def opened(data):
    picture = Pixels.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_private_data_is_left_out_and_the_picture_stays(tmp_path, form, orientation):
    data = private(form, orientation, icc_profile=swapped_profile())
    container, copy = cleaned(tmp_path, data, form)

    assert any(secret in data for secret in SECRETS)
    assert not any(secret in copy for secret in SECRETS)
    before, after = opened(data), opened(copy)
    assert ImageChops.difference(before, after).getbbox() is None
    assert after.info["icc_profile"] == swapped_profile()
    assert dict(after.getexif()) == ({0x0112: 6} if orientation == 6 else {})
    assert not {"comment", "xmp", "Comment", "XML:com.adobe.xmp"} & after.info.keys()
    assert ImageOps.exif_transpose(after).size == ((90, 60) if orientation == 1 else (60, 90))
    assert (container.size, container.orientation) == ((90, 60), orientation)
    assert container.is_whole
    assert not container.is_plain  # its profile is not sRGB


@pytest.mark.parametrize("form", FORMS)
def test_a_plain_picture(tmp_path, form):
    container, copy = cleaned(tmp_path, private(form), form)

    assert (container.is_plain, container.is_whole, container.is_film) == (True, True, False)
    assert not opened(copy).getexif()


@pytest.mark.parametrize("form", ["png", "webp"])
def test_a_film_stays_one(tmp_path, form):
    data = animation(form.upper(), exif=exif())
    container, copy = cleaned(tmp_path, data, form)

    assert container.is_film
    assert b"Canon" in data
    assert b"Canon" not in copy
    film = opened(copy)
    assert film.n_frames == 3
    for number in range(3):
        film.seek(number)
        other = opened(data)
        other.seek(number)
        assert ImageChops.difference(film.convert("RGB"), other.convert("RGB")).getbbox() is None


def test_a_progressive_jpeg_with_private_data_between_its_scans(tmp_path):
    data = saved(noisy(90, 60), progressive=True)
    at = data.rindex(b"\xff\xc4")
    comment = b"\xff\xfe" + struct.pack(">H", 15) + b"Anna's garden"
    _, copy = cleaned(tmp_path, data[:at] + comment + data[at:], "jpeg")

    assert copy == data


def test_junk_between_the_segments_of_a_jpeg(tmp_path):
    data = saved(scene())
    at = data.index(b"\xff\xdb")
    container, copy = cleaned(tmp_path, data[:at] + b"junk" + data[at:], "jpeg")

    assert container.is_whole
    assert copy == data


def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def png_chunk(name, body):
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def webp_chunk(name, body):
    return struct.pack("<4sL", name, len(body)) + body + bytes(len(body) % 2)


SECRET = b"+52.5200+013.4050/ serial-0815"
PRIVATE = {
    "jpeg": {
        "exif": segment(0xE1, b"Exif\0\0II*\0" + SECRET),
        "extended xmp": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET),
        "several pictures": segment(0xE2, b"MPF\0" + SECRET),
        "preview": segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\5" + SECRET),
        "extended preview": segment(0xE0, b"JFXX\0\x10" + SECRET),
        "iptc": segment(0xED, b"Photoshop 3.0\x008BIM\4\4" + SECRET),
        "maker": segment(0xEF, SECRET),
        "comment": segment(0xFE, SECRET),
    },
    "png": {
        "exif": png_chunk(b"eXIf", b"II*\0" + SECRET),
        "text": png_chunk(b"tEXt", b"Comment\0" + SECRET),
        "packed text": png_chunk(b"zTXt", b"Comment\0" + SECRET),
        "xmp": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET),
        "palette": png_chunk(b"sPLT", SECRET),
        "private": png_chunk(b"prVt", SECRET),
    },
    "webp": {
        "exif": webp_chunk(b"EXIF", b"II*\0" + SECRET),
        "xmp": webp_chunk(b"XMP ", SECRET),
        "private": webp_chunk(b"odd ", SECRET),
    },
}


def places(form, data):
    """The offsets between the parts of a file."""
    marks = {
        "jpeg": b"\xff\xdb \xff\xc0 \xff\xc2 \xff\xc4 \xff\xda \xff\xd9",
        "png": b"IDAT IEND",
        "webp": b"VP8X VP8L",
    }[form]
    back = 4 if form == "png" else 0  # a chunk begins with its length
    found = {data.find(mark) - back for mark in marks.split() if mark in data}
    return sorted(found | {len(data)})


@pytest.mark.parametrize(
    ("form", "kind"), [(form, kind) for form, kinds in PRIVATE.items() for kind in kinds]
)
@pytest.mark.parametrize("progressive", [False, True])
def test_private_data_anywhere_in_a_file(tmp_path, form, kind, progressive):
    data = saved(scene(), form.upper(), progressive=progressive, lossless=True)
    for at in places(form, data):
        file = data[:at] + PRIVATE[form][kind] + data[at:]
        _, copy = cleaned(tmp_path, file, form)

        assert b"52.5200" not in copy
        assert b"serial" not in copy
        assert ImageChops.difference(opened(copy), opened(data)).getbbox() is None


def test_private_data_in_the_frames_of_a_film(tmp_path):
    data = animation("WEBP", lossless=True)
    at = data.rindex(b"ANMF")
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    frame = data[at + 8 : at + 8 + length] + webp_chunk(b"odd ", SECRET)
    _, copy = cleaned(tmp_path, data[:at] + webp_chunk(b"ANMF", frame), "webp")

    assert copy == data


@pytest.mark.parametrize("form", FORMS)
def test_the_first_orientation_counts(tmp_path, form):
    data = saved(noisy(90, 60), form.upper(), exif=exif(6), lossless=True)
    block = exif()[6:]
    more, at = {
        "jpeg": (segment(0xE1, b"Exif\0\0" + block), data.find(b"\xff\xdb")),
        "png": (png_chunk(b"eXIf", block), data.find(b"IEND") - 4),
        "webp": (webp_chunk(b"EXIF", block), len(data)),
    }[form]

    assert cleaned(tmp_path, data[:at] + more + data[at:], form)[0].orientation == 6


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", [5, 30, 400])
def test_a_file_that_is_cut_short_is_not_whole(tmp_path, form, cut):
    data = saved(noisy(90, 60), form.upper())
    container, _ = cleaned(tmp_path, data[:-cut], form)

    assert not container.is_whole


def test_a_png_with_damaged_pixels_is_not_whole(tmp_path):
    data = bytearray(saved(noisy(90, 60), "PNG"))
    data[len(data) // 2] ^= 1

    assert not cleaned(tmp_path, bytes(data), "png")[0].is_whole


def test_a_damaged_text_chunk_costs_nothing(tmp_path):
    data = saved(scene(), "PNG")
    text = b"\0\0\0\4tEXta\0bc\0\0\0\0"
    container, copy = cleaned(tmp_path, data[:33] + text + data[33:], "png")

    assert container.is_whole
    assert copy == data


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_files_are_read_in_pieces(tmp_path, monkeypatch, pieces):
    data = private("jpeg")
    whole = cleaned(tmp_path, data, "jpeg")[1]
    monkeypatch.setattr(jpeg, "PIECE", pieces)

    assert cleaned(tmp_path, data, "jpeg")[1] == whole


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (exif(6), 6),
        (exif(6)[6:], 6),
        (b"Exif\0\0MM\0*\0\0\0", 1),
        (b"Exif\0\0II*\0\xff\xff\xff\xff", 1),
        (b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x03", 3),
        (b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0", 1),
        (b"", 1),
    ],
    ids=["whole", "without its head", "cut", "far", "long", "nine", "empty"],
)
def test_orientation_in_sound_and_damaged_blocks(block, expected):
    assert orientation(block) == expected


def test_a_profile_that_is_a_bomb_is_not_srgb(tmp_path):
    data = saved(scene(), "PNG")
    body = b"iCCPx\0\0" + zlib.compress(bytes(50_000_000))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    container, _ = cleaned(tmp_path, data[:33] + chunk + data[33:], "png")

    assert not container.is_plain


@pytest.mark.parametrize("marker", [0xFE, 0xE1, 0xEC])
def test_private_data_that_begins_with_any_letter(tmp_path, marker):
    data, text = saved(scene()), b"- Anna's garden"
    segment = struct.pack(">BBH", 0xFF, marker, 2 + len(text)) + text
    _, copy = cleaned(tmp_path, data[:2] + segment + data[2:], "jpeg")

    assert copy == data


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("jpeg", b"\xff\xe2" + struct.pack(">H", 65_535) + b"ICC_PROFILE\0\1\1" + bytes(65_519)),
        ("png", png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1_000_000)))),
        ("webp", struct.pack("<4sL", b"ICCP", 0xFFFFFFFF)),
    ],
)
def test_many_parts_are_bounded(tmp_path, form, part):
    data = saved(scene(), form.upper())
    began = time.process_time()
    cleaned(tmp_path, with_parts(data, form, part * (4_000_000 // len(part))), form)

    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("jpeg", segment(0xFE, b"")),
        ("jpeg", b"\xff\x01"),
        ("jpeg", segment(0xDA, b"") + b"data"),
        ("png", png_chunk(b"tEXt", b"")),
        ("png", png_chunk(b"IDAT", b"")),
        ("webp", webp_chunk(b"odd ", b"")),
        ("webp", webp_chunk(b"ICCP", b"")),
        ("webp", webp_chunk(b"ANMF", bytes(16) + webp_chunk(b"ALPH", b"") * 10)),
    ],
    ids=["comments", "no segments", "scans", "texts", "pixels", "unknown", "profiles", "frames"],
)
def test_too_many_parts_are_refused(tmp_path, form, part):
    data = saved(scene(), form.upper())
    began = time.process_time()
    with pytest.raises(TooManyParts, match="too many"):
        cleaned(tmp_path, with_parts(data, form, part * 190_000), form)

    assert time.process_time() - began < 1


def test_a_png_of_many_chunks_is_whole(tmp_path):
    data = with_parts(saved(scene(), "PNG"), "png", png_chunk(b"IDAT", b"") * 40_000)

    assert cleaned(tmp_path, data, "png")[0].is_whole


def with_parts(data, form, parts):
    """A file with more segments or chunks after its beginning."""
    at = {"jpeg": 2, "png": 33, "webp": 12}[form]
    return data[:at] + parts + data[at:]
