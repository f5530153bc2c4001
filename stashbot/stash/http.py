"""HTTP to Stash: sends questions, fetches files, and maps each failure to one of our errors.

It never repeats a request. No error carries the query of an address, a body, a path of the
server's disk or the API key; foreign exceptions are dropped (`from None`) for that reason.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import structlog
import urllib3.exceptions as lower

from .. import __version__
from ..errors import ImageUnusable, Interrupted, StashError, StashProblem
from ..rules.sizes import UPLOAD_LIMIT
from ..runtime import exchange
from ..runtime.exchange import Exchange, TimeLimit

log = structlog.get_logger()

#: Bytes of an unpacked answer: the ids of a million images have 15 MB.
ANSWER_LIMIT = 16 << 20
#: Seconds for which a proxy in front of Stash may ask us to pause.
LONGEST_RETRY_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the client waits. It suits a slow disk, where a page far back takes seconds."""

    connect: float = 3.0
    question: TimeLimit = exchange.QUESTION
    file: TimeLimit = exchange.FILE
    pause: float = 0.2  # seconds before the second try, twice as much before each further one


TIMEOUTS = Timeouts()


class Refused(StashError):
    """Stash did not understand the question, or failed to answer it. Its state may tell why."""

    def __init__(self, reason: str) -> None:
        super().__init__(StashProblem.BROKEN, reason)


class StashHttp:
    """The Stash at `url`, a path prefix included. Thread-safe; each thread has its own session.

    Parameters and errors as for `StashClient`.
    """

    def __init__(
        self, url: str, api_key: str, stop: threading.Event, *, ca: str, pace: Timeouts
    ) -> None:
        self._url = url.rstrip("/")
        self._headers: dict[str, str | bytes] = {
            "Accept": "application/json",  # with */* Stash does not compress
            "Accept-Encoding": "gzip",
            "User-Agent": f"stashbot/{__version__}",
        }
        if api_key:  # a Stash without a key refuses every key
            self._headers["ApiKey"] = api_key.encode()
        self._trust = _trusted(ca) if url.startswith("https:") else None
        self._stop = stop
        self._pace = pace
        self._local = threading.local()
        self._under_way: set[Exchange] = set()

    def ask(self, question: dict[str, Any], patience: float | None) -> bytes:
        """Return the answer to a question. `patience` in seconds replaces the usual limit."""
        limit = TimeLimit(patience, patience) if patience else self._pace.question
        with self._open("POST", "/graphql", limit, json=question) as response:
            if response.status_code in (400, 422):
                raise _misunderstood(response)
            if response.status_code == 404:
                raise StashError(StashProblem.BROKEN, "no Stash at this address")
            _check(response)
            answer = exchange.read_body(response, ANSWER_LIMIT, self._check_stop)
        if len(answer) > ANSWER_LIMIT:
            raise StashError(StashProblem.BROKEN, "an answer without end")
        return answer

    def fetch(self, image_id: int, target: Path, limit: int) -> None:
        """Write an image's file of at most `limit` bytes to `target`.

        A clip may have UPLOAD_LIMIT bytes, since it is sent as it is. Raises ImageUnusable if the
        file is larger or gone, and OSError if it cannot be written.

        The path is our own: an address from Stash names a host that a header or a setting
        chose, and the key must not go there.
        """
        plain = {"Accept": "*/*", "Accept-Encoding": "identity"}
        path = f"/image/{image_id}/image"
        with self._open("GET", path, self._pace.file, headers=plain) as response:
            status, kind = response.status_code, _type(response)
            # A 404 as a web page comes from a proxy.
            is_unknown = status == 404 and kind != "text/html"
            # Without the file Stash answers with the words of the operating system.
            is_lost = status == 500 and kind == "text/plain" and response.raw.read(1)
            if is_unknown or is_lost:
                raise ImageUnusable("the file is gone")
            _check(response)
            if kind.startswith("video/"):
                limit = min(limit, UPLOAD_LIMIT)
            length = response.headers.get("Content-Length", "")
            if length.isdecimal() and int(length) > limit:
                raise _too_large(limit)
            with target.open("wb") as file:
                exchange.copy_body(response, file, limit, self._check_stop)
        if target.stat().st_size > limit:
            raise _too_large(limit)

    def silent_for(self) -> float:
        """Return the age in seconds of the oldest exchange without an answer, 0 for none."""
        silent = [each.began for each in list(self._under_way) if not each.is_answered]
        return time.monotonic() - min(silent) if silent else 0.0

    def close_thread(self) -> None:
        """Close the session of the calling thread; a later call opens another."""
        session = self._local.__dict__.pop("session", None)
        if session:
            session.close()

    @contextmanager
    def _open(
        self, method: str, path: str, limit: TimeLimit, **options: Any
    ) -> Iterator[requests.Response]:
        """Send one request; the block reads the body of the response."""
        self._check_stop()
        url, timeout = self._url + path, (min(self._pace.connect, limit.total), limit.idle)
        with exchange.exchange(limit) as current:
            self._under_way.add(current)
            try:
                with self._session().request(
                    method, url, timeout=timeout, stream=True, **options
                ) as response:
                    yield response
            # ValueError: urlsplit fails at the address of a redirect, requests at ours.
            except (requests.RequestException, lower.HTTPError, ValueError) as error:
                raise _mapped(error) from None
            finally:
                self._under_way.remove(current)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = exchange.open_session(self._trust)
            # Stash is at home: no proxy that the environment names may see the key.
            session.trust_env = False
            session.headers.update(self._headers)
        return session

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Interrupted


