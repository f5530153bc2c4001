"""`/settings`: the settings of a chat, and the parts that serve a chat as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

import structlog

from ..messages import chat_settings as words
from ..messages.catalogue import TEXTS, Texts, choose
from ..messages.labels import shortened
from ..messages.plain_text import cleaned
from ..models import OFF, Reply, as_text
from ..rules.chat_settings import find_zone, parsed
from ..schedule.schedules import ChatSchedules
from ..store.chats import ChatStore
from .deletion import Deletion

log = structlog.get_logger()

#: The first words after `/settings` that name a setting, and those that turn it off.
NAMES = {
    **dict.fromkeys(("timezone", "zone", "время", "пояс"), "timezone"),
    **dict.fromkeys(("quiet", "тихо"), "quiet"),
    **dict.fromkeys(("delete", "удалять"), "delete_after"),
}
NEVER = {"off", "never", "no", "выкл", "никогда", "нет"}
#: Characters of a name in a sentence.
NAME = 60


class ChatSettings:
    """Answers `/settings` and its buttons. Thread-safe; every method raises StoreError."""

    def __init__(
        self, *, store: ChatStore, schedules: ChatSchedules, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._schedules = schedules
        self._now = now

    def answer(self, chat_id: int, argument: str, texts: Texts) -> Reply:
        """Answer `/settings <argument>`; a time zone is looked up on the disk, which is slow."""
        word, _, text = argument.partition(" ")
        name, text = NAMES.get(word.lower(), ""), text.strip()
        if not name or not text:
            return self.show(chat_id, name, texts)
        if name == "timezone":
            zone, near = find_zone(text, available_timezones())
            if not zone:
                return words.zones(near, shortened(cleaned(text), NAME), texts)
            text = zone
        return self.change(chat_id, name, OFF if text.lower() in NEVER else text, texts)

    def show(self, chat_id: int, name: str, texts: Texts) -> Reply:
        """All settings, or the choices for one."""
        values = self._store.values(chat_id)
        if name in words.CHOICES:
            return words.choices(name, values, texts)
        return words.overview(values, texts)

    def change(self, chat_id: int, name: str, text: str, texts: Texts) -> Reply:
        """Change a setting; the choices for it if the text names no value."""
        try:
            value = parsed(name, text)
        except (ValueError, LookupError, OSError):
            return self.show(chat_id, name, texts)
        self._store.change(chat_id, name, as_text(value), self._now())
        log.info("setting_changed", chat_id=chat_id, key=name, value=as_text(value))
        self._schedules.changed()
        if name == "language":
            texts = TEXTS[choose(value, texts.language)]
        return self.show(chat_id, "", texts)


@dataclass(frozen=True)
class ChatParts:
    """The parts for a chat's schedules and settings, and for deleting its messages."""

    schedules: ChatSchedules
    settings: ChatSettings
    deletion: Deletion
