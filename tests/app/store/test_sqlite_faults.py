"""SQLite survives kill -9, a full disk, a locked file and a broken connection without losing what it acknowledged."""

import asyncio
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aex.store import sqlite
from aex.store import sqlite_sql as sql
from aex.store.commit import GroupCommit
from aex.store.declarations import owned_by
from aex.store.open import open_store
from aex.store.owned import GuardedStore
from aex.store.port import AlreadyExists, Store, Stored, StoreUnavailable
from aex.store.sqlite import SqliteBackend
from tests.app.store.crashing import MemorySettings
from tests.app.store.harness import COLLECTIONS, SERVICE
from tests.app.store.writing import writer

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


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: SQLite gets an I/O error from the system itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


async def test_a_full_disk_refuses_and_the_store_recovers(path: Path) -> None:
    store = await open_file(path)
    await store.insert("things", "before", {"kind": "k", "rank": "1"})
    big = "x" * 200_000
    with full_disk(1_000_000):
        outcomes = await asyncio.gather(
            *(store.insert("things", f"t{n}", {"text": big}) for n in range(10)), return_exceptions=True
        )
        assert all(isinstance(o, StoreUnavailable) for o in outcomes)
        assert await store.get("things", "before") is not None
        with pytest.raises(AlreadyExists):
            await store.insert("things", "before", {})
    assert await store.get_many("things", [f"t{n}" for n in range(10)]) == {}
    await store.insert("things", "after", {"text": big})
    await store.close()
    again = await open_file(path)
    assert sorted(await again.get_many("things", ["before", "after", "t0"])) == ["after", "before"]
    await again.close()


async def test_a_file_that_a_foreign_program_holds_refuses_and_recovers(path: Path, store: Store) -> None:
    await store.insert("things", "before", {})
    intruder = sqlite3.connect(path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.insert("things", "during", {})
    assert await store.get("things", "before") is not None  # WAL: readers do not wait for writers
    intruder.execute("ROLLBACK")
    intruder.close()
    await store.insert("things", "after", {})
    assert sorted(await store.get_many("things", ["before", "during", "after"])) == ["after", "before"]


class SickConnection(sqlite3.Connection):
    """Can neither commit nor roll back while it is sick."""

    sick = False

    def execute(self, text: str, values: Any = (), /) -> sqlite3.Cursor:
        if self.sick and text in ("COMMIT", "ROLLBACK"):
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(text, values)


async def test_a_connection_that_can_not_roll_back_is_replaced(tmp_path: Path) -> None:
    opened: list[SickConnection] = []

    def reconnect() -> sqlite3.Connection:
        opened.append(sqlite3.connect(tmp_path / "x.db", factory=SickConnection, isolation_level=None))
        return opened[-1]

    committer = GroupCommit(reconnect, lambda _: None)
    await committer.write(lambda c: c.execute("CREATE TABLE t (n)"))
    opened[0].sick = True
    with pytest.raises(StoreUnavailable):
        await committer.write(lambda c: c.execute("INSERT INTO t VALUES (1)"))
    await committer.write(lambda c: c.execute("INSERT INTO t VALUES (2)"))
    assert committer.connection.execute("SELECT n FROM t").fetchall() == [(2,)]
    assert len(opened) == 2
    committer.close()


async def test_failing_housekeeping_does_not_fail_the_writes(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    committer = GroupCommit(lambda: sqlite.connect(None, OWNED), fail)
    text = sql.insert("things")
    assert await committer.write(lambda c: c.execute(text, ("one", 1, "{}")).rowcount) == 1
    assert committer.connection.execute("SELECT count(*) FROM things").fetchone() == (1,)
    assert "housekeeping failed" in caplog.text
    committer.close()


@pytest.mark.parametrize("after", [1, 150, 1111])
async def test_kill_9_loses_nothing_that_was_acknowledged(path: Path, after: int) -> None:
    with writer(path) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(after)]
        process.kill()
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
        assert process.wait() == -signal.SIGKILL
    store = await open_file(path)
    found: dict[str, Stored] = await store.get_many("things", acknowledged)
    assert [id for id in acknowledged if found[id].doc.get("done") is not True] == []
    counter = await store.get("counters", "all")
    assert counter is not None
    assert len(acknowledged) <= int(str(counter.doc["n"])) <= len(acknowledged) + 16  # one per worker was on its way
    cursor: str | None = None
    while True:  # also what was not acknowledged is whole: a document never without its follow-ups
        page = await store.query("things", {"kind": "written"}, order="rank", limit=500, cursor=cursor)
        puts = [f"{item.id}-{k}" for item in page.items for k in range(3)]
        assert len(await store.get_many("follow_ups", puts)) == len(puts)
        cursor = page.cursor
        if cursor is None:
            break
    await store.close()
