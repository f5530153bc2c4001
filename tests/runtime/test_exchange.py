"""HTTP exchanges end in time, and bodies stay small."""

import contextlib
import gzip
import socket
import ssl
import threading
import time
import tracemalloc

import pytest
import requests
import trustme
import urllib3.exceptions as lower

from stashbot.demo.http import Response
from stashbot.runtime.exchange import TimeLimit, exchange, open_session, read_body
from stashbot.runtime.heartbeat import Heartbeat, adopt
from tests.standins.http import Server

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("127.0.0.1")
FAILURES = (requests.RequestException, lower.HTTPError)
BRIEF = TimeLimit(total=0.4, idle=0.4)
HEAD = b"HTTP/1.1 200 OK\r\n"


class Peer:
    """A server on 127.0.0.1 whose `talk` gets each connection in a thread."""

    def __init__(self, talk, *, is_tls=False, greet=lambda connection: None):
        self.talk, self.greet = talk, greet
        self.context = None
        if is_tls:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            CERTIFICATE.configure_cert(self.context)
        self.closing = threading.Event()
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection:
            self.greet(connection)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                self.talk(self, connection)

    def drip(self, connection, data):
        """Send a byte each 20 ms, the last one again and again."""
        at = 0
        while not self.closing.wait(0.02):
            connection.sendall(data[at : at + 1])
            at = min(at + 1, len(data) - 1)

    def close(self):
        self.closing.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    return head


def tunnel(connection):
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")


def socks(connection):
    connection.recv(3)
    connection.sendall(b"\x05\x00")
    connection.recv(10)
    connection.sendall(b"\x05\x00\x00\x01" + bytes(6))


