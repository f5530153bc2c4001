"""A stand-in for Stash: answers over HTTP as Stash 0.30.1 does, from pictures in memory."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Self

from graphql import GraphQLError, GraphQLResolveInfo

from ..http import PLAIN, Request, Response, Server
from ..pictures.picture import Details, Picture
from .graphql import Query, read, respond, schema
from .library import Library
from .names import number

VERSION = "v0.30.1"
APP_SCHEMA = 75  # of 0.30; 58 is 0.26


@dataclass(frozen=True)
class SavedFilter:
    """A saved filter of images, as Stash's UI writes it. `find_filter` has the key `q`."""

    id: int
    name: str
    find_filter: dict[str, Any] | None = None
    object_filter: dict[str, Any] | None = None


def demo_filters() -> list[SavedFilter]:
    """The saved filters of the demo's own library."""
    text = Path(__file__).with_name("filters.toml").read_text("utf-8")
    return [SavedFilter(**each) for each in tomllib.loads(text)["filters"]]


class StashStandIn:
    """Stash on 127.0.0.1 with these pictures. Thread-safe; starts at once; a context manager.

    `filters`, the saved filters, and `ui`, the settings of its UI, may be replaced at any time.
    """

    library = Library

    def __init__(
        self,
        pictures: Iterable[Picture],
        *,
        details: Iterable[Details] = (),
        filters: Iterable[SavedFilter] = (),
        port: int = 0,
    ) -> None:
        self._lock = Lock()
        self._library = self.library(pictures, details)
        self.filters: Sequence[SavedFilter] = tuple(filters)
        schema()  # or the first question would wait for it
        self.ui: dict[str, Any] = {}
        self.server = self._serve(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.server.close()

    @property
    def url(self) -> str:
        return self.server.url

    def _serve(self, port: int) -> Server:
        return Server(self._handle, port=port)

    def _handle(self, request: Request) -> Response:
        is_graphql = request.path.strip("/") == "graphql"
        return self._route(request, request.path, read(request) if is_graphql else Query())

    def _route(self, request: Request, path: str, query: Query) -> Response:
        """Answer a request for a path below the address of this Stash."""
        match path.strip("/").split("/"):
            case ["graphql"]:
                root = self._root(self._library)
                return respond(request, query, root, self._address(request))
            case ["image", key, "image"] if key.isdecimal() and request.method == "GET":
                return self._file(int(key))
        return Response(404, PLAIN, b"404 page not found")

    def _address(self, request: Request) -> str:
        """The address of this Stash, on the host of the request."""
        return f"http://{request.headers['host']}"

    def _file(self, key: int) -> Response:
        """The original. A missing file gives 500 with its path."""
        picture = self._library.by_id.get(key)
        if picture is None:
            return Response(404, PLAIN, b"Not Found")
        try:
            data = self._load(picture)
        except OSError:
            reason = f"open {picture.full_path}: no such file or directory\n"
            return Response(500, PLAIN, reason.encode())
        return Response(200, picture.type, data)

    def _load(self, picture: Picture) -> bytes:
        return picture.load()

    def _root(self, library: Library) -> dict[str, Any]:
        """The values of the schema's root fields; see `respond`."""
        return {
            "version": {"version": VERSION},
            "systemStatus": {"status": "OK", "appSchema": APP_SCHEMA},
            "findImages": library.find_images,
            "findImage": library.find_image,
            "findSavedFilters": self._saved_filters,
            "findSavedFilter": self._saved_filter,
            "configuration": {"ui": self.ui},
            "imageUpdate": self._rate,
            **library.names.resolvers,
        }

    def _saved_filters(self, _: GraphQLResolveInfo, **_mode: str | None) -> list[dict[str, Any]]:
        """In the byte order of their names."""
        return [asdict(each) for each in sorted(self.filters, key=lambda each: each.name)]

    def _saved_filter(self, _: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
        wanted = number(id)
        return next((asdict(each) for each in self.filters if each.id == wanted), None)

    def _rate(self, _: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any] | None:
        """Set or clear the rating; an absent key changes nothing."""
        with self._lock:
            picture = self._library.by_id.get(int(input["id"]))
            if picture is None:
                raise GraphQLError(f"image with id {input['id']} not found")
            if "rating100" in input:
                rated = replace(picture, rating100=input["rating100"])
                self._library = self._library.with_changed(rated)
            return self._library.image(picture.id)
