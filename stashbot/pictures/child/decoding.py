"""Opens files with libvips, in the child process: reads their headers and their pixels."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

import pyvips

#: The time of a frame that names none, as players have it.
UNNAMED_FRAME_MS = 100

#: More pixels of a GIF do not fit in the memory of this process, which would end.
GIF_PIXELS = 50_000_000
#: The loaders that read all frames of a film.
_FILMS = ("gifload", "webpload")
#: Our own loader.
_BITMAP = "bitmap"
#: The bits a pixel and the compressions of a BMP that are read: none, or masks (BI_BITFIELDS).
_BITMAPS = ((8, 0), (24, 0), (32, 0), (32, 3))
#: Tags of a TIFF.
_COMPRESSION, _PHOTOMETRIC = 259, 262
#: The masks of the bytes of a pixel.
_BYTES = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)


class Source(NamedTuple):
    """A file and the content of its header.

    `size` is in pixels, before the EXIF `orientation` (1 to 8); `delays` are the times of the
    frames in milliseconds, one for a still picture. A GIF `loop` of 0 is for ever. `is_inks`: it
    is in CMYK. `is_deep`: its values are floating-point numbers or 32-bit integers, of any range.
    `has_profile`: it has a colour profile that can be used.
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


class _Bitmap(NamedTuple):
    """The header of a BMP, which libvips does not read.

    `size` is in pixels, `offset` that of the pixels; `palette` has the offset and the number of
    the colours, `order` the places of red, green, blue, and alpha if there is any, in a pixel.
    See https://learn.microsoft.com/windows/win32/gdi/bitmap-storage.
    """

    size: tuple[int, int]
    offset: int
    goes_down: bool
    bits: int
    palette: tuple[int, int]
    order: tuple[int, ...]


def read_source(path: str, orientation: int) -> Source:
    """Read the header of a file; an `orientation` of 0 is not known yet.

    Raises pyvips.Error, ValueError.
    """
    with open(path, "rb") as file:
        head = file.read(10)
    if head[:2] == b"BM":
        return Source(path, _BITMAP, _bitmap_header(path).size)
    if (
        head[:3] == b"GIF"
        and math.prod(struct.unpack("<HH", head[6:].ljust(4, b"\0"))) > GIF_PIXELS
    ):
        raise ValueError("a GIF of too many pixels")
    header = _opened(path)  # it may hold memory for all pixels until it is given up
    loader = header.get("vips-loader").removesuffix("_file")
    is_lab = header.interpretation in ("lab", "labs")
    if loader == "tiffload":
        if header.format == "char" or _is_bare_ycbcr(path):
            raise ValueError("a TIFF of a rare kind")
        # A compression that cannot be read would make a black picture.
        _opened(path, fail_on="error").crop(0, 0, header.width, 1).avg()
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
        is_inks=header.interpretation == "cmyk" and header.bands > 3,
        is_deep=header.format not in ("uchar", "ushort") and not is_lab,
        has_profile=_has_profile(header),
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
    elif source.is_inks and not source.has_profile:
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


def _opened(path: str, fail_on: str = "none") -> pyvips.Image:
    return pyvips.Image.new_from_file(path, access="sequential", fail_on=fail_on)


def _value(image: pyvips.Image, name: str, default: int) -> int:
    return int(image.get(name)) if image.get_typeof(name) else default


def _has_profile(header: pyvips.Image) -> bool:
    """Whether there is a colour profile that is meant for the colours of the picture."""
    if not header.get_typeof("icc-profile-data"):
        return False
    space = {"cmyk": b"CMYK", "b-w": b"GRAY", "grey16": b"GRAY"}.get(header.interpretation, b"RGB ")
    return bytes(header.get("icc-profile-data"))[16:20] == space


def _printed(inks: pyvips.Image) -> pyvips.Image:
    """Return cyan, magenta, yellow and black ink as red, green and blue, as browsers do."""
    light = inks.cast("uchar", shift=True).linear(-1, 255)
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


def _is_bare_ycbcr(path: str) -> bool:
    """Whether a TIFF holds YCbCr that is not in JPEG: libvips takes it for RGB."""
    with open(path, "rb") as file:
        head = file.read(8).ljust(8, b"\0")
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
        if order is None:  # BigTIFF
            return False
        file.seek(*struct.unpack(f"{order}L", head[4:]))
        (count,) = struct.unpack(f"{order}H", file.read(2).ljust(2, b"\0"))
        entries = file.read(12 * count).ljust(12 * count, b"\0")
    values = {tag: value for tag, _, _, value in struct.iter_unpack(f"{order}HHLHxx", entries)}
    return values.get(_PHOTOMETRIC) == 6 and values.get(_COMPRESSION) not in (6, 7)


def _bitmap_header(path: str) -> _Bitmap:
    with open(path, "rb") as file:
        head = file.read(70).ljust(70, b"\0")
    offset, length, width, height, _, bits, packed = struct.unpack_from("<LLllHHL", head, 10)
    (colours,) = struct.unpack_from("<L", head, 46)
    if length < 40 or width <= 0 or height == 0 or (bits, packed) not in _BITMAPS:
        raise ValueError("a BMP of a rare kind")
    order: tuple[int, ...] = (2, 1, 0)
    if packed:
        *masks, alpha = struct.unpack_from("<4L", head, 54)
        has_alpha = length >= 56 and alpha
        order = tuple(map(_BYTES.index, (*masks, alpha) if has_alpha else masks))
    palette = 14 + length, min(colours or 256, 256)
    return _Bitmap((width, abs(height)), offset, height < 0, bits, palette, order)


def _bitmap(path: str) -> pyvips.Image:
    """Read a BMP of 8, 24 or 32 bits."""
    header = _bitmap_header(path)
    width, height = header.size
    stride = (width * header.bits // 8 + 3) // 4 * 4
    with open(path, "rb") as file:
        file.seek(header.palette[0])
        palette = file.read(4 * header.palette[1]).ljust(1024, b"\0")
        file.seek(header.offset)
        pixels = file.read(stride * height).ljust(stride * height, b"\0")
    image = pyvips.Image.new_from_memory(pixels, stride, height, 1, "uchar")
    image = image.crop(0, 0, width * header.bits // 8, height)
    if header.bits == 8:
        image = image.maplut(pyvips.Image.new_from_memory(palette, 256, 1, 4, "uchar"))
    else:
        image = image.bandfold(factor=header.bits // 8)
    bands = [image[at] for at in header.order]
    if len(bands) > 3 and bands[3].max() == 0:  # programs that leave alpha empty mean opaque
        bands.pop()
    image = bands[0].bandjoin(bands[1:]).copy(interpretation="srgb")
    return image if header.goes_down else image.flipver()
