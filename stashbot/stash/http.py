"""HTTP to Stash: bodies in and out, and what is wrong with an exchange as our errors.

Knows no question, and tries nothing twice. No error carries an address with its query, a
body, a path of the server's disk or the API key; that is why foreign exceptions are
dropped (`from None`), not chained.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import IncompleteRead
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions as lower

from .. import __version__
from ..errors import ImageUnusable, Interrupted, StashError, StashProblem

#: Bytes that are asked of a connection at once, and that an answer to a question may have.
CHUNK, ANSWER_LIMIT = 1 << 16, 16 << 20

_WEB_PAGE = "a web page in place of the file"
_PLACEHOLDER = "a placeholder in place of the file"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the client waits, in seconds.

    `connect` is for a connection; `answer` and `file` for the next bytes of an answer and
    of a file; `pause` comes before the second try, thrice as much before each further one.
    """

    connect: float = 3.0
    answer: float = 30.0
    file: float = 60.0
    pause: float = 0.1


#: The time-outs suit a library on a slow disk, where a deep page takes seconds.
TIMEOUTS = Timeouts()


class Refused(StashError):
    """Stash did not understand the question, or failed at it: its state may tell why."""

    def __init__(self, reason: str) -> None:
        super().__init__(StashProblem.BROKEN, reason)


class StashHttp:
    """The Stash at `url`, a path prefix included. Thread-safe; a session for each thread.

    Each exchange ends with a StashError where it fails, and once `stop` is set, between
    two pieces of what comes. `api_key` is empty for none.
    """

    def __init__(self, url: str, api_key: str, stop: threading.Event, pace: Timeouts) -> None:
        self._url = url.rstrip("/")
        self._headers: dict[str, str | bytes] = {
            "Accept": "application/json",  # with */* Stash does not compress
            "Accept-Encoding": "gzip",
            "User-Agent": f"stashbot/{__version__}",
        }
        if api_key:  # a Stash without a key refuses every key
            self._headers["ApiKey"] = api_key.encode()
        self._stop = stop
        self._pace = pace
        self._local = threading.local()

    def ask(self, question: dict[str, Any], patience: float | None) -> bytes:
        """What Stash answers to a question; `patience` in seconds, None for the usual."""
        seconds = patience or self._pace.answer
        with self._open("POST", "/graphql", seconds, json=question) as response:
            _check_answer(response)
            text = self._read(response, ANSWER_LIMIT)
        if len(text) > ANSWER_LIMIT:
            raise StashError(StashProblem.BROKEN, "an answer without end")
        return text

    def fetch(self, source: str, limit: int) -> bytes:
        """The file at a path of the server; ImageUnusable if it will never do.

        That is: if it is gone or empty, is a placeholder, or has over `limit` bytes.
        """
        plain = {"Accept": "*/*", "Accept-Encoding": "identity"}
        with self._open("GET", source, self._pace.file, headers=plain) as response:
            _check_file(response, limit)
            try:
                data = self._read(response, limit)
            except lower.ProtocolError:
                raise StashError(StashProblem.UNREACHABLE, "the file was cut short") from None
        _check_content(data, limit)
        return data

    def close_thread(self) -> None:
        """Close the session of the calling thread; a later call opens another."""
        session = self._local.__dict__.pop("session", None)
        if session:
            session.close()

    @contextmanager
    def _open(
        self, method: str, path: str, patience: float, **what: Any
    ) -> Iterator[requests.Response]:
        """The answer to one request, its body not yet read; what fails is a StashError."""
        self._check_stop()
        try:
            with self._session().request(
                method,
                self._url + path,
                timeout=(self._pace.connect, patience),
                allow_redirects=False,  # a login page is no picture, and a POST becomes a GET
                stream=True,
                **what,
            ) as response:
                yield response
        # ValueError: requests reads a Location even where it is not to follow it.
        except (requests.RequestException, lower.HTTPError, ValueError) as error:
            raise _mapped(error) from None

    def _read(self, response: requests.Response, limit: int) -> bytes:
        """The body, or its beginning if it has over `limit` bytes: then some more than that."""
        buffer = io.BytesIO()  # in the end it hands out its own bytes, not a copy
        while buffer.tell() <= limit:
            self._check_stop()
            # One read of the socket: a slow server does not keep us from stopping.
            chunk = response.raw.read1(CHUNK, decode_content=True)
            if not chunk:
                break
            buffer.write(chunk)
        return buffer.getvalue()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            # Stash is at home: no proxy that the environment names may see the key.
            session.trust_env = False
            session.headers.update(self._headers)
        return session

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Interrupted


# What is wrong


