"""Awkward files of real libraries, by name; each is generated on its first use.

Files with the scene have a red, green, blue and white corner, clockwise from upper left, which
shows the orientation of the result.
"""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from functools import cache, partial

from PIL import Image, ImageCms, ImageDraw

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (250, 250, 250)
CORNERS = RED, GREEN, BLUE, WHITE
GREY = (120, 120, 120)

#: Six frames of 32 × 32 pixels in H.264, from `ffmpeg -f lavfi -i testsrc=s=32x32:r=5:d=0.6`.
MP4 = base64.b64decode(
    """
AAAAIGZ0eXBpc29tAAACAGlzb21pc28yYXZjMW1wNDEAAAMpbW9vdgAAAGxtdmhkAAAAAAAAAAAAAAAAAAAD6AAAAlgAAQAA
AQAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
AAAAAgAAAnh0cmFrAAAAXHRraGQAAAADAAAAAAAAAAAAAAABAAAAAAAAAlgAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAA
AAAAAAABAAAAAAAAAAAAAAAAAABAAAAAACAAAAAgAAAAAAAkZWR0cwAAABxlbHN0AAAAAAAAAAEAAAJYAAAQAAABAAAAAAHw
bWRpYQAAACBtZGhkAAAAAAAAAAAAAAAAAAAoAAAAGABVxAAAAAAALWhkbHIAAAAAAAAAAHZpZGUAAAAAAAAAAAAAAABWaWRl
b0hhbmRsZXIAAAABm21pbmYAAAAUdm1oZAAAAAEAAAAAAAAAAAAAACRkaW5mAAAAHGRyZWYAAAAAAAAAAQAAAAx1cmwgAAAA
AQAAAVtzdGJsAAAAv3N0c2QAAAAAAAAAAQAAAK9hdmMxAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAACAAIABIAAAASAAAAAAA
AAABDExhdmMgbGlieDI2NAAAAAAAAAAAAAAAAAAAAAAAAAAAGP//AAAANWF2Y0MBZAAK/+EAGGdkAAqs2UlsBEAAAAMAQAAA
AwKDxIllgAEABmjr48siwP34+AAAAAAQcGFzcAAAAAEAAAABAAAAFGJ0cnQAAAAAAAAeNQAAHjUAAAAYc3R0cwAAAAAAAAAB
AAAAAwAACAAAAAAUc3RzcwAAAAAAAAABAAAAAQAAABhjdHRzAAAAAAAAAAEAAAADAAAQAAAAABxzdHNjAAAAAAAAAAEAAAAB
AAAAAwAAAAEAAAAgc3RzegAAAAAAAAAAAAAAAwAAAcMAAABCAAAAPwAAABRzdGNvAAAAAAAAAAEAAANZAAAAPXVkdGEAAAA1
bWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAbWRpcmFwcGwAAAAAAAAAAAAAAAAIaWxzdAAAAAhmcmVlAAACTG1kYXQAAAG/ZYiE
AN/vvXTAZEO7/wWW2ZMIi2T8LQOTqbO0cGQgE4ZWcP1srlzS9XXUL0dvG0syX6ljM7JsG7PJcRjGUF/Yz7DBv8cODOpHd4o4
dYidsha+fQokKiNlY25BnnmwQCH30LgqD5hY5qwTkOoelyOkXUk48Z5tfFpf8Pw6rptQcdYtxNoX1NL9yivBD96cRbsjAsrA
N3urRk060+a4C85fHfm3UMa1fciS/wsiF/3JI8QdKTvbOVz8oEDjEMUIo614pA2FM8nkufcetys9gmRB3lz1JNYz6SUe/NT1
PS9d1MRgKsEZ7LjFUnaq+FZsb5hRGdXZI7xksaZF4jByJBNBX5Hdgrw7IFfLgb/vSslFEV32EC1gAfxiPj5PlHofgh32YTRk
TYhUJJSXsNyad14e+AAZJJAe4WaajsbzR/PH3LnIVG1yA/n2u05PjJeulJMjm7CtahD4VRYwehlF7NGcQbknmQrGntuiZ1ij
4E/pTGWqovF46p1z72BiDtUmy2Lce6ngawKYKSDOba4RASmMsmeQxjtHzF45bT9Ylakd8FGxOz7MmwAg1RySAN+8dPHwkorA
MVm+dunX8uKRSFshAAAAPkGaIWxEf08XFP8Zl/3khihKd6i9i0kjzikdR7jsuVmP97Gwyb9qLkcCKo21RxOV48MJx1UhOTHS
+whoRb7AAAAAO0GaQjwhkymEZ20Y9R+u1lRNmmhCCiDwlKVtRTxeBwCLFxojGK/aBG1iG9Gl63WhcYfiZcYHqPabqH/D
"""
)

