"""The client of the Bot API: the meaning of each answer, and the outage of Telegram."""

import json

import pytest
from structlog.testing import capture_logs

from stashbot.demo.http import Response
from stashbot.errors import TelegramError
from stashbot.models import Kind, KnownFile, Reply, Upload
from stashbot.telegram.client import TelegramClient
from stashbot.telegram.errors import (
    ChatGone,
    ChatMoved,
    MediaRefused,
    PicturesForbidden,
    PollConflict,
    TelegramUnreachable,
    TokenRefused,
)
from tests.conftest import OWNER, TOKEN
from tests.standins.http import Server

PHOTO = KnownFile(Kind.PHOTO, "a-file-id")
CHAT = {"id": OWNER, "type": "private"}
SIZE = {"file_id": "b", "file_unique_id": "c", "width": 1, "height": 1}
SENT = {"ok": True, "result": {"message_id": 5, "date": 1, "chat": CHAT, "photo": [SIZE]}}
NO_UPDATES = {"ok": True, "result": []}


class Script:
    """A Bot API that gives each call the same answer, and a client of it."""

    def __init__(self):
        self.status, self.body, self.request, self.headers = 200, b"", None, {}
        self.server = Server(self._serve)
        self.client = TelegramClient(TOKEN, self.server.url)

    def _serve(self, request):
        self.request, self.headers = request.body, request.headers
        return Response(self.status, body=self.body)

    def answer(self, body, status=200):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    def refuse(self, code, text, **parameters):
        self.answer(refusal(code, text, **parameters), code)

    def send(self):
        return self.client.send_file(OWNER, PHOTO, "", ())

    def send_album(self):
        return self.client.send_album(OWNER, [(PHOTO, "")] * 2)

    def poll(self):
        return self.client.get_updates(0, wait=1)

    def fails(self, call):
        with pytest.raises(TelegramError) as caught:
            call()
        return caught.value


def refusal(code, text="Bad Request: x", **parameters):
    answer = {"ok": False, "error_code": code, "description": text}
    return answer | ({"parameters": parameters} if parameters else {})


@pytest.fixture
def script():
    script = Script()
    yield script
    script.client.close_thread()
    script.server.close()


@pytest.fixture
def outages(script):
    """The outages of Telegram that are logged, in short."""
    with capture_logs() as entries:
        yield lambda: [each["event"] for each in entries if each["event"].startswith("telegram_")]


@pytest.mark.parametrize(
    ("expected", "code", "text"),
    [
        (PicturesForbidden, 400, "Bad Request: not enough rights to send photos to the chat"),
        (PicturesForbidden, 403, "Forbidden: CHAT_WRITE_FORBIDDEN"),
        (PicturesForbidden, 400, "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN"),
        (PicturesForbidden, 400, "Bad Request: have no rights to send a message"),
        (PicturesForbidden, 400, "Bad Request: need administrator rights in the channel chat"),
        (PicturesForbidden, 400, "Bad Request: CHAT_RESTRICTED"),
        (PicturesForbidden, 400, "Bad Request: TOPIC_CLOSED"),
        (PicturesForbidden, 400, "Bad Request: TOPIC_DELETED"),
        (PicturesForbidden, 400, "Bad Request: message thread not found"),
        (ChatGone, 403, "Forbidden: bot was blocked by the user"),
        (ChatGone, 400, "Bad Request: chat not found"),
        (ChatGone, 400, "Bad Request: group chat was deactivated"),
        (MediaRefused, 400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        (MediaRefused, 400, 'Bad Request: failed to send message #2 with the error message "x"'),
        (MediaRefused, 400, "Bad Request: wrong file identifier/HTTP URL specified"),
        (MediaRefused, 413, "Request Entity Too Large"),
        (TokenRefused, 401, "Unauthorized"),
        (TokenRefused, 404, "Not Found"),
        (PollConflict, 409, "Conflict: terminated by other getUpdates request"),
        (TelegramError, 400, "Bad Request: message caption is too long"),
    ],
)
def test_refusal(script, expected, code, text):
    script.refuse(code, text)

    error = script.fails(script.send)

    assert type(error) is expected
    assert not error.maybe_sent
    assert error.permanent == (code not in (401, 404, 409))


def test_group_that_became_a_supergroup(script):
    script.refuse(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1005)

    error = script.fails(script.send)

    assert isinstance(error, ChatMoved)
    assert error.chat_id == -1005


def without(field):
    """A message that was sent, without one of its fields."""
    return {"ok": True, "result": {k: v for k, v in SENT["result"].items() if k != field}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""), (200, b"<html></html>"), (200, b"[" * 100_000),
        (200, {"ok": True, "result": None}), (200, {"ok": True, "result": True}),
        (200, {"ok": True}), (200, {}), (200, [1]), (200, None),
        (200, without("photo")), (200, without("message_id")), (200, without("chat")),
        (200, {"ok": True, "result": SENT["result"] | {"photo": [{"file_id": 7}]}}),
        (200, {"ok": True, "result": SENT["result"] | {"message_id": None}}),
        (200, {"ok": False}), (200, refusal(None)),
        (500, refusal(500, "Internal Server Error")),
        (502, b"<html></html>"), (502, refusal(None)), (502, refusal("502")),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_answer_that_leaves_open_whether_the_picture_arrived(script, status, body):
    script.answer(body, status)

    error = script.fails(script.send)

    assert error.maybe_sent
    assert not error.permanent


@pytest.mark.parametrize("answer", [SENT, {"ok": True, "result": [SENT["result"]]}], ids=repr)
def test_album_that_is_not_what_was_sent(script, answer):
    script.answer(answer)

    assert script.fails(script.send_album).maybe_sent


@pytest.mark.parametrize(
    "body",
    [refusal(None), refusal("400"), refusal(True)]
    + [refusal(400) | {"parameters": odd} for odd in (5, {"migrate_to_chat_id": "x"})]
    + [refusal(400) | {"description": None}],
    ids=str,
)
def test_refusal_of_an_odd_shape(script, body):
    script.answer(body, 400)

    error = script.fails(script.send)

    assert error.permanent
    assert not error.maybe_sent


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (None, 5), ("abc", 5), (-3, 5), (float("nan"), 5), ([], 5),
        (0, 0), (7, 7), (2.5, 2.5),
        (86_400, 3600), (10**30, 3600), (float("inf"), 3600),
    ],
)  # fmt: skip
def test_pause_that_telegram_asks_for(script, asked, seconds):
    script.refuse(429, "Too Many Requests", retry_after=asked)

    with capture_logs() as entries:
        error = script.fails(script.send)

    assert error.retry_after == seconds
    assert script.client.take_turn(OWNER) == pytest.approx(seconds, abs=1)
    assert script.client.take_turn(OWNER + 1) == 0
    [line] = [each for each in entries if each["event"] == "flood_wait"]
    assert (line["chat_id"], line["seconds"]) == (OWNER, seconds)
    assert ("retry_after_cut" in str(entries)) == (seconds == 3600)


