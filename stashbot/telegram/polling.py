"""Receives updates: the long poll, and one update after the other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from telebot import types

from ..errors import TelegramError
from ..runtime.backoff import Backoff
from ..runtime.heartbeat import beat, resting
from .client import TelegramClient
from .errors import PollConflict, TokenRefused

log = structlog.get_logger()

#: Telegram's servers hold a poll open for at most this long.
LONG_POLL_S = 50
#: A poll with all its time-outs can take so many seconds longer than asked.
OVERTIME_S = 60
#: After updates the next poll waits, so that the threads that answer them come first.
PAUSE_S = 0.01
#: The shortest pause after a failed poll, whatever Telegram asks for.
LEAST_PAUSE_S = 1.0
#: A token that is refused twice within this time ends the bot; the second try comes soon.
TOKEN_PERIOD_S = 60.0
TOKEN_PAUSE_S = 2.0


class Poller:
    """Polls Telegram and passes each update to `handle`. Owned by the receiver thread.

    The next poll confirms an update, so `handle` stores its effect before it returns. An
    update that raises is logged and confirmed like the others. Updates that are handled while
    the program ends come again after the next start. `place` tells the owner where the token is.
    """

    def __init__(
        self,
        telegram: TelegramClient,
        handle: Callable[[types.Update], None],
        stop: threading.Event,
        quit: Callable[[int], None],
        place: str = "telegram.token",
    ) -> None:
        self._telegram = telegram
        self._handle = handle
        self._stop = stop
        self._quit = quit
        self._place = place
        self._offset = 0
        self._backoff = Backoff()
        self._last_error: TelegramError | None = None  # of the last poll
        self._token_refused_at: float | None = None
        self._is_polling = False

    def is_polling(self) -> bool:
        """Tell whether the thread waits for Telegram, with nothing to finish."""
        return self._is_polling

    def turn(self) -> None:
        try:
            updates = self._poll()
        except TelegramError as error:
            if not self._stop.is_set():
                self._wait(self._after(error))
            return
        self._last_error = self._token_refused_at = None
        self._backoff.reset()
        for raw in updates:
            if self._stop.is_set():
                break
            self._handle_one(raw)
        if updates:
            self._stop.wait(PAUSE_S)

    def _poll(self) -> list[dict[str, Any]]:
        # After a failure a short poll tells sooner that Telegram is back.
        wait_s = 1 if self._last_error else LONG_POLL_S
        self._is_polling = True
        try:
            with resting(wait_s + OVERTIME_S):
                return self._telegram.get_updates(self._offset, wait=wait_s)
        finally:
            self._is_polling = False

    def _handle_one(self, raw: dict[str, Any]) -> None:
        beat()
        try:
            self._handle(types.Update.de_json(raw))  # type: ignore[no-untyped-call]
        except Exception as error:  # one broken update must not block those behind it
            log.exception("update_skipped", update_id=raw["update_id"], error=str(error))
        # Not the highest: after a week without updates Telegram's ids start anywhere.
        self._offset = raw["update_id"] + 1

    def _after(self, error: TelegramError) -> float:
        """Log a failed poll, and return the seconds until the next."""
        before, self._last_error = self._last_error, error
        if isinstance(error, TokenRefused):
            return self._after_refused_token(error)
        if isinstance(error, PollConflict) and not isinstance(before, PollConflict):
            log.error("poll_conflict", error=f"another program uses this token: {error}")
        if error.retry_after is not None:
            return max(error.retry_after, LEAST_PAUSE_S)
        return self._backoff.next()

    def _after_refused_token(self, error: TokenRefused) -> float:
        now, before = time.monotonic(), self._token_refused_at
        self._token_refused_at = now
        if before is not None and now - before <= TOKEN_PERIOD_S:
            remedy = f"{self._place}: copy it from @BotFather once more"
            log.critical("token_refused", error=f"Telegram refuses the token: {error}", do=remedy)
            self._quit(os.EX_CONFIG)  # no restart can mend it
        return TOKEN_PAUSE_S

    def _wait(self, seconds: float) -> None:
        with resting():
            self._stop.wait(seconds)
