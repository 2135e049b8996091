"""A process that dies at any write leaves nothing half done that the next one does not finish."""

import contextlib
from collections.abc import Awaitable, Callable

import httpx
import pytest

from aex.store.port import Store
from aex.work_publisher.app import DEFINITION
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import TestClock, client_of, run_duties, running, runtime_of
from tests.app.work_publisher.conftest import WORK
from tests.app.work_publisher.registry import Registry

Duties = Callable[[], Awaitable[object]]
Act = Callable[["World", httpx.AsyncClient, Duties], Awaitable[None]]


class World:
    """What lives longer than a process: data, time and the registry."""

    def __init__(self, inner: Store) -> None:
        self.inner, self.clock, self.registry = inner, TestClock(), Registry()
        self.registry.subscribe("text", "prov_1")
        self.finished = False

    async def process(self, store: Store, act: Act) -> None:
        peers = {self.registry.name: self.registry}
        async with (
            running(DEFINITION, peers=peers, store=store, clock=self.clock) as app,
            client_of(app, x_idempotency_key="k") as client,
        ):
            with contextlib.suppress(Exception):  # what a client of a dying process sees
                await act(self, client, lambda: run_duties(app))

    async def doc(self) -> dict[str, object]:
        page = await self.inner.query("work_specs", {"consumer_id": "default_consumer"}, order="-created_at", limit=9)
        assert len(page.items) == 1, "never two works for one key"
        return dict(page.items[0].doc)


async def trade(world: World, client: httpx.AsyncClient, duties: Duties) -> None:
    """Publish, two bids, the end of the window, evaluation, award, outcome: each step as its caller would repeat it."""
    published = await client.post("/v1/work", json={**WORK, "bid_window_ms": 5000})
    assert published.status_code == 201
    path = f"/internal/work/{published.json()['work_id']}"
    for bid in ("bid_1", "bid_2"):
        assert (await client.post(f"{path}/bids", json={"bid_id": bid})).status_code == 200
    world.clock.advance(20)
    await duties()
    for action, body in (
        ("evaluated", {"evaluation_id": "eval_1", "total_bids": 2}),
        ("award", {"contract_id": "contract_1", "provider_id": "prov_1", "bid_id": "bid_1"}),
        ("outcome", {"contract_id": "contract_1", "status": "EXECUTING"}),
        ("outcome", {"contract_id": "contract_1", "status": "COMPLETED"}),
    ):
        answer = await client.post(f"{path}/{action}", json=body)
        assert answer.status_code == 200, answer.text


async def again(world: World, client: httpx.AsyncClient, duties: Duties) -> None:
    """The next process: the callers repeat what they were not told, and the duties run."""
    await trade(world, client, duties)
    world.clock.advance(600)
    await duties()
    world.finished = True


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_at_any_write_of_a_works_life_is_recovered(after: bool) -> None:
    crashes = 0
    for n in range(1, 40):
        inner = await open_memory_store(DEFINITION.name)
        world = World(inner)
        store = CrashingStore(inner, crash_at=n, after=after)
        await world.process(store, trade)
        await world.process(CrashingStore(inner, crash_at=-1), again)
        assert world.finished, f"the next process could not go on after a crash at write {n}"
        doc = await world.doc()
        assert (doc["status"], doc["bids_received"], doc["contract_id"]) == ("COMPLETED", 2, "contract_1")
        assert doc["evaluation_pending"] is False and "outbox" not in doc
        await inner.close()
        crashes += store.crashed
        if not store.crashed:
            break
    else:
        pytest.fail("more writes than a work's life has")
    assert crashes >= 9, "publishing, broadcasting, two bids of two writes, closing and four steps"


async def test_a_crash_in_the_sweep_that_closes_windows_leaves_the_rest_to_the_next_one() -> None:
    inner = await open_memory_store(DEFINITION.name)
    world = World(inner)
    peers = {world.registry.name: world.registry}
    async with running(DEFINITION, peers=peers, store=CrashingStore(inner, -1), clock=world.clock) as app:
        for _ in range(4):
            await client_of(app).post("/v1/work", json={**WORK, "category": "other", "bid_window_ms": 5000})
    world.clock.advance(6)
    async with running(DEFINITION, peers=peers, store=CrashingStore(inner, 3), clock=world.clock) as app:
        assert str((await run_duties(app))["close-windows"]).startswith("failed")
    async with running(DEFINITION, peers=peers, store=inner, clock=world.clock) as app:
        await run_duties(app)
        page = await runtime_of(app).store.query(
            "work_specs", {"evaluation_pending": True}, order="bid_window_ends_at", limit=9
        )
        assert len(page.items) == 4
