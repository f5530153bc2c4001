"""Telegram out, and the raw updates in: the one place that speaks to the Bot API.

Thread-safe. Parameters go into the body and never into the address, so that no proxy's
log and no error text shows them. Nothing is ever repeated here: every failure ends as
one of our errors, which tells whether the message may have arrived, and the caller
decides. A message waits here for a moment if it is not its turn yet, and fails if that would
take long.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import requests
import structlog
import telebot
import urllib3.exceptions as lower
from telebot import apihelper, types

from ..errors import ChatGone, TelegramError
from ..models import Kind, KnownFile, Priority, Rows, Sent, Upload
from ..runtime.exchange import FILE, QUESTION, TimeLimit, exchange, open_session, read_body
from ..runtime.outage import Outage
from .errors import http_error, network_error, refused
from .rate_limit import TELEGRAM_LIMITS, RateLimiter, RateLimits

log = structlog.get_logger()

#: Between tries of a Telegram that has long been away.
LONGEST_PAUSE_S = 60.0
#: Seconds to connect.
CONNECT_S = 5.0
#: Seconds for which Telegram may work on a file that has arrived.
UPLOAD_IDLE_S = 120.0
#: Seconds that a long poll may take longer than it was asked to.
POLL_EXTRA_S = 20.0
#: Bytes of an answer, unpacked: 100 long updates have 7 MB.
ANSWER_LIMIT = 16 << 20
#: Seconds; Telegram's servers hold a poll open for at most this long.
LONG_POLL = 50
#: Seconds after which an idle connection is taken for dead: to find that out in the
#: middle of an upload would leave open whether the picture had arrived.
IDLE = 50
#: Seconds for which a message waits here for its turn, with everything ready.
LONGEST_WAIT = 1.5
#: The kinds of update that are asked for; `my_chat_member` tells that a user blocked us.
UPDATES = ["message", "callback_query", "my_chat_member"]


class TelegramClient:
    """Calls the Bot API for one bot.

    `question` and `upload` limit one exchange each. To be replaced before the first call.
    """

    question = QUESTION
    upload = replace(FILE, idle=UPLOAD_IDLE_S)

    def __init__(
        self,
        token: str,
        api_url: str,
        proxy: str = "",
        *,
        spoiler: bool = False,
        protect: bool = False,
        rules: RateLimits = TELEGRAM_LIMITS,
    ) -> None:
        self.outage = Outage("telegram", LONGEST_PAUSE_S)
        self.bot_id = int(token.partition(":")[0])
        self._token = token
        self._base = f"{api_url}/bot{token}"
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._spoiler = spoiler
        self._protect = protect
        self._bot = telebot.TeleBot(token, threaded=False)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._pace = RateLimiter(rules)
        self._heard: dict[int, float] = {}
        self._closed = threading.Event()
        _SENDERS[token] = self

    def close(self) -> None:
        """Let no message wait for its turn any more: those that do fail."""
        self._closed.set()

    def close_thread(self) -> None:
        """Close the connections of the calling thread."""
        session = getattr(self._local, "session", None)
        if session:
            session.close()
            del self._local.session

    def wait_for(self, chat_id: int, priority: Priority, messages: int = 1) -> float:
        """The seconds until so many messages may go to this chat, 0 if they may go now."""
        with self._lock:
            return self._pace.wait(chat_id, time.monotonic(), messages=messages, priority=priority)

    def heard_from(self, chat_id: int) -> None:
        """Note that a chat writes to us: what it refused before that means nothing now."""
        self._heard[chat_id] = time.monotonic()

    # Updates in

    def get_updates(self, offset: int, *, limit: int = 100, wait: int) -> list[Any]:
        """One poll of at most `wait` seconds: the updates from `offset` on, as JSON.

        Those before `offset` are confirmed by it.
        """
        updates = self._call(
            apihelper.get_updates,
            self._token,
            offset=offset,
            limit=limit,
            allowed_updates=UPDATES,
            long_polling_timeout=wait,
        )
        return updates if isinstance(updates, list) else []

    # Small calls, safe to repeat

    def get_me(self) -> str:
        """The bot's own user name."""
        return str(self._call(self._bot.get_me).username)

    def get_webhook(self) -> str:
        """The address that Telegram delivers updates to, empty when we may poll."""
        return str(self._call(self._bot.get_webhook_info).url or "")

    def get_chat(self, chat_id: int) -> None:
        """Raise ChatGone if the bot cannot write to this chat."""
        self._call(self._bot.get_chat, chat_id)

    def set_commands(self, commands: Mapping[str, str], language: str = "") -> None:
        """Register names and descriptions; without a language, for all who have no other."""
        items = [types.BotCommand(name, description) for name, description in commands.items()]
        self._call(self._bot.set_my_commands, items, language_code=language or None)

    def answer(self, press_id: str, text: str = "") -> None:
        """End the spinning of a pressed button, with a passing note (at most 200 characters)."""
        self._call(self._bot.answer_callback_query, press_id, text=text or None)

    # Messages

    def send_text(self, chat_id: int, text: str, *, keyboard: str = "", rows: Rows = ()) -> None:
        """Send plain text (at most 4,096 characters).

        With `rows` of buttons under it, or with a keyboard of one button if that is named.
        """
        markup: Any = _inline(rows)
        if keyboard:
            markup = types.ReplyKeyboardMarkup(resize_keyboard=True, is_persistent=True)
            markup.add(types.KeyboardButton(keyboard))
        self._send(self._bot.send_message, chat_id, text, reply_markup=markup)

    def edit_text(self, chat_id: int, message_id: int, text: str, rows: Rows) -> None:
        """Put another text, and other buttons, into a message of ours."""
        edit = partial(self._bot.edit_message_text, text)
        self._send(edit, chat_id, message_id, reply_markup=_inline(rows))

    def edit_buttons(self, chat_id: int, message_id: int, rows: Rows) -> None:
        """Put other buttons under a message of ours; it counts as a message, and can wait."""
        edit = self._bot.edit_message_reply_markup
        self._send(
            edit, chat_id, message_id, priority=Priority.BACKGROUND, reply_markup=_inline(rows)
        )

    def send_file(
        self,
        chat_id: int,
        file: Upload | KnownFile,
        caption: str,
        rows: Rows,
        *,
        priority: Priority = Priority.USER,
    ) -> Sent:
        """Send one picture, clip or document, with a caption in HTML."""
        options: dict[str, Any] = {
            "caption": caption or None,
            "parse_mode": "HTML",
            "reply_markup": _inline(rows),
            "protect_content": self._protect or None,
        }
        if file.kind is not Kind.DOCUMENT:
            options["has_spoiler"] = self._spoiler or None
        if isinstance(file, Upload) and file.kind in (Kind.VIDEO, Kind.ANIMATION):
            options |= {
                "width": file.width or None,
                "height": file.height or None,
                "duration": round(file.duration) or None,
            }
        send = partial(getattr(self._bot, f"send_{file.kind}"), **options)
        sent = self._send(send, chat_id, _content(file), is_media=True, priority=priority)
        return _sent(sent)

    def send_album(
        self,
        chat_id: int,
        items: Sequence[tuple[Upload | KnownFile, str]],
        *,
        priority: Priority = Priority.USER,
    ) -> list[Sent]:
        """Send 2 to 10 photos and videos as one album, each with a caption in HTML.

        Telegram takes no buttons under an album.
        """
        media = [self._item(file, caption) for file, caption in items]
        send = partial(self._bot.send_media_group, protect_content=self._protect or None)
        sent = self._send(
            send, chat_id, media, is_media=True, messages=len(items), priority=priority
        )
        return [_sent(message) for message in sent]

    def _item(self, file: Upload | KnownFile, caption: str) -> Any:
        kind: Any = types.InputMediaPhoto if file.kind is Kind.PHOTO else types.InputMediaVideo
        return kind(
            _content(file),
            caption=caption or None,
            parse_mode="HTML",
            has_spoiler=self._spoiler or None,
        )

    def _send(
        self,
        method: Callable[..., Any],
        chat_id: int,
        *args: object,
        is_media: bool = False,
        messages: int = 1,
        priority: Priority = Priority.USER,
        **options: object,
    ) -> Any:
        self._take_turn(chat_id, messages, priority)
        began = time.monotonic()
        try:
            return self._call(method, chat_id, *args, is_media=is_media, **options)
        except ChatGone:
            if self._heard.get(chat_id, 0.0) <= began:
                raise
            late = TelegramError("the chat refused this before it wrote to us", retry_after=1)
        except TelegramError as error:
            if error.retry_after is not None:
                self._pause(chat_id, error.retry_after)
            raise
        raise late

    def _take_turn(self, chat_id: int, messages: int, priority: Priority) -> None:
        """Wait for a moment at which so many messages may go out, and count them."""
        while wait := self._try_turn(chat_id, messages, priority):
            if wait > LONGEST_WAIT or self._closed.wait(wait):
                raise TelegramError("it is not this chat's turn yet", retry_after=wait)

    def _try_turn(self, chat_id: int, messages: int, priority: Priority) -> float:
        with self._lock:
            now = time.monotonic()
            wait = self._pace.wait(chat_id, now, messages=messages, priority=priority)
            if not wait:
                self._pace.take(chat_id, now, messages=messages)
        return wait

    def _pause(self, chat_id: int, seconds: float) -> None:
        with self._lock:
            self._pace.pause(chat_id, time.monotonic(), seconds)
        log.warning("flood_wait", chat_id=chat_id, seconds=seconds)

    def _call(
        self, method: Callable[..., Any], *args: object, is_media: bool = False, **options: object
    ) -> Any:
        """Call telebot, and map whatever goes wrong.

        The context of an error is cut off: it may name the address, and so the token.
        """
        try:
            return method(*args, **options)
        except apihelper.ApiTelegramException as error:
            parameters = error.result_json.get("parameters") or {}
            text = str(error.description)
            refusal = refused(error.error_code, text, parameters, is_media=is_media)
        except apihelper.ApiHTTPException as error:
            refusal = http_error(error.result.status_code)
        except (apihelper.ApiInvalidJSONException, KeyError, TypeError, ValueError):
            refusal = TelegramError("an answer that is none of Telegram's", maybe_sent=True)
        if refusal is not None:
            raise refusal from None
        return None

    def post(self, method: str, params: dict[str, Any] | None, files: Any) -> requests.Response:
        """Make one HTTP request, on this thread's connection; telebot calls it through us."""
        limit = self.upload if files else self.question
        if method == "getUpdates" and params:
            poll_s = params["timeout"] + POLL_EXTRA_S
            limit = TimeLimit(total=poll_s, idle=poll_s)
        try:
            with (
                exchange(limit),
                self._session().post(
                    f"{self._base}/{method}",
                    data=params,
                    files=files,
                    timeout=(CONNECT_S, limit.idle),
                    proxies=self._proxies,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                body = read_body(response, ANSWER_LIMIT)
        except requests.RequestException as error:
            failure = network_error(error)
        except lower.TimeoutError:
            failure = TelegramError("no answer in time", maybe_sent=True)
        except lower.HTTPError:
            failure = TelegramError("the connection broke", maybe_sent=True)
        else:
            self._local.idle_since = time.monotonic()
            if len(body) <= ANSWER_LIMIT:
                return _with_body(response, body)
            failure = TelegramError("an answer without end", maybe_sent=True)
        raise failure from None

    def _session(self) -> requests.Session:
        """This thread's session, a new one if the old one has been idle for too long."""
        now = time.monotonic()
        if now - getattr(self._local, "idle_since", now) > IDLE:
            self.close_thread()
        if not hasattr(self._local, "session"):
            self._local.session = open_session()
        session: requests.Session = self._local.session
        return session


def _with_body(response: requests.Response, body: bytes) -> requests.Response:
    """Give a response that was read in pieces its body, for `.text` and `.json()`."""
    response.raw = io.BytesIO(body)
    response.encoding = "utf-8"  # requests would guess, which takes minutes for megabytes
    return response


#: telebot has one request sender a process; the token says whose call it is.
_SENDERS: dict[str, TelegramClient] = {}


def _dispatch(
    method: str,  # noqa: ARG001 - everything goes as POST
    url: str,
    *,
    params: dict[str, Any] | None,
    files: Any,
    timeout: object,  # noqa: ARG001 - each sender has its own limits
    proxies: object,  # noqa: ARG001 - each sender has its own
) -> requests.Response:
    token, _, name = url.partition("/")
    return _SENDERS[token].post(name, params, files)


vars(apihelper).update(
    API_URL="{0}/{1}",
    CUSTOM_REQUEST_SENDER=_dispatch,
    format_header_param=None,  # or else telebot sends file names unquoted
)


def _content(file: Upload | KnownFile) -> str | types.InputFile:
    if isinstance(file, KnownFile):
        return file.file_id
    # Never raw bytes: telebot would format them into a debug line.
    return types.InputFile(io.BytesIO(file.data), file.filename)


def _inline(rows: Rows) -> types.InlineKeyboardMarkup | None:
    """None for no buttons: in a new message there are none then, from an old one they go."""
    if not rows:
        return None
    markup = types.InlineKeyboardMarkup(row_width=8)
    for row in rows:
        markup.row(*(types.InlineKeyboardButton(b.text, callback_data=b.data) for b in row))
    return markup


def _sent(message: types.Message) -> Sent:
    """What became of a file: Telegram may make an animation of a silent video."""
    if message.photo:
        file = KnownFile(Kind.PHOTO, message.photo[-1].file_id)
    else:
        kinds = (Kind.ANIMATION, Kind.VIDEO, Kind.DOCUMENT)
        kind = next(kind for kind in kinds if getattr(message, kind))
        file = KnownFile(kind, getattr(message, kind).file_id)
    return Sent(message.message_id, file)
