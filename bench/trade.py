"""The whole trade of one consumer with three providers, on the services' own ports, as the peer was measured."""

import itertools
import secrets

from bench.client import Connection, request
from bench.services import Running, bid_body, provider_body, work_body

REQUESTS = {False: 17, True: 15}
"""Requests of a trade: the peer's client must settle and report the outcome itself, our loop closes by itself."""
_SERVICES = (
    "settlement",
    "provider-registry",
    "work-publisher",
    "bid-gateway",
    "bid-evaluator",
    "contract-engine",
    "trust-broker",
)
_marks = itertools.count()
_RUN = secrets.token_hex(4)


class Trader:
    """Trades one after the other, on connections of its own."""

    def __init__(self, at: Running, *, closes_itself: bool) -> None:
        self._at = at
        self._closes_itself = closes_itself
        self._to: dict[str, Connection] = {}

    async def open(self) -> None:
        """Connects to the services."""
        for name in _SERVICES:
            self._to[name] = await Connection.open(self._at.url(name))

    def close(self) -> None:
        """Closes the connections."""
        for connection in self._to.values():
            connection.close()

    async def run(self) -> None:
        """One trade: deposit, 3 x (register, subscribe), publish, 3 bids, evaluate, award, progress, complete; and,
        where the exchange does not do it by itself, settle and outcome.
        """
        mark = f"{_RUN}{next(_marks)}"
        consumer = f"tenant_{mark}"
        await self._call("settlement", "/v1/deposits", {"tenant_id": consumer, "amount": "100.00"})
        providers = [await self._provider(f"{mark} {number}", consumer) for number in range(3)]
        work = await self._call(
            "work-publisher", "/v1/work", {**work_body(), "category": f"general{mark}"}, {"X-Consumer-ID": consumer}
        )
        work_id = str(work["work_id"])
        bids = [
            await self._call("bid-gateway", "/v1/bids", bid_body(work_id, 10.0 + number), _bearer(key))
            for number, (_, key) in enumerate(providers)
        ]
        question = {"work_id": work_id, "budget": {"max_price": 100.0, "bid_strategy": "balanced"}}
        await self._call("bid-evaluator", "/internal/v1/evaluate", question)
        contract = await self._call("contract-engine", f"/v1/work/{work_id}/award", {"bid_id": bids[0]["bid_id"]})
        token, contract_id = _bearer(str(contract["execution_token"])), str(contract["contract_id"])
        where = f"/v1/contracts/{contract_id}"
        await self._call("contract-engine", f"{where}/progress", {"status": "in_progress", "percent": 50}, token)
        done = {"success": True, "result_summary": "done", "metrics": {"accuracy": 0.97}}
        await self._call("contract-engine", f"{where}/complete", done, token)
        if not self._closes_itself:
            await self._by_hand(work_id, contract_id, providers[0][0], consumer)

    async def _provider(self, name: str, consumer: str) -> tuple[str, str]:
        made = await self._call("provider-registry", "/v1/providers", provider_body(name))
        provider_id = str(made["provider_id"])
        subscription = {
            "provider_id": provider_id,
            "categories": [f"general{name.split()[0]}"],
            "delivery": {"method": "polling"},
        }
        await self._call("provider-registry", "/v1/subscriptions", subscription)
        return provider_id, str(made["api_key"])

    async def _by_hand(self, work_id: str, contract_id: str, provider_id: str, consumer: str) -> None:
        settlement = {
            "contract_id": contract_id,
            "work_id": work_id,
            "agent_id": provider_id,
            "consumer_id": consumer,
            "provider_id": provider_id,
            "domain": "general",
            "success": True,
            "agreed_price": "10",
        }
        # Done by itself already: settlement says so with a 409, which is an answer like any other.
        status, body = await self._to["settlement"].send(
            request("POST", self._at.url("settlement", "/internal/settlement/complete"), settlement)
        )
        assert status in {200, 409}, body
        outcome = {"provider_id": provider_id, "contract_id": contract_id, "outcome": "SUCCESS"}
        await self._call("trust-broker", "/internal/v1/outcomes", outcome)

    async def _call(
        self, service: str, path: str, body: object, headers: dict[str, str] | None = None
    ) -> dict[str, object]:
        return await self._to[service].must(request("POST", self._at.url(service, path), body, headers))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


__all__ = ["REQUESTS", "Trader"]
