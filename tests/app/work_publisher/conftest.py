"""A running aex-work-publisher with a registry and a clock of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from aex.work_publisher.app import DEFINITION
from tests.app.support import TestClock, client_of, running
from tests.app.work_publisher.registry import Registry

WORK = {"category": "text", "description": "Summarise", "budget": {"max_price": 10}}


@dataclass
class Publisher:
    """The service and what surrounds it."""

    app: FastAPI
    client: httpx.AsyncClient
    registry: Registry
    clock: TestClock

    def client_as(self, **headers: str) -> httpx.AsyncClient:
        return client_of(self.app, **headers)

    async def publish(self, client: httpx.AsyncClient | None = None, **fields: object) -> str:
        answer = await (client or self.client).post("/v1/work", json={**WORK, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["work_id"]

    async def work(self, work_id: str) -> dict[str, object]:
        answer = await self.client.get(f"/internal/work/{work_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, work_id: str, action: str, body: object = None) -> httpx.Response:
        return await self.client.post(f"/internal/work/{work_id}/{action}", json=body)

    async def award(self, work_id: str, contract: str = "contract_1") -> httpx.Response:
        return await self.act(work_id, "award", {"contract_id": contract, "provider_id": "prov_1", "bid_id": "bid_1"})

    async def closed(self) -> list[str]:
        answer = await self.client.get("/internal/v1/work/closed")
        return [work["work_id"] for work in answer.json()["work"]]


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    registry, clock = Registry(), TestClock()
    async with running(DEFINITION, peers={registry.name: registry}, clock=clock) as app:
        yield Publisher(app, client_of(app), registry, clock)
