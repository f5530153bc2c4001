"""The answers of Telegram are bounded in time and size."""

import gzip
import time
import tracemalloc

import pytest

from stashbot.demo.http import Response
from stashbot.errors import TelegramError
from stashbot.runtime.exchange import TimeLimit
from stashbot.telegram.client import TelegramClient
from tests.conftest import TOKEN
from tests.standins.http import Server


@pytest.fixture
def telegram():
    """A client, and a server that sends it `answer`."""
    server = Server(lambda _: server.answer)
    client = TelegramClient(TOKEN, server.url)
    yield server, client
    client.close_thread()
    server.close()


def failure(client):
    """The reason for which a call fails; the message may have arrived."""
    with pytest.raises(TelegramError) as caught:
        client.get_me()
    assert caught.value.maybe_sent
    return str(caught.value)


@pytest.mark.parametrize("status", [200, 502])
def test_packed_answer_of_gigabytes(telegram, status):
    server, client = telegram
    body = gzip.compress(gzip.compress(bytes(64 << 20), 1) * 20, 1)
    headers = {"Content-Encoding": "gzip, gzip"}
    server.answer = Response(status, body=body, headers=headers)
    tracemalloc.start()
    reason = failure(client)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert reason == "an answer without end"
    assert peak < 64 << 20


def test_answer_that_drips(telegram):
    server, client = telegram
    client._connections.question = TimeLimit(total=0.4, idle=0.4)
    server.answer = Response(body=iter(lambda: server.stopping.wait(0.02) or b" ", None))

    assert failure(client) == "no answer in time"


def test_answer_that_is_not_said_to_be_utf_8(telegram):
    server, client = telegram
    text = '{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"ö","username":"ö"}}'
    server.answer = Response(type="text/plain; charset=latin-1", body=text.encode())

    assert client.get_me() == "ö"


def test_connection_after_a_long_poll(telegram):
    """A connection counts as idle from its last answer on, however long that took."""
    server, client = telegram
    server.delay = 0.3
    server.answer = Response(body=b'{"ok":true,"result":[]}')
    asked_at = time.monotonic()

    client.get_updates(0, wait=1)

    assert client._connections._local.idle_since - asked_at >= 0.3
