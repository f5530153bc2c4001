"""The chat page: files to a browser, news as server-sent events, words and presses back.

It is for one person on this machine. Nothing of it may be used by another site that is
open in the same browser, and nothing of it tells the bot's token.
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...models import Kind
from ..http import Request, Response
from .chats import Event, Message, User
from .files import File
from .limits import Refusal
from .messenger import Messenger

FOLDER = Path(__file__).parent / "page"
ASSETS = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/script.js": ("script.js", "text/javascript; charset=utf-8"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
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
BEAT = 15  # seconds between two comments that show a dead connection
LONGEST_SAID = 4096


class ChatPage:
    """Serves the private chat of one person. Thread-safe; ends with `stopping`."""

    def __init__(self, messenger: Messenger, user_id: int, stopping: threading.Event) -> None:
        self._messenger = messenger
        self._user_id = user_id
        self._stopping = stopping

    def serve(self, request: Request) -> Response:
        """The answer to anything that is not the Bot API."""
        response = self._refuse(request) or self._route(request)
        return replace(response, headers=HEADERS | response.headers)

    def _route(self, request: Request) -> Response:
        if request.method == "POST":
            return self._post(request)
        if request.method not in ("GET", "HEAD"):
            return _plain(405)
        if request.path in ASSETS:
            name, kind = ASSETS[request.path]
            return Response(200, kind, (FOLDER / name).read_bytes())
        if request.path == "/page/events":
            self._speak(request.query.get("language", ""))
            return Response(200, "text/event-stream; charset=utf-8", self._events())
        if request.path.startswith("/page/files/"):
            return self._file(request)
        return _plain(404)

    def _refuse(self, request: Request) -> Response | None:
        """Keep other sites out: they can make a browser ask, and must get nothing."""
        site = request.headers.get("sec-fetch-site", "none")
        is_navigation = request.path == "/" and request.method == "GET"
        if site not in ("same-origin", "none") and not is_navigation:
            return _plain(403)
        if request.method != "POST":
            return None
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers['host']}":
            return _plain(403)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        return None if kind == "application/json" else _plain(415)

    # What the person does

    def _post(self, request: Request) -> Response:
        actions: dict[str, Callable[[dict[str, Any]], object]] = {
            "/page/say": self._say,
            "/page/press": self._press,
        }
        action = actions.get(request.path)
        if action is None:
            return _plain(404)
        try:
            fields = json.loads(request.body)
            self._speak(str(fields.get("language", "")))
            return Response(body=json.dumps(action(fields)).encode())
        except (ValueError, KeyError, TypeError, AttributeError, Refusal):
            return _plain(400)

    def _say(self, fields: dict[str, Any]) -> object:
        text = str(fields["text"]).strip()[:LONGEST_SAID]
        if not text:
            raise ValueError
        return {"id": self._messenger.say(self._user_id, self._user, text).id}

    def _press(self, fields: dict[str, Any]) -> object:
        message_id, data = int(fields["message_id"]), str(fields["data"])
        return {"query_id": self._messenger.press(self._user_id, message_id, data, self._user)}

    def _speak(self, language: str) -> None:
        """Note the language that the browser speaks, as Telegram's apps tell theirs."""
        if re.fullmatch(r"[a-z]{2,3}", language) and language != self._user.language_code:
            self._messenger.add_user(replace(self._user, language_code=language))

    @property
    def _user(self) -> User:
        return self._messenger.user(self._user_id)

    # What the person sees

    def _events(self) -> Iterator[bytes]:
        """The whole chat, then what changes, for as long as the browser listens."""
        with self._messenger.listen() as events:
            yield _event("state", self._state())
            quiet_since = time.monotonic()
            while not self._stopping.is_set():
                try:
                    event = events.get(timeout=0.5)
                except queue.Empty:
                    if time.monotonic() - quiet_since > BEAT:
                        quiet_since = time.monotonic()
                        yield b":\n\n"
                    continue
                if event.chat_id in (self._user_id, 0):
                    yield _event(event.name, self._news(event))

    def _state(self) -> object:
        with self._messenger.changed:
            messages = self._messenger.messages(self._user_id)
            return {
                "bot": self._messenger.bot.first_name,
                "messages": [self._as_seen(message) for message in messages],
                "keyboard": self._messenger.keyboard(self._user_id),
                "commands": self._commands(),
                "read": self._messenger.last_read(self._user_id),
            }

    def _news(self, event: Event) -> object:
        match event.name:
            case "message":
                return {
                    "messages": [self._as_seen(message) for message in event.value],
                    "keyboard": self._messenger.keyboard(self._user_id),
                }
            case "edited":
                return self._as_seen(event.value)
            case "answer":
                answer = event.value
                return {"id": answer.query_id, "text": answer.text, "alert": answer.is_alert}
            case "commands":
                return self._commands()
            case _:
                return event.value

    def _commands(self) -> list[dict[str, str]]:
        chat = self._messenger.chat(self._user_id)
        return self._messenger.commands_for(chat, self._user.language_code)

    def _as_seen(self, message: Message) -> object:
        replied = self._messenger.message(self._user_id, message.reply_to)
        return {
            "id": message.id,
            "mine": message.sender.id == self._user_id,
            "date": message.date,
            "edited": bool(message.edited_at),
            "text": message.text,
            "entities": [entity.as_json() for entity in message.entities],
            "album": message.album,
            "file": _file_as_seen(message.file) if message.file else None,
            "spoiler": message.is_spoiler,
            "protected": message.is_protected,
            "above": message.is_caption_above,
            "buttons": [[button.as_json() for button in row] for row in message.buttons],
            "reply": (replied.text or "…") if replied else "",
        }

    def _file(self, request: Request) -> Response:
        """A file of the chat; a part of it, if the browser's player asks for one."""
        file = self._messenger.shown_file(self._user_id, request.path.rpartition("/")[2])
        if file is None:
            return _plain(404)
        if file.kind is Kind.DOCUMENT:
            # Not as what it claims to be: a document may be a page with a script.
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


def _file_as_seen(file: File) -> object:
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


def _plain(status: int) -> Response:
    return Response(status, "text/plain; charset=utf-8")
