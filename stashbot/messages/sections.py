"""Texts in Telegram's HTML: bold headings with lines below them, without zeros. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from ..models import VoteCounts
from .catalogue import Texts

_DOT = " · "


def section(heading: str, lines: Iterable[str]) -> list[str]:
    """The lines below a bold heading, all escaped, after an empty line; nothing without lines."""
    shown = [html.escape(line, quote=False) for line in lines if line]
    return ["", f"<b>{html.escape(heading, quote=False)}</b>", *shown] if shown else []


def numbers(counts: Mapping[str, int], texts: Texts) -> str:
    """The numbers by the keys of their phrases, in one line; zeros are left out."""
    return joined(texts(key, n=n) for key, n in counts.items() if n)


def votes(counts: VoteCounts) -> str:
    """The likes and the dislikes as far as there are any: `👍 3 · 👎 1`."""
    given = {"👍": counts.likes, "👎": counts.dislikes}
    return joined(f"{icon} {n}" for icon, n in given.items() if n)


def joined(parts: Iterable[str]) -> str:
    """The parts that are not empty, in one line."""
    return _DOT.join(filter(None, parts))
