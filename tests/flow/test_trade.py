"""The whole trade through the gateway, by the same code that `make demo` runs, over ten real processes."""

import asyncio
import io

import pytest
from rich.console import Console

from infra.ops.client import Client
from infra.ops.demo import tell
from infra.ops.stack import Exchange as Place
from infra.ops.trade import Trade
from tests.flow.exchange import Exchange
from tests.flow.steps import Direct

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def trade(running: Exchange) -> dict[str, dict[str, object]]:
    with Client(running.url("aex-gateway"), key=running.operator_key) as operator:
        one = Trade(operator, mark="flow")
        try:
            return dict(one.steps())
        finally:
            one.close()


def money(answers: dict[str, dict[str, object]]) -> tuple[object, dict[object, object]]:
    after = answers["after"]
    return after["consumer"], {one["name"]: one["balance"] for one in after["providers"]}  # type: ignore[union-attr,index]


async def test_two_tenants_trade_and_everybody_is_paid_and_trusted(running: Exchange, direct: Direct) -> None:
    await assert_everybody_is_paid_and_trusted(running, direct)


async def assert_everybody_is_paid_and_trusted(running: Exchange, direct: Direct) -> None:
    answers = await asyncio.to_thread(trade, running)
    consumer, providers = money(answers)
    price = answers["award"]["agreed_price"]
    assert answers["completed"]["status"] == "COMPLETED"
    assert float(str(consumer)) == 250 - float(str(price))
    paid = [float(str(balance)) for balance in providers.values() if float(str(balance))]
    assert paid == [round(float(str(price)) * 0.85, 6)]
    trusted = [one for one in answers["after"]["providers"] if one["total_contracts"]]  # type: ignore[union-attr,index]
    assert [one["successful_contracts"] for one in trusted] == [1]
    work = await direct.must("work-publisher", "GET", f"/v1/work/{answers['work']['work_id']}")
    assert (work["status"], work["bids_received"]) == ("COMPLETED", 3)
    check = await direct.must("settlement", "GET", "/internal/v1/ledger/check")
    assert check["sum_micro"] == 0 and check["differences"] == []


async def test_the_same_trade_with_every_service_proving_who_it_is(guarded: Exchange) -> None:
    answers = await asyncio.to_thread(trade, guarded)
    assert answers["completed"]["status"] == "COMPLETED"
    async with guarded.client("aex-settlement") as stranger:
        refused = await stranger.post("/v1/deposits", json={"tenant_id": "tenant_x", "amount": "1"})
        assert refused.status_code == 401
    assert not [name for name in guarded.ports if guarded.operator_key in guarded.log(name)], "keys are never logged"


async def test_the_demo_tells_what_the_services_answered(running: Exchange) -> None:
    written = io.StringIO()
    place = Place(running.url("aex-gateway"), running.operator_key)
    await asyncio.to_thread(tell, place, Console(file=written, width=140))
    told = written.getvalue()
    for fact in (
        "providers notified",
        "Evaluation",
        "Lexora",
        "The contract is completed",
        "Ledger",
        "Before and after",
    ):
        assert fact in told, told


async def test_the_loop_closes_by_itself_where_the_work_asks_for_it(direct: Direct) -> None:
    provider_id, key = await direct.provider("auto")
    work_id = await direct.work("tenant_auto", auto_award=True, bid_window_ms=5000)
    await direct.bid(work_id, key, 12.5)
    work = await direct.until("work-publisher", f"/v1/work/{work_id}", lambda work: work["status"] == "AWARDED")
    contract = await direct.must("contract-engine", "GET", f"/v1/contracts/{work['contract_id']}")
    assert (contract["provider_id"], contract["agreed_price"]) == (provider_id, 12.5)


async def test_work_that_does_not_ask_for_it_is_evaluated_but_not_awarded(direct: Direct) -> None:
    _, key = await direct.provider("manual")
    work_id = await direct.work("tenant_manual", bid_window_ms=5000)
    await direct.bid(work_id, key, 12.5)
    path = f"/internal/v1/evaluations/{work_id}"
    evaluation = await direct.until("bid-evaluator", path, lambda evaluation: bool(evaluation.get("final")))
    assert evaluation["valid_bids"] == 1
    await asyncio.sleep(1)
    assert (await direct.must("work-publisher", "GET", f"/v1/work/{work_id}"))["status"] == "EVALUATING"
