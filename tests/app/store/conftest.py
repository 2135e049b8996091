"""Fixtures of the store tests: every backend in turn, and the servers behind them, one of each per test process."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from aex.store.port import Store
from tests.app.store.harness import FirestoreHarness, Harness, MongoHarness, SqliteHarness
from tests.app.store.servers import FirestoreEmulator, Missing, MongoServer

BACKENDS = ("sqlite", "sqlite-memory", "mongo", "firestore")


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
    yield emulator
    emulator.kill()


@pytest.fixture(params=BACKENDS)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    """An empty database, once for each backend."""
    make: dict[str, Callable[[], Harness]] = {
        "sqlite": lambda: SqliteHarness(tmp_path / "store" / "test.db"),
        "sqlite-memory": lambda: SqliteHarness(None),
        "mongo": lambda: MongoHarness(request.getfixturevalue("mongo_server")),
        "firestore": lambda: FirestoreHarness(request.getfixturevalue("firestore_emulator")),
    }
    return make[str(request.param)]()


@pytest.fixture
async def store(harness: Harness) -> AsyncIterator[Store]:
    """An open, empty store."""
    opened = await harness.open()
    yield opened
    await opened.close()
