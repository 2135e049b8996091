"""The engine between the real services, all ten in one process: the loop closes by itself and the ledger balances."""

import asyncio
import contextlib

import httpx
import pytest

from aex.store.port import Store
from tests.app.store.crashing import Crashed, CrashingStore
from tests.app.world import World, world


async def offered(w: World, *, auto_award: bool = False) -> tuple[str, list[str]]:
    """A work with two bids on it: (work id, bid ids, the cheaper first)."""
    body = {
        "category": "translation",
        "description": "ten pages",
        "budget": {"max_price": 20},
        "bid_window_ms": 5000,
        "auto_award": auto_award,
    }
    work = (await ok(w.client("work-publisher").post("/v1/work", json=body)))["work_id"]
    bids: list[str] = []
    for name, price in (("cheap", 10), ("dear", 19)):
        provider = await ok(
            w.client("provider-registry").post(
                "/v1/providers", json={"name": name, "endpoint": "https://p.example", "capabilities": ["translation"]}
            )
        )
        bid = {"work_id": work, "price": price, "a2a_endpoint": "https://p.example/a2a"}
        bid |= {"expires_at": "2027-01-01T00:00:00Z", "confidence": 0.9}
        headers = {"Authorization": f"Bearer {provider['api_key']}"}
        bids.append((await ok(w.client("bid-gateway").post("/v1/bids", json=bid, headers=headers)))["bid_id"])
    return work, bids


async def ok(request: object) -> dict[str, str]:
    answer = await request  # pyright: ignore[reportGeneralTypeIssues]
    assert isinstance(answer, httpx.Response) and answer.status_code < 300, answer.text
    return answer.json()


async def report(w: World, contract: dict[str, str], what: str, **body: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {contract['execution_token']}"}
    path = f"/v1/contracts/{contract['contract_id']}/{what}"
    return await w.client("contract-engine").post(path, json=body, headers=headers)


async def balances(w: World, provider: str) -> tuple[str, str]:
    """(consumer's, provider's); fails unless the ledger balances."""
    settlement = w.client("settlement")
    checked = await ok(settlement.get("/internal/v1/ledger/check"))
    assert checked["sum_micro"] == 0 and checked["differences"] == []
    both = [await ok(settlement.get(f"/v1/balance?tenant_id={who}")) for who in ("default_consumer", provider)]
    return both[0]["balance"], both[1]["balance"]


async def test_a_trade_from_award_to_ledger_and_trust() -> None:
    async with world() as w:
        work, bids = await offered(w)
        contract = await ok(w.client("contract-engine").post(f"/v1/work/{work}/award", json={"bid_id": bids[0]}))
        assert (await report(w, contract, "progress", status="in_progress")).status_code == 200
        assert (await ok(w.client("work-publisher").get(f"/v1/work/{work}")))["status"] == "EXECUTING"
        assert (await report(w, contract, "complete", success=True)).status_code == 200
        assert await balances(w, contract["provider_id"]) == ("-10", "8.5")
        assert (await ok(w.client("work-publisher").get(f"/v1/work/{work}")))["status"] == "COMPLETED"
        trust = await ok(w.client("trust-broker").get(f"/v1/providers/{contract['provider_id']}/trust"))
        assert trust["total_contracts"] == 1 and trust["successful_contracts"] == 1
        await w.duties()
        assert await balances(w, contract["provider_id"]) == ("-10", "8.5")


async def test_a_trade_that_fails_bills_nobody() -> None:
    async with world() as w:
        work, bids = await offered(w)
        contract = await ok(w.client("contract-engine").post(f"/v1/work/{work}/award", json={"bid_id": bids[0]}))
        assert (await report(w, contract, "fail", reason="x")).status_code == 200
        assert await balances(w, contract["provider_id"]) == ("0", "0")
        assert (await ok(w.client("work-publisher").get(f"/v1/work/{work}")))["status"] == "FAILED"


async def test_work_that_asks_for_it_is_ranked_and_awarded_by_time_alone() -> None:
    async with world() as w:
        work, bids = await offered(w, auto_award=True)
        await w.duties()
        assert (await ok(w.client("work-publisher").get(f"/v1/work/{work}")))["status"] == "OPEN"
        w.clock.advance(6)
        for _ in range(3):
            await w.duties()
        seen = await ok(w.client("work-publisher").get(f"/v1/work/{work}"))
        assert seen["status"] == "AWARDED"
        contract = await ok(w.client("contract-engine").get(f"/v1/contracts/{seen['contract_id']}"))
        assert contract["bid_id"] == bids[0]
        w.clock.advance(3600)
        await w.duties()
        assert (await ok(w.client("work-publisher").get(f"/v1/work/{work}")))["status"] == "FAILED"


async def test_an_award_on_demand_asks_for_a_ranking_while_bids_still_come_in() -> None:
    async with world() as w:
        work, bids = await offered(w)
        contract = await ok(w.client("contract-engine").post(f"/v1/work/{work}/award", json={"auto_award": True}))
        assert contract["bid_id"] == bids[0]
        again = [w.client("contract-engine").post(f"/v1/work/{work}/award", json={"bid_id": bid}) for bid in bids * 8]
        assert {answer.status_code for answer in await asyncio.gather(*again)} == {409}


@pytest.mark.parametrize("service", ["contract-engine", "settlement", "trust-broker", "work-publisher"])
async def test_a_completion_in_which_a_service_dies_at_any_write_is_made_good(service: str) -> None:
    for crash_at in range(1, 20):
        dying: list[Dying] = []

        def wrap(name: str, store: Store, dying: "list[Dying]" = dying) -> Store:
            if name.removeprefix("aex-") != service:
                return store
            dying.append(Dying(store))
            return dying[0]  # pyright: ignore[reportReturnType]

        async with world(wrap=wrap) as w:
            work, bids = await offered(w)
            contract = await ok(w.client("contract-engine").post(f"/v1/work/{work}/award", json={"bid_id": bids[0]}))
            crashing = dying[0].kill_at(crash_at)
            with contextlib.suppress(Crashed):
                await report(w, contract, "complete", success=True)
            dying[0].revive()
            for _ in range(3):
                w.clock.advance(90)
                await w.duties()
            await report(w, contract, "complete", success=True)
            for _ in range(3):
                w.clock.advance(90)
                await w.duties()
            assert await balances(w, contract["provider_id"]) == ("-10", "8.5")
            trust = await ok(w.client("trust-broker").get(f"/v1/providers/{contract['provider_id']}/trust"))
            assert trust["total_contracts"] == 1 and trust["successful_contracts"] == 1
            assert (await ok(w.client("work-publisher").get(f"/v1/work/{work}")))["status"] == "COMPLETED"
        if not crashing.crashed:
            assert crash_at > 1
            return
    pytest.fail("it never ended")


class Dying:
    """A store that can be made to die and to come back with its data."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._now: Store = inner

    def kill_at(self, write: int) -> CrashingStore:
        crashing = CrashingStore(self._inner, write)
        self._now = crashing
        return crashing

    def revive(self) -> None:
        self._now = self._inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._now, name)
