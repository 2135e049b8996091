"""`python -m aex check` against a real server: what it says, and its exit code."""

import asyncio
import base64
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from aex.__main__ import main
from aex.core.check import check
from aex.core.service_tokens import public_key
from aex.settlement.app import DEFINITION
from tests.app.settlement.ledgers import Bench, bench, execution
from tests.app.support import client_of, running, runtime_of


@asynccontextmanager
async def listening(app: object) -> AsyncGenerator[str, None]:
    """`app` on a free port of this machine; its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))  # pyright: ignore[reportArgumentType]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        task = asyncio.create_task(server.serve(sockets=[taken]))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        server.should_exit = True
        await task


async def test_a_ledger_that_balances(capsys: pytest.CaptureFixture[str]) -> None:
    async with bench() as b, listening(b.app) as url:
        await b.deposit("tenant_c", "100")
        await b.settle()
        capsys.readouterr()
        assert await check(None, {"SETTLEMENT_URL": url}) == 0
        said = capsys.readouterr().out
        assert "2 entries, 2 accounts, deposited 100, earned in fees 1.5" in said
        assert "the ledger balances" in said


async def test_a_ledger_that_does_not_balance(capsys: pytest.CaptureFixture[str]) -> None:
    async with bench() as b, listening(b.app) as url:
        await b.deposit("tenant_c", "100")
        await b.settle()
        await b.fold()
        await tampered(b)
        assert await check(url, {}) == 1
        said = capsys.readouterr().out
        assert "account tenant_c: the balance is 80, the ledger says 90" in said
        assert "has a fee of 0 micro-units instead of 1500000" in said
        assert "does NOT balance" in said


async def tampered(b: Bench) -> None:
    """A balance that lost an update, and an entry without its fee."""
    balance = await b.store.get("balances", "tenant_c")
    assert balance is not None
    await b.store.replace(balance, {**balance.doc, "balance_micro": 80_000_000}, collection="balances")
    page = await b.store.query("ledger", {"consumer_id": "tenant_c"}, order="-created_at", limit=1)
    await b.store.replace(page.items[0], {**page.items[0].doc, "fee_micro": 0}, collection="ledger")


async def test_the_operator_proves_itself_with_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    seed, other = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"x"))
    settings: dict[str, object] = {
        "AEX_SERVICE_AUTH": "token",
        "AEX_SERVICE_SEED": other,
        "AEX_CALLERS": "operator",
        "AEX_SERVICE_KEYS": {"operator": public_key(seed)},
    }
    async with running(DEFINITION, **settings) as app, listening(app) as url:  # pyright: ignore[reportArgumentType]
        assert await check(url, {}) == 2
        assert "set AEX_SERVICE_SEED" in capsys.readouterr().err
        assert await check(url, {"AEX_SERVICE_SEED": "not base64"}) == 2
        assert await check(url, {"AEX_SERVICE_SEED": seed}) == 0
        assert runtime_of(app).name == DEFINITION.name
        assert (await client_of(app).post("/internal/settlement/complete", json=execution())).status_code == 401


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--url", "http://127.0.0.1:9"]) == 2
    assert "could not be checked at http://127.0.0.1:9" in capsys.readouterr().err
