import io
import json
import logging
import os
import pty
import sys
import threading
import warnings
from collections import UserDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, quote_plus

import pytest
import structlog
import telebot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stashbot.logs import LINE_LIMIT, Redactor, configure

TOKEN = "123456789:AAF0-secret_of_the_bot_0123456789abc"
KEY = "eyJhbGciOiJIUzI1NiJ9.e30"

log = structlog.get_logger()

secrets = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*"), min_size=10
)


@pytest.fixture(autouse=True)
def _same_logging_afterwards():
    """Undo the changes of a test to the logging of the process."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, ("TeleBot", "urllib3"))]
    before = [(each, each.level, each.handlers[:]) for each in loggers]
    hooks = sys.excepthook, threading.excepthook
    logging.captureWarnings(False)
    yield
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks
    for each, level, handlers in before:
        each.setLevel(level)
        each.handlers[:] = handlers
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def start(level="info", format="json", known=(), environ=None):
    """Log to a text, which is returned."""
    stream = io.StringIO()
    configure(level, format, known, stream=stream, environ=environ or {})
    return stream


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(error, logger=log):
    """Log an error as the supervisor does, from where it is caught."""
    try:
        raise error
    except type(error):
        logger.exception("turn_failed")


def test_event():
    stream = start()
    log.info("photo_sent", chat_id=-5, reused=True, kind=None, ms=1.5)
    (event,) = lines(stream)

    assert list(event) == ["event", "level", "timestamp", "chat_id", "reused", "kind", "ms"]
    assert [event[key] for key in event if key != "timestamp"] == [
        *("photo_sent", "info", -5, True, None, 1.5)
    ]
    written = datetime.fromisoformat(event["timestamp"])
    assert timedelta() <= datetime.now(UTC) - written < timedelta(minutes=1)


def test_level():
    stream = start("warning")
    log.info("quiet")
    log.warning("loud")
    logging.getLogger("schedule").info("quiet")
    logging.getLogger("schedule").error("loud %s", "library")

    assert [event["event"] for event in lines(stream)] == ["loud", "loud library"]


def test_configured_again():
    first = start("error")
    log.error("one", url=KEY)
    second = start("debug", known=[KEY])
    log.debug("two", url=KEY)

    assert [event["event"] for event in lines(first)] == ["one"]
    assert [(event["event"], event["url"]) for event in lines(second)] == [("two", "***")]


def test_context():
    stream = start()
    with structlog.contextvars.bound_contextvars(update_id=7):
        log.info("ours")
        logging.getLogger("peewee").warning("theirs")

    assert [event["update_id"] for event in lines(stream)] == [7, 7]


LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def told_to_a_file(path, environ):
    """The lines of all levels in a file; `environ` may name it by {}, device and inode."""
    with path.open("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        named = environ.format(f"{status.st_dev}:{status.st_ino}")
        configure("debug", "auto", (), stream=stream, environ={"JOURNAL_STREAM": named})
        for level in LEVELS:
            getattr(log, level)("event", text="x" * 9000)
        stream.seek(0)
        return stream.read().splitlines()


def test_journal(tmp_path):
    told = told_to_a_file(tmp_path / "journal", "{}")

    assert [line[:4] for line in told] == [f"<{priority}>{{" for priority in LEVELS.values()]
    assert [json.loads(line[3:])["level"] for line in told] == list(LEVELS)
    assert max(map(len, told)) < LINE_LIMIT


def test_another_stream_than_the_journal(tmp_path):
    """Output that is redirected into a file has no priorities, even under systemd."""
    assert {line[0] for line in told_to_a_file(tmp_path / "file", "1:2")} == {"{"}


@pytest.mark.parametrize(("format", "first"), [("auto", "\x1b"), ("json", "{")])
def test_terminal(format, first):
    """On a terminal a person reads, unless JSON was asked for."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        configure("info", format, (), stream=stream, environ={})
        log.info("photo_sent", chat_id=-5)
        shown = os.read(ours, 1000).decode()
    os.close(ours)

    assert shown.startswith(first)
    assert "photo_sent" in shown


