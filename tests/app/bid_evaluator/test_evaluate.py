"""Evaluation over HTTP, among the real services: the contract's answer, and what upstream got wrong (6.6)."""

import asyncio

import pytest

from aex.core.errors import unavailable
from tests.app.bid_evaluator.conftest import Exchange
from tests.app.support import client_of, error_code, runtime_of


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
