"""Painters of the demo's pictures: each paints several motifs of motifs.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .sheet import BLACK, CLEAR, WHITE, Pair, Sheet, mix

Motif = Mapping[str, Any]  # a table of motifs.toml


def outdoors(on: Sheet, motif: Motif) -> None:
    """A sky or the deep sea; below it water or layers of land; in front a hero."""
    middle = (on.w / 2, on.h / 2)
    if not motif.get("is_bare"):
        on.backdrop()
    for n in range(motif.get("stars", 0)):
        bright, r = mix(on.horizon, on.light, on.between(0.3, 1)), on.between(0.1, 0.45) ** 1.3
        on.disc(*on.place(), r * (1 + 0.4 * on.sway(n / 7)), bright)
    for name in motif.get("behind", ()):
        on.thing(name, middle, max(on.w, on.h * 0.8) / 100, (on.light, on.light))
    x, y, r = on.between(0.2, 0.8) * on.w, on.between(0.18, 0.42) * on.h, motif.get("sun", 6)
    on.disc(x, y, r * 5, on.glow(*(on.light + alpha for alpha in ("99", "33", "00"))))
    on.disc(x, y, r, on.light)
    for name, count in motif.get("air", {}).items():
        for n in range(count):
            left, top = (n + on.between(0.2, 0.8)) * on.w / count, on.between(0.12, 0.5) * on.h
            at = (left + 4 * on.sway(n / 5), top + on.sway(n / 3))
            on.thing(name, at, on.between(0.5, 1.1), _colours(on, motif, 1))
    if "rows" in motif:
        _water(on, motif, x)
    for n, things in enumerate(motif.get("lands", ())):
        _land(on, motif, n / (len(motif["lands"]) - 1), things)
    if "hero" in motif:
        on.thing(motif["hero"], middle, 1, _colours(on, motif, 1))
    for n in range(motif.get("flakes", 0)):
        x, y = on.place()
        fallen = (y + on.h * on.moment * (1 + n % 2)) % on.h
        on.disc(x + on.sway(n / 7), fallen, on.between(0.15, 0.6), f"{WHITE}cc")


def _colours(on: Sheet, motif: Motif, near: float) -> Pair:
    """The two colours of a thing: the motif's own ones, or darker ones the nearer it is."""
    if "colours" in motif:
        fill, colour = on.random.sample(motif["colours"], 2)
        return mix(fill, on.near, 0.15), colour
    return mix(on.far, on.near, near), mix(on.light, WHITE, 0.3)


def _land(on: Sheet, motif: Motif, near: float, things: Mapping[str, int]) -> None:
    """One layer of land with things on it; `near` is from 0 to 1."""
    top, colour = motif.get("land_from", 0.5), mix(on.far, on.near, near)
    line = on.wave(top + (0.92 - top) * near, motif.get("rise", 4))
    colour = mix(colour, motif.get("land", colour), 0.3 + 0.7 * near)
    on.land(line, on.fade(colour, mix(colour, on.horizon, 0.45)))
    for name, count in things.items():
        for x, y in on.random.sample(line[8:-8], count):
            size = (0.45 + 1.1 * near) * on.between(0.7, 1.2)
            on.thing(name, (x, y + 1), size, _colours(on, motif, 0.4 + 0.6 * near))


def _water(on: Sheet, motif: Motif, sun_x: float) -> None:
    """Water that mirrors the sun and rows of things, with boats."""
    level, step, start = motif["level"] * on.h, motif.get("step", 16), len(on.marks)
    for n, names in enumerate(motif["rows"], 1):
        x, near = on.between(-step, 0), n / len(motif["rows"])
        while names and x < on.w + step:
            size = on.between(0.85, 1.25) * (1.25 - 0.35 * near)
            on.thing(on.random.choice(names), (x, level), size, _colours(on, motif, near))
            x += step * size * on.between(0.95, 1.1)
    on.mirror(on.marks[start:], level)
    for n in range(90):
        depth, wide = (n / 90) ** 1.6, (1 + n / 10) * on.between(0.3, 1)
        x = sun_x + on.random.gauss(0, 2 + n / 12) + on.sway(n / 9)
        x = on.between(0, on.w) if n % 3 == 0 else x
        on.disc(x, level + 0.6 + (on.h - level) * depth, wide, f"{on.light}80", 0.12 + n / 200)
    for near in (0.1, 0.27, 0.6)[: motif.get("boats", 0)]:
        at = (on.between(0.1, 0.9) * on.w + 3 * on.sway(near), level + (on.h - level) * near)
        on.thing("boat", at, 0.6 + 2.4 * near, _colours(on, {}, 1), 3 * on.sway(0.2 + near))


