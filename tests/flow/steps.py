"""The steps of a trade on the services' own ports, for tests that look at one step at a time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from tests.flow.exchange import Exchange


@dataclass(slots=True)
class Awarded:
    """A trade that has come as far as its award."""

    work_id: str
    contract_id: str
    token: str
    provider_id: str
    consumer_id: str
    price: float


class Direct:
    """Calls of a test that speaks to the services directly, as upstream's suite does (service auth off)."""

    def __init__(self, running: Exchange) -> None:
        self._clients = {name: running.client(name) for name in running.ports}

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def call(self, service: str, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One call, whatever is answered."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._clients[f"aex-{service}"].request(method, path, json=body, headers=named)

    async def must(
        self, service: str, method: str, path: str, body: object = None, **headers: str
    ) -> dict[str, object]:
        """One call that has to succeed."""
        answer = await self.call(service, method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def until(self, service: str, path: str, holds: Callable[[dict[str, object]], bool]) -> dict[str, object]:
        """What `path` answers once `holds` is true of it; fails the test after 20 seconds."""
        deadline = time.monotonic() + 20
        while True:
            answer = await self.call(service, "GET", path)
            if answer.is_success and holds(answer.json()):
                return answer.json()
            assert time.monotonic() < deadline, f"{path} still answers {answer.status_code} {answer.text}"
            await asyncio.sleep(0.1)

    async def provider(self, name: str) -> tuple[str, str]:
        """A registered provider: (id, key)."""
        body = {"name": name, "endpoint": "https://agents.example.com/a2a", "capabilities": ["general"]}
        made = await self.must("provider-registry", "POST", "/v1/providers", body)
        return str(made["provider_id"]), str(made["api_key"])

    async def work(self, consumer: str, **more: object) -> str:
        """Published work."""
        body = {
            "category": "general",
            "description": "d",
            "budget": {"max_price": 100},
            "bid_window_ms": 60_000,
            **more,
        }
        made = await self.must("work-publisher", "POST", "/v1/work", body, X_Consumer_ID=consumer)
        return str(made["work_id"])

    async def bid(self, work_id: str, key: str, price: float) -> str:
        """A bid on work."""
        body = {
            "work_id": work_id,
            "price": price,
            "confidence": 0.8,
            "a2a_endpoint": "https://agents.example.com/a2a",
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        made = await self.must("bid-gateway", "POST", "/v1/bids", body, Authorization=f"Bearer {key}")
        return str(made["bid_id"])

    async def awarded(self, mark: str, price: float = 10.0) -> Awarded:
        """A whole trade up to its award, between parties named by `mark`."""
        provider_id, key = await self.provider(f"provider {mark}")
        consumer = f"tenant_{mark}"
        work_id = await self.work(consumer)
        bid_id = await self.bid(work_id, key, price)
        made = await self.must("contract-engine", "POST", f"/v1/work/{work_id}/award", {"bid_id": bid_id})
        return Awarded(work_id, str(made["contract_id"]), str(made["execution_token"]), provider_id, consumer, price)

    async def report(self, trade: Awarded, what: str, body: object) -> httpx.Response:
        """A report of the provider: progress, complete or fail."""
        path = f"/v1/contracts/{trade.contract_id}/{what}"
        return await self.call("contract-engine", "POST", path, body, Authorization=f"Bearer {trade.token}")

    async def balance(self, tenant: str) -> str:
        """A balance as settlement tells it."""
        return str((await self.must("settlement", "GET", f"/v1/balance?tenant_id={tenant}"))["balance"])
