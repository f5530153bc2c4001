"""All that Stash knows of an image, in words. Pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from ..models import Image, ImageDetails
from .caption import stars
from .catalogue import Texts, duration, size
from .labels import shortened
from .plain_text import cleaned, message

#: Characters of the details; Telegram limits the message.
MOST_DETAILS = 1500
#: Characters of each other value.
MOST_VALUE = 300


def details(about: ImageDetails, zone: ZoneInfo, texts: Texts) -> str:
    """One line for each value that the image has; its time of arrival is in `zone`."""
    image = about.image
    came = about.came_at and about.came_at.astimezone(zone).strftime("%Y-%m-%d")
    values = {
        "title": cleaned(image.title) or texts("unnamed.image", id=image.id),
        "code": about.code,
        "photographer": about.photographer,
        "date": image.date,
        "performers": ", ".join(each.name for each in image.performers),
        "studio": image.studio.name if image.studio else "",
        "galleries": ", ".join(each.name for each in image.galleries),
        "tags": ", ".join(each.name for each in image.tags),
        "rating": stars(image.rating100, texts),
        "o_counter": str(about.o_counter or ""),
        "file": _file(image, texts),
        "came": came or "",
    }
    lines = [
        texts(f"info.{key}", value=shortened(shown, MOST_VALUE))
        for key, value in values.items()
        if (shown := cleaned(value))
    ]
    if words := "\n".join(filter(None, map(cleaned, about.details.splitlines()))):
        lines += ["", shortened(words, MOST_DETAILS)]
    return message(lines)


def _file(image: Image, texts: Texts) -> str:
    """The dimensions, the size and the length of the file, as far as they are known."""
    parts = [
        f"{image.width} × {image.height}" if image.width and image.height else "",
        size(image.size, texts) if image.size else "",
        duration(image.duration, texts) if image.duration else "",
    ]
    return ", ".join(filter(None, parts))
