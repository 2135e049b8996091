"""The outermost layer of every service, as pure ASGI (a BaseHTTPMiddleware would cost 200 us a request).

Gives each request its id, trace and caller; refuses who may not call, bodies over the limit and requests over capacity;
turns any error into the one JSON shape; writes the access log line and counts.
"""

import time
from typing import TYPE_CHECKING

import orjson

from aex.core.context import (
    DUTY_HEADER,
    FORWARDED_HEADER,
    GATEWAY,
    RequestContext,
    current,
    request_id_from,
    traceparent_from,
)
from aex.core.errors import ApiError, forbidden, unauthorized, unavailable
from aex.core.logging import get_logger
from aex.core.metrics import Metrics
from aex.core.service_auth import Check
from aex.core.settings import ServiceAuth, Settings
from aex.store.port import BadCursor, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = get_logger(__name__)

OPEN_PATHS = frozenset({"/health", "/ready", "/metrics", "/openapi.json", "/docs"})
"""Served without a service identity: probes and operators have none. The gateway forwards none of them."""

CLIENT_GONE = 499
"""What logs and metrics say when nothing was answered because nobody waits any more."""

_FORWARDED = FORWARDED_HEADER.encode()
_DUTY = DUTY_HEADER.encode()
_NOTHING: dict[str, object] = {}