def test_console():
    stream = start(format="console", known=[KEY])
    log.info("photo_sent\x1b", chat_id=-5, title="Ночь\x1b[2J\n[info] forged", names=["\x1b"])
    fail(RuntimeError(f"refused {KEY}"))
    first, *rest = stream.getvalue().splitlines()

    assert r"photo_sent\x1b" in first
    assert "chat_id=-5" in first
    assert r"title='Ночь\x1b[2J\n[info] forged'" in first
    assert "\x1b" not in first
    assert "turn_failed" in rest[0]
    assert rest[-1] == "RuntimeError: refused ***"


def test_control_characters():
    title = "a\x00b\x1b[2J\n\r\x7f\x9f\u2028\ud800"
    stream = start()
    log.info(title, **{title: title})
    text = stream.getvalue()

    assert text.isascii()
    assert text.removesuffix("\n").isprintable()
    assert lines(stream)[0][title] == title


def test_bug():
    stream = start(known=[KEY])
    fail(RuntimeError(f"refused {KEY}"))
    (event,) = lines(stream)

    assert event["level"] == "error"
    assert event["error"] == "RuntimeError: refused ***"
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert event["exception"].endswith("\nRuntimeError: refused ***")


def test_error_of_its_own():
    """The words that the caller has for an error are kept; no error, no fields."""
    without = {"exc_info": True}  # where nothing was raised
    stream = start()
    log.error("stash_down", error=TimeoutError())
    log.error("nothing", **without)
    log.error("turn_failed", error="no", exc_info=ValueError("x"))
    down, nothing, failed = lines(stream)

    assert down["error"] == "TimeoutError()"
    assert not {"error", "exception"} & nothing.keys()
    assert (failed["error"], failed["exception"]) == ("no", "ValueError: x")


def test_libraries():
    telebot.logger.addHandler(logging.StreamHandler(io.StringIO()))
    stream = start("debug", known=[TOKEN])
    telebot.logger.error("refused %s", f"https://h/bot{TOKEN}/getMe")
    logging.getLogger("urllib3.connectionpool").debug("GET /")
    logging.getLogger("urllib3.connectionpool").warning("retry")
    fail(OSError("disk"), logging.getLogger("peewee"))
    told = lines(stream)

    assert telebot.logger.handlers == []
    assert [(each["logger"], each["event"]) for each in told] == [
        ("TeleBot", "refused https://h/bot***/getMe"),
        ("urllib3.connectionpool", "retry"),
        ("peewee", "turn_failed"),
    ]
    assert told[2]["error"] == "OSError: disk"


def test_warning():
    stream = start()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (event,) = lines(stream)

    assert (event["level"], event["logger"]) == ("warning", "py.warnings")
    assert "DeprecationWarning: old" in event["event"]


def test_crash():
    stream = start(known=[KEY])

    def work():
        raise RuntimeError(KEY)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError(KEY), None)
    in_thread, in_main = lines(stream)

    assert [each["event"] for each in (in_thread, in_main)] == ["thread_crashed", "crashed"]
    assert [each["level"] for each in (in_thread, in_main)] == ["critical", "critical"]
    assert [each["error"] for each in (in_thread, in_main)] == [
        "RuntimeError: ***",
        "ValueError: ***",
    ]


def test_interrupted(capsys):
    """Ctrl-C is no crash."""
    stream = start()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert stream.getvalue() == ""
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_values_that_are_no_json():
    endless = []
    endless.append(endless)
    stream = start()
    log.info("event", b=float("nan"), c=Path("/a"), d={1: {2}}, e=endless)
    (event,) = lines(stream)

    assert (event["b"], event["c"], event["d"]) == ("nan", "/a", {"1": [2]})
    assert event["e"] == [[[[[["[[...]]"]]]]]]


class Unprintable:
    def __str__(self):
        raise ValueError


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_broken_stream():
    logging.getLogger().handlers.clear()  # pytest's own would raise, where ours must not
    stream = Broken()
    configure("info", "json", (), stream=stream, environ={})
    log.info("lost", value=Unprintable())
    logging.getLogger("x").info("%d", "no number")
    stream.close()
    log.info("lost")
    fail(ValueError())

    assert isinstance(stream, Broken)


