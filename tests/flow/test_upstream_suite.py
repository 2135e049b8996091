"""What upstream's integration suite insists on (contract 1.7), asked of ten real processes on their own ports.

The suite uses fixed names, so each test runs twice over one exchange: on fresh state, and once more on what the first
round left behind. It decodes answers into Go structs: what it decodes has to have the type that it decodes into.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from infra.components.environment import ServiceAuth
from tests.flow.exchange import Exchange
from tests.flow.suite import OFFSET, Suite, filled, number, objects

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

_run = itertools.count()


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for all tests here, as upstream's suite has it."""
    running = Exchange(tmp_path_factory.mktemp("suite"), auth=ServiceAuth.OFF, overrides={})
    try:
        asyncio.run(running.start())
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module", params=["fresh state", "second run on the same state"])
def suite(request: pytest.FixtureRequest, ten: Exchange) -> Iterator[Suite]:
    """The suite's client; the second time everything here runs again on what the first time left."""
    del request
    calls = Suite(ten)
    yield calls
    calls.close()


@pytest.fixture
def fresh_id() -> str:
    """An id that no other test and no other round uses."""
    return f"tenant_suite_{next(_run)}_{time.time_ns()}"


def test_01_all_ten_are_healthy(suite: Suite) -> None:
    for name in suite.running.ports:
        assert suite.call(name.removeprefix("aex-"), "GET", "/health").status_code == 200, name


@pytest.mark.parametrize("name", ["Test Consumer", "Test Provider Tenant", "Duplicate Test 1"])
def test_02_a_tenant_is_created_again_and_again_under_one_name(suite: Suite, name: str) -> None:
    ids = {suite.tenant(name) for _ in range(2)}
    for tenant_id in ids:
        read = suite.must("identity", "GET", f"/v1/tenants/{tenant_id}")
        assert (read["id"], read["name"]) == (tenant_id, name)


def test_02_a_name_that_a_database_cannot_hold_is_the_callers_mistake(suite: Suite) -> None:
    answer = suite.call("identity", "POST", "/v1/tenants", {"name": "null\x00byte", "email": "a@example.com"})
    assert answer.status_code == 400


def test_03_keys_are_made_and_listed_as_a_bare_array(suite: Suite) -> None:
    tenant_id = suite.tenant("Test Consumer")
    body = {"name": "suite", "scopes": ["work:read", "work:write"]}
    made = suite.must("identity", "POST", f"/v1/tenants/{tenant_id}/api-keys", body)
    filled(made, "key")
    listed = suite.call("identity", "GET", f"/v1/tenants/{tenant_id}/api-keys").json()
    assert isinstance(listed, list)
    by_id = {filled(row, "id"): row["scopes"] for row in objects({"keys": listed}, "keys")}
    assert by_id[filled(made, "id")] == ["work:read", "work:write"]


@pytest.mark.parametrize(
    "name", ["Test AI Provider 1", "Alternative AI Provider", "Integration Test Provider", "Bid Test Provider"]
)
def test_04_a_provider_registered_again_keeps_its_id_and_gets_a_key_that_works(suite: Suite, name: str) -> None:
    provider_id, _ = suite.provider(name)
    same_id, key = suite.provider(name)
    assert same_id == provider_id
    read = suite.must("provider-registry", "GET", f"/v1/providers/{provider_id}")
    assert (read["provider_id"], read["name"]) == (provider_id, name)
    assert read["capabilities"] == ["nlp", "translation"]
    suite.bid(suite.work(), key)


def test_05_subscriptions_are_made_and_listed(suite: Suite) -> None:
    provider_id, _ = suite.provider("Integration Test Provider")
    body = {
        "provider_id": provider_id,
        "categories": ["nlp", "nlp.*"],
        "filters": {"min_budget": 0.01, "max_latency_ms": 5000, "regions": ["us-east-1"]},
        "delivery": {"method": "webhook", "webhook_url": "https://provider.example.com/work"},
    }
    made = filled(suite.must("provider-registry", "POST", "/v1/subscriptions", body), "subscription_id")
    listed = suite.must("provider-registry", "GET", f"/v1/subscriptions?provider_id={provider_id}")
    assert made in {row["subscription_id"] for row in objects(listed, "subscriptions")}


