"""The statistics of a chat as an SVG drawing. Pure.

Parts without numbers are left out. The width of a text is estimated, and a name is also cut at
the edge of its place, so that no font makes it run into a number.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator
from datetime import timedelta

from ..models import ChatStatistics
from .catalogue import Texts
from .labels import LONG_NAME, label, shortened

WIDTH = 1080
MARGIN = 60
#: The width of the parts, and the space between two of them.
ROOM = WIDTH - 2 * MARGIN
GAP = 36
#: Sizes of the fonts.
HEADING, TEXT, SMALL = 44, 38, 32
#: The height of the bars of days, and of one row of names.
BARS, ROW = 230, 72
#: The width of a number beside a name.
NUMBER = 140

INK, GREY, PALE = "#1f2933", "#66727f", "#e6ebf0"
BLUE, GREEN, RED = "#3b82c4", "#3fa66b", "#d9675f"

_NARROW = frozenset("ijlIft.,:;'|/\\!()[] ")
_BROAD = frozenset("mwMWжшщюыфЖШЩЮЫФ@%…—")
#: Unicode has them, XML 1.0 does not: https://www.w3.org/TR/xml/#charsets
_NOT_IN_XML = dict.fromkeys((0xFFFE, 0xFFFF))

#: A drawn part: its height and its elements.
_Part = tuple[int, str]


def chart(about: ChatStatistics, texts: Texts) -> str:
    """The drawing, 1080 units wide and at most 1350 high; only its background without numbers."""
    top, body = MARGIN, ""
    for draw in (_days, _votes, _liked, _library):
        for height, elements in draw(about, texts):
            body += f'<g transform="translate({MARGIN} {top})">{elements}</g>'
            top += height + GAP
    height = max(top - GAP, MARGIN) + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        ' font-family="DejaVu Sans, Noto Sans, sans-serif">'
        f"{_box(0, 0, WIDTH, height, '#ffffff')}{body}</svg>"
    )


def fitted(text: str, size: int, room: float) -> str:
    """The text, cut with an ellipsis if it is wider than its room by our estimate."""
    while text and sum(map(_ems, text)) * size > room:
        text = shortened(text, len(text) - 1)
        if text == "…":
            break
    return text


def _days(about: ChatStatistics, texts: Texts) -> Iterator[_Part]:
    most, count = max(about.per_day, default=0), len(about.per_day)
    if not most:
        return
    pitch, top = ROOM / count, HEADING + 60
    drawn = _heading(texts("chart.days", n=sum(about.per_day)))
    for number, pictures in enumerate(about.per_day):
        height = max(BARS * pictures / most, 4)
        colour = BLUE if pictures else PALE
        drawn += _box(number * pitch, top + BARS - height, 0.78 * pitch, height, colour)
    at = list(about.per_day).index(most)
    anchor = "start" if at < 2 else "end" if at > count - 3 else "middle"
    x = {"start": 0.0, "end": float(ROOM), "middle": (at + 0.39) * pitch}[anchor]
    drawn += _text(x, top - 10, texts("chart.number", n=most), SMALL, INK, anchor)
    last_day = about.first_day + timedelta(days=count - 1)
    for x, day, anchor in ((0.0, about.first_day, "start"), (float(ROOM), last_day, "end")):
        words = texts("chart.day", day=day.day, month=texts(f"month.{day.month}"))
        drawn += _text(x, top + BARS + 42, words, SMALL, GREY, anchor)
    yield top + BARS + 50, drawn


def _votes(about: ChatStatistics, texts: Texts) -> Iterator[_Part]:
    likes, dislikes = about.votes.likes, about.votes.dislikes
    if not likes + dislikes:
        return
    border = ROOM * likes / (likes + dislikes)
    drawn = _heading(texts("stats.votes")) + _box(0, 68, border, 40, GREEN)
    drawn += _box(border, 68, ROOM - border, 40, RED)
    if likes:
        drawn += _text(0, 152, texts("chart.likes", n=likes), TEXT, GREEN)
    if dislikes:
        drawn += _text(ROOM, 152, texts("chart.dislikes", n=dislikes), TEXT, RED, "end")
    yield 160, drawn


def _liked(about: ChatStatistics, texts: Texts) -> Iterator[_Part]:
    if not about.liked:
        return
    drawn, most = _heading(texts("preferences.most")), max(votes.likes for _, votes in about.liked)
    for row, (feature, votes) in enumerate(about.liked):
        y = 56 + row * ROW
        name = label(feature, texts, LONG_NAME).partition(" ")[2]  # many fonts have no icons
        shown = _text(0, 42, fitted(name, TEXT, ROOM - NUMBER), TEXT, INK)
        drawn += f'<svg y="{y}" width="{ROOM - NUMBER}" height="56">{shown}</svg>'
        drawn += _text(ROOM, y + 42, texts("chart.number", n=votes.likes), TEXT, GREEN, "end")
        drawn += _box(0, y + 56, ROOM, 8, PALE)
        drawn += _box(0, y + 56, ROOM * votes.likes / most, 8, GREEN)
    yield 56 + len(about.liked) * ROW, drawn


def _library(about: ChatStatistics, texts: Texts) -> Iterator[_Part]:
    seen, images = min(about.seen, about.images), about.images
    if not images:
        return
    drawn = _heading(texts("stats.library")) + _box(0, 68, ROOM, 40, PALE)
    drawn += _box(0, 68, ROOM * seen / images, 40, BLUE)
    words = texts("chart.seen", n=images, seen=texts("chart.number", n=seen))
    drawn += _text(0, 152, words, TEXT, INK)
    if share := 100 * seen // images:
        drawn += _text(ROOM, 152, texts("chart.share", n=share), TEXT, BLUE, "end")
    yield 160, drawn


def _heading(text: str) -> str:
    return _text(0, HEADING, text, HEADING, INK, weight="bold")


def _text(
    x: float, y: int, text: str, size: int, colour: str, anchor: str = "start", weight: str = ""
) -> str:
    shown = html.escape(text.translate(_NOT_IN_XML))
    bold = f' font-weight="{weight}"' if weight else ""
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" fill="{colour}"'
        f' text-anchor="{anchor}"{bold}>{shown}</text>'
    )


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>'


def _ems(char: str) -> float:
    """The width of a character in sizes of the font, as a rule too large."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF" or char in _BROAD:
        return 1.1
    return 0.42 if char in _NARROW else 0.85 if char.isupper() else 0.68
