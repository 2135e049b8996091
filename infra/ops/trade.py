"""One whole trade through the gateway, as two tenants would do it; every fact is what a service answered.

The script of the demo, and of the smoke test: register, subscribe, publish, bid, evaluate, award, work, settle.
"""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, cast

from infra.ops.client import Client, ExchangeError, Json

WAIT_SECONDS = 10.0
"""How long effects that travel by outbox may take before the trade counts as failed; normally they are immediate."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider of the trade and what it bids."""

    name: str
    price: float
    confidence: float
    latency_ms: int


OFFERS = (
    Offer("Lexora", 42.5, 0.92, 1800),
    Offer("ClauseWorks", 35.0, 0.78, 2600),
    Offer("Paragraph Seven", 61.0, 0.97, 900),
)
CATEGORY = "legal.contract-review"
DEPOSIT = "250.00"
MAX_PRICE = 60.0
STEPS: Final = {
    "consumer": "a consumer joins",
    "seller": "a seller joins",
    "deposit": "the consumer deposits",
    "provider": "a provider subscribes",
    "before": "balances and trust are read",
    "work": "work is published",
    "bid": "a provider bids",
    "evaluation": "the bids are ranked",
    "award": "the contract is awarded",
    "progress": "progress is reported",
    "completed": "the contract is completed",
    "after": "balances and trust are read again",
}
"""Every step that a trade yields, in words."""


@dataclass(slots=True)
class Party:
    """One tenant of the trade."""

    tenant_id: str
    client: Client


