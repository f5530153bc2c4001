"""The work that the bot does once, when it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from ..messages.catalogue import LANGUAGES, TEXTS
from ..pictures.requests import RequestQueue
from ..rules.timetable import GRACE
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.outbox import Outbox
from ..votes.voting import Voting
from .commands import COMMANDS


class Startup:
    """Owned by the main thread; it makes no slow call.

    `language` is the setting: a language, or `auto`.
    """

    def __init__(
        self,
        *,
        telegram: TelegramClient,
        store: Store,
        outbox: Outbox,
        requests: RequestQueue,
        voting: Voting,
        language: str,
        now: Callable[[], datetime],
    ) -> None:
        self._telegram = telegram
        self._store = store
        self._outbox = outbox
        self._requests = requests
        self._voting = voting
        self._language = language
        self._now = now

    def introduce(self) -> None:
        """Learn the bot's own name, and register its commands in each language."""
        self._outbox.repeat(self._learn_name)
        fallback = "en" if self._language == "auto" else self._language
        for code, language in {"": fallback, **dict.fromkeys(LANGUAGES)}.items():
            texts = TEXTS[language or code]
            commands = {name: texts(f"command.{name}") for name in COMMANDS}
            self._outbox.repeat(partial(self._telegram.set_commands, commands, code))

    def resume(self) -> None:
        """Resume the requests of the last run, and show the votes that it did not show."""
        now = self._now()
        for request in self._store.waiting_requests():
            if request.due is None:
                self._requests.accept(request)
            elif now - request.due <= GRACE:
                self._requests.accept(replace(request, requested_at=now))
            else:
                self._requests.give_up(request, "not running then")
        for chat_id, message_id, rows in self._voting.latest():
            self._outbox.redraw(chat_id, message_id, rows)

    def _learn_name(self) -> None:
        self._telegram.get_me()
