"""A stand-in for Stash: answers over HTTP as Stash 0.30.1 does, from pictures in memory.

Its attributes put it into the states of a real Stash: locked, in need of set-up, older,
without a file.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from email.utils import format_datetime
from functools import partial
from threading import Lock
from typing import Any, Self
from urllib.parse import quote, urlencode

from graphql import GraphQLError, GraphQLResolveInfo

from ..http import Request, Response, Server
from ..pictures.picture import Picture
from .graphql import Query, read, respond
from .library import Library

VERSION = "v0.30.1"
APP_SCHEMA = 75  # of 0.30; 58 is 0.26

PLAIN = "text/plain; charset=utf-8"
LOGIN_PAGE = b"<!DOCTYPE html><title>Stash</title><form method=post>Username, password</form>"
LOCKED = b"Stash is exposed to the public internet without a password, and has locked itself."
NOT_READY = (
    "Internal system error. Error"
    " <runtime error: invalid memory address or nil pointer dereference>"
)


@dataclass(frozen=True)
class Record:
    """A request that took effect. `seconds` counts from the start of the stand-in.

    `kind` is graphql, image, healthz or other. `query`, `operation` and
    `variables` belong to GraphQL. `bytes_in` and `bytes_out` are the sizes of the bodies.
    """

    kind: str
    path: str
    query: str
    operation: str
    variables: dict[str, Any]
    status: int
    bytes_in: int
    bytes_out: int
    seconds: float


class StashStandIn:
    """Stash on 127.0.0.1 with these pictures. Thread-safe; starts at once.

    With `api_key` it requires that key; without one it refuses every key. `prefix` is the
    path of a proxy in front of it. `delay` is the time before each answer in seconds. These
    attributes may change at any time:

    `status` is OK, SETUP or NEEDS_MIGRATION. `tripwire` refuses all requests. `missing` holds
    ids without a file. `per_query_seconds` maps an operation's name and variables to its
    duration.
    """

    def __init__(
        self,
        pictures: Iterable[Picture],
        *,
        port: int = 0,
        api_key: str = "",
        prefix: str = "",
        delay: float = 0.0,
    ) -> None:
        self.api_key = api_key
        self.version = VERSION
        self.app_schema = APP_SCHEMA
        self.status = "OK"
        self.tripwire = False
        self.missing: set[int] = set()
        self.per_query_seconds: Callable[[str, dict[str, Any]], float] = lambda _name, _values: 0.0
        self.prefix = prefix.rstrip("/")
        self._lock = Lock()
        self._library = Library(pictures)
        self._records: deque[Record] = deque(maxlen=100_000)
        self._started = time.monotonic()
        self.server = Server(self._handle, port=port, delay=delay)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.server.close()

    @property
    def url(self) -> str:
        return self.server.url + self.prefix

    @property
    def pictures(self) -> list[Picture]:
        """The current pictures, by id."""
        return list(self._library.by_id.values())

    def add(self, *pictures: Picture) -> None:
        """Add pictures; one with a known id replaces the older one."""
        with self._lock:
            self._library = Library([*self._library.by_id.values(), *pictures])

    def remove(self, *ids: int) -> None:
        """Remove pictures, as a user can do in Stash."""
        with self._lock:
            left = (picture for key, picture in self._library.by_id.items() if key not in ids)
            self._library = Library(left)

    @property
    def requests(self) -> list[Record]:
        """The requests so far, oldest first, without those that met a fault of `server`."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Remove the recorded requests."""
        with self._lock:
            self._records.clear()

    def _handle(self, request: Request) -> Response:
        path = request.path.removeprefix(self.prefix)
        query = read(request) if path.rstrip("/") == "/graphql" else Query()
        if request.path.startswith(self.prefix + "/"):
            response = self._refusal(request, path) or self._route(request, path, query)
        else:
            response = Response(404, PLAIN, b"404 page not found")
        self._note(request, path, query, response)
        return response

    def _note(self, request: Request, path: str, query: Query, response: Response) -> None:
        kinds = ("graphql", "image", "healthz")
        last = path.rstrip("/").rpartition("/")[2]
        body = response.body
        record = Record(
            kind=last if last in kinds else "other",
            path=path,
            query=query.text,
            operation=query.operation,
            variables=query.variables,
            status=response.status,
            bytes_in=len(request.body),
            bytes_out=len(body) if isinstance(body, bytes) else 0,
            seconds=time.monotonic() - self._started,
        )
        with self._lock:
            self._records.append(record)

    def _refusal(self, request: Request, path: str) -> Response | None:
        """The answer to a request without access; None if it has access.

        A wrong key gets 401 everywhere, also from a Stash without a key. A missing key gets
        401 for GraphQL; any other address, `/graphql/` too, redirects to the login page.
        """
        if path == "/healthz":
            return None
        if self.tripwire:
            return Response(403, PLAIN, LOCKED)
        unauthorized = Response(401, PLAIN, headers={"WWW-Authenticate": "FormBased"})
        key = request.headers.get("apikey") or request.query.get("apikey") or ""
        if key:
            return None if key == self.api_key else unauthorized
        if not self.api_key or path == "/login":
            return None
        if path == "/graphql":
            return unauthorized
        wanted = path + (f"?{urlencode(request.query)}" if request.query else "")
        login = f"{self.prefix}/login?returnURL={quote(wanted, safe='')}"
        return Response(302, PLAIN, headers={"Location": login})

    def _route(self, request: Request, path: str, query: Query) -> Response:
        match path.strip("/").split("/"):
            case ["healthz"]:
                return Response(200, PLAIN, b".")
            case ["login"]:
                return Response(200, "text/html; charset=utf-8", LOGIN_PAGE)
            case ["graphql"]:
                return self._graphql(request, query)
            case ["image", key, "image"] if key.isdecimal():
                if request.method != "GET":
                    return Response(405, PLAIN, headers={"Allow": "GET"})
                return self._file(request, int(key))
        return Response(404, PLAIN, b"404 page not found")

    # --- files --------------------------------------------------------------------------

    def _file(self, request: Request, key: int) -> Response:
        """The original. A missing file gives 500 with its path."""
        if self.status != "OK":
            return Response(500, PLAIN)
        picture = self._library.by_id.get(key)
        if picture is None:
            return Response(404, PLAIN, b"Not Found")
        try:
            data = self._load(picture)
        except OSError:
            reason = f"open /data/{picture.path}: no such file or directory\n"
            return Response(500, PLAIN, reason.encode())
        headers = _headers(picture, is_versioned="t" in request.query)
        return Response(200, picture.type, data, headers)

    def _load(self, picture: Picture) -> bytes:
        if picture.id in self.missing:
            raise FileNotFoundError(picture.path)
        return picture.load()

    # --- GraphQL ------------------------------------------------------------------------

    def _graphql(self, request: Request, query: Query) -> Response:
        if not query.fault:
            seconds = self.per_query_seconds(query.operation, query.variables)
            self.server.stopping.wait(seconds)
        host = f"http://{request.headers.get('host', '')}{self.prefix}"
        return respond(request, query, self._root(self._library), host)

    def _root(self, library: Library) -> dict[str, Any]:
        return {
            "version": {"version": self.version},
            "systemStatus": {"status": self.status, "appSchema": self.app_schema},
            "findImages": partial(self._when_ready, library.find_images),
            "findImage": partial(self._when_ready, library.find_image),
            "imageUpdate": partial(self._when_ready, self._rate),
        }

    def _rate(self, input: dict[str, Any]) -> dict[str, Any] | None:
        """Set or clear the rating; an absent key changes nothing."""
        with self._lock:
            picture = self._library.by_id.get(int(input["id"]))
            if picture is None:
                raise GraphQLError(f"image with id {input['id']} not found")
            if "rating100" in input:
                self._library = self._library.with_changed(
                    replace(picture, rating100=input["rating100"])
                )
            return self._library.find_image(input["id"])

    def _when_ready(
        self, find: Callable[..., object], _info: GraphQLResolveInfo, **arguments: object
    ) -> object:
        if self.status != "OK":
            raise GraphQLError(NOT_READY)
        return find(**arguments)


def _headers(picture: Picture, *, is_versioned: bool) -> dict[str, str]:
    lasting = "private, max-age=31536000, immutable"
    # http.server writes headers in Latin-1; Stash sends the raw UTF-8 of the name.
    name = picture.basename.encode().decode("latin-1")
    return {
        "Cache-Control": lasting if is_versioned else "no-cache",
        "Content-Disposition": f'filename="{name}"',
        "Last-Modified": format_datetime(picture.modified, usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }
