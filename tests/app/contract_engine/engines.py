"""What the tests of the contract engine share: a running engine over a small market."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from aex.contract_engine.app import DEFINITION
from aex.core.peers import Peer
from aex.store.port import Document, Store
from tests.app.contract_engine.peers import Market
from tests.app.support import TestClock, client_of, run_duties, running, runtime_of


@dataclass
class Engine:
    """A contract engine, its market and a direct client of it."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: TestClock
    market: Market

    @property
    def store(self) -> Store:
        return runtime_of(self.app).store

    def as_tenant(self, tenant: str, **headers: str) -> httpx.AsyncClient:
        return client_of(self.app, x_tenant_id=tenant, x_aex_forwarded="1", **headers)

    async def award(self, work_id: str = "work_1", bid_id: str = "bid_1", key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"X-Idempotency-Key": key}
        return await self.client.post(f"/v1/work/{work_id}/award", json={"bid_id": bid_id}, headers=headers)

    async def auto_award(self, work_id: str = "work_1") -> httpx.Response:
        return await self.client.post(f"/v1/work/{work_id}/award", json={"auto_award": True})

    async def awarded(self, work_id: str = "work_1") -> dict[str, str]:
        """A contract on a fresh work with one bid."""
        self.market.publish(work_id)
        self.market.bid(f"bid_of_{work_id}", work_id)
        answer = await self.award(work_id, f"bid_of_{work_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def report(
        self, contract: dict[str, str], what: str, token: str | None = None, **body: object
    ) -> httpx.Response:
        """`progress`, `complete` or `fail`, with the execution token unless another is given."""
        shown = contract["execution_token"] if token is None else token
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        return await self.client.post(f"/v1/contracts/{contract['contract_id']}/{what}", json=body, headers=headers)

    async def read(self, contract: dict[str, str]) -> dict[str, object]:
        answer = await self.client.get(f"/v1/contracts/{contract['contract_id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def stored(self, contract_id: str) -> Document:
        found = await self.store.get("contracts", contract_id)
        assert found is not None
        return found.doc

    async def duties(self) -> dict[str, int | str]:
        return await run_duties(self.app)

    async def recover(self, seconds: float = 120) -> None:
        """Time passes, and the duties run as often as they would."""
        for _ in range(4):
            self.clock.advance(seconds)
            await self.duties()


@asynccontextmanager
async def engine(
    market: Market | None = None, store: Store | None = None, clock: TestClock | None = None, **settings: object
) -> AsyncGenerator[Engine, None]:
    """A running contract engine."""
    market, clock = market or Market(), clock or TestClock()
    peers: dict[str, Peer] = dict(market.peers)
    async with (
        running(DEFINITION, peers=peers, store=store, clock=clock, **settings) as app,
        client_of(app) as client,
    ):
        yield Engine(app, client, clock, market)
