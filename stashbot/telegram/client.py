"""The client of the Bot API: every call of Telegram goes through it.

The client repeats nothing: a failure ends as one of our errors, which tells whether the
message may have arrived, and the caller decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import structlog
import telebot
from telebot import apihelper, types

from ..errors import TelegramError
from ..models import Kind, KnownFile, MediaOptions, Reply, Rows, Sent, Upload
from ..runtime.outage import Outage
from .errors import ChatGone, NothingToDo, PollConflict, mapped
from .files import about, content, for_message, read_sent
from .health import Health, Side
from .http import Connections
from .markup import inline, is_refused_link, replying, with_moments
from .rate_limit import TELEGRAM_LIMITS, RateLimiter, RateLimits

log = structlog.get_logger()

#: The longest pause between two tries while Telegram is away.
LONGEST_PAUSE_S = 60.0
#: The longest pause after a 429: for a chat, and for getUpdates.
LONGEST_CHAT_PAUSE_S = 3600.0
LONGEST_POLL_PAUSE_S = 300.0
#: The pause after an answer that holds only updates without an id: the next poll brings the
#: same at once.
UNREADABLE_PAUSE_S = 1.0
#: Supergroups and channels have ids of at most this.
HIGHEST_CHANNEL = -1_000_000_000_000
#: The greatest update id that SQLite can store.
MAX_UPDATE_ID = 2**63 - 1
#: The kinds of update to ask for; `my_chat_member` tells that a user blocked the bot. Reactions
#: come from groups where the bot is an administrator, and perhaps from private chats.
UPDATES = ["message", "callback_query", "my_chat_member", "message_reaction"]


PLAIN = MediaOptions()
DAY = timedelta(days=1)


class TelegramClient:
    """Calls the Bot API for one bot. Thread-safe.

    Every method that calls Telegram raises TelegramError or a subclass. `outage` tells
    whether Telegram is away: polls and pictures report to it.
    """

    def __init__(
        self,
        token: str,
        api_url: str,
        proxy: str = "",
        *,
        limits: RateLimits = TELEGRAM_LIMITS,
    ) -> None:
        self.outage = Outage("telegram", LONGEST_PAUSE_S)
        #: When another program last polled, by the monotonic clock; None if none has.
        self.conflict_at: float | None = None
        self.bot_id = int(token.partition(":")[0])
        #: The bot's user name; empty until `get_me` has succeeded once.
        self.name = ""
        self._token = token
        # Telegram would fetch an address that a title or details name.
        self._bot = telebot.TeleBot(token, threaded=False, disable_web_page_preview=True)
        self._are_channels: dict[int, bool] = {}  # by the chats' ids
        self._connections = Connections(token, api_url, proxy)
        self._health = Health(self.outage)
        self._limiter = RateLimiter(limits)
        #: To be called before each `send_file` (1 message), `send_album` (its number of
        #: items), `send_text` and `edit_...`; see `RateLimiter.take`.
        self.take_turn = self._limiter.take
        #: Closes the connections of the calling thread.
        self.close_thread = self._connections.close_thread

    def close(self) -> None:
        """Report no more failures: the program ends, and cuts its own calls short."""
        self._health.is_closed = True

    # Updates

    def get_updates(self, offset: int, *, wait: int) -> list[dict[str, Any]]:
        """Poll for at most `wait` seconds; return the updates from `offset` on, as JSON.

        The poll confirms the updates before `offset`. An update has an integer `update_id`, and
        else any shape; entries without an id are skipped, because no poll can confirm them.
        """
        try:
            with mapped():
                answer: object = apihelper.get_updates(  # type: ignore[no-untyped-call]
                    self._token,
                    offset=offset,
                    allowed_updates=UPDATES,
                    long_polling_timeout=wait,
                )
                updates = _readable(answer)
        except TelegramError as error:
            if isinstance(error, PollConflict):
                self.conflict_at = time.monotonic()
            _bound_pause(error, LONGEST_POLL_PAUSE_S)
            self._health.note(Side.POLLS, error)
            raise
        self._health.note(Side.POLLS)
        return updates

    # Small calls, safe to repeat

    def get_me(self) -> str:
        """Return the bot's own user name, and keep it in `name`."""
        with mapped():
            self.name = str(self._bot.get_me().username)
        return self.name

    def get_webhook(self) -> str:
        """Return the address that Telegram delivers updates to, empty if the bot may poll."""
        with mapped():
            return str(self._bot.get_webhook_info().url or "")

    def get_chat(self, chat_id: int) -> None:
        """Raise ChatGone if the chat does not exist for the bot."""
        with mapped():
            self._bot.get_chat(chat_id)

    def is_channel(self, chat_id: int) -> bool:
        """Whether a chat is a channel, as far as Telegram tells; it is asked once for each."""
        if chat_id > HIGHEST_CHANNEL:
            return False
        if chat_id not in self._are_channels:
            try:
                with mapped():
                    self._are_channels[chat_id] = self._bot.get_chat(chat_id).type == "channel"
            except TelegramError:
                return False
        return self._are_channels[chat_id]

    def is_administrator(self, chat_id: int, user_id: int) -> bool:
        """Whether a user is an administrator of a group, or its creator."""
        with mapped():
            member = apihelper.get_chat_member(  # type: ignore[no-untyped-call]
                self._token, chat_id, user_id
            )
            return member["status"] in ("creator", "administrator")

    def delete(self, chat_id: int, message_ids: Sequence[int]) -> None:
        """Delete up to 100 messages; Telegram skips those that are gone, or that are too old."""
        with suppress(NothingToDo), self._sending(chat_id):
            self._bot.delete_messages(chat_id, list(message_ids))

    def agrees(self, now: datetime) -> bool:
        """Whether Telegram's last answer has this time too, to within a day, or tells none."""
        date = self._connections.last_date
        with suppress(TypeError, ValueError):
            return date is not None and abs(now - parsedate_to_datetime(date)) < DAY
        return True

    def set_commands(
        self, commands: Mapping[str, str], language: str, scope: types.BotCommandScope
    ) -> None:
        """Register names and descriptions; without a language, for all other languages.

        A chat that has never written to the bot gets no list of its own.
        """
        items = [types.BotCommand(name, description) for name, description in commands.items()]
        with suppress(ChatGone), mapped():
            self._bot.set_my_commands(items, scope, language or None)

    def answer(self, press_id: str, text: str = "") -> None:
        """Answer a callback query, with a note of at most 200 characters."""
        with suppress(NothingToDo), mapped():
            self._bot.answer_callback_query(press_id, text=text or None)

    def send_chat_action(self, chat_id: int, action: str, topic: int = 0) -> None:
        """Show for 5 seconds that the bot is busy, for example with `upload_photo`."""
        with mapped():
            self._bot.send_chat_action(chat_id, action, message_thread_id=topic or None)

    # Messages

    def send_text(
        self,
        chat_id: int,
        text: str,
        *,
        keyboard: str = "",
        rows: Rows = (),
        reply_to: int | None = None,
        is_silent: bool = False,
        is_html: bool = False,
        topic: int = 0,
    ) -> int:
        """Send a text (at most 4,096 characters), as a reply to a message if it is there.

        With `rows` of buttons under it, or with a keyboard of one button, named `keyboard`.
        Return the id of the new message.
        """
        markup: Any = inline(rows)
        if keyboard:
            markup = types.ReplyKeyboardMarkup(resize_keyboard=True, is_persistent=True)
            markup.add(types.KeyboardButton(keyboard))
        send = partial(
            self._bot.send_message,
            chat_id,
            parse_mode="HTML" if is_html else None,
            reply_markup=markup,
            reply_parameters=replying(reply_to),
            disable_notification=is_silent or None,
            message_thread_id=topic or None,
        )
        with self._sending(chat_id):
            return int(with_moments(text, send).message_id)

    def edit_text(self, chat_id: int, message_id: int, reply: Reply) -> None:
        """Replace the text and the buttons of a message of the bot."""
        mode, markup = "HTML" if reply.is_html else None, inline(reply.rows)
        edit = partial(self._bot.edit_message_text, parse_mode=mode, reply_markup=markup)
        with suppress(NothingToDo), self._sending(chat_id):
            with_moments(reply.text, lambda text: edit(text, chat_id, message_id))

    def edit_buttons(self, chat_id: int, message_id: int, rows: Rows) -> None:
        """Replace the buttons of a message of the bot."""
        edit = self._bot.edit_message_reply_markup
        with suppress(NothingToDo), self._sending(chat_id):
            self._with_links(rows, lambda markup: edit(chat_id, message_id, reply_markup=markup))

    def edit_caption(self, chat_id: int, message_id: int, caption: str, rows: Rows) -> None:
        """Replace the caption, in HTML, and the buttons of a picture."""
        edit = partial(self._bot.edit_message_caption, caption, chat_id, message_id)
        with suppress(NothingToDo), self._sending(chat_id):
            self._with_links(rows, lambda markup: edit(parse_mode="HTML", reply_markup=markup))

    def send_file(
        self,
        chat_id: int,
        file: Upload | KnownFile,
        caption: str,
        rows: Rows,
        reply_to: int | None = None,
        options: MediaOptions = PLAIN,
    ) -> Sent:
        """Send one picture, clip or document, with a caption in HTML."""
        described = about(file, caption, options) | for_message(options)
        described |= {"reply_markup": inline(rows), "reply_parameters": replying(reply_to)}
        send = getattr(self._bot, f"send_{file.kind}")
        with self._sending(chat_id, is_media=True), ExitStack() as files:
            return read_sent(send(chat_id, content(file, files), **described))

    def send_album(
        self,
        chat_id: int,
        items: Sequence[tuple[Upload | KnownFile, str]],
        options: MediaOptions = PLAIN,
    ) -> list[Sent]:
        """Send 2 to 10 photos and videos as one album, each with a caption in HTML.

        Telegram takes no buttons under an album.
        """
        media: list[Any] = []
        with self._sending(chat_id, is_media=True), ExitStack() as files:
            for file, caption in items:
                is_photo = file.kind is Kind.PHOTO
                item: Any = types.InputMediaPhoto if is_photo else types.InputMediaVideo
                media.append(item(content(file, files), **about(file, caption, options)))
            messages = self._bot.send_media_group(chat_id, media, **for_message(options))
            if len(messages) != len(items):
                raise ValueError
            return [read_sent(message) for message in messages]

    def _with_links(self, rows: Rows, call: Callable[[Any], object]) -> None:
        """Make a call with buttons; if Telegram refuses them, once more without the links."""
        plain = [[button for button in row if not button.url] for row in rows]
        try:
            call(inline(rows))
        except apihelper.ApiTelegramException as error:
            if plain == rows or not is_refused_link(error):
                raise
            call(inline(plain))

    @contextmanager
    def _sending(self, chat_id: int, *, is_media: bool = False) -> Iterator[None]:
        """Map the errors of a message, and pause the chat after a 429."""
        try:
            with mapped(is_media=is_media):
                yield
        except TelegramError as error:
            if is_media:
                self._health.note(Side.PICTURES, error)
            _bound_pause(error, LONGEST_CHAT_PAUSE_S)
            if error.retry_after is not None:
                self._limiter.pause(chat_id, error.retry_after)
                log.warning("flood_wait", chat_id=chat_id, seconds=error.retry_after)
            raise
        if is_media:
            self._health.note(Side.PICTURES)


def _readable(updates: object) -> list[dict[str, Any]]:
    """Return the updates with an id. Raises TypeError, and TelegramError if there are none."""
    if not isinstance(updates, list):
        raise TypeError
    readable = [update for update in updates if isinstance(update, dict) and _has_id(update)]
    if updates and not readable:
        raise TelegramError("only updates without an id", retry_after=UNREADABLE_PAUSE_S)
    if len(readable) < len(updates):
        log.error("update_skipped", update_id=None, error="an update without an id")
    return readable


def _has_id(update: dict[str, Any]) -> bool:
    update_id = update.get("update_id")
    return isinstance(update_id, int) and 0 <= update_id < MAX_UPDATE_ID


def _bound_pause(error: TelegramError, longest_s: float) -> None:
    """Cut a `retry_after` that is longer than this."""
    if error.retry_after is not None and error.retry_after > longest_s:
        log.warning("retry_after_cut", asked=error.retry_after, seconds=longest_s)
        error.retry_after = longest_s
