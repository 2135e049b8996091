"""A process that dies at any write of an evaluation leaves work that is evaluated by the next one."""

import contextlib

import pytest

from aex.bid_evaluator.app import DEFINITION
from tests.app.bid_evaluator.conftest import Exchange
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import client_of, run_duties, running


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("explicit", [False, True])
async def test_a_crash_at_any_write_of_an_evaluation_is_recovered(
    exchange: Exchange, after: bool, explicit: bool
) -> None:
    _, key = await exchange.provider("one")
    crashes = 0
    for n in range(1, 10):
        work_id = await exchange.work(bid_window_ms=5000, auto_award=True)
        bid_id = await exchange.bid(key, work_id)
        exchange.clock.advance(5)
        inner = await open_memory_store(DEFINITION.name)
        store = CrashingStore(inner, crash_at=n, after=after)
        async with running(DEFINITION, peers=exchange.peers, clock=exchange.clock, store=store) as app:
            with contextlib.suppress(Exception):  # what a client of a dying process sees
                if explicit:
                    await client_of(app).post("/internal/v1/evaluate", json={"work_id": work_id})
                await run_duties(app)
                await client_of(app).post(f"/internal/v1/evaluations/{work_id}/awarded")
        async with running(DEFINITION, peers=exchange.peers, clock=exchange.clock, store=inner) as app:
            client = client_of(app)
            await run_duties(app)
            kept = (await client.get(f"/internal/v1/evaluations/{work_id}")).json()
            assert [entry["bid_id"] for entry in kept["ranked_bids"]] == [bid_id] and kept["final"]
            assert await exchange.waiting() == []
            pending = (await client.get("/internal/v1/evaluations/auto-award")).json()["work"]
            assert len(pending) == kept["award_pending"], "offered for award until somebody has said it is done"
            assert (await client.post(f"/internal/v1/evaluations/{work_id}/awarded")).status_code == 200
            assert (await client.get("/internal/v1/evaluations/auto-award")).json()["work"] == []
        crashes += store.crashed
        if not store.crashed:
            break
    assert crashes == 2, "the evaluation, and the end of its award"
