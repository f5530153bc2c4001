"""Files opened with libvips, in the child process: what their headers say, and their pixels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import pyvips

#: The time of a frame that names none, as players have it.
UNNAMED_FRAME_MS = 100

#: The loaders that read all frames of a film.
_FILMS = ("gifload", "webpload")
#: Our own loader.
_BITMAP = "bitmap"


class Source(NamedTuple):
    """A file, and what its header says.

    `size` is in pixels, before the EXIF `orientation` (1 to 8); `delays` are the times of the
    frames in milliseconds, one for a still picture. A GIF `loop` of 0 is for ever. `is_inks`: it
    is in CMYK, without a profile that says which inks they are. `is_deep`: its values are
    floating-point numbers or 32-bit integers, of any range.
    """

    path: str
    loader: str
    size: tuple[int, int]
    orientation: int = 1
    delays: tuple[int, ...] = (0,)
    loop: int = 0
    is_grey: bool = False
    is_inks: bool = False
    is_deep: bool = False
    has_profile: bool = False

    @property
    def upright_size(self) -> tuple[int, int]:
        return self.size[::-1] if self.orientation >= 5 else self.size


def read_source(path: str, orientation: int) -> Source:
    """Read the header of a file; an `orientation` of 0 is not known yet.

    Raises pyvips.Error, ValueError.
    """
    with Path(path).open("rb") as file:
        if file.read(2) == b"BM":
            return Source(path, _BITMAP, _bitmap_header(path)[:2])
    header = _opened(path)  # it may hold memory for all pixels until it is given up
    has_profile = _has_profile(header)
    loader = header.get("vips-loader").removesuffix("_file")
    frames = _value(header, "n-pages", 1) if loader in _FILMS else 1
    delays = header.get("delay") if header.get_typeof("delay") else []
    named = [delay if delay > 0 else UNNAMED_FRAME_MS for delay in delays[:frames]]
    return Source(
        path,
        loader,
        (header.width, header.height),
        orientation or _value(header, "orientation", 1),
        (*named, *[UNNAMED_FRAME_MS] * (frames - len(named))),
        _value(header, "loop", 0),
        is_grey=header.bands < 3,
        is_inks=header.interpretation == "cmyk" and header.bands > 3 and not has_profile,
        is_deep=header.format not in ("uchar", "ushort"),
        has_profile=has_profile,
    )


def scaled(source: Source, size: tuple[int, int], frames: str = "") -> pyvips.Image:
    """Return the picture in exactly this size in pixels, before its orientation.

    It has 8 bits, in grey or sRGB; what is transparent is white. With `frames` of "[n=-1]" all
    frames of a film come one below the other, each of this size.
    """
    options = {"height": size[1], "size": "force", "no_rotate": True}
    if source.has_profile:  # without one libvips takes six times as long for the same pixels
        options["output_profile"] = "srgb"
    if source.loader == _BITMAP:
        image = _bitmap(source.path).thumbnail_image(size[0], **options)
    elif source.is_inks:
        image = _printed(_opened(source.path)).thumbnail_image(size[0], **options)
    elif source.is_deep:
        image = _shallow(_opened(source.path)).thumbnail_image(size[0], **options)
    else:
        image = pyvips.Image.thumbnail(source.path + frames, size[0], **options, fail_on="none")
    image = image.colourspace("b-w" if source.is_grey else "srgb")
    return image.flatten(background=[255] * (image.bands - 1)) if image.hasalpha() else image


def upright(image: pyvips.Image, orientation: int) -> pyvips.Image:
    """Turn a picture as an EXIF orientation (1 to 8) says."""
    if orientation in (2, 5, 7):
        image = image.fliphor()
    if orientation == 4:
        return image.flipver()
    quarters = {3: "d180", 5: "d270", 6: "d90", 7: "d90", 8: "d270"}
    return image.rot(quarters[orientation]) if orientation in quarters else image


def _opened(path: str) -> pyvips.Image:
    return pyvips.Image.new_from_file(path, access="sequential", fail_on="none")


def _value(image: pyvips.Image, name: str, default: int) -> int:
    return int(image.get(name)) if image.get_typeof(name) else default


def _has_profile(header: pyvips.Image) -> bool:
    if not header.get_typeof("icc-profile-data"):
        return False
    return bytes(header.get("icc-profile-data"))[36:40] == b"acsp"


def _printed(inks: pyvips.Image) -> pyvips.Image:
    """Return cyan, magenta, yellow and black ink as red, green and blue, as browsers do."""
    light = inks.linear(-1, 255)
    colours = light[:3] * light[3] / 255
    return colours.cast("uchar").copy(interpretation="srgb")


def _shallow(image: pyvips.Image) -> pyvips.Image:
    """Return a picture with deep values in 8 bits.

    Their range is 0 to 1 for floating-point numbers within it and 16 bits for integers within
    them, else that between the picture's own minimum and maximum.
    """
    image = image.copy_memory()
    low, high = image.min(), image.max()
    usual = 1.0 if image.format in ("float", "double") else 65535.0
    if low >= 0 and high <= usual:
        low, high = 0.0, usual
    scale = 255 / (high - low) if high > low else 0.0
    is_grey = image.bands < 3
    image = image.linear(scale, -low * scale).cast("uchar")
    return image.copy(interpretation="b-w" if is_grey else "srgb")


def _bitmap_header(source: str) -> tuple[int, int, int, bool, int, int]:
    """Return width, height, offset of the pixels, whether the rows go down, bits, and colours.

    A BMP, which libvips does not read (https://learn.microsoft.com/windows/win32/gdi/bitmap-storage).
    """
    with Path(source).open("rb") as file:
        head = file.read(54).ljust(54, b"\0")
    (offset,) = struct.unpack_from("<L", head, 10)
    width, height, _, bits, packed = struct.unpack_from("<llHHL", head, 18)
    (colours,) = struct.unpack_from("<L", head, 46)
    if width <= 0 or height == 0 or bits not in (8, 24, 32) or packed not in (0, 3):
        raise ValueError("a BMP of a rare kind")
    return width, abs(height), offset, height < 0, bits, colours or 256


def _bitmap(source: str) -> pyvips.Image:
    """Read a BMP of 8, 24 or 32 bits."""
    width, height, offset, goes_down, bits, colours = _bitmap_header(source)
    stride = (width * bits // 8 + 3) // 4 * 4
    with Path(source).open("rb") as file:
        before, pixels = file.read(offset), file.read(stride * height)
    pixels = pixels.ljust(stride * height, b"\0")
    image = pyvips.Image.new_from_memory(pixels, stride, height, 1, "uchar")
    image = image.crop(0, 0, width * bits // 8, height)
    if bits == 8:
        palette = before[-4 * colours :]
        blue_first = pyvips.Image.new_from_memory(palette, colours, 1, 4, "uchar")
        image = image.maplut(blue_first)
    else:
        image = image.bandfold(factor=bits // 8)
    image = image[2].bandjoin([image[1], image[0]]).copy(interpretation="srgb")
    return image if goes_down else image.flipver()
