"""aex-gateway as a service: its settings, its own few routes, and the layer in front of them."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from pydantic import Field, SecretStr

from aex.core.runtime import Definition, Runtime
from aex.core.service_auth import proof_for
from aex.core.settings import Settings
from aex.core.tokens import TokenKeys
from aex.core.wire import Json
from aex.gateway.bodies import Bodies
from aex.gateway.counters import Counters
from aex.gateway.credentials import Authenticator
from aex.gateway.holders import Holders
from aex.gateway.layer import Gateway, Rules
from aex.gateway.openapi import Aggregate
from aex.gateway.principals import Principals
from aex.gateway.proxy import Proxy
from aex.gateway.table import IDENTITY, PROVIDER_REGISTRY, RouteTable
from aex.gateway.upstream import Upstream

if TYPE_CHECKING:
    from starlette.types import ASGIApp

NAME = "aex-gateway"

CALLS = {
    "aex-work-publisher": "work_publisher_url",
    "aex-bid-gateway": "bid_gateway_url",
    "aex-bid-evaluator": "bid_evaluator_url",
    "aex-contract-engine": "contract_engine_url",
    "aex-provider-registry": "provider_registry_url",
    "aex-trust-broker": "trust_broker_url",
    "aex-identity": "identity_url",
    "aex-settlement": "settlement_url",
    "aex-telemetry": "telemetry_url",
}

CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Content-Type, Authorization, X-API-Key, X-Request-ID, X-Idempotency-Key",
    ),
    (b"access-control-max-age", b"86400"),
)
"""Contract 2.3, on every answer. Credentials travel in headers that a page must set itself, never in cookies, so any
origin may ask."""


class GatewaySettings(Settings):
    """What the gateway reads besides the common settings (contract 2.1; `RATE_LIMIT_BURST_SIZE` had no effect there and
    is not read: a bucket holds a whole minute's worth).
    """

    work_publisher_url: str = "http://127.0.0.1:8081"
    bid_gateway_url: str = "http://127.0.0.1:8082"
    bid_evaluator_url: str = "http://127.0.0.1:8083"
    contract_engine_url: str = "http://127.0.0.1:8084"
    provider_registry_url: str = "http://127.0.0.1:8085"
    trust_broker_url: str = "http://127.0.0.1:8086"
    identity_url: str = "http://127.0.0.1:8087"
    settlement_url: str = "http://127.0.0.1:8088"
    telemetry_url: str = "http://127.0.0.1:8089"

    jwt_secret: SecretStr
    """Verifies tokens: `version:secret,...`, all listed versions are accepted."""
    rate_limit_per_minute: int = Field(default=1000, ge=1)
    """Requests a minute of one credential, over all instances; the tenant's own quota may be lower."""
    auth_failures_per_minute: int = Field(default=120, ge=1)
    """Requests a minute of one client address without a valid credential, over all instances."""
    gateway_instances: int = Field(default=1, ge=1)
    """Instances that always run; each grants its part. More of them grant more, so nobody gets less than promised."""
    trusted_proxy_hops: int = Field(default=0, ge=0, le=8)
    """Proxies of ours in front that append to `X-Forwarded-For`: 1 behind an ALB or on Cloud Run itself, 2 behind
    Google's load balancer."""
    request_timeout_seconds: float = Field(default=30, gt=0, le=3600)
    """A whole request, and the arrival of its body."""
    proxy_timeout_seconds: float = Field(default=25, gt=0, le=3600)
    """Until a backend's answer begins."""


def build(rt: Runtime[GatewaySettings]) -> APIRouter:
    """The gateway's own routes; everything else is `wrap`'s."""
    router = APIRouter()

    @router.get("/v1/info", tags=["gateway"])
    async def info() -> Response:
        """What this is (contract 2.2)."""
        return Json({"name": "Agent Exchange Gateway", "version": "1.0.0", "phase": "A"})

    return router


def wrap(app: "ASGIApp", rt: Runtime[GatewaySettings]) -> "ASGIApp":
    """`app` behind the layer that authenticates and forwards."""
    settings = rt.settings
    proof = proof_for(settings, NAME)
    upstreams = {
        name: Upstream(
            name,
            getattr(settings, variable),
            proof=proof,
            metrics=rt.metrics,
            limit=max(1, settings.max_in_flight // 2),
        )
        for name, variable in CALLS.items()
    }

    async def close() -> None:
        for upstream in upstreams.values():
            upstream.origin.close()

    rt.stopping.append(close)
    table = RouteTable()
    counters = Counters(rt.metrics)
    principals = Principals(per_minute=settings.rate_limit_per_minute, instances=settings.gateway_instances)
    return Gateway(
        app,
        table=table,
        upstreams=upstreams,
        authenticator=Authenticator(rt.peer(IDENTITY), TokenKeys(settings.jwt_secret), principals, rt.clock, counters),
        holders=Holders(rt.peer(PROVIDER_REGISTRY), rt.peer(IDENTITY), lambda: rt.clock().timestamp()),
        principals=principals,
        proxy=Proxy(
            answer_seconds=min(settings.proxy_timeout_seconds, settings.request_timeout_seconds),
            total_seconds=settings.request_timeout_seconds,
        ),
        bodies=Bodies(seconds=settings.request_timeout_seconds),
        aggregate=Aggregate(table, upstreams),
        counters=counters,
        clock=rt.clock,
        rules=Rules(
            trusted_hops=settings.trusted_proxy_hops,
            address_per_minute=settings.rate_limit_per_minute,
            failures_per_minute=settings.auth_failures_per_minute,
        ),
    )


DEFINITION = Definition(NAME, GatewaySettings, build, calls=CALLS, wrap=wrap, outside=True, headers=CORS)

__all__ = ["DEFINITION", "GatewaySettings"]
