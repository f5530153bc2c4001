"""A stand-in for Telegram: its Bot API for the bot, a chat page for a person.

One server on 127.0.0.1 serves both. In a test, the methods of `TelegramStandIn` are the
people: they write, press and block, and see what the bot has sent.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ..http import Request, Response, Server
from .botapi import BotApi
from .chatpage import ChatPage
from .chats import Answer, Chat, Message, User
from .form import Arguments, read_arguments
from .limits import Flood, Refusal, too_many_requests
from .messenger import Messenger

HTTP_PORT = 80
TOKEN_FORM = re.compile(r"\d{1,16}:[\w-]+", re.ASCII)


@dataclass(frozen=True)
class Call:
    """A call of the Bot API: what came, when (monotonic seconds), what was answered.

    `params` are text, as Telegram reads them; `answer` is the whole JSON object.
    """

    method: str
    params: dict[str, str]
    files: dict[str, tuple[str, bytes]]
    time: float
    status: int
    answer: dict[str, Any]

    @property
    def chat_id(self) -> int:
        return int(self.params.get("chat_id", 0))

    def json(self, name: str) -> Any:
        """The decoded JSON of a parameter; None if it is missing."""
        return json.loads(self.params[name]) if name in self.params else None


class TelegramStandIn:
    """Telegram, on this machine. Starts at once; thread-safe; a context manager.

    `users` have started the bot already; the page shows the chat of the first.
    `delay` is how many seconds each answer takes. With `flood_limits`, the bot that
    sends too fast gets 429. `keep_messages` bounds what is remembered of a chat.
    `clock` gives monotonic seconds to the flood limits and to the age of presses.
    """

    def __init__(
        self,
        token: str,
        *,
        port: int = 0,
        users: Sequence[User] = (User(1, "Ann"),),
        delay: float = 0.0,
        page: bool = True,
        flood_limits: bool = False,
        keep_messages: int = 100_000,
        bot_name: str = "Stashbot",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        bot = User(int(token.partition(":")[0]), bot_name, "stash_demo_bot", is_bot=True)
        self._token = token
        self._messenger = Messenger(bot, users, clock=clock, keep=keep_messages)
        self._api = BotApi(self._messenger, Flood(clock) if flood_limits else None)
        self._calls: list[Call] = []
        self.server = Server(
            self._handle,
            port=port,
            delay=delay,
            flood=lambda seconds: _respond(too_many_requests(seconds)),
        )
        stopping = self.server.stopping
        self._page = ChatPage(self._messenger, users[0].id, stopping) if page else None

    @property
    def url(self) -> str:
        """The address of the chat page."""
        return self.server.url

    @property
    def api_url(self) -> str:
        """What the bot takes for https://api.telegram.org."""
        return self.server.url

    def close(self) -> None:
        """End all polls and connections."""
        self._messenger.updates.stop()
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # What the people do

    def say(
        self, user_id: int, text: str, *, chat_id: int = 0, language_code: str = "", topic: int = 0
    ) -> Message:
        """A user, known or not, writes into the private chat, or into `chat_id` and `topic`."""
        user = self._messenger.user(user_id)
        if language_code:
            user = User(user.id, user.first_name, user.username, language_code)
        if not chat_id:
            self._messenger.add_user(user)
        return self._messenger.say(chat_id or user_id, user, text, topic)

    def press(self, message: Message | int, data: str, *, user_id: int, chat_id: int = 0) -> str:
        """A person presses a button, existing or not; the id of the callback query.

        `chat_id` is needed only where `message` is a mere id of a message in a group.
        """
        user = self._messenger.user(user_id)
        if isinstance(message, Message):
            return self._messenger.press(message.chat_id, message.id, data, user)
        return self._messenger.press(chat_id or user_id, message, data, user)

    def add_user(self, user: User) -> None:
        """Another person has started the bot."""
        self._messenger.add_user(user)

    def add_group(
        self,
        chat_id: int,
        title: str,
        members: Iterable[int] = (),
        *,
        type: str = "group",
        topics: Iterable[int] = (),
    ) -> None:
        """Put the bot into a group, supergroup or channel; one with `topics` is a forum."""
        self._messenger.add_chat(Chat(chat_id, type, title, tuple(members), tuple(topics)))

    def block(self, chat_id: int) -> None:
        """A person blocks the bot, or a group throws it out; the bot is told."""
        self._messenger.set_blocked(chat_id, is_blocked=True)

    def unblock(self, chat_id: int) -> None:
        """The bot may write there again, and is told."""
        self._messenger.set_blocked(chat_id, is_blocked=False)

    def upgrade_group(self, old: int, new: int) -> None:
        """A group becomes a supergroup; the old id is refused from now on."""
        self._messenger.move(old, new)

    def put_update(self, update: dict[str, Any]) -> None:
        """Queue an update as it is, malformed ones too; it gets an update_id if it has none."""
        self._messenger.updates.put(update)

    def forget_files(self) -> None:
        """Make all file_ids unknown to Telegram."""
        self._messenger.forget_files()

    # What the people see

    def messages(self, chat_id: int) -> list[Message]:
        """The messages of a chat, oldest first, those of the people included."""
        return self._messenger.messages(chat_id)

    def keyboard(self, chat_id: int) -> tuple[tuple[str, ...], ...]:
        """The keys below the chat, row by row."""
        return self._messenger.keyboard(chat_id)

    @property
    def answers(self) -> list[Answer]:
        """The bot's answers to presses, oldest first."""
        with self._messenger.changed:
            return list(self._messenger.answers)

    def pending(self) -> list[dict[str, Any]]:
        """The updates that the bot has not confirmed."""
        return self._messenger.updates.pending()

    # What the bot did

    @property
    def calls(self) -> list[Call]:
        """Every call of the Bot API that was answered, in the order of the answers.

        Those that met a fault are missing, unless it took only their answer.
        """
        with self._messenger.changed:
            return list(self._calls)

    def wait_for(
        self, what: str | Callable[[Call], bool], *, count: int = 1, timeout: float = 10
    ) -> list[Call]:
        """Wait until there are `count` calls of a method, or that fit, since the start.

        Raises TimeoutError, which names the calls that came.
        """
        fits = what if callable(what) else lambda call: call.method.lower() == what.lower()
        with self._messenger.changed:
            if self._messenger.changed.wait_for(lambda: self._count(fits) >= count, timeout):
                return [call for call in self._calls if fits(call)]
            came = ", ".join(f"{call.method} {call.status}" for call in self._calls)
        raise TimeoutError(f"no {count} × {what} within {timeout} s; there came: {came}")

    def _count(self, fits: Callable[[Call], bool]) -> int:
        return sum(fits(call) for call in self._calls)

    def wait_for_poll(self, timeout: float = 10) -> None:
        """Wait until the bot is waiting for updates."""
        if not self._messenger.updates.wait_for_poll(timeout):
            raise TimeoutError(f"no getUpdates within {timeout} s")

    # HTTP

    @property
    def _hosts(self) -> list[str]:
        """What we are called; nobody names the port that http has anyway."""
        port = self.server.port
        suffixes = [f":{port}", ""] if port == HTTP_PORT else [f":{port}"]
        return [name + suffix for name in ("127.0.0.1", "localhost") for suffix in suffixes]

    def _handle(self, request: Request) -> Response:
        if request.headers.get("host") not in self._hosts:
            # Else a page on the internet whose name points here could read the chat.
            return Response(403, "text/plain")
        found = re.fullmatch("/bot([^/]*)/([^/]*)", request.path)
        if found:
            return self._call(found[1], found[2], request)
        return self._page.serve(request) if self._page else Response(404, "text/plain")

    def _call(self, token: str, method: str, request: Request) -> Response:
        began = time.monotonic()
        arguments = Arguments()
        answer: dict[str, Any] | Refusal
        try:
            self._check(token)
            arguments = read_arguments(request)
            answer = {"ok": True, "result": self._api.call(method, arguments)}
        except Refusal as refusal:
            answer = refusal
        response = _respond(answer)
        body = answer.as_json() if isinstance(answer, Refusal) else answer
        call = Call(method, arguments.params, arguments.files, began, response.status, body)
        with self._messenger.changed:
            self._calls.append(call)
            self._messenger.changed.notify_all()
        return response

    def _check(self, token: str) -> None:
        if not TOKEN_FORM.fullmatch(token):
            raise Refusal(404, "Not Found")
        if token != self._token:
            raise Refusal(401, "Unauthorized")


def _respond(answer: dict[str, Any] | Refusal) -> Response:
    """Telegram's answer as HTTP; a flood also says so in a header."""
    if not isinstance(answer, Refusal):
        return Response(body=json.dumps(answer).encode())
    headers = {}
    if wait := answer.parameters.get("retry_after"):
        headers["Retry-After"] = str(wait)
    return Response(answer.code, body=json.dumps(answer.as_json()).encode(), headers=headers)
