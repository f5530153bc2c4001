"""The files of messages, as telebot takes and returns them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from telebot import types

from ..models import Kind, KnownFile, MediaOptions, Sent, Upload
from .errors import MediaRefused


def about(file: Upload | KnownFile, caption: str, options: MediaOptions) -> dict[str, Any]:
    """Return the options of a file that is sent alone or in an album."""
    about: dict[str, Any] = {"caption": caption or None, "parse_mode": "HTML"}
    if file.kind is not Kind.DOCUMENT:
        about["has_spoiler"] = options.spoiler or None
    if isinstance(file, Upload) and file.kind in (Kind.VIDEO, Kind.ANIMATION):
        about |= {"width": file.width or None, "height": file.height or None}
        about["duration"] = round(file.duration) or None
    return about


def for_message(options: MediaOptions) -> dict[str, Any]:
    """Return the options of the message or album as a whole."""
    return {
        "protect_content": options.protect or None,
        "disable_notification": options.silent or None,
        "message_thread_id": options.topic or None,
    }


def content(file: Upload | KnownFile, files: ExitStack) -> str | types.InputFile:
    """Open a file for telebot; the end of `files` closes it."""
    if isinstance(file, KnownFile):
        return file.file_id
    try:
        opened = files.enter_context(file.path.open("rb"))
    except OSError as error:  # somebody has emptied the cache directory
        raise MediaRefused(f"its temporary file: {error.strerror}", permanent=True) from None
    return types.InputFile(opened, file.filename)


def read_sent(message: types.Message) -> Sent:
    """Read the answer: Telegram can make an animation of a silent video.

    An answer of the wrong shape raises an error that `mapped` maps.
    """
    kinds = (Kind.PHOTO, Kind.ANIMATION, Kind.VIDEO, Kind.DOCUMENT)
    kind = next((kind for kind in kinds if getattr(message, kind)), Kind.PHOTO)
    file = getattr(message, kind)
    file_id = (file[-1] if kind is Kind.PHOTO else file).file_id
    message_id: object = message.message_id
    if not (isinstance(message_id, int) and isinstance(file_id, str)):
        raise TypeError
    return Sent(message_id, KnownFile(kind, file_id))
