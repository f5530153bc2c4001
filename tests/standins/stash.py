"""The demo's Stash in the states of a real one: locked, in need of set-up, older, without a file.

It records its requests.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from graphql import GraphQLError

from stashbot.demo.http import PLAIN, Request, Response
from stashbot.demo.pictures.picture import Details, Picture
from stashbot.demo.stash import standin
from stashbot.demo.stash.graphql import Query, read
from stashbot.demo.stash.standin import SavedFilter

from .http import Server
from .library import Library

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


class StashStandIn(standin.StashStandIn):
    """Stash on 127.0.0.1 with these pictures. Thread-safe; starts at once.

    With `api_key` it requires that key; without one it refuses every key. `prefix` is the
    path of a proxy in front of it. `delay` is the time before each answer in seconds. These
    attributes may change at any time:

    `filters` are the saved filters; `ui` is the map of the UI's settings.
    `status` is OK, SETUP or NEEDS_MIGRATION. `tripwire` refuses all requests. `missing` holds
    ids without a file. `per_query_seconds` maps an operation's name and variables to its
    duration.
    """

    library = Library

    def __init__(
        self,
        pictures: Iterable[Picture],
        *,
        details: Iterable[Details] = (),
        filters: Iterable[SavedFilter] = (),
        port: int = 0,
        api_key: str = "",
        prefix: str = "",
        delay: float = 0.0,
    ) -> None:
        self.api_key = api_key
        self.version = standin.VERSION
        self.app_schema = standin.APP_SCHEMA
        self.status = "OK"
        self.tripwire = False
        self.missing: set[int] = set()
        self.per_query_seconds: Callable[[str, dict[str, Any]], float] = lambda _name, _values: 0.0
        self.prefix = prefix.rstrip("/")
        self._delay = delay
        self._records: deque[Record] = deque(maxlen=100_000)
        self._started = time.monotonic()
        super().__init__(pictures, details=details, filters=filters, port=port)

    @property
    def url(self) -> str:
        return super().url + self.prefix

    @property
    def pictures(self) -> list[Picture]:
        """The current pictures, by id."""
        return list(self._library.by_id.values())

    def add(self, *pictures: Picture) -> None:
        """Add pictures; one with a known id replaces the older one."""
        with self._lock:
            library = self._library
            self._library = library.with_pictures([*library.by_id.values(), *pictures])

    def remove(self, *ids: int) -> None:
        """Remove pictures, as a user can do in Stash."""
        with self._lock:
            left = (picture for key, picture in self._library.by_id.items() if key not in ids)
            self._library = self._library.with_pictures(left)

    def describe(self, *details: Details) -> None:
        """Replace the details of all tags, performers and studios."""
        with self._lock:
            self._library = Library(self._library.by_id.values(), details)

    @property
    def requests(self) -> list[Record]:
        """The requests so far, oldest first, without those that met a fault of `server`."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        with self._lock:
            self._records.clear()

    def _serve(self, port: int) -> Server:
        return Server(self._handle, port=port, delay=self._delay)

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
                self.server.stopping.wait(self.per_query_seconds(query.operation, query.variables))
            case ["image", key, "image"] if key.isdecimal():
                if request.method != "GET":
                    return Response(405, PLAIN, headers={"Allow": "GET"})
                if self.status != "OK":
                    return Response(500, PLAIN)
        return super()._route(request, path, query)

    def _address(self, request: Request) -> str:
        return super()._address(request) + self.prefix

    def _load(self, picture: Picture) -> bytes:
        if picture.id in self.missing:
            raise FileNotFoundError(picture.path)
        return super()._load(picture)

    def _root(self, library: Library) -> dict[str, Any]:
        root = super()._root(library)
        guarded = {
            name: partial(self._when_ready, find) for name, find in root.items() if callable(find)
        }
        return (
            root
            | guarded
            | {
                "version": {"version": self.version},
                "systemStatus": {"status": self.status, "appSchema": self.app_schema},
            }
        )

    def _when_ready(self, find: Callable[..., object], *info: Any, **arguments: Any) -> object:
        if self.status != "OK":
            raise GraphQLError(NOT_READY)
        return find(*info, **arguments)
