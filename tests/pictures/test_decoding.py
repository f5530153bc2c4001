"""Bitmaps and TIFFs of rare kinds, judged by the scene that they show."""

import struct
from itertools import permutations

import pytest
from PIL import Image as Pillow

from stashbot.models import Kind
from tests.pictures.awkward import noisy, saved, scene
from tests.pictures.fitting import is_like, remade, shows_the_scene

MASKS = dict(zip("BGRA", (0xFF, 0xFF00, 0xFF0000, 0xFF000000), strict=True))


def bitmap(pixels, *, bits, header=40, packed=0, masks=(), palette=b"", gap=0, colours=0):
    """A BMP of 120 × 80 pixels, whose rows go down."""
    fields = (header, 120, -80, 1, bits, packed, 0, 0, 0, colours, 0)
    head = struct.pack("<LllHHLLLLLL", *fields) + struct.pack(f"<{len(masks)}L", *masks)
    head = head.ljust(header, b"\0") + palette + bytes(gap)
    return b"BM" + struct.pack("<LLL", 0, 0, 14 + len(head)) + head + pixels


@pytest.mark.parametrize("order", ["".join(each) for each in permutations("RGBA")])
@pytest.mark.parametrize("header", [40, 52, 56, 124])
def test_a_bitmap_with_masks(fit, order, header):
    bands = dict(zip("RGBA", scene().convert("RGBA").split(), strict=True))
    pixels = Pillow.merge("RGBA", [bands[name] for name in order]).tobytes()
    masks = [list(MASKS.values())[order.index(name)] for name in "RGBA"]
    masks = masks if header > 52 else masks[:3]

    assert shows_the_scene(fit(bitmap(pixels, bits=32, header=header, packed=3, masks=masks), 0))


@pytest.mark.parametrize(("alpha", "expected"), [(0, 120), (1, 254), (128, 187), (255, 120)])
def test_alpha_of_a_bitmap_is_on_white_unless_it_is_empty(fit, alpha, expected):
    pixels = bytes((120, 120, 120, alpha)) * 120 * 80
    masks = [MASKS[name] for name in "RGBA"]

    found = remade(fit(bitmap(pixels, bits=32, header=108, packed=3, masks=masks), 0))

    assert is_like(found.getpixel((60, 40)), (expected,) * 3, 2)


@pytest.mark.parametrize(
    ("header", "gap", "colours"), [(40, 0, 64), (40, 100, 64), (124, 8, 64), (40, 0, 2**31)]
)
def test_the_palette_of_a_bitmap(fit, header, gap, colours):
    picture = scene().quantize(64)
    palette = picture.getpalette("BGRX")[: 64 * 4]
    options = {"header": header, "gap": gap, "colours": colours, "palette": bytes(palette)}

    assert shows_the_scene(fit(bitmap(picture.tobytes(), bits=8, **options), 0))


@pytest.mark.parametrize(
    "options",
    [
        {"packed": 3, "masks": (0xFFE00000, 0x1FFC00, 0x3FF)},
        {"packed": 3, "masks": (0xFF00, 0xFF, 0)},
        {"header": 16},
        {"packed": 5},
    ],
    ids=["11 bits", "no blue", "short header", "PNG inside"],
)
def test_a_bitmap_of_a_rare_kind_is_a_document(fit, options):
    upload = fit(bitmap(bytes(120 * 80 * 4), bits=32, **options), 2560)

    assert (upload.kind, upload.filename) == (Kind.DOCUMENT, "image-7.bmp")


def test_a_tiff_that_cannot_be_decoded_is_a_document(fit):
    file = saved(scene(), "TIFF", compression="tiff_lzw")
    entry = file.index(struct.pack("<HHLH", 259, 3, 1, 5))
    unknown = file[: entry + 8] + struct.pack("<H", 34925) + file[entry + 10 :]  # LZMA

    assert fit(unknown, 2560).kind is Kind.DOCUMENT


@pytest.mark.parametrize(
    "file",
    [
        saved(scene().convert("YCbCr"), "TIFF"),
        saved(scene().convert("YCbCr"), "TIFF", compression="tiff_lzw"),
        saved(scene(mode="L"), "TIFF", tiffinfo={339: 2}),
    ],
    ids=["YCbCr", "packed YCbCr", "signed"],
)
def test_a_tiff_that_libvips_reads_in_wrong_colours_is_a_document(fit, file):
    upload = fit(file, 2560)

    assert (upload.kind, upload.data) == (Kind.DOCUMENT, file)


def test_a_tiff_with_ycbcr_in_jpeg_is_a_photo(fit):
    file = saved(scene().convert("YCbCr"), "TIFF", compression="jpeg", quality=95)

    assert b"\6\1\3\0\1\0\0\0\6\0" in file  # its tag says YCbCr
    assert shows_the_scene(fit(file, 2560))


def test_a_tiff_that_is_cut_short_is_a_photo(fit):
    assert fit(saved(noisy(300, 200), "TIFF")[:-90_000], 2560).kind is Kind.PHOTO


def test_inks_of_16_bits(fit):
    inks = scene(mode="CMYK")
    file = bytearray(saved(inks, "TIFF"))
    # Each value twice is the same colour in 16 bits.
    pixels = bytes(value for value in inks.tobytes() for _ in range(2))
    bits, size = file.index(struct.pack("<HHL", 258, 3, 4)), len(file)
    struct.pack_into("<4H", file, struct.unpack_from("<L", file, bits + 8)[0], 16, 16, 16, 16)
    for tag, value in ((273, size), (279, len(pixels))):  # where the pixels are, and how many
        entry = file.index(struct.pack("<HH", tag, 4))
        struct.pack_into("<LL", file, entry + 4, 1, value)
    rows = file.index(struct.pack("<H", 278))
    struct.pack_into("<H", file, rows + 8, 80)

    assert shows_the_scene(fit(bytes(file) + pixels, 2560))
