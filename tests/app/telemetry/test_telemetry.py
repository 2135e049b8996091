"""Telemetry over HTTP: what is taken, what is found again, by whom."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from aex.core.service_tokens import TokenProof, public_key
from aex.telemetry.app import DEFINITION
from aex.telemetry.models import MAX_BATCH
from tests.app.support import TestClock, client_of, error_code, running

KINDS = ("logs", "metrics", "spans")


@dataclass
class Telemetry:
    """The service and its clock, which shows the real time: the store drops what is old by the real time."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: TestClock

    async def post(self, kind: str, body: object, client: httpx.AsyncClient | None = None) -> int:
        answer = await (client or self.client).post(f"/v1/{kind}", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["accepted"]

    async def get(self, path: str, client: httpx.AsyncClient | None = None, /, **params: str) -> dict[str, object]:
        answer = await (client or self.client).get(f"/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def messages(self, **params: str) -> list[object]:
        """The messages of all pages."""
        found: list[object] = []
        cursor = ""
        while True:
            page = await self.get("logs", **params, **({"cursor": cursor} if cursor else {}))
            logs = page["logs"]
            assert isinstance(logs, list) and page["count"] == len(logs)
            found += [log["message"] for log in logs]
            if "next_cursor" not in page:
                return found
            cursor = str(page["next_cursor"])


def rows(page: dict[str, object], name: str) -> list[dict[str, object]]:
    """The records of a page."""
    found = page[name]
    assert isinstance(found, list)
    return found


@pytest.fixture
async def telemetry() -> AsyncIterator[Telemetry]:
    clock = TestClock()
    clock.moment = datetime.now(UTC)
    async with running(DEFINITION, clock=clock) as app:
        yield Telemetry(app, client_of(app), clock)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_single_object_is_a_batch_of_one(telemetry: Telemetry, kind: str) -> None:
    """Contract 10.4: the fallback decoded a body that had been consumed already."""
    assert await telemetry.post(kind, {"service": "a", "trace_id": "t"}) == 1
    assert await telemetry.post(kind, []) == 0
    assert await telemetry.post(kind, [{}, None, {"unknown": 1, "SERVICE": "b"}]) == 3


async def test_a_log_comes_back_as_it_was_sent(telemetry: Telemetry) -> None:
    log = {
        "id": "mine",
        "timestamp": "2026-11-24T13:00:00.5+01:00",
        "level": "ERROR",
        "service": "a",
        "message": "Boom",
        "fields": {"n": [1, [2]], "x.y": None},
        "trace_id": "t",
        "span_id": "s",
    }
    await telemetry.post("logs", [log])
    assert (await telemetry.get("logs"))["logs"] == [{**log, "timestamp": "2026-11-24T12:00:00.5Z"}]


async def test_what_is_missing_is_filled_in_or_left_out(telemetry: Telemetry) -> None:
    await telemetry.post("logs", {})
    (log,) = rows(await telemetry.get("logs"), "logs")
    assert set(log) == {"id", "timestamp", "level", "service", "message"} and log["id"]
    await telemetry.post("metrics", {"Name": "m", "type": "summary", "value": 3})
    (metric,) = rows(await telemetry.get("metrics"), "metrics")
    assert (metric["name"], metric["type"], metric["value"]) == ("m", "summary", 3)
    await telemetry.post("spans", {"trace_id": "t"})
    (span,) = rows(await telemetry.get("traces/t"), "spans")
    assert span["start_time"] == span["end_time"] == "0001-01-01T00:00:00Z" and span["duration_ms"] == 0


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("logs", "text"),
        ("logs", 5),
        ("logs", [5]),
        ("logs", {"message": 5}),
        ("logs", {"timestamp": "yesterday"}),
        ("logs", {"message": "a\x00b"}),
        ("metrics", {"value": "5"}),
        ("metrics", {"labels": {"a": 1}}),
        ("spans", {"duration_ms": 1.5}),
        ("spans", {"duration_ms": 1.0}),
        ("spans", {"start_time": "x"}),
    ],
)
async def test_what_does_not_decode_is_refused_and_nothing_of_the_batch_is_kept(
    telemetry: Telemetry, kind: str, body: object
) -> None:
    batch = [{}, body] if isinstance(body, dict) else body
    answer = await telemetry.client.post(f"/v1/{kind}", json=batch)
    assert answer.status_code == 400 and error_code(answer) == "bad_request"
    stats = await telemetry.get("stats")
    assert stats["log_count"] == stats["metric_count"] == stats["span_count"] == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_batches_and_records_are_bounded(telemetry: Telemetry, kind: str) -> None:
    """Contract 10.4: no limit anywhere."""
    assert await telemetry.post(kind, [{}] * MAX_BATCH) == MAX_BATCH
    refused = await telemetry.client.post(f"/v1/{kind}", json=[{}] * (MAX_BATCH + 1))
    assert refused.status_code == 400 and "at most 1000 records" in refused.json()["error"]["message"]
    large = {"message": "x" * 70_000, "labels": {"x": "x" * 70_000}, "status": "x" * 70_000}
    refused = await telemetry.client.post(f"/v1/{kind}", json=large)
    assert refused.status_code == 400 and "bytes of JSON" in refused.json()["error"]["message"]
    refused = await telemetry.client.post(f"/v1/{kind}", content=b"[" + b" " * 1_100_000 + b"]")
    assert refused.status_code == 413


