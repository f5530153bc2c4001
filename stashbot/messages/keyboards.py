"""The buttons under pictures and lists, and their callback data. Pure.

The callback data names the state that a press asks for, so a second press on the same button
has no further effect.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

from ..models import Button, Exclusion, Feature, Rows, SentPicture, SourceKind, Vote, VoteCounts
from .catalogue import Texts
from .labels import label
from .menu import unfolded

#: The callback data of the button that asks for the next picture, from the source of the last.
NEXT = re.compile(r"next(:(?P<source>[a-z]+(:\d{1,18})?))?")
#: Pictures in the album of the best.
MOST_BEST = 10
#: Entries on a page of the exclusions.
PAGE = 8

# Keyboards of older versions end with a number, and with `:ticked` on the marked button.
VOTE = re.compile(
    r"vote:(?P<vote>like|dislike|none):(?P<image>\d{1,18})(:\d{1,18}(?P<ticked>:ticked)?)?"
)
EXCLUDE = re.compile(
    r"(?P<action>exclude|include):(?P<facet>image|gallery|performer|studio|tag)"
    r":(?P<id>\d{1,18}):(?P<image>\d{1,18})"
)
RATE = re.compile(r"rate:(?P<stars>[0-5]):(?P<image>\d{1,18})")
RESTORE = re.compile(r"restore:(?P<id>\d{1,18}):(?P<page>\d{1,6})")
EXCLUDED = re.compile(r"excluded:(?P<page>\d{1,6})")
#: Asks for the statistics as a picture.
CHART = re.compile("chart")
FORGET = re.compile(r"forget:(?P<answer>ask|sure|yes|no)")

_VOTE_ICONS = {Vote.LIKE: "👍", Vote.DISLIKE: "👎"}


@dataclass(frozen=True)
class UnderPicture:
    """The state from which the buttons under a picture are drawn.

    `features` are its names, and `url` is its address in Stash, empty for no such button.
    `has_stars` if ratings may be given; `stars` are those that are marked.
    """

    image: Feature
    features: Sequence[Feature]
    votes: VoteCounts
    sent: SentPicture
    is_private: bool
    excluded: Collection[Feature] = ()
    url: str = ""
    has_stars: bool = False
    stars: int | None = None


def under_picture(about: UnderPicture, texts: Texts) -> Rows:
    """👍 👎 ➡️ ⋯, or the menu unfolded below them; after a dislike, a button to hide things.

    ➡️ names the source of the next picture. Under a picture from those that are liked, a button
    asks for the best of them.
    """
    image_id, votes, source = about.image.id, about.votes, following(about.sent.source)
    row = [
        _vote(Vote.LIKE, votes.likes, image_id, is_private=about.is_private),
        _vote(Vote.DISLIKE, votes.dislikes, image_id, is_private=about.is_private),
        Button(texts("button.next"), f"next:{source}" if source else "next"),
    ]
    if about.sent.is_unfolded:
        names, *rest = unfolded(about.image, about.features, about.excluded, texts, about.url)
        return [row, *names, *rating(about), *rest]
    row.append(Button(texts("button.menu"), f"menu:{image_id}"))
    rows = [row]
    if votes.dislikes:
        rows.append([Button(texts("button.hide"), f"menu:{image_id}", style="danger")])
    if about.sent.source == SourceKind.LIKED:
        rows.append([Button(texts("button.best"), f"pick:{MOST_BEST}:{SourceKind.BEST}")])
    return rows


def under_album(
    votes: Sequence[tuple[int, VoteCounts]],
    count: int,
    source: str,
    texts: Texts,
    *,
    is_private: bool,
) -> Rows:
    """👍 n and 👎 n for each image of an album with its votes, and ➡️ for `count` others.

    Counts take room: in a group each image has a row of its own.
    """
    pairs = [
        [
            _vote(Vote.LIKE, counts.likes, image_id, is_private=is_private, number=number),
            _vote(Vote.DISLIKE, counts.dislikes, image_id, is_private=is_private, number=number),
        ]
        for number, (image_id, counts) in enumerate(votes, 1)
    ]
    step = 2 if is_private else 1
    rows = [list(chain(*pairs[at : at + step])) for at in range(0, len(pairs), step)]
    again = Button(f"{texts('button.next')} {count}", f"pick:{count}:{following(source)}")
    return [*rows, [again]]


def following(source: str) -> str:
    """The source of the pictures after one: after the best come others that are liked."""
    return SourceKind.LIKED if source == SourceKind.BEST else source


def rating(about: UnderPicture) -> Rows:
    """A button for each rating; the marked one takes it back."""
    if not about.has_stars:
        return []
    return [
        [
            Button(f"⭐ {stars} ✓", f"rate:0:{about.image.id}")
            if stars == about.stars
            else Button(f"⭐ {stars}", f"rate:{stars}:{about.image.id}")
            for stars in range(1, 6)
        ]
    ]


def listing(page: int, shown: Sequence[Exclusion], count: int, texts: Texts) -> Rows:
    """A button for each exclusion that drops it, and arrows if there are more pages."""
    entries = [
        [Button(f"↩️ {label(each.feature, texts)}", f"restore:{each.id}:{page}")] for each in shown
    ]
    return [*entries, *arrows(page, count, "excluded")]


def arrows(page: int, count: int, data: str) -> Rows:
    """A row with arrows to the pages before and after this one, none if there are none."""
    row = []
    if page > 0:
        row.append(Button("◀️", f"{data}:{page - 1}"))
    if (page + 1) * PAGE < count:
        row.append(Button("▶️", f"{data}:{page + 1}"))
    return [row] if row else []


def _vote(vote: Vote, count: int, image_id: int, *, is_private: bool, number: int = 0) -> Button:
    """A vote button: marked with the user's own vote, or in a group with the count.

    `number` is that of a picture in an album.
    """
    icon = f"{_VOTE_ICONS[vote]} {number or ''}".strip()
    if count and is_private:
        return Button(f"{icon} ✓", f"vote:none:{image_id}")
    mark = f"{':' if number else ''} {count}" if count else ""
    return Button(f"{icon}{mark}", f"vote:{vote}:{image_id}")
