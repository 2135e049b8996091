"""The exchange that is measured: ten services started for it, or one that runs already, and what is in it."""

import tempfile
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.client import Connection, request
from infra.components.catalog import CATALOG
from infra.components.environment import ServiceAuth
from tests.flow.exchange import Exchange

UNLIMITED = {"RATE_LIMIT_PER_MINUTE": "1000000000", "DUTY_INTERVAL_SECONDS": "1"}
"""As the peer was measured: limits count, but never refuse. Logs, metrics and duties are on, files are on disk."""


@dataclass(slots=True)
class Running:
    """Ten services, at URLs, as processes."""

    urls: Mapping[str, str]
    pids: Mapping[str, int]
    operator_key: str

    def url(self, service: str, path: str = "") -> str:
        """A URL of a service, named without `aex-`."""
        return self.urls[f"aex-{service}"] + path


@asynccontextmanager
async def own(overrides: Mapping[str, str] | None = None, only: tuple[str, ...] = ()) -> AsyncGenerator[Running, None]:
    """Ten services of this run, in a fresh folder."""
    with tempfile.TemporaryDirectory(prefix="aex-bench-") as folder:
        one = Exchange(Path(folder), auth=ServiceAuth.OFF, overrides={**UNLIMITED, **(overrides or {})})
        try:
            await one.start(*only)
            yield running(one)
        finally:
            one.stop()


def running(one: Exchange) -> Running:
    """An exchange of the tests, as the drivers see it."""
    names = [name for name in CATALOG.names if one.started(name)]
    return Running({n: one.url(n) for n in CATALOG.names}, {n: one.pid(n) for n in names}, one.operator_key)


def given(gateway: str, ports: Iterable[int], operator_key: str) -> Running:
    """Services that listen on this machine already, in the catalog's order (its local stack with service auth off)."""
    host = gateway.rsplit(":", 1)[0]
    by_port = dict(zip(CATALOG.names, ports, strict=True))
    listening = {
        entry.laddr[1]: entry.pid
        for entry in psutil.net_connections("tcp")
        if entry.status == psutil.CONN_LISTEN and entry.pid is not None and entry.laddr
    }
    pids = {name: listening[port] for name, port in by_port.items() if port in listening}
    return Running({name: f"{host}:{port}" for name, port in by_port.items()}, pids, operator_key)


@dataclass(slots=True)
class Scene:
    """What the measured requests refer to."""

    tenant_id: str = ""
    key: str = ""
    provider_ids: list[str] = field(default_factory=list[str])
    provider_keys: list[str] = field(default_factory=list[str])
    work_ids: list[str] = field(default_factory=list[str])
    """Open works without bids, for bids."""
    ranked: list[str] = field(default_factory=list[str])
    """Open works with three bids each, for evaluations."""


def provider_body(name: str) -> dict[str, object]:
    """A registration as the peer's flow sends it."""
    return {"name": name, "endpoint": "https://agents.example.com/a2a", "capabilities": ["general"]}


def work_body() -> dict[str, object]:
    """A work as the peer's flow publishes it."""
    return {
        "category": "general",
        "description": "Summarise this document in three sentences",
        "budget": {"max_price": 100.0, "bid_strategy": "balanced"},
        "constraints": {"max_latency_ms": 5000},
        "payload": {"document": "https://files.example.com/1"},
        "bid_window_ms": 300_000,
    }


def bid_body(work_id: str, price: float) -> dict[str, object]:
    """A bid as the peer's flow sends it."""
    return {
        "work_id": work_id,
        "price": price,
        "confidence": 0.9,
        "approach": "One pass over the text",
        "estimated_latency_ms": 1500,
        "a2a_endpoint": "https://agents.example.com/a2a",
        "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        "sla": {"max_latency_ms": 2000, "availability": 99.5},
    }


async def stage(at: Running, *, works: int = 0, ranked: int = 0) -> Scene:
    """A tenant without limits, three providers, and works."""
    scene = Scene()
    gateway = await Connection.open(at.url("gateway"))
    operator = {"X-API-Key": at.operator_key}
    made = await gateway.must(request("POST", at.url("gateway", "/v1/tenants"), {"name": "bench"}, operator))
    scene.tenant_id, scene.key = str(made["id"]), str(made["api_key"]["key"])  # type: ignore[index]
    quotas = {"requests_per_minute": 1_000_000_000, "requests_per_day": 1_000_000_000}
    where = at.url("gateway", f"/v1/tenants/{scene.tenant_id}/quotas")
    await gateway.must(request("PUT", where, quotas, operator))
    registry, publisher, bids = [
        await Connection.open(at.url(name)) for name in ("provider-registry", "work-publisher", "bid-gateway")
    ]
    for number in range(3):
        body = provider_body(f"bench provider {number}")
        made = await registry.must(request("POST", at.url("provider-registry", "/v1/providers"), body))
        scene.provider_ids.append(str(made["provider_id"]))
        scene.provider_keys.append(str(made["api_key"]))
    publish = request("POST", at.url("work-publisher", "/v1/work"), work_body(), {"X-Consumer-ID": scene.tenant_id})
    for number in range(works + ranked):
        work_id = str((await publisher.must(publish))["work_id"])
        (scene.work_ids if number < works else scene.ranked).append(work_id)
    for work_id in scene.ranked:
        for price, key in zip((10.0, 20.0, 30.0), scene.provider_keys, strict=True):
            headers = {"Authorization": f"Bearer {key}"}
            await bids.must(request("POST", at.url("bid-gateway", "/v1/bids"), bid_body(work_id, price), headers))
    for one in (gateway, registry, publisher, bids):
        one.close()
    return scene


__all__ = ["Running", "Scene", "bid_body", "given", "own", "provider_body", "running", "stage", "work_body"]
