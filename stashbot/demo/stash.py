"""A stand-in for Stash: answers over HTTP as Stash 0.30.1 does, over pictures in memory.

GraphQL is executed by graphql-core against `schema.graphql`, so that a question which
Stash would refuse is refused here too. What it is told to be (locked, in need of
set-up, an older version, short of a file) shows in every answer from then on.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any, Self
from urllib.parse import quote, urlencode

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    ObjectTypeDefinitionNode,
    build_ast_schema,
    execute_sync,
    parse,
    validate,
)
from PIL import Image, ImageOps

from .pictures import Gallery, Picture
from .server import Request, Response, Server

SCHEMA = Path(__file__).parent.parent / "stash" / "schema.graphql"
VERSION = "v0.30.1"
APP_SCHEMA = 75  # of 0.30; 58 is 0.26

PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
LOGIN_PAGE = b"<!DOCTYPE html><title>Stash</title><form method=post>Username, password</form>"
LOCKED = b"Stash is exposed to the public internet without a password, and has locked itself."
NOT_READY = (
    "Internal system error. Error"
    " <runtime error: invalid memory address or nil pointer dereference>"
)
THUMBNAIL_SIDE = 640  # pixels
SEEDS = 10**8  # larger ones wrap
PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 48" width="640" height="480">'
    b'<rect width="64" height="48" rx="3" fill="#394b59"/>'
    b'<path d="M8 40 24 20l10 12 7-8 15 16z" fill="#5c7080"/>'
    b'<circle cx="44" cy="13" r="5" fill="#5c7080"/></svg>'
)


@dataclass(frozen=True)
class Record:
    """One request that took effect. `seconds` counts from the start of the stand-in.

    `kind` is graphql, image, thumbnail, healthz or other; `operation` and `variables`
    are those of a GraphQL request. The bytes are those of the bodies.
    """

    kind: str
    path: str
    operation: str
    variables: dict[str, Any]
    status: int
    bytes_in: int
    bytes_out: int
    seconds: float


@dataclass(frozen=True)
class Question:
    """A GraphQL request; `fault` says why it could not be read, if it could not."""

    text: str = ""
    operation: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


class StashStandIn:
    """Stash on 127.0.0.1 with these pictures; starts at once. Thread-safe.

    With `api_key` it wants that key (and has a password nobody knows); without one it
    lets in everybody who sends none. `prefix` is the path that a proxy would put before
    everything. `delay` is the seconds before each answer. The attributes may be
    changed at any time:

    `status` is OK, SETUP or NEEDS_MIGRATION; `tripwire` locks everybody out;
    `external_host` replaces the host in the addresses of images; `missing` holds ids
    whose file is gone; `hidden_fields` ("ImageFile.fingerprint") are unknown to this
    version; `per_query_seconds` gives the time that a question with this operation
    name and these variables takes.
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
        self.external_host = ""
        self.missing: set[int] = set()
        self.hidden_fields: set[str] = set()
        self.per_query_seconds: Callable[[str, dict[str, Any]], float] = lambda _name, _values: 0.0
        self.prefix = prefix.rstrip("/")
        self._lock = Lock()
        self._library = _Library(pictures)
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
        """The library now, by id."""
        return list(self._library.by_id.values())

    def add(self, *pictures: Picture) -> None:
        """Take pictures in; one with a known id replaces the one there was."""
        with self._lock:
            self._library = _Library([*self._library.by_id.values(), *pictures])

    def remove(self, *ids: int) -> None:
        """Forget pictures, as when somebody deletes them in Stash."""
        with self._lock:
            left = (picture for key, picture in self._library.by_id.items() if key not in ids)
            self._library = _Library(left)

    @property
    def requests(self) -> list[Record]:
        """What came in so far, oldest first, except what a fault of `server` swallowed."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._records.clear()

    def _handle(self, request: Request) -> Response:
        path = request.path.removeprefix(self.prefix)
        question = _read(request) if path.rstrip("/") == "/graphql" else Question()
        if request.path.startswith(self.prefix + "/"):
            response = self._refusal(request, path) or self._route(request, path, question)
        else:
            response = Response(404, PLAIN, b"404 page not found")
        self._note(request, path, question, response)
        return response

    def _note(self, request: Request, path: str, question: Question, response: Response) -> None:
        kinds = ("graphql", "image", "thumbnail", "healthz")
        last = path.rstrip("/").rpartition("/")[2]
        body = response.body
        record = Record(
            kind=last if last in kinds else "other",
            path=path,
            operation=question.operation,
            variables=question.variables,
            status=response.status,
            bytes_in=len(request.body),
            bytes_out=len(body) if isinstance(body, bytes) else 0,
            seconds=time.monotonic() - self._started,
        )
        with self._lock:
            self._records.append(record)

    def _refusal(self, request: Request, path: str) -> Response | None:
        """What somebody gets who may not come in; None for who may.

        A wrong key is 401 everywhere, even where none is asked for. No key is 401 for
        GraphQL alone: any other address, `/graphql/` too, sends to the login page.
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

    def _route(self, request: Request, path: str, question: Question) -> Response:
        match path.strip("/").split("/"):
            case ["healthz"]:
                return Response(200, PLAIN, b".")
            case ["login"]:
                return Response(200, "text/html; charset=utf-8", LOGIN_PAGE)
            case ["graphql"]:
                return self._graphql(request, question)
            case ["image", key, "image" | "thumbnail" as form] if key.isdecimal():
                if request.method != "GET":
                    return Response(405, PLAIN, headers={"Allow": "GET"})
                return self._file(request, int(key), form)
        return Response(404, PLAIN, b"404 page not found")

    # --- files --------------------------------------------------------------------------

    def _file(self, request: Request, key: int, form: str) -> Response:
        """The original, or a thumbnail: of a missing file an error, or a drawing and 200."""
        if self.status != "OK":
            return Response(500, PLAIN)
        picture = self._library.by_id.get(key)
        if picture is None:
            return Response(404, PLAIN, b"Not Found")
        headers = _headers(picture, is_versioned="t" in request.query)
        try:
            data = self._load(picture)
        except OSError:
            if form == "thumbnail":
                return Response(200, "image/svg+xml", PLACEHOLDER, headers)
            reason = f"open /data/{picture.path}: no such file or directory\n"
            return Response(500, PLAIN, reason.encode())
        if form == "thumbnail" and not picture.is_clip:
            return _thumbnail(picture, data, headers)
        return Response(200, picture.type, data, headers)

    def _load(self, picture: Picture) -> bytes:
        if picture.id in self.missing:
            raise FileNotFoundError(picture.path)
        return picture.load()

    # --- GraphQL ------------------------------------------------------------------------

    def _graphql(self, request: Request, question: Question) -> Response:
        if question.fault:
            return _reply(request, 400, {"errors": [{"message": question.fault}], "data": None})
        self.server.stopping.wait(self.per_query_seconds(question.operation, question.variables))
        try:
            return _reply(request, 200, self._execute(request, question))
        except _Invalid as invalid:
            status = 422 if JSON in request.headers.get("accept", "") else 400
            return _reply(request, status, {"errors": invalid.errors, "data": None})

    def _execute(self, request: Request, question: Question) -> dict[str, Any]:
        """The answer, with the errors of what could not be found; _Invalid if not begun."""
        hidden = frozenset(self.hidden_fields)
        host = self.external_host or f"http://{request.headers.get('host', '')}"
        result = execute_sync(
            _schema(hidden),
            _prepared(question.text, hidden),
            root_value=self._root(self._library),
            context_value=host.rstrip("/") + self.prefix,
            variable_values=question.variables,
            operation_name=question.operation or None,
            field_resolver=_resolve,
        )
        errors = result.errors or []
        if any(error.path is None for error in errors):  # about the variables, not a field
            raise _Invalid(errors)
        failures = [{"message": error.message, "path": error.path} for error in errors]
        return ({"errors": failures} if failures else {}) | {"data": result.data}

    def _root(self, library: _Library) -> dict[str, Any]:
        return {
            "version": {"version": self.version},
            "systemStatus": {"status": self.status, "appSchema": self.app_schema},
            "findImages": partial(self._when_ready, library.find_images),
            "findImage": partial(self._when_ready, library.find_image),
        }

    def _when_ready(
        self, find: Callable[..., object], _info: GraphQLResolveInfo, **arguments: object
    ) -> object:
        if self.status != "OK":
            raise GraphQLError(NOT_READY)
        return find(**arguments)


