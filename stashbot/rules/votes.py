"""The effect of a vote button. Pure.

A button names the vote that it asks for, so pressing it twice has the effect of pressing it
once. A group shares one keyboard, where the buttons cannot show each user's own vote: there
a second press on the same button takes the vote back, unless it is a double tap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..models import Press, Vote

#: A second press in a group within this time is a double tap.
DOUBLE_TAP = timedelta(seconds=2)
#: Telegram keeps an update for a day. After a week without updates it picks a new, random id.
REDELIVERED_FOR = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class StoredVote:
    """A user's last vote on an image: the vote, or None after it was taken back.

    `id` grows with each change by any user. The vote counts in `chat_id` and in the user's
    private chat. The last change, at `voted_at` (UTC), took back the vote `taken_back`, if any.
    `update_id` is the last update that was read.
    """

    id: int
    chat_id: int
    vote: Vote | None
    taken_back: Vote | None
    voted_at: datetime
    update_id: int


def is_redelivered(last: StoredVote, press: Press, now: datetime) -> bool:
    """Whether the press was read before: the user's vote has this update or a later one."""
    return press.update_id <= last.update_id and abs(now - last.voted_at) < REDELIVERED_FOR


def vote_after(last: StoredVote | None, press: Press, now: datetime) -> Vote | None:
    """The user's vote on the image after the press; `last` is the vote before it, if any."""
    is_group = press.chat_id != press.user_id
    if last is None or press.vote is None or not is_group or last.chat_id != press.chat_id:
        return press.vote
    is_quick = abs(now - last.voted_at) <= DOUBLE_TAP
    if is_quick and press.vote in (last.vote, last.taken_back):
        return last.vote
    return None if press.vote is last.vote else press.vote


def is_change(last: StoredVote | None, press: Press, vote: Vote | None) -> bool:
    """Whether `vote` after the press differs from `last`, or counts in another chat.

    A private press on the vote that the user gave in a group leaves it in the group.
    """
    if last is None:
        return vote is not None
    is_elsewhere = press.chat_id not in (last.chat_id, press.user_id)
    return vote is not last.vote or (vote is not None and is_elsewhere)
