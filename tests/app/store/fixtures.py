"""The database servers as fixtures, one of each per test process, for every test that wants one.

Drivers are imported when a server is started: `tests/conftest.py` makes these known to all tests.
"""

import asyncio
import os
from collections.abc import Iterator

import pytest

from tests.app.store.servers import FirestoreEmulator, Missing, MongoServer


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


async def warm_up(emulator: FirestoreEmulator) -> None:
    """The emulator's first answers take seconds, until Java has compiled what they need."""
    from aex.store.port import StoreUnavailable
    from tests.app.store.harness import FirestoreHarness

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
