"""Updates in: the long poll, and one update after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import structlog
from telebot import types

from ..errors import PollConflict, TelegramError, TokenRefused
from ..runtime.heartbeat import resting
from ..runtime.outage import Outage
from .client import LONG_POLL, TelegramClient

log = structlog.get_logger()

#: Seconds that a poll may take longer than it was asked to, with all its time-outs.
OVERTIME = 60
#: A wrong setting, of which no restart can cure us (EX_CONFIG of sysexits.h).
EX_CONFIG = 78


class Poller:
    """Polls Telegram and hands each update on. Owned by the receiver thread.

    An update is confirmed by the next poll, so `handle` must have stored its effect when
    it returns. One that cannot be read or handled is logged and confirmed with the
    others; where Telegram failed it, it is taken again. It makes no other call.
    """

    def __init__(
        self,
        sender: TelegramClient,
        handle: Callable[[types.Update], None],
        outage: Outage,
        stop: threading.Event,
        quit: Callable[[int], None],
    ) -> None:
        self._sender = sender
        self._handle = handle
        self._outage = outage
        self._stop = stop
        self._quit = quit
        self._offset = 0
        self._in_conflict = False
        #: Whether it waits for Telegram, with everything handled that came so far.
        self.is_polling = False

    def turn(self) -> None:
        """One poll, with the handling of what it brings."""
        # After a failure a short poll tells sooner that Telegram is back.
        wait = 1 if self._outage.error else LONG_POLL
        try:
            updates = self._poll(wait)
            self._in_conflict = False
            self._outage.up()
            self._handle_all(updates)
        except TokenRefused as error:
            remedy = "copy it from @BotFather into telegram.token"
            log.critical("token_refused", error=f"Telegram refuses the token: {error}", do=remedy)
            self._quit(EX_CONFIG)
        except TelegramError as error:
            self._failed(error)

    def _poll(self, wait: int) -> list[Any]:
        self.is_polling = True
        try:
            with resting(wait + OVERTIME):
                return self._sender.get_updates(self._offset, wait=wait)
        finally:
            self.is_polling = False

    def _handle_all(self, updates: list[Any]) -> None:
        before = self._offset
        for raw in updates:
            if self._stop.is_set():
                break  # what is left comes again after the next start
            self._handle_one(raw)
            # Not the highest: after a quiet week Telegram starts again with a random id.
            self._offset = raw["update_id"] + 1
        if self._stop.is_set() and self._offset != before:
            self._confirm()

    def _handle_one(self, raw: dict[str, Any]) -> None:
        try:
            self._handle(types.Update.de_json(raw))  # type: ignore[no-untyped-call]
        except TelegramError:
            raise
        except Exception as error:  # one broken update must not block those behind it
            log.exception("update_skipped", update_id=raw["update_id"], error=str(error))

    def _confirm(self) -> None:
        """Confirm the last updates at the end, when no next poll will do it."""
        try:
            # Not 0, which telebot takes for 20.
            self._sender.get_updates(self._offset, limit=1, wait=1)
        except TelegramError as error:
            log.debug("not_confirmed", error=str(error))

    def _failed(self, error: TelegramError) -> None:
        if self._stop.is_set():
            return
        if isinstance(error, PollConflict):
            if not self._in_conflict:
                log.error("poll_conflict", error=f"somebody else uses this token: {error}")
            self._in_conflict = True
        self._outage.down(error, error.retry_after)
        with resting():
            self._stop.wait(self._outage.wait)
