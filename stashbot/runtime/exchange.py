"""HTTP exchanges with a time limit, and bodies with a size limit.

An exchange starts before the connection is made and ends with the last byte of the body. No
read or write of a session waits past the end of the exchange, also when the other side sends
or takes one byte at a time. Exceptions: the resolver has a time-out of its own, each step of a
SOCKS or TLS handshake has the connect time-out, and behind an https:// proxy only the idle
time-out holds.
"""

from __future__ import annotations

import io
import math
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any, BinaryIO

import requests
from requests.adapters import HTTPAdapter

from .heartbeat import beat

#: Bytes of a body that are read at once: as many as one TLS record holds.
PIECE_BYTES = 1 << 14
#: Bytes of a body that the connection is given at once.
SENT_BYTES = 1 << 17


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
    """One exchange of one thread. Other threads may read its attributes."""

    def __init__(self, limit: TimeLimit) -> None:
        self.began = time.monotonic()
        self.is_answered = False  # true from the first byte of the answer on
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
    """Put all that the calling thread sends and reads under one time limit."""
    _local.exchange = current = Exchange(limit)
    try:
        yield current
    finally:
        del _local.exchange


def open_session(trust: ssl.SSLContext | None = None) -> requests.Session:
    """Return a session for requests inside `exchange`; it keeps no cookies.

    `trust` has the certificates to trust, besides those that come with requests.
    """
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(trust))
    return session


def read_body(
    response: requests.Response, most_bytes: int, check: Callable[[], None] = lambda: None
) -> bytes:
    """Return the unpacked body of a streamed response. `check` is called before each piece.

    A longer body is cut, at one piece past `most_bytes` at the latest. Raises the exceptions
    of urllib3.
    """
    body = io.BytesIO()  # getvalue() hands out these bytes without a copy
    copy_body(response, body, most_bytes, check)
    return body.getvalue()


def copy_body(
    response: requests.Response, file: BinaryIO, most_bytes: int, check: Callable[[], None]
) -> None:
    """Write the body that `read_body` would return to a file."""
    while file.tell() <= most_bytes:
        check()
        # One read of the socket, so that a slow server does not delay `check`.
        piece = response.raw.read1(PIECE_BYTES, decode_content=True)
        if not piece:
            break
        file.write(piece)


_local = threading.local()


class _Reader(io.RawIOBase):
    """Reads a socket within the time limit of the calling thread's exchange."""

    def __init__(self, sock: Any, file: io.RawIOBase) -> None:
        self._sock = sock
        self._file = file  # its close allows that of the socket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        current: Exchange = _local.exchange
        self._sock.settimeout(current.wait())
        count = self._file.readinto(buffer)
        current.is_answered |= bool(count)
        current.note(count or 0)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Reader(sock, self.fp.detach()))


class _Limited:
    """Puts the reads and sends of a connection of urllib3 under the time limit."""

    response_class = _Response

    def send(self: Any, data: Any) -> None:
        if self.sock is None:
            self.connect()
        left = memoryview(data)
        while left:
            self.sock.settimeout(_local.exchange.wait())
            # With TLS the time-out holds for the piece as a whole.
            count = self.sock.send(left[:SENT_BYTES])
            _local.exchange.note(count)
            left = left[count:]


class _Adapter(HTTPAdapter):
    def __init__(self, trust: ssl.SSLContext | None) -> None:
        self._trust = trust
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, blocksize=SENT_BYTES, ssl_context=self._trust)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Limit the connections of each pool, also those to a proxy."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if not issubclass(pool.ConnectionCls, _Limited):
            pool.ConnectionCls = type("_Connection", (_Limited, pool.ConnectionCls), {})
        return pool


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: to follow a redirect would show another host the secrets.

        requests would also read the body, of any size, before it follows one.
        """
