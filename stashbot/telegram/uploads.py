"""Sends the pictures that users ask for beside the requests, in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from ..errors import TelegramError, store_failures_logged
from ..models import Priority, Reply, Sent
from ..runtime.backoff import Backoff
from ..runtime.pool import Pool
from .client import TelegramClient
from .outbox import Outbox

log = structlog.get_logger()

#: An upload that is not sent by then is given up.
LIFE_S = 900.0


@dataclass
class _Upload:
    """A call that sends one message, or returns the words to say instead of it.

    Both go to a forum topic, 0 for none. `trouble` is said if the call fails for good.
    """

    chat_id: int
    reply_to: int
    topic: int
    call: Callable[[], Reply | Sent]
    trouble: str
    began: float = field(default_factory=time.monotonic)
    backoff: Backoff = field(default_factory=Backoff)


class Uploads:
    """Makes the calls, one after the other in a chat. Thread-safe; it returns at once."""

    def __init__(self, *, telegram: TelegramClient, outbox: Outbox, pool: Pool) -> None:
        self.telegram = telegram
        self._outbox = outbox
        self._pool = pool

    def send(
        self,
        chat_id: int,
        reply_to: int,
        topic: int,
        call: Callable[[], Reply | Sent],
        trouble: str,
    ) -> None:
        """Send one message as a reply; `call` may raise TelegramError and StoreError."""
        job = partial(self._turn, _Upload(chat_id, reply_to, topic, call, trouble))
        self._pool.submit(job, lane=("uploads", chat_id), priority=Priority.USER)

    def _turn(self, upload: _Upload) -> float | None:
        """Try once; the seconds until the next try, None if it is done."""
        if wait := self.telegram.take_turn(upload.chat_id):
            return wait
        sent: Reply | Sent = Reply(upload.trouble)
        try:
            with store_failures_logged(chat_id=upload.chat_id):
                sent = upload.call()
        except TelegramError as error:
            is_over = time.monotonic() - upload.began > LIFE_S
            if not (error.permanent or error.maybe_sent or is_over):
                return error.retry_after or upload.backoff.next()
            log.warning("upload_failed", chat_id=upload.chat_id, error=str(error))
        if isinstance(sent, Sent):
            self._outbox.note(upload.chat_id, sent.message_id)
        else:
            say = partial(self._outbox.say, reply_to=upload.reply_to, topic=upload.topic)
            say(upload.chat_id, sent.text, rows=sent.rows)
        return None
