"""Pictures through Pillow: what a header tells, and a picture made anew as JPEG or GIF.

Thread-safe. Which pictures are made anew, and how large, is for `media` to decide. Where
bytes are damaged or hostile, each function raises one of `UNREADABLE`. Pillow is loaded
with the first picture. From then on its warnings are off in the whole process, and so is
its own limit on pixels: `media` has ours, and nobody else here uses Pillow.
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

#: The qualities at which a JPEG is encoded, one after the other, until it is small enough.
QUALITIES = (88, 80, 70, 60, 50, 40)
#: Rows of a scaled picture that are made at a time.
BAND = 64

#: Decoded pictures are large: two at a time would double the peak of the process.
_DECODING = threading.Lock()
#: A film keeps its canvas between two frames, while others decode: it is one film at a time.
_FILMING = threading.Lock()

#: How Pillow calls the forms that we open with it; all other forms are tried as `_RARE`.
#: The rest of Pillow's formats stay out: some start programs (EPS), some match any text.
_FORMATS = {form: (form.upper(),) for form in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif")}
_RARE = ("JPEG2000", "PSD", "PPM", "QOI", "ICO")
_ANIMATED = frozenset(("gif", "png", "webp", "avif"))

#: What Pillow and its codecs raise on damaged or hostile bytes.
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
class Looks:
    """What the header of a picture tells; `size` is in pixels, as stored.

    `frames` is 2 for every animated GIF: to count them would take a walk through the
    file. `plain` says that it is upright, opaque, in 8 bits and in sRGB.
    """

    form: str
    size: tuple[int, int]
    bytes: int
    frames: int = 1
    plain: bool = True
    whole: bool = True
    progressive: bool = False


def look(data: bytes, form: str) -> Looks:
    """Read the header of a picture; of what `media.sniff` calls the form."""
    picture = _open(data, form)
    return Looks(
        form,
        picture.size,
        len(data),
        frames=_frames(picture, form),
        plain=_is_plain(picture, data),
        whole=_is_whole(data, form),
        progressive="progressive" in picture.info,
    )


def as_jpeg(
    data: bytes, form: str, size: tuple[int, int], light: int, limit: int
) -> tuple[bytes, tuple[int, int]]:
    """The picture as a JPEG of at most `limit` bytes, and its size as one looks at it.

    Its quality falls, but not without end, until it has `light` bytes. `size`, in pixels,
    is as the file is stored; the result is upright, in sRGB, on white, and has half of
    that, or a quarter, where it would have too many bytes. Of what the file tells
    besides, nothing goes along.
    """
    from PIL import ImageOps

    with _DECODING:
        picture = _open(data, form)
        picture.draft(None, size)
        picture = _scaled(picture, size)  # rebound, so that the larger one is freed
        picture = _in_srgb(ImageOps.exif_transpose(picture))
        picture.info = {}
        encoded = _encoded(picture, light)
        while len(encoded) > limit:
            picture = picture.reduce(2)
            encoded = _encoded(picture, light)
    return encoded, picture.size


def as_gif(data: bytes, form: str, size: tuple[int, int]) -> bytes:
    """The film as an animated GIF of that size, in pixels, with its times and repetitions."""
    with _FILMING:
        film = _open(data, form)
        numbers = range(bool(getattr(film, "default_image", False)), getattr(film, "n_frames", 1))
        frames = (_frame(film, number, size) for number in numbers)
        file = io.BytesIO()
        next(frames).save(file, "GIF", save_all=True, append_images=frames, **_repetition(film))
        return file.getvalue()


def _open(data: bytes, form: str) -> Picture:
    """Read the header; pixels are decoded when they are needed."""
    from PIL import Image as Pillow

    Pillow.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Pillow.open(io.BytesIO(data), formats=_FORMATS.get(form, _RARE))


def _frames(picture: Picture, form: str) -> int:
    # Others have several pictures that are no film: previews, pages, sizes.
    if form not in _ANIMATED:
        return 1
    animated = bool(getattr(picture, "is_animated", False))
    return 1 + animated if form == "gif" else int(getattr(picture, "n_frames", 1))


def _is_plain(picture: Picture, data: bytes) -> bool:
    if picture.mode not in ("1", "L", "P", "RGB") or picture.has_transparency_data:
        return False
    if picture.format == "PNG" and data[24] > 8:  # bits, in IHDR: Pillow shows 16 as 8
        return False
    return _is_upright(picture, data) and _colours(picture) is None


def _is_upright(picture: Picture, data: bytes) -> bool:
    from PIL import ExifTags
    from PIL import Image as Pillow

    # A PNG's own `getexif` decodes it to the end in search of the chunk.
    if picture.format == "PNG" and "exif" not in picture.info and b"eXIf" in data:
        return False
    exif = Pillow.Image.getexif(picture)
    return bool(exif.get(ExifTags.Base.Orientation, 1) == 1)


def _colours(picture: Picture) -> ImageCmsProfile | None:
    """The colour profile, if there is one that can be read and is not that of sRGB."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(picture.info.get("icc_profile") or b""))
    except OSError:
        return None
    return None if "sRGB" in (opened.profile.profile_description or "") else opened


