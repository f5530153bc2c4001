"""What fits into Telegram: the bytes of a library's file in, an upload out.

Thread-safe. It knows no file and no network. What a file is, is told by its bytes and
never by its name; `_plan` decides what becomes of it, and the rest does that. Pillow is
loaded with the first picture. From then on its warnings are off in the whole process,
and so is its own limit on pixels: we have ours, `MAX_PIXELS`, and nobody else here uses
Pillow.
"""
# ruff: noqa: PLC0415 - Pillow costs 45 ms and 8 MB, which the start of the bot need not pay

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import math
import struct
import threading
import warnings
import zlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from .errors import ImageUnusable
from .models import Image, Kind, Upload

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageCms import ImageCmsProfile

#: Bytes; what a bot may upload (https://core.telegram.org/bots/api#sending-files).
UPLOAD_LIMIT = 50_000_000
#: Of a photo (https://core.telegram.org/bots/api#sendphoto): bytes, pixels of width and
#: height together, and how many times the longer side may be the shorter one.
PHOTO_LIMIT, SIDES_LIMIT, RATIO_LIMIT = 10_000_000, 10_000, 20
#: Pixels that we decode at most: 10,000 × 10,000 and a little; 4 bytes each at the worst.
MAX_PIXELS = 110_000_000
#: A photo that we made is encoded at falling qualities until it has so few bytes.
LIGHT, QUALITIES = 1_000_000, (88, 82, 75, 68)
#: Of an animation that we make: pixels of the longer side, of all frames together, and
#: of all frames together before they are scaled.
FRAME_SIDE, ANIMATION_PIXELS, ANIMATION_SOURCE = 640, 30_000_000, 1_000_000_000

#: Rows of a scaled picture that are made at a time.
BAND = 256

#: Decoded pictures are large: two at a time would double the peak of the process.
_DECODING = threading.Lock()

