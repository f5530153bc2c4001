"""The drawn pictures of the demo: their metadata, and their files."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random

from PIL import Image

from . import motifs
from .canvas import PALETTES, Canvas, Size
from .picture import Gallery, Picture

BY_DAY = ("dawn", "golden", "sunset", "mint", "rose", "day")
BY_NIGHT = ("night", "lagoon", "violet")
IN_COLOUR = ("bauhaus", "terracotta", "berry", "citrus")

SIZES: tuple[Size, ...] = (
    *((1280, 853), (853, 1280), (1080, 1080), (1280, 720), (720, 1280), (900, 1200)),
    *((1200, 900), (1920, 1080), (640, 640), (1600, 500), (300, 200)),
)
LARGE = (4000, 3000)
LARGE_ONES = (12, 25)
SMOOTH_UP_TO = 1_700_000  # pixels
FRAMES, FRAME_MS = 20, 120


@dataclass(frozen=True)
class _Scene:
    """A motif: its painter, and the common metadata of its pictures.

    Each part of `titles` between bars makes one picture; a part may be empty.
    """

    paint: Callable[[Canvas], None]
    palettes: tuple[str, ...]
    tags: tuple[str, ...]
    galleries: tuple[Gallery, ...]
    titles: str
    suffix: str = ".jpg"


LONG_TITLE = (
    "The long road over the pass, walked in one day from the last house of the valley to the"
    " first of the next, with all its bends, bridges, wells and way-marks, as it looked on the"
    " morning after the first snow, when nobody else was about and the whole range stood clear"
)
_VALLEYS, _SEA = Gallery("Hills and valleys"), Gallery("Open sea")
_NIGHTS, _SHAPES = Gallery("Night walks"), Gallery("Shapes and colours")
_CITY, _UNSORTED = Gallery("City lights"), Gallery(folder="/data/unsorted/autumn walks")

_SCENES = (
    _Scene(
        motifs.hills,
        BY_DAY,
        ("landscape", "hills"),
        (_VALLEYS,),
        "Evening over the vineyards|Seven ridges|The shepherd's path||Before the rain"
        "|Тихий вечер в предгорьях|Warm wind|The last warm day",
    ),
    _Scene(
        motifs.sea,
        (*BY_DAY, "violet"),
        ("sea", "boats"),
        (_SEA,),
        "Two sails at noon|Regatta ⛵ day one 🌊|Homeward|Slack water|Past the lighthouse"
        '||Salt <b>&"light"</b>|Calm',
    ),
    _Scene(
        motifs.geometry,
        IN_COLOUR,
        ("geometry", "abstract"),
        (_SHAPES,),
        "Composition with quarters|Tiles I|Tiles II|A town seen from above|Counterpoint"
        "||Patchwork|Fugue in five colours",
    ),
    _Scene(
        motifs.mountains,
        BY_DAY,
        ("landscape", "mountains"),
        (_VALLEYS, _UNSORTED),
        f"First light on the north face|{LONG_TITLE}|Above the tree line|Three sisters||"
        "Cold and clear|The pass|Thaw",
    ),
    _Scene(
        motifs.starry,
        BY_NIGHT,
        ("stars", "forest"),
        (_NIGHTS,),
        "New moon|Counting stars|The clearing|Late August|Owl's hour|Nobody awake||Silver",
    ),
    _Scene(
        motifs.waves,
        (*IN_COLOUR, "sunset", "lagoon", "rose"),
        ("waves", "abstract"),
        (_SHAPES,),
        "Undertow|Strata|Silk|Slow music|Drift|Eleven tides|Sandstone|",
    ),
    _Scene(
        motifs.forest,
        ("mint", "dawn", "day", "golden", "rose"),
        ("forest", "fog"),
        (_UNSORTED,),
        "Mist between the firs|A quiet hour|Where the path ends|Five greys|Breath"
        "|Mushroom weather||Early train",
    ),
    _Scene(
        motifs.city,
        (*BY_NIGHT, "sunset"),
        ("city",),
        (_CITY, _NIGHTS),
        "Somebody is still up|Rooftops|Quarter past eleven||The harbour district"
        "|Ten thousand windows|Last tram|Insomnia",
    ),
    _Scene(
        motifs.aurora,
        ("lagoon", "violet", "night", "sunset", "rose", "mint"),
        ("abstract",),
        (),
        "Northern light|Afterimage|Glass|Behind closed eyes|Slow colour||Lanterns in fog|Ether",
        ".webp",
    ),
    _Scene(
        motifs.flower,
        IN_COLOUR,
        ("flowers", "geometry"),
        (_SHAPES,),
        "Anemone|Dahlia|Paper rose|Water lily",
        ".png",
    ),
    _Scene(motifs.empty_sea, ("sunset",), ("sea", "animation"), (_SEA,), "A boat goes by", ".gif"),
)
_ARTISTS = (
    *("Ines Valcour", "Anton Berezin", "Odile Marchetti", "Kofi Lindqvist", "Rosa Whitfield"),
    *("Лев Зимин", "Petra Novák-Hale", "Juno Castellane", "Amir Delorme", "Sanna Ilves"),
    *("Elodie Brandt", "Marsh & Daughters"),
)
_STUDIOS = ("Lantern House", "Northlight Press", "Paper Kite", "")


def drawn() -> list[Picture]:
    """About 75 pictures of eleven motifs. `load` draws a picture on its first call."""
    rounds = itertools.zip_longest(*(scene.titles.split("|") for scene in _SCENES))
    planned = (
        (scene, title)
        for titles in rounds
        for scene, title in zip(_SCENES, titles, strict=True)
        if title is not None
    )
    return [_planned(number, scene, title) for number, (scene, title) in enumerate(planned, 1)]


def _planned(number: int, scene: _Scene, title: str) -> Picture:
    """One picture; its number determines everything."""
    random = Random(number)
    width, height = size = _size(number, scene, random)
    palette = random.choice(scene.palettes)
    is_animated = scene.suffix == ".gif"
    return Picture(
        id=number,
        path=f"drawn/{number:03}{scene.suffix}",
        load=partial(_render, number, scene, palette, size),
        modified=datetime(2024, 1, 1, 9, 30, tzinfo=UTC) + timedelta(days=5 * number),
        size=width * height // 8,
        width=width,
        height=height,
        duration=FRAMES * FRAME_MS / 1000 if is_animated else 0.0,
        title=title,
        date=_date(random),
        rating100=random.choice((None, None, 20, 40, 60, 80, 80, 100)),
        studio=random.choice(_STUDIOS),
        performers=tuple(random.sample(_ARTISTS, random.choice((0, 1, 1, 1, 2)))),
        galleries=scene.galleries if random.random() < 0.85 else (),
        tags=(*scene.tags, PALETTES[palette][-1]),
    )


def _size(number: int, scene: _Scene, random: Random) -> Size:
    fixed = {".gif": (480, 320), ".png": (800, 800)}
    if number in LARGE_ONES:
        return LARGE
    return fixed.get(scene.suffix) or random.choice(SIZES)


def _date(random: Random) -> str:
    """A day, a month, a year or an empty string, the forms that Stash knows."""
    date = f"{random.randint(2008, 2025)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    return date[: random.choice((10, 10, 10, 10, 7, 4, 0))]


@cache
def _render(number: int, scene: _Scene, palette: str, size: Size) -> bytes:
    """Paint and encode; small pictures are painted at twice their size for smooth edges."""
    detail = 2 if math.prod(size) <= SMOOTH_UP_TO else 1
    mode = "RGBA" if scene.suffix == ".png" else "RGB"
    on = Canvas(mode, (size[0] * detail, size[1] * detail), palette, Random(number))
    scene.paint(on)
    if scene.suffix == ".gif":
        return _animation(on, detail)
    out = io.BytesIO()
    image = on.image.reduce(detail)
    format_ = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[scene.suffix]
    image.save(out, format_, quality=88, method=0, compress_level=3)
    return out.getvalue()


def _animation(on: Canvas, detail: int) -> bytes:
    """A GIF that repeats for ever: a boat sails across the canvas."""
    still = on.image.copy()
    frames = []
    for number in range(FRAMES):
        on.image.paste(still)
        x = on.width * (1.3 * number / FRAMES - 0.15)
        on.boat(x, on.height * 0.8 + on.unit * math.sin(number), on.unit * 22)
        small = on.image.reduce(detail)
        frames.append(small.quantize(96, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0)
    return out.getvalue()
