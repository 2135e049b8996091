"""A running aex-trust-broker with a clock of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from aex.trust_broker.app import DEFINITION
from tests.app.support import TestClock, client_of, running


@dataclass
class Trust:
    """The service and its clock."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: TestClock

    async def report(self, contract: str, outcome: str = "SUCCESS", **fields: object) -> httpx.Response:
        body = {"provider_id": "prov_1", "contract_id": contract, "outcome": outcome, **fields}
        return await self.client.post("/internal/v1/outcomes", json=body)

    async def of(self, provider: str = "prov_1") -> dict[str, object]:
        answer = await self.client.get(f"/v1/providers/{provider}/trust")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def trust() -> AsyncIterator[Trust]:
    clock = TestClock()
    async with running(DEFINITION, clock=clock) as app:
        yield Trust(app, client_of(app), clock)
