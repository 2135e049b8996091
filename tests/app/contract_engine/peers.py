"""Small faithful peers of the contract engine: each keeps the rules that the engine relies on, and fails as told."""

import asyncio
import json as jsonlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aex.core.errors import unavailable
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.store.port import JsonValue

Body = dict[str, JsonValue]
Answer = tuple[int, object]


def refused(status: int, code: str) -> Answer:
    """An error in the one JSON shape."""
    return status, {"error": {"code": code, "message": code, "request_id": "r"}}


@dataclass
class FakePeer:
    """A peer whose answers come from `handle`."""

    name: str
    handle: Callable[[str, str, Body], Answer]
    calls: list[tuple[str, str, Body]] = field(default_factory=list[tuple[str, str, Body]])
    down: bool = False
    """Nobody answers."""
    lost: int = 0
    """So many of the next answers to a POST are lost after the call had its effect."""
    slow: float = 0.0
    """Seconds that it takes."""
    says: Answer | None = None
    """What it answers instead, without doing anything."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue = None,
        params: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> Reply:
        body: Body = jsonlib.loads(jsonlib.dumps(json)) if isinstance(json, dict) else {**(params or {})}
        self.calls.append((method, path, body))
        await asyncio.sleep(0)
        if self.slow:
            try:
                async with asyncio.timeout(deadline):
                    await asyncio.sleep(self.slow)
            except TimeoutError:
                raise unavailable(f"{self.name} did not answer in time", code="peer_unavailable") from None
        if self.down:
            raise unavailable(f"{self.name} cannot be reached", code="peer_unavailable")
        status, answer = self.says or self.handle(method, path, body)
        if self.lost and method == "POST":
            self.lost -= 1
            raise unavailable(f"{self.name} did not answer in time", code="peer_unavailable")
        return Reply(status, jsonlib.dumps(answer).encode())

    def asked(self, method: str, ending: str) -> int:
        """How many calls of this method had a path with this ending."""
        return sum(1 for verb, path, _ in self.calls if verb == method and path.endswith(ending))


@dataclass
class Market:
    """Works, bids, rankings, settlements and outcomes, as the five callees would keep them."""

    works: dict[str, Body] = field(default_factory=dict[str, Body])
    bids: dict[str, Body] = field(default_factory=dict[str, Body])
    evaluations: dict[str, Body] = field(default_factory=dict[str, Body])
    to_award: list[str] = field(default_factory=list[str])
    settled: dict[str, list[Body]] = field(default_factory=dict[str, list[Body]])
    """By contract: every settlement that was accepted; more than one is a double payment."""
    outcomes: dict[str, Body] = field(default_factory=dict[str, Body])

    def __post_init__(self) -> None:
        self.work_publisher = FakePeer("aex-work-publisher", self._work)
        self.bid_gateway = FakePeer("aex-bid-gateway", self._bid)
        self.evaluator = FakePeer("aex-bid-evaluator", self._evaluate)
        self.settlement = FakePeer("aex-settlement", self._settle)
        self.trust = FakePeer("aex-trust-broker", self._outcome)

    @property
    def peers(self) -> dict[str, FakePeer]:
        every = (self.work_publisher, self.bid_gateway, self.evaluator, self.settlement, self.trust)
        return {peer.name: peer for peer in every}

    def publish(self, work_id: str = "work_1", **fields: JsonValue) -> str:
        work: Body = {
            "work_id": work_id,
            "consumer_id": "tenant_c",
            "category": "translation",
            "status": "OPEN",
            "budget": {"max_price": 20, "bid_strategy": "balanced"},
            "auto_award": False,
        }
        self.works[work_id] = {**work, **fields}
        return work_id

    def bid(self, bid_id: str = "bid_1", work_id: str = "work_1", **fields: JsonValue) -> str:
        bid: Body = {
            "bid_id": bid_id,
            "work_id": work_id,
            "provider_id": "prov_p",
            "provider_tenant_id": "tenant_p",
            "price": 10,
            "sla": {"max_latency_ms": 2000, "availability": 0.99},
            "a2a_endpoint": "https://p.example/a2a",
            "expires_at": "2026-11-24T13:00:00Z",
        }
        self.bids[bid_id] = {**bid, **fields}
        return bid_id

    def rank(self, *bid_ids: str, work_id: str = "work_1", final: bool = True) -> None:
        ranked: list[JsonValue] = [{"rank": n, "bid_id": bid_id} for n, bid_id in enumerate(bid_ids, 1)]
        self.evaluations[work_id] = {"work_id": work_id, "final": final, "ranked_bids": ranked}

    def _work(self, method: str, path: str, body: Body) -> Answer:
        _, _, _, work_id, *rest = path.split("/")
        work = self.works.get(work_id)
        if work is None:
            return refused(404, "not_found")
        if method == "GET":
            return 200, work
        if rest == ["award"]:
            return self._claim(work, body)
        if work.get("contract_id") != body["contract_id"]:
            return refused(409, "other_contract")
        if work["status"] not in {"COMPLETED", "FAILED"}:
            work["status"] = body["status"]
        elif body["status"] not in (work["status"], "EXECUTING"):
            return refused(409, "invalid_state")
        return 200, work

    def _claim(self, work: Body, body: Body) -> Answer:
        if work.get("contract_id") not in (None, body["contract_id"]):
            return refused(409, "work_not_awardable")
        if work.get("contract_id") is None:
            if work["status"] not in {"OPEN", "EVALUATING"}:
                return refused(409, "work_not_awardable")
            work.update(contract_id=body["contract_id"], bid_id=body["bid_id"], status="AWARDED")
        return 200, work

    def _bid(self, method: str, path: str, body: Body) -> Answer:
        bid = self.bids.get(path.rsplit("/", 1)[-1])
        return (200, bid) if bid else refused(404, "not_found")

    def _evaluate(self, method: str, path: str, body: Body) -> Answer:
        if path.endswith("/auto-award"):
            return 200, {"work": [{"work_id": work_id} for work_id in self.to_award]}
        if path.endswith("/awarded"):
            work_id = path.split("/")[-2]
            self.to_award = [other for other in self.to_award if other != work_id]
            return 200, {}
        if method == "GET":
            found = self.evaluations.get(path.rsplit("/", 1)[-1])
            return (200, found) if found else refused(404, "not_found")
        good = [bid for bid in self.bids.values() if bid["work_id"] == body["work_id"]]
        good.sort(key=lambda bid: float(str(bid["price"])))
        return 200, {"ranked_bids": [{"bid_id": bid["bid_id"]} for bid in good], "final": False}

    def _settle(self, method: str, path: str, body: Body) -> Answer:
        contract = str(body["contract_id"])
        if contract in self.settled:
            return refused(409, "already_settled")
        self.settled.setdefault(contract, []).append(body)
        return 200, {"status": "settled"}

    def _outcome(self, method: str, path: str, body: Body) -> Answer:
        known = self.outcomes.setdefault(str(body["contract_id"]), body)
        return (200, {"recorded": True}) if known["outcome"] == body["outcome"] else refused(409, "other_outcome")
