"""Settling a contract over HTTP (contract 11.2, 11.3), and the defects of 11.6 that concern it."""

import pytest

from tests.app.settlement.ledgers import bench, execution
from tests.app.support import error_code


async def test_a_contract_is_settled_with_the_platforms_fee() -> None:
    async with bench() as b:
        await b.deposit("tenant_c", "100")
        answer = await b.settle(agreed_price="10")
        assert answer.status_code == 200 and answer.json()["status"] == "settled"
        assert [await b.balance("tenant_c"), await b.balance("prov_p")] == ["90", "8.5"]


async def test_defect_11_6_the_fee_is_booked_and_the_ledger_balances() -> None:
    async with bench() as b:
        await b.deposit("tenant_c", "100")
        await b.settle(agreed_price="10")
        report = await b.balanced()
        assert report["platform:fees"] == "1.5" and report["external"] == "-100"
        assert report["accounts"] == 2 and report["entries"] == 2


async def test_the_execution_is_listed_for_both_parties() -> None:
    async with bench() as b:
        settled = await b.settle(metadata={"a": [1, [2]]}, description="Review of an NDA")
        for account in ("tenant_c", "prov_p"):
            usage = (await b.client.get("/v1/usage", params={"tenant_id": account})).json()
            assert {key: usage[key] for key in usage if key != "executions"} == {
                "tenant_id": account,
                "period": "all",
                "total_cost": "10",
                "count": 1,
            }
            (row,) = usage["executions"]
            assert row == {
                "id": settled.json()["execution_id"],
                "work_id": "work_1",
                "contract_id": "contract_1",
                "agent_id": "agent_1",
                "consumer_id": "tenant_c",
                "provider_id": "prov_p",
                "domain": "translation",
                "started_at": "2026-11-24T10:00:00Z",
                "completed_at": "2026-11-24T10:00:30.5Z",
                "duration_ms": 30500,
                "status": "COMPLETED",
                "success": True,
                "agreed_price": "10",
                "platform_fee": "1.5",
                "provider_payout": "8.5",
                "metadata": {"a": [1, [2]]},
                "work_category": "contracts",
                "created_at": "2026-11-24T12:00:00Z",
            }


async def test_the_rows_of_both_parties_say_what_happened() -> None:
    async with bench() as b:
        await b.deposit("tenant_c", "100.00")
        b.clock.advance(1)
        execution_id = (await b.settle()).json()["execution_id"]
        debit, deposit = await b.rows("tenant_c")
        assert debit.pop("id") and deposit.pop("id")
        assert debit == {
            "tenant_id": "tenant_c",
            "entry_type": "DEBIT",
            "amount": "10",
            "balance_after": "90",
            "reference_type": "execution",
            "reference_id": execution_id,
            "description": "Payment for contract contract_1",
            "created_at": "2026-11-24T12:00:01Z",
        }
        assert [deposit[key] for key in ("entry_type", "amount", "balance_after", "reference_type", "description")] == [
            "DEPOSIT",
            "100.00",
            "100",
            "deposit",
            "Deposit",
        ]
        (credit,) = await b.rows("prov_p")
        assert [credit[key] for key in ("entry_type", "amount", "balance_after", "description")] == [
            "CREDIT",
            "8.5",
            "8.5",
            "Payout for contract contract_1",
        ]


async def test_a_contract_is_settled_once() -> None:
    others: list[dict[str, object]] = [{}, {"agreed_price": "99"}, {"success": False}, {"consumer_id": "tenant_x"}]
    async with bench() as b:
        await b.settle()
        for fields in others:
            again = await b.settle(**fields)
            assert again.status_code == 409 and error_code(again) == "already_settled"
        assert await b.balance("tenant_c") == "-10"


async def test_defect_11_6_a_failed_contract_is_recorded_and_not_billed() -> None:
    async with bench() as b:
        assert (await b.settle(success=False)).status_code == 200
        assert [await b.balance("tenant_c"), await b.balance("prov_p")] == ["0", "0"]
        usage = (await b.client.get("/v1/usage?tenant_id=tenant_c")).json()
        assert usage["total_cost"] == "0" and usage["executions"][0]["success"] is False
        assert usage["executions"][0]["agreed_price"] == "10"
        assert await b.rows("tenant_c") == []
        assert (await b.settle(success=True)).status_code == 409, "it was recorded as failed"
        await b.balanced()


@pytest.mark.parametrize(
    "fields",
    [
        {"agreed_price": "-100"},
        {"agreed_price": "1e3000000"},
        {"agreed_price": "0.0000033333"},
        {"agreed_price": 10},
        {"agreed_price": ...},
        {"contract_id": ""},
        {"contract_id": ...},
        {"consumer_id": ""},
        {"provider_id": ""},
        {"provider_id": "platform:fees"},
        {"consumer_id": "external"},
        {"started_at": "2026-11-24T12:00:00Z", "completed_at": "2026-11-24T11:00:00Z"},
        {"completed_at": "yesterday"},
        {"currency": "EUR"},
        {"metadata": {"a": "x" * 70_000}},
        {"domain": "x" * 300},
    ],
)
async def test_defect_11_6_a_settlement_that_makes_no_sense_is_a_400_and_moves_nothing(
    fields: dict[str, object],
) -> None:
    async with bench() as b:
        answer = await b.settle(**fields)
        assert answer.status_code == 400, answer.text
        assert error_code(answer) == "bad_request"
        report = await b.balanced()
        assert report["entries"] == 0


