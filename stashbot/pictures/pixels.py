"""Pillow: reads headers of pictures, and converts pictures to JPEG or GIF.

Thread-safe. `media` decides on conversions and sizes. Each function raises one of
`UNREADABLE` for damaged or hostile bytes. The first picture loads Pillow and switches off its
warnings and its pixel limit for the whole process; `media` has its own limit.
"""

from __future__ import annotations

import io
import math
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageCms import ImageCmsProfile

#: Qualities of a JPEG, tried in this order until it is small enough.
QUALITIES = (88, 80, 70, 60, 50, 40)
#: Rows of a scaled picture that are computed at a time.
BAND = 64

#: Decoded pictures are large: two at a time would double the peak of memory.
_DECODING = threading.Lock()
#: An animation keeps its canvas between two frames, so only one is converted at a time.
_ANIMATING = threading.Lock()

#: Pillow's names of the formats; every other format is tried as one of `_RARE`.
#: Pillow's other formats stay out: some start programs (EPS), some match any text.
_FORMATS = {form: (form.upper(),) for form in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif")}
_RARE = ("JPEG2000", "PSD", "PPM", "QOI", "ICO")
_ANIMATED = frozenset(("gif", "png", "webp", "avif"))

#: Exceptions of Pillow and its codecs for damaged or hostile bytes.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    EOFError,
    RuntimeError,
    MemoryError,
    AssertionError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a picture; `size` is in pixels, before EXIF orientation.

    `frames` is 2 for every animated GIF: counting them would read the whole file. A `plain`
    picture is upright, opaque, in 8 bits and in sRGB. A `whole` file is not cut short.
    """

    form: str
    size: tuple[int, int]
    bytes: int
    frames: int = 1
    plain: bool = True
    whole: bool = True
    progressive: bool = False


def read_header(data: bytes, form: str) -> Header:
    """Read the header of a picture; `form` is the result of `media.sniff`."""
    picture = _open(data, form)
    return Header(
        form,
        picture.size,
        len(data),
        frames=_frames(picture, form),
        plain=_is_plain(picture, data),
        whole=_is_whole(data, form),
        progressive="progressive" in picture.info,
    )


def as_jpeg(
    data: bytes, form: str, size: tuple[int, int], target: int, limit: int
) -> tuple[bytes, tuple[int, int]]:
    """Convert a picture to a JPEG of at most `limit` bytes; returns it and its size.

    `size`, in pixels, is before EXIF orientation. The result is upright, in sRGB, on white
    and without metadata. Its quality falls until it has at most `target` bytes or the lowest
    quality. Its sides are halved until it has at most `limit` bytes.
    """
    from PIL import ImageOps

    with _DECODING:
        picture = _open(data, form)
        picture.draft(None, size)
        picture = _scaled(picture, size)  # rebound to free the larger one
        picture = _in_srgb(ImageOps.exif_transpose(picture))
        picture.info = {}
        encoded = _encoded(picture, target)
        while len(encoded) > limit:
            picture = picture.reduce(2)
            encoded = _encoded(picture, target)
    return encoded, picture.size


def as_gif(data: bytes, form: str, size: tuple[int, int]) -> bytes:
    """Convert an animation to a GIF of this size in pixels; keeps durations and loops."""
    with _ANIMATING:
        animation = _open(data, form)
        numbers = range(
            bool(getattr(animation, "default_image", False)), getattr(animation, "n_frames", 1)
        )
        frames = (_frame(animation, number, size) for number in numbers)
        file = io.BytesIO()
        next(frames).save(
            file, "GIF", save_all=True, append_images=frames, **_repetition(animation)
        )
        return file.getvalue()


def _open(data: bytes, form: str) -> Picture:
    """Open a picture; Pillow decodes the pixels later."""
    from PIL import Image as Pillow

    Pillow.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Pillow.open(io.BytesIO(data), formats=_FORMATS.get(form, _RARE))


def _frames(picture: Picture, form: str) -> int:
    # In other formats, several pictures are previews, pages or sizes.
    if form not in _ANIMATED:
        return 1
    animated = bool(getattr(picture, "is_animated", False))
    return 1 + animated if form == "gif" else int(getattr(picture, "n_frames", 1))


def _is_plain(picture: Picture, data: bytes) -> bool:
    if picture.mode not in ("1", "L", "P", "RGB") or picture.has_transparency_data:
        return False
    if picture.format == "PNG" and data[24] > 8:  # bit depth in IHDR; Pillow reports 16 as 8
        return False
    return _is_upright(picture, data) and _colours(picture) is None


def _is_upright(picture: Picture, data: bytes) -> bool:
    from PIL import ExifTags
    from PIL import Image as Pillow

    # The `getexif` of a PNG decodes the whole file to find the chunk.
    if picture.format == "PNG" and "exif" not in picture.info and b"eXIf" in data:
        return False
    exif = Pillow.Image.getexif(picture)
    return bool(exif.get(ExifTags.Base.Orientation, 1) == 1)


def _colours(picture: Picture) -> ImageCmsProfile | None:
    """The colour profile; None if there is none, it is sRGB, or it cannot be read."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(picture.info.get("icc_profile") or b""))
    except OSError:
        return None
    return None if "sRGB" in (opened.profile.profile_description or "") else opened


def _is_whole(data: bytes, form: str) -> bool:
    """Whether the file has its end; junk after the end is common and harmless."""
    if form == "png":
        return data.rfind(b"IEND") > 0
    if form == "webp":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return form != "jpeg" or _has_end_of_image(data)


def _has_end_of_image(data: bytes) -> bool:
    """Whether the end marker follows the scan; a preview in the header has one too."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # start of scan
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.rfind(b"\xff\xd9") > at


def _encoded(picture: Picture, target: int) -> bytes:
    encoded = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        encoded = file.getvalue()
        if len(encoded) <= target:
            break
    return encoded


def _scaled(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture in this size, in mode L, RGB or CMYK, on white.

    Computed in bands without seams, which takes little more memory than the decoded picture.
    """
    from PIL import Image as Pillow

    picture = _in_8_bits(picture)
    scaled = Pillow.new(_opaque(picture.crop((0, 0, 1, 1))).mode, size)
    scaled.info = picture.info
    for top in range(0, size[1], BAND):
        scaled.paste(_band(picture, size, top), (0, top))
    return scaled


def _band(picture: Picture, size: tuple[int, int], top: int) -> Picture:
    """The next rows of the scaled picture from `top` on, at most BAND."""
    from PIL import Image as Pillow

    width, height = picture.size
    bottom = min(top + BAND, size[1])
    ratio = height / size[1]
    margin = math.ceil(4 * ratio)  # Lanczos reads 3 rows of the result further, reducing 1
    first = max(math.floor(top * ratio) - margin, 0)
    last = min(math.ceil(bottom * ratio) + margin, height)
    rows = _opaque(picture.crop((0, first, width, last)))
    box = (0, top * ratio - first, width, min(bottom * ratio, height) - first)
    lanczos = Pillow.Resampling.LANCZOS
    return rows.resize((size[0], bottom - top), lanczos, box, reducing_gap=3.0)


def _opaque(picture: Picture) -> Picture:
    """The picture in mode L, RGB or CMYK, with a white background."""
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        uncovered = picture.getchannel("A").point(lambda alpha: 255 - alpha)
        picture = picture.convert("RGB")
        picture.paste((255, 255, 255), mask=uncovered)
        return picture
    if picture.mode in ("L", "RGB", "CMYK"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _in_8_bits(picture: Picture) -> Picture:
    """The picture; deep grey is mapped from its range of values to 0 to 255.

    The range is 16 bits for integers within them and 0 to 1 for floats within it, else the
    picture's own minimum and maximum.
    """
    if picture.mode.startswith("I;16"):
        # Pillow multiplies only native byte order.
        native = picture if picture.mode == "I;16" else picture.convert("I")
        return native.point(lambda value: value * (1 / 257)).convert("L")
    if picture.mode not in ("I", "F"):
        return picture
    low, high = (float(value) for value in picture.getextrema())  # type: ignore[arg-type]
    usual = 1.0 if picture.mode == "F" else 65535.0
    if low >= 0 and high <= usual:
        low, high = 0.0, usual
    scale = 255 / (high - low) if high > low else 0.0
    return picture.point(lambda value: value * scale + -low * scale).convert("L")


def _in_srgb(picture: Picture) -> Picture:
    """The picture in mode L or RGB, converted from its colour profile to sRGB."""
    from PIL import ImageCms

    colours = _colours(picture)
    if colours:
        try:
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, colours, target, outputMode="RGB")
            picture = converted or picture
        except ImageCms.PyCMSError:
            pass  # a profile for another colour mode: send the picture without it
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _frame(animation: Picture, number: int, size: tuple[int, int]) -> Picture:
    from PIL import Image as Pillow

    with _DECODING:  # released between two frames for other pictures
        animation.seek(number)
        animation.load()  # sets the duration
        frame = _scaled(animation, size)
        # Pillow's default takes up to half a second a frame, this method 10 ms.
        frame = frame.quantize(method=Pillow.Quantize.FASTOCTREE)
    frame.info = {"duration": animation.info.get("duration", 100)}  # milliseconds
    return frame


def _repetition(animation: Picture) -> dict[str, Any]:
    """GIF's loop option: repetitions after the first play; 0 repeats for ever."""
    times = animation.info.get("loop", 0)
    return {} if times == 1 else {"loop": max(times - 1, 0)}