class _Invalid(Exception):
    """A question that is not even begun, with what Stash says of it."""

    def __init__(
        self, errors: Sequence[GraphQLError], code: str = "GRAPHQL_VALIDATION_FAILED"
    ) -> None:
        super().__init__(code)
        self.errors = [
            {
                "message": error.message,
                "locations": [place.formatted for place in error.locations or []],
                "extensions": {"code": code},
            }
            for error in errors
        ]


@lru_cache(maxsize=8)
def _schema(hidden: frozenset[str]) -> GraphQLSchema:
    """The schema without the fields that are hidden, each named as "Type.field"."""
    document = parse(SCHEMA.read_text(encoding="utf-8"))
    for node in document.definitions:
        if isinstance(node, ObjectTypeDefinitionNode):
            shown = (f for f in node.fields if f"{node.name.value}.{f.name.value}" not in hidden)
            node.fields = tuple(shown)
    return build_ast_schema(document)


@lru_cache(maxsize=1000)  # as many as Stash keeps
def _prepared(text: str, hidden: frozenset[str]) -> DocumentNode:
    """The document, parsed and found valid; else _Invalid."""
    if not text.strip():
        raise _Invalid([GraphQLError("no operation provided")])
    try:
        document = parse(text)
    except GraphQLError as error:
        raise _Invalid([error], "GRAPHQL_PARSE_FAILED") from error
    errors = validate(_schema(hidden), document)
    if errors:
        raise _Invalid(errors)
    return document


