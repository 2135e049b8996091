"""A running aex-bid-evaluator among all the real services that it asks and that feed those, in one process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from aex.bid_evaluator.app import DEFINITION
from aex.bid_gateway.app import DEFINITION as BIDS
from aex.core.peers import Peer
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
    clock: TestClock
    publisher: AsgiPeer
    bids: AsgiPeer
    trust: AsgiPeer
    clients: dict[str, httpx.AsyncClient]

    @property
    def peers(self) -> dict[str, Peer]:
        return {peer.name: peer for peer in (self.publisher, self.bids, self.trust)}

    async def provider(self, name: str, *, successes: int = 0) -> tuple[str, str]:
        """A new provider: id and key. Five successes make it VERIFIED with a score of 1."""
        answer = await self.clients["registry"].post(
            "/v1/providers", json={"name": name, "endpoint": "https://agent.example.com"}
        )
        provider_id = answer.json()["provider_id"]
        for n in range(successes):
            outcome = {"provider_id": provider_id, "contract_id": f"contract_{name}_{n}", "outcome": "SUCCESS"}
            assert (await self.clients["trust"].post("/internal/v1/outcomes", json=outcome)).status_code == 200
        return provider_id, answer.json()["api_key"]

    async def work(self, tenant: str | None = None, **fields: object) -> str:
        headers = {"X-Tenant-ID": tenant} if tenant else {}
        answer = await self.clients["publisher"].post("/v1/work", json={**WORK, **fields}, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["work_id"]

    async def bid(self, key: str, work_id: str, price: float = 5, **fields: object) -> str:
        body = {
            "work_id": work_id,
            "price": price,
            "confidence": 0.5,
            "a2a_endpoint": "https://agent.example.com/a2a",
            "expires_at": "2026-11-24T23:00:00Z",
            **fields,
        }
        answer = await self.clients["bids"].post("/v1/bids", json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()["bid_id"]

    async def evaluate(self, work_id: str, **fields: object) -> dict[str, object]:
        answer = await self.client.post("/internal/v1/evaluate", json={"work_id": work_id, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def latest(self, work_id: str) -> httpx.Response:
        return await self.client.get(f"/internal/v1/evaluations/{work_id}")

    async def to_award(self) -> list[str]:
        answer = await self.client.get("/internal/v1/evaluations/auto-award")
        return [work["work_id"] for work in answer.json()["work"]]

    async def waiting(self) -> list[str]:
        answer = await self.clients["publisher"].get("/internal/v1/work/closed")
        return [work["work_id"] for work in answer.json()["work"]]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    clock = TestClock()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        trust_app = await enter(running(TRUST, clock=clock))
        trust = AsgiPeer("aex-trust-broker", trust_app)
        registry_app = await enter(running(REGISTRY, peers={trust.name: trust}, clock=clock))
        registry = AsgiPeer("aex-provider-registry", registry_app)
        publisher_app = await enter(running(PUBLISHER, peers={registry.name: registry}, clock=clock))
        publisher = AsgiPeer("aex-work-publisher", publisher_app)
        asked = {registry.name: registry, publisher.name: publisher}
        bids_app = await enter(running(BIDS, peers=asked, clock=clock))
        # Its own peers, so that a test can take one away from the evaluator alone.
        seen = (
            AsgiPeer(publisher.name, publisher_app),
            AsgiPeer("aex-bid-gateway", bids_app),
            AsgiPeer(trust.name, trust_app),
        )
        app = await enter(running(DEFINITION, peers={peer.name: peer for peer in seen}, clock=clock))
        clients = {
            "registry": client_of(registry_app),
            "publisher": client_of(publisher_app),
            "bids": client_of(bids_app),
            "trust": client_of(trust_app),
        }
        yield Exchange(app, client_of(app), clock, *seen, clients)
