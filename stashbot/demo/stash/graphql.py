"""GraphQL over HTTP as Stash speaks it: read, executed against the schema, answered.

graphql-core executes what `schema.graphql` allows, so that a question which Stash would
refuse is refused here too. What there is to find is the caller's.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

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

from ..http import Request, Response

SCHEMA = Path(__file__).parents[2] / "stash" / "schema.graphql"
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


@dataclass(frozen=True)
class Question:
    """A GraphQL request; `fault` says why it could not be read, if it could not."""

    text: str = ""
    operation: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


def read(request: Request) -> Question:
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


def respond(
    request: Request, question: Question, root: dict[str, Any], *, host: str, hidden: frozenset[str]
) -> Response:
    """The answer to a question, with what `root` holds, by the names of the schema.

    Where it holds a function, that is called with graphql-core's `info`, whose context is
    `host`, and with the field's arguments. `hidden` fields ("Type.field") are unknown.
    """
    if question.fault:
        return _reply(request, 400, {"errors": [{"message": question.fault}], "data": None})
    try:
        return _reply(request, 200, _execute(question, root, host, hidden))
    except _Invalid as invalid:
        status = 422 if JSON in request.headers.get("accept", "") else 400
        return _reply(request, status, {"errors": invalid.errors, "data": None})


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


def _execute(
    question: Question, root: dict[str, Any], host: str, hidden: frozenset[str]
) -> dict[str, Any]:
    """The answer, with the errors of what could not be found; _Invalid if not begun."""
    result = execute_sync(
        _schema(hidden),
        _prepared(question.text, hidden),
        root_value=root,
        context_value=host,
        variable_values=question.variables,
        operation_name=question.operation or None,
        field_resolver=_resolve,
    )
    errors = result.errors or []
    if any(error.path is None for error in errors):  # about the variables, not a field
        raise _Invalid(errors)
    failures = [{"message": error.message, "path": error.path} for error in errors]
    return ({"errors": failures} if failures else {}) | {"data": result.data}


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
