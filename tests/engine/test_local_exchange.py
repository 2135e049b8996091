"""The real ten services under the real engine, with service authentication as in the clouds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import cast

import httpx
import psutil
import pytest

from infra.ops.client import Client, Json
from infra.ops.trade import DEPOSIT, Trade
from tests.engine import workshop
from tests.engine.workshop import Workshop

pytestmark = [pytest.mark.engine, pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    made = workshop.new(tmp_path_factory.mktemp("real") / "checkout")
    made.set("local", "serviceAuth", "token")
    try:
        made.up()
        yield made
    finally:
        made.close()


def test_all_are_ready_and_none_is_large(real: Workshop):
    for service, port in real.ports.items():
        assert httpx.get(f"http://127.0.0.1:{port}/ready").json()["status"] == "ready", service
    sizes = {name: psutil.Process(pid).memory_info().rss / 2**20 for name, pid in real.pids().items()}
    assert len(sizes) == 10 and max(sizes.values()) < 200, sizes


def test_the_key_of_the_outputs_opens_the_gateway(real: Workshop):
    outputs = real.outputs()
    gateway, key = str(outputs["gatewayUrl"]), str(outputs["apiKey"])
    assert httpx.get(f"{gateway}/v1/work").status_code == 401
    answer = httpx.get(f"{gateway}/v1/work", headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    # Through the gateway the call carried a token of the gateway's own key; straight to the service it carries none.
    direct = httpx.get(f"http://127.0.0.1:{real.ports['aex-work-publisher']}/v1/work")
    assert direct.status_code in {401, 403}


def test_two_tenants_trade_through_the_gateway(real: Workshop):
    outputs = real.outputs()
    with Client(str(outputs["gatewayUrl"]), key=str(outputs["apiKey"])) as operator:
        trade = Trade(operator, mark="engine")
        try:
            answers = dict(trade.steps())
            work = trade.consumer.client.get(f"/v1/work/{trade.work['work_id']}")
        finally:
            trade.close()
    price = Decimal(str(answers["award"]["agreed_price"]))
    winner = answers["award"]["provider_id"]
    after = answers["after"]
    providers = {one["provider_id"]: one for one in cast("list[Json]", after["providers"])}
    assert answers["completed"]["status"] == "COMPLETED"
    assert (work["status"], work["bids_received"], work["contract_id"]) == (
        "COMPLETED",
        len(providers),
        answers["award"]["contract_id"],
    )
    assert Decimal(str(after["consumer"])) == Decimal(DEPOSIT) - price
    for provider_id, one in providers.items():
        won = provider_id == winner
        assert Decimal(str(one["balance"])) == (price * Decimal("0.85") if won else 0)
        assert (one["total_contracts"], one["successful_contracts"]) == ((1, 1) if won else (0, 0))


def test_the_key_stays_out_of_the_logs(real: Workshop):
    key = str(real.outputs()["apiKey"])
    logs = [file.read_text() for file in (real.folder / "logs").iterdir()]
    assert len(logs) >= 10
    assert not any(key in log for log in logs)


def test_one_services_code_restarts_that_one_and_its_data_outlives_everything(real: Workshop):
    assert real.preview() == {}
    before = real.pids()
    code = real.root / "app" / "aex" / "settlement" / "app.py"
    code.write_text(code.read_text() + "\n# touched\n")
    assert "1 updated" in real.up()
    after = real.pids()
    assert {service for service in after if after[service] != before[service]} == {"aex-settlement"}
    assert httpx.get(f"http://127.0.0.1:{real.ports['aex-settlement']}/ready").json()["status"] == "ready"
    real.destroy()
    assert real.listening() == [] and real.processes() == []
    database = sqlite3.connect(real.folder / "data" / "aex-identity.sqlite3")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