def _resolve(source: dict[str, Any], info: GraphQLResolveInfo, **arguments: object) -> object:
    """A field of a dict; where it depends on the request, the dict holds a function."""
    value = source[info.field_name]
    return value(info, **arguments) if callable(value) else value


def _read(request: Request) -> Question:
    """What was asked: a POST of JSON, or a GET, whose question stands in the address."""
    if request.method == "GET":
        return Question(request.query.get("query", ""), request.query.get("operationName", ""))
    if not request.headers.get("content-type", "").startswith(JSON):
        return Question(fault="transport not supported")
    try:
        asked = json.loads(request.body)
        return Question(
            str(asked.get("query") or ""),
            str(asked.get("operationName") or ""),
            dict(asked.get("variables") or {}),
        )
    except (ValueError, TypeError, AttributeError) as error:  # no JSON, or not an object
        body = request.body.decode(errors="replace")
        fault = f"json request body could not be decoded: {error} body:{body}"
        return Question(fault=fault)


def _reply(request: Request, status: int, answer: dict[str, Any]) -> Response:
    """JSON in the type that was asked for; Stash compresses plain JSON alone."""
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Cache-Control": "no-store"}
    if JSON not in request.headers.get("accept", ""):
        return Response(status, GRAPHQL_JSON, body, headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        body = gzip.compress(body, compresslevel=4, mtime=0)
    return Response(status, JSON, body, headers)


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


def _thumbnail(picture: Picture, data: bytes, headers: dict[str, str]) -> Response:
    """At most 640 pixels wide and high, as JPEG; what Pillow cannot read goes as it is."""
    try:
        return Response(200, "image/jpeg", _shrunk(data), headers)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Response(200, picture.type, data, headers)


def _shrunk(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=70)
    return out.getvalue()


# --- the library ------------------------------------------------------------------------


class _Library:
    """Pictures by id, and how they look in GraphQL.

    Never changes, but remembers what it worked out: orders, and pictures as dicts. Both
    come out the same whoever works them out, so that threads need no lock.
    """

    def __init__(self, pictures: Iterable[Picture]) -> None:
        unsorted = {picture.id: picture for picture in pictures}
        self.by_id = dict(sorted(unsorted.items()))
        self._dicts: dict[int, dict[str, Any]] = {}
        self._orders: dict[tuple[str, bool], Sequence[int]] = {}
        self._orders_kept = max(4, 4_000_000 // max(1, len(self.by_id)))

    def find_image(self, id: str | None = None) -> dict[str, Any] | None:
        key = _number(id or "")
        return self._dict(key) if key in self.by_id else None

    def find_images(
        self,
        ids: list[str] | None = None,
        filter: dict[str, Any] | None = None,
        image_filter: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Those with these ids, in their order; without any, one page of all that match."""
        if ids:
            chosen: Sequence[int] = self._checked(ids)
            count = len(chosen)
        else:
            found = self._order(filter or {})
            above = ((image_filter or {}).get("id") or {}).get("value")
            if above is not None:
                found = [key for key in found if key > above]
            chosen, count = _page(found, filter or {}), len(found)
        return {"count": count, "images": [self._dict(key) for key in chosen]}

    def _checked(self, ids: list[str]) -> list[int]:
        keys = [_number(id) for id in ids]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise GraphQLError(f"validating ids: duplicate id found: {key}")
            if key not in self.by_id:
                raise GraphQLError(f"image with id {key} not found")
        return keys

    def _order(self, wanted: dict[str, Any]) -> Sequence[int]:
        """All ids, sorted as the filter wants it; without a sort, in the order of the table."""
        sort = wanted.get("sort") or ""
        if sort == "random":
            sort = f"random_{Random().randrange(SEEDS)}"
        order = (sort, bool(sort) and wanted.get("direction") == "DESC")
        found = self._orders.get(order)
        if found is None:
            found = self._sorted(sort, reverse=order[1])
            if len(self._orders) >= self._orders_kept:
                self._orders.clear()
            self._orders[order] = found
        return found

    def _sorted(self, sort: str, *, reverse: bool) -> Sequence[int]:
        """Ties stand in the order of their titles, whatever the direction."""
        if sort in ("", "id"):
            return sorted(self.by_id, reverse=reverse)
        key = _random_key(sort) if sort.startswith("random_") else _SORTS.get(sort)
        if key is None:
            raise GraphQLError(f"invalid sort: {sort}")
        return [picture.id for picture in sorted(self._by_title, key=key, reverse=reverse)]

    @cached_property
    def _by_title(self) -> list[Picture]:
        return sorted(self.by_id.values(), key=lambda picture: _title(picture).casefold())

    def _dict(self, key: int) -> dict[str, Any]:
        if key not in self._dicts:
            self._dicts[key] = _as_dict(self.by_id[key])
        return self._dicts[key]


def _page(found: Sequence[int], wanted: dict[str, Any]) -> Sequence[int]:
    """Of 25 when not said otherwise; 0 is none and less than 0 everything."""
    size = wanted.get("per_page")
    size = 25 if size is None else size
    if size < 0:
        return found
    start = (max(wanted.get("page") or 1, 1) - 1) * size
    return found[start : start + size]


def _number(id: str) -> int:
    try:
        return int(id)
    except ValueError as error:
        raise GraphQLError(f'strconv.Atoi: parsing "{id}": invalid syntax') from error


def _title(picture: Picture) -> str:
    return picture.title or str(picture.id)


# Those of Stash 0.30.1. Nothing comes before something, as NULL does in SQLite.
_SORTS: dict[str, Callable[[Picture], Any]] = {
    "created_at": lambda picture: picture.id,
    "date": lambda picture: picture.date,
    "file_count": lambda _: 1,
    "file_mod_time": lambda picture: picture.modified,
    "filesize": lambda picture: picture.size,
    "o_counter": lambda _: 0,
    "path": lambda picture: picture.path,
    "performer_count": lambda picture: len(picture.performers),
    "rating": lambda picture: picture.rating100 or 0,
    "tag_count": lambda picture: len(picture.tags),
    "title": lambda picture: _title(picture).casefold(),
    "updated_at": lambda picture: picture.modified,
}


def _random_key(sort: str) -> Callable[[Picture], float]:
    """What `random_<seed>` sorts by."""
    digits = sort.removeprefix("random_")
    if not (digits.isascii() and digits.isdecimal() and int(digits) < 2**64):
        raise GraphQLError(f"invalid random seed: {digits}")
    seed = int(digits) % SEEDS
    return lambda picture: shuffle_key(picture.id, seed)


def shuffle_key(id: int, seed: int) -> float:
    """`mod(n * n * 52959209 + n * 1047483763, 2147483647)` with n = id + seed, as SQLite has it.

    SQLite counts in 64-bit integers until one overflows, then in doubles; its mod()
    works on doubles in any case.
    """
    n = id + seed
    squared = n * n * 52959209
    linear = n * 1047483763
    if squared >= 2**63:
        return math.fmod(float(n * n) * 52959209.0 + float(linear), 2147483647.0)
    total = squared + linear
    return math.fmod(float(total), 2147483647.0)


def _as_dict(picture: Picture) -> dict[str, Any]:
    """A picture under the names of the schema; what depends on the request is a function."""
    modified = picture.modified.isoformat()
    file = {
        "__typename": "VideoFile" if picture.is_clip else "ImageFile",
        "size": picture.size,
        "mod_time": modified,
        "width": picture.width,
        "height": picture.height,
        "duration": picture.duration,
        "fingerprint": partial(_fingerprint, picture),
    }
    return {
        "id": picture.id,
        "title": picture.title or None,
        "date": picture.date or None,
        "rating100": picture.rating100,
        "updated_at": modified,
        "paths": {"image": partial(_address, picture)},
        "visual_files": [file],
        "studio": _named("studio", picture.studio) if picture.studio else None,
        "performers": [_named("performer", name) for name in picture.performers],
        "galleries": [_gallery(gallery) for gallery in picture.galleries],
        "tags": [_named("tag", name) for name in picture.tags],
    }


def _fingerprint(picture: Picture, _: GraphQLResolveInfo, type: str) -> str | None:
    return picture.fingerprint if type == "md5" else None


def _address(picture: Picture, info: GraphQLResolveInfo) -> str:
    """Where the original is, under the host by which Stash was called."""
    return f"{info.context}/image/{picture.id}/image?t={int(picture.modified.timestamp())}"


def _gallery(gallery: Gallery) -> dict[str, Any]:
    return {
        "id": _id("gallery", gallery.title or gallery.folder),
        "title": gallery.title or None,
        "folder": {"path": gallery.folder} if gallery.folder else None,
        "files": [],
    }


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"id": _id(kind, name), "name": name}


def _id(kind: str, name: str) -> int:
    """An id that is the same each time, however the library changes."""
    return zlib.crc32(f"{kind} {name}".encode()) >> 1
