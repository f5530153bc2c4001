"""What `/stats` and `/status` answer, and what `systemctl status` shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .. import __version__
from ..errors import StashError, TelegramError
from ..messages.catalogue import Texts, coming, duration, size
from ..stash.client import StashClient
from ..store.store import Store
from ..telegram.client import TelegramClient

#: Seconds for which a person waits for a number from Stash.
PATIENCE = 3.0
#: Of how many of the last pictures it is told how many were liked.
LAST = 50
#: Characters of a title; Stash sets no limit, but Telegram does for the whole message.
TITLE = 200


class StatusReports:
    """Collects the numbers and puts them into words. Thread-safe; it changes nothing.

    `queue` tells how many requests wait, `ratings` how many ratings, `next_due` when the next
    order is due. Each report asks Stash or Telegram each thing once, and works without their
    answers.
    """

    def __init__(
        self,
        store: Store,
        stash: StashClient,
        sender: TelegramClient,
        queue: Callable[[], int],
        ratings: Callable[[], int],
        next_due: Callable[[], datetime | None],
        zone: ZoneInfo,
        avoid: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._stash = stash
        self._sender = sender
        self._queue = queue
        self._waiting_ratings = ratings
        self._next_due = next_due
        self._zone = zone
        self._avoid = avoid
        self._now = now
        self._started = time.monotonic()

    def stats(self, chat_id: int, texts: Texts) -> str:
        """What this chat has been sent, and what is left. Raises StoreError."""
        now = self._now()
        stats = self._store.chat_stats(
            chat_id,
            today_start=self._midnight(now),
            week_start=now - timedelta(days=7),
            seen_since=now - self._avoid,
        )
        lines = [
            texts("stats.heading"),
            texts("stats.today", n=stats.today),
            texts("stats.week", n=stats.week),
            texts("stats.all", n=stats.total),
        ]
        if stats.last_at:
            shown = stats.last_at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")
            key = "stats.last" if stats.last_title else "stats.last_untitled"
            lines.append(texts(key, title=_short(stats.last_title), time=shown))
        lines += self._voted(chat_id, texts)
        return "\n".join(lines + self._library(chat_id, stats.seen, now, texts))

    def _voted(self, chat_id: int, texts: Texts) -> list[str]:
        total = self._store.votes.total(chat_id)
        lines = [texts("stats.votes", likes=total.likes, dislikes=total.dislikes)]
        liked, pictures = self._store.votes.liked_of_last(chat_id, LAST)
        if pictures:
            lines.append(texts("stats.liked", n=pictures, share=round(100 * liked / pictures)))
        return lines

    def _library(self, chat_id: int, seen: int, now: datetime, texts: Texts) -> list[str]:
        if self._stash.outage.wait:  # it has just failed somebody else
            return [texts("stats.library_unknown")]
        excluded = self._store.exclusions.of(chat_id)
        try:
            images = self._stash.count(PATIENCE)
            barred = self._stash.ids_with(excluded, PATIENCE)
        except StashError:
            return [texts("stats.library_unknown")]
        since = now - self._avoid
        barred -= self._store.unavailable(chat_id, barred, since, now)
        unsendable = self._store.unsendable(chat_id, since, now)
        unseen = max(0, images - seen - len(barred) - unsendable)
        lines = [texts("stats.unseen", n=unseen)]
        if unsendable:
            lines.append(texts("stats.unsendable", n=unsendable))
        return [*lines, texts("stats.library", n=images)]

    def line(self) -> str:
        """How the bot is, in one line of English. Raises StoreError."""
        now = self._now()
        sent, due = self._store.pictures_since(self._midnight(now)), self._next_due()
        parts = [f"{sent} picture{'s' * (sent != 1)} today"]
        if due:
            parts.append(f"next schedule {due.astimezone(self._zone):%a %H:%M}")
        for name, outage in (("Stash", self._stash.outage), ("Telegram", self._sender.outage)):
            if outage.since is not None and outage.error:
                since = now - timedelta(seconds=time.monotonic() - outage.since)
                clock = f"{since.astimezone(self._zone):%H:%M}"
                parts.append(f"{name} is away since {clock}: {outage.error}")
        return "; ".join(parts)

    def _midnight(self, now: datetime) -> datetime:
        """When today began."""
        # Where clocks are put back to midnight, the day begins with the first of the two.
        return now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)

    def status(self, texts: Texts) -> str:
        """How the bot is: for the owner's eyes. Raises StoreError."""
        return "\n".join(
            [
                texts("status.version", version=__version__),
                texts("status.uptime", duration=duration(time.monotonic() - self._started, texts)),
                self._telegram(texts),
                self._stash_state(texts),
                texts("status.queue", n=self._queue()),
                *self._ratings(texts),
                texts("status.database", size=size(self._store.size_bytes(), texts)),
                self._next(texts),
            ]
        )

    def _ratings(self, texts: Texts) -> list[str]:
        waiting = self._waiting_ratings()
        return [texts("status.ratings", n=waiting)] if waiting else []

    def _next(self, texts: Texts) -> str:
        due = self._next_due()
        if due is None:
            return texts("status.next_none")
        return texts("status.next", moment=coming(due, self._now(), self._zone, texts))

    def _telegram(self, texts: Texts) -> str:
        started = time.monotonic()
        try:
            self._sender.get_me()
        except TelegramError as error:
            return texts("status.telegram_down", reason=error)
        return texts("status.telegram_ok", ms=round((time.monotonic() - started) * 1000))

    def _stash_state(self, texts: Texts) -> str:
        try:
            state = self._stash.server(PATIENCE)
        except StashError as error:
            return texts("status.stash_down", reason=error)
        return texts("status.stash_ok", version=state.version, ms=round(state.seconds * 1000))


def _short(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= TITLE else f"{line[: TITLE - 1]}…"
