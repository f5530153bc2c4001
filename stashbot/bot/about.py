"""Answers about a picture: all that Stash knows of it, its original, and why it came."""

from __future__ import annotations

from functools import partial

from ..errors import StashError
from ..messages.catalogue import Texts
from ..messages.details import details
from ..models import Reply, Shown
from ..pictures.notices import Notices
from ..pictures.originals import Originals
from ..stash.client import StashClient
from ..store.store import Store
from ..votes.why import Why


class About:
    """Answers with a reply to the picture, in the forum topic where it is asked, if any.

    Thread-safe; it returns at once.
    """

    def __init__(
        self,
        *,
        store: Store,
        stash: StashClient,
        notices: Notices,
        originals: Originals,
        why: Why,
    ) -> None:
        self._stash = stash
        self._notices = notices
        self._originals = originals
        self._why = why
        self._chats = store.chats
        self._people = store.people

    def info(self, chat_id: int, shown: Shown, topic: int, texts: Texts) -> None:
        """Tell all that Stash knows of an image."""
        compute = partial(self._info, chat_id, shown.image_id, texts)
        trouble = texts("cannot_answer")
        self._notices.outbox.reply(chat_id, compute, trouble, shown.message_id, topic=topic)

    def original(self, chat_id: int, shown: Shown, topic: int, texts: Texts) -> None:
        """Send the original of an image: untouched in the owner's private chat."""
        is_owner = chat_id == self._people.known.owner  # a private chat has its user's id
        self._originals.send(chat_id, shown, topic, texts, untouched=is_owner)

    def why(self, chat_id: int, shown: Shown, topic: int, texts: Texts) -> None:
        """Tell why an image came."""
        compute = partial(self._why.answer, chat_id, shown, texts)
        trouble = texts("cannot_answer")
        self._notices.outbox.reply(chat_id, compute, trouble, shown.message_id, topic=topic)

    def _info(self, chat_id: int, image_id: int, texts: Texts) -> Reply:
        try:
            about = self._stash.details(image_id)
        except StashError as error:
            return self._notices.answer(error, 1, texts, chat_id)
        zone = self._chats.values(chat_id).timezone
        return Reply(details(about, zone, texts) if about else texts("info.gone"))
