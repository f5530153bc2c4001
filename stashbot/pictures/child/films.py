"""Films, in the child process: animations of other forms written as GIF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pyvips

from ...rules.sizes import fitted
from .decoding import Source, scaled, upright

#: Limits of a film that is converted.
FRAME_SIDE = 640  # pixels, longer side
FILM_PIXELS = 20_000_000  # of all frames, after scaling
MOST_FRAMES = 5000
SOURCE_PIXELS = 1_000_000_000  # of all frames, before scaling
#: Pixels of the frames that are read at a time, if not all are, and how often that is done.
PART_PIXELS = 20_000_000
MOST_PARTS = 10
#: Players show a shorter frame for 100 ms.
SHORTEST_FRAME_MS = 20
#: How hard to search for the colours of a frame, of 1 to 10.
EFFORT = 1


def is_within_limits(source: Source) -> bool:
    """Whether a film can be converted in the time and memory that there are."""
    frames = len(source.delays)
    return frames <= MOST_FRAMES and frames * math.prod(source.size) <= SOURCE_PIXELS


def write(source: Source, target: str) -> tuple[tuple[int, int], int]:
    """Write a GIF of the same length, turn and colours; its size in pixels, and its milliseconds.

    Raises pyvips.Error.
    """
    frames = len(source.delays)
    width, height = fitted(source.size, FRAME_SIDE)
    if frames * width * height > FILM_PIXELS:
        shrink = math.sqrt(FILM_PIXELS / (frames * width * height))
        width, height = fitted(source.size, max(1, int(max(width, height) * shrink)))
    strip = _strip(source, (width, height))
    kept, delays = merged(source.delays)
    pictures = [
        upright(strip.crop(0, at * height, width, height), source.orientation) for at in kept
    ]
    film = as_film(pyvips.Image.arrayjoin(pictures, across=1), pictures[0].height, delays)
    film.set_type(pyvips.GValue.gint_type, "loop", source.loop)
    film.gifsave(target, keep="none", effort=EFFORT)
    return (film.width, pictures[0].height), sum(delays)


def _strip(source: Source, size: tuple[int, int]) -> pyvips.Image:
    """Return all frames, each scaled to this size, one below the other.

    Of a WebP whose frames are parts of the picture libvips holds all frames before it scales
    them. Where that is too much, some frames are read at a time, each time from the beginning.
    """
    try:
        return scaled(source, size, "[n=-1]").copy_memory()
    except pyvips.Error:
        frames, step = len(source.delays), max(1, PART_PIXELS // math.prod(source.size))
        if frames > MOST_PARTS * step:
            raise
        parts = [
            scaled(source, size, f"[page={first},n={min(step, frames - first)}]").copy_memory()
            for first in range(0, frames, step)
        ]
    return pyvips.Image.arrayjoin(parts, across=1)


def as_film(strip: pyvips.Image, height: int, delays: Sequence[int]) -> pyvips.Image:
    """Return frames of this height in pixels, one below the other, as a film."""
    film = strip.copy()
    film.set_type(pyvips.GValue.gint_type, "page-height", height)
    film.set_type(pyvips.GValue.array_int_type, "delay", list(delays))
    return film


def merged(delays: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the numbers of the frames to keep, and their times, none of them too short.

    A GIF counts hundredths of a second; each frame begins at the nearest one. Of frames that begin
    too close together, the longest is kept.
    """
    kept, starts, now = [0], [0], 0
    for number, delay in enumerate(delays[:-1], 1):
        now += delay
        start = round(now, -1)
        if start - starts[-1] >= SHORTEST_FRAME_MS:
            kept.append(number)
            starts.append(start)
        elif delays[number] > delays[kept[-1]]:
            kept[-1] = number
    end = max(round(now + delays[-1], -1), starts[-1] + SHORTEST_FRAME_MS)
    return kept, [after - start for start, after in pairwise((*starts, end))]
