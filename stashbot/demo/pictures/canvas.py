"""A canvas for the drawn pictures: palettes, and strokes that several scenes use."""

from __future__ import annotations

import itertools
import math
from random import Random

from PIL import Image, ImageColor, ImageDraw

Size = tuple[int, int]  # width, height in pixels
Colour = tuple[int, int, int]

# Upper sky, sky at the horizon, light, far objects, near objects, and the tag of the palette.
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


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two; `share` from 0 (one) to 1 (other)."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Canvas:
    """An image with five colours and common strokes. Owned by one thread.

    `ink` draws opaque and fast; `wash` takes colours with alpha.
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
        """Fill from `start` to `end`, shares of the height, in at most 256 steps."""
        top, bottom = start * self.height, end * self.height
        steps = max(1, min(int(bottom - top), 256))
        edges = [top + (bottom - top) * step / steps for step in range(steps + 1)]
        for step, (y, lower) in enumerate(itertools.pairwise(edges)):
            band = (0, y, self.width, lower)
            self.ink.rectangle(band, fill=mix(above, below, step / steps))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.ink.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def sun(self, x: float, y: float, radius: float) -> None:
        """A disc in the light colour with a glow of rings."""
        for ring in range(20, 0, -1):
            r = radius * (1 + ring * ring / 90)
            self.wash.ellipse((x - r, y - r, x + r, y + r), fill=(*self.light, 9))
        self.disc(x, y, radius, self.light)

    def curve(self, base: float, rise: float, waves: float = 1) -> list[tuple[float, float]]:
        """Points of a smooth line from left to right around `base`, a share of the height."""
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
        """Fill the area below a line."""
        corners = [(self.width, self.height), (0, self.height)]
        self.ink.polygon([*line, *corners], fill=colour)

    def fir(self, x: float, y: float, height: float, colour: Colour) -> None:
        """A conifer whose foot is at `x`, `y`."""
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
        shade = mix(self.light, self.far, 0.35)
        for shape, colour in ((hull, self.near), (main, self.light), (jib, shade)):
            self.ink.polygon([(x + a * size, y + b * size) for a, b in shape], fill=colour)

    def stars(self, count: int, depth: float) -> None:
        """Stars down to `depth`, a share of the height."""
        for _ in range(count):
            x = self.random.uniform(0, self.width)
            y = self.height * depth * self.random.random() ** 1.3
            radius = self.unit * self.random.choice((0.12, 0.12, 0.18, 0.18, 0.25, 0.4))
            self.disc(x, y, radius, mix(self.horizon, self.light, self.random.uniform(0.4, 1)))