Flip = Image.Transpose
#: The transposition of the stored scene, by EXIF orientation.
TRANSPOSED = {
    2: Flip.FLIP_LEFT_RIGHT,
    3: Flip.ROTATE_180,
    4: Flip.FLIP_TOP_BOTTOM,
    5: Flip.TRANSPOSE,
    6: Flip.ROTATE_90,
    7: Flip.TRANSVERSE,
    8: Flip.ROTATE_270,
}


@cache
def awkward(name: str) -> bytes:
    return _MAKERS[name]()


def scene(width: int = 120, height: int = 80, mode: str = "RGB") -> Image.Image:
    """A grey picture with a coloured square in each corner."""
    picture = Image.new("RGB", (width, height), GREY)
    draw = ImageDraw.Draw(picture)
    side = min(width, height) // 3
    right, low = width - side, height - side
    for colour, (x, y) in zip(CORNERS, ((0, 0), (right, 0), (right, low), (0, low)), strict=True):
        draw.rectangle((x, y, x + side, y + side), colour)
    return picture.convert(mode)


def saved(picture: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def noisy(width: int, height: int, sigma: float = 30) -> Image.Image:
    """A picture with the file size of a photo: gradients and noise."""
    size = width, height
    noise = Image.effect_noise(size, sigma)
    across = Image.linear_gradient("L").resize(size)
    around = Image.radial_gradient("L").resize(size)
    bands = (across, around, across.transpose(Flip.FLIP_LEFT_RIGHT))
    return Image.merge("RGB", [Image.blend(band, noise, 0.5) for band in bands])


@cache
@cache  # it has the time of its making
def swapped_profile() -> bytes:
    """A colour profile that swaps red and green."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    named = profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    return named.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def png(size: tuple[int, int], depth: int, colour: int, pixels: bytes, **late: bytes) -> bytes:
    """A PNG with any bit depth; `late` chunks follow the pixels."""
    width, height = size
    stride = len(pixels) // height
    rows = b"".join(b"\0" + pixels[y * stride : (y + 1) * stride] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = {"IHDR": header, "IDAT": zlib.compress(rows), **late, "IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + (kind := name.encode())
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for name, body in chunks.items()
    )


def animation(form: str, size: tuple[int, int] = (90, 60), **options: object) -> bytes:
    """Three frames, red, green and blue, of 100, 200 and 300 ms."""
    frames = [Image.new("RGB", size, colour) for colour in (RED, GREEN, BLUE)]
    options = {"duration": [100, 200, 300], **options}
    return saved(frames[0], form, save_all=True, append_images=frames[1:], **options)


def _rotated(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera"
    picture = scene()
    if orientation in TRANSPOSED:
        picture = picture.transpose(TRANSPOSED[orientation])
    return saved(picture, exif=exif.tobytes(), quality=95)


def _transparent(mode: str) -> Image.Image:
    picture = scene().convert("RGBA" if mode != "LA" else "LA")
    picture.paste((0,) * len(picture.getbands()), (50, 30, 70, 50))
    return picture if mode != "P" else picture.quantize(64)


def _deep_png(*, colour: bool) -> bytes:
    # A slope from black to white in 256 of the 65,536 values.
    values = [x * 65535 // 255 for x in range(256)]
    pixels = b"".join(struct.pack(">H", value) * (3 if colour else 1) for value in values)
    return png((256, 32), 16, 2 if colour else 0, pixels * 32)


def _late_exif_png() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = scene().transpose(TRANSPOSED[6])
    return png(stored.size, 8, 2, stored.tobytes(), eXIf=exif.tobytes()[6:])


def _several_pictures() -> bytes:
    return saved(scene(), "MPO", save_all=True, append_images=[scene(60, 40)])


def _one_by_one() -> bytes:
    return saved(Image.new("RGB", (1, 1), RED))


def _large(form: str, **options: object) -> bytes:
    return saved(Image.new("L", (10_000, 10_000), 90), form, **options)


_MAKERS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(scene()),
    "progressive jpeg": lambda: saved(scene(), progressive=True),
    "grey jpeg": lambda: saved(scene(mode="L")),
    "jpeg with junk behind": lambda: saved(scene()) + b"\xff\xd8junk" * 99,
    "jpeg of several pictures": _several_pictures,
    "png": lambda: saved(scene(), "PNG"),
    "black and white png": lambda: saved(scene(mode="1"), "PNG"),
    "palette png": lambda: saved(scene().quantize(64), "PNG"),
    "webp": lambda: saved(scene(), "WEBP", lossless=True),
    "one pixel": _one_by_one,
    "cmyk jpeg": lambda: saved(scene(mode="CMYK"), quality=95),
    "16-bit grey png": partial(_deep_png, colour=False),
    "16-bit rgb png": partial(_deep_png, colour=True),
    "16-bit grey tiff": lambda: saved(Image.new("I;16B", (64, 48), 32896), "TIFF"),
    "32-bit grey tiff": lambda: saved(Image.new("I", (64, 48), 32896), "TIFF"),
    "real grey tiff": lambda: saved(Image.new("F", (64, 48), 0.5), "TIFF"),
    "palette png with transparency": lambda: saved(_transparent("P"), "PNG"),
    "png with alpha": lambda: saved(_transparent("RGBA"), "PNG"),
    "grey png with alpha": lambda: saved(_transparent("LA"), "PNG"),
    "webp with alpha": lambda: saved(_transparent("RGBA"), "WEBP", lossless=True),
    **{f"orientation {n}": partial(_rotated, n) for n in range(1, 9)},
    "png with late orientation": _late_exif_png,
    "other colours": lambda: saved(scene(), icc_profile=swapped_profile(), quality=95),
    "grey in other colours": lambda: saved(scene(mode="L"), icc_profile=swapped_profile()),
    "broken profile": lambda: saved(scene(mode="CMYK"), icc_profile=b"?" * 200, quality=95),
    "bmp": lambda: saved(scene(), "BMP"),
    "tiff": lambda: saved(scene(), "TIFF"),
    "avif": lambda: saved(scene(), "AVIF", quality=95),
    "jpeg 2000": lambda: saved(scene(), "JPEG2000"),
    "still gif": lambda: saved(scene(), "GIF"),
    "animated gif": lambda: animation("GIF", loop=0),
    "animated webp": lambda: animation("WEBP", loop=0, lossless=True),
    "animated png": lambda: animation("PNG", loop=3),
    "animated avif": lambda: animation("AVIF"),
    "mp4": lambda: MP4,
    "mov": lambda: MP4.replace(b"isom", b"qt  "),
    "webm": lambda: b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(64),
    "heic": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
    "jpeg xl": lambda: b"\xff\x0a" + bytes(64),
    "too thin": lambda: saved(Image.new("RGB", (12_000, 100), RED)),
    "cut short": lambda: saved(noisy(300, 200))[:-4000],
    "cut short png": lambda: saved(noisy(300, 200), "PNG")[:-40_000],
    "cut short webp": lambda: saved(noisy(300, 200), "WEBP")[:-4000],
    "empty": lambda: b"",
    "text": "This is no picture. Это не картинка.".encode,
    "noise": lambda: bytes(range(256)) * 9,
    "svg": lambda: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "html": lambda: b"\n<!DOCTYPE html><html><title>Stash</title></html>",
    "12 megapixels": lambda: saved(noisy(4000, 3000), quality=93),
    "100 megapixels": partial(_large, "JPEG"),
    "100 megapixels in png": partial(_large, "PNG", compress_level=1),
}
NAMES = tuple(_MAKERS)
