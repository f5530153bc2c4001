"""The limits of Telegram for pictures, and the size that a picture is scaled to.

Imports nothing of ours: the child process that converts pictures uses it too.
"""

from __future__ import annotations

import math

#: Bytes that a bot may upload (https://core.telegram.org/bots/api#sending-files).
UPLOAD_LIMIT = 50_000_000
#: Limits of a photo (https://core.telegram.org/bots/api#sendphoto).
PHOTO_LIMIT = 10_000_000  # bytes
SIDES_LIMIT = 10_000  # pixels, width plus height
RATIO_LIMIT = 20  # longer side to shorter side
#: A picture that is longer cannot be read as a photo: Telegram shows 2,560 pixels at most.
READABLE_RATIO = 5
#: Target size of a converted photo in bytes: Telegram keeps no more detail.
PHOTO_TARGET = 1_000_000


def fitted(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Return the largest size of this shape within `max_side` and the limits, in pixels.

    A `max_side` of 0 leaves only Telegram's limits.
    """
    longer = max(size)
    scale = min(1.0, max_side / longer) if max_side else 1.0
    if sum(size) * scale > SIDES_LIMIT:
        scale = (SIDES_LIMIT - 2) / sum(size)  # minus 2 for the rounding below
    if scale == 1:
        return size
    # Rounding the shorter side down must not break the ratio limit.
    least = math.ceil(longer * scale / RATIO_LIMIT)
    return max(round(size[0] * scale), least), max(round(size[1] * scale), least)


def is_too_long(size: tuple[int, int], ratio: int = RATIO_LIMIT) -> bool:
    """Whether the longer side is more than `ratio` times the shorter one."""
    return max(size) > ratio * min(size)
