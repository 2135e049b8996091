"""The SQLite file: one owner, for nobody else's eyes, of this release, with an index for every query."""

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from aex.store import sqlite
from aex.store import sqlite_sql as sql
from aex.store.backend import Find
from aex.store.commit import GroupCommit
from aex.store.declarations import load, owned_by, parse
from aex.store.open import open_store
from aex.store.port import Scalar, Store, StoreMisconfigured
from aex.store.sqlite_file import SCHEMA_VERSION
from tests.app.store.crashing import MemorySettings
from tests.app.store.harness import COLLECTIONS, SERVICE
from tests.app.store.writing import writer

OWNED = owned_by(SERVICE, COLLECTIONS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "store.db"


async def open_file(path: Path) -> Store:
    return await open_store(MemorySettings(sqlite_path=str(path)), SERVICE, collections=COLLECTIONS)


async def test_files_and_folders_are_for_the_owner_only(path: Path) -> None:
    old = os.umask(0)
    try:
        store = await open_file(path)
        await store.insert("things", "one", {})
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(["store.db", "store.db-wal", "store.db-shm", "store.db.lock"], 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    await store.close()


def test_a_commit_reaches_the_disk(path: Path) -> None:
    """No test can cut the power, so this holds the two settings that make SQLite sync at every commit."""
    path.parent.mkdir(parents=True)
    connection = sqlite.connect(path, OWNED)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


async def test_a_file_has_one_owner(path: Path) -> None:
    store = await open_file(path)
    with pytest.raises(StoreMisconfigured, match=f"in use by process {os.getpid()}: stop that process"):
        await open_file(path)
    await store.insert("things", "one", {})
    await store.close()
    again = await open_file(path)
    assert await again.get("things", "one") is not None
    await again.close()


async def test_the_owner_lock_dies_with_its_process(path: Path) -> None:
    with writer(path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StoreMisconfigured, match=f"process {process.pid}"):
            await open_file(path)
        process.kill()
        process.wait()
        await (await open_file(path)).close()


async def test_a_file_of_another_release_is_refused(path: Path) -> None:
    await (await open_file(path)).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(
        StoreMisconfigured, match=f"has schema {SCHEMA_VERSION + 1}, this release uses {SCHEMA_VERSION}"
    ):
        await open_file(path)


async def test_a_file_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE things (id)")
    connection.close()
    with pytest.raises(StoreMisconfigured, match="another program"):
        await open_file(path)


def test_what_is_no_database_is_refused_and_not_touched(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("This is a letter, not a database.\n" * 200)
    with pytest.raises(StoreMisconfigured, match="not a database"):
        asyncio.run(open_file(path))
    assert path.read_text().startswith("This is a letter")


async def test_an_impossible_path_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreMisconfigured, match="SQLITE_PATH"):
        await open_file(tmp_path / "file" / "store.db")
    with pytest.raises(StoreMisconfigured, match="SQLITE_PATH is empty"):
        await open_store(MemorySettings(sqlite_path=""), SERVICE, collections=COLLECTIONS)


async def test_a_changed_declaration_changes_the_indexes_and_keeps_the_data(path: Path) -> None:
    store = await open_file(path)
    await store.insert("things", "one", {"kind": "k", "colour": "red", "rank": "1"})
    await store.close()
    changed = parse('[things]\nowner = "tester"\nqueries = [{ equal = ["colour"], order = "rank" }]')
    store = await open_store(MemorySettings(sqlite_path=str(path)), SERVICE, collections=changed)
    assert len((await store.query("things", {"colour": "red"}, order="rank", limit=5)).items) == 1
    await store.close()
    connection = sqlite3.connect(path)
    indexes = connection.execute("SELECT sql FROM sqlite_master WHERE name LIKE 'ix_things%'").fetchall()
    connection.close()
    assert len(indexes) == 1
    assert "colour" in indexes[0][0]


def test_every_declared_query_of_the_exchange_runs_on_an_index() -> None:
    for service in {c.owner for c in load().values()}:
        owned = owned_by(service, load())
        connection = GroupCommit(lambda owned=owned: sqlite.connect(None, owned), lambda _: None).connection
        for collection in owned.values():
            for query in collection.queries:
                where: dict[str, Scalar] = dict.fromkeys(query.equal, "x")
                plans = [explain(connection, sql.count(collection.name, query.equal), list(where.values()))]
                if query.order and query.order_field:
                    for after in (None, ("x", "y")):
                        find = Find(where, query.order_field, query.order[0] == "-", 10, "", "z", after, stale_ok=False)
                        plans.append(explain(connection, *sql.select(collection.name, find)))
                elif not query.equal:
                    continue
                for plan in plans if query.equal else plans[1:]:
                    assert "USING INDEX" in plan or "USING COVERING INDEX" in plan, (collection.name, query, plan)
                    assert "TEMP B-TREE" not in plan, (collection.name, query, plan)
        connection.close()


def explain(connection: sqlite3.Connection, text: str, values: list[Scalar]) -> str:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()
    return "; ".join(str(row[3]) for row in rows)
