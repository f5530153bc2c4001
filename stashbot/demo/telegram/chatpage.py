"""The chat page: serves its files and server-sent events, and takes texts and presses.

It serves one user on this machine. Other sites in the same browser must not be able to use
it, and it never shows the bot's token.
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ...models import Kind
from ..http import PLAIN, Request, Response
from .chats import Event, Message, User
from .files import File
from .limits import MAX_TEXT, Refusal
from .messenger import Messenger

FOLDER = Path(__file__).parent / "page"
ASSETS = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/script.js": ("script.js", "text/javascript; charset=utf-8"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
    "/signs.svg": ("signs.svg", "image/svg+xml"),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
KEEPALIVE_S = 15  # interval of comments, by which a closed connection is noticed
POLL_S = 0.5  # how soon the event stream notices the end of the server


class View(NamedTuple):
    """A user of the page, in the private chat or in a group."""

    user_id: int
    chat_id: int


class ChatPage:
    """Serves chats; each request names a view by its number, or means the first.

    Thread-safe. Event streams end with `stopping`.
    """

    def __init__(
        self, messenger: Messenger, views: Sequence[View], stopping: threading.Event
    ) -> None:
        self._messenger = messenger
        self._views = {str(number): view for number, view in enumerate(views)}
        self._stopping = stopping

    def _view(self, number: object) -> View:
        return self._views.get(str(number), self._views["0"])

    def serve(self, request: Request) -> Response:
        """Answer any request that is not for the Bot API."""
        response = self._refuse(request) or self._route(request)
        return replace(response, headers=HEADERS | response.headers)

    def _route(self, request: Request) -> Response:
        if request.method == "POST":
            return self._post(request)
        if request.method not in ("GET", "HEAD"):
            return Response(405, PLAIN)
        if request.path in ASSETS:
            name, kind = ASSETS[request.path]
            return Response(200, kind, (FOLDER / name).read_bytes())
        if request.path == "/page/events":
            view = self._view(request.query.get("view"))
            self._set_language(view, request.query.get("language", ""))
            return Response(200, "text/event-stream; charset=utf-8", self._events(view))
        if request.path.startswith("/page/files/"):
            return self._file(request)
        return Response(404, PLAIN)

    def _refuse(self, request: Request) -> Response | None:
        """Refuse requests that another site makes the browser send.

        The server has checked the Host, and the Origin if there is one.
        """
        site = request.headers.get("sec-fetch-site", "none")
        is_navigation = request.path == "/" and request.method == "GET"
        is_foreign = site not in ("same-origin", "none") and not is_navigation
        has_no_origin = request.method == "POST" and "origin" not in request.headers
        return Response(403, PLAIN) if is_foreign or has_no_origin else None

    # Actions of the user

    def _post(self, request: Request) -> Response:
        actions = {"/page/say": self._say, "/page/press": self._press}
        if request.path not in actions:
            return Response(404, PLAIN)
        try:
            fields = json.loads(request.body)
            view = self._view(fields.get("view"))
            self._set_language(view, str(fields.get("language", "")))
            return Response(body=json.dumps(actions[request.path](view, fields)).encode())
        except (ValueError, KeyError, TypeError, AttributeError, Refusal):
            return Response(400, PLAIN)

    def _say(self, view: View, fields: dict[str, Any]) -> object:
        text = str(fields["text"]).strip()[:MAX_TEXT]
        if not text:
            raise ValueError
        return {"id": self._messenger.say(view.chat_id, self._user(view), text).id}

    def _press(self, view: View, fields: dict[str, Any]) -> object:
        message_id, data = int(fields["message_id"]), str(fields["data"])
        user = self._user(view)
        return {"query_id": self._messenger.press(view.chat_id, message_id, data, user)}

    def _set_language(self, view: View, language: str) -> None:
        """Store the browser's language as the user's language_code."""
        user = self._user(view)
        if re.fullmatch(r"[a-z]{2,3}", language) and language != user.language_code:
            self._messenger.add_user(replace(user, language_code=language))

    def _user(self, view: View) -> User:
        return self._messenger.users[view.user_id]

    # The chat as the page shows it

    def _events(self, view: View) -> Iterator[bytes]:
        """Yield the whole chat, then each change until the browser disconnects."""
        with self._messenger.listen() as events:
            yield _event("state", self._state(view))
            quiet_since = time.monotonic()
            while not self._stopping.is_set():
                try:
                    event = events.get(timeout=POLL_S)
                except queue.Empty:
                    if time.monotonic() - quiet_since > KEEPALIVE_S:
                        quiet_since = time.monotonic()
                        yield b":\n\n"
                    continue
                if event.chat_id in (view.chat_id, 0):
                    yield _event(event.name, self._payload(view, event))

    def _state(self, view: View) -> object:
        with self._messenger.changed:
            messages = self._messenger.messages(view.chat_id)
            return {
                "bot": self._messenger.bot.first_name,
                "views": [self._label(view) for view in self._views.values()],
                "messages": [self._shown(view, message) for message in messages],
                "keyboard": self._messenger.keyboard(view.chat_id),
                "commands": self._commands(view),
                "read": self._messenger.last_read(view.chat_id),
            }

    def _label(self, view: View) -> str:
        name, title = self._user(view).first_name, self._messenger.chat(view.chat_id).title
        return name if view.user_id == view.chat_id else f"{name}, {title}"

    def _payload(self, view: View, event: Event) -> object:
        match event.name:
            case "message":
                return {
                    "messages": [self._shown(view, message) for message in event.value],
                    "keyboard": self._messenger.keyboard(view.chat_id),
                }
            case "edited":
                return self._shown(view, event.value)
            case "commands":
                return self._commands(view)
            case _:
                return event.value

    def _commands(self, view: View) -> list[dict[str, str]]:
        chat = self._messenger.chat(view.chat_id)
        return self._messenger.commands_for(chat, self._user(view).language_code)

    def _shown(self, view: View, message: Message) -> object:
        replied = self._messenger.message(view.chat_id, message.reply_to)
        return {
            "id": message.id,
            "mine": message.sender.id == view.user_id,
            "sender": "" if message.sender.is_bot else message.sender.first_name,
            "date": message.date,
            "edited": bool(message.edited_at),
            "text": message.text,
            "entities": [entity.as_json() for entity in message.entities],
            "album": message.album,
            "file": _shown_file(message.file) if message.file else None,
            "spoiler": message.is_spoiler,
            "protected": message.is_protected,
            "buttons": [[button.as_json() for button in row] for row in message.buttons],
            "reply": (replied.text or "…") if replied else "",
        }

    def _file(self, request: Request) -> Response:
        """A file of the chats, or the byte range that the browser's player asks for."""
        key = request.path.rpartition("/")[2]
        chats = {view.chat_id for view in self._views.values()}
        files = [message.file for chat in chats for message in self._messenger.messages(chat)]
        file = next((file for file in files if file and file.key == key), None)
        if file is None:
            return Response(404, PLAIN)
        if file.kind is Kind.DOCUMENT:
            # Never under its own type: a document may be a page with a script.
            headers = {"Content-Disposition": "attachment"}
            return Response(200, "application/octet-stream", file.data, headers)
        size = len(file.data)
        headers = {"Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d{1,12})-(\d{0,12})", request.headers.get("range", ""))
        if not wanted or int(wanted[1]) >= size:
            return Response(200, file.type, file.data, headers)
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Response(206, file.type, file.data[first : last + 1], headers)


def _shown_file(file: File) -> object:
    return {
        "kind": file.kind,
        "url": f"/page/files/{file.key}",
        "name": file.filename,
        "type": file.type,
        "size": len(file.data),
        "width": file.width,
        "height": file.height,
    }


def _event(name: str, value: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()
