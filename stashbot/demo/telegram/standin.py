"""A stand-in for Telegram: the Bot API for the bot, and a chat page for a browser.

One server on 127.0.0.1 serves both. In tests, methods of `TelegramStandIn` take the place of
users: they write, press buttons, block the bot, and read its messages.
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
    """A call of the Bot API and its answer. `time` is in monotonic seconds.

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
        """The decoded JSON of a parameter; None if there is none."""
        return json.loads(self.params[name]) if name in self.params else None


class TelegramStandIn:
    """Telegram on this machine. Thread-safe; starts at once; a context manager.

    `users` have started the bot already; the page shows the chat of the first one. `delay`
    is the time of each answer in seconds. With `flood_limits`, a bot that sends too fast gets
    429. A chat keeps its newest `keep_messages`. `clock` (monotonic seconds) serves the rate
    limits and ages updates.
    """

    def __init__(
        self,
        token: str,
        *,
        port: int = 0,
        users: Sequence[User] = (User(1, "Ann"),),
        delay: float = 0.0,
        flood_limits: bool = False,
        keep_messages: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        bot = User(int(token.partition(":")[0]), "Stashbot", "stash_demo_bot", is_bot=True)
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
        self._page = ChatPage(self._messenger, users[0].id, stopping)

    @property
    def url(self) -> str:
        """The address of the chat page."""
        return self.server.url

    @property
    def api_url(self) -> str:
        """The bot's replacement for https://api.telegram.org."""
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

    # Actions of users

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
        """A user presses a button, which may be gone. Returns the id of the callback query.

        `chat_id` is needed only if `message` is the id of a message in a group.
        """
        user = self._messenger.user(user_id)
        if isinstance(message, Message):
            return self._messenger.press(message.chat_id, message.id, data, user)
        return self._messenger.press(chat_id or user_id, message, data, user)

    def add_user(self, user: User) -> None:
        """Add a user with a started chat."""
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
        """A user blocks the bot, or a group removes it; the bot gets an update."""
        self._messenger.set_blocked(chat_id, is_blocked=True)

    def unblock(self, chat_id: int) -> None:
        """The bot may write to the chat again and gets an update."""
        self._messenger.set_blocked(chat_id, is_blocked=False)

    def upgrade_group(self, old: int, new: int) -> None:
        """Turn a group into a supergroup; Telegram refuses the old id from now on."""
        self._messenger.move(old, new)

    def put_update(self, update: dict[str, Any]) -> None:
        """Queue an update, also a malformed one; it gets an update_id if it has none."""
        self._messenger.updates.put(update)

    def forget_files(self) -> None:
        """Make all file_ids unknown."""
        self._messenger.forget_files()

    # The chats as users see them

    def messages(self, chat_id: int) -> list[Message]:
        """All messages of a chat, oldest first."""
        return self._messenger.messages(chat_id)

    def keyboard(self, chat_id: int) -> tuple[tuple[str, ...], ...]:
        """The reply keyboard of a chat, row by row."""
        return self._messenger.keyboard(chat_id)

    @property
    def answers(self) -> list[Answer]:
        """The bot's answers to callback queries, oldest first."""
        with self._messenger.changed:
            return list(self._messenger.answers)

    def pending(self) -> list[dict[str, Any]]:
        """The updates that the bot has not confirmed yet."""
        return self._messenger.updates.pending()

    # Calls of the bot

    @property
    def calls(self) -> list[Call]:
        """The calls of the Bot API, in the order of their answers.

        A call that met a fault is missing, unless the fault lost only its answer.
        """
        with self._messenger.changed:
            return list(self._calls)

    def wait_for(
        self, wanted: str | Callable[[Call], bool], *, count: int = 1, timeout: float = 10
    ) -> list[Call]:
        """Wait for `count` calls since the start: of a method, or that satisfy a predicate.

        Returns all such calls. Raises TimeoutError, which names the calls so far.
        """
        fits = wanted if callable(wanted) else lambda call: call.method.lower() == wanted.lower()
        with self._messenger.changed:
            if self._messenger.changed.wait_for(lambda: self._count(fits) >= count, timeout):
                return [call for call in self._calls if fits(call)]
            came = ", ".join(f"{call.method} {call.status}" for call in self._calls)
        raise TimeoutError(f"no {count} × {wanted} within {timeout} s; calls so far: {came}")

    def _count(self, fits: Callable[[Call], bool]) -> int:
        return sum(fits(call) for call in self._calls)

    def wait_for_poll(self, timeout: float = 10) -> None:
        """Wait until the bot waits for updates. Raises TimeoutError."""
        if not self._messenger.updates.wait_for_poll(timeout):
            raise TimeoutError(f"no getUpdates within {timeout} s")

    # HTTP

    @property
    def _hosts(self) -> list[str]:
        """The Host headers to accept; browsers leave the default port out."""
        port = self.server.port
        suffixes = [f":{port}", ""] if port == HTTP_PORT else [f":{port}"]
        return [name + suffix for name in ("127.0.0.1", "localhost") for suffix in suffixes]

    def _handle(self, request: Request) -> Response:
        if request.headers.get("host") not in self._hosts:
            # Against DNS rebinding: a site whose name points here could read the chat.
            return Response(403, "text/plain")
        found = re.fullmatch("/bot([^/]*)/([^/]*)", request.path)
        if found:
            return self._call(found[1], found[2], request)
        return self._page.serve(request)

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
    """Telegram's answer as HTTP; a 429 also has the header Retry-After."""
    if not isinstance(answer, Refusal):
        return Response(body=json.dumps(answer).encode())
    headers = {}
    if wait := answer.parameters.get("retry_after"):
        headers["Retry-After"] = str(wait)
    return Response(answer.code, body=json.dumps(answer.as_json()).encode(), headers=headers)
