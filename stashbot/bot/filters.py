"""`/filters`, the standing source of a chat, and the sources of schedules and settings."""

from __future__ import annotations

import structlog

from ..errors import StashError, StoreError
from ..messages import sources as words
from ..messages.catalogue import Texts
from ..messages.plain_text import message
from ..models import Reply, Source, SourceKind
from ..pictures.notices import Notices
from ..pictures.sources.errors import NoSource
from ..pictures.sources.finding import Sources
from ..rules.sources import feature
from ..rules.when.arguments import Argument
from ..schedule.schedules import ChatSchedules
from ..stash.client import StashClient
from ..store.store import Store
from ..votes.hiding import Hiding

log = structlog.get_logger()

#: Seconds between two tries to look up the names in the settings.
AGAIN_S = 60.0


class Filters:
    """Answers commands about sources. Thread-safe; most methods ask Stash, and are slow."""

    def __init__(
        self,
        *,
        store: Store,
        stash: StashClient,
        sources: Sources,
        notices: Notices,
        schedules: ChatSchedules,
        hiding: Hiding,
    ) -> None:
        self._store = store
        self._stash = stash
        self._sources = sources
        self._notices = notices
        self._schedules = schedules
        self._hiding = hiding

    def listing(self, chat_id: int, texts: Texts) -> Reply:
        """Answer `/filters`: the saved filters as buttons. Raises StoreError."""
        try:
            saved = self._stash.saved_filters()
        except StashError as error:
            return self._notices.answer(error, 1, texts, chat_id)
        found = [Source(SourceKind.FILTER, each.id, each.name) for each in saved]
        standing = self._sources.standing(chat_id)
        lines = [texts("filters.heading" if found else "filters.none")]
        if len(found) > words.MOST_FILTERS:
            lines.append(texts("filters.more", n=len(found) - words.MOST_FILTERS))
        lines += self.summary(chat_id, texts)
        return Reply(message(lines), words.filters(found, standing, texts))

    def summary(self, chat_id: int, texts: Texts) -> list[str]:
        """The chat's standing source in a line, none for the whole library. Raises StoreError."""
        standing = self._sources.standing(chat_id)
        if standing.kind is SourceKind.ALL:
            return []
        key, _ = self._store.chats.standing(chat_id)
        about = "standing" if key else "default"
        return ["", texts(f"filters.{about}", name=words.label(standing, texts))]

    def pin(self, chat_id: int, filter_id: int, texts: Texts) -> Reply:
        """Make a saved filter the chat's standing source. Raises StoreError."""
        try:
            place = self._sources.filters.place(Source(SourceKind.FILTER, filter_id))
        except (NoSource, StashError) as error:
            return self._notices.answer(error, 1, texts, chat_id)
        source = place.source
        self._store.chats.set_standing(chat_id, source.key, source.name)
        return Reply(texts("filters.pinned", name=words.label(source, texts)))

    def unpin(self, chat_id: int, texts: Texts) -> Reply:
        """Answer `/filters off`. Makes no slow call. Raises StoreError."""
        self._store.chats.set_standing(chat_id, "", "")
        lines = self.summary(chat_id, texts)[1:]  # without the line that parts it from others
        return Reply(message(lines or [texts("filters.off")]))

    def schedule(self, chat_id: int, topic: int, asked: Argument, texts: Texts) -> Reply:
        """Answer `/schedule WHEN from WHAT`. Raises StoreError."""
        try:
            source = self._sources.named(asked.what)
        except (NoSource, StashError) as error:
            return self._without_buttons(error, texts, chat_id)
        return self._schedules.change(chat_id, topic, asked, texts, source)

    def hide(self, chat_id: int, user_id: int, name: str, texts: Texts) -> Reply:
        """Answer `/exclude NAME`. Raises StoreError."""
        try:
            source = self._sources.named(name, is_shared=True)
        except (NoSource, StashError) as error:
            return self._without_buttons(error, texts, chat_id)
        shared = feature(source)
        if shared is None:
            return Reply(texts("excluded.usage"))
        return Reply(self._hiding.hide(chat_id, user_id, 0, shared, texts))

    def _without_buttons(self, error: NoSource | StashError, texts: Texts, chat_id: int) -> Reply:
        """The words for an error and the names that may be meant; a button would send a picture."""
        reply = self._notices.answer(error, 1, texts, chat_id)
        names = [button.text for row in reply.rows for button in row]
        return Reply(message([reply.text, *names]))

    def check_settings(self, whats: list[tuple[str, str]]) -> float | None:
        """Look up the names in the settings, and log those that mean nothing.

        `whats` are pairs of a key of the settings and its value; those that were looked up leave
        the list. Returns the seconds after which the rest is to be tried, None if it is done.
        """
        while whats:
            key, what = whats[0]
            try:
                self._sources.check(what)
            except NoSource as error:
                log.error("source_unknown", key=key, error=str(error))
            except (StashError, StoreError):
                return AGAIN_S
            del whats[0]
        return None
