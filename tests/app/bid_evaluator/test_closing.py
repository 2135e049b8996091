"""Work whose window is over is ranked by itself, once and for all, and offered for award where its consumer asks."""

from pathlib import Path

import pytest

from aex.bid_evaluator.app import DEFINITION
from aex.bid_evaluator.service import DEGRADED_WAIT_SECONDS
from aex.core.errors import unavailable
from tests.app.bid_evaluator.conftest import Exchange
from tests.app.support import client_of, run_duties, running


def order(evaluation: dict[str, object]) -> list[str]:
    ranked = evaluation["ranked_bids"]
    assert isinstance(ranked, list)
    return [entry["bid_id"] for entry in ranked]


async def test_defect_closed_work_is_ranked_by_itself_and_leaves_the_list(exchange: Exchange) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work(bid_window_ms=5000)
    bid_id = await exchange.bid(key, work_id)
    assert await run_duties(exchange.app) == {"evaluate": 0}
    exchange.clock.advance(5)
    assert await run_duties(exchange.app) == {"evaluate": 1}
    kept = (await exchange.latest(work_id)).json()
    assert kept["final"] is True and order(kept) == [bid_id] and kept["award_pending"] is False
    work = (await exchange.clients["publisher"].get(f"/internal/work/{work_id}")).json()
    assert (work["evaluation_id"], work["evaluation_pending"]) == (kept["evaluation_id"], False)
    assert await run_duties(exchange.app) == {"evaluate": 0}
    assert await exchange.to_award() == [], "only work that asks for it is awarded by itself"


async def test_work_that_asks_for_it_is_offered_for_award_until_it_is_done(exchange: Exchange) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work(bid_window_ms=5000, auto_award=True)
    empty = await exchange.work(bid_window_ms=5000, auto_award=True)
    await exchange.bid(key, work_id)
    await exchange.evaluate(work_id)
    assert await exchange.to_award() == [], "not while bids may come"
    exchange.clock.advance(5)
    assert await run_duties(exchange.app) == {"evaluate": 2}
    assert await exchange.to_award() == [work_id]
    assert (await exchange.latest(empty)).json()["ranked_bids"] == []
    for _ in range(2):
        answer = await exchange.client.post(f"/internal/v1/evaluations/{work_id}/awarded")
        assert answer.status_code == 200 and answer.json()["award_pending"] is False
    await exchange.evaluate(work_id)
    assert await exchange.to_award() == [], "another evaluation does not bring it back"
    assert (await exchange.client.post("/internal/v1/evaluations/work_x/awarded")).status_code == 404


async def test_a_final_ranking_is_not_replaced_by_an_early_one(exchange: Exchange) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work(bid_window_ms=5000)
    await exchange.bid(key, work_id)
    early = await exchange.evaluate(work_id)
    assert (await exchange.latest(work_id)).json()["evaluation_id"] == early["evaluation_id"]
    exchange.clock.advance(5)
    await run_duties(exchange.app)
    final = (await exchange.latest(work_id)).json()
    exchange.clock.advance(-3)  # an instance whose clock is behind still sees the window open
    await exchange.evaluate(work_id)
    assert (await exchange.latest(work_id)).json() == final


async def test_a_bid_of_the_last_moment_is_ranked_too(exchange: Exchange) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work(bid_window_ms=5000)
    await exchange.bid(key, work_id)
    bids_peer = exchange.clients["publisher"]
    exchange.clock.advance(5)
    await run_duties(exchange.app)
    await bids_peer.post(f"/internal/work/{work_id}/bids", json={"bid_id": "bid_late"})
    assert await run_duties(exchange.app) == {"evaluate": 1}
    assert await run_duties(exchange.app) == {"evaluate": 1}, "once more: the listing did not show it"
    assert await run_duties(exchange.app) == {"evaluate": 0}


