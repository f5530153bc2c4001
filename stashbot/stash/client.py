"""Stash over HTTP: our questions asked, its answers as values, its failures as our errors.

Everything here only reads, so every request may be repeated. The texts of the questions
and the types of the answers are generated from `operations.graphql` and `schema.graphql`.
No error carries an address with its query, a body, a path of the server's disk or the
API key; that is why foreign exceptions are dropped (`from None`), not chained.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import IncompleteRead
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions as lower
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_before_delay,
    stop_when_event_set,
)

from .. import __version__
from ..errors import ImageUnusable, StashError, StashProblem
from ..models import Image, Named
from . import schema
from .operations import Operations

#: Bytes that are asked of a connection at once, and that an answer to a question may have.
CHUNK, ANSWER_LIMIT = 1 << 16, 16 << 20
#: How often a question is put, and the seconds after which it is not put once more: who
#: asked for a picture hears within 5 s that Stash is away.
TRIES, PATIENCE = 4, 2.5
#: The database schema of the oldest release that we speak to, 0.26, and the releases by
#: the schema that they began with (several share one).
OLDEST_SCHEMA = 58
RELEASES = {
    45: "0.20", 46: "0.21", 48: "0.22", 52: "0.23", 54: "0.24", 55: "0.25",
    58: "0.26", 67: "0.27", 72: "0.28", 75: "0.30",
}  # fmt: skip

T = TypeVar("T")

_STATES = {
    "SETUP": (StashProblem.NEEDS_SETUP, "it has not been set up yet"),
    "NEEDS_MIGRATION": (StashProblem.NEEDS_MIGRATION, "its database needs a migration"),
}
_WEB_PAGE = "a web page in place of the file"
_PLACEHOLDER = "a placeholder in place of the file"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the client waits, in seconds.

    `connect` is for a connection; `answer` and `file` for the next bytes of an answer and
    of a file; `pause` comes before the second try, thrice as much before each further one.
    """

    connect: float = 3.0
    answer: float = 30.0
    file: float = 60.0
    pause: float = 0.1


#: The time-outs suit a library on a slow disk, where a deep page takes seconds.
PACE = Pace()


@dataclass(frozen=True, slots=True)
class ServerState:
    """A Stash that can serve us: its release, its database's schema, its response time.

    `seconds` counts from the question to the answer, retries included.
    """

    version: str
    app_schema: int
    seconds: float


class _Question:
    """An operation, and the text of it: computed once, as Stash keeps it parsed by its text."""

    def __init__(self, operation: Any) -> None:
        self.text = str(operation)
        self._operation = operation

    def answer(self, reply: dict[str, Any]) -> Any:
        """The reply as objects of the generated types; ValueError if it does not fit them."""
        return self._operation + reply


_SERVER = _Question(Operations.query.server)
_COUNT = _Question(Operations.query.count)
_PAGE = _Question(Operations.query.page)
_IDS = _Question(Operations.query.ids)
_IMAGES_BY_ID = _Question(Operations.query.images_by_id)
_IMAGE_BY_ID = _Question(Operations.query.image_by_id)


class _Refused(StashError):
    """Stash did not understand the question, or failed at it: its state may tell why."""

    def __init__(self, reason: str) -> None:
        super().__init__(StashProblem.BROKEN, reason)


class _UnknownImage(StashError):
    """One of several images that were asked for is not in Stash."""

    def __init__(self) -> None:
        super().__init__(StashProblem.BROKEN, "an image is not there")