async def test_pages_are_bounded_and_bad_limits_are_the_default(telemetry: Telemetry) -> None:
    await telemetry.post("logs", [{"message": str(n)} for n in range(150)])
    for limit, count in (("0", 100), ("-1", 100), ("x", 100), ("1001", 100), ("5", 5), ("1000", 150)):
        assert (await telemetry.get("logs", limit=limit))["count"] == count


async def test_logs_are_found_by_service_level_text_and_time(telemetry: Telemetry) -> None:
    for n, (service, level, message) in enumerate(
        [("a", "INFO", "Hello World"), ("a", "ERROR", "hello"), ("b", "INFO", "World"), ("b", "error", "x")]
    ):
        await telemetry.post(
            "logs", {"service": service, "level": level, "message": message, "timestamp": f"2026-11-24T12:00:0{n}Z"}
        )
    assert await telemetry.messages() == ["x", "World", "hello", "Hello World"]
    assert await telemetry.messages(service="a") == ["hello", "Hello World"]
    assert await telemetry.messages(level="INFO") == ["World", "Hello World"]
    assert await telemetry.messages(service="b", level="INFO") == ["World"]
    assert await telemetry.messages(search="HELLO") == ["hello", "Hello World"]
    assert await telemetry.messages(start_time="2026-11-24T12:00:01Z", end_time="2026-11-24T12:00:02Z") == [
        "World",
        "hello",
    ]
    assert await telemetry.messages(start_time="2026-11-24T13:00:02+01:00") == ["x", "World"]
    assert await telemetry.messages(start_time="bad", end_time="worse") == ["x", "World", "hello", "Hello World"]
    answer = await telemetry.client.get("/v1/logs?cursor=bad")
    assert answer.status_code == 400 and error_code(answer) == "bad_cursor"


async def test_metrics_are_found_by_name_and_service(telemetry: Telemetry) -> None:
    await telemetry.post(
        "metrics", [{"name": n, "service": s, "value": 1.5, "labels": {"k": "v"}} for n in "xy" for s in "ab"]
    )
    for params, count in (({"name": "x"}, 2), ({"service": "b"}, 2), ({"name": "x", "service": "b"}, 1), ({}, 4)):
        assert (await telemetry.get("metrics", **params))["count"] == count


async def test_a_trace_has_every_span_in_the_order_of_arrival(telemetry: Telemetry) -> None:
    spans = [{"trace_id": "t", "span_id": str(n)} for n in range(450)]
    await telemetry.post("spans", spans[:250])
    telemetry.clock.advance(1)
    await telemetry.post("spans", [*spans[250:], {"trace_id": "other"}])
    trace = await telemetry.get("traces/t")
    assert trace["trace_id"] == "t" and trace["count"] == 450
    found: list[object] = []
    cursor = ""
    while True:
        page = await telemetry.get("traces/t", limit="200", **({"cursor": cursor} if cursor else {}))
        assert isinstance(page["spans"], list) and 0 < len(page["spans"]) <= 200
        found += [span["span_id"] for span in page["spans"]]
        if "next_cursor" not in page:
            break
        cursor = str(page["next_cursor"])
    assert found == [span["span_id"] for span in spans]
    assert await telemetry.get("traces/unknown") == {"trace_id": "unknown", "spans": [], "count": 0}


