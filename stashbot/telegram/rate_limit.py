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
from dataclasses import dataclass
from enum import StrEnum

from ..models import Priority


class Traffic(StrEnum):
    """The kinds of calls that Telegram limits."""

    MEDIA = "media"
    TEXT = "text"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `messages` in each period of `seconds`."""

    messages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits for all chats together, for one chat, and for a group.

    Messages, the items of albums, and edits each have the limit `chat` for themselves, and
    scheduled pictures `scheduled` as well. In a group all of them share `group`; edits take
    only a part of it, so that an album finds room.
    """

    overall: Limit = Limit(3, 0.11)
    chat: Limit = Limit(3, 3.1)
    scheduled: Limit = Limit(1, 1.1)
    group: Limit = Limit(20, 61)
    group_edits: Limit = Limit(10, 61)


TELEGRAM_LIMITS = RateLimits()
#: With more chats than this in memory, the limiter forgets those without recent messages.
MOST_CHATS = 200


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
        self._chats: dict[int, _Chat] = {}

    def take(
        self, chat_id: int, traffic: Traffic, priority: Priority = Priority.USER, messages: int = 1
    ) -> float:
        """Count so many messages and return 0.0, or return the seconds until they may go.

        In the second case it counts nothing: the caller waits and asks again.
        """
        with self._lock:
            now = self._clock()
            chat = self._chat(chat_id, now)
            counts = [(self._overall, messages), *chat.counts(traffic, priority, messages)]
            free_at = max(window.free_at(number) for window, number in counts)
            wait = max(free_at, chat.paused_until) - now
            if wait > 0:
                return wait
            for window, number in counts:
                window.add(now, number)
            return 0.0

    def pause(self, chat_id: int, seconds: float) -> None:
        """Send nothing to a chat for so many seconds."""
        with self._lock:
            now = self._clock()
            chat = self._chat(chat_id, now)
            chat.paused_until = max(chat.paused_until, now + seconds)

    def _chat(self, chat_id: int, now: float) -> _Chat:
        if chat_id not in self._chats:
            if len(self._chats) >= MOST_CHATS:
                self._chats = {id: chat for id, chat in self._chats.items() if chat.is_busy(now)}
            self._chats[chat_id] = _Chat(self._limits, is_group=chat_id < 0)
        return self._chats[chat_id]


class _Chat:
    """The recent messages of one chat."""

    def __init__(self, limits: RateLimits, *, is_group: bool) -> None:
        self.paused_until = 0.0
        self._messages = _Window(limits.chat)  # an album is one message here
        self._items = _Window(limits.chat)
        self._edits = _Window(limits.chat)
        self._scheduled = _Window(limits.scheduled)
        self._group = [_Window(limits.group)] if is_group else []
        self._group_edits = [_Window(limits.group_edits)] if is_group else []

    def counts(
        self, traffic: Traffic, priority: Priority, messages: int
    ) -> Iterator[tuple[_Window, int]]:
        """Yield each window that counts the call, and the number of messages it counts."""
        yield from ((window, messages) for window in self._group)
        if traffic is Traffic.EDIT:
            yield self._edits, 1
            yield from ((window, 1) for window in self._group_edits)
            return
        yield self._messages, 1
        if traffic is Traffic.MEDIA:
            yield self._items, messages
            if priority is not Priority.USER:
                yield self._scheduled, 1

    def is_busy(self, now: float) -> bool:
        """Tell whether a message or a pause of the past can make the next message wait."""
        own = (self._messages, self._items, self._edits, self._scheduled)
        windows = (*own, *self._group, *self._group_edits)
        return self.paused_until > now or any(window.is_busy(now) for window in windows)


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

    def is_busy(self, now: float) -> bool:
        return bool(self._times) and self._times[-1] > now - self._limit.seconds
