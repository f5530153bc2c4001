"""Broken and hostile files, made here: each arrives as it should, and no child dies of it."""

import struct
import zlib
from functools import cache
from itertools import product

import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from stashbot.models import Kind
from stashbot.pictures.cleaning import container
from tests.conftest import at_length
from tests.pictures.awkward import BLUE, TRANSPOSED, saved, scene, swapped_profile
from tests.pictures.cleaning.test_metadata import opened, png_chunk, segment, webp_chunk
from tests.pictures.fitting import corners, decoded, is_like, shows_the_scene
from tests.whole.program import children

LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
SWAPPED = swapped_profile()
PROFILES = {"cut": SWAPPED[:300], "broken": b"?", "lab": LAB, "swapped": SWAPPED}
PLAIN_PNG = saved(scene(), "PNG")
SIDEWAYS = scene().transpose(TRANSPOSED[6])
BEST = {"quality": 95, "lossless": True}
forms = pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
CHUNKS = "sRGB gAMA cHRM pHYs sBIT bKGD hIST tIME iCCP sPLT eXIf cICP iTXt zTXt tEXt oFFs prVt"
BODIES = {
    "empty": lambda: b"",
    "zeros": lambda: bytes(3),
    "long": lambda: b"\xff" * 40,
    "packed": cache(lambda: b"a\0\0" + zlib.compress(bytes(60_000_000), 1)),
}
#: Where a file has its size: what stands before, the bytes from there, and the layout.
SIZES = {"PNG": (b"IHDR", 4, ">LL"), "GIF": (b"GIF", 6, "<HH"), "BMP": (b"BM", 18, "<ll")}
SIZES |= {"AVIF": (b"ispe", 8, ">LL"), "JPEG": (b"\x08\0\x50\0\x78", 1, ">HH")}
SIZES |= {"TIFF": (b"\0\1\4\0\1\0\0\0\x78", 8, "<L8sL"), "WEBP": (b"VP8L", 9, "<L")}


@pytest.fixture(scope="module", autouse=True)
def one_child(fit):
    """The child of the first file serves all others."""
    others = set(children())
    fit(saved(scene(), "BMP"), 2560)
    [child] = set(children()) - others
    yield
    assert child in children()


