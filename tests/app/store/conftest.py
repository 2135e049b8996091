"""Fixtures of the store tests: every backend in turn. The servers behind them are in `tests/app/store/fixtures.py`."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from pymongo import monitoring

from aex.store.port import Store
from tests.app.store.documentdb import AllowList
from tests.app.store.harness import FirestoreHarness, Harness, MongoHarness, SqliteHarness
from tests.app.store.table import BACKENDS


@pytest.fixture(scope="session")
def documentdb() -> AllowList:
    """Watches every command that any client of this process sends to a MongoDB server."""
    listener = AllowList()
    monitoring.register(listener)
    return listener


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


@pytest.fixture
async def store(harness: Harness) -> AsyncIterator[Store]:
    """An open, empty store."""
    opened = await harness.open()
    yield opened
    await opened.close()