def _trusted(ca: str) -> ssl.SSLContext:
    """Trust the machine's certificates, and those of the file `ca`, authorities or not."""
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(ca)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # From Python 3.13 on; a certificate that is made at home is seldom that correct.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


# Failures

#: By the codes of https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_DISTRUSTED = {
    9: "is not valid yet; set the clocks of this machine and of that with Stash",
    10: "has expired; give Stash a new one, and put it into the file of stash.ca if it is there",
    **dict.fromkeys(
        (18, 19, 20, 21), "is not trusted; if it is Stash's, name a PEM file with it in stash.ca"
    ),
    **dict.fromkeys(
        (62, 64),
        "is for another name; put a name that it has into stash.url, or give Stash another one",
    ),
}


def _mapped(error: Exception) -> StashError:
    """Map a failure of requests or urllib3."""
    if isinstance(error, (requests.Timeout, lower.TimeoutError)):
        return StashError(StashProblem.SLOW, "no answer in time")
    cause = getattr(error.args[0], "reason", None) if error.args else None
    distrust = cause.args[0] if isinstance(cause, lower.SSLError) and cause.args else None
    if isinstance(distrust, ssl.SSLCertVerificationError):
        why = _DISTRUSTED.get(distrust.verify_code, f"is refused: {distrust.verify_message}")
        return StashError(StashProblem.CERTIFICATE, f"its certificate {why}")
    if isinstance(error, (requests.ConnectionError, lower.ProtocolError)):
        return StashError(StashProblem.UNREACHABLE, _why_unreachable(cause))
    return StashError(StashProblem.BROKEN, f"no sound exchange ({type(error).__name__})")


def _why_unreachable(cause: object) -> str:
    if isinstance(cause, lower.NameResolutionError):
        return "its name is not known"
    if isinstance(cause, lower.SSLError):
        return "no secure connection; it may be http:// and not https:// in stash.url"
    if isinstance(cause, lower.NewConnectionError):
        return getattr(cause.__cause__, "strerror", None) or "no connection"
    return "the connection was cut"


def _check(response: requests.Response) -> None:
    """Raise the error that a status or type means that is wrong for questions and files."""
    if response.status_code != 200:
        raise _refusal(response)
    if _type(response) == "text/html":
        raise StashError(StashProblem.BROKEN, "a web page in place of an answer")


def _misunderstood(response: requests.Response) -> StashError:
    """Map a 400 or 422. Stash answers JSON; at a port for https:// there is a page or a text."""
    if "json" in _type(response):
        return Refused("it does not understand the question")
    if str(response.request.url).startswith("https:"):
        return StashError(StashProblem.PROXY, "a proxy in front of it refuses the bot")
    reason = "no plain HTTP there; it may be https:// and not http:// in stash.url"
    return StashError(StashProblem.BROKEN, reason)


def _refusal(response: requests.Response) -> StashError:
    status, kind = response.status_code, _type(response)
    if response.is_redirect:
        return _redirection(response.headers["Location"], str(response.request.url))
    # Stash names its own way to log in FormBased, and answers no page.
    way = response.headers.get("WWW-Authenticate", "FormBased")
    if status == 407 or (status == 401 and (way != "FormBased" or kind == "text/html")):
        return StashError(StashProblem.PROXY, "a proxy in front of it wants a password")
    if status == 401:
        verb = "refuses this" if "ApiKey" in response.request.headers else "wants an"
        return StashError(StashProblem.KEY_REFUSED, f"it {verb} API key")
    # The texts of Stash's tripwire name it.
    if status == 403 and kind == "text/plain" and b"Stash" in response.raw.read(300, True):
        return StashError(StashProblem.LOCKED, "it is locked by its public-access tripwire")
    if status == 403:
        return StashError(StashProblem.PROXY, "a proxy in front of it refuses the bot")
    if status == 429:
        return _flooded(response.headers.get("Retry-After", ""))
    if status >= 500:
        return StashError(StashProblem.UNREACHABLE, f"HTTP {status}")
    return StashError(StashProblem.BROKEN, f"HTTP {status}")


def _redirection(location: str, asked: str) -> StashError:
    """Map a redirect: to Stash's login page, to another address of Stash, or to a proxy's page."""
    url, origin = urlsplit(urljoin(asked, location)), urlsplit(asked)
    is_stash = url.hostname == origin.hostname and "returnURL=" in url.query
    if is_stash and url.path.endswith("/login"):
        return StashError(StashProblem.KEY_REFUSED, "it wants an API key")
    there = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
    own = re.search(r"/graphql$|/image/\d+/image$", origin.path)
    address = there + (url.path.removesuffix(own[0]) if own else "")
    if own and url.path.endswith(own[0]) and asked != address + own[0]:
        reason = f"redirects to {address}; put that address into stash.url"
        return StashError(StashProblem.BROKEN, reason)
    return StashError(StashProblem.PROXY, f"a proxy in front of it redirects to {there}")


def _flooded(seconds: str) -> StashError:
    """Map a 429. Stash itself has no rate limit; a proxy in front of it has."""
    asked = float(seconds) if seconds.isdecimal() else 0.0
    if asked > LONGEST_RETRY_AFTER_S:
        log.warning("retry_after_cut", service="stash", seconds=LONGEST_RETRY_AFTER_S)
    pause = min(asked, LONGEST_RETRY_AFTER_S) or None
    reason = "a proxy in front of it asks for a pause"
    return StashError(StashProblem.UNREACHABLE, reason, retry_after=pause)


def _too_large(limit: int) -> ImageUnusable:
    return ImageUnusable(f"over {limit / 10**6:.0f} MB")


def _type(response: requests.Response) -> str:
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
