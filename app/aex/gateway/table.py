"""The public routes of the exchange: which path goes to which service, and what it takes to use it.

The only place where routes are: matching, scopes, the bearer rules and the aggregated OpenAPI all read this table. The
longest entry wins, compared segment by segment (`/v1/workfoo` is not below `/v1/work`). Owns no request handling.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from aex.core.scopes import OPERATOR

WORK_PUBLISHER = "aex-work-publisher"
BID_GATEWAY = "aex-bid-gateway"
BID_EVALUATOR = "aex-bid-evaluator"
CONTRACT_ENGINE = "aex-contract-engine"
PROVIDER_REGISTRY = "aex-provider-registry"
TRUST_BROKER = "aex-trust-broker"
IDENTITY = "aex-identity"
SETTLEMENT = "aex-settlement"
TELEMETRY = "aex-telemetry"


@dataclass(frozen=True, slots=True)
class Route:
    """One entry: `path` and everything below it. `{...}` stands for any one segment."""

    path: str
    target: str
    read: str
    """Scope for GET and HEAD."""
    write: str
    """Scope for every other method."""
    bearer: bool = False
    """The backend checks a bearer token of its own (a provider's key, a contract's token): `Authorization` is passed on
    untouched, and is enough without an API key."""
    provider_key: bool = False
    """The bearer token is a provider's key, whose tenant may have been suspended."""
    exchanges_key: bool = False
    """The API key itself is passed on, or is in the body: only where keys are exchanged for tokens."""
    limits_payload: bool = False
    """POST bodies are held to the tenant's `max_task_payload_bytes`."""

    def scope(self, method: str) -> str:
        """The scope that `method` needs here."""
        return self.read if method in {"GET", "HEAD"} else self.write


ROUTES: tuple[Route, ...] = (
    Route("/v1/work", WORK_PUBLISHER, "work:read", "work:write", limits_payload=True),
    Route("/v1/work/{work_id}/award", CONTRACT_ENGINE, "contracts:read", "contracts:write"),
    Route("/v1/work/{work_id}/evaluate", BID_EVALUATOR, "work:read", "work:write"),
    Route("/v1/work/{work_id}/evaluation", BID_EVALUATOR, "work:read", "work:write"),
    Route("/v1/bids", BID_GATEWAY, "bids:read", "bids:write", bearer=True, provider_key=True),
    Route("/v1/contracts", CONTRACT_ENGINE, "contracts:read", "contracts:write"),
    Route("/v1/contracts/{contract_id}", CONTRACT_ENGINE, "contracts:read", "contracts:write", bearer=True),
    Route("/v1/providers", PROVIDER_REGISTRY, "providers:read", "providers:write"),
    Route("/v1/providers/{provider_id}/trust", TRUST_BROKER, "trust:read", OPERATOR),
    Route("/v1/subscriptions", PROVIDER_REGISTRY, "subscriptions:read", "subscriptions:write"),
    Route("/v1/capabilities", PROVIDER_REGISTRY, "providers:read", "providers:write"),
    Route("/v1/usage", SETTLEMENT, "settlement:read", "settlement:write"),
    Route("/v1/balance", SETTLEMENT, "settlement:read", "settlement:write"),
    Route("/v1/deposits", SETTLEMENT, "settlement:read", "settlement:write"),
    Route("/v1/tenants", IDENTITY, OPERATOR, OPERATOR),
    Route("/v1/tenants/{tenant_id}", IDENTITY, "tenants:read", OPERATOR),
    Route("/v1/tenants/{tenant_id}/api-keys", IDENTITY, "keys:read", "keys:write"),
    Route("/v1/tokens", IDENTITY, "", "", exchanges_key=True),
    Route("/v1/logs", TELEMETRY, "telemetry:read", "telemetry:write"),
    Route("/v1/metrics", TELEMETRY, "telemetry:read", "telemetry:write"),
    Route("/v1/spans", TELEMETRY, "telemetry:read", "telemetry:write"),
    Route("/v1/traces", TELEMETRY, "telemetry:read", "telemetry:write"),
    Route("/v1/stats", TELEMETRY, "telemetry:read", "telemetry:write"),
)

# Exactly what RFC 3986 allows in segments that are not empty, and the root.
_PATH = re.compile(rb"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+)+|/")
# What two readers may read differently: dot segments in any spelling, encoded separators, control characters.
_AMBIGUOUS = re.compile(rb"/\.{1,2}(?:/|$)|%(?:2[eEfF]|5[cC]|[01][0-9A-Fa-f]|7[fF])")


def segments_of(raw_path: bytes) -> list[str] | None:
    """The decoded segments of a path as the client sent it; None when two readers could read it differently."""
    if not _PATH.fullmatch(raw_path) or _AMBIGUOUS.search(raw_path):
        return None
    if b"%" in raw_path:
        raw_path = unquote_to_bytes(raw_path)
    return raw_path.decode("utf-8", "replace").split("/")[1:]


@dataclass(slots=True)
class _Node:
    route: Route | None = None
    children: "dict[str, _Node]" = field(default_factory=dict[str, "_Node"])


class RouteTable:
    """`ROUTES`, arranged for look-up."""

    def __init__(self, routes: Iterable[Route] = ROUTES) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            node = self._root
            for segment in route.path.split("/")[1:]:
                node = node.children.setdefault("{}" if segment.startswith("{") else segment, _Node())
            node.route = route

    def find(self, segments: Iterable[str]) -> Route | None:
        """The longest entry that `segments` are at or below; None when there is none."""
        node, found = self._root, None
        for segment in segments:
            children = node.children
            # A client's segment "{}" means nothing special: it cannot be written without percent-encoding, and then
            # it is any one segment.
            below = children.get(segment) or children.get("{}")
            if below is None:
                break
            node = below
            found = node.route or found
        return found


__all__ = ["IDENTITY", "PROVIDER_REGISTRY", "ROUTES", "Route", "RouteTable", "segments_of"]