#: The ways to a server, with the arguments of the Peer that stands at the end of each.
WAYS = {
    "plain": {},
    "TLS": {"is_tls": True},
    "http proxy": {},
    "tunnel": {"is_tls": True, "greet": tunnel},
    "SOCKS": {"greet": socks},
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The file of the authority that signs the certificates."""
    file = tmp_path_factory.mktemp("tls") / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(file)
    return file


@pytest.fixture
def peer(authority):
    """A function that starts a Peer, and gives a session and an address to reach it."""
    peers = []

    def start(talk, way="plain"):
        made = Peer(talk, **WAYS[way])
        peers.append(made)
        session = open_session()
        session.trust_env = False
        session.verify = str(authority)
        scheme = "https" if made.context else "http"
        if way not in ("plain", "TLS"):
            proxy = f"{'socks5' if 'SOCKS' in way else 'http'}://{made.address}"
            session.proxies = {"http": proxy, "https": proxy}
            return made, session, f"{scheme}://127.0.0.1:1/"
        return made, session, f"{scheme}://{made.address}/"

    yield start
    for made in peers:
        made.close()


def fetch(session, url, limit=BRIEF, most_bytes=1 << 20, **options):
    with (
        exchange(limit),
        session.request(
            "POST" if options else "GET", url, timeout=(5, 5), stream=True, **options
        ) as response,
    ):
        return response.status_code, read_body(response, most_bytes)


def seconds_to_fail(*args, **options):
    began = time.monotonic()
    with pytest.raises(FAILURES):
        fetch(*args, **options)
    return time.monotonic() - began


@pytest.mark.parametrize("way", WAYS)
def test_two_exchanges_use_one_connection(peer, way):
    def talk(_, connection):
        for _ in range(2):
            read_head(connection)
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")

    made, session, url = peer(talk, way)

    assert [fetch(session, url, TimeLimit(5, 5)) for _ in range(2)] == [(200, b"ok")] * 2
    assert made.connections == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("answer", [HEAD + b"X: y", HEAD + b"Content-Length: 999\r\n\r\nx"])
def test_answer_that_drips(peer, way, answer):
    def talk(made, connection):
        read_head(connection)
        connection.sendall(answer[:-2])
        made.drip(connection, answer[-2:])

    _, session, url = peer(talk, way)

    assert 0.3 < seconds_to_fail(session, url) < 3


def test_tunnel_that_drips(peer):
    made, session, url = peer(None, "tunnel")
    made.greet = lambda connection: made.drip(connection, b"HTTP/1.1 200 O")

    assert 0.3 < seconds_to_fail(session, url) < 3


def test_silence(peer):
    _, session, url = peer(lambda made, _: made.closing.wait(9))

    assert 0.3 < seconds_to_fail(session, url, TimeLimit(total=60, idle=0.4)) < 3


@pytest.mark.parametrize("way", ["plain", "TLS"])
def test_upload_that_is_not_taken(peer, way):
    def talk(made, connection):
        while not made.closing.wait(0.02):
            connection.recv(1)

    _, session, url = peer(talk, way)
    data = bytes(32 << 20)  # more than the buffers of both kernels take

    assert 0.3 < seconds_to_fail(session, url, data=data) < 5


@pytest.mark.parametrize("way", ["plain", "TLS"])
def test_slow_upload_that_moves(peer, way):
    """It may take longer than the total of a small one, and is a heartbeat."""
    beats = []

    def talk(made, connection):
        read_head(connection)
        left = len(data)
        while left:
            before, left = left, left - len(connection.recv(1 << 18))
            if before >> 20 != left >> 20:  # a pause after each MiB
                made.closing.wait(0.1)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")

    _, session, url = peer(talk, way)
    data = bytes(32 << 20)
    adopt(Heartbeat(1, clock=lambda: beats.append(0) or 0.0))
    limit = TimeLimit(total=2, idle=9, bytes_per_second=1 << 20)
    began = time.monotonic()

    assert fetch(session, url, limit, data=data) == (200, b"ok")
    assert time.monotonic() - began > 2
    assert len(beats) > 100


def test_slow_download_that_moves(peer):
    """The same for a download; the clock of the heartbeat goes on with each piece."""
    clock = [0.0]
    heartbeat = Heartbeat(15, clock=lambda: clock[0])
    adopt(heartbeat)

    def talk(made, connection):
        read_head(connection)
        connection.sendall(HEAD + b"Content-Length: 20000\r\n\r\n")
        for _ in range(20):
            made.closing.wait(0.03)
            clock[0] += 10
            connection.sendall(bytes(1000))

    _, session, url = peer(talk)
    limit = TimeLimit(total=0.2, idle=9, bytes_per_second=2000)

    assert fetch(session, url, limit) == (200, bytes(20000))
    assert not heartbeat.is_overdue


@pytest.fixture
def server():
    """A server whose `answer` is sent, and which keeps the headers that came."""
    made = Server(lambda request: made.headers.append(request.headers) or made.answer)
    made.headers = []
    yield made
    made.close()


@pytest.mark.parametrize("layers", [1, 3])
def test_packed_answer_of_gigabytes(server, layers):
    body = gzip.compress(bytes(128 << 20), 1)
    for _ in range(layers - 1):
        body = gzip.compress(body * 20, 1)
    encoding = ", ".join(["gzip"] * layers)
    server.answer = Response(body=body, headers={"Content-Encoding": encoding})
    tracemalloc.start()

    read = fetch(open_session(), server.url, TimeLimit(9, 9))[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert 1 << 20 < len(read) < 2 << 20
    assert peak < 12 << 20


def test_redirect_with_an_endless_body(server):
    pieces = iter(lambda: bytes(1 << 20), None)
    server.answer = Response(302, body=pieces, headers={"Location": "/login"})
    with (
        exchange(TimeLimit(9, 9)),
        open_session().get(server.url, allow_redirects=False, stream=True) as response,
    ):
        assert response.is_redirect


def test_cookies_are_not_kept(server):
    server.answer = Response(headers={"Set-Cookie": "session=1"})
    session = open_session()
    for _ in range(2):
        fetch(session, server.url, TimeLimit(9, 9))

    assert "cookie" not in server.headers[1]