async def test_closed_work_waits_a_while_for_the_broker_and_then_not(exchange: Exchange) -> None:
    _, key = await exchange.provider("proven", successes=5)
    plain = await exchange.work(bid_window_ms=5000, auto_award=True)
    picky = await exchange.work(bid_window_ms=5000, constraints={"min_trust_tier": "VERIFIED"})
    for work_id in (plain, picky):
        await exchange.bid(key, work_id)
    exchange.clock.advance(5)
    exchange.trust.fail = unavailable("away")
    assert await run_duties(exchange.app) == {"evaluate": 0}
    assert await exchange.evaluate(plain), "whoever asks gets an answer"
    assert await exchange.to_award() == [] and sorted(await exchange.waiting()) == sorted([plain, picky])
    exchange.clock.advance(DEGRADED_WAIT_SECONDS)
    assert await run_duties(exchange.app) == {"evaluate": 1}
    assert await exchange.to_award() == [plain] and await exchange.waiting() == [picky]
    exchange.trust.fail = None
    assert await run_duties(exchange.app) == {"evaluate": 1}
    assert len(order((await exchange.latest(picky)).json())) == 1


async def test_work_that_has_to_wait_does_not_hold_up_what_is_behind_it(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aex.bid_evaluator.service._CLOSED_A_PAGE", 1)
    monkeypatch.setattr("aex.bid_evaluator.service._CLOSED_PAGES", 2)
    _, key = await exchange.provider("proven", successes=5)
    tier = {"min_trust_tier": "VERIFIED"}
    picky = [await exchange.work(bid_window_ms=5000 + n, constraints=tier) for n in range(3)]
    plain = await exchange.work(bid_window_ms=6000)
    for work_id in (*picky, plain):
        await exchange.bid(key, work_id)
    exchange.clock.advance(6 + DEGRADED_WAIT_SECONDS)
    exchange.trust.fail = unavailable("away")
    assert [await run_duties(exchange.app) for _ in range(2)] == [{"evaluate": 0}, {"evaluate": 1}]
    assert await exchange.waiting() == picky
    exchange.trust.fail = None
    assert [await run_duties(exchange.app) for _ in range(2)] == [{"evaluate": 2}, {"evaluate": 1}], "round and round"
    assert await exchange.waiting() == []


async def test_one_work_that_fails_does_not_hold_up_the_others(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aex.bid_evaluator.sources import Sources

    bad, good = await exchange.work(bid_window_ms=5000), await exchange.work(bid_window_ms=6000)
    exchange.clock.advance(6)
    asked = Sources.bids_on

    async def bids_on(self: Sources, work_id: str) -> object:
        if work_id == bad:
            raise TypeError("a bid that cannot be read")
        return await asked(self, work_id)

    monkeypatch.setattr(Sources, "bids_on", bids_on)
    assert await run_duties(exchange.app) == {"evaluate": 1}
    assert (await exchange.latest(good)).status_code == 200
    assert await exchange.waiting() == [bad]
    assert str((await run_duties(exchange.app))["evaluate"]).startswith("failed"), "and is not passed over in silence"


async def test_an_explicit_evaluation_of_closed_work_is_the_one_that_counts(exchange: Exchange) -> None:
    work_id = await exchange.work(bid_window_ms=5000)
    exchange.clock.advance(5)
    evaluation = await exchange.evaluate(work_id)
    assert evaluation["final"] is True
    assert await exchange.waiting() == [] and await run_duties(exchange.app) == {"evaluate": 0}
    exchange_work = (await exchange.clients["publisher"].get(f"/internal/work/{work_id}")).json()
    assert exchange_work["evaluation_id"] == evaluation["evaluation_id"]


async def test_evaluations_survive_a_restart(exchange: Exchange, tmp_path: Path) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work(bid_window_ms=5000, auto_award=True)
    await exchange.bid(key, work_id)
    exchange.clock.advance(5)
    path = str(tmp_path / "evaluations.db")
    async with running(DEFINITION, peers=exchange.peers, clock=exchange.clock, SQLITE_PATH=path) as app:
        await run_duties(app)
        before = (await client_of(app).get(f"/internal/v1/evaluations/{work_id}")).json()
    async with running(DEFINITION, peers=exchange.peers, clock=exchange.clock, SQLITE_PATH=path) as app:
        client = client_of(app)
        assert (await client.get(f"/internal/v1/evaluations/{work_id}")).json() == before
        waiting = (await client.get("/internal/v1/evaluations/auto-award")).json()
        assert waiting["work"] == [{"work_id": work_id, "evaluation_id": before["evaluation_id"]}]
