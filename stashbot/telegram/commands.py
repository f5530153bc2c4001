"""The bot's commands, and their lists in Telegram: for users, for groups and for the owner."""

from __future__ import annotations

from functools import partial

from telebot import types

from ..messages.catalogue import LANGUAGES, TEXTS
from .client import TelegramClient
from .outbox import Outbox

#: In the order of Telegram's list; `start` is a button there and needs no entry.
COMMANDS = (
    "random",
    "filters",
    "today",
    "new",
    "liked",
    "more",
    "info",
    "original",
    "why",
    "hide",
    "schedule",
    "preferences",
    "exclude",
    "excluded",
    "stats",
    "settings",
    "purge",
    "status",
    "people",
    "help",
)
_FOR_OWNER = ("status", "people")
#: The schedules of groups stand in the settings.
_IN_PRIVATE = ("schedule",)


def listed(*, is_owner: bool = False, is_group: bool = False) -> list[str]:
    """The commands that work for the owner, in groups, or else for each user in private."""
    left_out = () if is_owner else (*_FOR_OWNER, *_IN_PRIVATE) if is_group else _FOR_OWNER
    return [name for name in COMMANDS if name not in left_out]


def register(telegram: TelegramClient, outbox: Outbox, setting: str) -> None:
    """Register the lists for users and for groups; `setting` is a language or `auto`."""
    everywhere = types.BotCommandScopeDefault()  # type: ignore[no-untyped-call]
    groups = types.BotCommandScopeAllGroupChats()  # type: ignore[no-untyped-call]
    _register(telegram, outbox, setting, listed(), everywhere)
    _register(telegram, outbox, setting, listed(is_group=True), groups)


def register_user(
    telegram: TelegramClient, outbox: Outbox, setting: str, user_id: int, *, is_owner: bool
) -> None:
    """Register the list for the chat of the owner, or of a former owner."""
    scope = types.BotCommandScopeChat(user_id)
    _register(telegram, outbox, setting, listed(is_owner=is_owner), scope)


def _register(
    telegram: TelegramClient,
    outbox: Outbox,
    setting: str,
    names: list[str],
    scope: types.BotCommandScope,
) -> None:
    fallback = "en" if setting == "auto" else setting
    for code in ("", *LANGUAGES):
        texts = TEXTS[code or fallback]
        commands = {name: texts(f"command.{name}") for name in names}
        outbox.repeat(partial(telegram.set_commands, commands, code, scope))
