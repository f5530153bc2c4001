"""The effect of a vote button. Pure.

A button names the vote that it asks for, so pressing it twice has the effect of pressing it
once. A group shares one keyboard, where the buttons cannot show each user's own vote: there
a second press on the same button takes the vote back, unless it is a double tap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ..models import Press, Vote

#: The reactions that count as a vote.
LIKES = frozenset("👍❤🔥🥰😍👏🎉🤩💯")
DISLIKES = frozenset("👎💩🤮😡")
#: A second press in a group within this time is a double tap.
DOUBLE_TAP = timedelta(seconds=2)
#: Telegram keeps an update for a day. After a week without updates it picks a new, random id.
REDELIVERED_FOR = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class StoredVote:
    """A user's last vote on an image: None after it was taken back, and for three stars.

    `id` grows with each change by any user. The vote counts in `chat_id` and in the user's
    private chat. The last change, at `voted_at` (UTC), took back the vote `taken_back`, if any.
    `update_id` is the last update that was read. `stars` are those that made the vote.
    """

    id: int
    chat_id: int
    vote: Vote | None
    taken_back: Vote | None
    voted_at: datetime
    update_id: int
    stars: int | None = None


class Opinion(NamedTuple):
    """A user's vote on an image, and the stars (1 to 5) that made it, if they did."""

    vote: Vote | None = None
    stars: int | None = None


NO_OPINION = Opinion()


def is_redelivered(last: StoredVote, press: Press, now: datetime) -> bool:
    """Whether the press was read before: the user's vote has this update or a later one."""
    return press.update_id <= last.update_id and abs(now - last.voted_at) < REDELIVERED_FOR


def vote_of_reactions(emoji: Iterable[str]) -> Vote | None:
    """The vote that a user's reactions to a picture count as."""
    plain = [each.removesuffix("\ufe0f") for each in emoji]
    if any(each in LIKES for each in plain):
        return Vote.LIKE
    return Vote.DISLIKE if any(each in DISLIKES for each in plain) else None


def vote_of(stars: int) -> Vote | None:
    """The vote that so many stars, 1 to 5, count as."""
    return Vote.LIKE if stars >= 4 else Vote.DISLIKE if stars <= 2 else None


def after(last: StoredVote | None, press: Press, now: datetime) -> Opinion:
    """The user's opinion of the image after the press; `last` is the one before it, if any."""
    asked = Opinion(press.vote, press.stars)
    is_group = press.chat_id != press.user_id and not press.is_reaction
    if last is None or asked == NO_OPINION or not is_group or last.chat_id != press.chat_id:
        return asked
    opinion = Opinion(last.vote, last.stars)
    is_quick = abs(now - last.voted_at) <= DOUBLE_TAP
    was_taken_back = opinion == NO_OPINION and press.vote is last.taken_back
    if is_quick and (asked == opinion or was_taken_back):
        return opinion
    return NO_OPINION if asked == opinion else asked


def is_change(last: StoredVote | None, press: Press, opinion: Opinion) -> bool:
    """Whether `opinion` after the press differs from `last`, or counts in another chat.

    A private press on the vote that the user gave in a group leaves it in the group.
    """
    if last is None:
        return opinion != NO_OPINION
    is_elsewhere = press.chat_id not in (last.chat_id, press.user_id)
    is_other = opinion != Opinion(last.vote, last.stars)
    return is_other or (opinion != NO_OPINION and is_elsewhere)
