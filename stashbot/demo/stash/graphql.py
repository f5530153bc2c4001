"""GraphQL over HTTP as Stash speaks it: reads, executes and answers requests.

graphql-core validates against `schema.graphql`, so that a query that Stash would refuse is
refused here too. The caller provides the data.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from ..http import Request, Response

SCHEMA = Path(__file__).parents[2] / "stash" / "schema.graphql"
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


@dataclass(frozen=True)
class Query:
    """A GraphQL request; empty if it cannot be read."""

    text: str = ""
    operation: str = ""
    variables: dict[str, Any] = field(default_factory=dict)


def read(request: Request) -> Query:
    """Read a POST of JSON, or a GET with the query in its address."""
    if request.method == "GET":
        return Query(request.query.get("query", ""), request.query.get("operationName", ""))
    try:
        asked = json.loads(request.body)
        return Query(
            str(asked.get("query") or ""),
            str(asked.get("operationName") or ""),
            dict(asked.get("variables") or {}),
        )
    except (ValueError, TypeError, AttributeError):  # no JSON, or not an object
        return Query()


def respond(request: Request, query: Query, root: dict[str, Any], host: str) -> Response:
    """Answer a query from `root`, a dict by the schema's field names.

    A function in `root` gets graphql-core's `info`, whose context is `host`, and the field's
    arguments.
    """
    try:
        return _reply(request, 200, _execute(query, root, host))
    except _Invalid as invalid:
        return _reply(request, 422, {"errors": [{"message": str(invalid)}], "data": None})


class _Invalid(Exception):
    """A query that cannot be executed."""


def _execute(query: Query, root: dict[str, Any], host: str) -> dict[str, Any]:
    """The data and the errors of single fields. Raises _Invalid."""
    result = execute_sync(
        schema(),
        _prepared(query.text),
        root_value=root,
        context_value=host,
        variable_values=query.variables,
        operation_name=query.operation or None,
        field_resolver=_resolve,
    )
    errors = result.errors or []
    if any(error.path is None for error in errors):  # about the variables, not a field
        raise _Invalid(errors[0].message)
    failures = [{"message": error.message, "path": error.path} for error in errors]
    return ({"errors": failures} if failures else {}) | {"data": result.data}


@cache
def schema() -> GraphQLSchema:
    """The types and fields of Stash that the bot uses; read once."""
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


@lru_cache(maxsize=1000)  # Stash caches as many
def _prepared(text: str) -> DocumentNode:
    """The parsed and validated document. Raises _Invalid."""
    if not text.strip():
        raise _Invalid("no operation provided")
    try:
        document = parse(text)
    except GraphQLError as error:
        raise _Invalid(error.message) from error
    errors = validate(schema(), document)
    if errors:
        raise _Invalid(errors[0].message)
    return document


def _resolve(source: dict[str, Any], info: GraphQLResolveInfo, **arguments: object) -> object:
    """Read a field of a dict; a function there computes it from the request."""
    value = source[info.field_name]
    return value(info, **arguments) if callable(value) else value


def _reply(request: Request, status: int, answer: dict[str, Any]) -> Response:
    """JSON in the accepted type. Stash compresses only application/json."""
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Cache-Control": "no-store"}
    if JSON not in request.headers.get("accept", ""):
        return Response(status, GRAPHQL_JSON, body, headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        body = gzip.compress(body, compresslevel=4, mtime=0)
    return Response(status, JSON, body, headers)
