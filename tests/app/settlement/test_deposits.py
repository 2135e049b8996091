"""Deposits and balances over HTTP (contract 11.2, 11.3), and the defects of 11.6 that concern them."""

import pytest

from aex.core.clock import stamp
from aex.core.money import MAX_PRICE_MICRO
from aex.settlement.rules import deposit_entry
from tests.app.settlement.ledgers import bench
from tests.app.support import error_code


async def test_a_deposit_is_answered_as_sent_and_counted() -> None:
    async with bench() as b:
        answer = await b.deposit("tenant_a", "100.00")
        assert answer.status_code == 201
        body = answer.json()
        assert body.pop("id").startswith("tx_")
        assert body == {
            "tenant_id": "tenant_a",
            "type": "DEPOSIT",
            "amount": "100.00",
            "status": "COMPLETED",
            "created_at": "2026-11-24T12:00:00Z",
            "completed_at": "2026-11-24T12:00:00Z",
        }
        balance = await b.client.get("/v1/balance?tenant_id=tenant_a")
        assert balance.json() == {"tenant_id": "tenant_a", "balance": "100", "currency": "USD"}


async def test_a_balance_that_nobody_paid_into_is_zero() -> None:
    async with bench() as b:
        assert await b.balance("tenant_nobody") == "0"


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "-1", "abc", "", " ", "NaN", "Infinity", "1e3000000", "1e99", "0.0000001", "1" * 40, "1_0"]
)
async def test_defect_11_6_amounts_are_bounded_decimals(amount: str) -> None:
    async with bench() as b:
        answer = await b.deposit("tenant_a", amount)
        assert answer.status_code == 400
        assert error_code(answer) == "bad_request"
        assert await b.balance("tenant_a") == "0"


@pytest.mark.parametrize("body", [{}, {"tenant_id": "t"}, {"amount": "1"}, {"tenant_id": "t", "amount": 5}, [], "x"])
async def test_incomplete_deposits_are_refused(body: object) -> None:
    async with bench() as b:
        answer = await b.client.post("/v1/deposits", json=body)
        assert answer.status_code == 400
        assert error_code(answer) == "bad_request"


@pytest.mark.parametrize("account", ["external", "platform:fees", "a b", "x" * 129, "../x"])
async def test_nobody_pays_into_the_exchanges_own_accounts(account: str) -> None:
    async with bench() as b:
        assert (await b.deposit(account)).status_code == 400
        assert (await b.client.get("/v1/balance", params={"tenant_id": account})).status_code == 400


async def test_small_amounts_are_exact() -> None:
    async with bench() as b:
        for amount in ("0.1", "0.2", "1e-6", "0.000001"):
            assert (await b.deposit("tenant_a", amount)).status_code == 201
        assert await b.balance("tenant_a") == "0.300002"


async def test_a_repeated_deposit_with_its_key_is_booked_once() -> None:
    async with bench() as b:
        first, again = await b.deposit("tenant_a", "5", key="k"), await b.deposit("tenant_a", "5", key="k")
        assert first.json() == again.json() and again.status_code == 201
        other = await b.deposit("tenant_a", "6", key="k")
        assert other.status_code == 409 and error_code(other) == "idempotency_key_reused"
        assert (await b.deposit("tenant_b", "6", key="k")).status_code == 201
        assert await b.balance("tenant_a") == "5"


async def test_deposits_without_a_key_add_up() -> None:
    async with bench() as b:
        await b.deposit("tenant_a", "5")
        await b.deposit("tenant_a", "5")
        assert await b.balance("tenant_a") == "10"


@pytest.mark.parametrize("path", ["/v1/deposits", "/internal/settlement/complete"])
async def test_defect_11_6_a_get_books_nothing(path: str) -> None:
    async with bench() as b:
        answer = await b.client.request("GET", path, json={"tenant_id": "tenant_a", "amount": "5"})
        assert answer.status_code == 405
        assert error_code(answer) == "method_not_allowed"
        assert await b.balance("tenant_a") == "0"


async def test_defect_11_6_a_tenant_reads_and_fills_only_its_own_balance() -> None:
    async with bench() as b:
        await b.deposit("tenant_b", "7")
        async with b.as_tenant("tenant_a") as a:
            body = {"tenant_id": "tenant_b", "amount": "1"}
            assert error_code(await a.post("/v1/deposits", json=body)) == "forbidden"
            for path in ("/v1/balance", "/v1/usage", "/v1/usage/transactions"):
                answer = await a.get(path, params={"tenant_id": "tenant_b"})
                assert answer.status_code == 403, path
                assert (await a.get(path)).json()["tenant_id" if path != "/v1/usage/transactions" else "count"] in (
                    "tenant_a",
                    0,
                )
            assert (await a.post("/v1/deposits", json={**body, "tenant_id": "tenant_a"})).status_code == 201
        async with b.as_tenant("tenant_o", x_aex_scopes="* operator") as operator:
            assert (await operator.get("/v1/balance", params={"tenant_id": "tenant_b"})).json()["balance"] == "7"


async def test_a_tenant_reads_the_account_of_its_provider_and_no_other() -> None:
    async with bench() as b:
        await b.settle()
        async with b.as_tenant("tenant_p") as owner, b.as_tenant("tenant_c") as other:
            assert (await owner.get("/v1/balance?tenant_id=prov_p")).json()["balance"] == "8.5"
            assert (await other.get("/v1/balance?tenant_id=prov_p")).status_code == 403


async def test_a_provider_that_holds_nothing_yet_is_zero_for_everybody_a_tenant_is_nobodys_business() -> None:
    async with bench() as b, b.as_tenant("tenant_p") as owner:
        assert (await owner.get("/v1/balance?tenant_id=prov_new")).json()["balance"] == "0"
        for path in ("/v1/balance", "/v1/usage", "/v1/usage/transactions"):
            answer = await owner.get(path, params={"tenant_id": "tenant_new"})
            assert (answer.status_code, error_code(answer)) == (403, "forbidden"), path
        assert (await owner.get("/v1/usage/transactions?tenant_id=prov_new")).json()["transactions"] == []


async def test_questions_without_a_tenant_are_refused_when_nobody_vouches_for_one() -> None:
    async with bench() as b:
        for path in ("/v1/balance", "/v1/usage", "/v1/usage/transactions"):
            answer = await b.client.get(path)
            assert answer.status_code == 400
            assert answer.json()["error"]["message"] == "tenant_id is required"


async def test_a_balance_stays_far_from_64_bits() -> None:
    async with bench() as b:
        for number in range(1000):
            entry = deposit_entry(f"tx_{number}", "tenant_a", MAX_PRICE_MICRO, "1000000000", stamp(b.clock()))
            await b.ledger.post(f"ledger_{number}", entry)
        await b.fold()
        answer = await b.deposit("tenant_a", "1")
        assert answer.status_code == 409 and error_code(answer) == "balance_limit"
        assert await b.balance("tenant_a") == "1000000000000"
