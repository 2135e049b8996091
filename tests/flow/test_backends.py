"""The whole exchange on the databases of the clouds, as ten real processes: a trade, deaths in the middle, the check.

The other flow tests run on SQLite. What they show of the services does not depend on the database; that the databases
keep the same promises, the conformance suite shows; this shows that the two fit together.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest

from aex.tools.check import check
from aex.tools.place import Place
from tests.app.tools.places import empty_place
from tests.flow.exchange import Exchange, exchange
from tests.flow.steps import Direct
from tests.flow.test_trade import assert_everybody_is_paid_and_trusted

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

ROUNDS = 2
"""Deaths of each victim; `test_kill` has more of them, on SQLite."""


@pytest.fixture(params=["mongo-each", "firestore"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database; on MongoDB one for each service, as on AWS."""
    return empty_place(request.param, request, tmp_path)


@pytest.fixture
async def on(place: Place, tmp_path: Path) -> AsyncGenerator[Exchange, None]:
    """Ten processes on that database."""
    async with exchange(tmp_path, place=place, RATE_LIMIT_PER_MINUTE="1000000") as one:
        yield one


async def test_the_exchange_keeps_its_promises_on_every_database(on: Exchange) -> None:
    direct = Direct(on)
    try:
        await assert_everybody_is_paid_and_trusted(on, direct)
        for victim in ("aex-settlement", "aex-contract-engine"):
            for number in range(ROUNDS):
                await completion_survives(on, direct, victim, f"{victim}-{number}")
        await deposits_survive(on, direct)
        assert await check(on.place) == 0
    finally:
        await direct.close()


async def completion_survives(on: Exchange, direct: Direct, victim: str, mark: str) -> None:
    trade = await direct.awarded(mark, price=10)
    done = {"success": True, "result_summary": "done"}
    report = asyncio.create_task(direct.report(trade, "complete", done))
    await asyncio.sleep(random.uniform(0.0, 0.08))
    on.kill(victim)
    try:
        acknowledged = (await report).is_success
    except httpx.HTTPError:
        acknowledged = False
    await on.start(victim)
    again = await direct.report(trade, "complete", done)
    assert again.status_code in ({409} if acknowledged else {200, 409}), again.text
    path = f"/v1/balance?tenant_id={trade.provider_id}"
    await direct.until("settlement", path, lambda account: account["balance"] == "8.5")
    path = f"/v1/providers/{trade.provider_id}/trust"
    await direct.until("trust-broker", path, lambda trust: trust["total_contracts"] == 1)


async def deposits_survive(on: Exchange, direct: Direct) -> None:
    """Settlement dies under load: what was acknowledged is there, and what is repeated counts once."""
    sent: set[str] = set()
    acknowledged: set[str] = set()

    async def send(key: str) -> None:
        sent.add(key)
        body = {"tenant_id": "tenant_load", "amount": "1"}
        answer = await direct.call("settlement", "POST", "/v1/deposits", body, X_Idempotency_Key=key)
        assert answer.is_success, answer.text
        acknowledged.add(key)

    async def depositor(name: str) -> None:
        count = 0
        try:
            while True:
                count += 1
                await send(f"{name}-{count}")
        except httpx.HTTPError:
            return  # the server is dead, which is what this is about

    for number in range(ROUNDS):
        load = [asyncio.create_task(depositor(f"{number}-{one}")) for one in range(8)]
        await asyncio.sleep(random.uniform(0.2, 0.4))
        on.kill("aex-settlement")
        await asyncio.gather(*load)
        await on.start("aex-settlement")
        booked = float(await direct.balance("tenant_load"))
        assert len(acknowledged) <= booked <= len(sent), "an acknowledged deposit is lost, or one is doubled"
        for key in [*(sent - acknowledged), *sorted(acknowledged)[:3]]:
            await send(key)
    print(f"{on.place}: kills {ROUNDS}, sent {len(sent)}, acknowledged {len(acknowledged)}, lost 0, doubled 0")
    assert await direct.balance("tenant_load") == str(len(sent))
