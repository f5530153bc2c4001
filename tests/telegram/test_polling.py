"""The long poll: odd updates, a refused token, and the bot's own name."""

import json
import threading

import pytest
from structlog.testing import capture_logs

from stashbot.demo.http import Response
from stashbot.telegram.client import TelegramClient
from stashbot.telegram.polling import Poller
from tests.conftest import GROUP, OWNER, TOKEN, library
from tests.standins.http import Fault, Server, Trouble
from tests.whole.program import wait_until


class Script:
    """A poller whose getUpdates answers come from a list; the last one repeats."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.offsets, self.handled, self.exit_codes = [], [], []
        self.server = Server(self._serve)
        self.stop = threading.Event()
        client = TelegramClient(TOKEN, self.server.url)
        self.poller = Poller(client, self._handle, self.stop, self.exit_codes.append)
        self.pauses = []
        self.poller._wait = self.pauses.append

    def _serve(self, request):
        self.offsets.append(request.body.partition(b"offset=")[2].partition(b"&")[0].decode())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            body = {"ok": False, "error_code": answer, "description": "x"}
            return Response(answer, body=json.dumps(body).encode())
        return Response(body=json.dumps({"ok": True, "result": answer}).encode())

    def _handle(self, update):
        self.handled.append(update.update_id)

    def turns(self, count):
        for _ in range(count):
            self.poller.turn()


@pytest.fixture
def script():
    scripts = []

    def begin(*answers):
        scripts.append(Script(*answers))
        return scripts[-1]

    yield begin
    for each in scripts:
        each.poller._telegram.close_thread()
        each.server.close()


@pytest.mark.parametrize(
    "odd",
    [
        {}, None, 5, "x", [], {"update_id": None}, {"update_id": "7"}, {"update_id": 1.5},
        {"update_id": -1}, {"update_id": 10**30}, {"message": {"message_id": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_update_without_an_id(script, odd):
    bot = script([{"update_id": 6}, odd, {"update_id": 7}, odd], [])
    bot.turns(2)

    assert bot.handled == [6, 7]
    assert bot.offsets == ["", "8"]
    assert bot.pauses == []


def test_nothing_but_updates_without_an_id(script):
    bot = script([{}], [{}], [{}], [{"update_id": 7}, {}])
    with capture_logs() as entries:
        bot.turns(4)

    assert bot.handled == [7]
    assert bot.pauses == [1, 1, 1]
    assert [each["event"] for each in entries] == ["telegram_down", "update_skipped", "telegram_up"]


@pytest.mark.parametrize(
    ("answers", "seconds", "exit_codes"),
    [
        ((401, [], 401, []), 0, []),
        ((401, 502, 401), 0, [78]),
        ((404, 404), 0, [78]),
        ((401, 401), 61, []),
    ],
    ids=str,
)
def test_token_that_is_refused(script, answers, seconds, exit_codes):
    """The second refusal in a row ends the bot, if it comes within a minute."""
    bot = script(*answers)
    bot.turns(1)
    bot.poller._token_refused_at -= seconds
    bot.turns(len(answers) - 1)

    assert bot.exit_codes == exit_codes


def test_pauses_after_failures(script):
    bot = script(*[502] * 9, [], 502)
    bot.turns(11)

    assert bot.pauses[0] < 1.2
    assert bot.pauses[5:9] == sorted(bot.pauses[5:9])
    assert 59 < bot.pauses[8] < 61
    assert bot.pauses[9] < 1.2


def test_command_to_a_name_while_the_own_name_is_unknown(house):
    """The receiver asks nothing; a group's command counts as another bot's."""
    home = house(library(3), start=False)
    home.telegram.server.fail(Fault("getMe", Trouble.SILENCE, times=9, seconds=1))
    home.start()

    home.say("/random@stash_demo_bot", chat=GROUP)
    home.ask("/random@stash_demo_bot")
    before = {call.chat_id for call in home.telegram.calls if call.method == "sendPhoto"}
    home.telegram.server.heal()
    wait_until(lambda: home.app.telegram.name, "the bot knows its name")
    home.ask("/random@stash_demo_bot", chat=GROUP)

    assert before == {OWNER}
    assert not home.events("telegram_down")
