"""Buttons, references to messages and moments, as telebot and Telegram have them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from telebot import apihelper, types

from ..models import Button, Rows

_MOMENT = re.compile("</?tg-time[^>]*>")


def inline(rows: Rows) -> types.InlineKeyboardMarkup | None:
    """Return the buttons; None means none, and removes those of an old message."""
    if not rows:
        return None
    markup = types.InlineKeyboardMarkup(row_width=8)
    for row in rows:
        markup.row(*map(_button, row))
    return markup


def _button(button: Button) -> types.InlineKeyboardButton:
    return types.InlineKeyboardButton(
        button.text,
        url=button.url or None,
        callback_data=button.data or None,
        style=button.style or None,
    )


def replying(message_id: int | None) -> types.ReplyParameters | None:
    """Return the reference to a message, which may be deleted by now."""
    if message_id is None:
        return None
    return types.ReplyParameters(message_id, allow_sending_without_reply=True)


def topic_of(message: types.Message) -> int:
    """The forum topic of a message, 0 for none.

    A reply in a group without topics has a thread, which is no topic.
    """
    return int(message.message_thread_id or 0) if message.is_topic_message else 0


def data_under(message: types.Message | types.InaccessibleMessage) -> list[str]:
    """The callback data of the buttons under a message; none for a message that is deleted."""
    markup = getattr(message, "reply_markup", None)
    rows = markup.keyboard if markup else []
    return [button.callback_data or "" for row in rows for button in row]


def is_refused_link(error: apihelper.ApiTelegramException) -> bool:
    """Whether Telegram does not take the address of a button."""
    return error.error_code == 400 and bool(re.search("url", str(error.description), re.IGNORECASE))


def with_moments(text: str, call: Callable[[str], Any]) -> Any:
    """Make a call with a text; an old Bot API server gets moments as words alone."""
    try:
        return call(text)
    except apihelper.ApiTelegramException as error:
        if "tg-time" not in str(error.description):
            raise
        return call(_MOMENT.sub("", text))