class StashClient:
    """Thread-safe; each thread has a session of its own.

    Asks the Stash at `url` (a path prefix included), with `api_key` if there is one. What
    fails in passing is tried again, `TRIES` times within `PATIENCE` seconds. Once `stop`
    is set, whatever goes on ends with a StashError between two pieces of an answer. It
    does not remember what it was told, but for the fact that the server is able to serve.

    Every method raises StashError when Stash is away, refuses us or cannot serve.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        stop: threading.Event,
        *,
        pace: Pace = PACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
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
        self._clock = clock
        self._local = threading.local()
        self._is_known_good = False
        self._retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(TRIES)
            | stop_before_delay(PATIENCE)
            | stop_when_event_set(stop),
            wait=self._pause,
            sleep=sleep_using_event(stop),
            reraise=True,
        )

    def page(self, seed: int, offset: int, size: int) -> list[Image]:
        """The `size` images from `offset` on, a multiple of `size`, in the order of `seed`.

        The order depends on seed and ids alone. A shorter page is the last one.
        """
        return self._ask(_PAGE, _images, filter=_shuffled(seed, offset, size))

    def ids(self, seed: int, offset: int, size: int) -> list[int]:
        """The ids of the images that `page` would give."""
        return self._ask(_IDS, _ids, filter=_shuffled(seed, offset, size))

    def newer_ids(self, after: int, limit: int) -> list[int]:
        """The first `limit` ids above `after`, ascending."""
        newer = schema.IntCriterionInput(value=after, modifier="GREATER_THAN")
        return self._ask(
            _IDS,
            _ids,
            filter=_filter(page=1, per_page=limit, sort="id", direction="ASC"),
            among=schema.ImageFilterType(id=newer).__json_data__,
        )

    def images(self, ids: Sequence[int]) -> list[Image]:
        """The images with these ids, in this order and each once, without the unknown ones."""
        wanted = [str(id) for id in dict.fromkeys(ids)]
        if not wanted:  # which Stash would take for: the first 25
            return []
        try:
            return self._ask(_IMAGES_BY_ID, _images, ids=wanted)
        except _UnknownImage:
            found = (self._ask(_IMAGE_BY_ID, _image_if_any, id=id) for id in wanted)
            return [image for image in found if image]

    def count(self, patience: float | None = None) -> int:
        """How many images there are; `patience` as for `server`."""
        return self._ask(_COUNT, lambda answer: int(answer.find_images.count), patience=patience)

    def server(self, patience: float | None = None) -> ServerState:
        """Which Stash it is; StashError if it is too old or in no state to serve.

        `patience` is the number of seconds to wait for an answer where somebody waits for
        ours, in place of the usual ones.
        """
        began = self._clock()
        try:
            version, app_schema, status = self._retrying(self._post, _SERVER, _server, {}, patience)
        except _Refused as refusal:
            raise StashError(refusal.problem, str(refusal)) from None
        if app_schema < OLDEST_SCHEMA:
            raise _too_old(_release(app_schema))
        if status in _STATES:
            raise StashError(*_STATES[status])
        self._is_known_good = True
        # Stash leaves the version empty where somebody built it himself.
        release = version.removeprefix("v") or _release(app_schema)
        return ServerState(release, app_schema, self._clock() - began)

    def download(self, image: Image, limit: int) -> bytes:
        """The image's file as it is in the library; ImageUnusable if it has over `limit` bytes.

        ImageUnusable too if the file is gone or empty, or Stash has only a placeholder.
        """
        return self._retrying(self._fetch, image.source, limit)

    def close_thread(self) -> None:
        """Close the session of the calling thread; a later call opens another."""
        session = self._local.__dict__.pop("session", None)
        if session:
            session.close()

    # Questions

    def _ask(
        self,
        question: _Question,
        read: Callable[[Any], T],
        *,
        patience: float | None = None,
        **variables: Any,
    ) -> T:
        """Put a question, and `read` its answer; the server is looked at first, if need be."""
        try:
            if not self._is_known_good:
                self.server(patience)
            return self._retrying(partial(self._post, question, read, variables, patience))
        except _UnknownImage:
            raise
        except _Refused as refusal:
            self._is_known_good = False
            self.server(patience)  # which knows better what is wrong, if anything is
            raise StashError(refusal.problem, str(refusal)) from None
        except StashError:
            self._is_known_good = False
            raise

    def _post(
        self,
        question: _Question,
        read: Callable[[Any], T],
        variables: dict[str, Any],
        patience: float | None,
    ) -> T:
        body = {"query": question.text, "variables": variables}
        seconds = patience or self._pace.answer
        with self._open("POST", "/graphql", seconds, json=body) as response:
            _check_answer(response)
            text = self._read(response, ANSWER_LIMIT)
        if len(text) > ANSWER_LIMIT:
            raise StashError(StashProblem.BROKEN, "an answer without end")
        return _understood(question, read, text)

    def _fetch(self, source: str, limit: int) -> bytes:
        plain = {"Accept": "*/*", "Accept-Encoding": "identity"}
        with self._open("GET", source, self._pace.file, headers=plain) as response:
            _check_file(response, limit)
            try:
                data = self._read(response, limit)
            except lower.ProtocolError:
                raise StashError(StashProblem.UNREACHABLE, "the file was cut short") from None
        _check_content(data, limit)
        return data

    # HTTP

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
            raise StashError(StashProblem.UNREACHABLE, "stopping")

    def _pause(self, tries: RetryCallState) -> float:
        """Seconds before the next try: what a proxy asked for, else more each time."""
        error = tries.outcome.exception() if tries.outcome else None
        asked = error.retry_after if isinstance(error, StashError) else None
        return asked or self._pace.pause * 3.0 ** (tries.attempt_number - 1)


# Failures


def _is_passing(error: BaseException) -> bool:
    """Whether the next try may do; what came after a time-out would come too late."""
    passing = (StashProblem.UNREACHABLE, StashProblem.BROKEN)
    return type(error) is StashError and error.problem in passing


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
        return "no secure connection"
    if isinstance(cause, lower.NewConnectionError):
        return getattr(cause.__cause__, "strerror", None) or "no connection"
    return "the connection was cut"


def _check_answer(response: requests.Response) -> None:
    """Raise what the status and type of an answer to a question say is wrong."""
    status = response.status_code
    if status in (400, 422):
        raise _Refused("it does not understand the question")
    if status == 404:
        raise StashError(StashProblem.BROKEN, "no Stash at this address")
    if status == 500 and _beginning(response) == b"unauthorized":
        raise _too_old("0.25 or older")  # 0.26 was the first to answer 401 to a wrong key
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
        return StashError(StashProblem.KEY_REFUSED, "it refuses the API key, or wants one")
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


def _too_old(release: str) -> StashError:
    return StashError(StashProblem.TOO_OLD, f"Stash {release} is too old", version=release)


def _too_large(limit: int) -> ImageUnusable:
    return ImageUnusable(f"over {limit / 2**20:.0f} MB")


def _release(app_schema: int) -> str:
    """The release that a database schema began with."""
    begun = [first for first in RELEASES if first <= app_schema]
    return RELEASES[max(begun)] if begun else "0.19 or older"


def _type(response: requests.Response) -> str:
    kind: str = response.headers.get("Content-Type", "").partition(";")[0]
    return kind.strip().lower()


def _beginning(response: requests.Response) -> bytes:
    """The first bytes of a body that is going to be thrown away."""
    beginning: bytes = response.raw.read(64, decode_content=True)
    return beginning.strip()


# Answers


def _understood(question: _Question, read: Callable[[Any], T], text: bytes) -> T:
    """The answer in `text`, read; its errors, and what is no answer, as StashError."""
    try:
        reply = json.loads(text)
    except ValueError:
        raise StashError(StashProblem.BROKEN, "an answer that is not JSON") from None
    if not isinstance(reply, dict):
        raise StashError(StashProblem.BROKEN, "an answer that is not GraphQL")
    if reply.get("errors"):
        raise _failure(str(reply["errors"]))
    try:
        return read(question.answer(reply))
    except (ValueError, TypeError, AttributeError):
        raise StashError(StashProblem.BROKEN, "an answer in another form than asked") from None


def _failure(messages: str) -> StashError:
    """What Stash's words for an error mean; they hold SQL and paths, and are not repeated."""
    if re.search(r"image with id \d+ not found", messages):
        return _UnknownImage()
    if "database is locked" in messages:
        return StashError(StashProblem.BROKEN, "its database is busy")
    return _Refused("it failed to answer the question")


