"""The parameters of a Bot API call, from a query, a form or multipart."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import multipart

from ...models import Kind
from ..http import Request
from .limits import Refusal, bad_request, read_json

MAX_ALBUM = 10
MAX_BODY = 52 * 2**20  # bytes: a file of 50 MiB and the other fields


@dataclass(frozen=True)
class Arguments:
    """Parameters as text, and uploaded files: name -> (file name, content)."""

    params: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.params.get(name, "")

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "yes", "1")

    def number(self, name: str) -> int:
        """The integer of a parameter; 0 if it is missing or no integer."""
        try:
            return int(self.text(name) or 0)
        except ValueError:
            return 0

    def items(self, name: str) -> list[Any]:
        """The JSON array of a parameter; empty if it is missing. Raises Refusal."""
        return list(read_json(self.text(name) or "[]", list, name))

    def object(self, name: str) -> dict[str, Any]:
        """The JSON object of a parameter; empty if it is missing. Raises Refusal."""
        return dict(read_json(self.text(name) or "{}", dict, name))


def read_arguments(request: Request) -> Arguments:
    """Read the parameters of the query and the body; the body's win. Raises Refusal."""
    if len(request.body) > MAX_BODY:
        raise Refusal(413, "Request Entity Too Large")
    kind, options = multipart.parse_options_header(request.headers.get("content-type", ""))
    if kind == "multipart/form-data":
        return _read_multipart(request, options.get("boundary", ""))
    form = parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    return Arguments(request.query | dict(form))


def _read_multipart(request: Request, boundary: str) -> Arguments:
    arguments = Arguments(dict(request.query))
    try:
        parser = multipart.MultipartParser(
            io.BytesIO(request.body),
            boundary,
            content_length=len(request.body),
            spool_limit=MAX_BODY,
            memory_limit=MAX_BODY,
        )
        for part in parser:
            if part.filename is None:
                arguments.params[part.name] = part.value
            else:
                filename = part.filename.replace("\\", "/").rpartition("/")[2]
                arguments.files[part.name] = (filename, part.raw)
    except (multipart.MultipartError, UnicodeDecodeError) as error:
        raise bad_request("can't parse the multipart form") from error
    return arguments


def read_album(arguments: Arguments) -> list[Arguments]:
    """The InputMedia of sendMediaGroup, with the files of the call. Raises Refusal."""
    return [_album_item(item, arguments.files) for item in arguments.items("media")]


def _album_item(item: Any, files: dict[str, tuple[str, bytes]]) -> Arguments:
    """One InputMedia of an album. Telegram checks these before it looks at the chat."""
    if not isinstance(item, dict):
        raise _bad_item("expected an Object")
    fields = {name: str(value) for name, value in item.items() if value is not None}
    if "type" not in fields:
        raise _bad_item('Can\'t find field "type"')
    kind, media = fields["type"], fields.get("media", "")
    if not media or (media.startswith("attach://") and media[len("attach://") :] not in files):
        raise _bad_item("media not found")
    if kind == Kind.ANIMATION:
        raise _bad_item(f'type "{kind}" can\'t be used in sendMediaGroup')
    if kind not in (Kind.PHOTO, Kind.VIDEO, Kind.DOCUMENT):
        raise _bad_item(f'type "{kind}" is unsupported')
    return Arguments(fields, files)


def _bad_item(reason: str) -> Refusal:
    return bad_request(f"can't parse InputMedia: {reason}")


def check_album(items: list[Arguments]) -> None:
    """Refuse a wrong number of items, and kinds that do not mix."""
    if not items:
        raise bad_request("there are no messages to send")
    if len(items) > MAX_ALBUM:
        raise bad_request("too many messages to send as an album")
    kinds = {item.text("type") for item in items}
    if Kind.DOCUMENT in kinds and len(kinds) > 1:
        raise bad_request("document can't be mixed with other media types")
