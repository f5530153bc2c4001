"""Logging: one event with its fields a line, for a person, a pipe or the journal.

Our events and the libraries' go through one chain, which ends with `Redactor` and the rendering.
Thread-safe. Logging never raises: a line that cannot be made or written is lost.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import sys
import threading
import traceback
from collections.abc import Collection, Mapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

#: The most bytes of a JSON line; one write to a pipe keeps them together (pipe(7): 4096).
LINE_LIMIT = 3500
#: Replaces a secret.
HIDDEN = "***"
#: The fewest characters of a secret: a shorter one would be found in ordinary words.
SHORTEST_SECRET = 4
#: The most times that a field of a long line is shortened.
MOST_CUTS = 50
#: Deeper parts of a value are shown by their str().
DEEPEST = 6
# https://www.freedesktop.org/software/systemd/man/sd-daemon.html
_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
# Below a warning urllib3 logs every request, and peewee every statement with the titles of
# pictures.
_CHATTY = {"urllib3": logging.WARNING, "peewee": logging.WARNING}
# A token, a URL of the Bot API, Stash's key in a query, a user with a password.
_PATTERNS = (
    (r"(?<!\d)\d{6,}(?::|%3[Aa])[A-Za-z0-9_-]{30,}", HIDDEN),
    (r"/bot(?=[^/\s]*\d)[^/\s]+(?=/)", f"/bot{HIDDEN}"),
    (r"(?i)(apikey=)[^&#\s\"']+", rf"\1{HIDDEN}"),
    (r"(?<=://)[^/\s@]+(?=@)", HIDDEN),
)

_FIRST_STEPS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper("iso"),
]

log = structlog.get_logger()


def configure(
    level: str,
    format: str,
    secrets: Collection[str],
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Send every event of at least `level` to `stream`, by default stdout, without `secrets`.

    `format` is `json`, `console` or `auto`: console on a terminal, else JSON. Each call
    replaces the last one, also for loggers that exist already. Import telebot before: its
    import adds a handler.
    """
    stream = stream or sys.stdout
    least = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler(stream)
    steps: list[Processor] = [_explain, ProcessorFormatter.remove_processors_meta]
    steps += [Redactor(secrets), *_rendering(stream, format, environ)]
    handler.setFormatter(ProcessorFormatter(processors=steps, foreign_pre_chain=_FIRST_STEPS))
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if not isinstance(each, _Handler)]
    root.addHandler(handler)
    root.setLevel(least)
    logging.getLogger("TeleBot").handlers.clear()
    for name, lowest in _CHATTY.items():
        logging.getLogger(name).setLevel(max(least, lowest))
    structlog.configure(
        processors=[*_FIRST_STEPS, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: logging.getLogger("stashbot"),
        cache_logger_on_first_use=False,  # the next call has to reach every logger
    )
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda caught: log.critical("thread_crashed", exc_info=caught.exc_value)


class Redactor:
    """Replaces the secrets in an event, in each field and in each usual encoding.

    A value that is no JSON becomes its text, which may hold a secret. Secrets of fewer than
    SHORTEST_SECRET characters stay.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        known = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
        # The longest first: the match of a shorter one would leave the rest of a longer one.
        known.sort(key=len, reverse=True)
        patterns = [*((_any_encoding(secret), HIDDEN) for secret in known), *_PATTERNS]
        self._patterns = [(re.compile(pattern), new) for pattern, new in patterns]

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        """The event without secrets, name, level and time first; the last two stay as they are."""
        ours = {key: event.pop(key, "") for key in ("event", "level", "timestamp")}
        ours["event"] = self.clean(ours["event"])
        # No field whose cleaned name is one of ours replaces ours.
        return {**ours, **{self.text(key): self.clean(event[key]) for key in event}, **ours}

    def clean(self, value: object, depth: int = 0) -> object:
        """The value as JSON can hold it, without secrets."""
        match value:
            case None | bool() | int():
                return value
            case float() if math.isfinite(value):
                return value
            case Mapping() if depth < DEEPEST:
                return {self.text(key): self.clean(value[key], depth + 1) for key in value}
            case list() | tuple() | set() | frozenset() if depth < DEEPEST:
                return [self.clean(item, depth + 1) for item in value]
        return self.text(value)

    def text(self, value: object) -> str:
        """The text of any value, without secrets."""
        text = value if isinstance(value, str) else str(value) or repr(value)
        for pattern, replacement in self._patterns:
            text = pattern.sub(replacement, text)
        return text


class _Handler(logging.StreamHandler[TextIO]):
    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; an error has no place where it could be logged."""
        with contextlib.suppress(Exception):
            self.stream.write(self.format(record) + "\n")
            self.stream.flush()


def _rendering(stream: TextIO, format: str, environ: Mapping[str, str]) -> list[Processor]:
    is_terminal = stream.isatty()
    if format == "console" or (format == "auto" and is_terminal):
        console = structlog.dev.ConsoleRenderer(
            colors=is_terminal,
            sort_keys=False,
            repr_native_str=True,
            exception_formatter=structlog.dev.plain_traceback,
        )
        return [_printable, console]
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # the stream is no file
        return [_render_json]
    # The test of systemd.exec(5).
    is_journal = environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return [_render_for_journal if is_journal else _render_json]


def _any_encoding(secret: str) -> str:
    """A pattern for the secret: plain, in a URL, and inside a repr()."""
    return "".join(
        rf"(?:\\{{0,8}}{re.escape(char)}|{''.join(f'%(?i:{byte:02x})' for byte in char.encode())})"
        for char in secret
    )


def _explain(_: object, __: str, event: EventDict) -> EventDict:
    """Add the name of a library, and for `exc_info` the `error`, one line, and the traceback."""
    if not event["_from_structlog"]:
        event["logger"] = event["_record"].name
    raised = event.pop("exc_info", None)
    error = raised[1] if isinstance(raised, tuple) else raised
    if error is True:
        error = sys.exception()
    if isinstance(error, BaseException):
        event.setdefault("error", "".join(traceback.format_exception_only(error)).strip())
        event["exception"] = "".join(traceback.format_exception(error)).strip()
    return event


def _render_for_journal(_: object, __: str, event: EventDict) -> str:
    return f"<{_PRIORITIES.get(event['level'], 6)}>{_render_json(_, __, event)}"


def _render_json(_: object, __: str, event: EventDict) -> str:
    """One line of ASCII without control characters, of at most LINE_LIMIT bytes.

    The longest fields lose their middle until it fits; a traceback has the reason at its end.
    """
    fields = {**event}
    for _cut in range(MOST_CUTS):
        line = json.dumps(fields)
        if len(line) <= LINE_LIMIT - len("<6>\n"):
            return line
        longest = max(fields, key=lambda key: len(json.dumps(fields[key])))
        value = fields[longest]
        text = value if isinstance(value, str) else json.dumps(value)
        fields[longest] = f"{text[: len(text) // 5]} ... {text[-len(text) // 2 :]}"
    first = {key: str(event[key])[:150] for key in ("event", "level", "timestamp")}
    return json.dumps({**first, "shortened": True})


def _printable(_: object, __: str, event: EventDict) -> EventDict:
    """Escape control characters, which would move the cursor; other fields show a repr()."""
    for key, kept in (("event", ""), ("exception", "\n")):
        if key in event:
            event[key] = "".join(
                char if char.isprintable() or char in kept else ascii(char)[1:-1]
                for char in str(event[key])
            )
    return event


def _uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("crashed", exc_info=error)