@pytest.mark.parametrize(("price", "window_ms"), [(0.02, 30_000), (100, 60_000), (2000, 600_000)])
def test_06_work_is_published_and_read(suite: Suite, price: float, window_ms: int) -> None:
    more: dict[str, object] = {
        "constraints": {"max_latency_ms": 5000, "regions": ["us-east-1"]},
        "payload": {"text": "x"},
    }
    for parts in (more, {}):
        work_id = suite.work(price, window_ms, **parts)
        read = suite.must("work-publisher", "GET", f"/v1/work/{work_id}")
        assert read["work_id"] == work_id
        assert all(isinstance(read.get(name), dict | None) for name in ("constraints", "budget", "payload"))


def test_06_a_payload_of_100_kib_is_taken(suite: Suite) -> None:
    suite.work(payload={"data": "x" * 102_400})


def test_07_one_provider_bids_three_times_on_one_work(suite: Suite) -> None:
    _, key = suite.provider("Bid Test Provider")
    work_id = suite.work(2000)
    optional: dict[str, object] = {
        "sla": {"max_latency_ms": 500, "availability": 0.99},
        "mvp_sample": {"sample_input": "a", "sample_output": "b", "sample_latency_ms": 3},
    }
    ids = {suite.bid(work_id, key, 0.01), suite.bid(work_id, key, 1000), suite.bid(work_id, key, 10, **optional)}
    assert len(ids) == 3
    listed = suite.must("bid-gateway", "GET", f"/internal/v1/bids?work_id={work_id}")
    assert {row["bid_id"] for row in objects(listed, "bids")} == ids


