"""The parameters of a Bot API call, however the client wrote them down."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import multipart

from ..http import Request
from .limits import Refusal, bad_request, read_json

MAX_BODY = 52 * 2**20  # bytes: 50 MiB of file, and what surrounds it


@dataclass(frozen=True)
class Arguments:
    """Parameters as text, and the uploaded files: name -> (file name, content)."""

    params: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.params.get(name, "")

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "yes", "1")

    def number(self, name: str) -> int:
        """The whole number of a parameter; 0 if it is missing or is no number."""
        try:
            return int(self.text(name) or 0)
        except ValueError:
            return 0

    def items(self, name: str) -> list[Any]:
        """The JSON array of a parameter, empty if it is missing."""
        return list(read_json(self.text(name) or "[]", list, name))

    def object(self, name: str) -> dict[str, Any]:
        """The JSON object of a parameter, empty if it is missing."""
        return dict(read_json(self.text(name) or "{}", dict, name))


def read_arguments(request: Request) -> Arguments:
    """Parameters from the query, and over them those of the body.

    The body is a form, multipart/form-data, or JSON. Raises Refusal for one that is
    over Telegram's limit, or broken.
    """
    if len(request.body) > MAX_BODY:
        raise Refusal(413, "Request Entity Too Large")
    if not request.body:
        return Arguments(request.query)
    kind, options = multipart.parse_options_header(request.headers.get("content-type", ""))
    if kind == "application/json":
        return Arguments(request.query | dict(_json_fields(request.body)))
    if kind == "multipart/form-data":
        return _read_multipart(request, options.get("boundary", ""))
    form = parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    return Arguments(request.query | dict(form))


def _json_fields(body: bytes) -> Iterator[tuple[str, str]]:
    """Telegram reads every value as text; what is nested stays JSON."""
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise bad_request("can't parse request JSON object") from error
    if not isinstance(fields, dict):
        raise bad_request("JSON object expected")
    for name, value in fields.items():
        if value is not None:
            yield name, value if isinstance(value, str) else json.dumps(value)


def _read_multipart(request: Request, boundary: str) -> Arguments:
    arguments = Arguments(dict(request.query), {})
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
