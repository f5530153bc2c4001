"""A stand-in for Telegram: the Bot API for the bot, and a chat page for a browser.

One server on 127.0.0.1 serves both.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from typing import Any, Self

from ..http import Request, Response, Server
from .botapi import BotApi
from .chatpage import ChatPage, View
from .chats import Chat, User
from .files import Measure
from .form import Arguments, read_arguments
from .limits import Refusal
from .messenger import Messenger

TOKEN_FORM = re.compile(r"\d{1,16}:[\w-]+", re.ASCII)


class TelegramStandIn:
    """Telegram on this machine. Thread-safe; starts at once; a context manager.

    `measure` reads the sides of a picture. The `users` have started the bot already. The
    page shows the chat of the first one; if there are groups, the chats of all users, and the
    groups as each member. A chat keeps its newest `keep_messages`.
    """

    def __init__(
        self,
        token: str,
        *,
        measure: Measure,
        port: int = 0,
        users: Sequence[User] = (User(1, "Ann"),),
        groups: Sequence[Chat] = (),
        keep_messages: int = 100_000,
    ) -> None:
        bot = User(int(token.partition(":")[0]), "Stashbot", "stash_demo_bot", is_bot=True)
        self._token = token
        self._messenger = Messenger(bot, users, keep=keep_messages)
        self.server = self._serve(port)
        stopping = self.server.stopping
        self._api = BotApi(self._messenger, measure)
        self._messenger.chats |= {group.id: group for group in groups}
        played = users if groups else users[:1]
        views = [View(user.id, user.id) for user in played]
        views += [View(member, group.id) for group in groups for member in group.members]
        self._page = ChatPage(self._messenger, views, stopping)

    @property
    def url(self) -> str:
        """The address of the chat page, and the bot's replacement for api.telegram.org."""
        return self.server.url

    def close(self) -> None:
        """End all polls and connections."""
        self._messenger.updates.stop()
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, port: int) -> Server:
        return Server(self._handle, port=port)

    def _handle(self, request: Request) -> Response:
        found = re.fullmatch("/bot([^/]*)/([^/]*)", request.path)
        if not found:
            return self._page.serve(request)
        token, method = found.groups()
        try:
            arguments = read_arguments(request)
        except Refusal as refusal:
            return respond(refusal.as_json(), refusal.code)
        return self._call(token, method, arguments)

    def _call(self, token: str, method: str, arguments: Arguments) -> Response:
        try:
            self._check(token)
            return respond({"ok": True, "result": self._carry_out(method, arguments)})
        except Refusal as refusal:
            return respond(refusal.as_json(), refusal.code)

    def _carry_out(self, method: str, arguments: Arguments) -> object:
        return self._api.call(method, arguments)

    def _check(self, token: str) -> None:
        if not TOKEN_FORM.fullmatch(token):
            raise Refusal(404, "Not Found")
        if not secrets.compare_digest(token, self._token):
            raise Refusal(401, "Unauthorized")


def respond(answer: dict[str, Any], code: int = 200) -> Response:
    """Telegram's answer as HTTP."""
    return Response(code, body=json.dumps(answer).encode())