async def test_a_tenant_sees_its_own_and_a_direct_caller_everything(telemetry: Telemetry) -> None:
    """Contract 10.4: unauthenticated reading."""
    for tenant in ("t", "u"):
        client = client_of(telemetry.app, x_tenant_id=tenant)
        await telemetry.post("logs", {"message": tenant, "service": "a", "level": "INFO"}, client)
        await telemetry.post("metrics", {"name": "m", "service": tenant}, client)
        await telemetry.post("spans", {"trace_id": "x", "service": tenant}, client)
    mine = client_of(telemetry.app, x_tenant_id="t")
    for params in ({}, {"service": "a"}, {"level": "INFO"}, {"service": "a", "level": "INFO"}):
        logs = (await telemetry.get("logs", mine, **params))["logs"]
        assert isinstance(logs, list) and [log["message"] for log in logs] == ["t"]
        assert "tenant" not in logs[0]
        assert len(await telemetry.messages(**params)) == 2
    for params in ({}, {"name": "m"}, {"service": "t"}, {"name": "m", "service": "t"}):
        assert (await telemetry.get("metrics", mine, **params))["count"] == 1
    assert (await telemetry.get("metrics", mine, service="u"))["count"] == 0
    trace = await telemetry.get("traces/x", mine)
    assert trace["count"] == 1 and (await telemetry.get("traces/x"))["count"] == 2
    assert (await telemetry.get("stats", mine))["log_count"] == 1
    operator = client_of(telemetry.app, x_tenant_id="tenant_operator", x_aex_scopes="* operator")
    assert (
        (await telemetry.get("logs", operator))["count"] == (await telemetry.get("stats", operator))["log_count"] == 2
    )
    assert (await telemetry.get("stats"))["log_count"] == 2


async def test_a_page_that_ends_between_records_of_one_time_loses_none(telemetry: Telemetry) -> None:
    await telemetry.post("logs", [{"timestamp": at(10), "message": "a"}, {"timestamp": at(5), "message": "b"}])
    telemetry.clock.advance(1)
    await telemetry.post("logs", {"timestamp": at(5), "message": "c"})
    for limit in "123":
        assert await telemetry.messages(limit=limit) == ["a", "c", "b"]


START = datetime(2026, 11, 24, 12, tzinfo=UTC)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 400), max_size=12), max_size=6),
    st.integers(1, 9),
    st.none() | st.integers(0, 400),
    st.none() | st.integers(0, 400),
)
async def test_pages_give_every_record_once_newest_first(
    batches: list[list[int]], limit: int, start: int | None, end: int | None
) -> None:
    """Whatever batches overlap in time, and wherever the pages end: seconds after noon stand for records."""
    clock = TestClock()
    clock.moment = datetime.now(UTC)
    async with running(DEFINITION, clock=clock) as app:
        telemetry = Telemetry(app, client_of(app), clock)
        for batch in batches:
            records = [{"timestamp": at(second), "message": str(second)} for second in batch]
            await telemetry.post("logs", records)
            clock.advance(1)
        bounds = {name: at(value) for name, value in (("start_time", start), ("end_time", end)) if value is not None}
        found = [int(str(message)) for message in await telemetry.messages(limit=str(limit), **bounds)]
        wanted = [second for batch in batches for second in batch]
        wanted = [s for s in wanted if (start is None or s >= start) and (end is None or s <= end)]
        assert found == sorted(wanted, reverse=True)


def at(second: int) -> str:
    return (START + timedelta(seconds=second)).isoformat()


@pytest.mark.parametrize("kind", KINDS)
async def test_with_service_auth_on_nobody_writes_or_reads_unproven(kind: str) -> None:
    seed, gateway = (base64.b64encode(letter * 32).decode() for letter in (b"s", b"g"))
    async with running(
        DEFINITION,
        AEX_SERVICE_AUTH="token",
        AEX_SERVICE_SEED=seed,
        AEX_CALLERS="aex-gateway",
        AEX_SERVICE_KEYS={"aex-gateway": public_key(gateway)},
    ) as app:
        good = dict(await TokenProof("aex-gateway", gateway).headers(DEFINITION.name, ""))
        elsewhere = dict(await TokenProof("aex-gateway", gateway).headers("aex-settlement", ""))
        forged = dict(await TokenProof("aex-gateway", seed).headers(DEFINITION.name, ""))
        async with client_of(app, x_tenant_id="tenant_a") as client:
            for headers in ({}, elsewhere, forged):
                answer = await client.post(f"/v1/{kind}", json=[{"service": "a", "trace_id": "t"}], headers=headers)
                assert answer.status_code == 401, headers
                assert (await client.get("/v1/logs", headers=headers)).status_code == 401
            answer = await client.post(f"/v1/{kind}", json=[{"service": "a", "trace_id": "t"}], headers=good)
            assert answer.status_code == 202
