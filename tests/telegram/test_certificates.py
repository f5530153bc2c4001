"""Another certificate between the bot and Telegram."""

import pytest

from stashbot.demo.http import Response
from stashbot.telegram.client import TelegramClient
from stashbot.telegram.errors import TelegramUnreachable
from tests.conftest import TOKEN
from tests.standins.certificates import secure, self_signed
from tests.standins.http import Server

LOCAL = "127.0.0.1"
CASES = {
    "unknown": ([LOCAL], (-1, 30), False, "self-signed certificate"),
    "expired": ([LOCAL], (-30, -1), True, "certificate has expired"),
    "not valid yet": ([LOCAL], (1, 30), True, "certificate is not yet valid"),
    "other name": (["nas.local"], (-1, 30), True, "IP address mismatch"),
}


@pytest.fixture
def server():
    server = Server(lambda _: Response())
    yield server
    server.close()


@pytest.mark.parametrize("is_proxy", [False, True], ids=["server", "proxy"])
@pytest.mark.parametrize(("names", "valid", "is_known", "reason"), CASES.values(), ids=CASES)
def test_certificate_that_is_not_trusted(
    server, tmp_path, monkeypatch, names, valid, is_known, reason, is_proxy
):
    """It has words of its own, and the message never went out."""
    mine = self_signed(tmp_path / "mine.pem", *names, valid=valid)
    if is_known:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mine))
    url = secure(server, mine)
    places = ("https://telegram.invalid", url) if is_proxy else (url,)
    client = TelegramClient(TOKEN, *places)
    with pytest.raises(TelegramUnreachable) as caught:
        client.get_me()
    client.close_thread()

    assert str(caught.value).startswith(f"the certificate is not trusted: {reason}")
