"""Which messages of a chat are deleted now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..models import OwnMessage

#: Telegram deletes messages of a bot until this age, and so many in one call:
#: https://core.telegram.org/bots/api#deletemessages
OLDEST = timedelta(hours=48)
MOST = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """The ids of messages to delete, one batch a call, and of those that are too old for it."""

    batches: Sequence[Sequence[int]]
    too_old: Sequence[int]


def plan(messages: Sequence[OwnMessage], delete_after: int, now: datetime) -> Plan:
    """Plan the deletion of unwanted messages, and of those that are `delete_after` hours old.

    0 hours stand for never.
    """
    latest = now - timedelta(hours=delete_after)
    due = [
        each for each in messages if each.is_unwanted or (delete_after and each.sent_at <= latest)
    ]
    young = [each.message_id for each in due if now - each.sent_at < OLDEST]
    too_old = [each.message_id for each in due if now - each.sent_at >= OLDEST]
    return Plan([young[at : at + MOST] for at in range(0, len(young), MOST)], too_old)
