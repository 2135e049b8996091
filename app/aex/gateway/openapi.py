"""One OpenAPI document for the whole exchange, put together from those of the backends when somebody asks for it.

What is in it, and what it takes to call it, comes from the route table: a path that the gateway does not pass on to
that backend is left out.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import cast

import orjson

from aex.core.connections import Broken, NotConnected
from aex.core.logging import get_logger
from aex.gateway.table import Route, RouteTable
from aex.gateway.upstream import Upstream
from aex.store import JsonValue

log = get_logger(__name__)

Object = dict[str, JsonValue]

KEPT_SECONDS = 60.0
_INCOMPLETE_SECONDS = 5.0
_SECONDS = 3.0
_SCHEMAS = "#/components/schemas/"
_MAX_BYTES = 4_000_000
_SECURITY: Object = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "from POST /v1/tokens"},
    "Backend": {"type": "http", "scheme": "bearer", "description": "a provider's key, or a contract's token"},
}


class Aggregate:
    """The document, made lazily and kept for a minute; a backend that does not answer is named in it."""

    def __init__(self, table: RouteTable, upstreams: Mapping[str, Upstream]) -> None:
        self._table = table
        self._upstreams = upstreams
        self._until = 0.0
        self._document: Object | None = None
        self._lock = asyncio.Lock()

    async def document(self) -> Object:
        """OpenAPI 3.1 of every public route."""
        async with self._lock:  # one asks the backends, the others wait for what it finds
            if self._document is None or time.monotonic() >= self._until:
                parts = await asyncio.gather(*(self._fetch(upstream) for upstream in self._upstreams.values()))
                self._document = assemble(self._table, dict(zip(self._upstreams, parts, strict=True)))
                self._until = time.monotonic() + (_INCOMPLETE_SECONDS if None in parts else KEPT_SECONDS)
            return self._document

    async def _fetch(self, upstream: Upstream) -> Object | None:
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await upstream.origin.request("GET", b"/openapi.json", await upstream.proof(), None)
                try:
                    good = answer.status == 200 and (answer.length or 0) <= _MAX_BYTES
                    document = orjson.loads(await answer.read()) if good else None
                finally:
                    answer.close()
        except (NotConnected, Broken, TimeoutError, orjson.JSONDecodeError) as error:
            log.warning("no description", upstream=upstream.name, reason=type(error).__name__)
            return None
        return cast("Object", document) if isinstance(document, dict) else None


def assemble(table: RouteTable, documents: Mapping[str, Object | None]) -> Object:
    """One document of `documents` (backend name to its OpenAPI, None where it is not to be had)."""
    paths: Object = {}
    schemas: Object = {}
    for name, document in documents.items():
        if document is None:
            continue
        prefix = "".join(word.capitalize() for word in name.removeprefix("aex-").split("-"))
        own = _object(_object(document, "components"), "schemas")
        schemas.update({f"{prefix}{key}": _renamed(schema, prefix) for key, schema in own.items()})
        for path, item in _object(document, "paths").items():
            route = table.find(path.split("/")[1:])
            if route is not None and route.target == name and isinstance(item, dict):
                renamed = cast("Object", _renamed(item, prefix))
                paths[path] = {method: _described(renamed, method, route, name) for method in renamed}
    schemas = _used(paths, schemas)
    missing: list[JsonValue] = [name for name, document in documents.items() if document is None]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Agent Exchange",
            "version": "1.0.0",
            "description": "Every public route of the exchange, as the gateway serves it.",
            **({"x-missing": missing} if missing else {}),
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def _used(paths: Object, schemas: Object) -> Object:
    """Those of `schemas` that `paths` refer to, directly or through others: bodies of internal routes are left out."""
    used: Object = {}
    waiting: list[JsonValue] = [paths]
    while waiting:
        match waiting.pop():
            case dict() as value:
                waiting.extend(value.values())
                reference = value.get("$ref")
                name = reference.removeprefix(_SCHEMAS) if isinstance(reference, str) else ""
                if name in schemas and name not in used:
                    used[name] = schemas[name]
                    waiting.append(schemas[name])
            case list() as values:
                waiting.extend(values)
            case _:
                pass
    return dict(sorted(used.items()))


def _described(item: Object, method: str, route: Route, name: str) -> JsonValue:
    operation = item[method]
    if method not in {"get", "head", "put", "post", "delete", "patch"} or not isinstance(operation, dict):
        return operation
    scope = route.scope(method.upper())
    security: list[JsonValue] = [{"ApiKey": []}]
    if not route.exchanges_key:
        security.append({"Token": []})
    if route.bearer:
        security.append({"Backend": []})
    return {**operation, "tags": [name], "security": security, **({"x-scope": scope} if scope else {})}


def _renamed(value: JsonValue, prefix: str) -> JsonValue:
    """`value` with references to schemas under the names they have here."""
    match value:
        case dict():
            return {
                key: item.replace(_SCHEMAS, f"{_SCHEMAS}{prefix}")
                if key == "$ref" and isinstance(item, str)
                else _renamed(item, prefix)
                for key, item in value.items()
            }
        case list():
            return [_renamed(item, prefix) for item in value]
        case _:
            return value


def _object(value: Object, name: str) -> Object:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


__all__ = ["Aggregate", "Object", "assemble"]
