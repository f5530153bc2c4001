"""A small HTTP server on 127.0.0.1 that serves programs and pages of this machine only."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

HTTP_PORT = 80
LONGEST_BODY = 64 * 2**20  # bytes
PLAIN = "text/plain; charset=utf-8"


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


class Handler(BaseHTTPRequestHandler):
    """One connection. The server sets `owner` when it creates the class."""

    owner: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def finish(self) -> None:
        # Separately: after a disconnect the flush of the first one may fail.
        for stream in (self.wfile, self.rfile):
            with contextlib.suppress(OSError):
                stream.close()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the bot logs what it does."""

    def do_GET(self) -> None:
        if int(self.headers.get("Content-Length") or 0) > LONGEST_BODY:
            self.send_error(413)  # and close the connection
        else:
            self.serve(self._read())

    do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def serve(self, request: Request) -> None:
        self.send(self.owner.reply(request))

    def _read(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(self.command, url.path, query, headers, body)

    def send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.type)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if isinstance(response.body, bytes):
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)
        else:
            self.close_connection = True
            self.end_headers()
            for piece in response.body:
                self.wfile.write(piece)
                self.wfile.flush()
        self.wfile.flush()


class Server:
    """Serves `handle` on 127.0.0.1. Thread-safe; starts at once.

    It refuses a request for another host, because a web page can point its own name here (DNS
    rebinding), and a request from a page of another origin. `close` sets `stopping`; a handler
    that waits must watch it. Each connection has its own thread.
    """

    handler = Handler

    def __init__(self, handle: Callable[[Request], Response], *, port: int = 0) -> None:
        self.handle = handle
        self.stopping = threading.Event()
        self._listen(port)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.stopping.set()
        self._http.stop()

    def reply(self, request: Request) -> Response:
        """Answer a request of this machine; refuse any other one."""
        origin = request.headers.get("origin")
        hosts = self._hosts()
        is_local = request.headers.get("host") in hosts
        if not is_local or origin not in (None, *(f"http://{host}" for host in hosts)):
            return Response(403, PLAIN)
        return self.handle(request)

    def _hosts(self) -> list[str]:
        """The Host headers to accept; browsers leave the default port out."""
        suffixes = [f":{self.port}"] + [""] * (self.port == HTTP_PORT)
        names = ("127.0.0.1", "localhost", "[::1]")
        return [name + suffix for name in names for suffix in suffixes]

    def _listen(self, port: int) -> None:
        handler = type("Handler", (self.handler,), {"owner": self})
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
