"""What fits into Telegram: the bytes of a library's file in, an upload out.

Thread-safe. It knows no file and no network. What a file is, is told by its bytes and
never by its name; `_plan` decides what becomes of it, and `pixels` does that.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from ..errors import ImageUnusable
from ..models import Image, Kind, Upload
from .pixels import UNREADABLE, Looks, as_gif, as_jpeg, look

#: Bytes; what a bot may upload (https://core.telegram.org/bots/api#sending-files).
UPLOAD_LIMIT = 50_000_000
#: Of a photo (https://core.telegram.org/bots/api#sendphoto): bytes, pixels of width and
#: height together, and how many times the longer side may be the shorter one.
PHOTO_LIMIT, SIDES_LIMIT, RATIO_LIMIT = 10_000_000, 10_000, 20
#: Bytes that a photo should have when we made it: Telegram keeps no more detail.
LIGHT = 1_000_000
#: Pixels that we decode at most: 10,000 × 10,000 and a little; 4 bytes each at the worst.
MAX_PIXELS = 110_000_000
#: Of an animation that we make: pixels of the longer side, of all frames together, and
#: of all frames together before they are scaled.
FRAME_SIDE, ANIMATION_PIXELS, ANIMATION_SOURCE = 640, 30_000_000, 1_000_000_000

#: What Pillow, as we have it, cannot decode.
_UNDECODABLE = frozenset(("heic", "jxl", "webm"))

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
    except UNREADABLE:
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


# What becomes of a picture.


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


# The doing.


def _fit_picture(data: bytes, form: str, image: Image, max_side: int) -> Upload:
    looks = look(data, form)
    plan = _plan(looks, max_side)
    if plan is Plan.DOCUMENT:
        return as_document(data, image)
    if plan is Plan.ANIMATION:
        return Upload(Kind.ANIMATION, _filename(image, form), data, *looks.size, image.duration)
    if plan is Plan.AS_IS:
        return Upload(Kind.PHOTO, _filename(image, form), data, *looks.size)
    if plan is Plan.CONVERT:
        try:
            return _animation(data, looks, image)
        except (ImageUnusable, *UNREADABLE):
            pass  # its first frame may do
    # Who wants photos as they are wants their quality too, as far as Telegram takes them.
    light = LIGHT if max_side else PHOTO_LIMIT
    encoded, size = as_jpeg(data, form, _fitted(looks.size, max_side), light, PHOTO_LIMIT)
    return Upload(Kind.PHOTO, _filename(image, "jpeg"), encoded, *size)


def _animation(data: bytes, looks: Looks, image: Image) -> Upload:
    """A film as an animated GIF, the one form of animation that Telegram takes from us."""
    size = _fitted(looks.size, FRAME_SIDE)
    encoded = as_gif(data, looks.form, size)
    _refuse_too_large(encoded)
    return Upload(Kind.ANIMATION, _filename(image, "gif"), encoded, *size, image.duration)