#: How Pillow calls the forms that we open with it; all other forms are tried as `_RARE`.
#: The rest of Pillow's formats stay out: some start programs (EPS), some match any text.
_FORMATS = {form: (form.upper(),) for form in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif")}
_RARE = ("JPEG2000", "PSD", "PPM", "QOI", "ICO")
_UNDECODABLE = frozenset(("heic", "jxl", "webm"))
_ANIMATED = frozenset(("gif", "png", "webp", "avif"))

#: What Pillow and its codecs raise on damaged or hostile bytes.
_UNREADABLE = (
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

#: Files begin so, by form; https://en.wikipedia.org/wiki/List_of_file_signatures.
_MAGIC = (
    ("jpeg", b"\xff\xd8\xff"),
    ("png", b"\x89PNG\r\n\x1a\n"),
    ("gif", b"GIF87a"),
    ("gif", b"GIF89a"),
    ("tiff", b"II*\0"),
    ("tiff", b"MM\0*"),
    ("tiff", b"II+\0"),
    ("tiff", b"MM\0+"),
    ("jxl", b"\xff\x0a"),
    ("jxl", b"\0\0\0\x0cJXL \r\n\x87\n"),
    ("webm", b"\x1aE\xdf\xa3"),  # and all of Matroska
)
#: Brands of ISO base media (ISO/IEC 14496-12), by form; the first form that has one wins.
_BRANDS = (
    ("mov", ("qt",)),
    ("avif", ("avif", "avis")),
    ("heic", ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")),
    ("mp4", ("iso", "mp41", "mp42", "avc1", "dash", "M4V", "mmp4", "MSNV", "3gp")),
)
#: QuickTime files from before `ftyp` begin with one of these atoms.
_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def fit(data: bytes, image: Image, max_side: int) -> Upload:
    """Put the file of an image into the form in which Telegram takes it best.

    `max_side` is in pixels, 0 for none but Telegram's own limits. Raises
    `ImageUnusable` for what is no file of a library, and for what is too large.
    """
    form = sniff(data)
    _refuse_stand_in(data, form)
    if form in ("mp4", "mov"):
        _refuse_too_large(data)
        size = image.width, image.height
        return Upload(Kind.VIDEO, _filename(image, form), data, *size, image.duration)
    if form in _UNDECODABLE:
        return as_document(data, image)
    try:
        return _fit_picture(data, form, image, max_side)
    except _UNREADABLE:
        return as_document(data, image)


def as_document(data: bytes, image: Image) -> Upload:
    """The file byte for byte, for what Telegram takes in no other form."""
    form = sniff(data)
    _refuse_stand_in(data, form)
    _refuse_too_large(data)
    extension = form or ("txt" if _is_text(data) else "bin")
    return Upload(Kind.DOCUMENT, _filename(image, extension), data)


def sniff(data: bytes) -> str:
    """What the bytes are, in a word that serves as a file's extension; empty if unknown."""
    for form, magic in _MAGIC:
        if data.startswith(magic):
            return form
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:2] == b"BM" and data[6:10] == bytes(4):  # two letters alone may begin a text
        return "bmp"
    if data[4:8] == b"ftyp":
        return _sniff_brands(data)
    return "mov" if data[4:8] in _ATOMS else _sniff_markup(data)


def _sniff_brands(data: bytes) -> str:
    box = data[: min(int.from_bytes(data[:4], "big"), 256)]
    brands = [box[at : at + 4].decode("latin-1") for at in (8, *range(16, len(box), 4))]
    for form, known in _BRANDS:
        if any(brand.startswith(known) for brand in brands):
            return form
    return ""


def _sniff_markup(data: bytes) -> str:
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head.startswith(b"<"):
        return ""
    if b"<html" in head or b"<!doctype html" in head:
        return "html"
    return "svg" if b"<svg" in head else ""


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _refuse_stand_in(data: bytes, form: str) -> None:
    """Raise for what a server sends when it has not got the file."""
    if not data:
        raise ImageUnusable("the file is empty")
    if form == "svg":
        raise ImageUnusable("a placeholder in place of the file")
    if form == "html":
        raise ImageUnusable("a web page in place of the file")


def _refuse_too_large(data: bytes) -> None:
    if len(data) > UPLOAD_LIMIT:
        raise ImageUnusable("over 50 MB")


def _filename(image: Image, form: str) -> str:
    return f"image-{image.id}.{'jpg' if form == 'jpeg' else form}"


# What a picture is, and what becomes of it.


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


class Plan(Enum):
    """What becomes of a picture."""

    AS_IS = auto()
    REMAKE = auto()
    ANIMATION = auto()  # as it is, too
    CONVERT = auto()  # into an animation
    DOCUMENT = auto()


def _plan(looks: Looks, max_side: int) -> Plan:
    """Decide what becomes of a picture that looks so."""
    if looks.form == "gif" and looks.frames > 1 and looks.bytes <= UPLOAD_LIMIT:
        return Plan.ANIMATION
    if max(looks.size) > RATIO_LIMIT * min(looks.size):
        return Plan.DOCUMENT
    if _decoded_pixels(looks, max_side) > MAX_PIXELS:
        return Plan.DOCUMENT
    if looks.form != "gif" and looks.frames > 1:
        return Plan.CONVERT if _is_short(looks) else Plan.REMAKE
    is_fit = (
        looks.form in ("jpeg", "png", "webp")
        and looks.bytes <= PHOTO_LIMIT
        and _fitted(looks.size, max_side) == looks.size
    )
    return Plan.AS_IS if is_fit and looks.plain and looks.whole else Plan.REMAKE


def _decoded_pixels(looks: Looks, max_side: int) -> int:
    """How many pixels are in memory at once when the picture is decoded.

    A JPEG shrinks while it is decoded; a progressive one is collected in full before.
    """
    width, height = looks.size
    target = _fitted(looks.size, max_side)
    scale = min(width // target[0], height // target[1])
    if looks.form != "jpeg" or looks.progressive:
        scale = 1
    shrunk = next(step for step in (8, 4, 2, 1) if step <= scale)
    return width * height // shrunk**2


def _is_short(looks: Looks) -> bool:
    """Whether a film has little enough in it to be made an animation."""
    frame = math.prod(_fitted(looks.size, FRAME_SIDE))
    source = math.prod(looks.size)
    return looks.frames * frame <= ANIMATION_PIXELS and looks.frames * source <= ANIMATION_SOURCE


def _fitted(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """The largest size, in this shape, that keeps to `max_side` and to Telegram's limits."""
    longer = max(size)
    scale = min(1.0, max_side / longer) if max_side else 1.0
    if sum(size) * scale > SIDES_LIMIT:
        scale = (SIDES_LIMIT - 2) / sum(size)  # 2 for the roundings below
    if scale == 1:
        return size
    # The shorter side, when rounded down, must not make the picture too thin.
    least = math.ceil(longer * scale / RATIO_LIMIT)
    return max(round(size[0] * scale), least), max(round(size[1] * scale), least)


# The header.


def _open(data: bytes, form: str) -> Picture:
    """Read the header; pixels are decoded when they are needed."""
    from PIL import Image as Pillow

    _prepare_process()
    Pillow.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Pillow.open(io.BytesIO(data), formats=_FORMATS.get(form, _RARE))


@functools.cache
def _prepare_process() -> None:
    """Have glibc give the memory of pictures back to the system as soon as they are freed.

    By itself it raises the size from which it does so (M_MMAP_THRESHOLD, mallopt(3))
    with each large block, and keeps up to 64 MB a thread. Other C libraries lack the call.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(-3, 1 << 20)


def _look(data: bytes, form: str) -> Looks:
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
    return data.find(b"\xff\xd9", at) > 0


# The doing.


def _fit_picture(data: bytes, form: str, image: Image, max_side: int) -> Upload:
    looks = _look(data, form)
    plan = _plan(looks, max_side)
    if plan is Plan.DOCUMENT:
        return as_document(data, image)
    if plan is Plan.ANIMATION:
        return Upload(Kind.ANIMATION, _filename(image, form), data, *looks.size, image.duration)
    if plan is Plan.AS_IS:
        return Upload(Kind.PHOTO, _filename(image, form), data, *looks.size)
    with _DECODING:
        if plan is Plan.CONVERT:
            try:
                return _animation(data, form, image)
            except (ImageUnusable, *_UNREADABLE):
                pass  # its first frame may do
        return _photo(data, form, image, max_side)


def _photo(data: bytes, form: str, image: Image, max_side: int) -> Upload:
    """The picture as a JPEG; of what its file tells besides, nothing goes along."""
    from PIL import ImageOps

    picture = _open(data, form)
    size = _fitted(picture.size, max_side)
    picture.draft(None, size)
    picture = _scaled(picture, size)  # rebound, so that the larger one is freed
    picture = _in_srgb(ImageOps.exif_transpose(picture))
    picture.info = {}
    encoded = _encoded(picture)
    while len(encoded) > PHOTO_LIMIT:
        picture = picture.reduce(2)
        encoded = _encoded(picture)
    return Upload(Kind.PHOTO, _filename(image, "jpeg"), encoded, *picture.size)


def _encoded(picture: Picture) -> bytes:
    encoded = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        encoded = file.getvalue()
        if len(encoded) <= LIGHT:
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


def _animation(data: bytes, form: str, image: Image) -> Upload:
    """A film as an animated GIF, the one form of animation that Telegram takes from us."""
    film = _open(data, form)
    numbers = range(bool(getattr(film, "default_image", False)), getattr(film, "n_frames", 1))
    frames = (_frame(film, number) for number in numbers)
    first = next(frames)
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=frames, **_repetition(film))
    encoded = file.getvalue()
    _refuse_too_large(encoded)
    return Upload(Kind.ANIMATION, _filename(image, "gif"), encoded, *first.size, image.duration)


def _frame(film: Picture, number: int) -> Picture:
    from PIL import Image as Pillow

    film.seek(number)
    film.load()  # which sets the duration
    frame = _scaled(film, _fitted(film.size, FRAME_SIDE))
    # Pillow's choice of colours takes up to half a second a frame, and this one 10 ms.
    frame = frame.quantize(method=Pillow.Quantize.FASTOCTREE)
    frame.info = {"duration": film.info.get("duration", 100)}  # milliseconds
    return frame


def _repetition(film: Picture) -> dict[str, Any]:
    """How often to play: others count the times, a GIF those after the first; 0 is for ever."""
    times = film.info.get("loop", 0)
    return {} if times == 1 else {"loop": max(times - 1, 0)}
