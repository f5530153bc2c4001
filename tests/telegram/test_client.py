"""How long a connection to Telegram is kept."""

import time

from stashbot.telegram.client import TelegramClient
from tests.conftest import TOKEN


def test_connection_after_a_long_poll(house):
    """A connection counts as idle from its last answer on, however long that took."""
    home = house(start=False)
    home.telegram.server.delay = 0.3
    sender = TelegramClient(TOKEN, home.telegram.api_url)
    asked_at = time.monotonic()

    sender.get_me()
    idle_since = sender._local.idle_since
    sender.close_thread()

    assert idle_since - asked_at >= 0.3
