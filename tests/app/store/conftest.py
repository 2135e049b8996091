"""Fixtures of the store tests: every backend in turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aex.store.port import Store
from tests.app.store.harness import Harness, SqliteHarness

BACKENDS = ("sqlite", "sqlite-memory")


@pytest.fixture(params=BACKENDS)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    """An empty database, once for each backend."""
    match request.param:
        case "sqlite":
            return SqliteHarness(tmp_path / "store" / "test.db")
        case "sqlite-memory":
            return SqliteHarness(None)
        case other:
            raise AssertionError(other)


@pytest.fixture
async def store(harness: Harness) -> AsyncIterator[Store]:
    """An open, empty store."""
    opened = await harness.open()
    yield opened
    await opened.close()