class Edge:
    """Wraps a service's app. `outside` is True on the gateway only: there, no identity header is believed.

    `headers` go on every answer, errors included; a layer inside may add to them per request
    (`RequestContext.answer_headers`) and to the log line (`scope["aex.log"]`).
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        settings: Settings,
        check: Check,
        metrics: Metrics,
        outside: bool = False,
        headers: "Sequence[tuple[bytes, bytes]]" = (),
    ) -> None:
        self._app = app
        self._settings = settings
        self._check = check
        self._metrics = metrics
        self._outside = outside
        self._headers = headers
        self._identity_required = settings.service_auth is not ServiceAuth.OFF and not outside
        self._in_flight = 0
        self._shed_count, self._shed_told = 0, 0.0

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._in_flight >= self._settings.max_in_flight and scope["path"] not in OPEN_PATHS:
            await self._shed(scope, send)
            return
        started = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        context = self._context(headers)
        scope["aex"] = context
        token = current.set(context)
        context.answer_headers.extend(self._headers)
        answer = _Answer(send, context)
        self._in_flight += 1
        try:
            self._admit(scope, headers, context)
            limited = _LimitedBody(receive, headers, self._settings.max_body_bytes)
            await self._app(scope, limited.receive, answer.send)
        except Exception as error:
            await self._fail(error, answer)
        finally:
            self._in_flight -= 1
            look = scope["method"] == "GET" and _DUTY in headers and not self._outside
            self._record(scope, answer.status or CLIENT_GONE, time.perf_counter() - started, routine=look)
            current.reset(token)

    def _context(self, headers: dict[bytes, bytes]) -> RequestContext:
        def text(name: bytes) -> str | None:
            value = headers.get(name)
            return value.decode("latin-1") if value else None

        return RequestContext(
            request_id=request_id_from(text(b"x-request-id")),
            traceparent=traceparent_from(text(b"traceparent")),
            authorization=text(b"authorization"),
        )

    def _admit(self, scope: "Scope", headers: dict[bytes, bytes], context: RequestContext) -> None:
        path: str = scope["path"]
        if path in OPEN_PATHS:
            return
        if self._outside:
            return
        context.service = self._check.caller(headers)
        if self._identity_required and context.service is None:
            raise unauthorized("this service answers only to declared services: call the gateway", "service_required")
        believed = not self._identity_required or context.service == GATEWAY
        if believed:
            tenant = headers.get(b"x-tenant-id")
            context.tenant = tenant.decode("latin-1") if tenant else None
            context.scopes = frozenset(headers.get(b"x-aex-scopes", b"").decode("latin-1").split())
            key_id = headers.get(b"x-aex-key-id")
            context.key_id = key_id.decode("latin-1") if key_id else None
            context.forwarded = _FORWARDED in headers
        for_a_client = context.forwarded or (context.service == GATEWAY and context.tenant is not None)
        if for_a_client and path.startswith("/internal/"):
            raise forbidden("the gateway does not call internal routes with a client's request", "caller_refused")

    async def _shed(self, scope: "Scope", send: "Send") -> None:
        """503 at the least cost there is: under overload, what refusing costs is taken from what is served.

        Counted one by one, and told once a second in the log.
        """
        context = self._context(dict(scope["headers"]))
        context.answer_headers.extend(self._headers)
        await _Answer(send, context).error(unavailable("too many requests at once; try again"))
        self._metrics.answered(scope["method"], "shed", 503, 0.0)
        self._shed_count += 1
        now = time.monotonic()
        if now - self._shed_told >= 1:
            log.warning("requests shed", count=self._shed_count, in_flight=self._in_flight)
            self._shed_told, self._shed_count = now, 0

    async def _fail(self, error: Exception, answer: "_Answer") -> None:
        problem = as_api_error(error)
        if problem is None:
            log.error("unhandled error", exc_info=error)
            problem = ApiError(500, "internal_error", "An internal error occurred")
        if answer.status:
            raise error  # half of an answer is out: the server must cut the connection
        await answer.error(problem)

    def _record(self, scope: "Scope", status: int, seconds: float, *, routine: bool) -> None:
        route = scope.get("aex.route") or getattr(scope.get("route"), "path", "unmatched")
        self._metrics.answered(scope["method"], route, status, seconds)
        if route in OPEN_PATHS and status < 400:
            return
        write = log.debug if routine and status < 400 else log.info
        write(
            "request",
            method=scope["method"],
            path=scope["path"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            caller=scope["aex"].service,
            **scope.get("aex.log", _NOTHING),
        )


class _Answer:
    """What goes out: adds the request id, remembers the status."""

    def __init__(self, send: "Send", context: RequestContext) -> None:
        self._send = send
        self._context = context
        self.status = 0

    async def send(self, message: "Message") -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *(pair for pair in message.get("headers", ()) if pair[0].lower() != b"x-request-id"),
                (b"x-request-id", self._context.request_id.encode()),
                *self._context.answer_headers,
            ]
        await self._send(message)

    async def error(self, problem: ApiError) -> None:
        body = error_body(problem, self._context.request_id)
        await self.send(
            {
                "type": "http.response.start",
                "status": problem.status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    *((name.lower().encode(), value.encode()) for name, value in (problem.headers or {}).items()),
                ],
            }
        )
        await self.send({"type": "http.response.body", "body": body})


class _LimitedBody:
    """What comes in: no more than the limit, whether announced or not."""

    def __init__(self, receive: "Receive", headers: dict[bytes, bytes], limit: int) -> None:
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            raise too_large(limit)
        self._receive = receive
        self._left = limit
        self._limit = limit

    async def receive(self) -> "Message":
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise too_large(self._limit)
        return message


def too_large(limit: int) -> ApiError:
    """413 for a body over `limit` bytes."""
    return ApiError(413, "body_too_large", f"the body is larger than {limit} bytes")


def error_body(problem: ApiError, request_id: str) -> bytes:
    """The one JSON shape of errors."""
    return orjson.dumps(
        {"error": {"code": problem.code, "message": problem.message, "request_id": request_id}},
        option=orjson.OPT_APPEND_NEWLINE,
    )


def as_api_error(error: Exception) -> ApiError | None:
    """The answer that `error` means, None when it is a bug."""
    match error:
        case ApiError():
            return error
        case BadCursor():
            return ApiError(400, "bad_cursor", str(error))
        case StoreUnavailable():
            log.warning("store unavailable", error=str(error))
            return unavailable("the store does not answer; try again", code="store_unavailable")
        case _:
            return None


__all__ = ["OPEN_PATHS", "Edge", "as_api_error", "error_body", "too_large"]
