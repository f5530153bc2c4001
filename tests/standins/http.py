"""The demo's HTTP server with faults, delays and connections that the tests cut."""

import contextlib
import math
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from stashbot.demo import http
from stashbot.demo.http import Request, Response

#: The Bot API's body. Stash's own 401 has none, and its clients ignore the body.
UNAUTHORIZED = b'{"ok":false,"error_code":401,"description":"Unauthorized"}'
HTML_ERROR = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


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

    A Response in place of a trouble is the answer; a function gets the server and what carries
    the request out, and returns the answer. With `words`, only requests whose body matches
    them fail. With `after`, the server carries out the request and loses only the answer; with
    SILENCE and HALF it always does. `seconds` is the delay of SILENCE or the `retry_after` of
    429. `met` counts the requests that have failed.
    """

    pattern: str
    trouble: Trouble | Response | Callable[["Server", Callable[[], Response]], Response]
    times: int = 1
    words: str = ""
    met: int = 0
    after: bool = False
    seconds: float = 5.0


class Handler(http.Handler):
    """A connection that its server knows and can reset."""

    owner: "Server"

    def setup(self) -> None:
        super().setup()
        self.owner.track(self.connection, is_open=True)

    def finish(self) -> None:
        self.owner.track(self.connection, is_open=False)
        super().finish()

    def serve(self, request: Request) -> None:
        try:
            super().serve(request)
        except ConnectionResetError:
            self._reset()

    def _reset(self) -> None:
        """Reset the connection, as a crashed server would."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class Server(http.Server):
    """The demo's server, which fails on demand, with `delay` seconds before each answer.

    The body of a request takes as long as it would at `bytes_per_second`, besides.
    `pause` closes the port and all connections; `resume` opens the same port again. `flood`
    builds the response to a 429 from its seconds. A handler resets the connection by raising
    ConnectionResetError. Thread-safe.
    """

    handler = Handler

    def __init__(
        self,
        handle: Callable[[Request], Response],
        *,
        port: int = 0,
        delay: float = 0.0,
        flood: Callable[[float], Response] = lambda _: Response(429),
    ) -> None:
        self.delay = delay
        self.bytes_per_second = math.inf
        self.flood = flood
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._open: set[socket.socket] = set()
        super().__init__(handle, port=port)

    def fail(self, fault: Fault) -> None:
        """Queue a fault for the next matching requests, behind the earlier faults."""
        with self._lock:
            self._faults.append(fault)

    def heal(self) -> None:
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
        super().close()
        self.cut()

    def take_fault(self, request: Request) -> Fault | None:
        """Return the first fault that matches, and count it down."""
        with self._lock:
            for fault in self._faults:
                if re.search(fault.pattern, request.path) and re.search(
                    fault.words.encode(), request.body
                ):
                    fault.met += 1
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def track(self, connection: socket.socket, *, is_open: bool) -> None:
        with self._lock:
            (self._open.add if is_open else self._open.discard)(connection)

    def reply(self, request: Request) -> Response:
        """Answer a request, or fail it. Raises ConnectionResetError."""
        self.stopping.wait(self.delay + len(request.body) / self.bytes_per_second)
        fault = self.take_fault(request)
        return self._failed(fault, request) if fault else super().reply(request)

    def _failed(self, fault: Fault, request: Request) -> Response:
        if isinstance(fault.trouble, Response):
            return fault.trouble
        if not isinstance(fault.trouble, Trouble):
            return fault.trouble(self, partial(super().reply, request))
        if fault.trouble is Trouble.SILENCE:
            self.stopping.wait(fault.seconds)
        took_effect = fault.after or fault.trouble in (Trouble.SILENCE, Trouble.HALF)
        response = super().reply(request) if took_effect else Response()
        match fault.trouble:
            case Trouble.RESET:
                raise ConnectionResetError
            case Trouble.HALF:
                return half(response)
            case Trouble.ERROR:
                return Response(500, "text/plain")
            case Trouble.HTML:
                return Response(200, "text/html; charset=utf-8", HTML_ERROR)
            case Trouble.UNAUTHORIZED:
                return Response(401, body=UNAUTHORIZED)
            case Trouble.FLOOD:
                return self.flood(fault.seconds)
        return response


def half(response: Response) -> Response:
    """The headers of a response and half of its body."""
    size = len(response.body)
    headers = response.headers | {"Content-Length": str(size)}
    return replace(response, body=iter([response.body[: size // 2]]), headers=headers)