def _filter(**values: Any) -> Any:
    return schema.FindFilterType(**values).__json_data__


def _shuffled(seed: int, offset: int, size: int) -> Any:
    if offset % size:
        raise ValueError(f"offset {offset} is not a multiple of {size}")
    return _filter(page=offset // size + 1, per_page=size, sort=f"random_{seed}", direction="ASC")


def _server(answer: Any) -> tuple[str, int, str]:
    status = answer.system_status
    return answer.version.version or "", status.app_schema, status.status


def _ids(answer: Any) -> list[int]:
    return [int(image.id) for image in answer.find_images.images]


def _images(answer: Any) -> list[Image]:
    return [_image(image) for image in answer.find_images.images]


def _image_if_any(answer: Any) -> Image | None:
    return _image(answer.find_image) if answer.find_image else None  # sgqlc: empty, not None


def _image(found: Any) -> Image:
    file = found.visual_files[0] if found.visual_files else None  # the primary file
    return Image(
        id=int(found.id),
        source=_source(found.paths.image or "", int(found.id)),
        title=found.title or "",
        date=found.date or "",
        rating100=found.rating100 or None,  # Stash shows 0 as "no rating"
        studio=_named(found.studio) if found.studio else None,
        performers=tuple(_named(performer) for performer in found.performers),
        galleries=tuple(Named(int(one.id), _gallery_name(one)) for one in found.galleries),
        tags=tuple(_named(tag) for tag in found.tags),
        fingerprint=(file.fingerprint or f"{file.size}-{file.mod_time}") if file else "",
        width=max(file.width, 0) if file else 0,  # -1 for a broken file
        height=max(file.height, 0) if file else 0,
        duration=getattr(file, "duration", None) or 0.0,
    )


def _named(found: Any) -> Named:
    return Named(int(found.id), found.name)


def _gallery_name(gallery: Any) -> str:
    """The title, else the name of the archive or folder that the gallery was made from."""
    if gallery.title:
        return str(gallery.title)
    place = gallery.folder.path if gallery.folder else ""
    if gallery.files:
        place = gallery.files[0].basename
    name = re.split(r"[/\\]", place.rstrip("/\\"))[-1]  # the server may be a Windows
    return re.sub(r"\.(zip|cbz)$", "", name, flags=re.IGNORECASE)


def _source(address: str, id: int) -> str:
    """The path and query of a file, without the host by which Stash knows itself.

    That host comes from a header or a setting of Stash's: it need not be one that we
    reach, and is never one to send the key to.
    """
    path = f"/image/{id}/image"
    query = address.rpartition(path)[2]
    return path + query if re.fullmatch(r"\?[\w=&.%-]+", query, re.ASCII) else path
