"""A small HTTP server on 127.0.0.1 that fails on demand.

A stand-in gives it a function from request to response. Thread-safe. Each connection has
its own thread and stays open between requests.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

#: The Bot API's body. Stash's own 401 has none, and its clients ignore the body.
UNAUTHORIZED = b'{"ok":false,"error_code":401,"description":"Unauthorized"}'
HTML_ERROR = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Request:
    """A received request: `path` has no query, header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """A response to send. An iterator as `body` is sent chunk by chunk, without a length."""

    status: int = 200
    type: str = "application/json"
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


class Trouble(StrEnum):
    """The ways in which a request can fail."""

    RESET = "reset"  # the connection is reset
    SILENCE = "silence"  # the right answer comes after `seconds`
    ERROR = "500"
    HTML = "html"  # a page of HTML with status 200
    HALF = "half"  # the right headers, half of the body, then the connection closes
    UNAUTHORIZED = "401"
    FLOOD = "429"


@dataclass
class Fault:
    """A failure for the next `times` requests whose path matches `pattern` (re.search).

    With `after`, the server carries out the request and loses only the answer; with SILENCE
    and HALF it always does. `seconds` is the delay of SILENCE or the `retry_after` of 429.
    """

    pattern: str
    trouble: Trouble
    times: int = 1
    after: bool = False
    seconds: float = 5.0


class Server:
    """Serves `handle` on 127.0.0.1, with `delay` seconds before each answer. Thread-safe.

    Starts at once. `pause` closes the port and all connections; `resume` opens the same port
    again. `close` sets `stopping`, which handlers that wait must watch. `flood` builds the
    response to a 429 from its seconds. A handler resets the connection by raising
    ConnectionResetError.
    """

    def __init__(
        self,
        handle: Callable[[Request], Response],
        *,
        port: int = 0,
        delay: float = 0.0,
        flood: Callable[[float], Response] = lambda _: Response(429),
    ) -> None:
        self.handle = handle
        self.delay = delay
        self.flood = flood
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._open: set[socket.socket] = set()
        self._listen(port)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, fault: Fault) -> None:
        """Queue a fault for the next matching requests, behind the earlier faults."""
        with self._lock:
            self._faults.append(fault)

    def heal(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def pause(self) -> None:
        self._http.stop()
        self.cut()

    def resume(self) -> None:
        self._listen(self.port)

    def cut(self) -> None:
        """Close every open connection."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.stopping.set()
        self.pause()

    def take_fault(self, path: str) -> Fault | None:
        """Return the first fault that matches, and count it down."""
        with self._lock:
            for fault in self._faults:
                if re.search(fault.pattern, path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def track(self, connection: socket.socket, *, is_open: bool) -> None:
        with self._lock:
            (self._open.add if is_open else self._open.discard)(connection)

    def _listen(self, port: int) -> None:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _Listener(("127.0.0.1", port), handler)


class _Listener(ThreadingHTTPServer):
    """Listens in its own thread, which blocks in `accept`: the demo must use no CPU at rest."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="demo-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and keep open connections. May be called twice."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # ends `accept`
        self._thread.join()
        self.server_close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                self.process_request(*self.get_request())
            except OSError:  # shut down, or out of file descriptors for a moment
                self._stopped.wait(0.01)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: clients disconnect all the time."""


class _Handler(BaseHTTPRequestHandler):
    """One connection. The server sets `owner` when it creates the class."""

    owner: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self) -> None:
        super().setup()
        self.owner.track(self.connection, is_open=True)

    def finish(self) -> None:
        self.owner.track(self.connection, is_open=False)
        # Separately: after a disconnect the flush of the first one may fail.
        for stream in (self.wfile, self.rfile):
            with contextlib.suppress(OSError):
                stream.close()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the stand-ins record their requests."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def _serve(self) -> None:
        request = self._read()
        if self.owner.delay:
            self.owner.stopping.wait(self.owner.delay)
        fault = self.owner.take_fault(request.path)
        try:
            if fault is None:
                self._send(self.owner.handle(request))
            else:
                self._fail(fault, request)
        except ConnectionResetError:
            self._cut()

    def _read(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(self.command, url.path, query, headers, body)

    def _send(self, response: Response, *, only: float = 1.0) -> None:
        """Send the response, or only this share of its body and close the connection."""
        self.send_response(response.status)
        self.send_header("Content-Type", response.type)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if isinstance(response.body, bytes):
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body[: int(len(response.body) * only)])
        else:
            self.close_connection = True
            self.end_headers()
            for piece in response.body:
                self.wfile.write(piece)
                self.wfile.flush()
        self.wfile.flush()
        if only < 1:
            self.close_connection = True

    def _fail(self, fault: Fault, request: Request) -> None:
        if fault.trouble is Trouble.SILENCE:
            self.owner.stopping.wait(fault.seconds)
        took_effect = fault.after or fault.trouble in (Trouble.SILENCE, Trouble.HALF)
        response = self.owner.handle(request) if took_effect else Response()
        match fault.trouble:
            case Trouble.RESET:
                self._cut()
            case Trouble.SILENCE:
                self._send(response)
            case Trouble.HALF:
                self._send(response, only=0.5)
            case Trouble.ERROR:
                self._send(Response(500, "text/plain"))
            case Trouble.HTML:
                self._send(Response(200, "text/html; charset=utf-8", HTML_ERROR))
            case Trouble.UNAUTHORIZED:
                self._send(Response(401, body=UNAUTHORIZED))
            case Trouble.FLOOD:
                self._send(self.owner.flood(fault.seconds))

    def _cut(self) -> None:
        """Reset the connection, as a crashed server would."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
