"""The engine dies at every single write, with every answer of a peer possibly lost: the duties put everything right."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aex.core.ids import derived_id
from aex.store.port import Store
from tests.app.contract_engine.engines import Engine, engine
from tests.app.contract_engine.peers import Market
from tests.app.settlement.test_concurrency import Unclosed
from tests.app.store.crashing import Crashed, CrashingStore, open_memory_store
from tests.app.support import TestClock

Act = Callable[[Engine, dict[str, str]], Awaitable[object]]


async def award(e: Engine, contract: dict[str, str]) -> httpx.Response:
    return await e.award()


async def auto(e: Engine, contract: dict[str, str]) -> object:
    return await e.duties()


async def complete(e: Engine, contract: dict[str, str]) -> httpx.Response:
    return await e.report(contract, "complete", success=True)


async def progress(e: Engine, contract: dict[str, str]) -> httpx.Response:
    return await e.report(contract, "progress", status="in_progress")


async def fail(e: Engine, contract: dict[str, str]) -> httpx.Response:
    return await e.report(contract, "fail", reason="x")


async def expire(e: Engine, contract: dict[str, str]) -> object:
    e.clock.advance(3600)
    return await e.duties()


BEFORE_AWARD = {"award": award, "auto": auto}
AFTER_AWARD = {"progress": progress, "complete": complete, "fail": fail, "expire": expire}
ENDED = {"complete": "COMPLETED", "fail": "FAILED", "expire": "EXPIRED"}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize("what", [*BEFORE_AWARD, *AFTER_AWARD])
async def test_a_crash_at_any_write_is_made_good(what: str, lossy: bool, after: bool) -> None:
    for crash_at in range(1, 30):
        inner, market, clock = await open_memory_store("aex-contract-engine"), Market(), TestClock()
        contract: dict[str, str] = {}
        async with engine(market, _unclosed(inner), clock) as e:
            market.publish(auto_award=what == "auto")
            market.bid()
            if what == "auto":
                market.rank("bid_1")
                market.to_award = ["work_1"]
            if what in AFTER_AWARD:
                contract = (await e.award()).json()
        crashing = CrashingStore(inner, crash_at, after=after)
        if lossy:
            for peer in (market.settlement, market.trust, market.work_publisher):
                peer.lost = 1
        async with engine(market, crashing, clock) as e:
            with contextlib.suppress(Crashed):
                await {**BEFORE_AWARD, **AFTER_AWARD}[what](e, contract)
        for peer in market.peers.values():
            peer.lost = 0
        async with engine(market, _unclosed(inner), clock) as e:
            await _recovered(e, what, contract)
        if not crashing.crashed:
            assert crash_at > 1
            return
    pytest.fail("it never ended")


async def _recovered(e: Engine, what: str, contract: dict[str, str]) -> None:
    """Time passes, the client repeats its request, and then all is as if nothing had happened."""
    await e.recover(10)
    if what in BEFORE_AWARD:
        await BEFORE_AWARD[what](e, {})
        await e.recover(10)
        contract_id = derived_id("contract_", "work_1")
        assert (await e.read({"contract_id": contract_id}))["status"] == "AWARDED"
        assert e.market.works["work_1"]["contract_id"] == contract_id
        assert e.market.to_award == []
    else:
        contract_id = contract["contract_id"]
        await AFTER_AWARD[what](e, contract)
        await e.recover(10)
        if what == "progress":
            seen = await e.read(contract)
            assert seen["status"] == "EXECUTING" and seen["execution_updates_total"] in {1, 2}
            assert e.market.works["work_1"]["status"] == "EXECUTING"
        else:
            assert (await e.read(contract))["status"] == ENDED[what]
            assert len(e.market.settled.get(contract_id, [])) == (0 if what == "expire" else 1)
            billed = [body["success"] for body in e.market.settled.get(contract_id, [])]
            assert billed == {"complete": [True], "fail": [False], "expire": []}[what]
            assert len(e.market.outcomes) == 1
            assert e.market.works["work_1"]["status"] == ("COMPLETED" if what == "complete" else "FAILED")
    assert "outbox" not in await e.stored(contract_id)
    page = await e.store.query("contracts", {"consumer_id": "tenant_c"}, order="-awarded_at", limit=10)
    assert [stored.id for stored in page.items] == [contract_id]


def _unclosed(inner: Store) -> Store:
    """The data outlives the process."""
    return Unclosed(inner)  # pyright: ignore[reportReturnType]


REPORTS: dict[str, Act] = {"progress": progress, "complete": complete, "fail": fail}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["award", "auto", "progress", "complete", "fail", "duties", "later", "much later", "trouble"]),
        st.integers(0, 2),
        st.integers(0, 7),
    ),
    max_size=20,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
@given(STEPS)
def test_any_sequence_of_events_and_troubles_ends_with_everything_told_once(steps: list[tuple[str, int, int]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int, int]]) -> None:
    inner, market, clock = await open_memory_store("aex-contract-engine"), Market(), TestClock()
    for number in range(3):
        market.publish(f"work_{number}")
        market.bid(f"bid_{number}", f"work_{number}", expires_at="2027-01-01T00:00:00Z", price=number + 1)
    contracts: dict[int, dict[str, str]] = {}
    crash = 0
    for what, which, trouble in steps:
        store = CrashingStore(inner, crash) if crash else _unclosed(inner)
        crash = 0
        async with engine(market, store, clock) as e:
            with contextlib.suppress(Crashed):
                match what:
                    case "award" | "auto":
                        work = f"work_{which}"
                        answer = await (e.award(work, f"bid_{which}") if what == "award" else e.auto_award(work))
                        if answer.status_code == 200:
                            assert which not in contracts, "awarded twice"
                            contracts[which] = answer.json()
                    case "progress" | "complete" | "fail":
                        if which in contracts:
                            await REPORTS[what](e, contracts[which])
                    case "duties":
                        await e.duties()
                    case "later":
                        clock.advance(30)
                    case "much later":
                        clock.advance(1800)
                    case _:
                        crash = 1 + trouble % 4
                        list(market.peers.values())[trouble % 5].lost = 1
    for peer in market.peers.values():
        peer.lost = 0
    async with engine(market, inner, clock) as e:
        await e.recover()  # a reservation that was left behind becomes an award now
        clock.advance(3600)
        await e.recover()
        page = await e.store.query("contracts", {"consumer_id": "tenant_c"}, order="-awarded_at", limit=10)
        assert {stored.id for stored in page.items} >= {contract["contract_id"] for contract in contracts.values()}
        for stored in page.items:
            assert "outbox" not in stored.doc
            status = stored.doc["status"]
            assert status in {"COMPLETED", "FAILED", "EXPIRED"}
            settled = market.settled.get(stored.id, [])
            billed = {"COMPLETED": [True], "FAILED": [False], "EXPIRED": []}[status]
            assert [body["success"] for body in settled] == billed
            wanted = {"COMPLETED": "SUCCESS", "FAILED": "FAILURE_PROVIDER", "EXPIRED": "EXPIRED"}[status]
            assert market.outcomes[stored.id]["outcome"] == wanted
            work = market.works[str(stored.doc["work_id"])]
            assert work["contract_id"] == stored.id
            assert work["status"] == ("COMPLETED" if status == "COMPLETED" else "FAILED")
        awarded = [work for work in market.works.values() if work.get("contract_id")]
        assert len(awarded) == len(page.items)
