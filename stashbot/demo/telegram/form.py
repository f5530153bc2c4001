"""The parameters of a Bot API call, from a query, a form or multipart."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import multipart

from ..http import LONGEST_BODY, Request
from .limits import bad_request, read_json


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
            spool_limit=LONGEST_BODY,
            memory_limit=LONGEST_BODY,
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
    return [
        Arguments({name: str(value) for name, value in item.items()}, arguments.files)
        for item in arguments.items("media")
    ]
