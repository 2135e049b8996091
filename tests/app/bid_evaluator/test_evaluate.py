"""Evaluation over HTTP, among the real services: the contract's answer, and what upstream got wrong (6.6)."""

import asyncio
from pathlib import Path

import pytest

from aex.bid_evaluator.app import DEFINITION
from aex.bid_evaluator.service import DEGRADED_WAIT_SECONDS
from aex.core.errors import unavailable
from tests.app.bid_evaluator.conftest import Exchange
from tests.app.support import client_of, error_code, run_duties, running, runtime_of


def order(evaluation: dict[str, object]) -> list[str]:
    ranked = evaluation["ranked_bids"]
    assert isinstance(ranked, list)
    return [entry["bid_id"] for entry in ranked]


async def test_the_answer_has_the_contracts_fields(exchange: Exchange) -> None:
    provider_id, key = await exchange.provider("one")
    work_id = await exchange.work()
    bid_id, dear = await exchange.bid(key, work_id), await exchange.bid(key, work_id, 11)
    evaluation = await exchange.evaluate(work_id, budget={"max_price": 10})
    assert str(evaluation.pop("evaluation_id")).startswith("eval_")
    assert evaluation == {
        "work_id": work_id,
        "bid_strategy": "balanced",
        "max_price": 10,
        "total_bids": 2,
        "valid_bids": 1,
        "ranked_bids": [
            {
                "rank": 1,
                "bid_id": bid_id,
                "provider_id": provider_id,
                "price": 5,
                "total_score": 0.47,
                "scores": {"price": 0.5, "trust": 0.3, "confidence": 0.5, "mvp_sample": 0.5, "sla": 0.8},
            }
        ],
        "disqualified_bids": [{"bid_id": dear, "reason": "Price exceeds budget"}],
        "evaluated_at": "2026-11-24T12:00:00Z",
        "degraded": False,
        "final": False,
    }


async def test_no_bids_is_an_empty_ranking(exchange: Exchange) -> None:
    evaluation = await exchange.evaluate(await exchange.work())
    assert (evaluation["ranked_bids"], evaluation["disqualified_bids"], evaluation["total_bids"]) == ([], [], 0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "work_id is required"),
        ({"work_id": "  "}, "work_id is required"),
        ({"work_id": "a/b"}, "work_id: is not the id"),
        ({"work_id": "work_x"}, "budget.max_price is required"),
        ({"work_id": "work_x", "budget": {}}, "budget.max_price is required"),
        ({"work_id": "work_x", "budget": {"max_price": 0}}, "budget.max_price"),
        ({"work_id": 5}, "work_id"),
    ],
)
async def test_what_is_wrong_is_said_in_the_contracts_words(
    exchange: Exchange, body: dict[str, object], message: str
) -> None:
    answer = await exchange.client.post("/internal/v1/evaluate", json=body)
    assert answer.status_code == 400 and error_code(answer) == "bad_request"
    assert answer.json()["error"]["message"].startswith(message)
    nonsense = await exchange.client.post("/internal/v1/evaluate", content=b"{")
    assert nonsense.json()["error"]["message"].startswith("bad request")


async def test_one_work_may_be_evaluated_many_times_even_at_once(exchange: Exchange) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work()
    bid_id = await exchange.bid(key, work_id)
    evaluations = await asyncio.gather(*(exchange.evaluate(work_id) for _ in range(8)))
    assert {tuple(order(evaluation)) for evaluation in evaluations} == {(bid_id,)}
    kept = (await exchange.latest(work_id)).json()
    assert kept["evaluation_id"] in {evaluation["evaluation_id"] for evaluation in evaluations}


async def test_defect_the_works_own_budget_counts_not_the_callers(exchange: Exchange) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work(budget={"max_price": 10, "bid_strategy": "lowest_price"})
    await exchange.bid(key, work_id, 50)
    evaluation = await exchange.evaluate(work_id, budget={"max_price": 100, "bid_strategy": "best_quality"})
    assert (evaluation["max_price"], evaluation["bid_strategy"], evaluation["valid_bids"]) == (10, "lowest_price", 0)


async def test_work_that_only_the_caller_knows_is_ranked_by_what_he_says(exchange: Exchange) -> None:
    evaluation = await exchange.evaluate("work_elsewhere", budget={"max_price": 100, "bid_strategy": "whatever"})
    assert (evaluation["max_price"], evaluation["final"]) == (100, False)
    assert (await exchange.latest("work_elsewhere")).status_code == 404, "nothing is kept of it"


async def test_defect_tier_and_latency_constraints_count(exchange: Exchange) -> None:
    _, new = await exchange.provider("new")
    _, proven = await exchange.provider("proven", successes=5)
    work_id = await exchange.work(constraints={"min_trust_tier": "VERIFIED", "max_latency_ms": 100})
    out = await exchange.bid(new, work_id, 1, sla={"max_latency_ms": 50})
    slow = await exchange.bid(proven, work_id, 2, sla={"max_latency_ms": 101})
    good = await exchange.bid(proven, work_id, 9, sla={"max_latency_ms": 100})
    evaluation = await exchange.evaluate(work_id)
    assert order(evaluation) == [good]
    reasons = {entry["bid_id"]: entry["reason"] for entry in evaluation["disqualified_bids"]}  # type: ignore[union-attr]
    assert reasons == {out: "Trust tier is below VERIFIED", slow: "SLA does not meet latency requirements"}


