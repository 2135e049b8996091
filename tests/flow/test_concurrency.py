"""Many at once, over real processes: nothing lost, nothing twice, and the ledger sums to zero."""

import asyncio
from collections import Counter

import pytest

from tests.flow.steps import Direct

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


async def ledger_is_sound(direct: Direct) -> None:
    check = await direct.must("settlement", "GET", "/internal/v1/ledger/check")
    assert check["sum_micro"] == 0 and check["differences"] == [], check


async def test_64_parallel_deposits_on_one_tenant_all_count(direct: Direct) -> None:
    async def deposit(number: int) -> None:
        amount = f"{number}.000001"
        await direct.must("settlement", "POST", "/v1/deposits", {"tenant_id": "tenant_d", "amount": amount})

    await asyncio.gather(*(deposit(number) for number in range(1, 65)))
    assert await direct.balance("tenant_d") == "2080.000064"
    await ledger_is_sound(direct)


async def test_16_parallel_settlements_of_one_contract_are_one(direct: Direct) -> None:
    trade = await direct.awarded("once", price=10)
    body = {
        "contract_id": trade.contract_id,
        "work_id": trade.work_id,
        "consumer_id": trade.consumer_id,
        "provider_id": trade.provider_id,
        "agreed_price": "10",
        "success": True,
        "started_at": "2026-11-24T10:00:00Z",
        "completed_at": "2026-11-24T10:01:00Z",
    }
    answers = await asyncio.gather(
        *(direct.call("settlement", "POST", "/internal/settlement/complete", body) for _ in range(16))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 15}
    # The contract's own completion, which comes after all of them, is one more that must not count.
    assert (await direct.report(trade, "complete", {"success": True, "result_summary": "done"})).is_success
    assert (await direct.balance(trade.consumer_id), await direct.balance(trade.provider_id)) == ("-10", "8.5")
    await ledger_is_sound(direct)


async def test_16_parallel_awards_of_one_work_make_one_contract(direct: Direct) -> None:
    _, key = await direct.provider("award")
    work_id = await direct.work("tenant_a")
    bids = [await direct.bid(work_id, key, 10 + number) for number in range(4)]
    answers = await asyncio.gather(
        *(
            direct.call("contract-engine", "POST", f"/v1/work/{work_id}/award", {"bid_id": bids[number % 4]})
            for number in range(16)
        )
    )
    codes = Counter(answer.status_code for answer in answers)
    assert codes[200] == 1 and set(codes) <= {200, 409, 503}, codes
    work = await direct.must("work-publisher", "GET", f"/v1/work/{work_id}")
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert (work["status"], work["contract_id"]) == ("AWARDED", won["contract_id"])


async def test_parallel_progress_reports_are_all_kept(direct: Direct) -> None:
    trade = await direct.awarded("progress")
    answers = await asyncio.gather(
        *(direct.report(trade, "progress", {"status": "in_progress", "percent": n}) for n in range(32))
    )
    assert all(answer.is_success for answer in answers)
    contract = await direct.must("contract-engine", "GET", f"/v1/contracts/{trade.contract_id}")
    kept = contract["execution_updates"]
    assert isinstance(kept, list) and sorted(one["percent"] for one in kept) == list(range(32))


async def test_parallel_completions_of_one_contract_settle_once(direct: Direct) -> None:
    trade = await direct.awarded("complete", price=20)
    answers = await asyncio.gather(
        *(direct.report(trade, "complete", {"success": True, "result_summary": "done"}) for _ in range(16))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 15}
    assert (await direct.balance(trade.consumer_id), await direct.balance(trade.provider_id)) == ("-20", "17")
    trust = await direct.must("trust-broker", "GET", f"/v1/providers/{trade.provider_id}/trust")
    assert (trust["total_contracts"], trust["successful_contracts"]) == (1, 1)
    await ledger_is_sound(direct)
