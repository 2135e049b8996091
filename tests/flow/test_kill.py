"""kill -9 in the middle of settlement and of completion: what was acknowledged is there, once, after the restart."""

import asyncio
import json
import random

import httpx
import pytest

from tests.flow.exchange import Exchange
from tests.flow.steps import Direct

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

ROUNDS = 6
"""Kills a test, at a random moment of the load each; the moment is printed, so that a failure can be repeated."""


def random_delays() -> list[float]:
    delays = [random.uniform(0.0, 0.08) for _ in range(ROUNDS)]
    print("killed after", ", ".join(f"{delay * 1000:.0f} ms" for delay in delays))
    return delays


@pytest.mark.parametrize("victim", ["aex-contract-engine", "aex-settlement", "aex-trust-broker"])
async def test_a_completion_survives_the_death_of_whoever_takes_part(
    running: Exchange, direct: Direct, victim: str
) -> None:
    for number, delay in enumerate(random_delays()):
        trade = await direct.awarded(f"{victim}-{number}", price=10)
        report = asyncio.create_task(direct.report(trade, "complete", {"success": True, "result_summary": "done"}))
        await asyncio.sleep(delay)
        running.kill(victim)
        acknowledged = False
        try:
            acknowledged = (await report).is_success
        except httpx.HTTPError:
            acknowledged = False
        await running.start(victim)
        again = await direct.report(trade, "complete", {"success": True, "result_summary": "done"})
        assert again.status_code in ({409} if acknowledged else {200, 409}), again.text
        path = f"/v1/providers/{trade.provider_id}/trust"
        trust = await direct.until("trust-broker", path, lambda trust: trust["total_contracts"] != 0)
        assert trust["total_contracts"] == 1
        path = f"/v1/balance?tenant_id={trade.consumer_id}"
        await direct.until("settlement", path, lambda account: account["balance"] == "-10")
        assert (await direct.balance(trade.consumer_id), await direct.balance(trade.provider_id)) == ("-10", "8.5")
        work = await direct.must("work-publisher", "GET", f"/v1/work/{trade.work_id}")
        assert work["contract_id"] == trade.contract_id
    check = await direct.must("settlement", "GET", "/internal/v1/ledger/check")
    assert check["sum_micro"] == 0 and check["differences"] == []


async def test_deposits_count_once_each_when_settlement_dies_under_load(running: Exchange, direct: Direct) -> None:
    acknowledged: set[str] = set()
    sent: set[str] = set()

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
            return  # the server is dead, which is what this test is about

    for number, delay in enumerate(random_delays()):
        load = [asyncio.create_task(depositor(f"{number}-{one}")) for one in range(8)]
        await asyncio.sleep(0.2 + delay)
        running.kill("aex-settlement")
        await asyncio.gather(*load)
        await running.start("aex-settlement")
        # A client repeats under the same key what was not answered, and sometimes what was.
        for key in [*(sent - acknowledged), *sorted(acknowledged)[:3]]:
            await send(key)
    print(f"kills {ROUNDS}, deposits sent {len(sent)}, balance {await direct.balance('tenant_load')}")
    assert await direct.balance("tenant_load") == str(len(sent)), "nothing lost, nothing doubled"
    check = await direct.must("settlement", "GET", "/internal/v1/ledger/check")
    assert check["sum_micro"] == 0 and check["differences"] == []


async def test_a_restart_of_all_ten_forgets_nothing(running: Exchange, direct: Direct) -> None:
    trade = await direct.awarded("restart", price=30)
    assert (await direct.report(trade, "complete", {"success": True, "result_summary": "done"})).is_success
    before = await direct.must("contract-engine", "GET", f"/v1/contracts/{trade.contract_id}")
    for name in running.ports:
        assert running.terminate(name) == 0, running.log(name)[-2000:]
    await running.start()
    assert await direct.must("contract-engine", "GET", f"/v1/contracts/{trade.contract_id}") == before
    assert await direct.balance(trade.provider_id) == "25.5"


class Held:
    """A deposit that the server has accepted and that waits for the rest of its body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: bytes) -> None:
        self._reader, self._writer, self._rest = reader, writer, rest

    @classmethod
    async def begin(cls, port: int) -> "Held":
        """Sends half a deposit of one unit; the interim answer proves that the service's code is waiting for more."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"tenant_id": "tenant_drain", "amount": "1"}).encode()
        head = (
            "POST /v1/deposits HTTP/1.1",
            "Host: settlement",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Expect: 100-continue",
        )
        writer.write("\r\n".join((*head, "", "")).encode() + body[:10])
        interim = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert interim.startswith(b"HTTP/1.1 100 "), interim
        return cls(reader, writer, body[10:])

    async def finish(self) -> bytes:
        """Sends the rest; returns the status line, or nothing when the server has gone."""
        try:
            self._writer.write(self._rest)
            return await asyncio.wait_for(self._reader.readline(), 20)
        except ConnectionError:
            return b""
        finally:
            self._writer.close()


async def refuses_connections(port: int) -> None:
    """Waits until nobody listens on `port` any more."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.02)


async def test_sigterm_lets_every_accepted_request_finish(running: Exchange, direct: Direct) -> None:
    port = running.ports["aex-settlement"]
    held = [await Held.begin(port) for _ in range(16)]
    ending = asyncio.create_task(asyncio.to_thread(running.terminate, "aex-settlement"))
    await refuses_connections(port)  # it has heard the signal and takes nothing new
    answers = [await one.finish() for one in held]
    code = await ending
    await running.start("aex-settlement")
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 201"] * len(held)
    assert code == 0
    assert await direct.balance("tenant_drain") == str(len(held))
