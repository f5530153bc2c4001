"""Buttons and references to messages, as telebot has them."""

from __future__ import annotations

import re

from telebot import apihelper, types

from ..models import Button, Rows


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


def is_refused_link(error: apihelper.ApiTelegramException) -> bool:
    """Whether Telegram does not take the address of a button."""
    return error.error_code == 400 and bool(re.search("url", str(error.description), re.IGNORECASE))
