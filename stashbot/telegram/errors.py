"""Errors of Telegram: its refusals and network failures, mapped to ours.

Telegram does not promise the wording of its error texts, so each text is matched by
a part of it, in any case.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3.exceptions as lower
from telebot import apihelper

from ..errors import WRONG_SHAPE, TelegramError

#: The pause after a 429 that names no readable `retry_after`.
DEFAULT_RETRY_AFTER_S = 5.0
#: The characters of Telegram's description that an error keeps.
LONGEST_TEXT = 300

#: The chat exists but takes no pictures, or no messages: rights, or a closed topic.
_FORBIDDEN = re.compile(
    "(?i)not enough rights|have no rights|need administrator rights"
    "|_forbidden"  # CHAT_WRITE_FORBIDDEN, CHAT_SEND_PHOTOS_FORBIDDEN and others
    "|chat_restricted|chat_admin_required|topic_closed|topic_deleted|message thread not found"
)
#: A refusal with code 400 that means the chat does not exist, or not for the bot.
_GONE = re.compile(
    "(?i)chat not found|user not found|peer_id_invalid|channel_private|bot was blocked"
    "|bot was kicked|chat was deactivated|user is deactivated"
)
#: A refusal with code 400 of the file that was sent.
_FILE = re.compile("(?i)file|photo|image|video|media|document|failed to send message #")
#: A refusal with code 400 of a call that has nothing left to do.
_DONE = re.compile(
    "(?i)query is too old|message is not modified|message to edit not found"
    "|message can't be edited|message to delete not found"
)
#: Failures before the first byte of the request goes out. A connection that breaks later has
#: the same outer types under TLS or behind a proxy, so the cause decides.
_NEVER_SENT = (lower.NewConnectionError, lower.ConnectTimeoutError)
_NO_TUNNEL = "Tunnel connection failed"


class TelegramUnreachable(TelegramError):
    """No connection to Telegram: the request never went out."""


class ChatGone(TelegramError):
    """The user blocked the bot, a group removed it, or the chat does not exist any more."""


class PicturesForbidden(TelegramError):
    """The chat is there, and takes no pictures from the bot: a right or its topic is missing."""


class ChatMoved(TelegramError):
    """The group has become a supergroup; `chat_id` is its new id."""

    def __init__(self, chat_id: int) -> None:
        super().__init__(f"the group has become the supergroup {chat_id}", permanent=True)
        self.chat_id = chat_id


class MediaRefused(TelegramError):
    """Telegram does not take this file in this form, or does not know this file_id."""


class TokenRefused(TelegramError):
    """Telegram does not know the token: it was revoked or mistyped."""


class PollConflict(TelegramError):
    """Another program polls with the same token, or a webhook is set for it."""


class NothingToDo(TelegramError):
    """An edit or deletion that changes nothing, or a callback query that Telegram gave up."""


@contextmanager
def mapped(*, is_media: bool = False) -> Iterator[None]:
    """Map the errors of one call, and of the reading of its answer, to ours.

    The original errors are left out of tracebacks: they can name the address and the token.
    """
    try:
        yield
    except apihelper.ApiTelegramException as error:
        status = error.result.status_code
        raise refused(error.result_json, status, is_media=is_media) from None
    except apihelper.ApiHTTPException as error:  # no JSON, for example from a proxy
        status = error.result.status_code
        reason = f"HTTP status {status}"
        if status == 413:
            raise MediaRefused(reason, permanent=True) from None
        raise TelegramError(reason, maybe_sent=status >= 500) from None
    except (apihelper.ApiInvalidJSONException, *WRONG_SHAPE) as error:
        reason = f"an answer that is none of Telegram's ({type(error).__name__})"
        raise TelegramError(reason, maybe_sent=True) from None


def refused(answer: dict[str, object], status: int, *, is_media: bool = False) -> TelegramError:
    """Return our error for an answer with `ok` false.

    `answer` is the JSON object, of any shape; `status` is the HTTP status; `is_media` means
    that the call sent a file.
    """
    text = str(answer.get("description"))[:LONGEST_TEXT]
    code, parameters = answer.get("error_code"), answer.get("parameters")
    code = code if isinstance(code, int) and code >= 400 else status
    parameters = parameters if isinstance(parameters, dict) else {}
    new_id = parameters.get("migrate_to_chat_id")
    if isinstance(new_id, int):
        return ChatMoved(new_id)
    if code == 429:
        seconds = parameters.get("retry_after")
        is_readable = isinstance(seconds, (int, float)) and seconds >= 0  # NaN is not
        return TelegramError(text, retry_after=seconds if is_readable else DEFAULT_RETRY_AFTER_S)
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
    kind = TelegramError
    if _FORBIDDEN.search(text):
        kind = PicturesForbidden
    elif code == 403 or _GONE.search(text):
        kind = ChatGone
    elif _DONE.search(text):
        kind = NothingToDo
    elif is_media and (code == 413 or _FILE.search(text)):
        kind = MediaRefused
    return kind(text, permanent=True)


def network_error(error: requests.RequestException | lower.HTTPError) -> TelegramError:
    """Return our error; `maybe_sent` is false only if the request surely never went out."""
    if isinstance(error, (requests.ReadTimeout, lower.TimeoutError)):
        return TelegramError("no answer in time", maybe_sent=True)
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, lower.ProxyError):
        cause = cause.original_error
    if isinstance(cause, lower.SSLError) and cause.args:
        cause = cause.args[0]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TelegramUnreachable(f"the certificate is not trusted: {cause.verify_message}")
    if isinstance(cause, _NEVER_SENT) or _NO_TUNNEL in str(cause):
        return TelegramUnreachable("cannot connect")
    return TelegramError("the connection broke", maybe_sent=True)
