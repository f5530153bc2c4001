"""The texts of `/stats`, `/status` and `systemctl status`."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

from .. import __version__
from ..errors import StashError, TelegramError
from ..messages.catalogue import Texts, clock_time, coming, duration, size
from ..messages.labels import shortened
from ..messages.plain_text import cleaned, message
from ..messages.sections import joined, numbers, section, votes
from ..models import Button, ChatStatistics, Reply
from ..rules.preferences import favourites
from ..settings.keys import Settings
from ..stash.client import StashClient
from ..store.history import ChatStats
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..votes.voting import FACETS

#: A user waits so long for a number from Stash.
PATIENCE_S = 3.0
#: `/stats` tells how many of the last pictures of a chat are liked.
LAST_PICTURES = 50
#: Days in the picture of the statistics, and the most names.
CHART_DAYS = 30
MOST_LIKED = 5
#: Characters of a title. Stash sets no limit, but Telegram limits the message.
LONGEST_TITLE = 200


class StatusReports:
    """Collects the numbers and puts them into words. Thread-safe; it changes nothing.

    `next_due` returns the moment of the next schedule. Each report asks Stash and Telegram
    each thing once, and works without their answers.
    """

    def __init__(
        self,
        *,
        store: Store,
        stash: StashClient,
        telegram: TelegramClient,
        settings: Settings,
        next_due: Callable[[], datetime | None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._stash = stash
        self._telegram = telegram
        self._chats = store.chats
        self._zone = settings.timezone
        self._avoid = timedelta(days=settings.history.avoid_days)
        self._writes_ratings = settings.votes.write_ratings != "never"
        self._next_due = next_due
        self._now = now
        self._started = time.monotonic()

    def stats(self, chat_id: int, texts: Texts) -> Reply:
        """Return the numbers of one chat, and of the library. Raises StoreError."""
        now, zone = self._now(), self._chats.values(chat_id).timezone
        stats = self._store.chat_stats(
            chat_id,
            today_start=_midnight(now, zone),
            week_start=now - timedelta(days=7),
            seen_since=now - self._avoid,
        )
        sent = {"stats.today": stats.today, "stats.week": stats.week, "stats.all": stats.total}
        lines = section(
            texts("stats.pictures"), [numbers(sent, texts), _last(stats, now, zone, texts)]
        ) or [texts("stats.none")]
        lines += section(texts("stats.votes"), [self._votes(chat_id, texts)])
        library = self._library(chat_id, stats.seen, now, texts)
        lines += section(texts("stats.library"), [library])
        rows = [[Button(texts("button.chart"), "chart")]] if stats.total else []
        return Reply(message(lines), rows, is_html=True, is_about_pictures=True)

    def statistics(self, chat_id: int) -> ChatStatistics:
        """Return the numbers of one chat for a picture. Raises StoreError."""
        zone = self._chats.values(chat_id).timezone
        today = self._now().astimezone(zone).date()
        days = [today - timedelta(days=ago) for ago in range(CHART_DAYS - 1, -2, -1)]
        starts = [datetime.combine(day, clock(), zone) for day in days]
        stats = self._store.chat_stats(
            chat_id, starts[-2], starts[0], datetime.min.replace(tzinfo=UTC)
        )
        votes = self._store.votes
        counts = dict(one for each in FACETS for one in votes.voted_on(chat_id, each).items())
        return ChatStatistics(
            first_day=days[0],
            per_day=self._store.pictures.per_day(chat_id, starts),
            votes=votes.total(chat_id),
            liked=favourites(counts, MOST_LIKED),
            seen=stats.seen,
            images=self._count(),
        )

    def _count(self) -> int:
        """Ask for the number of images in Stash; 0 if it does not answer."""
        with suppress(StashError):
            return 0 if self._stash.outage.wait else self._stash.count(PATIENCE_S)
        return 0

    def _votes(self, chat_id: int, texts: Texts) -> str:
        """The votes, and how many of the last pictures are liked."""
        liked, pictures = self._store.votes.liked_of_last(chat_id, LAST_PICTURES)
        share = round(100 * liked / pictures) if pictures > 1 else 0
        words = texts("stats.liked", n=pictures, share=share) if share else ""
        return joined([votes(self._store.votes.total(chat_id)), words])

    def _library(self, chat_id: int, seen: int, now: datetime, texts: Texts) -> str:
        if self._stash.outage.wait:  # it failed a moment ago
            return texts("stats.library_unknown")
        excluded = self._store.exclusions.of(chat_id)
        try:
            images = self._stash.count(PATIENCE_S)
            barred = self._stash.ids_with(excluded, PATIENCE_S)
        except StashError:
            return texts("stats.library_unknown")
        since = now - self._avoid
        barred -= self._store.unavailable(chat_id, barred, since, now)
        unsendable = self._store.unsendable(chat_id, since, now)
        unseen = max(0, images - seen - len(barred) - unsendable)
        found = {"stats.images": images, "stats.unseen": unseen, "stats.unsendable": unsendable}
        return numbers(found, texts)

    def line(self) -> str:
        """Return the state of the bot in one line of English. Raises StoreError."""
        now = self._now()
        sent, due = self._store.pictures_since(_midnight(now, self._zone)), self._next_due()
        parts = [f"{sent} picture{'s' * (sent != 1)} today"]
        if due:
            parts.append(f"next schedule {due.astimezone(self._zone):%a %H:%M}")
        for name, outage in (("Stash", self._stash.outage), ("Telegram", self._telegram.outage)):
            began, error = outage.since, outage.error
            if began is not None and error:
                since = now - timedelta(seconds=time.monotonic() - began)
                clock = f"{since.astimezone(self._zone):%H:%M}"
                parts.append(f"{name} is away since {clock}: {error}")
        return "; ".join(parts)

    def status(self, chat_id: int, texts: Texts) -> Reply:
        """Return the state of the bot, for its owner in a chat. Raises StoreError."""
        uptime = duration(time.monotonic() - self._started, texts)
        lines = [
            texts("status.version", version=__version__),
            texts("status.uptime", duration=uptime),
            self._telegram_state(texts),
            self._stash_state(texts),
        ]
        if requests := len(self._store.waiting_requests()):
            lines.append(texts("status.queue", n=requests))
        if self._writes_ratings and (waiting := len(self._store.ratings)):
            lines.append(texts("status.ratings", n=waiting))
        lines.append(texts("status.database", size=size(self._store.size_bytes(), texts)))
        lines = [html.escape(line, quote=False) for line in lines]
        due = self._next_due()
        zone = self._chats.values(chat_id).timezone
        moment = due and coming(due, self._now(), zone, texts)
        lines.append(texts("status.next", moment=moment) if due else texts("status.next_none"))
        return Reply("\n".join(lines), is_html=True)

    def _telegram_state(self, texts: Texts) -> str:
        started = time.monotonic()
        try:
            self._telegram.get_me()
        except TelegramError as error:
            return texts("status.telegram_down", reason=error)
        return texts("status.telegram_ok", ms=round((time.monotonic() - started) * 1000))

    def _stash_state(self, texts: Texts) -> str:
        try:
            state = self._stash.server(PATIENCE_S)
        except StashError as error:
            return texts("status.stash_down", reason=error)
        return texts("status.stash_ok", version=state.version, ms=round(state.seconds * 1000))


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    # If clocks go back to midnight, the day begins with the first of the two midnights.
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _last(stats: ChatStats, now: datetime, zone: ZoneInfo, texts: Texts) -> str:
    """The time and the title of the last picture; empty if there is none."""
    if not stats.last_at:
        return ""
    shown = clock_time(stats.last_at, now, zone, texts)
    title = shortened(cleaned(stats.last_title), LONGEST_TITLE)
    return texts("stats.last" if title else "stats.last_untitled", title=title, time=shown)
