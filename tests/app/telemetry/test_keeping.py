"""Telemetry stays within its bounds, and survives a restart and a crash."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aex.store import Store
from aex.telemetry.app import DEFINITION
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import TestClock, client_of, run_duties, running, runtime_of
from tests.app.telemetry.test_telemetry import Telemetry


@asynccontextmanager
async def bounded(store: Store | None = None, **settings: object) -> AsyncIterator[Telemetry]:
    clock = TestClock()
    clock.moment = datetime.now(UTC)
    async with running(DEFINITION, peers={}, clock=clock, store=store, **settings) as app:
        yield Telemetry(app, client_of(app), clock)


async def count(telemetry: Telemetry, kind: str) -> int:
    """Records that are really there, not what the totals say."""
    store, total, cursor = runtime_of(telemetry.app).store, 0, None
    while True:
        page = await store.query(f"telemetry_{kind}", {}, order="recorded_at", limit=1000, cursor=cursor)
        for stored in page.items:
            records = stored.doc["count"]
            assert isinstance(records, int)
            total += records
        cursor = page.cursor
        if cursor is None:
            return total


async def test_the_number_of_logs_is_bounded_and_the_newest_stay() -> None:
    async with bounded(MAX_LOG_ENTRIES=100) as telemetry:
        for n in range(30):
            telemetry.clock.advance(1)
            await telemetry.post("logs", [{"message": f"{n}-{i}"} for i in range(7)])
            assert await count(telemetry, "logs") <= 110, "a request evicts by itself beyond 10 % over the bound"
        await run_duties(telemetry.app)
        assert await count(telemetry, "logs") == 100
        stats = await telemetry.get("stats")
        assert (stats["log_count"], stats["max_logs"]) == (100, 100)
        messages = set(await telemetry.messages(limit="1000"))
        assert {f"29-{i}" for i in range(7)} <= messages and "0-0" not in messages


async def test_one_batch_larger_than_the_bound_leaves_its_newest() -> None:
    async with bounded(MAX_LOG_ENTRIES=100, MAX_METRIC_ITEMS=50) as telemetry:
        await telemetry.post("logs", [{"message": str(n)} for n in range(150)])
        await telemetry.post("metrics", [{"name": str(n)} for n in range(150)])
        assert await count(telemetry, "logs") == 100 and await count(telemetry, "metrics") == 50
        assert set(await telemetry.messages(limit="1000")) == {str(n) for n in range(50, 150)}


async def test_bytes_are_bounded() -> None:
    """Contract 10.4: entry count was bounded, bytes were not."""
    async with bounded(MAX_TELEMETRY_BYTES=100_000) as telemetry:
        for _ in range(12):
            telemetry.clock.advance(1)
            await telemetry.post("logs", {"message": "x" * 20_000})
        await run_duties(telemetry.app)
        assert await count(telemetry, "logs") == 4


async def test_age_is_bounded() -> None:
    async with bounded(TELEMETRY_RETENTION_SECONDS=3600) as telemetry:
        await telemetry.post("logs", {"message": "old"})
        await telemetry.post("spans", {"trace_id": "t"})
        telemetry.clock.advance(3000)
        await telemetry.post("logs", {"message": "new"})
        telemetry.clock.advance(601)
        assert await run_duties(telemetry.app) == {"evict": 2}
        assert await telemetry.messages() == ["new"]
        assert (await telemetry.get("stats"))["log_count"] == 1


async def test_a_trace_is_evicted_whole() -> None:
    """Contract 10.4: spans of one trace could be partly evicted."""
    async with bounded(MAX_METRIC_ITEMS=30) as telemetry:
        for _ in range(3):
            for trace in "abcd":
                telemetry.clock.advance(1)
                await telemetry.post("spans", [{"trace_id": trace}] * 4)
        await run_duties(telemetry.app)
        sizes = [(await telemetry.get(f"traces/{trace}"))["count"] for trace in "abcd"]
        assert set(sizes) <= {0, 12} and sum(int(str(size)) for size in sizes) == 24


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Contract 10.4: everything was lost."""
    file = str(tmp_path / "telemetry.db")
    async with bounded(SQLITE_PATH=file) as telemetry:
        await telemetry.post("logs", [{"message": "a"}, {"message": "b"}])
        await telemetry.post("metrics", {"name": "m"})
        await telemetry.post("spans", {"trace_id": "t"})
    async with bounded(SQLITE_PATH=file) as telemetry:
        assert len(await telemetry.messages()) == 2
        assert (await telemetry.get("metrics"))["count"] == (await telemetry.get("traces/t"))["count"] == 1
        stats = await telemetry.get("stats")
        assert (stats["log_count"], stats["metric_count"], stats["span_count"]) == (2, 1, 1)


async def test_after_a_crash_at_any_write_the_totals_are_put_right_and_the_bounds_hold() -> None:
    for n in range(1, 80):
        inner = await open_memory_store(DEFINITION.name)
        store = CrashingStore(inner, crash_at=n, after=True)
        async with bounded(store, MAX_LOG_ENTRIES=8) as telemetry:
            for number in range(4):
                batch = [{"level": level, "message": str(number)} for level in "abc"]
                await telemetry.client.post("/v1/logs", json=batch)
                telemetry.clock.advance(1)
            await run_duties(telemetry.app)
        async with bounded(CrashingStore(inner, -1), MAX_LOG_ENTRIES=8) as telemetry:
            await run_duties(telemetry.app)
            kept = await count(telemetry, "logs")
            assert kept <= 8 and (await telemetry.get("stats"))["log_count"] == kept, f"after a crash at write {n}"
        await inner.close()
        if not store.crashed:
            assert kept == 8 and n > 4 * 4
            return
    pytest.fail("four batches make more writes than this test expects")


async def test_a_batch_is_kept_whole_or_not_at_all() -> None:
    """Contract 10.4: one lock per entry, so a batch was not atomic."""
    inner = await open_memory_store(DEFINITION.name)
    failing = CrashingStore(inner, crash_at=1)
    async with bounded(failing) as telemetry:
        answer = await telemetry.client.post("/v1/logs", json=[{"level": level} for level in "abc"])
        assert answer.status_code == 500
    async with bounded(inner) as telemetry:
        assert await count(telemetry, "logs") == 0
        await telemetry.post("logs", [{"level": level} for level in "abc"])
        assert await count(telemetry, "logs") == 3


async def test_totals_that_say_too_much_do_not_evict_for_ever() -> None:
    async with bounded(MAX_LOG_ENTRIES=10) as telemetry:
        store = runtime_of(telemetry.app).store
        await run_duties(telemetry.app)
        await store.increment("telemetry_totals", "all", {"log_count": 1000, "log_bytes": 1})
        await telemetry.post("logs", {"message": "a"})
        await run_duties(telemetry.app)
        assert (await telemetry.get("stats"))["log_count"] == 0
        await telemetry.post("logs", {"message": "b"})
        assert await telemetry.messages() == ["b"]
