"""The text of the message after an album. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..models import Image
from .catalogue import Texts
from .labels import plain
from .plain_text import message


def listing(images: Iterable[Image], above: str, texts: Texts) -> str:
    """A numbered line for each image, below the line `above`, if there is one."""
    lines = [f"{number}. {plain(image.itself, texts)}" for number, image in enumerate(images, 1)]
    return message([above, *lines])
