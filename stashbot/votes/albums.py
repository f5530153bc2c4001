"""The message after an album: Telegram takes no buttons under the album itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..errors import store_failures_logged
from ..messages.albums import listing
from ..messages.catalogue import TEXTS
from ..messages.sources import heading
from ..models import Image, Place, Reply, Request, Shown
from ..store.store import Store
from ..telegram.client import TelegramClient
from ..telegram.outbox import Outbox
from .buttons import PictureButtons


class AlbumMessages:
    """Sends a line and buttons for each picture of an album. Thread-safe.

    A message that a crash prevents is not sent later.
    """

    def __init__(
        self,
        *,
        store: Store,
        telegram: TelegramClient,
        outbox: Outbox,
        buttons: PictureButtons,
    ) -> None:
        self._pictures = store.pictures
        self._telegram = telegram
        self._outbox = outbox
        self._buttons = buttons

    def follow(self, request: Request, place: Place, images: Sequence[Image], first: int) -> None:
        """Send the message after an album, whose first message is `first`; none to a channel."""
        chat_id, texts = request.chat_id, TEXTS[request.language]
        if self._telegram.is_channel(chat_id):
            return
        with store_failures_logged(chat_id=chat_id):
            album = self._pictures.album(chat_id, Shown(first, images[0].id))
            if album:  # else the database was locked when it was sent
                text = listing(images, heading(place, images[0].features, texts), texts)
                reply = Reply(text, self._buttons.under_album(chat_id, album, texts))
                self._outbox.send(chat_id, partial(self._send, first, request.topic, reply))

    def _send(self, first: int, topic: int, reply: Reply, chat_id: int) -> None:
        """Send the message as a reply to the first of the album, and note its id.

        The album has made its sound already.
        """
        send = partial(self._telegram.send_text, rows=reply.rows, is_silent=True)
        sent = send(chat_id, reply.text, reply_to=first, topic=topic)
        self._outbox.note(chat_id, sent)
        with store_failures_logged(chat_id=chat_id):
            self._pictures.note_album_message(chat_id, first, sent)