def _is_whole(data: bytes, form: str) -> bool:
    """Whether the file has its end; junk behind that is common, and harmless."""
    if form == "png":
        return data.rfind(b"IEND") > 0
    if form == "webp":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return form != "jpeg" or _has_end_of_image(data)


def _has_end_of_image(data: bytes) -> bool:
    """Whether the end marker follows the scan; a preview in the header has one, too."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # start of scan
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.rfind(b"\xff\xd9") > at


def _encoded(picture: Picture, light: int) -> bytes:
    encoded = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        encoded = file.getvalue()
        if len(encoded) <= light:
            break
    return encoded


def _scaled(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture in this size, in mode L, RGB or CMYK, on white.

    It is made in bands, without seams: so it takes hardly more memory than the decoded
    picture does.
    """
    from PIL import Image as Pillow

    picture = _in_8_bits(picture)
    scaled = Pillow.new(_opaque(picture.crop((0, 0, 1, 1))).mode, size)
    scaled.info = picture.info
    for top in range(0, size[1], BAND):
        scaled.paste(_band(picture, size, top), (0, top))
    return scaled


def _band(picture: Picture, size: tuple[int, int], top: int) -> Picture:
    """Some rows of the scaled picture, from `top` on."""
    from PIL import Image as Pillow

    width, height = picture.size
    bottom = min(top + BAND, size[1])
    ratio = height / size[1]
    margin = math.ceil(4 * ratio)  # Lanczos looks 3 rows of the result far, and reducing 1
    first = max(math.floor(top * ratio) - margin, 0)
    last = min(math.ceil(bottom * ratio) + margin, height)
    rows = _opaque(picture.crop((0, first, width, last)))
    box = (0, top * ratio - first, width, min(bottom * ratio, height) - first)
    lanczos = Pillow.Resampling.LANCZOS
    return rows.resize((size[0], bottom - top), lanczos, box, reducing_gap=3.0)


def _opaque(picture: Picture) -> Picture:
    """The picture in mode L, RGB or CMYK, with white behind what is transparent."""
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
    """The picture; if it is in deep grey, with its range of values brought to 0 to 255.

    The range is that of the type, where it is known: 16 bits for all integers that keep
    to them, and 0 to 1 for such real numbers. Else it is the picture's own.
    """
    if picture.mode.startswith("I;16"):
        # Only the machine's own order of bytes can be multiplied.
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
    """The picture in mode L or RGB, in the colours that its profile means."""
    from PIL import ImageCms

    colours = _colours(picture)
    if colours:
        try:
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, colours, target, outputMode="RGB")
            picture = converted or picture
        except ImageCms.PyCMSError:
            pass  # a profile for other colours than these: a picture without it is better
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _frame(film: Picture, number: int, size: tuple[int, int]) -> Picture:
    from PIL import Image as Pillow

    with _DECODING:  # between two frames others have their turn
        film.seek(number)
        film.load()  # which sets the duration
        frame = _scaled(film, size)
        # Pillow's choice of colours takes up to half a second a frame, and this one 10 ms.
        frame = frame.quantize(method=Pillow.Quantize.FASTOCTREE)
    frame.info = {"duration": film.info.get("duration", 100)}  # milliseconds
    return frame


def _repetition(film: Picture) -> dict[str, Any]:
    """How often to play: others count the times, a GIF those after the first; 0 is for ever."""
    times = film.info.get("loop", 0)
    return {} if times == 1 else {"loop": max(times - 1, 0)}
