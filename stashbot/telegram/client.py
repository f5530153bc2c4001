"""The client of the Bot API: every call of Telegram goes through it.

Parameters go into the body and not into the address, so that no proxy's log and no error
text shows them. The client repeats nothing: a failure ends as one of our errors, which
tells whether the message may have arrived, and the caller decides.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
from .errors import NothingToDo, http_error, network_error, refused, wrong_shape
from .health import Health, Side
from .rate_limit import TELEGRAM_LIMITS, RateLimiter, RateLimits, Traffic

log = structlog.get_logger()

#: The longest pause between two tries while Telegram is away.
LONGEST_PAUSE_S = 60.0
#: Seconds to connect.
CONNECT_S = 5.0
#: Seconds for which Telegram may work on a file that has arrived.
UPLOAD_IDLE_S = 120.0
#: Seconds that a long poll may take longer than it was asked to.
POLL_EXTRA_S = 20.0
#: Bytes of an answer, unpacked: 100 long updates have 7 MB.
ANSWER_LIMIT = 16 << 20
#: The longest pause after a 429: for a chat, and for getUpdates.
LONGEST_CHAT_PAUSE_S = 3600.0
LONGEST_POLL_PAUSE_S = 300.0
#: Seconds; Telegram's servers hold a poll open for at most this long.
LONG_POLL = 50
#: Seconds after which an idle connection is taken for dead: to find that out in the
#: middle of an upload would leave open whether the picture had arrived.
IDLE = 50
#: The kinds of update to ask for; `my_chat_member` tells that a user blocked the bot.
UPDATES = ["message", "callback_query", "my_chat_member"]


class TelegramClient:
    """Calls the Bot API for one bot. Thread-safe.

    Every method that calls Telegram raises TelegramError or a subclass. `outage` tells
    whether Telegram is away: polls and messages report to it, small calls do not. `question` and
    `upload` limit one exchange each; they are to be replaced before the first call.
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
        #: The bot's user name; empty until `get_me` has succeeded once.
        self.name = ""
        self._token = token
        self._base = f"{api_url}/bot{token}"
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._spoiler = spoiler
        self._protect = protect
        self._bot = telebot.TeleBot(token, threaded=False)
        self._local = threading.local()
        self._limiter = RateLimiter(rules)
        self._health = Health(self.outage)
        self._heard: dict[int, float] = {}
        _SENDERS[token] = self

    def close(self) -> None:
        """Report no more failures: the program ends, and cuts its own calls short."""
        self._health.close()

    def close_thread(self) -> None:
        """Close the connections of the calling thread."""
        session = getattr(self._local, "session", None)
        if session:
            session.close()
            del self._local.session

    def take_turn(
        self,
        chat_id: int,
        priority: Priority = Priority.USER,
        messages: int = 1,
        *,
        traffic: Traffic = Traffic.MEDIA,
    ) -> float:
        """Return 0.0 if so many messages may go now, else the seconds until the next try.

        A turn that is taken counts. Take one before each `send_file` (1 message),
        `send_album` (its number of items), `send_text` and `edit_...`.
        """
        return self._limiter.take(chat_id, traffic, priority, messages)

    def heard_from(self, chat_id: int) -> None:
        """Note that a chat writes to the bot, so that its earlier refusals do not count."""
        self._heard[chat_id] = time.monotonic()

    # Updates

    def get_updates(self, offset: int, *, limit: int = 100, wait: int) -> list[Any]:
        """Poll for at most `wait` seconds; return the updates from `offset` on, as JSON.

        The poll confirms the updates before `offset`. An update can have any shape.
        """
        try:
            with _mapped():
                updates: object = apihelper.get_updates(  # type: ignore[no-untyped-call]
                    self._token,
                    offset=offset,
                    limit=limit,
                    allowed_updates=UPDATES,
                    long_polling_timeout=wait,
                )
                if not isinstance(updates, list):
                    raise TypeError
        except TelegramError as error:
            _bound_pause(error, LONGEST_POLL_PAUSE_S)
            self._health.failed(Side.POLLS, error)
            raise
        self._health.worked(Side.POLLS)
        return updates[:limit]

    # Small calls, safe to repeat

    def get_me(self) -> str:
        """Return the bot's own user name, and keep it in `name`."""
        with _mapped():
            self.name = str(self._bot.get_me().username)
        return self.name

    def get_webhook(self) -> str:
        """Return the address that Telegram delivers updates to, empty if the bot may poll."""
        with _mapped():
            return str(self._bot.get_webhook_info().url or "")

    def get_chat(self, chat_id: int) -> None:
        """Raise ChatGone if the chat does not exist for the bot."""
        with _mapped():
            self._bot.get_chat(chat_id)

    def set_commands(self, commands: Mapping[str, str], language: str = "") -> None:
        """Register names and descriptions; without a language, for all other languages."""
        items = [types.BotCommand(name, description) for name, description in commands.items()]
        with _mapped():
            self._bot.set_my_commands(items, language_code=language or None)

    def answer(self, press_id: str, text: str = "") -> None:
        """Answer a callback query, with a note of at most 200 characters."""
        with suppress(NothingToDo), _mapped():
            self._bot.answer_callback_query(press_id, text=text or None)

    def send_chat_action(self, chat_id: int, action: str) -> None:
        """Show for 5 seconds that the bot is busy, for example with `upload_photo`."""
        with _mapped():
            self._bot.send_chat_action(chat_id, action)

    # Messages

    def send_text(self, chat_id: int, text: str, *, keyboard: str = "", rows: Rows = ()) -> None:
        """Send plain text (at most 4,096 characters).

        With `rows` of buttons under it, or with a keyboard of one button, named `keyboard`.
        """
        markup: Any = _inline(rows)
        if keyboard:
            markup = types.ReplyKeyboardMarkup(resize_keyboard=True, is_persistent=True)
            markup.add(types.KeyboardButton(keyboard))
        with self._sending(chat_id, Side.TEXTS):
            self._bot.send_message(chat_id, text, reply_markup=markup)

    def edit_text(self, chat_id: int, message_id: int, text: str, rows: Rows) -> None:
        """Replace the text and the buttons of a message of the bot."""
        with suppress(NothingToDo), self._sending(chat_id, Side.TEXTS):
            self._bot.edit_message_text(text, chat_id, message_id, reply_markup=_inline(rows))

    def edit_buttons(self, chat_id: int, message_id: int, rows: Rows) -> None:
        """Replace the buttons of a message of the bot."""
        with suppress(NothingToDo), self._sending(chat_id, Side.TEXTS):
            self._bot.edit_message_reply_markup(chat_id, message_id, reply_markup=_inline(rows))

    def send_file(self, chat_id: int, file: Upload | KnownFile, caption: str, rows: Rows) -> Sent:
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
        content = _content(file)
        with self._sending(chat_id, Side.MEDIA):
            return _sent(send(chat_id, content))

    def send_album(
        self, chat_id: int, items: Sequence[tuple[Upload | KnownFile, str]]
    ) -> list[Sent]:
        """Send 2 to 10 photos and videos as one album, each with a caption in HTML.

        Telegram takes no buttons under an album.
        """
        media = [self._item(file, caption) for file, caption in items]
        send = partial(self._bot.send_media_group, protect_content=self._protect or None)
        with self._sending(chat_id, Side.MEDIA):
            sent = [_sent(message) for message in send(chat_id, media)]
            if len(sent) != len(items):
                raise ValueError
            return sent

    def _item(self, file: Upload | KnownFile, caption: str) -> Any:
        kind: Any = types.InputMediaPhoto if file.kind is Kind.PHOTO else types.InputMediaVideo
        return kind(
            _content(file),
            caption=caption or None,
            parse_mode="HTML",
            has_spoiler=self._spoiler or None,
        )

    @contextmanager
    def _sending(self, chat_id: int, side: Side) -> Iterator[None]:
        """Map the errors of a message, pause the chat after a 429, and report the outcome."""
        began = time.monotonic()
        try:
            with _mapped(is_media=side is Side.MEDIA):
                yield
        except TelegramError as error:
            self._health.failed(side, error)
            if isinstance(error, ChatGone) and self._heard.get(chat_id, 0.0) > began:
                late = "the chat refused this before it wrote to the bot"
                raise TelegramError(late, retry_after=1) from None
            self._pause(chat_id, error)
            raise
        self._health.worked(side)

    def _pause(self, chat_id: int, error: TelegramError) -> None:
        _bound_pause(error, LONGEST_CHAT_PAUSE_S)
        if error.retry_after is not None:
            self._limiter.pause(chat_id, error.retry_after)
            log.warning("flood_wait", chat_id=chat_id, seconds=error.retry_after)

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


