"""A sheet for a painter: an SVG text, and the strokes that several painters use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

WHITE, BLACK, CLEAR = "#ffffff", "#000000", "#00000000"
THINGS = Path(__file__).with_name("things.svg").read_text("utf-8")

Point = tuple[float, float]
Pair = tuple[str, str]  # what fills a thing, and its other colour


def mix(one: str, other: str, share: float) -> str:
    """A colour between two; `share` from 0 (one) to 1 (other)."""
    pairs = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()


class Sheet:
    """An SVG drawing whose shorter side is 100 units long. Owned by one thread.

    A colour is "#rrggbb", or "#rrggbbaa" for a transparent one. `moment` is the time within a
    film, from 0 to below 1; the film repeats without a jump.
    """

    def __init__(
        self, size: tuple[int, int], colours: Sequence[str], seed: int, moment: float
    ) -> None:
        self._pixels = size
        self.w, self.h = (side * 100 / min(size) for side in size)
        self.sky, self.horizon, self.light, self.far, self.near = self.colours = colours
        self.moment = moment
        self.random = Random(seed)
        self._paints: dict[str, str] = {}
        self.marks: list[str] = []

    def __str__(self) -> str:
        width, height = self._pixels
        head = f'xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        view = f'viewBox="0 0 {self.w:.3f} {self.h:.3f}" preserveAspectRatio="none"'
        paints = "".join(paint.format(name) for paint, name in self._paints.items())
        return f"<svg {head} {view}><defs>{THINGS}{paints}</defs>{''.join(self.marks)}</svg>"

    def between(self, low: float, high: float) -> float:
        return self.random.uniform(low, high)

    def place(self, top: float = 0, bottom: float = 1) -> Point:
        """A random point between two shares of the height."""
        return self.between(0, self.w), self.between(top, bottom) * self.h

    def sway(self, phase: float) -> float:
        """From -1 to 1 and back in the course of a film."""
        return math.sin(math.tau * (self.moment + phase))

    def fade(self, *colours: str) -> str:
        """A gradient from the top of a shape to its foot."""
        return self._paint("linearGradient", 'x2="0" y2="1"', colours)

    def glow(self, *colours: str) -> str:
        """A gradient from the centre of a shape to its border."""
        return self._paint("radialGradient", "", colours)

    def _paint(self, tag: str, where: str, colours: Sequence[str]) -> str:
        last = len(colours) - 1
        stops = (f'<stop offset="{n / last}" stop-color="{c}"/>' for n, c in enumerate(colours))
        paint = f'<{tag} id="{{}}" {where}>{"".join(stops)}</{tag}>'
        return f"url(#{self._paints.setdefault(paint, f'p{len(self._paints)}')})"

    def disc(self, x: float, y: float, r: float, fill: str, ry: float = 0) -> None:
        where = f'cx="{x:.2f}" cy="{y:.2f}" rx="{r:.2f}" ry="{ry or r:.2f}"'
        self.marks.append(f'<ellipse {where} fill="{fill}"/>')

    def box(self, x: float, y: float, w: float, h: float, fill: str) -> None:
        where = f'x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}"'
        self.marks.append(f'<rect {where} fill="{fill}"/>')

    def land(self, line: Sequence[Point], fill: str) -> None:
        """Fill the area below a line."""
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in line)
        foot = f"{self.w * 1.2:.2f},{self.h * 1.3:.2f} {-self.w * 0.2:.2f},{self.h * 1.3:.2f}"
        self.marks.append(f'<polygon points="{points} {foot}" fill="{fill}"/>')

    def wave(self, base: float, rise: float) -> list[Point]:
        """A random line from left to right around `base`, a share of the height."""
        turns = [(n * self.w / 1500, self.between(0, 7), 0.6**n) for n in range(1, 5)]
        return [
            (self.w * x, self.h * base - rise * sum(a * math.sin(p + f * n) for f, p, a in turns))
            for n, x in enumerate(step / 100 - 0.05 for step in range(111))
        ]

    def thing(self, name: str, at: Point, size: float, colours: Pair, turn: float = 0) -> None:
        """Place one of things.svg with its two colours, scaled, and turned by degrees."""
        moved = f"translate({at[0]:.2f} {at[1]:.2f}) rotate({turn:.1f}) scale({size:.3f})"
        paint = f'fill="{colours[0]}" color="{colours[1]}"'
        self.marks.append(f'<use href="#{name}" transform="{moved}" {paint}/>')

    def mirror(self, marks: list[str], level: float) -> None:
        """Water below a level, with these marks again, pale and upside down."""
        self.box(0, level, self.w, self.h, self.fade(mix(self.horizon, self.far, 0.6), self.near))
        where = f'transform="translate(0 {2 * level:.2f}) scale(1 -1)" opacity=".4"'
        self.marks += [f"<g {where}>", *marks, "</g>"]

    def backdrop(self, *colours: str) -> None:
        """Fill the sheet from top to bottom; without colours, with the sky."""
        sky = (self.sky, mix(self.sky, self.horizon, 0.5), self.horizon, self.horizon)
        self.box(0, 0, self.w, self.h, self.fade(*(colours or sky)))
