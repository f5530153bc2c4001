"""The form in which Telegram takes a file of the library: as it is, converted, or a document.

The bytes decide what a file is, never its name.
"""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

import structlog

from ..errors import DiskFull, ImageUnusable
from ..models import Image, Kind, Upload
from ..rules.sizes import PHOTO_LIMIT, READABLE_RATIO, UPLOAD_LIMIT, fitted, is_too_long
from .cleaning import gif, metadata, mp4
from .cleaning.container import Container, TooManyParts
from .converter import ConversionFailed, Converter
from .files import TemporaryFiles

log = structlog.get_logger()

#: Bytes of the beginning of a file that tell what it is.
HEAD = 1024
#: Bytes of the disk that stay free.
DISK_RESERVE = 20_000_000
#: Letters of a title in a file's name.
NAME_LETTERS = 60

#: Forms that the converter cannot read, or would read as less than they are.
_DOCUMENTS = frozenset(("heic", "jxl", "jp2", "webm", "mkv", "avi", "wmv", "flv", "mpg", "pdf"))

_CLIPS = frozenset(("mp4", "mov"))

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
    ("jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("j2k", b"\xff\x4f\xff\x51"),
    ("ico", b"\0\0\1\0"),
    ("psd", b"8BPS"),
    ("pdf", b"%PDF-"),
    ("wmv", b"0&\xb2u\x8ef\xcf\x11"),
    ("flv", b"FLV\x01"),
    ("mpg", b"\0\0\x01\xba"),
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


class Media:
    """Brings files into a form that Telegram takes. Thread-safe.

    Photos are scaled to `max_side` pixels; 0 leaves only Telegram's own limits.
    """

    def __init__(self, files: TemporaryFiles, converter: Converter, max_side: int) -> None:
        self._files = files
        self._converter = converter
        self._max_side = max_side
        #: The name of the form into which photos are brought.
        self.shape = str(max_side)

    def new_file(self, image: Image, block: ExitStack) -> Path:
        """Return a path for the file of an image, which the end of `block` removes.

        The converter is started if it will be needed. Raises DiskFull.
        """
        path = self._files.new(block)
        free = shutil.disk_usage(path.parent).free
        if free < image.size + DISK_RESERVE:
            free, wanted = free // 10**6, image.size // 10**6
            raise DiskFull(f"only {free} MB are free for an image of {wanted} MB")
        size = image.width, image.height
        if not image.duration and (not all(size) or fitted(size, self._max_side) != size):
            self._converter.warm_up()
        return path

    def fit(self, source: Path, image: Image, block: ExitStack) -> list[Upload]:
        """Bring the file of an image into the best form; it may be changed or sent itself.

        A second upload is the document of a photo that is too long to be read. The files
        belong to `block`. Raises ImageUnusable for an empty file, a placeholder, a web page, a
        file that is too large, and a film of too many parts; Interrupted, OSError.
        """
        form = _checked_form(source)
        if form in _CLIPS:
            _refuse_too_large(source)
            mp4.erase_private(source)
            size = image.width, image.height
            return [_upload(Kind.VIDEO, source, image, form, size, image.duration)]
        if form in _DOCUMENTS:
            return [self.as_document(source, image, block)]
        if form == "gif" and source.stat().st_size <= UPLOAD_LIMIT:  # else it is converted
            gif.erase_private(source)
        container = None
        if form in metadata.FORMS:
            with source.open("rb") as file, suppress(TooManyParts):
                container = metadata.read(file, form)
        if container and self._is_photo(container, source):
            photo = self._cleaned(source, container, block)
            uploads = [_upload(Kind.PHOTO, photo, image, form, container.size)]
        elif container and container.is_film and form == "png":  # libvips sees one frame alone
            return [self.as_document(source, image, block)]
        else:
            uploads = [self._converted(source, image, block, container)]
        [sent] = uploads
        if sent.kind is Kind.PHOTO and is_too_long((sent.width, sent.height), READABLE_RATIO):
            with suppress(ImageUnusable):
                uploads.append(self.as_document(source, image, block))
        return uploads

    def untouched(self, source: Path, image: Image) -> Upload:
        """The file as a document, as it is. Raises ImageUnusable, OSError."""
        form = _checked_form(source)
        _refuse_too_large(source)
        return _upload(Kind.DOCUMENT, source, image, form or _text_or_binary(source))

    def as_document(self, source: Path, image: Image, block: ExitStack) -> Upload:
        """The file as a document, if it can be without its private data; it may be changed.

        Documents of other forms go as they are. Raises ImageUnusable, OSError.
        """
        form = _checked_form(source)
        _refuse_too_large(source)
        if form in metadata.FORMS:
            with source.open("rb") as file:
                container = metadata.read(file, form)
            source = self._cleaned(source, container, block)
        elif form in _CLIPS:
            mp4.erase_private(source)
        elif form == "gif":
            gif.erase_private(source)
        return _upload(Kind.DOCUMENT, source, image, form or _text_or_binary(source))

    def _cleaned(self, source: Path, container: Container, block: ExitStack) -> Path:
        """Copy a file without its private data."""
        target = self._files.new(block)
        with source.open("rb") as file:
            metadata.copy(file, target, container)
        return target

    def _is_photo(self, container: Container, source: Path) -> bool:
        """Whether Telegram takes the file as a photo, and shows it as it should look."""
        size = container.size
        return (
            container.is_plain
            and container.is_whole
            and not container.is_film
            and container.orientation == 1
            and source.stat().st_size <= PHOTO_LIMIT
            and fitted(size, self._max_side) == size
            and not is_too_long(size)
        )

    def _converted(
        self, source: Path, image: Image, block: ExitStack, container: Container | None
    ) -> Upload:
        target = self._files.new(block)
        size = container.size if container else (image.width, image.height)
        try:
            answer = self._converter.convert(
                image.id,
                source,
                target,
                max_side=self._max_side,
                pixels=size[0] * size[1],
                orientation=container.orientation if container else 0,
            )
        except ConversionFailed as error:
            log.warning("conversion_failed", image_id=image.id, reason=str(error))
            return self.as_document(source, image, block)
        size, duration = (answer["width"], answer["height"]), answer["duration"]
        if answer["form"] == "photo":
            return _upload(Kind.PHOTO, target, image, "jpeg", size)
        if answer["form"] == "film as it is":
            return _upload(Kind.ANIMATION, source, image, "gif", size, duration)
        if answer["form"] == "film" and target.stat().st_size <= UPLOAD_LIMIT:
            return _upload(Kind.ANIMATION, target, image, "gif", size, duration)
        return self.as_document(source, image, block)


def sniff(data: bytes) -> str:
    """The format of a file that begins so, as a file extension; empty if unknown."""
    for form, magic in _MAGIC:
        if data.startswith(magic):
            return form
    if data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b"AVI "):
        return data[8:12].decode().strip().lower()
    if data[:4] == b"\x1aE\xdf\xa3":  # Matroska, of which WebM is a part
        return "webm" if b"webm" in data[:64] else "mkv"
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
    head = data.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head.startswith(b"<"):
        return ""
    if b"<html" in head or b"<!doctype html" in head:
        return "html"
    return "svg" if b"<svg" in head else ""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _checked_form(path: Path) -> str:
    """Raise ImageUnusable for a server's substitute for a missing file."""
    head = _head(path)
    if not head:
        raise ImageUnusable("the file is empty")
    form = sniff(head)
    if form == "svg":
        raise ImageUnusable("a placeholder in place of the file")
    if form == "html":
        raise ImageUnusable("a web page in place of the file")
    return form


def _refuse_too_large(path: Path) -> None:
    if path.stat().st_size > UPLOAD_LIMIT:
        raise ImageUnusable("over 50 MB")


def _text_or_binary(path: Path) -> str:
    head = _head(path)
    try:
        return "bin" if "\0" in head.decode() else "txt"
    except UnicodeDecodeError as error:
        # A letter may be cut by the end of the head.
        return "txt" if error.start > HEAD - 4 and b"\0" not in head else "bin"


def _upload(
    kind: Kind,
    path: Path,
    image: Image,
    form: str,
    size: tuple[int, int] = (0, 0),
    duration: float = 0.0,
) -> Upload:
    words = re.sub(r"[^\w\s,.()'’&+-]", " ", image.title)
    name = " ".join(words.split())[:NAME_LETTERS].strip(" .") or f"image-{image.id}"
    filename = f"{name}.{'jpg' if form == 'jpeg' else form}"
    return Upload(kind, filename, path, path.stat().st_size, *size, duration)
