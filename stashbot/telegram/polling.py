"""Receives updates: the long poll, and one update after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from telebot import types

from ..errors import PollConflict, TelegramError, TokenRefused
from ..runtime.backoff import Backoff
from ..runtime.heartbeat import resting
from .client import LONG_POLL, TelegramClient

log = structlog.get_logger()

#: A poll with all its time-outs can take so many seconds longer than asked.
OVERTIME_S = 60
#: The pauses after failed polls.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
#: A token that is refused twice within this time ends the bot; the second try comes soon.
TOKEN_PERIOD_S = 60.0
TOKEN_PAUSE_S = 2.0
#: The pause after an answer that holds only updates without an id.
UNREADABLE_PAUSE_S = 1.0
#: The greatest update id that SQLite can store.
MAX_UPDATE_ID = 2**63 - 1
#: The exit code for wrong settings, which no restart can mend (EX_CONFIG of sysexits.h).
EX_CONFIG = 78


class Poller:
    """Polls Telegram and passes each update to `handle`. Owned by the receiver thread.

    The next poll confirms an update, so `handle` stores its effect before it returns. An
    update that raises is logged and confirmed like the others. The poller makes no other call.
    """

    def __init__(
        self,
        telegram: TelegramClient,
        handle: Callable[[types.Update], None],
        stop: threading.Event,
        quit: Callable[[int], None],
    ) -> None:
        self._telegram = telegram
        self._handle = handle
        self._stop = stop
        self._quit = quit
        self._offset = 0
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._has_failed = False
        self._in_conflict = False
        self._is_unreadable = False
        self._token_refused_at: float | None = None
        self._is_polling = False

    def is_polling(self) -> bool:
        """Tell whether the thread waits for Telegram, with nothing to finish."""
        return self._is_polling

    def turn(self) -> None:
        """Poll once and handle the updates."""
        try:
            updates = self._poll()
        except TelegramError as error:
            self._has_failed = True
            if not self._stop.is_set():
                self._wait(self._after(error))
            return
        self._has_failed = self._in_conflict = False
        self._token_refused_at = None
        self._backoff.reset()
        self._handle_all(updates)

    def _poll(self) -> list[Any]:
        # After a failure a short poll tells sooner that Telegram is back.
        wait = 1 if self._has_failed else LONG_POLL
        self._is_polling = True
        try:
            with resting(wait + OVERTIME_S):
                return self._telegram.get_updates(self._offset, wait=wait)
        finally:
            self._is_polling = False

    def _handle_all(self, updates: list[Any]) -> None:
        before, readable = self._offset, [raw for raw in updates if _has_id(raw)]
        if len(readable) < len(updates) and not self._is_unreadable:
            log.error("update_skipped", update_id=None, error="an update without an id")
        self._is_unreadable = len(readable) < len(updates)
        for raw in readable:
            if self._stop.is_set():
                break  # the rest comes again after the next start
            self._handle_one(raw)
            # Not the highest: after a week without updates Telegram's ids start anywhere.
            self._offset = raw["update_id"] + 1
        if self._stop.is_set() and self._offset != before:
            self._confirm()
        if self._is_unreadable and not readable:
            self._wait(UNREADABLE_PAUSE_S)  # the next poll brings the same at once

    def _handle_one(self, raw: dict[str, Any]) -> None:
        try:
            self._handle(types.Update.de_json(raw))  # type: ignore[no-untyped-call]
        except Exception as error:  # one broken update must not block those behind it
            log.exception("update_skipped", update_id=raw["update_id"], error=str(error))

    def _confirm(self) -> None:
        """Confirm the last updates at the end, because no next poll does it."""
        try:
            # Not 0, which telebot takes for 20.
            self._telegram.get_updates(self._offset, limit=1, wait=1)
        except TelegramError as error:
            log.debug("not_confirmed", error=str(error))

    def _after(self, error: TelegramError) -> float:
        """Log a failed poll, and return the seconds until the next."""
        if isinstance(error, TokenRefused):
            return self._after_refused_token(error)
        if isinstance(error, PollConflict):
            if not self._in_conflict:
                log.error("poll_conflict", error=f"another program uses this token: {error}")
            self._in_conflict = True
        pause = self._backoff.next()
        return pause if error.retry_after is None else max(error.retry_after, FIRST_PAUSE_S)

    def _after_refused_token(self, error: TokenRefused) -> float:
        now, before = time.monotonic(), self._token_refused_at
        self._token_refused_at = now
        if before is not None and now - before <= TOKEN_PERIOD_S:
            remedy = "copy it from @BotFather into telegram.token"
            log.critical("token_refused", error=f"Telegram refuses the token: {error}", do=remedy)
            self._quit(EX_CONFIG)
        return TOKEN_PAUSE_S

    def _wait(self, seconds: float) -> None:
        with resting():
            self._stop.wait(seconds)


def _has_id(raw: object) -> bool:
    """Tell whether an entry of getUpdates is an update that the next poll can confirm."""
    if not isinstance(raw, dict):
        return False
    update_id = raw.get("update_id")
    return isinstance(update_id, int) and 0 <= update_id < MAX_UPDATE_ID
