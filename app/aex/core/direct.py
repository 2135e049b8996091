"""Requests that are plainly right, straight to their endpoint: the framework's routes without its work per request.

Routes, parameters and models are declared as FastAPI's, and its OpenAPI describes them. What it does anew for every
request (matching route after route, solving dependencies, exit stacks) is done once here, when the table is made; that
is four fifths of what a request costs. The framework keeps the last word: a request that matches nothing, whose
parameters or body do not validate, or that is traced, goes to it unchanged, so errors are always its own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, cast

from fastapi import Request, Response
from fastapi.routing import RouteContext, iter_route_contexts
from opentelemetry import trace
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.datastructures import QueryParams

from aex.core.plans import Given, NotPlain, Plan, plan_of
from aex.core.routes import Before, before_of

if TYPE_CHECKING:
    import re

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_Match = Callable[[str], "re.Match[str] | None"]


class _Entry:
    """A route, as far as it can be served directly (`plan`)."""

    __slots__ = ("before", "body", "match", "path", "plan", "static")

    def __init__(self, context: RouteContext) -> None:
        self.path: str = context.path_format or ""
        self.static = "{" not in self.path
        self.match: _Match = context.path_regex.match
        self.before: Before | None = before_of(context.original_route)
        self.plan: Plan | None = plan_of(context)
        self.body: Callable[[object], object] | None = None if self.plan is None else self.plan.body


class Direct:
    """Serves what it can, and passes everything else to `app`, whose `routes` are read at the first request."""

    def __init__(self, app: "ASGIApp", *, routes: "Callable[[], Sequence[BaseRoute]]") -> None:
        self._app = app
        self._routes = routes
        self._table: dict[tuple[str, int], list[_Entry]] | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entry = self._find(scope)
        if entry is None or ("fastapi.telemetry" in scope and trace.get_current_span().is_recording()):
            await self._framework(scope, receive, send)
            return
        scope["aex.route"] = entry.path
        replay = _Replay(receive)
        try:
            response = await _serve(entry, scope, replay)
        except NotPlain:
            await self._framework(scope, replay.receive, send)
            return
        await response(scope, receive, send)

    async def _framework(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        # Bodies are JSON whatever the client calls them, as upstream (`curl -d` says it sends a form).
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
        await self._app(scope, receive, send)

    def _find(self, scope: "Scope") -> _Entry | None:
        if self._table is None:
            self._table = _table(iter_route_contexts(self._routes()))
        path: str = scope["path"]
        for entry in self._table.get((scope["method"], path.count("/")), ()):
            if entry.static:
                if entry.path == path:
                    return entry if entry.plan is not None else None
                continue
            found = entry.match(path)
            if found is not None:
                scope["path_params"] = found.groupdict()
                return entry if entry.plan is not None else None
        return None


def _table(contexts: Iterable[RouteContext]) -> dict[tuple[str, int], list[_Entry]]:
    """By method and number of segments, in the order of declaration: the first that matches serves, as ever."""
    table: dict[tuple[str, int], list[_Entry]] = {}
    for context in contexts:
        if context.path_format is None or ":" in (context.path or ""):
            continue
        entry = _Entry(context)
        for method in context.methods or ():
            table.setdefault((method, entry.path.count("/")), []).append(entry)
    return table


async def _serve(entry: _Entry, scope: "Scope", replay: "_Replay") -> Response:
    plan = cast(Plan, entry.plan)
    request = Request(scope, replay.receive) if entry.before is not None or plan.wants_request else None
    if entry.before is not None and request is not None:
        await entry.before(request)
    query: bytes = scope["query_string"]
    given = Given(
        path=scope.get("path_params") or {},
        headers=scope["headers"],
        query=QueryParams(query) if query else None,
        request=request,
    )
    if entry.body is not None:
        given.body = _decoded(await replay.body(), entry.body)
    return await plan.call(given)


def _decoded(body: bytes, validate: Callable[[object], object]) -> object:
    if not body:
        raise NotPlain
    try:
        return validate(from_json(body))
    except (ValidationError, ValueError):
        raise NotPlain from None


class _Replay:
    """The request's messages; those that were read are there for the framework again."""

    __slots__ = ("_read", "_receive")

    def __init__(self, receive: "Receive") -> None:
        self._receive = receive
        self._read: list[Message] = []

    async def body(self) -> bytes:
        message = await self._receive()
        self._read.append(message)
        if message["type"] == "http.request" and not message.get("more_body", False):
            return message.get("body", b"")
        while message["type"] == "http.request" and message.get("more_body", False):
            message = await self._receive()
            self._read.append(message)
        if message["type"] != "http.request":
            raise NotPlain
        return b"".join(part.get("body", b"") for part in self._read)

    async def receive(self) -> "Message":
        if self._read:
            return self._read.pop(0)
        return await self._receive()


__all__ = ["Direct"]
