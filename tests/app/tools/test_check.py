"""`python -m aex check` on a whole exchange: silent when all is well, exact when something is not, on every backend."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from aex.__main__ import main
from aex.core.audit import Difference
from aex.core.clock import utc_now
from aex.store import Document, Stored
from aex.tools.check import check, differences
from aex.tools.place import Place
from tests.app.tools.places import empty_place, fill, running


@pytest.fixture(params=["sqlite", "mongo", "firestore"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place on each backend; servers are started before there is a loop."""
    return empty_place(request.param, request, tmp_path)


@pytest.fixture
def simple(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place on SQLite, for what does not depend on the database."""
    return empty_place("sqlite", request, tmp_path)


async def look(place: Place, *, later: float = 0.0) -> set[tuple[str, str]]:
    """What one look finds: (invariant, subject)."""
    found: set[Difference] = await differences(place, lambda: utc_now() + timedelta(seconds=later), {})
    return {(one.invariant, one.subject) for one in found}


async def change(place: Place, service: str, collection: str, id: str, what: Callable[[Document], Document]) -> None:
    store = await place.open(service)
    stored = await store.get(collection, id)
    assert stored is not None
    await store.replace(stored, what(stored.doc), collection=collection)
    await store.close()


@pytest.mark.timeout(60)
async def test_after_a_trade_every_invariant_holds_and_a_lost_document_is_found(
    empty: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = await fill(empty)
    assert await check(empty, again=0) == 0
    assert "every invariant holds" in capsys.readouterr().out
    await change(empty, "aex-trust-broker", "trust_records", ids["provider_id"], without_a_success)
    assert await check(empty, again=0) == 1
    said = capsys.readouterr().out
    assert f"{ids['provider_id']} successful_contracts is 0 instead of 1" in said and "1 differences" in said


def without_a_success(doc: Document) -> Document:
    return {**doc, "successful_contracts": 0}


async def test_it_looks_while_the_services_run(simple: Place) -> None:
    async with running(simple) as exchange:
        body = {"tenant_id": "tenant_live", "amount": "7"}
        assert (await exchange.client("settlement").post("/v1/deposits", json=body)).status_code == 201
        assert await check(simple, again=0) == 0


async def test_what_differs_for_a_moment_only_is_no_difference(
    simple: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(simple)
    looks = iter([{Difference("i", "gone", "p"), Difference("i", "stays", "p")}, {Difference("i", "stays", "other")}])

    async def next_look(*_: object) -> set[Difference]:
        return next(looks)

    monkeypatch.setattr("aex.tools.check.differences", next_look)
    assert await check(simple, again=0) == 1
    said = capsys.readouterr().out
    assert "stays" in said and "gone" not in said


Damage = Callable[[Place, dict[str, str]], Awaitable[set[tuple[str, str]]]]


async def settled_twice(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    store = await place.open("aex-settlement")
    page = await store.query("ledger", {"consumer_id": "tenant_c"}, order="-created_at", limit=1)
    await store.insert("ledger", "ledger_again", page.items[0].doc)
    await store.close()
    # Both entries were folded, one of them by our copy alone: the checkpoints do not know it.
    return {
        ("one settlement per contract", ids["contract_id"]),
        ("the ledger balances", "tenant_c"),
        ("the ledger balances", ids["provider_id"]),
    }


async def settlement_lost(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    store = await place.open("aex-settlement")
    page = await store.query("ledger", {"consumer_id": "tenant_c"}, order="-created_at", limit=1)
    await store.delete("ledger", page.items[0].id)
    await store.close()
    return {
        ("one settlement per contract", ids["contract_id"]),
        ("the ledger balances", "tenant_c"),
        ("the ledger balances", ids["provider_id"]),
    }


async def wrong_price(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    await change(
        place, "aex-contract-engine", "contracts", ids["contract_id"], lambda doc: {**doc, "price_micro": 11_000_000}
    )
    return {("one settlement per contract", ids["contract_id"])}


async def second_contract(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    store = await place.open("aex-contract-engine")
    stored = await store.get("contracts", ids["contract_id"])
    assert stored is not None
    await store.insert("contracts", "contract_second", {**stored.doc, "status": "AWARDED"})
    await store.close()
    return {("one contract per work", ids["work_id"]), ("one contract per work", "contract_second")}


async def contract_lost(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    store = await place.open("aex-contract-engine")
    await store.delete("contracts", ids["contract_id"])
    await store.close()
    return {("one contract per work", ids["work_id"]), ("one settlement per contract", ids["contract_id"])}


async def outcome_lost(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    store = await place.open("aex-trust-broker")
    page = await store.query("contract_outcomes", {"provider_id": ids["provider_id"]}, order="-completed_at", limit=1)
    await store.delete("contract_outcomes", page.items[0].id)
    await store.close()
    return {
        ("one outcome per contract", ids["contract_id"]),
        ("trust counters equal outcomes", ids["provider_id"]),
    }


async def forgotten_effect(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    effect: Document = {"n": "x", "kind": "trust", "payload": {}, "left": None, "at": None}
    await change(place, "aex-contract-engine", "contracts", ids["contract_id"], lambda doc: {**doc, "outbox": [effect]})
    return {("no dangling outbox", f"contracts/{ids['contract_id']}")}


async def endless_reservation(place: Place, ids: dict[str, str]) -> set[tuple[str, str]]:
    store = await place.open("aex-contract-engine")
    await store.insert("contracts", "contract_r", {"status": "RESERVED", "work_id": "work_other"})
    await store.close()
    return {("no dangling outbox", "contracts/contract_r")}


@pytest.mark.parametrize(
    "damage",
    [
        settled_twice,
        settlement_lost,
        wrong_price,
        second_contract,
        contract_lost,
        outcome_lost,
        forgotten_effect,
        endless_reservation,
    ],
)
async def test_each_kind_of_damage_is_found_and_nothing_else_is(simple: Place, damage: Damage) -> None:
    ids = await fill(simple)
    expected = await damage(simple, ids)
    assert await look(simple) == expected


async def test_effects_that_nobody_sends_are_found_when_they_are_overdue(simple: Place) -> None:
    ids = await fill(simple)
    effect: Document = {"n": "x", "kind": "trust", "payload": {}, "left": None, "at": None}
    due: Document = {"outbox": [effect], "outbox_pending": True, "outbox_next_at": "2026-01-01T00:00:00.000000Z"}
    await change(simple, "aex-contract-engine", "contracts", ids["contract_id"], lambda doc: {**doc, **due})
    assert await look(simple) == {("no dangling outbox", f"contracts/{ids['contract_id']}")}


async def test_an_outcome_that_nobody_counted_is_found(simple: Place) -> None:
    await fill(simple)
    store = await simple.open("aex-trust-broker")
    doc: Document = {
        "provider_id": "prov_x",
        "contract_id": "contract_x",
        "outcome": "SUCCESS",
        "applied": False,
        "completed_at": "2026-11-24T00:00:00.000000Z",
        "recorded_at": "2026-11-24T00:00:00.000000Z",
    }
    await store.insert("contract_outcomes", "out_x", doc)
    await store.close()
    assert ("trust counters equal outcomes", "out_x") in await look(simple)


async def test_a_check_writes_nothing(simple: Place) -> None:
    await fill(simple)
    before = [stored async for stored in everything_of(simple)]
    await check(simple, again=0)
    assert [stored async for stored in everything_of(simple)] == before


async def everything_of(place: Place) -> AsyncIterator[Stored]:
    from aex.store.declarations import load
    from aex.store.whole import everything
    from aex.tools.place import Readers

    async with Readers(place) as readers:
        for name, collection in load().items():
            async for stored in everything(await readers.of(collection), name):
                yield stored


def test_the_command(simple: Place, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill(simple))
    assert main(["check", "--data", str(simple.folder)]) == 0
    assert "every invariant holds" in capsys.readouterr().out
    assert main(["check", "--data", f"{simple.folder}-not"]) == 2
    assert "name the folder that holds the services' databases" in capsys.readouterr().err