@dataclass(slots=True)
class Trade:
    """The state of a trade as it proceeds; the steps fill it in order."""

    operator: Client
    mark: str
    """What tells the names of this run from those of another."""
    consumer: Party = field(init=False)
    seller: Party = field(init=False)
    providers: dict[str, Json] = field(default_factory=dict[str, Json])
    work: Json = field(default_factory=dict[str, object])
    bids: dict[str, Json] = field(default_factory=dict[str, Json])
    evaluation: Json = field(default_factory=dict[str, object])
    award: Json = field(default_factory=dict[str, object])
    contract: Json = field(default_factory=dict[str, object])

    def steps(self) -> "Generator[tuple[str, Json]]":
        """The trade, step by step: what was done, and what the exchange answered."""
        self.consumer = self._tenant("Northwind Research", "REQUESTOR")
        yield "consumer", {"tenant_id": self.consumer.tenant_id}
        self.seller = self._tenant("Agents & Partners", "PROVIDER")
        yield "seller", {"tenant_id": self.seller.tenant_id}
        yield "deposit", self._deposit()
        for offer in OFFERS:
            yield "provider", self._register(offer)
        yield "before", self.accounts()
        self.work = self._publish()
        yield "work", self.work
        for offer in OFFERS:
            yield "bid", self._bid(offer)
        self.evaluation = self.consumer.client.post(f"/v1/work/{self.work['work_id']}/evaluate")
        yield "evaluation", self.evaluation
        self.award = self._award()
        yield "award", self.award
        yield "progress", self._progress()
        yield "completed", self._complete()
        yield "after", self.accounts()

    def accounts(self) -> Json:
        """Balances, ledger rows and trust of everybody in the trade, as they are now."""
        consumer = self.consumer.client.get("/v1/balance", tenant_id=self.consumer.tenant_id)
        rows = self.consumer.client.get("/v1/usage/transactions", tenant_id=self.consumer.tenant_id)
        providers: list[Json] = []
        for name, provider in self.providers.items():
            provider_id = str(provider["provider_id"])
            balance = self.seller.client.get("/v1/balance", tenant_id=provider_id)
            trust = self.seller.client.get(f"/v1/providers/{provider_id}/trust")
            ledger = self.seller.client.get("/v1/usage/transactions", tenant_id=provider_id)
            providers.append({"name": name, **trust, "balance": balance["balance"], "ledger": ledger["transactions"]})
        return {"consumer": consumer["balance"], "ledger": rows["transactions"], "providers": providers}

    def close(self) -> None:
        """Closes the connections of both parties."""
        for party in ("consumer", "seller"):
            if hasattr(self, party):
                cast(Party, getattr(self, party)).client.close()

    def _tenant(self, name: str, kind: str) -> Party:
        tenant = self.operator.post("/v1/tenants", {"name": f"{name} {self.mark}", "type": kind})
        key = cast(Mapping[str, str], tenant["api_key"])["key"]
        return Party(str(tenant["id"]), self.operator.with_key(key))

    def _deposit(self) -> Json:
        return self.consumer.client.post("/v1/deposits", {"tenant_id": self.consumer.tenant_id, "amount": DEPOSIT})

    def _register(self, offer: Offer) -> Json:
        slug = offer.name.lower().replace(" ", "-")
        provider = self.seller.client.post(
            "/v1/providers",
            {
                "name": f"{offer.name} {self.mark}",
                "endpoint": f"https://{slug}.example.com/a2a",
                "description": f"{offer.name} reviews contracts",
                "capabilities": [CATEGORY],
            },
        )
        self.providers[offer.name] = provider
        subscription = self.seller.client.post(
            "/v1/subscriptions",
            {"provider_id": provider["provider_id"], "categories": ["legal.*"], "delivery": {"method": "polling"}},
        )
        return {**provider, "name": offer.name, "subscription_id": subscription["subscription_id"]}

    def _publish(self) -> Json:
        return self.consumer.client.post(
            "/v1/work",
            {
                "category": CATEGORY,
                "description": "Review a 12-page supply agreement: liability, termination, governing law.",
                "budget": {"max_price": MAX_PRICE, "bid_strategy": "balanced"},
                "constraints": {"max_latency_ms": 3000},
                "bid_window_ms": 60_000,
                "payload": {"document": "supply-agreement.pdf", "pages": 12},
            },
        )

    def _bid(self, offer: Offer) -> Json:
        provider = self.providers[offer.name]
        expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        bid = self.seller.client.with_bearer(str(provider["api_key"])).post(
            "/v1/bids",
            {
                "work_id": self.work["work_id"],
                "price": offer.price,
                "confidence": offer.confidence,
                "approach": "clause by clause, with citations",
                "estimated_latency_ms": offer.latency_ms,
                "sla": {"max_latency_ms": offer.latency_ms, "availability": 0.999},
                "a2a_endpoint": f"https://{offer.name.lower().replace(' ', '-')}.example.com/a2a",
                "expires_at": expires,
            },
        )
        self.bids[str(bid["bid_id"])] = {**bid, "name": offer.name, "price": offer.price}
        return self.bids[str(bid["bid_id"])]

    def _award(self) -> Json:
        ranked = cast(list[Json], self.evaluation["ranked_bids"])
        if not ranked:
            raise ExchangeError("the evaluator ranked no bid, so nothing can be awarded")
        return self.consumer.client.post(f"/v1/work/{self.work['work_id']}/award", {"bid_id": ranked[0]["bid_id"]})

    def _provider_client(self) -> Client:
        return self.seller.client.with_bearer(str(self.award["execution_token"]))

    def _progress(self) -> Json:
        path = f"/v1/contracts/{self.award['contract_id']}"
        with self._provider_client() as provider:
            provider.post(f"{path}/progress", {"status": "in_progress", "percent": 40, "message": "clauses extracted"})
            return provider.post(f"{path}/progress", {"status": "in_progress", "percent": 90, "message": "risks rated"})

    def _complete(self) -> Json:
        path = f"/v1/contracts/{self.award['contract_id']}"
        result = {
            "success": True,
            "result_summary": "3 clauses to renegotiate, none blocking",
            "metrics": {"clauses": 31},
        }
        before = self._counted()
        with self._provider_client() as provider:
            provider.post(f"{path}/complete", result)
        self.contract = self.consumer.client.get(path)
        # A JSON number: its shortest text is the price, its binary value is only near it.
        price = Decimal(str(self.award["agreed_price"]))
        _until("the settlement of the contract", lambda: self._spent() >= price)
        # Settlement and trust hear of the contract independently of each other, in either order.
        _until("the outcome in the winner's trust", lambda: self._counted() > before)
        return self.contract

    def _spent(self) -> Decimal:
        balance = self.consumer.client.get("/v1/balance", tenant_id=self.consumer.tenant_id)
        return Decimal(DEPOSIT) - Decimal(str(balance["balance"]))

    def _counted(self) -> int:
        """How many contracts the winner's trust counts."""
        trust = self.seller.client.get(f"/v1/providers/{self.award['provider_id']}/trust")
        return cast(int, trust["total_contracts"])


def _until(what: str, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise ExchangeError(f"{what} did not happen within {WAIT_SECONDS:.0f} s: see the services' logs")
        time.sleep(0.1)


__all__ = ["DEPOSIT", "OFFERS", "Offer", "Party", "Trade"]
