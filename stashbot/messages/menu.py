"""The menu under a picture: all that can be done with it, one row for each name. Pure.

It unfolds in the keyboard of the picture, and folds again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from ..models import Button, Facet, Feature, Rows, Source, SourceKind
from .catalogue import Texts
from .labels import label

#: Unfolds or folds the menu of a picture.
FOLD = re.compile(r"(?P<action>menu|fold):(?P<image>\d{1,18})")
#: Asks for a message about a picture, or for its original.
ABOUT = re.compile(r"(?P<what>info|original|why):(?P<image>\d{1,18})")
#: The names of a picture that have a row, at most so many of each facet, in this order.
MOST_NAMES = {Facet.PERFORMER: 6, Facet.GALLERY: 3, Facet.STUDIO: 1, Facet.TAG: 6}
#: Characters of a name on a button that shares its row with another.
NAME = 24


def named(features: Iterable[Feature]) -> list[Feature]:
    """The names that have a row, in their order."""
    features = list(features)
    return [
        each
        for facet, most in MOST_NAMES.items()
        for each in [one for one in features if one.facet is facet][:most]
    ]


def unfolded(
    image: Feature,
    features: Iterable[Feature],
    excluded: Collection[Feature],
    texts: Texts,
    url: str,
) -> tuple[Rows, Sequence[Button], Sequence[Button]]:
    """A row for each name, one to hide the picture, and one for the rest.

    `image` is the picture itself as a feature. Without a `url` no button leads to Stash.
    """
    rows = [
        [
            Button(f"🎲 {label(each, texts, NAME)}", f"pick:1:{_source(each).key}"),
            hide(each, image.id, excluded, texts),
        ]
        for each in named(features)
    ]
    alike = Source(SourceKind.LIKE, image.id)
    more = [
        Button("🔎", f"pick:1:{alike.key}"),
        Button("❓", f"why:{image.id}"),
        Button("ⓘ", f"info:{image.id}"),
        Button("📄", f"original:{image.id}"),
        *([Button("🔗", url=url)] if url else []),
        Button("←", f"fold:{image.id}"),
    ]
    return rows, [hide(image, image.id, excluded, texts)], more


def hiding(
    image: Feature, features: Iterable[Feature], excluded: Collection[Feature], texts: Texts
) -> Rows:
    """A button to hide the picture, and one for each of its names."""
    offered = [image, *named(features)]
    return [[hide(each, image.id, excluded, texts, whole=True)] for each in offered]


def hide(
    feature: Feature,
    image_id: int,
    excluded: Collection[Feature],
    texts: Texts,
    *,
    whole: bool = False,
) -> Button:
    """The button that hides a feature, or brings it back; with its name if it stands alone."""
    action = "include" if feature in excluded else "exclude"
    form = "picture" if feature.facet is Facet.IMAGE else "named" if whole else "short"
    text = texts(f"menu.{action}_{form}", name=label(feature, texts))
    style = "danger" if action == "exclude" else ""
    return Button(text, f"{action}:{feature.facet}:{feature.id}:{image_id}", style=style)


def _source(feature: Feature) -> Source:
    return Source(SourceKind(feature.facet), feature.id, feature.name)
