"""The buttons under pictures and lists, and their callback data. Pure.

The callback data names the state that a press asks for, so a second press on the same button
has no further effect.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from ..models import Button, Exclusion, Facet, Feature, Rows, Vote, VoteCounts
from .catalogue import Texts
from .plain_text import cleaned

#: The callback data of the button that asks for the next picture, from the source of the last.
NEXT = re.compile(r"next(:(?P<source>[a-z]+(:\d{1,18})?))?")
#: Entries on a page of the exclusions.
PAGE = 8
#: Characters of a name on a button that shares its row with two others.
NAME = 14
#: Characters of a name on a button of its own, and in a text.
LONG_NAME = 40

# Keyboards of older versions end with a number, and with `:ticked` on the marked button.
VOTE = re.compile(
    r"vote:(?P<vote>like|dislike|none):(?P<image>\d{1,18})(:\d{1,18}(?P<ticked>:ticked)?)?"
)
EXCLUDE = re.compile(
    r"(?P<action>exclude|include):(?P<facet>image|gallery|performer)"
    r":(?P<id>\d{1,18}):(?P<image>\d{1,18})"
)
RESTORE = re.compile(r"restore:(?P<id>\d{1,18}):(?P<page>\d{1,6})")
EXCLUDED = re.compile(r"excluded:(?P<page>\d{1,6})")
FORGET = re.compile(r"forget:(?P<answer>ask|sure|yes|no)")

#: The facets that can be excluded, in the order of their buttons.
EXCLUDABLE = (Facet.IMAGE, Facet.GALLERY, Facet.PERFORMER)
_VOTE_ICONS = {Vote.LIKE: "👍", Vote.DISLIKE: "👎"}
_ICONS = {Facet.IMAGE: "🖼", Facet.GALLERY: "📁", Facet.PERFORMER: "👤", Facet.TAG: "🏷"}


def under_picture(
    image_id: int,
    votes: VoteCounts,
    features: Iterable[Feature],
    excluded: Collection[Feature],
    texts: Texts,
    *,
    source: str,
    is_private: bool,
) -> Rows:
    """👍 👎 ➡️; with a dislike also the buttons that exclude the image or a feature of it.

    `source` is the key of the source from which the next picture comes, empty for the chat's.
    """
    row = [
        _vote(Vote.LIKE, votes.likes, image_id, is_private=is_private),
        _vote(Vote.DISLIKE, votes.dislikes, image_id, is_private=is_private),
        Button(texts("button.next"), f"next:{source}" if source else "next"),
    ]
    if not votes.dislikes:
        return [row]
    return [row, [_exclude(each, image_id, excluded, texts) for each in _offered(features)]]


def listing(page: int, shown: Sequence[Exclusion], count: int, texts: Texts) -> Rows:
    """A button for each exclusion that drops it, and arrows if there are more pages."""
    entries = [
        [Button(f"↩️ {label(each.feature, texts)}", f"restore:{each.id}:{page}")] for each in shown
    ]
    arrows = []
    if page > 0:
        arrows.append(Button("◀️", f"excluded:{page - 1}"))
    if (page + 1) * PAGE < count:
        arrows.append(Button("▶️", f"excluded:{page + 1}"))
    return [*entries, arrows] if arrows else entries


def label(feature: Feature, texts: Texts, length: int = LONG_NAME) -> str:
    """An icon and the feature's name, cut to `length` characters."""
    name = cleaned(feature.name) or texts(f"unnamed.{feature.facet}", id=feature.id)
    return f"{_ICONS[feature.facet]} {shortened(name, length)}"


def shortened(name: str, length: int) -> str:
    """The name, cut to `length` characters with an ellipsis."""
    return name if len(name) <= length else f"{name[: length - 1].rstrip()}…"


def _vote(vote: Vote, count: int, image_id: int, *, is_private: bool) -> Button:
    """A vote button: marked with the user's own vote, or in a group with the count."""
    icon = _VOTE_ICONS[vote]
    if count and is_private:
        return Button(f"{icon} ✓", f"vote:none:{image_id}")
    return Button(f"{icon} {count or ''}".strip(), f"vote:{vote}:{image_id}")


def _offered(features: Iterable[Feature]) -> list[Feature]:
    """The image, its first gallery and its first performer."""
    firsts = {feature.facet: feature for feature in reversed(list(features))}
    return [firsts[facet] for facet in EXCLUDABLE if facet in firsts]


def _exclude(
    feature: Feature, image_id: int, excluded: Collection[Feature], texts: Texts
) -> Button:
    action, icon = ("include", "🚫") if feature in excluded else ("exclude", "")
    text = icon + label(feature, texts, NAME)
    return Button(text, f"{action}:{feature.facet}:{feature.id}:{image_id}")
