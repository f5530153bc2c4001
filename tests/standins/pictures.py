"""Pillow as the judge of the pictures that the stand-in for Telegram receives."""

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

MAX_SIDES = 10_000  # pixels, width plus height of Telegram's largest photo
ORIENTATION = 0x0112  # EXIF tag; values from 5 on swap width and height


@dataclass(frozen=True)
class Decoded:
    """A whole picture: `width` and `height` in pixels after EXIF orientation."""

    width: int
    height: int
    type: str
    is_animated: bool = False


def measure(data: bytes) -> tuple[int, int]:
    """The sides of a picture. Raises ValueError if it is not whole."""
    image = decode(data)
    return image.width, image.height


def decode(data: bytes) -> Decoded:
    """Read a picture. Raises ValueError if it is not whole.

    One that is too large for Telegram anyway is not read to its end.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width + height <= MAX_SIDES:
                image.load()
            if image.getexif().get(ORIENTATION, 1) >= 5:
                width, height = height, width
            mime = Image.MIME[image.format].replace("image/mpo", "image/jpeg")
            return Decoded(width, height, mime, getattr(image, "is_animated", False))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Decoded(MAX_SIDES, MAX_SIDES, "", is_animated=False)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError("no whole picture") from error
