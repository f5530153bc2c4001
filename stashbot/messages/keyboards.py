"""The buttons under pictures and lists: what they say, and what comes back from a press.

Pure. `shown`, in the data of a thumb, is the newest ballot that its keyboard shows; a thumb
with a tick says so. What excludes and what brings back are different data, so that a second
tap does the same once more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from ..models import Button, Exclusion, Facet, Feature, Rows, Standing, Vote
from .catalogue import Texts
from .plain_text import cleaned

#: The callback data of the button that asks for the next picture.
NEXT = "next"
#: Entries on a page of what is excluded.
PAGE = 8
#: What a name may take of a button: three share a row on a narrow screen.
NAME, LONG_NAME = 14, 40

THUMB = re.compile(
    r"vote:(?P<thumb>like|dislike):(?P<image>\d{1,18}):(?P<shown>\d{1,18})(?P<ticked>:ticked)?"
)
EXCLUDE = re.compile(
    r"(?P<what>exclude|include):(?P<facet>image|gallery|performer)"
    r":(?P<id>\d{1,18}):(?P<image>\d{1,18})"
)
RESTORE = re.compile(r"restore:(?P<id>\d{1,18}):(?P<page>\d{1,6})")
EXCLUDED = re.compile(r"excluded:(?P<page>\d{1,6})")
FORGET = re.compile(r"forget:(?P<answer>ask|sure|yes|no)")

#: What can be excluded, in the order in which it is offered.
EXCLUDABLE = (Facet.IMAGE, Facet.GALLERY, Facet.PERFORMER)
_THUMBS = {Vote.LIKE: "👍", Vote.DISLIKE: "👎"}
_ICONS = {Facet.IMAGE: "🖼", Facet.GALLERY: "📁", Facet.PERFORMER: "👤", Facet.TAG: "🏷"}


def under_picture(
    image_id: int,
    standing: Standing,
    features: Iterable[Feature],
    excluded: Collection[Feature],
    texts: Texts,
    *,
    is_private: bool,
) -> Rows:
    """Thumbs and ➡️; where somebody dislikes it, what can be excluded of its `features`."""
    counts = {Vote.LIKE: standing.likes, Vote.DISLIKE: standing.dislikes}
    data = f"{image_id}:{standing.newest}"
    thumbs = [_thumb(vote, count, data, is_private=is_private) for vote, count in counts.items()]
    row = [*thumbs, Button(texts("button.next"), NEXT)]
    if not standing.dislikes:
        return [row]
    return [row, [_exclude(each, image_id, excluded, texts) for each in _offered(features)]]


def listing(page: int, shown: Sequence[Exclusion], count: int, texts: Texts) -> Rows:
    """A button for each entry that brings it back, and arrows where there are more pages."""
    entries = [
        [Button(f"↩️ {label(each.feature, texts, LONG_NAME)}", f"restore:{each.id}:{page}")]
        for each in shown
    ]
    arrows = []
    if page > 0:
        arrows.append(Button("◀️", f"excluded:{page - 1}"))
    if (page + 1) * PAGE < count:
        arrows.append(Button("▶️", f"excluded:{page + 1}"))
    return [*entries, arrows] if arrows else entries


def label(feature: Feature, texts: Texts, length: int) -> str:
    """An icon and the feature's name, cut to so many characters."""
    name = cleaned(feature.name) or texts(f"unnamed.{feature.facet}", id=feature.id)
    shown = name if len(name) <= length else f"{name[: length - 1].rstrip()}…"
    return f"{_ICONS[feature.facet]} {shown}"


def _thumb(vote: Vote, count: int, data: str, *, is_private: bool) -> Button:
    """A thumb that shows a person's own vote, or how many there are in a group."""
    text = _THUMBS[vote]
    if not count:
        return Button(text, f"vote:{vote}:{data}")
    if is_private:
        return Button(f"{text} ✓", f"vote:{vote}:{data}:ticked")
    return Button(f"{text} {count}", f"vote:{vote}:{data}")


def _offered(features: Iterable[Feature]) -> list[Feature]:
    """Of each facet that can be excluded the first: the image, its gallery, its performer."""
    firsts: dict[Facet, Feature] = {}
    for feature in features:
        firsts.setdefault(feature.facet, feature)
    return [firsts[facet] for facet in EXCLUDABLE if facet in firsts]


def _exclude(
    feature: Feature, image_id: int, excluded: Collection[Feature], texts: Texts
) -> Button:
    what, icon = ("include", "🚫") if feature in excluded else ("exclude", "")
    return Button(
        f"{icon}{label(feature, texts, NAME)}", f"{what}:{feature.facet}:{feature.id}:{image_id}"
    )
