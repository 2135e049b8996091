"""Fixtures of the store tests: every backend in turn, and the servers behind them, one of each per test process."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from pymongo import monitoring

from aex.store.port import Store, StoreUnavailable
from tests.app.store.documentdb import AllowList
from tests.app.store.harness import FirestoreHarness, Harness, MongoHarness, SqliteHarness
from tests.app.store.servers import FirestoreEmulator, Missing, MongoServer

BACKENDS = ("sqlite", "sqlite-memory", "mongo", "firestore")


@pytest.fixture(scope="session")
def documentdb() -> AllowList:
    """Watches every command that any client of this process sends to a MongoDB server."""
    listener = AllowList()
    monitoring.register(listener)
    return listener


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A running server without log-in."""
    server = MongoServer(tmp_path_factory.mktemp("mongo"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[FirestoreEmulator]:
    """The running emulator, or a loud skip."""
    try:
        emulator = FirestoreEmulator()
    except Missing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must not skip: {missing}")
        pytest.skip(str(missing))
    emulator.start()
    asyncio.run(warm_up(emulator))
    yield emulator
    emulator.kill()


@pytest.fixture
def within_documentdb(documentdb: AllowList) -> Iterator[AllowList]:
    """Fails the test if something was sent that DocumentDB would refuse."""
    documentdb.violations.clear()
    yield documentdb
    assert documentdb.violations == []


@pytest.fixture(params=BACKENDS)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    """An empty database, once for each backend."""
    if request.param == "mongo":
        request.getfixturevalue("within_documentdb")
    make: dict[str, Callable[[], Harness]] = {
        "sqlite": lambda: SqliteHarness(tmp_path / "store" / "test.db"),
        "sqlite-memory": lambda: SqliteHarness(None),
        "mongo": lambda: MongoHarness(request.getfixturevalue("mongo_server")),
        "firestore": lambda: FirestoreHarness(request.getfixturevalue("firestore_emulator")),
    }
    return make[str(request.param)]()


async def warm_up(emulator: FirestoreEmulator) -> None:
    """The emulator's first answers take seconds, until Java has compiled what they need."""
    store = await FirestoreHarness(emulator).open()
    for attempt in range(10):
        try:
            await store.insert("things", f"w{attempt}", {"kind": "k", "rank": "r"})
            await store.query("things", {"kind": "k"}, order="rank", limit=1)
            await store.increment("counters", "w", {"n": 1})
            break
        except StoreUnavailable:
            continue
    await store.close()


@pytest.fixture
async def store(harness: Harness) -> AsyncIterator[Store]:
    """An open, empty store."""
    opened = await harness.open()
    yield opened
    await opened.close()
