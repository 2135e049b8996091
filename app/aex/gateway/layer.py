"""The ASGI layer in front of the gateway's own few routes: preflights, then route, credential, limits, scope, proxy.

It stands before routing because a framework route would cost half as much again as the whole forwarding. Owns the
order of these steps; each step is in its own module.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Response
from fastapi.responses import HTMLResponse

from aex.core.clock import Clock
from aex.core.context import FORWARDED_HEADER, RequestContext
from aex.core.errors import ApiError, bad_request, forbidden, not_found, unauthorized
from aex.core.wire import Json
from aex.gateway.addresses import client_address, limited_as
from aex.gateway.bodies import Bodies
from aex.gateway.counters import Counters
from aex.gateway.credentials import Authenticator, Credential
from aex.gateway.docs import CONTENT_SECURITY_POLICY, page
from aex.gateway.headers import forwarded
from aex.gateway.holders import Holders
from aex.gateway.limits import Bucket, too_many
from aex.gateway.openapi import Aggregate
from aex.gateway.principals import Principal, Principals
from aex.gateway.proxy import ClientGone, Passage, Proxy
from aex.gateway.table import Route, RouteTable, segments_of
from aex.gateway.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

_FORWARDED = FORWARDED_HEADER.encode()
_DESCRIPTIONS = frozenset({"/docs", "/openapi.json"})
OWN_PATHS = frozenset({"/health", "/ready", "/metrics", "/v1/info"}) | _DESCRIPTIONS
"""Answered by the gateway itself, without credentials and limits (contract 2.2)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Numbers from the settings."""

    trusted_hops: int
    address_per_minute: int
    failures_per_minute: int


class Gateway:
    """Handles every request that is not for one of the gateway's own routes."""

    def __init__(
        self,
        app: "ASGIApp",
        *,
        table: RouteTable,
        upstreams: "Mapping[str, Upstream]",
        authenticator: Authenticator,
        holders: Holders,
        principals: Principals,
        proxy: Proxy,
        bodies: Bodies,
        aggregate: Aggregate,
        counters: Counters,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self._app = app
        self._table = table
        self._upstreams = upstreams
        self._authenticator = authenticator
        self._holders = holders
        self._principals = principals
        self._proxy = proxy
        self._bodies = bodies
        self._aggregate = aggregate
        self._counters = counters
        self._clock = clock
        self._rules = rules

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            scope["aex.route"] = "preflight"
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif scope["path"] in _DESCRIPTIONS and scope["method"] in {"GET", "HEAD"}:
            scope["aex.route"] = scope["path"]
            await (await self._describe(scope["path"]))(scope, receive, send)
        elif scope["path"] in OWN_PATHS:
            await self._app(scope, receive, send)
        else:
            try:
                await self._pass_on(scope, receive, send)
            except ClientGone:
                return

    async def _describe(self, path: str) -> Response:
        document = await self._aggregate.document()
        if path == "/openapi.json":
            return Json(document)
        return HTMLResponse(page(document), headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    async def _pass_on(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        route = self._route(raw_path)
        scope["aex.route"] = route.path
        context: RequestContext = scope["aex"]
        pairs: list[tuple[bytes, bytes]] = scope["headers"]
        headers = dict(pairs)
        address = client_address(scope, headers, self._rules.trusted_hops)
        principal = await self._authenticate(route, headers, address, context)
        upstream = self._upstreams[route.target]
        log: dict[str, object] = {"upstream": upstream.name}
        scope["aex.log"] = log
        limit = None
        if principal is not None:
            context.tenant = principal.tenant_id
            log["key_id"] = principal.key_id
            self._permit(route, scope["method"], principal)
            if route.limits_payload and scope["method"] == "POST":
                limit = principal.max_payload_bytes
        passed = forwarded(pairs)
        self._vouch(passed, route, headers, principal, context, address)
        query: bytes = scope["query_string"]
        target = raw_path + b"?" + query if query else raw_path
        body = await self._bodies.read(headers, receive, limit)
        try:
            passage = Passage(upstream, scope["method"], target, passed, body)
            await self._proxy.forward(passage, receive, send)
        finally:
            self._bodies.release(body)

    def _route(self, raw_path: bytes) -> Route:
        segments = segments_of(raw_path)
        if segments is None:
            raise bad_request("the path is not in its plain form: no empty or dot segments, no encoded separators")
        route = self._table.find(segments)
        if route is None:
            raise not_found("Endpoint not found", "endpoint_not_found")
        return route

    async def _authenticate(
        self, route: Route, headers: dict[bytes, bytes], address: str, context: RequestContext
    ) -> Principal | None:
        """Who calls; None where a backend will find out. Counts the request against the limits that go with it."""
        credential, backend_checks = _presented(route, headers)
        now = self._clock().timestamp()
        if credential is None:
            if not backend_checks:
                self._refuse_after_failures(address, now, context)
                self._note_failure(address, now, context)
                self._counters.missing.inc()
                raise unauthorized("Authentication required", "authentication_required")
            bucket = self._principals.address(f"open:{limited_as(address)}", self._rules.address_per_minute, now)
            admitted = bucket.take(now)
            context.answer_headers.extend(bucket.headers())
            if not admitted:
                self._counters.limited_address.inc()
                raise too_many(bucket.wait())
            self._counters.passed_on.inc()
            if route.provider_key:
                await self._holders.admit(_bearer(headers))
            return None
        digest = credential.digest()
        principal = self._authenticator.remembered(digest, now)
        if principal is None:
            if not self._authenticator.was_good(digest):
                self._refuse_after_failures(address, now, context)
            try:
                principal = await self._authenticator.resolve(credential, digest)
            except ApiError as error:
                if error.status == 401:
                    self._note_failure(address, now, context)
                raise
        try:
            context.answer_headers.extend(principal.spend(now, self._counters))
        except ApiError:
            context.answer_headers.extend(principal.limit_headers())
            raise
        return principal

    def _refuse_after_failures(self, address: str, now: float, context: RequestContext) -> None:
        bucket = self._failures(address, now)
        bucket.refill(now)
        if bucket.tokens < 1:
            context.answer_headers.extend(bucket.headers())
            self._counters.limited_failures.inc()
            raise too_many(bucket.wait(), "Too many requests without a valid credential.")

    def _note_failure(self, address: str, now: float, context: RequestContext) -> None:
        bucket = self._failures(address, now)
        bucket.take(now)
        context.answer_headers.extend(bucket.headers())

    def _failures(self, address: str, now: float) -> Bucket:
        return self._principals.address(f"failed:{limited_as(address)}", self._rules.failures_per_minute, now)

    def _permit(self, route: Route, method: str, principal: Principal) -> None:
        scope = route.scope(method)
        if not principal.may(scope):
            self._counters.out_of_scope.inc()
            raise forbidden(f"this needs the scope {scope!r}; use a key that has it", "insufficient_scope")

    @staticmethod
    def _vouch(
        passed: list[tuple[bytes, bytes]],
        route: Route,
        headers: dict[bytes, bytes],
        principal: Principal | None,
        context: RequestContext,
        address: str,
    ) -> None:
        """Adds what only the gateway may say."""
        passed += (
            (b"x-request-id", context.request_id.encode()),
            (b"traceparent", context.traceparent.encode()),
            (b"x-forwarded-for", address.encode()),
            (_FORWARDED, b"1"),
        )
        if principal is not None:
            passed += principal.headers
        if route.bearer and context.authorization is not None and (b"x-api-key" in headers or principal is None):
            passed.append((b"authorization", context.authorization.encode("latin-1")))
        if route.exchanges_key and (key := headers.get(b"x-api-key")):
            passed.append((b"x-api-key", key))


def _presented(route: Route, headers: dict[bytes, bytes]) -> tuple[Credential | None, bool]:
    """The credential for the gateway, and whether the request may do without one because the backend checks its own."""
    key = headers.get(b"x-api-key", b"").decode("latin-1").strip()
    if key:
        return Credential(key, is_token=False), False
    if route.exchanges_key:
        return None, True
    token = _bearer(headers)
    if not token:
        return None, False
    # Tokens of ours are JWTs; a provider's key and a contract's token have no dots.
    if route.bearer and token.count(".") != 2:
        return None, True
    return Credential(token, is_token=True), False


def _bearer(headers: dict[bytes, bytes]) -> str:
    """The bearer token, empty when there is none."""
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


__all__ = ["OWN_PATHS", "Gateway", "Rules"]
