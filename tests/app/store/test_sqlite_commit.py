"""Group commit: writes share a transaction, and nobody pays for the fault of a neighbour."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from aex.store import commit, sqlite
from aex.store.declarations import owned_by
from aex.store.open import open_store
from aex.store.owned import GuardedStore
from aex.store.port import Put, Store, Stored, StoreUnavailable
from aex.store.sqlite import SqliteBackend
from tests.app.store.crashing import MemorySettings
from tests.app.store.harness import COLLECTIONS, SERVICE

OWNED = owned_by(SERVICE, COLLECTIONS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "store.db"


async def open_file(path: Path) -> Store:
    return await open_store(MemorySettings(sqlite_path=str(path)), SERVICE, collections=COLLECTIONS)


@pytest.fixture
async def backend(path: Path) -> AsyncIterator[SqliteBackend]:
    opened = SqliteBackend(str(path), OWNED)
    yield opened
    await opened.close()


@pytest.fixture
def store(backend: SqliteBackend) -> Store:
    return GuardedStore(SERVICE, backend, COLLECTIONS)


async def test_writes_of_one_turn_share_a_transaction(backend: SqliteBackend, store: Store) -> None:
    await asyncio.gather(*(store.insert("things", f"t{n}", {"n": n}) for n in range(64)))
    assert backend.commits == 1
    await asyncio.gather(*(store.increment("counters", "c", {"n": 1}) for _ in range(commit.MAX_BATCH + 1)))
    assert backend.commits == 3


async def test_one_write_at_fault_does_not_take_others_with_it(backend: SqliteBackend) -> None:
    """Arguments that the guard would have refused: SQLite itself refuses them in the middle of a transaction."""
    outcomes = await asyncio.gather(
        backend.insert("things", "before", {}, [Put("follow_ups", "b", {})]),
        backend.insert(
            "things", "faulty", {}, [Put("follow_ups", "f", {}), Put("follow_ups", cast("str", object()), {})]
        ),
        backend.delete("things", "faulty", 2**70),
        backend.insert("things", "after", {}, []),
        return_exceptions=True,
    )
    assert [isinstance(o, Stored) for o in outcomes] == [True, False, False, True]
    assert isinstance(outcomes[1], sqlite3.Error)
    assert isinstance(outcomes[2], OverflowError)
    assert sorted(await backend.get_many("things", ["before", "faulty", "after"], stale_ok=False)) == [
        "after",
        "before",
    ]
    assert sorted(await backend.get_many("follow_ups", ["b", "f"], stale_ok=False)) == ["b"]


async def test_reads_see_only_what_is_committed(store: Store) -> None:
    writing = asyncio.ensure_future(store.insert("things", "one", {"n": 1}))
    await asyncio.sleep(0)  # queued, the commit comes in the next turn
    seen = await store.get("things", "one")
    assert (seen is None) or writing.done()
    await writing
    assert await store.get("things", "one") is not None


async def test_a_cancelled_write_does_not_disturb_the_batch(store: Store) -> None:
    tasks = [asyncio.ensure_future(store.insert("things", f"t{n}", {"n": n})) for n in range(10)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(o) for o in outcomes] == [Stored] * 4 + [asyncio.CancelledError] + [Stored] * 5
    assert await store.get("things", "t4") is None


async def test_close_commits_what_waits(path: Path) -> None:
    store = await open_file(path)
    writes = [asyncio.ensure_future(store.insert("things", f"t{n}", {"n": n})) for n in range(commit.MAX_BATCH + 10)]
    await asyncio.sleep(0)  # queued, not committed
    await store.close()
    assert {type(outcome) for outcome in await asyncio.gather(*writes, return_exceptions=True)} == {Stored}
    again = await open_file(path)
    assert len(await again.get_many("things", [f"t{n}" for n in range(commit.MAX_BATCH + 10)])) == len(writes)
    await again.close()


async def test_the_queue_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "MAX_PENDING", 5)
    outcomes = await asyncio.gather(*(store.insert("things", f"t{n}", {}) for n in range(8)), return_exceptions=True)
    assert [isinstance(o, Stored) for o in outcomes] == [True] * 5 + [False] * 3
    assert all(isinstance(o, StoreUnavailable) for o in outcomes[5:])
    await store.insert("things", "later", {})


def test_a_loop_that_ended_in_the_middle_does_not_block_the_next(path: Path) -> None:
    async def first() -> Store:
        store = await open_file(path)
        asyncio.get_running_loop().call_soon(
            lambda: pending.append(asyncio.ensure_future(store.insert("things", "a", {})))
        )
        await asyncio.sleep(0)
        return store

    pending: list[asyncio.Future[Stored]] = []
    loop = asyncio.new_event_loop()
    store = loop.run_until_complete(first())
    for task in pending:
        task.cancel()
    loop.close()
    asyncio.run(store.insert("things", "b", {}))
    asyncio.run(store.close())


async def test_what_is_past_its_time_is_dropped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)

    def at(**delta: int) -> str:
        return (now + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    await store.insert("aging", "early", {"expires_at": at(hours=-1)})
    assert await store.get("aging", "early") is not None, "not in a store's first minute: tests live in their own time"
    monkeypatch.setattr(sqlite, "_PURGE_SECONDS", 0)
    await store.insert("aging", "kept", {"expires_at": at(hours=1)})
    await store.insert("aging", "for ever", {"kind": "x"})
    await store.insert("aging", "no text", {"expires_at": None})
    await store.insert("aging", "over", {"expires_at": at(seconds=-1)})
    await store.insert("things", "not aging", {"expires_at": at(hours=-1)})
    assert sorted(await store.get_many("aging", ["early", "kept", "for ever", "no text", "over"])) == [
        "for ever",
        "kept",
        "no text",
    ]
    assert await store.get("things", "not aging") is not None


async def test_writes_that_come_together_wait_for_each_other_and_a_lone_one_never_waits(
    backend: SqliteBackend, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "TOGETHER_SECONDS", 0.2)
    await asyncio.gather(store.insert("things", "a", {"n": 1}), store.insert("things", "b", {"n": 1}))
    assert backend.commits == 1
    first = asyncio.create_task(store.insert("things", "c", {"n": 1}))
    for _ in range(5):
        await asyncio.sleep(0)
    await asyncio.gather(first, store.insert("things", "d", {"n": 1}))
    assert backend.commits == 2, "a turn later is still together"
    await store.insert("things", "e", {"n": 1})  # waits for nobody in vain, once
    for n in range(3):
        async with asyncio.timeout(0.15):
            await store.insert("things", f"alone{n}", {"n": 1})
    assert backend.commits == 6
