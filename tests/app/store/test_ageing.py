"""What a collection's `ttl` becomes on the databases: MongoDB drops by it, and Firestore's policy finds a time."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from google.cloud.firestore import Client

from aex.store import Document
from tests.app.store.harness import FirestoreHarness, MongoHarness
from tests.app.store.servers import FirestoreEmulator, MongoServer

PAST: Document = {"kind": "k", "expires_at": "2020-01-02T03:04:05.678901Z"}
FUTURE: Document = {"kind": "k", "expires_at": "2120-01-02T03:04:05.678901Z"}


async def test_mongodb_drops_what_is_past_its_time_and_nothing_else(mongo_server: MongoServer) -> None:
    store = await MongoHarness(mongo_server).open()
    await store.insert("aging", "past", PAST)
    await store.insert("aging", "future", FUTURE)
    await store.insert("aging", "never", {"kind": "k"})
    begun = time.monotonic()
    while await store.get("aging", "past") is not None:
        assert time.monotonic() < begun + 20, "the server's monitor runs every second here"
        await asyncio.sleep(0.2)
    assert set(await store.get_many("aging", ["past", "future", "never"])) == {"future", "never"}
    await store.close()


async def test_firestore_gets_a_timestamp_that_no_reader_sees(
    firestore_emulator: FirestoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = FirestoreHarness(firestore_emulator)
    store = await harness.open()
    await store.insert("aging", "past", PAST)
    await store.insert("aging", "never", {"kind": "k"})
    found = await store.get("aging", "past")
    assert found is not None and found.doc == PAST
    await store.close()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", harness.environ["FIRESTORE_EMULATOR_HOST"])

    def raw() -> dict[str, dict[str, object]]:
        with_driver = Client(project=harness.environ["FIRESTORE_PROJECT_ID"], database="aex")
        documents = {one.id: one.to_dict() or {} for one in with_driver.collection("aging").stream()}
        with_driver.close()
        return documents

    documents = await asyncio.to_thread(raw)
    assert documents["past"]["_ttl"] == datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert "_ttl" not in documents["never"]
