"""What the tests of settlement share: a running service, the requests that it gets, its own check of the ledger."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from aex.settlement.app import DEFINITION
from aex.settlement.ledger import Ledger
from aex.store.port import Store
from tests.app.support import TestClock, client_of, run_duties, running, runtime_of


@dataclass
class Bench:
    """A settlement service and a direct client of it."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: TestClock

    @property
    def store(self) -> Store:
        return runtime_of(self.app).store

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.clock)

    def as_tenant(self, tenant: str, **headers: str) -> httpx.AsyncClient:
        return client_of(self.app, x_tenant_id=tenant, **headers)

    async def deposit(self, tenant: str, amount: str = "100.00", key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"X-Idempotency-Key": key}
        return await self.client.post("/v1/deposits", json={"tenant_id": tenant, "amount": amount}, headers=headers)

    async def settle(self, contract: str = "contract_1", /, **fields: object) -> httpx.Response:
        return await self.client.post("/internal/settlement/complete", json=execution(contract, **fields))

    async def balance(self, account: str) -> str:
        answer = await self.client.get("/v1/balance", params={"tenant_id": account})
        assert answer.status_code == 200, answer.text
        return answer.json()["balance"]

    async def rows(self, account: str, **params: str) -> list[dict[str, str]]:
        answer = await self.client.get("/v1/usage/transactions", params={"tenant_id": account, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()["transactions"]

    async def check(self) -> dict[str, object]:
        answer = await self.client.get("/internal/v1/ledger/check")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def balanced(self) -> Mapping[str, object]:
        """The check's report; fails the test unless the ledger balances."""
        report = await self.check()
        assert report["sum_micro"] == 0 and report["differences"] == [], report
        return report

    async def fold(self) -> dict[str, int | str]:
        return await run_duties(self.app)


def execution(contract: str = "contract_1", /, **fields: object) -> dict[str, object]:
    """The body of a settlement: 10 from `tenant_c` to `prov_p`, successful, unless `fields` say otherwise."""
    body: dict[str, object] = {
        "contract_id": contract,
        "work_id": "work_1",
        "agent_id": "agent_1",
        "consumer_id": "tenant_c",
        "provider_id": "prov_p",
        "provider_tenant_id": "tenant_p",
        "domain": "translation",
        "started_at": "2026-11-24T11:00:00+01:00",
        "completed_at": "2026-11-24T10:00:30.5Z",
        "success": True,
        "agreed_price": "10",
    }
    return {name: value for name, value in {**body, **fields}.items() if value is not ...}


@asynccontextmanager
async def bench(store: Store | None = None, clock: TestClock | None = None) -> AsyncGenerator[Bench, None]:
    """A running service on `store`, or on an empty one."""
    clock = clock or TestClock()
    async with running(DEFINITION, store=store, clock=clock) as app, client_of(app) as client:
        yield Bench(app, client, clock)