async def test_internal_work_is_for_internal_providers(exchange: Exchange) -> None:
    _, key = await exchange.provider("proven", successes=5)
    work_id = await exchange.work(constraints={"internal_only": True})
    await exchange.bid(key, work_id)
    assert order(await exchange.evaluate(work_id)) == []


async def test_strategies_weigh_differently(exchange: Exchange) -> None:
    _, new = await exchange.provider("new")
    _, proven = await exchange.provider("proven", successes=5)
    winners = {}
    for strategy in ("lowest_price", "best_quality"):
        work_id = await exchange.work(budget={"max_price": 10, "bid_strategy": strategy})
        cheap = await exchange.bid(new, work_id, 1)
        await exchange.bid(proven, work_id, 9)
        winners[strategy] = order(await exchange.evaluate(work_id))[0] == cheap
    assert winners == {"lowest_price": True, "best_quality": False}


async def test_defect_one_question_about_trust_however_many_bid(exchange: Exchange) -> None:
    work_id = await exchange.work()
    for n in range(5):
        _, key = await exchange.provider(f"p{n}")
        await exchange.bid(key, work_id)
        await exchange.bid(key, work_id)
    for peer in (exchange.trust, exchange.bids, exchange.publisher):
        peer.calls.clear()
    assert (await exchange.evaluate(work_id))["valid_bids"] == 10
    assert exchange.trust.calls == [("POST", "/internal/v1/trust/batch")]
    assert len(exchange.bids.calls) == 1 and len(exchange.publisher.calls) == 1


async def test_defect_an_outage_of_the_broker_favours_nobody_and_is_told(exchange: Exchange) -> None:
    _, new = await exchange.provider("new")
    _, proven = await exchange.provider("proven", successes=5)
    work_id = await exchange.work()
    cheap, dear = await exchange.bid(new, work_id, 4), await exchange.bid(proven, work_id, 5)
    assert order(await exchange.evaluate(work_id)) == [dear, cheap]
    exchange.trust.fail = unavailable("away")
    evaluation = await exchange.evaluate(work_id)
    assert evaluation["degraded"] is True
    assert {entry["scores"]["trust"] for entry in evaluation["ranked_bids"]} == {0.3}  # type: ignore[union-attr]
    assert order(evaluation) == [cheap, dear]


@pytest.mark.parametrize("away", ["publisher", "bids"])
async def test_other_outages_are_503_not_500(exchange: Exchange, away: str) -> None:
    work_id = await exchange.work()
    getattr(exchange, away).fail = unavailable("away", code="peer_unavailable")
    answer = await exchange.client.post("/internal/v1/evaluate", json={"work_id": work_id, "budget": {"max_price": 1}})
    assert answer.status_code == 503 and error_code(answer) == "peer_unavailable"


async def test_defect_a_store_that_does_not_answer_is_told_not_ignored(exchange: Exchange) -> None:
    work_id = await exchange.work()
    await runtime_of(exchange.app).store.close()
    answer = await exchange.client.post("/internal/v1/evaluate", json={"work_id": work_id})
    assert answer.status_code == 503 and error_code(answer) == "store_unavailable"


async def test_more_bids_than_a_page_are_all_ranked(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aex.bid_evaluator.sources.BIDS_A_PAGE", 2)
    _, key = await exchange.provider("one")
    work_id = await exchange.work()
    for price in (5, 3, 4, 1, 2):
        await exchange.bid(key, work_id, price)
    evaluation = await exchange.evaluate(work_id)
    assert [entry["price"] for entry in evaluation["ranked_bids"]] == [1, 2, 3, 4, 5]  # type: ignore[union-attr]


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


async def test_defect_only_the_consumer_evaluates_and_reads_through_the_gateway(exchange: Exchange) -> None:
    _, key = await exchange.provider("one")
    work_id = await exchange.work(tenant="tenant_a")
    await exchange.bid(key, work_id)
    mine, other = client_of(exchange.app, x_tenant_id="tenant_a"), client_of(exchange.app, x_tenant_id="tenant_b")
    early = await mine.get(f"/v1/work/{work_id}/evaluation")
    assert early.status_code == 404 and "not evaluated yet" in early.text
    assert (await other.post(f"/v1/work/{work_id}/evaluate")).status_code == 403
    made = await mine.post(f"/v1/work/{work_id}/evaluate")
    assert made.status_code == 200 and made.json()["valid_bids"] == 1
    assert (await mine.get(f"/v1/work/{work_id}/evaluation")).json() == made.json()
    assert (await other.get(f"/v1/work/{work_id}/evaluation")).status_code == 403
    assert (await mine.post("/v1/work/work_x/evaluate")).status_code == 404


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
