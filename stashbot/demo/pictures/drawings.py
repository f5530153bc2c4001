"""The drawn pictures of the demo: their metadata, and their files."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

from .painters import PAINTERS, Motif
from .picture import TYPES, Details, Gallery, Picture
from .sheet import Sheet

#: Makes one file from SVG texts: the frames of a film, or a single one. The second argument is
#: the form: jpeg, png, webp or gif. Raises OSError.
Draw = Callable[[Sequence[str], str], bytes]

FRAMES, FRAME_S = 16, 0.1
FILM = [420, 280]  # pixels


def drawn(draw: Draw, now: datetime) -> list[Picture]:
    """About 80 pictures; the motifs take turns. `load` draws its picture at every call.

    The last ten arrived in the 30 days before `now`; some are of this day of earlier years.
    """
    library = _library()
    motifs = library["motifs"].values()
    rounds = zip_longest(*([(motif, n) for n in range(len(motif["titles"]))] for motif in motifs))
    planned = [each for round in rounds for each in round if each]
    pictures = [_planned(draw, library, number, *each) for number, each in enumerate(planned, 1)]
    return [_dated(each, len(pictures) - each.id, now) for each in pictures]


def details() -> list[Details]:
    """More than the names of some tags and performers."""
    return [Details(**each) for each in _library()["details"]]


def _library() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("motifs.toml").read_text("utf-8"))


def _dated(picture: Picture, newer: int, now: datetime) -> Picture:
    """The picture with its arrival; every fourth is of today's date or a day beside it."""
    created = now - timedelta(days=3 * newer, hours=2) if newer < 10 else picture.modified
    if picture.id % 4:
        return replace(picture, created=created)
    day = now + timedelta(days=picture.id % 3 - 1 if picture.id % 8 else 0)
    year = day.year - 4 * (1 + picture.id // 20)  # 29 February is in every fourth year
    return replace(picture, created=created, date=f"{year}-{day:%m-%d}")


def _planned(draw: Draw, library: dict[str, Any], number: int, motif: Motif, n: int) -> Picture:
    """The nth picture of a motif; its number determines everything."""
    random = Random(number)
    suffixes, palettes = motif.get("suffixes", [".jpg"]), motif["palettes"]
    sizes = motif.get("sizes") or [random.choice(library["sizes"])]
    suffix = suffixes[n % len(suffixes)]
    width, height = FILM if suffix == ".gif" else sizes[n % len(sizes)]
    *colours, light = library["palettes"][palettes[n % len(palettes)]]
    frames = FRAMES if suffix == ".gif" else 1
    gallery = Gallery(motif.get("gallery", ""), motif.get("folder", ""))

    def load() -> bytes:
        sheets = [Sheet((width, height), colours, number, n / FRAMES) for n in range(frames)]
        for sheet in sheets:
            PAINTERS[motif["painter"]](sheet, motif)
        return draw([*map(str, sheets)], TYPES[suffix].removeprefix("image/"))

    return Picture(
        id=number,
        path=f"drawn/{number:03}{suffix}",
        load=load,
        modified=datetime(2024, 1, 1, 9, 30, tzinfo=UTC) + timedelta(days=5 * number),
        size=width * height // 8,
        width=width,
        height=height,
        duration=frames * FRAME_S if suffix == ".gif" else 0.0,
        title=motif["titles"][n],
        date=_date(random),
        rating100=random.choice((None, None, 20, 40, 40, 60, 60, 80, 80, 100)),
        studio=random.choice(library["studios"]),
        performers=tuple(random.sample(library["artists"], random.choice((0, 1, 1, 1, 2)))),
        galleries=() if gallery == Gallery() else (gallery,),
        tags=(*motif["tags"], light),
    )


def _date(random: Random) -> str:
    """A day, a month, a year or an empty string, the forms that Stash knows."""
    date = f"{random.randint(2008, 2025)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    return date[: random.choice((10, 10, 10, 10, 7, 4, 0))]
