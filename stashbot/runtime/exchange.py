"""HTTP exchanges with a time limit, and bodies with a size limit.

An exchange starts before the connection is made and ends with the last byte of the body. The
sockets of a session let no wait go past the end of the exchange, also when the other side
sends or takes one byte at a time. Exceptions: the resolver has a time-out of its own, each
step of a SOCKS handshake has the connect time-out, and behind an https:// proxy only the idle
time-out holds.
"""

from __future__ import annotations

import io
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from .heartbeat import beat

#: Bytes of a body that are read or sent at once.
PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long one exchange may take.

    It gets `total` seconds, and one second more for each `bytes_per_second` that have moved
    in either direction. Without a moving byte it ends after `idle` seconds.
    """

    total: float
    idle: float
    bytes_per_second: float = math.inf


QUESTION = TimeLimit(total=30.0, idle=30.0)
FILE = TimeLimit(total=60.0, idle=60.0, bytes_per_second=50_000.0)


class Exchange:
    """One exchange of one thread. Other threads may read its attributes.

    `began` is a moment of the monotonic clock. `is_answered` is true from the first byte of
    the answer on.
    """

    def __init__(self, limit: TimeLimit) -> None:
        self.began = time.monotonic()
        self.is_answered = False
        self._limit = limit
        self._moved = 0

    def wait(self) -> float:
        """Return how long the next byte may take, in seconds; TimeoutError at the end."""
        end = self.began + self._limit.total + self._moved / self._limit.bytes_per_second
        left = min(self._limit.idle, end - time.monotonic())
        if left <= 0:
            raise TimeoutError("the time limit of the exchange")
        return left

    def note(self, count: int) -> None:
        """Count bytes that have moved; they show that the thread is not stuck."""
        self._moved += count
        beat()


@contextmanager
def exchange(limit: TimeLimit) -> Iterator[Exchange]:
    """Put all that the sockets of the calling thread do under one time limit."""
    _local.exchange = current = Exchange(limit)
    try:
        yield current
    finally:
        del _local.exchange


def open_session() -> requests.Session:
    """Return a session for requests inside `exchange`. It keeps no cookies.

    It never follows a redirect, as a POST would become a GET and another host see the secrets.
    """
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def read_body(
    response: requests.Response, most_bytes: int, check: Callable[[], None] = lambda: None
) -> bytes:
    """Return the unpacked body of a streamed response. `check` is called before each piece.

    A longer body is cut, at one piece past `most_bytes` at the latest. Raises the exceptions
    of urllib3.
    """
    body = io.BytesIO()  # getvalue() hands out these bytes without a copy
    while body.tell() <= most_bytes:
        check()
        # One read of the socket, so that a slow server does not delay `check`.
        piece = response.raw.read1(PIECE_BYTES, decode_content=True)
        if not piece:
            break
        body.write(piece)
    return body.getvalue()


_local = threading.local()


class _Socket(socket.socket):
    """A socket that keeps to the time limit of the calling thread's exchange."""

    def recv_into(self, *args: Any) -> int:
        current: Exchange = _local.exchange
        self.settimeout(current.wait())
        count = super().recv_into(*args)
        current.is_answered |= count > 0
        current.note(count)
        return count

    def send(self, *args: Any) -> int:
        current: Exchange = _local.exchange
        self.settimeout(current.wait())
        count = super().send(*args)
        current.note(count)
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        left = memoryview(data).cast("B")
        while left:
            # TLS returns from `send` only after it has sent all that it got.
            left = left[self.send(left[:PIECE_BYTES], flags) :]


class _TlsSocket(_Socket, ssl.SSLSocket):
    """The same under TLS. The handshake as a whole is under the connect time-out."""


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        timeout = made.gettimeout()
        ours = _Socket(fileno=made.detach())
        ours.settimeout(timeout)
        return ours


class _TlsConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        if self.ssl_context is None:
            self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
            self.ssl_context.sslsocket_class = _TlsSocket
        super().connect()


class _Adapter(HTTPAdapter):
    """Makes the connections of each pool, also those to a proxy, keep to the time limit."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        theirs = pool.ConnectionCls
        if not issubclass(theirs, _Connection):
            ours = _TlsConnection if issubclass(theirs, HTTPSConnection) else _Connection
            pool.ConnectionCls = type(theirs.__name__, (ours, theirs), {})
        return pool


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Tell requests that there is none: it would read the body, of any size, to follow it."""