def portrait(on: Sheet, motif: Motif) -> None:
    ground, cloth, accent = on.random.sample(on.colours, 3)
    on.backdrop(mix(ground, WHITE, 0.3), ground)
    size, x = on.between(1.05, 1.2), on.w / 2 + on.between(-6, 6)
    at = (x, on.h - 62 * size)
    on.disc(*at, 42, mix(ground, accent, 0.55))
    green = mix("#4d8b5a", accent, 0.4)
    on.thing(on.random.choice(motif["plants"]), at, size, (green, mix(green, BLACK, 0.2)))
    skin, hair = on.random.choice(motif["skins"]), on.random.choice(motif["hairs"])
    for name in on.random.choice(motif["heads"]):
        on.thing(name, at, size, (cloth, skin) if name == "bust" else (hair, accent))


def shelf(on: Sheet, motif: Motif) -> None:
    """Things on boards in front of a wall."""
    wall, board = on.random.sample(on.colours, 2)
    wall, board = mix(wall, "#e6dccd", 0.6), mix(board, "#8a6a50", 0.6)
    on.backdrop(mix(wall, WHITE, 0.35), wall, mix(wall, BLACK, 0.15))
    for level in motif["boards"]:
        x, y, thick = on.between(12, 16), level * on.h, motif["thick"]
        on.box(0, y, on.w, thick, on.fade(mix(board, WHITE, 0.2), mix(board, BLACK, 0.3)))
        on.box(0, y + thick, on.w, 4, on.fade("#00000033", CLEAR))
        while x < on.w - 8:
            at = (x, y + on.between(0.05, 0.35) * (thick - 3))
            fill, colour = on.random.sample(on.colours, 2)
            on.disc(x + 8, at[1] - 0.5, 15, on.glow("#00000066", CLEAR), 2)
            colours = (mix(fill, "#c9a27c", 0.25), colour)
            on.thing(on.random.choice(motif["things"]), at, motif["size"], colours)
            x += 26 * motif["size"] * on.between(0.9, 1.1)


def spread(on: Sheet, motif: Motif) -> None:
    """Things in columns and rows on a cloth."""
    cloth, stripe = on.random.sample(on.colours, 2)
    on.backdrop(*(mix(cloth, motif["cloth"], share) for share in (0.75, 0.6)))
    for n in range(int(on.w / 10) + 1):
        on.box(n * 10, 0, motif["stripe"], on.h, f"{stripe}55")
    columns, rows = (max(2, round(side / motif["step"])) for side in (on.w, on.h))
    size = min(on.w / columns, on.h / rows) / motif["step"]
    for n in range(columns * rows):
        at = ((n % columns + 0.5) * on.w / columns, (n // columns + 0.5) * on.h / rows)
        fill, colour = on.random.sample(motif.get("colours", on.colours), 2)
        name, turn = on.random.choice(motif["things"]), motif["turn"] * on.random.randrange(-2, 3)
        on.thing(name, at, size, (fill, colour), turn)


def scatter(on: Sheet, motif: Motif) -> None:
    """Things all over, the later the brighter."""
    on.backdrop(mix(on.near, on.far, 0.3), on.near)
    for n in range(motif["count"]):
        fill = mix(on.near, on.random.choice(motif["colours"]), motif.get("dim", n / 70))
        name, size = on.random.choice(motif["things"]), on.between(*motif["size"])
        colours = (fill, mix(fill, WHITE, 0.25))
        on.thing(name, on.place(-0.1, 1.1), size * (1 + 0.1 * on.sway(n / 7)), colours, 73 * n)


PAINTERS = {each.__name__: each for each in (outdoors, portrait, shelf, spread, scatter)}
