"""The form of an upload: takes the bytes of a library's file, returns an upload for Telegram.

Thread-safe. The bytes decide the format, never the name. `_plan` chooses the form and
`pixels` converts.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from ..errors import ImageUnusable
from ..models import Image, Kind, Upload
from .pixels import UNREADABLE, Header, as_gif, as_jpeg, read_header

#: Bytes that a bot may upload (https://core.telegram.org/bots/api#sending-files).
UPLOAD_LIMIT = 50_000_000
#: Limits of a photo (https://core.telegram.org/bots/api#sendphoto).
PHOTO_LIMIT = 10_000_000  # bytes
SIDES_LIMIT = 10_000  # pixels, width plus height
RATIO_LIMIT = 20  # longer side to shorter side
#: Target size of a converted photo in bytes: Telegram keeps no more detail.
PHOTO_TARGET = 1_000_000
#: Pixels to decode at most: 10,000 × 10,000 and a little, of up to 4 bytes each.
MAX_PIXELS = 110_000_000
#: Limits of an animation that is converted, in pixels.
FRAME_SIDE = 640  # longer side
ANIMATION_PIXELS = 30_000_000  # all frames, after scaling
ANIMATION_SOURCE = 1_000_000_000  # all frames, before scaling

#: Formats that this Pillow cannot decode.
_UNDECODABLE = frozenset(("heic", "jxl", "webm"))

#: First bytes of files, by format (https://en.wikipedia.org/wiki/List_of_file_signatures).
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
#: Brands of ISO base media (ISO/IEC 14496-12), by format; the first match wins.
_BRANDS = (
    ("mov", ("qt",)),
    ("avif", ("avif", "avis")),
    ("heic", ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")),
    ("mp4", ("iso", "mp41", "mp42", "avc1", "dash", "M4V", "mmp4", "MSNV", "3gp")),
)
#: First atoms of QuickTime files that are older than `ftyp`.
_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def fit(data: bytes, image: Image, max_side: int) -> Upload:
    """Convert the file of an image into the best form that Telegram accepts.

    `max_side` is in pixels; 0 leaves only Telegram's own limits. Raises ImageUnusable for an
    empty file, a placeholder, a web page, and a file that is too large.
    """
    form = sniff(data)
    _refuse_placeholder(data, form)
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
    """The unchanged file as a document. Raises ImageUnusable."""
    form = sniff(data)
    _refuse_placeholder(data, form)
    _refuse_too_large(data)
    extension = form or ("txt" if _is_text(data) else "bin")
    return Upload(Kind.DOCUMENT, _filename(image, extension), data)


def sniff(data: bytes) -> str:
    """The format of the bytes, as a file extension; empty if unknown."""
    for form, magic in _MAGIC:
        if data.startswith(magic):
            return form
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:2] == b"BM" and data[6:10] == bytes(4):  # a text may begin with BM too
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


def _refuse_placeholder(data: bytes, form: str) -> None:
    """Raise ImageUnusable for a server's substitute for a missing file."""
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


# Choosing the form.


class Plan(Enum):
    """The form in which a picture is sent."""

    AS_IS = auto()  # photo, unchanged
    REMAKE = auto()  # photo, converted
    ANIMATION = auto()  # animation, unchanged
    CONVERT = auto()  # animation, converted
    DOCUMENT = auto()


def _plan(header: Header, max_side: int) -> Plan:
    """Choose the form for a picture with this header."""
    if header.form == "gif" and header.frames > 1 and header.bytes <= UPLOAD_LIMIT:
        return Plan.ANIMATION
    if max(header.size) > RATIO_LIMIT * min(header.size):
        return Plan.DOCUMENT
    if _decoded_pixels(header, max_side) > MAX_PIXELS:
        return Plan.DOCUMENT
    if header.form != "gif" and header.frames > 1:
        return Plan.CONVERT if _is_short(header) else Plan.REMAKE
    is_fit = (
        header.form in ("jpeg", "png", "webp")
        and header.bytes <= PHOTO_LIMIT
        and _fitted(header.size, max_side) == header.size
    )
    return Plan.AS_IS if is_fit and header.plain and header.whole else Plan.REMAKE


def _decoded_pixels(header: Header, max_side: int) -> int:
    """The number of pixels in memory while the picture is decoded.

    A baseline JPEG is scaled down during decoding; a progressive one is decoded in full.
    """
    width, height = header.size
    target = _fitted(header.size, max_side)
    scale = min(width // target[0], height // target[1])
    if header.form != "jpeg" or header.progressive:
        scale = 1
    shrunk = next(step for step in (8, 4, 2, 1) if step <= scale)
    return width * height // shrunk**2


def _is_short(header: Header) -> bool:
    """Whether an animation is small enough to be converted."""
    frame = math.prod(_fitted(header.size, FRAME_SIDE))
    source = math.prod(header.size)
    return header.frames * frame <= ANIMATION_PIXELS and header.frames * source <= ANIMATION_SOURCE


def _fitted(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """The largest size of this shape within `max_side` and Telegram's limits, in pixels."""
    longer = max(size)
    scale = min(1.0, max_side / longer) if max_side else 1.0
    if sum(size) * scale > SIDES_LIMIT:
        scale = (SIDES_LIMIT - 2) / sum(size)  # minus 2 for the rounding below
    if scale == 1:
        return size
    # Rounding the shorter side down must not break the ratio limit.
    least = math.ceil(longer * scale / RATIO_LIMIT)
    return max(round(size[0] * scale), least), max(round(size[1] * scale), least)


# Converting.


def _fit_picture(data: bytes, form: str, image: Image, max_side: int) -> Upload:
    header = read_header(data, form)
    plan = _plan(header, max_side)
    if plan is Plan.DOCUMENT:
        return as_document(data, image)
    if plan is Plan.ANIMATION:
        return Upload(Kind.ANIMATION, _filename(image, form), data, *header.size, image.duration)
    if plan is Plan.AS_IS:
        return Upload(Kind.PHOTO, _filename(image, form), data, *header.size)
    if plan is Plan.CONVERT:
        try:
            return _animation(data, header, image)
        except (ImageUnusable, *UNREADABLE):
            pass  # send the first frame as a photo
    # Without max_side the owner wants the full quality that Telegram accepts.
    target = PHOTO_TARGET if max_side else PHOTO_LIMIT
    encoded, size = as_jpeg(data, form, _fitted(header.size, max_side), target, PHOTO_LIMIT)
    return Upload(Kind.PHOTO, _filename(image, "jpeg"), encoded, *size)


def _animation(data: bytes, header: Header, image: Image) -> Upload:
    """A GIF: the only animation that Pillow writes and Telegram accepts."""
    size = _fitted(header.size, FRAME_SIDE)
    encoded = as_gif(data, header.form, size)
    _refuse_too_large(encoded)
    return Upload(Kind.ANIMATION, _filename(image, "gif"), encoded, *size, image.duration)
