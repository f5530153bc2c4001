"""Why a picture came: its weight and its earlier showings in words, and buttons to vote. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from ..models import Button, Explanation, Facet, Feature, Reason, Rows, Vote, VoteCounts
from .catalogue import Texts, calendar_day, decimal
from .labels import label, plain

#: Votes on a feature of an image: `prefer:<vote>:<facet>:<id>:<image>`.
PREFER = re.compile(
    r"prefer:(?P<vote>like|dislike|none):(?P<facet>performer|gallery|studio|tag)"
    r":(?P<id>\d{1,18}):(?P<image>\d{1,18})"
)
#: Characters of a name on a button, without an icon: two buttons share a row, each with two words.
NAME = 16
#: Earlier showings with their dates.
MOST_DATES = 3

_ICONS = {Vote.LIKE: "👍", Vote.DISLIKE: "👎"}
_STYLES = {Vote.DISLIKE: "danger", Vote.LIKE: "success"}


def weight(found: Explanation, texts: Texts) -> list[str]:
    """The lines about the weight of an image, with the reasons for it."""
    tenths = int(10 * max(found.weight, 1 / found.weight) + 0.5)
    if tenths == 10 and not found.reasons:
        return [texts("why.no_votes")]
    lines = [_times(tenths, texts, is_likelier=found.weight > 1)]
    lines += [_reason(each, texts) for each in found.reasons]
    if found.left_out:
        key = "why.left_out" if found.reasons else "why.weak"
        lines.append(texts(key, n=found.left_out))
    return [*lines, texts("why.bounded")] if found.is_bounded else lines


def showings(days: Sequence[date], texts: Texts, *, is_repeat: bool) -> str:
    """When a picture was shown in the chat: on the present day, and on earlier ones before it."""
    if len(days) == 1:
        return texts("why.first")
    shown = list(dict.fromkeys(calendar_day(day, texts) for day in days[1:]))
    more = ["…"] if len(shown) > MOST_DATES else []
    before = texts("why.before", days=" · ".join(shown[:MOST_DATES] + more))
    return f"{before}\n{texts('why.repeat')}" if is_repeat else before


def offered(data: Iterable[str]) -> set[Feature]:
    """The features that have buttons, by the callback data of these."""
    found = filter(None, map(PREFER.fullmatch, data))
    return {Feature(Facet(each["facet"]), int(each["id"])) for each in found}


def buttons(
    image_id: int,
    features: Iterable[Feature],
    votes: Mapping[Feature, VoteCounts],
    texts: Texts,
    *,
    is_private: bool,
) -> Rows:
    """Two buttons for each feature: less and more of it; marked, or in a group with the count."""
    return [
        [
            _button(each, Vote.DISLIKE, counts.dislikes, image_id, texts, is_private=is_private),
            _button(each, Vote.LIKE, counts.likes, image_id, texts, is_private=is_private),
        ]
        for each in features
        for counts in [votes.get(each, VoteCounts())]
    ]


def _button(
    feature: Feature, vote: Vote, count: int, image_id: int, texts: Texts, *, is_private: bool
) -> Button:
    """A button for a vote on a feature. The mark stands first: a long name is cut at its end."""
    mark = ("✓ " if is_private else f"✓ {count} · ") if count else ""
    asked = "none" if count and is_private else vote
    text = texts(f"why.button_{vote}", name=plain(feature, texts, NAME))
    data = f"prefer:{asked}:{feature.facet}:{feature.id}:{image_id}"
    return Button(f"{mark}{text}", data, style=_STYLES[vote])


def _times(tenths: int, texts: Texts, *, is_likelier: bool) -> str:
    """How many tenths of the usual weight, or the inverse of it."""
    if tenths == 10:
        return texts("why.same")
    if tenths == 20 and not is_likelier:
        return texts("why.half")
    # Of a fraction there is the plural form that Russian has for 2.
    n = 2 if tenths % 10 else tenths // 10
    return texts(f"why.{'likelier' if is_likelier else 'rarer'}", n=n, times=decimal(tenths, texts))


def _reason(reason: Reason, texts: Texts) -> str:
    """The votes that explain the direction: given ones, or the few among the pictures shown."""
    counts, name = reason.counts, label(reason.feature, texts)
    is_for = (reason.factor, counts.likes) > (1, counts.dislikes)
    sides = [(Vote.LIKE, counts.likes), (Vote.DISLIKE, counts.dislikes)]
    (vote, given), (other, least) = sides if is_for else reversed(sides)
    if given:
        votes = counts.likes + counts.dislikes
        return texts("why.votes", icon=_ICONS[vote], given=given, n=votes, name=name)
    return texts("why.shown", icon=_ICONS[other], given=least, n=counts.shown, name=name)