def test_pause_of_polls(script):
    script.refuse(429, "Too Many Requests", retry_after=86_400)

    assert script.fails(script.poll).retry_after == 300


@pytest.mark.parametrize("result", [None, {}, "x", 5], ids=str)
def test_updates_that_are_no_list(script, result):
    script.answer({"ok": True, "result": result})

    assert type(script.fails(script.poll)) is TelegramError


@pytest.mark.parametrize(
    "text",
    ["message is not modified", "message to edit not found", "query is too old"],
)
def test_edit_or_answer_that_has_nothing_to_do(script, text):
    script.refuse(400, f"Bad Request: {text}")

    script.client.edit_buttons(OWNER, 1, ())
    script.client.edit_text(OWNER, 1, Reply("text"))
    script.client.answer("1")


def test_size_and_duration_of_a_video_in_an_album(script, tmp_path):
    script.answer(SENT)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"data")
    video = Upload(Kind.VIDEO, "a.mp4", path, 4, width=640, height=480, duration=2.6)

    script.fails(lambda: script.client.send_album(OWNER, [(PHOTO, ""), (video, "")]))

    for part in (b'"width": 640', b'"height": 480', b'"duration": 3'):
        assert part in script.request


def test_two_doubtful_pictures_in_a_row(script, outages):
    for body in (b"", SENT, b""):
        script.answer(body, 200 if body else 502)
        (script.send if body else lambda: script.fails(script.send))()
    before = script.client.outage.error
    script.fails(script.send)
    script.fails(script.send)

    assert before is None
    assert outages() == ["telegram_down"]
    script.answer(SENT)
    script.send()
    assert outages() == ["telegram_down", "telegram_up"]


def test_polls_and_texts_work_while_pictures_fail(script, outages):
    """The outage lasts until a picture works, or is refused for good."""
    for _ in range(3):
        script.answer(b"", 502)
        script.fails(script.send)
        script.answer(NO_UPDATES)
        script.poll()
        script.answer(SENT)
        script.client.send_text(OWNER, "text")
    while_failing = outages()
    script.refuse(400, "Bad Request: IMAGE_PROCESS_FAILED")
    script.fails(script.send)

    assert while_failing == ["telegram_down"]
    assert outages() == ["telegram_down", "telegram_up"]


def test_polls_fail_while_pictures_work(script, outages):
    for _ in range(2):
        script.answer(b"", 502)
        script.fails(script.poll)
        script.answer(SENT)
        script.send()

    assert outages() == ["telegram_down"]


def test_no_connection(script, outages):
    """The first poll that works ends the outage, because no picture may be waiting."""
    script.server.pause()
    errors = [script.fails(script.send) for _ in range(3)]
    script.fails(script.poll)
    script.server.resume()
    script.answer(NO_UPDATES)
    script.poll()

    assert {type(error) for error in errors} == {TelegramUnreachable}
    assert not any(error.maybe_sent for error in errors)
    assert outages() == ["telegram_down", "telegram_up"]


def test_proxy_of_the_environment(script, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert isinstance(script.fails(script.poll), TelegramUnreachable)


def test_password_for_another_program(script, monkeypatch, tmp_path):
    """The bot sends no password from ~/.netrc: that file is for other programs."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    script.answer(NO_UPDATES)
    script.poll()

    assert "authorization" not in script.headers


def test_poll_that_is_cut_at_the_end_of_the_program(script, outages):
    script.client.close()
    script.answer(b"", 502)
    script.fails(script.poll)

    assert outages() == []
