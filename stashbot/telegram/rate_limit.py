"""How fast to send: what Telegram takes, and the wait that keeps us within it.

Moments are seconds on a clock that only goes forward; it is always the caller's. None
of these limits is published in full: they are those of the Bots FAQ
(https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this), kept
with a little room, since messages are not as far apart when they arrive as when they left.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass

from ..models import Priority


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `messages` in any stretch of `seconds`."""

    messages: int
    seconds: float


#: What holds for what a person waits for, for what the clock sends, and for what nobody waits
#: for. People may have a few messages at once; all else leaves them that room.
Limits = Mapping[Priority, tuple[Limit, ...]]


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What holds for all messages together, and for those to one person or one group."""

    overall: Limits
    person: Limits
    group: Limits


#: 30 a second in all, 1 a second to a chat, 20 a minute to a group.
TELEGRAM_LIMITS = RateLimits(
    overall={
        Priority.USER: (Limit(5, 0.18),),
        Priority.SCHEDULE: (Limit(4, 0.18),),
        Priority.BACKGROUND: (Limit(3, 0.18),),
    },
    person={
        Priority.USER: (Limit(3, 3.1),),
        Priority.SCHEDULE: (Limit(1, 1.1), Limit(3, 3.1)),
        Priority.BACKGROUND: (Limit(2, 3.1),),
    },
    group={
        Priority.USER: (Limit(3, 3.1), Limit(20, 61)),
        Priority.SCHEDULE: (Limit(1, 1.1), Limit(3, 3.1), Limit(20, 61)),
        Priority.BACKGROUND: (Limit(2, 3.1), Limit(15, 61)),
    },
)
#: Seconds that somebody whose turn has come may take to go.
TURN = 0.2
#: How many chats are remembered before those that are long silent are forgotten.
CHATS = 200


class RateLimiter:
    """Knows what was sent when, as far back as it matters. Not thread-safe.

    An album counts as many messages as it has items. One that is over a limit by itself
    goes when nothing else is in the way, and what follows waits as long as for that many.
    """

    def __init__(self, rules: RateLimits) -> None:
        self._rules = rules
        self._all = _Sent(rules.overall)
        self._chats: dict[int, _Sent] = {}

    def wait(self, chat_id: int, now: float, *, messages: int = 1, priority: Priority) -> float:
        """The seconds until so many messages may go to a chat, 0 if they may go now.

        Whoever has to wait there is waited for by all of a lower priority, or an album that needs
        a chat of its own for a moment would never find it.
        """
        seconds, chat = self._all.wait(now, messages, priority), self._chats.get(chat_id)
        if chat:
            seconds = max(
                seconds, chat.wait(now, messages, priority), chat.others_first(now, priority)
            )
            if seconds and priority is not Priority.BACKGROUND:
                chat.awaited_until[priority] = now + seconds + TURN
        return seconds

    def take(self, chat_id: int, now: float, *, messages: int = 1) -> None:
        """Count messages that go to a chat now."""
        self._all.add(now, messages)
        self._chat(chat_id, now).add(now, messages)

    def pause(self, chat_id: int, now: float, seconds: float) -> None:
        """Leave a chat alone for so long: Telegram has asked for it."""
        chat = self._chat(chat_id, now)
        chat.paused_until = max(chat.paused_until, now + seconds)

    def _chat(self, chat_id: int, now: float) -> _Sent:
        if chat_id not in self._chats:
            if len(self._chats) >= CHATS:
                self._chats = {id: sent for id, sent in self._chats.items() if sent.matters(now)}
            self._chats[chat_id] = _Sent(self._rules.group if chat_id < 0 else self._rules.person)
        return self._chats[chat_id]


class _Sent:
    """When messages went out, to one chat or to all."""

    def __init__(self, limits: Limits) -> None:
        self.paused_until = 0.0
        self.awaited_until: dict[Priority, float] = {}
        self._limits = limits
        self._memory = max(limit.seconds for each in limits.values() for limit in each)
        self._times: list[float] = []

    def wait(self, now: float, messages: int, priority: Priority) -> float:
        waits = (self._room_at(limit, messages) - now for limit in self._limits[priority])
        return max(0.0, self.paused_until - now, *waits)

    def others_first(self, now: float, priority: Priority) -> float:
        """The seconds for which somebody of a higher priority is waited for."""
        until = (each for other, each in self.awaited_until.items() if other < priority)
        return max(0.0, max(until, default=0.0) - now)

    def add(self, now: float, messages: int) -> None:
        self._forget(now)
        # More than may go at once are counted as if the rest went when it may.
        limit = self._limits[Priority.USER][0]
        for number in range(messages):
            insort(self._times, now + number // limit.messages * limit.seconds)

    def matters(self, now: float) -> bool:
        """Whether there is anything left to be waited for."""
        self._forget(now)
        return bool(self._times) or self.paused_until > now

    def _room_at(self, limit: Limit, messages: int) -> float:
        """When so many more are within a limit."""
        others = limit.messages - min(messages, limit.messages)
        if len(self._times) <= others:
            return 0.0
        return self._times[-others - 1] + limit.seconds

    def _forget(self, now: float) -> None:
        self._times = [time for time in self._times if time > now - self._memory]
