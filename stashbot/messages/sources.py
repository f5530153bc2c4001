"""Sources in words: on buttons, above a caption, and where they have no pictures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..models import Button, Feature, Place, Rows, Source, SourceKind
from .catalogue import Texts
from .labels import LONG_NAME, shortened
from .plain_text import cleaned

#: Asks for pictures from a source: `pick:<count>:<key>`.
PICK = re.compile(r"pick:(?P<count>\d{1,2}):(?P<source>[a-z]+(:\d{1,18})?)")
#: Makes a saved filter the chat's standing source.
PIN = re.compile(r"pin:(?P<id>\d{1,18})")
#: Brings back a feature that was asked for by its name.
UNHIDE = re.compile(r"unhide:(?P<facet>[a-z]+):(?P<id>\d{1,18})")
#: The most saved filters in one list: each has two buttons, and a message 100.
MOST_FILTERS = 45


def label(source: Source, texts: Texts, length: int = LONG_NAME) -> str:
    """An icon, and the source's name, cut to `length` characters."""
    if source.kind is SourceKind.TODAY and source.id:
        month, day = divmod(source.id, 100)
        return texts("source.day", day=day, month=texts(f"month.{month}"))
    name = cleaned(source.name) or texts("source.nameless", id=source.id)
    return texts(f"source.kind.{source.kind}", name=shortened(name, length))


def heading(place: Place, features: Iterable[Feature], texts: Texts) -> str:
    """The line above a caption; empty for a picture from the whole library.

    The name of a tag, performer, gallery or studio is taken from the image's `features`.
    """
    source = place.source
    if place.is_library:
        return ""
    names = (one.name for one in features if (one.facet, one.id) == (source.facet, source.id))
    return label(Source(source.kind, source.id, next(names, source.name)), texts)


def options(sources: Sequence[Source], count: int, texts: Texts) -> Rows:
    """A button for each source that may be meant."""
    return [[Button(label(one, texts), f"pick:{count}:{one.key}")] for one in sources]


def hidden(source: Source, texts: Texts) -> Rows:
    """The button that brings a hidden tag, performer, gallery or studio back."""
    text = f"↩️ {label(source, texts)}"
    return [[Button(text, f"unhide:{source.facet}:{source.id}")]]


def filters(found: Sequence[Source], standing: Source, texts: Texts) -> Rows:
    """Two buttons for each saved filter: one picture from it, and to make it standing."""
    rows = []
    for one in found[:MOST_FILTERS]:
        pin = "📌 ✓" if one == standing else "📌"
        rows.append([*options([one], 1, texts)[0], Button(pin, f"pin:{one.id}")])
    return rows
