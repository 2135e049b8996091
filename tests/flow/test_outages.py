"""The database goes away under load, or answers no more: what the clients see, and that nothing acknowledged is lost.

One real process, settlement, because it is where a lost or doubled write costs money; how the others meet a database
that is gone is the same store and the same edge.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from aex.core.ids import derived_id
from aex.store.declarations import load
from aex.store.whole import everything
from aex.tools.check import check
from aex.tools.place import Readers
from tests.app.store.servers import free_port
from tests.flow.exchange import Exchange, exchange
from tests.flow.outages import Database, Firestore, Mongo

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

Record = Callable[[str, object], None]
SETTLEMENT = "aex-settlement"
TENANT = "tenant_load"
CLIENTS = 16
DEADLINE_SECONDS = 20.0
"""No answer takes longer: 8 s in the gate of the store, twice where a read follows a write, and a busy machine."""


@dataclass
class Load:
    """Clients that deposit one unit after the other, each under a key of its own, and repeat what was refused."""

    client: httpx.AsyncClient
    sent: set[str] = field(default_factory=set[str])
    acknowledged: set[str] = field(default_factory=set[str])
    repeated: set[str] = field(default_factory=set[str])
    refused: int = 0
    slowest: float = 0.0
    stopping: bool = False
    strange: Counter[str] = field(default_factory=Counter[str])

    async def one(self, name: str) -> None:
        """One client, until `stopping`; it leaves nothing unacknowledged."""
        count = 0
        while not self.stopping:
            count += 1
            await self.until_acknowledged(f"{name}-{count}")
            if count % 2 == 0:  # what a client does whose answer was lost: delivered twice
                self.repeated.add(f"{name}-{count}")
                await self.until_acknowledged(f"{name}-{count}")
            await asyncio.sleep(0.005)

    async def goes_on(self, deposits: int) -> None:
        """Waits until that many more are acknowledged: machines differ in how long that takes."""
        wanted, begun = len(self.acknowledged) + deposits, time.monotonic()
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < begun + 60, f"{len(self.acknowledged)} of {wanted} deposits after a minute"
            await asyncio.sleep(0.02)

    async def until_acknowledged(self, key: str) -> None:
        """Sends it until it is acknowledged, as the Retry-After of a refusal asks."""
        self.sent.add(key)
        while True:
            begun = time.monotonic()
            body = {"tenant_id": TENANT, "amount": "1"}
            answer = await self.client.post("/v1/deposits", json=body, headers={"X-Idempotency-Key": key})
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if answer.status_code == 201:
                self.acknowledged.add(key)
                return
            self.refused += 1
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                self.strange[f"{answer.status_code} {answer.text}"] += 1
                return
            await asyncio.sleep(min(float(answer.headers["retry-after"]), 0.2))


@pytest.fixture(params=["mongo", "firestore"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database that may be taken away."""
    if request.param == "mongo":
        (tmp_path / "mongo").mkdir()
        return Mongo(tmp_path)
    return Firestore(request.getfixturevalue("firestore_emulator"), free_port())


@pytest.fixture
async def alone(database: Database, tmp_path: Path) -> AsyncGenerator[Exchange, None]:
    """Settlement alone on that database."""
    if isinstance(database, Firestore):
        await database.up()
    try:
        async with exchange(tmp_path, place=database.place, only=(SETTLEMENT,)) as one:
            yield one
    finally:
        await database.close()


async def test_a_database_that_goes_away_under_load_costs_time_and_nothing_else(
    alone: Exchange, database: Database, record_property: Record
) -> None:
    async with alone.client(SETTLEMENT) as client:
        load = Load(client)
        clients = [asyncio.create_task(load.one(str(number))) for number in range(CLIENTS)]
        await load.goes_on(3 * CLIENTS)
        await database.down()
        await asyncio.sleep(2)
        assert (await client.get("/health")).status_code == 200, "the process lives, it must not be restarted"
        assert (await client.get("/ready", timeout=30)).status_code == 503
        await database.up()
        back = time.monotonic()
        while (await client.get("/ready", timeout=30)).status_code != 200:
            assert time.monotonic() < back + 30, "it did not recover by itself"
            await asyncio.sleep(0.05)
        recovered = time.monotonic() - back
        await load.goes_on(2 * CLIENTS)
        load.stopping = True
        await asyncio.gather(*clients)
        assert load.strange == {}
        assert load.refused and load.repeated, "the load did not meet the outage"
        assert load.slowest < DEADLINE_SECONDS
        await assert_exact(load, alone, record_property)
        print(f"recovered after {recovered:.1f} s, slowest answer {load.slowest:.1f} s")


async def test_a_database_that_stops_answering_piles_nothing_up(
    alone: Exchange, database: Database, record_property: Record
) -> None:
    async with alone.client(SETTLEMENT) as client:
        load = Load(client)
        await asyncio.gather(*(load.until_acknowledged(f"warm-{number}") for number in range(CLIENTS)))
        database.freeze()
        try:
            asking = [asyncio.create_task(load.until_acknowledged(f"frozen-{number}")) for number in range(96)]
            await asyncio.sleep(1)
            begun = time.monotonic()
            assert (await client.get("/health")).status_code == 200
            assert time.monotonic() - begun < 2, "who needs no database is not kept waiting"
            while not load.refused:
                await asyncio.sleep(0.1)
                assert time.monotonic() - begun < DEADLINE_SECONDS, "nobody was told that the database is slow"
        finally:
            database.thaw()
        await asyncio.gather(*asking)
        assert load.strange == {}
        assert load.slowest < DEADLINE_SECONDS
        await assert_exact(load, alone, record_property)
        print(f"slowest answer {load.slowest:.1f} s")


async def assert_exact(done: Load, alone: Exchange, record: Record) -> None:
    """Every acknowledged deposit is in the ledger, once; read from the database and not from the service."""
    async with Readers(alone.place) as readers:
        booked = [entry async for entry in everything(await readers.of(load()["ledger"]), "ledger")]
    references = Counter(str(entry.doc["reference"]) for entry in booked)
    lost = {key for key in done.acknowledged if derived_id("tx_", TENANT, key) not in references}
    async with alone.client(SETTLEMENT) as client:
        balance = int((await client.get(f"/v1/balance?tenant_id={TENANT}")).json()["balance"])
    figures = (
        f"{alone.place}: sent {len(done.sent)}, acknowledged {len(done.acknowledged)}, repeated {len(done.repeated)},"
        f" refused with 503 {done.refused}, lost {len(lost)}, doubled {balance - len(done.acknowledged)}"
    )
    print(figures)
    record("figures", figures)
    assert done.acknowledged == done.sent and not lost and done.repeated <= done.sent
    assert len(booked) == balance == len(done.acknowledged)
    assert await check(alone.place) == 0
