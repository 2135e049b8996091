"""A running aex-bid-gateway among the real registry, trust-broker and work-publisher, in one process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from aex.bid_gateway.app import DEFINITION
from aex.provider_registry.app import DEFINITION as REGISTRY
from aex.trust_broker.app import DEFINITION as TRUST
from aex.work_publisher.app import DEFINITION as PUBLISHER
from tests.app.support import AsgiPeer, TestClock, client_of, running

WORK = {"category": "text", "description": "Summarise", "budget": {"max_price": 10}}


@dataclass
class Exchange:
    """The service and what surrounds it."""

    app: FastAPI
    client: httpx.AsyncClient
    registry: AsgiPeer
    publisher: AsgiPeer
    clock: TestClock
    registry_client: httpx.AsyncClient
    publisher_client: httpx.AsyncClient

    async def provider(self, name: str = "Provider 1", tenant: str | None = None) -> tuple[str, str]:
        """A new provider: its id and key."""
        answer = await self.registry_client.post(
            "/v1/providers",
            json={"name": name, "endpoint": "https://agent.example.com"},
            headers={"X-Tenant-ID": tenant} if tenant else {},
        )
        assert answer.status_code < 300, answer.text
        return answer.json()["provider_id"], answer.json()["api_key"]

    async def work(self, **fields: object) -> str:
        answer = await self.publisher_client.post("/v1/work", json={**WORK, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["work_id"]

    async def bids_received(self, work_id: str) -> int:
        return (await self.publisher_client.get(f"/internal/work/{work_id}")).json()["bids_received"]

    async def bid(self, key: str | None, work_id: str, headers: dict[str, str] | None = None, **fields: object):
        return await post_bid(self.client, key, work_id, headers, **fields)


async def post_bid(
    client: httpx.AsyncClient, key: str | None, work_id: object, headers: object = None, **fields: object
) -> httpx.Response:
    """`POST /v1/bids` with what a bid needs, `fields` on top; None drops one."""
    body: dict[str, object] = {
        "work_id": work_id,
        "price": 5,
        "confidence": 0.5,
        "a2a_endpoint": "https://agent.example.com/a2a",
        "expires_at": "2026-11-24T23:00:00+02:00",
        **fields,
    }
    body = {name: value for name, value in body.items() if value is not None}
    authorization = {"Authorization": f"Bearer {key}"} if key else {}
    more = headers if isinstance(headers, dict) else {}
    return await client.post("/v1/bids", json=body, headers={**authorization, **more})


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    clock = TestClock()
    async with AsyncExitStack() as stack:
        trust = await stack.enter_async_context(running(TRUST, clock=clock))
        trust_peer = AsgiPeer("aex-trust-broker", trust)
        registry_app = await stack.enter_async_context(
            running(REGISTRY, peers={trust_peer.name: trust_peer}, clock=clock)
        )
        registry = AsgiPeer("aex-provider-registry", registry_app)
        publisher_app = await stack.enter_async_context(
            running(PUBLISHER, peers={registry.name: registry}, clock=clock)
        )
        publisher = AsgiPeer("aex-work-publisher", publisher_app)
        app = await stack.enter_async_context(
            running(DEFINITION, peers={registry.name: registry, publisher.name: publisher}, clock=clock)
        )
        yield Exchange(
            app, client_of(app), registry, publisher, clock, client_of(registry_app), client_of(publisher_app)
        )