def block(order, *entries, count=None):
    """An EXIF block of entries: tag, type, count and four bytes."""
    head = struct.pack(f"{order}HLH", 42, 8, len(entries) if count is None else count)
    packed = (struct.pack(f"{order}HHL", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0" + {"<": b"II", ">": b"MM"}[order] + head + b"".join(packed)


def broken_blocks(order):
    """EXIF blocks that say 6, and are wrong in one thing."""
    six, far = struct.pack(f"{order}HH", 6, 0), b"\xff\xff\xff\xf0"
    right, longer = (0x112, 3, 1, six), struct.pack(f"{order}L", 6)
    for kind in (0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 16, 99):
        yield block(order, (0x112, kind, 1, {1: b"\6\0\0\0", 4: longer, 9: longer}.get(kind, six)))
    yield from (block(order, (0x112, 3, count, six)) for count in (0, 2, 2**32 - 1))
    for tag, value in ((0x8769, struct.pack(f"{order}L", 8)), (0x8825, far)):  # a loop, far away
        yield block(order, (tag, 4, 1, value), right)
    yield block(order, right, (0x112, 3, 1, struct.pack(f"{order}HH", 3, 0)))
    yield from (block(order, right)[:-2], block(order, right, count=65535))


@pytest.mark.parametrize("exif", [*broken_blocks("<"), *broken_blocks(">")])
def test_broken_exif(fit, exif):
    jpeg = saved(SIDEWAYS, quality=95)
    files = [jpeg[:2] + segment(0xE1, exif) + jpeg[2:]]
    files += [saved(SIDEWAYS, form, exif=exif, **BEST) for form in ("PNG", "WEBP")]

    assert all(shows_the_scene(fit(file, 2560)) for file in files)


def test_exif_that_is_cut_anywhere():
    exif = block("<", (0x10F, 2, 1, bytes(4)), (0x112, 3, 1, b"\6\0"))

    assert {container.orientation(exif[:length]) for length in range(len(exif))} == {1}


@forms
@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_orientation_in_every_form(fit, form, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    stored = scene().transpose(TRANSPOSED[orientation])

    assert shows_the_scene(fit(saved(stored, form, exif=exif, **BEST), 2560))


@forms
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P", "1"])
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_count_if_they_are_for_the_colours_of_the_picture(fit, form, mode, profile):
    if mode in {"JPEG": ("RGBA", "P"), "PNG": ("CMYK",)}.get(form, ()):
        return
    file = saved(scene(mode=mode), form, icc_profile=PROFILES[profile], **BEST)
    expected = scene(mode=mode).convert("RGB")
    if profile == "swapped" and opened(file).mode not in ("1", "L", "CMYK"):
        red, green, blue = expected.split()
        expected = Pillow.merge("RGB", (green, red, blue))

    assert all(map(is_like, corners(decoded(fit(file, 2560))), corners(expected), [70] * 4))


@pytest.mark.parametrize("name", CHUNKS.split())
@pytest.mark.parametrize("body", BODIES)
def test_wrong_chunks_in_a_png(fit, name, body):
    chunk = png_chunk(name.encode(), BODIES[body]())
    damaged = chunk[:-1] + bytes([chunk[-1] ^ 1])
    for more, at in product((chunk, chunk * 2, damaged), (33, -12)):
        assert shows_the_scene(fit(PLAIN_PNG[:at] + more + PLAIN_PNG[at:], 2560))


def claiming(form, side, mode="RGB", **options):
    """A file of few bytes that says that it is a square of this side."""
    file = bytearray(saved(scene(mode=mode), form, **BEST, **options))
    mark, skip, layout = SIZES[form]
    sides = {"TIFF": (side, b"\1\1\4\0\1\0\0\0", side), "WEBP": ((side - 1) * 0x4001,)}
    struct.pack_into(layout, file, file.index(mark) + skip, *sides.get(form, (side, side)))
    return bytes(file)


def webp_film(side, frames):
    """Blue, with small blue frames on it, of 50 ms each."""
    pictures = []
    for pixels, count in ((side, 1), (2, frames)):
        picture = saved(Pillow.new("RGB", (pixels, pixels), BLUE), "WEBP", **BEST)[12:]
        size = (pixels - 1).to_bytes(3, "little") * 2
        pictures += [webp_chunk(b"ANMF", bytes(6) + size + b"\x32\0\0\0" + picture)] * count
    canvas = webp_chunk(b"VP8X", b"\2\0\0\0" + (side - 1).to_bytes(3, "little") * 2)
    return webp_chunk(
        b"RIFF", b"WEBP" + canvas + webp_chunk(b"ANIM", bytes(6)) + b"".join(pictures)
    )


GIF_FRAME = b"!\xf9\4\0\1\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
APNG_FRAME = png_chunk(b"fcTL", bytes(26)) + png_chunk(b"fdAT", PLAIN_PNG[41:-16])
APNG_COUNT = png_chunk(b"acTL", struct.pack(">LL", 20_000, 0))
BOMBS = [
    (claiming("PNG", at_length(30_000, 15_000)), Kind.PHOTO),
    (claiming("JPEG", at_length(65_000, 30_000)), Kind.PHOTO),
    *((claiming("JPEG", side, "CMYK", progressive=True), Kind.DOCUMENT) for side in (7000, 10_500)),
    (claiming("WEBP", 16_384), Kind.DOCUMENT),
    *((claiming(form, 60_000), Kind.DOCUMENT) for form in ("GIF", "BMP", "TIFF", "AVIF")),
    *((claiming(form, 2**31 - 1), Kind.DOCUMENT) for form in ("PNG", "BMP", "TIFF", "AVIF")),
    (claiming("GIF", 9000), Kind.DOCUMENT),
    (b"GIF89a@\0@\0\x80\0\0\0\0\0\xff\xff\xff" + GIF_FRAME * 20_000 + b";", Kind.PHOTO),
    (webp_film(64, at_length(20_000, 6000)), Kind.PHOTO),
    (PLAIN_PNG[:33] + APNG_COUNT + PLAIN_PNG[33:-12] + APNG_FRAME * 20_000, Kind.DOCUMENT),
    (PLAIN_PNG[:33] + PLAIN_PNG[-12:], Kind.DOCUMENT),
    # libvips would hold all frames before it scales them.
    (webp_film(1000, at_length(60, 15)), Kind.ANIMATION),
]


@pytest.mark.parametrize(("bomb", "kind"), BOMBS, ids=range(len(BOMBS)))
def test_bombs(fit, bomb, kind):
    assert fit(bomb, 2560).kind is kind
