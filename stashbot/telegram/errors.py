"""Maps Telegram's refusals and network failures to our errors.

Pure. Telegram does not promise the wording of its error texts, so each text is matched by
a part of it, in lower case.
"""

from __future__ import annotations

import ssl

import requests
import urllib3.exceptions as lower

from ..errors import (
    ChatGone,
    ChatMoved,
    MediaRefused,
    PicturesForbidden,
    PollConflict,
    TelegramError,
    TelegramUnreachable,
    TokenRefused,
)

#: The pause after a 429 that names no readable `retry_after`.
DEFAULT_RETRY_AFTER_S = 5.0
#: The characters of Telegram's description that an error keeps.
LONGEST_TEXT = 300

#: The chat exists but takes no pictures, or no messages: rights, or a closed topic.
_FORBIDDEN = (
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "_forbidden",  # CHAT_WRITE_FORBIDDEN, CHAT_SEND_PHOTOS_FORBIDDEN and others
    "chat_restricted",
    "chat_admin_required",
    "topic_closed",
    "topic_deleted",
    "message thread not found",
)
#: A refusal with code 400 that means the chat does not exist, or not for the bot.
_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "channel_private",
    "chat was deactivated",
    "user is deactivated",
    "bot was blocked",
    "bot was kicked",
)
#: A refusal with code 400 of the file that was sent.
_FILE = ("file", "photo", "image", "video", "media", "document", "failed to send message #")
#: A refusal with code 400 of a call that has nothing left to do.
_DONE = (
    "query is too old",
    "message is not modified",
    "message to edit not found",
    "message can't be edited",
)
#: Failures before the first byte of the request goes out. A connection that breaks later has
#: the same outer types under TLS or behind a proxy, so the cause decides.
_NEVER_SENT = (lower.NewConnectionError, lower.ConnectTimeoutError)
_NO_TUNNEL = "Tunnel connection failed"


class NothingToDo(TelegramError):
    """An edit that changes nothing, or a callback query that Telegram gave up."""


def refused(answer: dict[str, object], status: int, *, is_media: bool = False) -> TelegramError:
    """Return our error for an answer with `ok` false.

    `answer` is the JSON object, of any shape; `status` is the HTTP status; `is_media` means
    that the call sent a file.
    """
    text = str(answer.get("description"))[:LONGEST_TEXT]
    parameters = answer.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    new_id = parameters.get("migrate_to_chat_id")
    if isinstance(new_id, int):
        return ChatMoved(new_id)
    code = answer.get("error_code")
    code = code if isinstance(code, int) and code >= 400 else status
    if code == 429:
        return TelegramError(text, retry_after=_seconds(parameters.get("retry_after")))
    if code in (401, 404):
        # Not permanent: the receiver finds out whether the token is wrong.
        return TokenRefused(text)
    if code == 409:
        return PollConflict(text)
    if code >= 500 or code < 400:
        return TelegramError(text, maybe_sent=True)
    return _rejected(code, text, is_media=is_media)


def _rejected(code: int, text: str, *, is_media: bool) -> TelegramError:
    """Return our error for a rejected request (400, 403 and other 4xx) by its text."""
    lowered = text.lower()
    if any(part in lowered for part in _FORBIDDEN):
        return PicturesForbidden(text, permanent=True)
    if code == 403 or any(part in lowered for part in _GONE):
        return ChatGone(text, permanent=True)
    if any(part in lowered for part in _DONE):
        return NothingToDo(text, permanent=True)
    is_about_file = is_media and (code == 413 or any(part in lowered for part in _FILE))
    return (MediaRefused if is_about_file else TelegramError)(text, permanent=True)


def _seconds(value: object) -> float:
    """Return `retry_after` as it stands in an answer, or the default if it is no duration."""
    if not isinstance(value, (int, float)) or not value >= 0:  # NaN is not >= 0
        return DEFAULT_RETRY_AFTER_S
    return float(min(value, 1e9))


def http_error(status: int) -> TelegramError:
    """Return our error for an answer that is not JSON, for example from a proxy."""
    reason = f"HTTP status {status}"
    if status == 413:
        return MediaRefused(reason, permanent=True)
    return TelegramError(reason, maybe_sent=status >= 500)


def wrong_shape(error: Exception) -> TelegramError:
    """Return our error for a successful answer that telebot or the client cannot read."""
    reason = f"an answer that is none of Telegram's ({type(error).__name__})"
    return TelegramError(reason, maybe_sent=True)


def network_error(error: requests.RequestException) -> TelegramError:
    """Return our error; `maybe_sent` is false only if the request surely never went out."""
    if isinstance(error, requests.ReadTimeout):
        return TelegramError("no answer in time", maybe_sent=True)
    if isinstance(error, requests.ConnectTimeout):
        return TelegramUnreachable("cannot connect in time")
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, lower.ProxyError):
        cause = cause.original_error
    elif isinstance(cause, lower.SSLError) and cause.args:
        cause = cause.args[0]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TelegramUnreachable(f"the certificate is not trusted: {cause.verify_message}")
    if isinstance(cause, _NEVER_SENT) or _NO_TUNNEL in str(cause):
        return TelegramUnreachable("cannot connect")
    return TelegramError("the connection broke", maybe_sent=True)