@pytest.mark.parametrize("key", ["invalid-api-key", ""])
def test_07_a_bid_under_an_unknown_key_is_refused(suite: Suite, key: str) -> None:
    body = {
        "work_id": suite.work(),
        "price": 1,
        "a2a_endpoint": "https://provider.example.com/a2a",
        "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }
    assert suite.call("bid-gateway", "POST", "/v1/bids", body, key).status_code >= 400


def test_08_bids_are_evaluated_several_times_while_the_window_is_open(suite: Suite) -> None:
    keys = [suite.provider(name)[1] for name in ("Test AI Provider 1", "Alternative AI Provider")]
    work_id = suite.work(100)
    bids = {suite.bid(work_id, key, price) for key, price in zip(keys, (20, 80), strict=True)}
    body = {"work_id": work_id, "budget": {"max_price": 100, "bid_strategy": "lowest_price"}}
    for _ in range(3):
        ranked = objects(suite.must("bid-evaluator", "POST", "/internal/v1/evaluate", body), "ranked_bids")
        assert {filled(row, "bid_id") for row in ranked} == bids
        assert all(filled(row, "provider_id") for row in ranked)
        scores = [number(row, "total_score") for row in ranked]
        assert scores == sorted(scores, reverse=True)


def test_09_work_is_awarded_to_the_best_bid_while_the_window_is_open(suite: Suite) -> None:
    suite.contract()


def test_09_work_is_awarded_to_a_chosen_bid_while_the_window_is_open(suite: Suite) -> None:
    _, key = suite.provider("Test AI Provider 1")
    work_id = suite.work()
    suite.bid(work_id, key, 10)
    chosen = suite.bid(work_id, key, 30)
    made = suite.must("contract-engine", "POST", f"/v1/work/{work_id}/award", {"bid_id": chosen})
    assert filled(made, "contract_id") and filled(made, "execution_token")
    assert number(made, "agreed_price") == 30


Report = tuple[str, dict[str, object]]
COMPLETE: Report = ("complete", {"success": True, "result_summary": "done", "metrics": {"tokens": 12}})
FAIL: Report = ("fail", {"reason": "provider_error", "message": "no", "reported_by": "provider"})


@pytest.mark.parametrize(("report", "status"), [(COMPLETE, "COMPLETED"), (FAIL, "FAILED")])
@pytest.mark.parametrize("steps", [0, 3], ids=["directly", "after progress"])
def test_10_and_11_a_contract_ends_and_anybody_may_read_how(
    suite: Suite, report: Report, status: str, steps: int
) -> None:
    contract = suite.contract()
    for step in range(steps):
        suite.report(contract, "progress", {"status": "in_progress", "percent": step * 30, "message": "at it"})
    suite.report(contract, *report)
    read = suite.must("contract-engine", "GET", f"/v1/contracts/{contract[0]}")
    assert (read["contract_id"], read["status"]) == (contract[0], status)
    assert isinstance(read.get("outcome", {}), dict)
    times = [name for name in read if name.endswith("_at")]
    assert len(times) >= 3
    assert all(isinstance(read[name], str) for name in times)
    assert isinstance(read.get("failure_reason", ""), str)


@pytest.mark.parametrize("what", ["progress", "complete", "fail"])
def test_10_a_wrong_token_is_refused(suite: Suite, what: str) -> None:
    contract_id, _ = suite.contract()
    body = {"status": "in_progress", "success": True, "result_summary": "", "reason": "x"}
    answer = suite.call("contract-engine", "POST", f"/v1/contracts/{contract_id}/{what}", body, "wrong-token")
    assert answer.status_code >= 400
    read = suite.must("contract-engine", "GET", f"/v1/contracts/{contract_id}")
    assert read["status"] == "AWARDED"


@pytest.mark.parametrize("known", [True, False], ids=["a tenant", "an id that identity does not know"])
def test_12_deposits_are_in_the_balance_and_in_the_history(suite: Suite, fresh_id: str, known: bool) -> None:
    tenant_id = suite.tenant("Test Consumer") if known else fresh_id
    for amount in ("100.00", "50.25"):
        suite.must("settlement", "POST", "/v1/deposits", {"tenant_id": tenant_id, "amount": amount})
    balance = suite.must("settlement", "GET", f"/v1/balance?tenant_id={tenant_id}")["balance"]
    assert isinstance(balance, str) and float(balance) == 150.25
    rows = objects(suite.must("settlement", "GET", f"/v1/usage/transactions?tenant_id={tenant_id}"), "transactions")
    assert sorted(filled(row, "amount") for row in rows) == ["100.00", "50.25"]
    assert all(isinstance(row.get("balance", ""), str) for row in rows)


Batch = tuple[str, Callable[[str], dict[str, object]]]
LOGS: Batch = ("logs", lambda trace: {"level": "INFO", "service": "suite", "message": "m", "trace_id": trace})
SUMMARY: Batch = ("metrics", lambda _: {"name": "n", "type": "summary", "value": 1.5, "service": "suite"})
SPANS: Batch = (
    "spans",
    lambda trace: {
        "trace_id": trace,
        "span_id": "s",
        "service": "suite",
        "operation": "o",
        "start_time": datetime.now(OFFSET).isoformat(timespec="seconds"),
        "end_time": datetime.now(OFFSET).isoformat(timespec="seconds"),
        "duration_ms": 4,
        "status": "OK",
        "attributes": {"k": "v"},
    },
)


@pytest.mark.parametrize(("kind", "record"), [LOGS, SUMMARY, SPANS], ids=["logs", "metrics", "spans"])
def test_13_telemetry_accepts_all_that_it_is_sent(
    suite: Suite, fresh_id: str, kind: str, record: Callable[[str], dict[str, object]]
) -> None:
    sent = [record(fresh_id) for _ in range(5)]
    assert suite.must("telemetry", "POST", f"/v1/{kind}", sent)["accepted"] == 5
    if kind == "spans":
        assert len(objects(suite.must("telemetry", "GET", f"/v1/traces/{fresh_id}"), "spans")) == 5


def test_14_the_gateway_is_healthy_soon_and_answers_preflights(suite: Suite) -> None:
    started = time.monotonic()
    assert suite.call("gateway", "GET", "/health").status_code == 200
    assert time.monotonic() - started < 5
    assert suite.call("gateway", "OPTIONS", "/v1/work").status_code == 204


def test_the_ledger_balances_after_everything(suite: Suite) -> None:
    check = suite.must("settlement", "GET", "/internal/v1/ledger/check")
    assert check["sum_micro"] == 0 and check["differences"] == []
