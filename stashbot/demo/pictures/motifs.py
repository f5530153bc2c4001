"""The motifs of the drawn pictures: each function paints one scene with random details."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFilter

from .canvas import Canvas, Colour, mix

Box = tuple[float, float, float, float]  # left, top, right, bottom


def hills(on: Canvas) -> None:
    on.gradient(on.sky, on.horizon, 0, 0.75)
    x, y = on.random.uniform(0.2, 0.8), on.random.uniform(0.25, 0.42)
    on.sun(x * on.width, y * on.height, on.unit * on.random.uniform(5, 9))
    haze = mix(on.far, on.horizon, 0.45)
    for layer in range(6):
        line = on.curve(0.5 + 0.085 * layer, 0.045 + 0.008 * layer, 0.8)
        on.ground(line, mix(haze, on.near, layer / 5))
    for x, y in on.random.sample(line, 9):
        on.fir(x, y + on.unit, on.unit * on.random.uniform(5, 10), on.near)


def mountains(on: Canvas) -> None:
    on.gradient(on.sky, on.horizon, 0, 0.8)
    on.sun(on.random.uniform(0.15, 0.85) * on.width, 0.24 * on.height, on.unit * 5)
    for layer in range(3):
        peaks = _peaks(on, 0.42 + 0.14 * layer, 0.26 - 0.06 * layer)
        rock = mix(mix(on.far, on.horizon, 0.25), on.near, layer / 2.6)
        if layer < 2:
            on.ground(peaks, mix(on.light, rock, 0.12 + 0.3 * layer))
            snow = on.height * (0.33 + 0.12 * layer)
            rough = on.unit * 5
            peaks = [(x, max(y, snow + rough * on.random.random())) for x, y in peaks]
        on.ground(peaks, rock)
    for step in range(60):
        y = on.height * (1.02 - 0.05 * on.random.random())
        on.fir(on.width * step / 59, y, on.unit * on.random.uniform(9, 17), on.near)


def _peaks(on: Canvas, base: float, rise: float) -> list[tuple[float, float]]:
    """A jagged line by midpoint displacement."""
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


def _water(on: Canvas, horizon: float, x: float) -> None:
    """A sea below the horizon, and on it the light of a sun at `x`."""
    on.gradient(mix(on.horizon, on.far, 0.55), mix(on.far, on.near, 0.75), horizon, 1)
    for _ in range(150):
        depth = on.random.random() ** 1.4
        y = on.height * (horizon + (1 - horizon) * depth)
        away = on.random.gauss(0, 3 + 22 * depth) * on.unit
        half = on.unit * (0.8 + 5 * depth) * on.random.uniform(0.5, 1.4)
        thick = on.unit * (0.12 + 0.5 * depth)
        left = x * on.width + away - half
        alpha = int(150 - 90 * depth)
        on.wash.rectangle((left, y, left + 2 * half, y + thick), fill=(*on.light, alpha))


def empty_sea(on: Canvas) -> None:
    horizon = on.random.uniform(0.5, 0.62)
    x = on.random.uniform(0.25, 0.75)
    on.gradient(on.sky, on.horizon, 0, horizon)
    on.sun(x * on.width, (horizon - on.random.uniform(0.02, 0.2)) * on.height, on.unit * 8)
    _water(on, horizon, x)


def sea(on: Canvas) -> None:
    empty_sea(on)
    for number in range(on.random.randint(1, 4)):
        depth = on.random.uniform(0.68, 0.75) + 0.06 * number
        x = on.random.uniform(0.1, 0.9) * on.width
        on.boat(x, depth * on.height, on.unit * (22 * depth - 5))


def starry(on: Canvas) -> None:
    on.gradient(on.sky, on.horizon)
    on.stars(260, 0.85)
    x, y, radius = on.random.uniform(0.2, 0.8) * on.width, 0.22 * on.height, on.unit * 7
    on.sun(x, y, radius)
    on.disc(x + radius * 0.5, y - radius * 0.25, radius * 0.9, mix(on.sky, on.horizon, 0.2))
    for layer in range(3):
        line = on.curve(0.76 + 0.07 * layer, 0.03)
        on.ground(line, mix(on.far, on.near, layer / 2))
    for x, y in line[::2]:
        on.fir(x, y + on.unit, on.unit * on.random.uniform(6, 15), on.near)


def forest(on: Canvas) -> None:
    on.gradient(mix(on.sky, on.horizon, 0.5), on.horizon)
    on.sun(on.random.uniform(0.3, 0.7) * on.width, 0.3 * on.height, on.unit * 7)
    for layer in range(5):
        colour = mix(mix(on.horizon, on.far, 0.5), on.near, layer / 4)
        line = on.curve(0.62 + 0.1 * layer, 0.02)
        on.ground(line, colour)
        for x, y in line[layer % 2 :: 2 + layer]:
            size = on.unit * on.random.uniform(9, 16) * (1 + 0.45 * layer)
            on.fir(x + on.unit * on.random.uniform(-2, 2), y + on.unit, size, colour)


def city(on: Canvas) -> None:
    on.gradient(on.sky, on.horizon)
    on.stars(90, 0.5)
    on.sun(on.random.uniform(0.15, 0.85) * on.width, 0.22 * on.height, on.unit * 6)
    for layer in range(3):
        colour = mix(mix(on.far, on.horizon, 0.25), on.near, layer / 2)
        x = -on.unit * on.random.uniform(0, 6)
        while x < on.width:
            wide = on.unit * on.random.uniform(8, 15)
            tall = on.height * on.random.uniform(0.24, 0.52) * (1 - 0.22 * layer)
            _tower(on, x, on.height - tall, wide, colour)
            x += wide + on.unit * on.random.choice((0, 0.6, 2))


def _tower(on: Canvas, x: float, y: float, wide: float, colour: Colour) -> None:
    """A house with some of its windows lit."""
    on.ink.rectangle((x, y, x + wide, on.height), fill=colour)
    columns = max(2, int(wide / on.unit / 2.6))
    step = wide / columns
    window = step * 0.42
    lit = mix(colour, on.light, 0.8)
    for row in range(int((on.height - y) / step)):
        for column in range(columns):
            if on.random.random() < 0.33:
                left, top = x + (column + 0.29) * step, y + (row + 0.5) * step
                on.ink.rectangle((left, top, left + window, top + window * 1.25), fill=lit)


def waves(on: Canvas) -> None:
    stops = (on.sky, on.light, on.horizon, on.far, on.near)
    on.gradient(on.sky, mix(on.sky, on.light, 0.6))
    bands = 11
    for band in range(bands):
        place, share = divmod(band / (bands - 1) * (len(stops) - 1.001), 1)
        colour = mix(stops[int(place)], stops[int(place) + 1], share)
        on.ground(on.curve(0.16 + 0.8 * band / bands, 0.05, 0.55), colour)


def geometry(on: Canvas) -> None:
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


def _quarter(on: Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    """Quarter circles around one corner of the box."""
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    turn = on.random.randrange(4)
    x, y = ((left, top), (right, top), (right, bottom), (left, bottom))[turn]
    for share, ink in ((1.0, colour), (0.5, dot)):
        circle = (x - wide * share, y - high * share, x + wide * share, y + high * share)
        on.ink.pieslice(circle, 90 * turn, 90 * turn + 90, fill=ink)


def _rings(on: Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    left, top, right, bottom = box
    for inset, ink in ((0.06, colour), (0.3, dot)):
        x, y = (right - left) * inset, (bottom - top) * inset
        on.ink.ellipse((left + x, top + y, right - x, bottom - y), fill=ink)


def _corner(on: Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    """Half of the box, cut along a diagonal, and a small disc."""
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    corners.pop(on.random.randrange(4))
    on.ink.polygon(corners, fill=colour)
    x, y = corners[1]
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    on.disc((x + middle_x) / 2, (y + middle_y) / 2, (right - left) * 0.1, dot)


def _stripes(on: Canvas, box: Box, colour: Colour, dot: Colour) -> None:
    left, top, right, bottom = box
    for number in range(5):
        x = left + (right - left) * number / 5
        ink = dot if number == on.random.randrange(5) else colour
        on.ink.rectangle((x, top, x + (right - left) / 10, bottom), fill=ink)


_TILES = (_quarter, _quarter, _quarter, _rings, _corner, _corner, _stripes)


def aurora(on: Canvas) -> None:
    """Clouds of colour, blurred in a small image and enlarged, with bright circles."""
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


def flower(on: Canvas) -> None:
    """Petals around a centre; the area outside stays unpainted."""
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