@pytest.mark.parametrize(
    ("started_at", "accepted"),
    [("2025-11-23T10:00:00Z", True), ("2025-11-23T09:59:59Z", False), ("0002-01-01T00:00:00Z", False)],
)
async def test_an_execution_of_more_than_a_year_is_refused_by_the_field_that_is_wrong(
    started_at: str, accepted: bool
) -> None:
    async with bench() as b:
        answer = await b.settle(started_at=started_at, completed_at="2026-11-24T10:00:00Z")
        assert answer.status_code == (200 if accepted else 400), answer.text
        assert accepted or "started_at" in answer.json()["error"]["message"]
        assert (await b.balanced())["entries"] == int(accepted)


async def test_times_that_a_go_client_does_not_know_are_absent() -> None:
    async with bench() as b:
        await b.settle(started_at="0001-01-01T00:00:00Z", completed_at="0001-01-01T00:00:00Z")
        (row,) = (await b.client.get("/v1/usage?tenant_id=tenant_c")).json()["executions"]
        assert row["duration_ms"] == 0 and row["completed_at"] == "2026-11-24T12:00:00Z"


async def test_the_short_form_settles_the_same_contract() -> None:
    body = {"contract_id": "contract_1", "consumer_id": "tenant_c", "provider_id": "prov_p", "amount": 0.3}
    async with bench() as b:
        assert (await b.client.post("/internal/v1/settle", json={**body, "currency": "USD"})).status_code == 200
        assert [await b.balance("tenant_c"), await b.balance("prov_p")] == ["-0.3", "0.255"]
        assert (await b.settle()).status_code == 409


async def test_who_trades_with_itself_pays_the_fee_and_sees_both_rows() -> None:
    async with bench() as b:
        await b.settle(provider_id="tenant_c")
        assert await b.balance("tenant_c") == "-1.5"
        rows = await b.rows("tenant_c")
        assert {row["entry_type"] for row in rows} == {"DEBIT", "CREDIT"} and len({row["id"] for row in rows}) == 2
        assert (await b.client.get("/v1/usage?tenant_id=tenant_c")).json()["count"] == 1
        await b.fold()
        assert await b.balance("tenant_c") == "-1.5"
        await b.balanced()


async def test_defect_11_6_lists_are_paged_newest_first_and_balances_run_through() -> None:
    async with bench() as b:
        for number in range(1, 8):
            await b.deposit("tenant_c", str(number))
            await b.settle(f"contract_{number}", agreed_price="1")
            b.clock.advance(1 if number % 2 else 0)  # some rows share their time
            if number == 4:
                await b.fold()
        whole = await b.rows("tenant_c")
        assert len(whole) == 14 and whole[0]["balance_after"] == "21"
        running = 0.0
        for row in reversed(whole):
            running += float(row["amount"]) * (-1 if row["entry_type"] == "DEBIT" else 1)
            assert float(row["balance_after"]) == running
        paged: list[dict[str, str]] = []
        params = {"tenant_id": "tenant_c", "limit": "3"}
        while True:
            page = (await b.client.get("/v1/usage/transactions", params=params)).json()
            paged += page["transactions"]
            assert page["count"] <= 3
            if "next_cursor" not in page:
                break
            params["cursor"] = page["next_cursor"]
            await b.deposit("tenant_c", "1000")  # what comes in between belongs to the first page only
        assert paged == whole
        usage = (await b.client.get("/v1/usage?tenant_id=tenant_c&limit=4")).json()
        assert [row["contract_id"] for row in usage["executions"]] == [f"contract_{n}" for n in order(usage)]
        rest = (
            await b.client.get("/v1/usage", params={"tenant_id": "tenant_c", "cursor": usage["next_cursor"]})
        ).json()
        assert usage["count"] + rest["count"] == 7 and "next_cursor" not in rest


def order(usage: dict[str, list[dict[str, str]]]) -> list[str]:
    """The numbers of the contracts of a page, which must be newest first."""
    times = [row["created_at"] for row in usage["executions"]]
    assert times == sorted(times, reverse=True)
    return [row["contract_id"].removeprefix("contract_") for row in usage["executions"]]


@pytest.mark.parametrize("cursor", ["x", "e30", "WyJhIixudWxsLG51bGxd", "WyIxIiwxLDJd", "WyIwIiwieCIsIngiXQ", "é"])
@pytest.mark.parametrize("path", ["/v1/usage", "/v1/usage/transactions"])
async def test_cursors_that_were_not_given_are_refused(path: str, cursor: str) -> None:
    async with bench() as b:
        answer = await b.client.get(path, params={"tenant_id": "tenant_c", "cursor": cursor})
        assert answer.status_code == 400 and error_code(answer) == "bad_cursor"


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001", "9" * 30, ""])
async def test_a_limit_that_is_none_is_the_default(limit: str) -> None:
    async with bench() as b:
        await b.deposit("tenant_c")
        assert len(await b.rows("tenant_c", limit=limit)) == 1


async def test_defect_11_6_no_body_is_too_large_for_the_limit() -> None:
    async with bench() as b:
        body = execution(description="x" * 1_100_000)
        assert (await b.client.post("/internal/settlement/complete", json=body)).status_code == 413
