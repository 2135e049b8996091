"""The check finds what is wrong and nothing else; the rebuild puts it right; who may ask is decided by identity."""

import asyncio
import base64

import pytest

from aex.core.service_tokens import TokenProof, public_key
from aex.settlement.app import DEFINITION
from tests.app.settlement.ledgers import Bench, bench, execution
from tests.app.support import client_of, error_code, running


async def traded(b: Bench) -> None:
    await b.deposit("tenant_c", "100")
    await b.settle()
    await b.fold()
    await b.deposit("tenant_c", "1")


async def tamper(b: Bench, collection: str, id: str, **fields: object) -> None:
    stored = await b.store.get(collection, id)
    assert stored is not None
    await b.store.replace(stored, {**stored.doc, **fields}, collection=collection)  # pyright: ignore[reportArgumentType]


async def test_a_sound_ledger_has_no_differences() -> None:
    async with bench() as b:
        await traded(b)
        assert await b.check() == {
            "accounts": 2,
            "entries": 3,
            "sum_micro": 0,
            "external": "-101",
            "platform:fees": "1.5",
            "differences": [],
        }
        assert (await b.client.post("/internal/v1/balances/rebuild")).json() == {"rebuilt": []}


async def test_a_balance_that_lost_an_update_is_found_and_rebuilt() -> None:
    async with bench() as b:
        await traded(b)
        await tamper(b, "balances", "tenant_c", balance_micro=80_000_000)
        report = await b.check()
        assert report["sum_micro"] == -10_000_000
        assert report["differences"] == [
            {"account": "tenant_c", "balance": "80", "ledger": "90", "difference": "-10"},
        ]
        assert (await b.client.post("/internal/v1/balances/rebuild")).json() == {"rebuilt": ["tenant_c"]}
        assert await b.balance("tenant_c") == "91"
        await b.balanced()


async def test_a_checkpoint_that_is_gone_or_was_never_earned_is_found_and_rebuilt() -> None:
    async with bench() as b:
        await traded(b)
        await b.store.delete("balances", "prov_p")
        await b.store.insert("balances", "nobody", {"account": "nobody", "balance_micro": 7, "folding": []})
        report = await b.check()
        found = report["differences"]
        assert isinstance(found, list) and [row["account"] for row in found] == ["nobody", "prov_p"]
        await b.client.post("/internal/v1/balances/rebuild")
        assert [await b.balance("nobody"), await b.balance("prov_p")] == ["0", "8.5"]
        await b.balanced()


async def test_a_side_that_was_closed_without_being_counted_is_found() -> None:
    async with bench() as b:
        await b.deposit("tenant_c", "5")
        page = await b.store.query("ledger", {}, order="created_at", limit=1)
        await tamper(b, "ledger", page.items[0].id, credit_open=False)
        assert (await b.check())["sum_micro"] == -5_000_000
        await b.client.post("/internal/v1/balances/rebuild")
        assert await b.balance("tenant_c") == "5"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"fee_micro": 0}, "has a fee of 0 micro-units instead of 1500000"),
        ({"kind": "gift"}, "has the unknown kind 'gift'"),
        ({"amount_micro": -5, "fee_micro": -1}, "moves -5 micro-units, which a settlement entry must not"),
        ({"credit_account": None}, "does not name its two accounts"),
    ],
)
async def test_an_entry_that_breaks_the_rules_is_found(fields: dict[str, object], problem: str) -> None:
    async with bench() as b:
        await b.settle()
        page = await b.store.query("ledger", {}, order="created_at", limit=1)
        await tamper(b, "ledger", page.items[0].id, **fields)
        differences = (await b.check())["differences"]
        assert isinstance(differences, list) and {"entry": page.items[0].id, "problem": problem} in differences


async def test_the_check_raises_no_false_alarm_while_money_moves() -> None:
    async with bench() as b:

        async def trade(number: int) -> None:
            await b.deposit("tenant_c", "5")
            await b.settle(f"contract_{number}", agreed_price="1")
            await b.fold()

        work = asyncio.gather(*(trade(number) for number in range(40)))
        while not work.done():
            await b.balanced()
            await asyncio.sleep(0)
        await work


SEEDS = {name: base64.b64encode(name.encode().ljust(32, b".")[:32]).decode() for name in ("self", "a", "b", "c", "d")}
NAMES = {"a": "aex-contract-engine", "b": "aex-gateway", "c": "operator", "d": "aex-scheduler"}


async def test_defect_11_6_only_those_who_must_reach_the_internal_routes() -> None:
    settings: dict[str, object] = {
        "AEX_SERVICE_AUTH": "token",
        "AEX_SERVICE_SEED": SEEDS["self"],
        "AEX_CALLERS": ",".join(NAMES.values()),
        "AEX_SERVICE_KEYS": {name: public_key(SEEDS[letter]) for letter, name in NAMES.items()},
    }
    async with running(DEFINITION, **settings) as app:  # pyright: ignore[reportArgumentType]
        clients = {
            name: client_of(app, **await TokenProof(name, SEEDS[letter]).headers(DEFINITION.name, ""))
            for letter, name in NAMES.items()
        }
        routes = {
            ("POST", "/internal/settlement/complete"): "aex-contract-engine",
            ("POST", "/internal/v1/settle"): "aex-contract-engine",
            ("GET", "/internal/v1/ledger/check"): "operator",
            ("POST", "/internal/v1/balances/rebuild"): "operator",
        }
        for (method, path), allowed in routes.items():
            anonymous = await client_of(app).request(method, path, json=execution())
            assert anonymous.status_code == 401 and error_code(anonymous) == "service_required"
            for name, client in clients.items():
                body = {**execution(path.replace("/", ".")), "amount": 1}
                answer = await client.request(method, path, json=None if method == "GET" else body)
                assert (answer.status_code == 200) == (name == allowed), (name, path, answer.text)
        gateway = clients["aex-gateway"]
        assert (await gateway.get("/v1/balance", headers={"X-Tenant-ID": "tenant_c"})).json()["balance"] == "-11"
        # Only the gateway is believed when it names a tenant.
        engine = await clients["aex-contract-engine"].get("/v1/balance", headers={"X-Tenant-ID": "tenant_c"})
        assert engine.status_code == 400
