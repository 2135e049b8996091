"""A process that dies at any write of a bid loses no bid that was acknowledged, and counts each once."""

import contextlib

import pytest

from aex.bid_gateway.app import DEFINITION
from tests.app.bid_gateway.conftest import Exchange, post_bid
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import client_of, run_duties, running


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("retried", [False, True])
async def test_a_crash_at_any_write_of_a_bid_is_recovered(exchange: Exchange, after: bool, retried: bool) -> None:
    _, key = await exchange.provider()
    peers = {exchange.registry.name: exchange.registry, exchange.publisher.name: exchange.publisher}
    crashes = 0
    for n in range(1, 10):
        work_id = await exchange.work()
        inner = await open_memory_store(DEFINITION.name)
        store = CrashingStore(inner, crash_at=n, after=after)
        async with running(DEFINITION, peers=peers, clock=exchange.clock, store=store) as app:
            with contextlib.suppress(Exception):  # what a client of a dying process sees
                await post_bid(client_of(app), key, work_id, {"X-Idempotency-Key": f"k{n}"})
        async with running(DEFINITION, peers=peers, clock=exchange.clock, store=inner) as app:
            if retried:
                answer = await post_bid(client_of(app), key, work_id, {"X-Idempotency-Key": f"k{n}"})
                assert answer.status_code == 200
            exchange.clock.advance(20)
            await run_duties(app)
            listed = (await client_of(app).get("/internal/v1/bids", params={"work_id": work_id})).json()
            assert listed["total_bids"] == await exchange.bids_received(work_id), "counted exactly once, or not there"
            assert listed["total_bids"] == 1 or (not retried and n == 1 and not after)
            assert await run_duties(app) == {"outbox": 0}
        crashes += store.crashed
        if not store.crashed:
            break
    assert crashes == 2, "the bid, and the end of its outbox"


async def test_a_crash_in_the_sweep_leaves_the_rest_to_the_next_one(exchange: Exchange) -> None:
    from aex.core.errors import unavailable

    _, key = await exchange.provider()
    work_id = await exchange.work(bid_window_ms=300000)
    peers = {exchange.registry.name: exchange.registry, exchange.publisher.name: exchange.publisher}
    inner = await open_memory_store(DEFINITION.name)
    async with running(DEFINITION, peers=peers, clock=exchange.clock, store=CrashingStore(inner, -1)) as app:
        await post_bid(client_of(app), key, work_id)
        exchange.publisher.fail = unavailable("away")
        for _ in range(4):
            assert (await post_bid(client_of(app), key, work_id)).status_code == 200
        exchange.publisher.fail = None
    for crash_at in (1, 2, 3):
        exchange.clock.advance(60)
        async with running(DEFINITION, peers=peers, clock=exchange.clock, store=CrashingStore(inner, crash_at)) as app:
            await run_duties(app)
    exchange.clock.advance(60)
    async with running(DEFINITION, peers=peers, clock=exchange.clock, store=inner) as app:
        await run_duties(app)
        assert await run_duties(app) == {"outbox": 0}
    assert await exchange.bids_received(work_id) == 5