def test_stdout_is_the_default(capsys):
    configure("info", "auto", ())
    log.info("event")

    assert json.loads(capsys.readouterr().out)["event"] == "event"


@pytest.mark.parametrize(
    ("fields", "shortened"),
    [
        pytest.param({"exception": "begin" + "x" * 9000 + "end"}, {"exception"}, id="ASCII"),
        pytest.param({"title": "begin" + "ж" * 9000 + "end"}, {"title"}, id="Cyrillic"),
        pytest.param(
            {"a": "begin" + "🎲x" * 5000 + "end", "b": "begin" + "y" * 5000 + "end", "c": "c"},
            {"a", "b"},
            id="two fields",
        ),
    ],
)
def test_long_line(fields, shortened):
    stream = start()
    log.info("event", **fields)
    (event,) = lines(stream)

    assert LINE_LIMIT * 0.3 < len(stream.getvalue().encode()) <= LINE_LIMIT
    assert {key for key in fields if event[key] != fields[key]} == shortened
    for key in shortened:
        assert event[key].startswith("begin")
        assert " ... " in event[key]
        assert event[key].endswith("end")


@pytest.mark.parametrize(
    "fields",
    [{"all": ["x" * 50] * 1000}, {f"f{n}": "x" * 50 for n in range(1000)}, {"k" * 9000: 1}],
    ids=["a long list", "many fields", "a long key"],
)
def test_too_long_line(fields):
    stream = start()
    log.info("event", **fields)
    (event,) = lines(stream)

    assert len(stream.getvalue()) <= LINE_LIMIT
    assert event["event"] == "event"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token {TOKEN}.", "token ***."),
        (f"/file/bot{TOKEN}/photos/1.jpg", "/file/bot***/photos/1.jpg"),
        (quote(f"x={TOKEN}", safe=""), "x%3D***"),
        ("/bot12:short/getMe?x=1", "/bot***/getMe?x=1"),
        ("http://h/image/5/image?apikey=abc&t=1", "http://h/image/5/image?apikey=***&t=1"),
        ("/graphql?ApiKey=abc 401", "/graphql?ApiKey=*** 401"),
        ("socks5://u:pw@h:1 refused", "socks5://***@h:1 refused"),
        ("/opt/bots/stashbot/main.py at 12:30", "/opt/bots/stashbot/main.py at 12:30"),
        ("https://t.me/a and b@c.d", "https://t.me/a and b@c.d"),
    ],
)
def test_patterns(text, expected):
    assert Redactor(()).text(text) == expected


def test_secrets_that_begin_alike():
    assert Redactor(["abcd", "abcd-efgh", "me"]).text("abcd abcd-efgh me") == "*** *** me"


WRAPPINGS = [
    str,
    str.encode,
    quote,
    quote_plus,
    lambda text: "".join(f"%{ord(char):02x}" for char in text),
    lambda text: f"bot{text}/getMe",
    lambda text: [text, (text,), {text}],
    lambda text: {text: text},
    lambda text: UserDict({text: [text]}),
    lambda text: [[[[[[[[text]]]]]]]],
    lambda text: SimpleNamespace(token=text),
    lambda text: ValueError(text, {text: 1}),
]


@pytest.mark.parametrize("format", ["json", "console"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=secrets, wrap=st.sampled_from(WRAPPINGS), before=st.text(), after=st.text())
def test_no_secret_escapes(format, secret, wrap, before, after):
    stream = start(format=format, known=[secret])
    log.info(before + secret + after, field=wrap(secret), **{secret: 1})
    logging.getLogger("TeleBot").error(before + secret + after)
    fail(RuntimeError(wrap(before + secret + after)))
    text = stream.getvalue()

    encoded = "".join(f"%{ord(char):02x}" for char in secret)
    forms = {
        secret,
        encoded,
        quote(secret),
        quote(secret, safe=""),
        repr(secret)[1:-1],
        json.dumps(secret),
    }
    assert not {form for form in forms if form in text}
    assert "***" in text
