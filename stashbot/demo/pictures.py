"""The pictures of the demo: drawn ones, or those of a folder.

A `Picture` says what Stash would know of a file and how to get at its bytes; nothing is
drawn or read before somebody asks for it. All functions are thread-safe.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path, PurePosixPath
from random import Random

from PIL import Image, ImageColor, ImageDraw, ImageFilter

from ..errors import SettingsError

TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".heic": "image/heic",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
}


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures that belong together; Stash leaves `title` empty for a mere folder."""

    title: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the library, with what Stash knows of it.

    `path` is relative to the library's root. `load` gives the bytes, or raises OSError
    when the file cannot be read. `size` (bytes) is what the library says: for a drawn
    picture an estimate, since its file does not exist before it is asked for. `width`,
    `height` (pixels) and `duration` (seconds) are 0 where unknown.
    """

    id: int
    path: str
    load: Callable[[], bytes]
    modified: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    size: int = 0
    width: int = 0
    height: int = 0
    duration: float = 0.0
    title: str = ""
    date: str = ""
    rating100: int | None = None
    studio: str = ""
    performers: tuple[str, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def basename(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def type(self) -> str:
        """The MIME type, by the file's extension as Stash has it."""
        return TYPES.get(PurePosixPath(self.path).suffix.lower(), "application/octet-stream")

    @property
    def is_clip(self) -> bool:
        """Whether Stash calls it a video file: GIFs are, animated or not."""
        return self.type == "image/gif" or self.type.startswith("video/")

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that change when the file does, without reading it."""
        about = f"{self.path}\n{self.size}\n{self.modified.isoformat()}"
        return hashlib.md5(about.encode(), usedforsecurity=False).hexdigest()


# --- pictures of a folder ---------------------------------------------------------------


def in_folder(folder: Path) -> list[Picture]:
    """The pictures and clips in a folder and its sub-folders, sorted by path.

    SettingsError when there are none, or no such folder.
    """
    if not folder.is_dir():
        raise SettingsError((f"--pictures {folder}: there is no such folder",))
    found = sorted(path for path in folder.rglob("*") if _is_picture(path.relative_to(folder)))
    files = [path for path in found if path.is_file()]
    if not files:
        kinds = " ".join(suffix.removeprefix(".") for suffix in TYPES)
        raise SettingsError((f"--pictures {folder}: holds no pictures ({kinds})",))
    return [_of_file(number, path, folder) for number, path in enumerate(files, 1)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in TYPES and not any(part.startswith(".") for part in path.parts)


def _of_file(number: int, path: Path, root: Path) -> Picture:
    stat = path.stat()
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    relative = path.relative_to(root)
    width, height = _dimensions(path)
    folder = relative.parent.as_posix()
    return Picture(
        id=number,
        path=relative.as_posix(),
        load=path.read_bytes,
        modified=modified,
        size=stat.st_size,
        width=width,
        height=height,
        title=path.stem,
        date=modified.date().isoformat(),
        galleries=() if folder == "." else (Gallery(folder=f"/data/{folder}"),),
    )


def _dimensions(path: Path) -> tuple[int, int]:
    """Width and height as shown, from the header alone; zeros if Pillow cannot read it."""
    turned = (5, 6, 7, 8)  # EXIF orientations that swap the sides
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(0x0112) in turned else (width, height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0, 0


# --- drawn pictures ---------------------------------------------------------------------

Size = tuple[int, int]  # width, height in pixels
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom

# Sky above, sky at the horizon, light, far things, near things; and the tag they earn.
PALETTES = {
    "dawn": ("#31508c", "#fbcfa6", "#fff3d6", "#b891a8", "#2b2e52", "morning"),
    "sunset": ("#43206b", "#ff9f6e", "#ffe6a3", "#b9536f", "#2a1136", "sunset"),
    "golden": ("#f2a65a", "#fff0cd", "#fffbe6", "#dd9a63", "#5a2d2b", "sunset"),
    "rose": ("#6a5aa8", "#f7d2e0", "#fff6f0", "#a98cc0", "#35295c", "sunset"),
    "day": ("#3f8ac6", "#dcf0f7", "#fffef2", "#86b0c4", "#28584a", "morning"),
    "mint": ("#6fbfbc", "#f4f6df", "#ffffff", "#86bfae", "#1c4649", "morning"),
    "night": ("#060a28", "#304680", "#f4efd2", "#26386a", "#050918", "night"),
    "lagoon": ("#03141f", "#22656f", "#e9f6e0", "#17484f", "#020b11", "night"),
    "violet": ("#150828", "#6b3b7d", "#ffe8c9", "#432458", "#0c0418", "night"),
    "bauhaus": ("#f3e9d6", "#d1495b", "#edae49", "#00798c", "#003d5b", "colour"),
    "terracotta": ("#f6eee3", "#e07a5f", "#f2cc8f", "#81b29a", "#3d405b", "colour"),
    "berry": ("#fdf0f2", "#c9184a", "#ffb3c1", "#6d597a", "#355070", "colour"),
    "citrus": ("#fff8e7", "#ff9f1c", "#cbf3f0", "#2ec4b6", "#22577a", "colour"),
}
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


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour on the way from one to the other, at `share` from 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class _Canvas:
    """A sheet of paper with five colours, and the strokes that several scenes share.

    `ink` is opaque and quick, `wash` takes colours with an alpha. Owned by one thread.
    """

    def __init__(self, mode: str, size: Size, palette: str, random: Random) -> None:
        self.image = Image.new(mode, size)
        self.ink = ImageDraw.Draw(self.image)
        self.wash = ImageDraw.Draw(self.image, "RGBA")
        self.width, self.height = size
        self.unit = min(size) / 100
        self.random = random
        colours = (ImageColor.getrgb(name)[:3] for name in PALETTES[palette][:5])
        self.sky, self.horizon, self.light, self.far, self.near = colours

    def gradient(self, above: Colour, below: Colour, start: float = 0, end: float = 1) -> None:
        """Fill from `start` to `end`, shares of the height; a colour has 256 steps at most."""
        top, bottom = start * self.height, end * self.height
        steps = max(1, min(int(bottom - top), 256))
        edges = [top + (bottom - top) * step / steps for step in range(steps + 1)]
        for step, (y, lower) in enumerate(itertools.pairwise(edges)):
            band = (0, y, self.width, lower)
            self.ink.rectangle(band, fill=_mix(above, below, step / steps))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.ink.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def sun(self, x: float, y: float, radius: float) -> None:
        """A disc in the light colour, with a glow of ever fainter rings."""
        for ring in range(20, 0, -1):
            r = radius * (1 + ring * ring / 90)
            self.wash.ellipse((x - r, y - r, x + r, y + r), fill=(*self.light, 9))
        self.disc(x, y, radius, self.light)

    def curve(self, base: float, rise: float, waves: float = 1) -> list[tuple[float, float]]:
        """Points of a soft line from left to right around `base`, a share of the height."""
        turns = [(n * waves, self.random.uniform(0, math.tau), 0.6**n) for n in range(1, 5)]
        scale = self.width / max(self.width, self.height) * 1.2
        line = []
        for step in range(97):
            swing = sum(
                size * math.sin(phase + often * scale * math.tau * step / 96)
                for often, phase, size in turns
            )
            line.append((self.width * step / 96, self.height * (base - rise * swing)))
        return line

    def ground(self, line: list[tuple[float, float]], colour: Colour) -> None:
        """Fill everything below a line."""
        corners = [(self.width, self.height), (0, self.height)]
        self.ink.polygon([*line, *corners], fill=colour)

    def fir(self, x: float, y: float, height: float, colour: Colour) -> None:
        """A conifer that stands at `x`, `y`."""
        for tier in range(3):
            top = y - height * (1 - 0.24 * tier)
            half = height * (0.13 + 0.06 * tier)
            self.ink.polygon(
                [(x, top), (x + half, top + height * 0.46), (x - half, top + height * 0.46)],
                fill=colour,
            )
        self.ink.rectangle((x - height / 40, y - height / 9, x + height / 40, y), fill=colour)

    def boat(self, x: float, y: float, size: float) -> None:
        """A sailing boat whose waterline is at `x`, `y`."""
        hull = [(-0.5, -0.13), (0.55, -0.13), (0.38, 0.05), (-0.36, 0.05)]
        main = [(0.02, -1.15), (0.02, -0.2), (-0.46, -0.2)]
        jib = [(0.07, -1.05), (0.07, -0.2), (0.5, -0.2)]
        shade = _mix(self.light, self.far, 0.35)
        for shape, colour in ((hull, self.near), (main, self.light), (jib, shade)):
            self.ink.polygon([(x + a * size, y + b * size) for a, b in shape], fill=colour)

    def stars(self, count: int, depth: float) -> None:
        """Stars down to `depth`, a share of the height."""
        for _ in range(count):
            x = self.random.uniform(0, self.width)
            y = self.height * depth * self.random.random() ** 1.3
            radius = self.unit * self.random.choice((0.12, 0.12, 0.18, 0.18, 0.25, 0.4))
            self.disc(x, y, radius, _mix(self.horizon, self.light, self.random.uniform(0.4, 1)))


def _hills(on: _Canvas) -> None:
    on.gradient(on.sky, on.horizon, 0, 0.75)
    x, y = on.random.uniform(0.2, 0.8), on.random.uniform(0.25, 0.42)
    on.sun(x * on.width, y * on.height, on.unit * on.random.uniform(5, 9))
    haze = _mix(on.far, on.horizon, 0.45)
    for layer in range(6):
        line = on.curve(0.5 + 0.085 * layer, 0.045 + 0.008 * layer, 0.8)
        on.ground(line, _mix(haze, on.near, layer / 5))
    for x, y in on.random.sample(line, 9):
        on.fir(x, y + on.unit, on.unit * on.random.uniform(5, 10), on.near)


def _mountains(on: _Canvas) -> None:
    on.gradient(on.sky, on.horizon, 0, 0.8)
    on.sun(on.random.uniform(0.15, 0.85) * on.width, 0.24 * on.height, on.unit * 5)
    for layer in range(3):
        peaks = _peaks(on, 0.42 + 0.14 * layer, 0.26 - 0.06 * layer)
        rock = _mix(_mix(on.far, on.horizon, 0.25), on.near, layer / 2.6)
        if layer < 2:
            on.ground(peaks, _mix(on.light, rock, 0.12 + 0.3 * layer))
            snow = on.height * (0.33 + 0.12 * layer)
            rough = on.unit * 5
            peaks = [(x, max(y, snow + rough * on.random.random())) for x, y in peaks]
        on.ground(peaks, rock)
    for step in range(60):
        y = on.height * (1.02 - 0.05 * on.random.random())
        on.fir(on.width * step / 59, y, on.unit * on.random.uniform(9, 17), on.near)


def _peaks(on: _Canvas, base: float, rise: float) -> list[tuple[float, float]]:
    """A jagged line: each step halves the distance of its points and their freedom."""
    heights = [on.random.uniform(-0.5, 0.6) for _ in range(6)]
    freedom = 0.55
    for _ in range(5):
        between = [
            (a + b) / 2 + on.random.uniform(-freedom, freedom)
            for a, b in itertools.pairwise(heights)
        ]
        pairs = itertools.zip_longest(heights, between)
        heights = [height for pair in pairs for height in pair if height is not None]
        freedom /= 2.1
    last = len(heights) - 1
    return [
        (on.width * n / last, on.height * (base - rise * height))
        for n, height in enumerate(heights)
    ]


def _water(on: _Canvas, horizon: float, x: float) -> None:
    """A sea below the horizon, and on it the light of a sun at `x`."""
    on.gradient(_mix(on.horizon, on.far, 0.55), _mix(on.far, on.near, 0.75), horizon, 1)
    for _ in range(150):
        depth = on.random.random() ** 1.4
        y = on.height * (horizon + (1 - horizon) * depth)
        away = on.random.gauss(0, 3 + 22 * depth) * on.unit
        half = on.unit * (0.8 + 5 * depth) * on.random.uniform(0.5, 1.4)
        thick = on.unit * (0.12 + 0.5 * depth)
        left = x * on.width + away - half
        alpha = int(150 - 90 * depth)
        on.wash.rectangle((left, y, left + 2 * half, y + thick), fill=(*on.light, alpha))


def _empty_sea(on: _Canvas) -> None:
    horizon = on.random.uniform(0.5, 0.62)
    x = on.random.uniform(0.25, 0.75)
    on.gradient(on.sky, on.horizon, 0, horizon)
    on.sun(x * on.width, (horizon - on.random.uniform(0.02, 0.2)) * on.height, on.unit * 8)
    _water(on, horizon, x)


def _sea(on: _Canvas) -> None:
    _empty_sea(on)
    for number in range(on.random.randint(1, 4)):
        depth = on.random.uniform(0.68, 0.75) + 0.06 * number
        x = on.random.uniform(0.1, 0.9) * on.width
        on.boat(x, depth * on.height, on.unit * (22 * depth - 5))


def _starry(on: _Canvas) -> None:
    on.gradient(on.sky, on.horizon)
    on.stars(260, 0.85)
    x, y, radius = on.random.uniform(0.2, 0.8) * on.width, 0.22 * on.height, on.unit * 7
    on.sun(x, y, radius)
    on.disc(x + radius * 0.5, y - radius * 0.25, radius * 0.9, _mix(on.sky, on.horizon, 0.2))
    for layer in range(3):
        line = on.curve(0.76 + 0.07 * layer, 0.03)
        on.ground(line, _mix(on.far, on.near, layer / 2))
    for x, y in line[::2]:
        on.fir(x, y + on.unit, on.unit * on.random.uniform(6, 15), on.near)


def _forest(on: _Canvas) -> None:
    on.gradient(_mix(on.sky, on.horizon, 0.5), on.horizon)
    on.sun(on.random.uniform(0.3, 0.7) * on.width, 0.3 * on.height, on.unit * 7)
    for layer in range(5):
        colour = _mix(_mix(on.horizon, on.far, 0.5), on.near, layer / 4)
        line = on.curve(0.62 + 0.1 * layer, 0.02)
        on.ground(line, colour)
        for x, y in line[layer % 2 :: 2 + layer]:
            size = on.unit * on.random.uniform(9, 16) * (1 + 0.45 * layer)
            on.fir(x + on.unit * on.random.uniform(-2, 2), y + on.unit, size, colour)


def _city(on: _Canvas) -> None:
    on.gradient(on.sky, on.horizon)
    on.stars(90, 0.5)
    on.sun(on.random.uniform(0.15, 0.85) * on.width, 0.22 * on.height, on.unit * 6)
    for layer in range(3):
        colour = _mix(_mix(on.far, on.horizon, 0.25), on.near, layer / 2)
        x = -on.unit * on.random.uniform(0, 6)
        while x < on.width:
            wide = on.unit * on.random.uniform(8, 15)
            tall = on.height * on.random.uniform(0.24, 0.52) * (1 - 0.22 * layer)
            _tower(on, x, on.height - tall, wide, colour)
            x += wide + on.unit * on.random.choice((0, 0.6, 2))


def _tower(on: _Canvas, x: float, y: float, wide: float, colour: Colour) -> None:
    """A house with some of its windows lit."""
    on.ink.rectangle((x, y, x + wide, on.height), fill=colour)
    columns = max(2, int(wide / on.unit / 2.6))
    step = wide / columns
    window = step * 0.42
    lit = _mix(colour, on.light, 0.8)
    for row in range(int((on.height - y) / step)):
        for column in range(columns):
            if on.random.random() < 0.33:
                left, top = x + (column + 0.29) * step, y + (row + 0.5) * step
                on.ink.rectangle((left, top, left + window, top + window * 1.25), fill=lit)


def _waves(on: _Canvas) -> None:
    stops = (on.sky, on.light, on.horizon, on.far, on.near)
    on.gradient(on.sky, _mix(on.sky, on.light, 0.6))
    bands = 11
    for band in range(bands):
        place, share = divmod(band / (bands - 1) * (len(stops) - 1.001), 1)
        colour = _mix(stops[int(place)], stops[int(place) + 1], share)
        on.ground(on.curve(0.16 + 0.8 * band / bands, 0.05, 0.55), colour)


def _geometry(on: _Canvas) -> None:
    colours = [on.sky, on.horizon, on.light, on.far, on.near]
    rows = max(3, round(on.height / on.unit / 22))
    columns = max(3, round(on.width / on.unit / 22))
    wide, high = on.width / columns, on.height / rows
    for row in range(rows):
        for column in range(columns):
            ground, shape, dot = on.random.sample(colours, 3)
            box = (column * wide, row * high, (column + 1) * wide, (row + 1) * high)
            on.ink.rectangle(box, fill=ground)
            on.random.choice(_TILES)(on, box, shape, dot)


def _quarter(on: _Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    """Quarter circles around one corner of the box."""
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    turn = on.random.randrange(4)
    x, y = ((left, top), (right, top), (right, bottom), (left, bottom))[turn]
    for share, ink in ((1.0, colour), (0.5, dot)):
        circle = (x - wide * share, y - high * share, x + wide * share, y + high * share)
        on.ink.pieslice(circle, 90 * turn, 90 * turn + 90, fill=ink)


def _rings(on: _Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    left, top, right, bottom = box
    for inset, ink in ((0.06, colour), (0.3, dot)):
        x, y = (right - left) * inset, (bottom - top) * inset
        on.ink.ellipse((left + x, top + y, right - x, bottom - y), fill=ink)


def _corner(on: _Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    """Half of the box, cut along a diagonal, and a small disc."""
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    corners.pop(on.random.randrange(4))
    on.ink.polygon(corners, fill=colour)
    x, y = corners[1]
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    on.disc((x + middle_x) / 2, (y + middle_y) / 2, (right - left) * 0.1, dot)


def _stripes(on: _Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    left, top, right, bottom = box
    for number in range(5):
        x = left + (right - left) * number / 5
        ink = dot if number == on.random.randrange(5) else colour
        on.ink.rectangle((x, top, x + (right - left) / 10, bottom), fill=ink)


_TILES = (_quarter, _quarter, _quarter, _rings, _corner, _corner, _stripes)


def _aurora(on: _Canvas) -> None:
    """Soft clouds of colour, blurred on a small sheet and enlarged, with bubbles of light."""
    scale = 160 / max(on.image.size)
    cloud = Image.new("RGB", (round(on.width * scale), round(on.height * scale)), on.sky)
    ink = ImageDraw.Draw(cloud)
    for colour in (on.near, on.far, on.horizon, on.far, on.sky, on.horizon, on.light) * 2:
        x, y = on.random.uniform(0, cloud.width), on.random.uniform(0, cloud.height)
        radius = on.random.uniform(10, 34)
        ink.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    soft = cloud.filter(ImageFilter.GaussianBlur(17))
    on.image.paste(soft.resize(on.image.size, Image.Resampling.BILINEAR))
    for _ in range(9):
        x, y = on.random.uniform(0, on.width), on.random.uniform(0, on.height)
        radius = on.unit * on.random.uniform(3, 22)
        circle = (x - radius, y - radius, x + radius, y + radius)
        on.wash.ellipse(circle, fill=(*on.light, on.random.randint(14, 38)))


def _flower(on: _Canvas) -> None:
    """Petals around a heart; what lies outside them stays as it is."""
    x, y = on.width / 2, on.height / 2
    petals = on.random.randint(7, 12)
    rings = ((47, on.horizon), (38, on.far), (29, on.light), (19, on.near))
    for ring, (length, colour) in enumerate(rings):
        for number in range(petals):
            turn = (number + ring / 2) * math.tau / petals
            on.ink.polygon(list(_petal(x, y, turn, length * on.unit, petals)), fill=colour)
    on.disc(x, y, 7 * on.unit, on.light)


def _petal(
    x: float, y: float, turn: float, length: float, petals: int
) -> Iterator[tuple[float, float]]:
    for step in range(41):
        angle = math.pi * step / 20
        along = length * (1 - math.cos(angle)) / 2
        aside = length * 1.5 / petals * math.sin(angle) * (0.5 + along / length / 2)
        yield (
            x + along * math.cos(turn) - aside * math.sin(turn),
            y + along * math.sin(turn) + aside * math.cos(turn),
        )


@dataclass(frozen=True)
class _Scene:
    """A motif: how it is painted, and what its pictures have in common.

    `titles` makes as many pictures as it has parts between bars; a part may be empty.
    """

    paint: Callable[[_Canvas], None]
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
        _hills,
        BY_DAY,
        ("landscape", "hills"),
        (_VALLEYS,),
        "Evening over the vineyards|Seven ridges|The shepherd's path||Before the rain"
        "|Тихий вечер в предгорьях|Warm wind|The last warm day",
    ),
    _Scene(
        _sea,
        (*BY_DAY, "violet"),
        ("sea", "boats"),
        (_SEA,),
        "Two sails at noon|Regatta ⛵ day one 🌊|Homeward|Slack water|Past the lighthouse"
        '||Salt <b>&"light"</b>|Calm',
    ),
    _Scene(
        _geometry,
        IN_COLOUR,
        ("geometry", "abstract"),
        (_SHAPES,),
        "Composition with quarters|Tiles I|Tiles II|A town seen from above|Counterpoint"
        "||Patchwork|Fugue in five colours",
    ),
    _Scene(
        _mountains,
        BY_DAY,
        ("landscape", "mountains"),
        (_VALLEYS, _UNSORTED),
        f"First light on the north face|{LONG_TITLE}|Above the tree line|Three sisters||"
        "Cold and clear|The pass|Thaw",
    ),
    _Scene(
        _starry,
        BY_NIGHT,
        ("stars", "forest"),
        (_NIGHTS,),
        "New moon|Counting stars|The clearing|Late August|Owl's hour|Nobody awake||Silver",
    ),
    _Scene(
        _waves,
        (*IN_COLOUR, "sunset", "lagoon", "rose"),
        ("waves", "abstract"),
        (_SHAPES,),
        "Undertow|Strata|Silk|Slow music|Drift|Eleven tides|Sandstone|",
    ),
    _Scene(
        _forest,
        ("mint", "dawn", "day", "golden", "rose"),
        ("forest", "fog"),
        (_UNSORTED,),
        "Mist between the firs|A quiet hour|Where the path ends|Five greys|Breath"
        "|Mushroom weather||Early train",
    ),
    _Scene(
        _city,
        (*BY_NIGHT, "sunset"),
        ("city",),
        (_CITY, _NIGHTS),
        "Somebody is still up|Rooftops|Quarter past eleven||The harbour district"
        "|Ten thousand windows|Last tram|Insomnia",
    ),
    _Scene(
        _aurora,
        ("lagoon", "violet", "night", "sunset", "rose", "mint"),
        ("abstract",),
        (),
        "Northern light|Afterimage|Glass|Behind closed eyes|Slow colour||Lanterns in fog|Ether",
        ".webp",
    ),
    _Scene(
        _flower,
        IN_COLOUR,
        ("flowers", "geometry"),
        (_SHAPES,),
        "Anemone|Dahlia|Paper rose|Water lily",
        ".png",
    ),
    _Scene(_empty_sea, ("sunset",), ("sea", "animation"), (_SEA,), "A boat goes by", ".gif"),
)
_ARTISTS = (
    *("Ines Valcour", "Anton Berezin", "Odile Marchetti", "Kofi Lindqvist", "Rosa Whitfield"),
    *("Лев Зимин", "Petra Novák-Hale", "Juno Castellane", "Amir Delorme", "Sanna Ilves"),
    *("Elodie Brandt", "Marsh & Daughters"),
)
_STUDIOS = ("Lantern House", "Northlight Press", "Paper Kite", "")


def drawn() -> list[Picture]:
    """Seventy-odd pictures of eleven motifs; each is drawn when its bytes are asked for."""
    rounds = itertools.zip_longest(*(scene.titles.split("|") for scene in _SCENES))
    planned = (
        (scene, title)
        for titles in rounds
        for scene, title in zip(_SCENES, titles, strict=True)
        if title is not None
    )
    return [_planned(number, scene, title) for number, (scene, title) in enumerate(planned, 1)]


def _planned(number: int, scene: _Scene, title: str) -> Picture:
    """One picture to be; everything about it follows from its number."""
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
    """A full date, a month, a year, or nothing: as Stash keeps them."""
    date = f"{random.randint(2008, 2025)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    return date[: random.choice((10, 10, 10, 10, 7, 4, 0))]


@cache
def _render(number: int, scene: _Scene, palette: str, size: Size) -> bytes:
    """Paint and encode; small sheets are painted at twice their size, for smooth edges."""
    detail = 2 if math.prod(size) <= SMOOTH_UP_TO else 1
    mode = "RGBA" if scene.suffix == ".png" else "RGB"
    on = _Canvas(mode, (size[0] * detail, size[1] * detail), palette, Random(number))
    scene.paint(on)
    if scene.suffix == ".gif":
        return _animation(on, detail)
    out = io.BytesIO()
    image = on.image.reduce(detail)
    format_ = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[scene.suffix]
    image.save(out, format_, quality=88, method=0, compress_level=3)
    return out.getvalue()


def _animation(on: _Canvas, detail: int) -> bytes:
    """A boat that sails across what is on the canvas and comes again, for ever."""
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
