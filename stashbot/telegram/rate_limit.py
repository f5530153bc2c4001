"""Telegram's limits on how fast a bot may send.

Telegram does not publish them in full. These are the limits of the Bots FAQ
(https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this) with a
margin, because the network changes the distance between two messages. Edits have no
documented limit in private chats. If Telegram answers 429, its pause counts.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..models import Priority

#: The kinds of calls that Telegram limits.
Traffic = Literal["media", "text", "edit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `messages` in each period of `seconds`."""

    messages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits for all chats together, for one chat, and for a group.

    Pictures, texts and edits each have the limit `chat` for themselves, so that a text or an
    edit does not wait behind an album; scheduled pictures have `scheduled` as well. In a group
    all of them share `group`; edits take only a part of it, so that an album finds room.
    """

    overall: Limit = Limit(3, 0.11)
    chat: Limit = Limit(3, 3.1)
    scheduled: Limit = Limit(1, 1.1)
    group: Limit = Limit(20, 61)
    group_edits: Limit = Limit(10, 61)


TELEGRAM_LIMITS = RateLimits()
#: The limiter remembers the last chats: more than can get a message in the longest period.
MOST_CHATS = 2000


class RateLimiter:
    """Counts the messages of the last minute. Thread-safe.

    An album has as many items as it has pictures. A longer album than the limit allows
    goes when the limit is unused, and then counts as if its items had followed one another.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._overall = _Window(limits.overall)
        self._chats: dict[int, _Chat] = {}  # those with the latest calls last

    def take(
        self,
        chat_id: int,
        priority: Priority = Priority.USER,
        messages: int = 1,
        *,
        traffic: Traffic = "media",
    ) -> float:
        """Count so many messages and return 0.0, or return the seconds until they may go.

        In the second case it counts nothing: the caller waits and asks again.
        """
        with self._lock:
            now = self._clock()
            chat = self._chat(chat_id)
            counts = [(self._overall, messages)]
            for name, limit, number in self._counted(chat_id, traffic, priority, messages):
                counts.append((chat.windows.setdefault(name, _Window(limit)), number))
            free_at = max(window.free_at(number) for window, number in counts)
            wait = max(free_at, chat.paused_until) - now
            if wait > 0:
                return wait
            for window, number in counts:
                window.add(now, number)
            return 0.0

    def pause(self, chat_id: int, seconds: float) -> None:
        with self._lock:
            chat = self._chat(chat_id)
            chat.paused_until = max(chat.paused_until, self._clock() + seconds)

    def _chat(self, chat_id: int) -> _Chat:
        self._chats[chat_id] = chat = self._chats.pop(chat_id, None) or _Chat()
        if len(self._chats) > MOST_CHATS:
            del self._chats[next(iter(self._chats))]
        return chat

    def _counted(
        self, chat_id: int, traffic: Traffic, priority: Priority, messages: int
    ) -> Iterator[tuple[str, Limit, int]]:
        """Yield the name of each count of the chat, its limit, and the messages it counts."""
        limits = self._limits
        yield traffic, limits.chat, messages
        if traffic == "media" and priority is not Priority.USER:
            yield "scheduled", limits.scheduled, 1
        if chat_id < 0:
            yield "group", limits.group, messages
            if traffic == "edit":
                yield "group edits", limits.group_edits, 1


class _Window:
    """The times of the messages that one limit counts, oldest first."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._times: list[float] = []

    def free_at(self, messages: int) -> float:
        """Return the moment from which so many more messages are within the limit."""
        others = self._limit.messages - min(messages, self._limit.messages)
        if len(self._times) <= others:
            return 0.0
        return self._times[-others - 1] + self._limit.seconds

    def add(self, now: float, messages: int) -> None:
        """Count messages that go now, as many as the limit allows; the others go later."""
        self._times = [time for time in self._times if time > now - self._limit.seconds]
        for number in range(messages):
            rounds = number // self._limit.messages
            insort(self._times, now + rounds * self._limit.seconds)


@dataclass
class _Chat:
    """The recent messages of one chat, by the name of the count, and the end of its pause."""

    windows: dict[str, _Window] = field(default_factory=dict)
    paused_until: float = 0.0
