"""What it means when Telegram refuses a call or cannot be reached, as our errors.

Pure. Error texts are Telegram's own; they are matched by a part, in lower case, since
their wording is no promise.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import requests
import urllib3.exceptions as lower

from ..errors import ChatGone, ChatMoved, MediaRefused, PollConflict, TelegramError, TokenRefused

#: What may stand in an ordinary 400 for a chat that is no more, or is closed to us.
_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "group chat was deactivated",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "_forbidden",
    "chat_restricted",
    "channel_private",
)
#: What stands in a 400 that is about the file that was sent, and not about the chat.
_FILE = ("file", "photo", "image", "video", "media", "document", "failed to send message #")
#: What may stand in a 400 when there is nothing left to be done.
_DONE = (
    "query is too old",
    "message is not modified",
    "message to edit not found",
    "message can't be edited",
)
#: Failures before the first byte of the request went out. What breaks later under TLS or
#: behind a proxy has the same types as what fails at once, and is told apart by its cause.
_NEVER_SENT = (lower.NewConnectionError, lower.ConnectTimeoutError, ssl.SSLCertVerificationError)
_NO_TUNNEL = "Tunnel connection failed"


def refused(
    code: int, text: str, parameters: Mapping[str, Any], *, is_media: bool
) -> TelegramError | None:
    """Our error for a refusal of Telegram's, None if there was nothing left to do.

    `text` is its description; `parameters` are those of a ResponseParameters; `is_media`
    says that a file was sent, which the refusal may be about.
    """
    lowered = text.lower()
    if "migrate_to_chat_id" in parameters:
        return ChatMoved(int(parameters["migrate_to_chat_id"]))
    if code == 429:
        return TelegramError(text, retry_after=float(parameters.get("retry_after", 5)))
    if code in (401, 404):
        # Not permanent: whether the token is good for nothing, the receiver finds out.
        return TokenRefused(text)
    if code == 409:
        return PollConflict(text)
    if code == 403 or any(words in lowered for words in _GONE):
        return ChatGone(text, permanent=True)
    if any(words in lowered for words in _DONE):
        return None
    if code >= 500:
        return TelegramError(text, maybe_sent=True)
    is_about_file = is_media and any(words in lowered for words in _FILE)
    return (MediaRefused if is_about_file else TelegramError)(text, permanent=True)


def http_error(status: int) -> TelegramError:
    """For an answer that is no JSON: a proxy's, or that of a server in trouble."""
    reason = f"HTTP status {status}"
    if status == 413:
        return MediaRefused(reason, permanent=True)
    return TelegramError(reason, maybe_sent=status >= 500)


def network_error(error: requests.RequestException) -> TelegramError:
    """Tell apart what surely never went out from what may have arrived."""
    if isinstance(error, requests.ReadTimeout):
        return TelegramError("no answer in time", maybe_sent=True)
    if isinstance(error, requests.ConnectTimeout):
        return TelegramError("cannot connect in time")
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, lower.ProxyError):
        cause = cause.original_error
    elif isinstance(cause, lower.SSLError) and cause.args:
        cause = cause.args[0]
    if isinstance(cause, _NEVER_SENT) or _NO_TUNNEL in str(cause):
        return TelegramError("cannot connect")
    return TelegramError("the connection broke", maybe_sent=True)