#: Raised by telebot, or by this module, for an answer of the wrong shape.
_WRONG_SHAPE = (
    apihelper.ApiInvalidJSONException,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def _mapped(*, is_media: bool = False) -> Iterator[None]:
    """Map the errors of one call, and of the reading of its answer, to ours.

    The original errors are left out of tracebacks: they can name the address and the token.
    """
    try:
        yield
    except apihelper.ApiTelegramException as error:
        status = error.result.status_code
        raise refused(error.result_json, status, is_media=is_media) from None
    except apihelper.ApiHTTPException as error:
        raise http_error(error.result.status_code) from None
    except _WRONG_SHAPE as error:
        raise wrong_shape(error) from None


def _bound_pause(error: TelegramError, longest: float) -> None:
    """Cut a `retry_after` that is longer than this, in seconds."""
    if error.retry_after is not None and error.retry_after > longest:
        log.warning("retry_after_cut", asked=error.retry_after, seconds=longest)
        error.retry_after = longest


def _content(file: Upload | KnownFile) -> str | types.InputFile:
    if isinstance(file, KnownFile):
        return file.file_id
    # Never raw bytes: telebot would format them into a debug line.
    return types.InputFile(io.BytesIO(file.data), file.filename)


def _inline(rows: Rows) -> types.InlineKeyboardMarkup | None:
    """Return the buttons; None means none, and removes those of an old message."""
    if not rows:
        return None
    markup = types.InlineKeyboardMarkup(row_width=8)
    for row in rows:
        markup.row(*(types.InlineKeyboardButton(b.text, callback_data=b.data) for b in row))
    return markup


def _sent(message: types.Message) -> Sent:
    """Read the answer: Telegram can make an animation of a silent video.

    An answer of the wrong shape raises one of the errors of `_WRONG_SHAPE`.
    """
    kinds = (Kind.PHOTO, Kind.ANIMATION, Kind.VIDEO, Kind.DOCUMENT)
    kind = next((kind for kind in kinds if getattr(message, kind)), Kind.PHOTO)
    file = getattr(message, kind)
    file_id = (file[-1] if kind is Kind.PHOTO else file).file_id
    message_id: object = message.message_id
    if not (isinstance(message_id, int) and isinstance(file_id, str)):
        raise TypeError
    return Sent(message_id, KnownFile(kind, file_id))
