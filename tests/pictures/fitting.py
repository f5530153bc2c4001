"""Fixtures that bring files into the form in which they are sent, and checks of the result."""

import io
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from PIL import Image as Pillow

from stashbot.models import Image, Kind
from stashbot.pictures.converter import Converter
from stashbot.pictures.files import TemporaryFiles
from stashbot.pictures.media import Media
from tests.pictures.awkward import CORNERS

IMAGE = Image(id=7, width=640, height=480, duration=1.5)


class CountingConverter(Converter):
    """Counts the pictures that were not sent as they are."""

    count = 0

    def convert(self, *args, **options):
        self.count += 1
        return super().convert(*args, **options)


@dataclass
class Sent:
    """An upload with the bytes of its file."""

    kind: Kind
    filename: str
    data: bytes
    width: int
    height: int
    duration: float


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Temporary files, and a converter that all tests share."""
    files = TemporaryFiles(tmp_path_factory.mktemp("files"))
    converter = CountingConverter(files)
    yield files, converter
    converter.close()


@pytest.fixture(scope="module")
def fit_all(workshop):
    """A function that returns all uploads of a file."""
    files, converter = workshop

    def fit_all(data, max_side, image=IMAGE, *, as_document=False):
        with ExitStack() as block:
            source = files.new(block)
            source.write_bytes(data)
            media = Media(files, converter, max_side)
            if as_document:
                uploads = [media.as_document(source, image, block)]
            else:
                uploads = media.fit(source, image, block)
            return [
                Sent(
                    each.kind,
                    each.filename,
                    each.path.read_bytes(),
                    each.width,
                    each.height,
                    each.duration,
                )
                for each in uploads
            ]

    return fit_all


@pytest.fixture(scope="module")
def fit(fit_all):
    """A function that returns the first upload of a file."""
    return lambda *args, **options: fit_all(*args, **options)[0]


def decoded(upload):
    """The uploaded photo; checks that it is within Telegram's limits."""
    picture = Pillow.open(io.BytesIO(upload.data))
    picture.load()
    assert upload.kind is Kind.PHOTO
    assert picture.size == (upload.width, upload.height)
    assert sum(picture.size) <= 10_000
    assert max(picture.size) <= 20 * min(picture.size)
    assert len(upload.data) <= 10_000_000
    return picture


def remade(upload):
    """The uploaded photo; checks that it is a converted JPEG without metadata."""
    picture = decoded(upload)
    assert upload.filename == "image-7.jpg"
    assert picture.format == "JPEG"
    assert picture.mode in ("L", "RGB")
    assert not {"exif", "icc_profile", "xmp", "comment"} & picture.info.keys()
    return picture


def corners(picture):
    """The colours of the corners, clockwise from upper left."""
    right, low = picture.width - 6, picture.height - 6
    rgb = picture.convert("RGB")
    return [rgb.getpixel(at) for at in ((5, 5), (right, 5), (right, low), (5, low))]


def is_like(colour, expected, tolerance=30):
    return all(abs(a - b) <= tolerance for a, b in zip(colour, expected, strict=True))


def shows_the_scene(upload):
    """Whether it is the photo of `awkward.scene`, upright and in its colours."""
    picture = decoded(upload)
    return picture.size == (120, 80) and all(map(is_like, corners(picture), CORNERS))