def _mapped(error: Exception) -> StashError:
    """What it means when requests or urllib3 could not finish an exchange."""
    if isinstance(error, (requests.Timeout, lower.TimeoutError)):
        return StashError(StashProblem.SLOW, "no answer in time")
    if isinstance(error, lower.ProtocolError) and isinstance(error.args[-1], IncompleteRead):
        return StashError(StashProblem.BROKEN, "half an answer")
    if isinstance(error, (requests.ConnectionError, lower.ProtocolError)):
        return StashError(StashProblem.UNREACHABLE, _why_unreachable(error))
    return StashError(StashProblem.BROKEN, f"no sound exchange ({type(error).__name__})")


def _why_unreachable(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", None)
    if isinstance(cause, lower.NameResolutionError):
        return "its name is not known"
    if isinstance(cause, lower.SSLError):
        return "no secure connection; it may be http:// and not https://"
    if isinstance(cause, lower.NewConnectionError):
        return getattr(cause.__cause__, "strerror", None) or "no connection"
    return "the connection was cut"


def _check_answer(response: requests.Response) -> None:
    """Raise what the status and type of an answer to a question say is wrong."""
    status = response.status_code
    if status in (400, 422):
        raise Refused("it does not understand the question")
    if status == 404:
        raise StashError(StashProblem.BROKEN, "no Stash at this address")
    if status == 500 and _beginning(response) == b"unauthorized":
        raise too_old("0.25 or older")  # 0.26 was the first to answer 401 to a wrong key
    if status != 200:
        raise _refusal(response)
    if _type(response) == "text/html":
        raise StashError(StashProblem.BROKEN, "a web page in place of an answer")


def _check_file(response: requests.Response, limit: int) -> None:
    """Raise what the status and headers of a file say is wrong.

    A file that is gone from the disk is a 500 with the words of the operating system; a
    404 as a web page is not Stash's.
    """
    status, kind = response.status_code, _type(response)
    if status == 404 and kind != "text/html":
        raise ImageUnusable("the file is gone")
    if status == 500 and kind == "text/plain" and _beginning(response):
        raise ImageUnusable("the file is gone")
    if status != 200:
        raise _refusal(response)
    if kind.startswith("image/svg"):
        raise ImageUnusable(_PLACEHOLDER)
    if kind == "text/html":
        raise StashError(StashProblem.BROKEN, _WEB_PAGE)
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)


def _check_content(data: bytes, limit: int) -> None:
    """Raise what the bytes of a file say is wrong, whatever the headers said."""
    if len(data) > limit:
        raise _too_large(limit)
    if not data:
        raise ImageUnusable("the file is empty")
    beginning = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if beginning.startswith((b"<!doctype html", b"<html")):
        # Served as a picture: somebody once saved a page under a picture's name.
        raise ImageUnusable(_WEB_PAGE)
    if beginning.startswith((b"<svg", b"<?xml")):
        raise ImageUnusable(_PLACEHOLDER)


def _refusal(response: requests.Response) -> StashError:
    """What a status means that is wrong for questions and files alike."""
    status = response.status_code
    if response.is_redirect:
        return _redirection(response.headers["Location"])
    if status == 401:
        has_key = "ApiKey" in response.request.headers
        reason = "it refuses this API key" if has_key else "it wants an API key"
        return StashError(StashProblem.KEY_REFUSED, reason)
    if status == 403:
        return StashError(StashProblem.LOCKED, "it is locked by its public-access tripwire")
    if status == 429:
        return _flooded(response.headers.get("Retry-After", ""))
    if status >= 500:
        return StashError(StashProblem.UNREACHABLE, f"HTTP {status}")
    return StashError(StashProblem.BROKEN, f"HTTP {status}")


def _redirection(location: str) -> StashError:
    """A redirect, which is never followed: to Stash's login page, or to another address."""
    url = urlsplit(location)
    if url.path.endswith("/login"):
        return StashError(StashProblem.KEY_REFUSED, "it wants an API key")
    if not url.hostname:
        return StashError(StashProblem.BROKEN, "redirects to another path: see stash.url")
    port = f":{url.port}" if url.port else ""
    there = f"{url.scheme or 'http'}://{url.hostname}{port}"
    return StashError(StashProblem.BROKEN, f"redirects to {there}: put that address into stash.url")


def _flooded(seconds: str) -> StashError:
    """Stash itself knows no limit: a proxy in front of it does."""
    retry_after = float(seconds) if seconds.isdecimal() else None
    reason = "a proxy in front of it asks for a pause"
    return StashError(StashProblem.UNREACHABLE, reason, retry_after=retry_after)


def too_old(release: str) -> StashError:
    return StashError(StashProblem.TOO_OLD, f"Stash {release} is too old", version=release)


def _too_large(limit: int) -> ImageUnusable:
    return ImageUnusable(f"over {limit / 10**6:.0f} MB")


def _type(response: requests.Response) -> str:
    kind: str = response.headers.get("Content-Type", "").partition(";")[0]
    return kind.strip().lower()


def _beginning(response: requests.Response) -> bytes:
    """The first bytes of a body that is going to be thrown away."""
    beginning: bytes = response.raw.read(64, decode_content=True)
    return beginning.strip()
