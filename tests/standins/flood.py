"""Telegram's rate limits, as far as they are known."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from stashbot.demo.telegram.form import Arguments
from stashbot.demo.telegram.limits import Refusal

MAX_UNSPACED = 100_000  # bytes; requests with more bytes of files are spaced
LONGEST_SPACE_S = 5.0  # a request that would wait longer is refused


def too_many_requests(seconds: float) -> Refusal:
    """The answer 429. Telegram names whole seconds."""
    wait = max(1, math.ceil(seconds))
    return Refusal(429, f"Too Many Requests: retry after {wait}", retry_after=wait)


@dataclass
class _Bucket:
    """A leaky bucket of `size` messages that loses `rate` of them a second."""

    size: float
    rate: float
    level: float = 0.0
    seen_at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a message fits; 0 if one fits now."""
        self.level = max(0.0, self.level - (now - self.seen_at) * self.rate)
        self.seen_at = now
        return 0.0 if self.level < self.size else (self.level - self.size) / self.rate + 1


class Flood:
    """Counts messages and uploads. Thread-safe.

    About 30 messages a second in all; to a user a burst of 3, then one a second; to a group
    20 a minute. An album counts each item: it is accepted if one message would be, and the
    next message waits longer. `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._overall = _Bucket(30, 30)
        self._chats: dict[int, _Bucket] = {}
        self._uploads: dict[int, float] = {}

    def admit(self, method: str, arguments: Arguments) -> float:
        """Return the seconds that a call must wait. Raises Refusal (429)."""
        wait = self.space(sum(len(data) for _, data in arguments.files.values()))
        if method.startswith(("send", "edit")) and method != "sendChatAction":
            count = len(arguments.items("media")) or 1
            self.take(arguments.number("chat_id"), count)
        return wait

    def take(self, chat_id: int, count: int) -> None:
        """Count messages to a chat. Raises Refusal (429), and then counts none."""
        with self._lock:
            now = self._clock()
            buckets = self._overall, self._chats.setdefault(chat_id, _bucket(chat_id))
            wait = max(bucket.wait(now) for bucket in buckets)
            if wait:
                raise too_many_requests(wait)
            for bucket in buckets:
                bucket.level += count

    def space(self, size: int) -> float:
        """Return the seconds for which a request with `size` bytes of files must wait.

        The official server spaces requests of exactly the same size, to catch a bot that
        uploads one file again and again (Client.cpp, on_cmd). Raises Refusal (429).
        """
        if size <= MAX_UNSPACED:
            return 0.0
        with self._lock:
            now = self._clock()
            self._uploads = {key: at for key, at in self._uploads.items() if at > now - 2}
            begins_at = self._uploads.get(size, now - 2)
            if begins_at > now + LONGEST_SPACE_S:
                raise too_many_requests(60)
            spacing = min(0.9, max(0.2, size * 1e-7))
            self._uploads[size] = max(begins_at + spacing, now - 1)
            return max(0.0, self._uploads[size] - now)


def _bucket(chat_id: int) -> _Bucket:
    return _Bucket(3, 1) if chat_id > 0 else _Bucket(20, 20 / 60)
