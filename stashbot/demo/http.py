"""A small HTTP server on 127.0.0.1 that can be told to fail.

It knows nothing of Telegram or Stash: a stand-in gives it a function from request to
response. Thread-safe; each connection has a thread of its own, kept alive between
requests as real servers do.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

#: As Telegram says it; Stash says nothing, and nobody reads this there.
UNAUTHORIZED = b'{"ok":false,"error_code":401,"description":"Unauthorized"}'
HTML_ERROR = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Request:
    """What came in: `path` without the query, header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What goes out; an iterator as `body` is sent piece by piece until it ends."""

    status: int = 200
    type: str = "application/json"
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


class Trouble(StrEnum):
    """The ways in which one request can go wrong."""

    RESET = "reset"  # the connection is cut
    SILENCE = "silence"  # nothing comes for `seconds`, then the right answer
    ERROR = "500"
    HTML = "html"  # a page with status 200 in place of the answer
    HALF = "half"  # the right headers, half of the body, then the end
    UNAUTHORIZED = "401"
    FLOOD = "429"


@dataclass
class Fault:
    """Trouble for the next `times` requests whose path matches `pattern`.

    With `after`, the request takes its effect first and only the answer is lost;
    SILENCE and HALF always do. `seconds` is the silence, or the `retry_after` of 429.
    """

    pattern: str
    trouble: Trouble
    times: int = 1
    after: bool = False
    seconds: float = 5.0


class Server:
    """Serves `handle` on 127.0.0.1, with `delay` seconds before each answer.

    Starts at once. `pause` makes it refuse connections and cuts those that are open,
    `resume` brings it back on the same port; `stopping` is set when it closes, for
    handlers that wait. `flood` makes the body and headers of a 429.
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
        """Have the next requests that match meet this fault, after those named before."""
        with self._lock:
            self._faults.append(fault)

    def heal(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def pause(self) -> None:
        self._http.stop()
        self.cut()

    def resume(self) -> None:
        self._listen(self.port)

    def cut(self) -> None:
        """Cut every open connection."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.stopping.set()
        self.pause()

    def take_fault(self, path: str) -> Fault | None:
        """The first fault that matches, counted down."""
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
    """Listens in a thread of its own, which wakes for a connection and for nothing else."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="demo-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; what is connected stays so. Again does no harm."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # which ends the waiting in `accept`
        self._thread.join()
        self.server_close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                self.process_request(*self.get_request())
            except OSError:  # it is shut down, or out of file descriptors for a moment
                self._stopped.wait(0.01)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away is everyday life here."""


class _Handler(BaseHTTPRequestHandler):
    """One connection; `owner` is set by the server that makes the class."""

    owner: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self) -> None:
        super().setup()
        self.owner.track(self.connection, is_open=True)

    def finish(self) -> None:
        self.owner.track(self.connection, is_open=False)
        # Each on its own: what was not written when the client went fails to be flushed.
        for stream in (self.wfile, self.rfile):
            with contextlib.suppress(OSError):
                stream.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who is interested reads the stand-in's record."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def _serve(self) -> None:
        request = self._read()
        if self.owner.delay:
            time.sleep(self.owner.delay)
        fault = self.owner.take_fault(request.path)
        if fault is None:
            self._send(self.owner.handle(request))
        else:
            self._fail(fault, request)

    def _read(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(self.command, url.path, query, headers, body)

    def _send(self, response: Response, *, only: float = 1.0) -> None:
        """Send the response, or the first part of its body and then hang up."""
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
        """End the connection with a reset, as a crashed server would."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
