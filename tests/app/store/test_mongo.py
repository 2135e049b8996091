"""What only MongoDB promises: what DocumentDB accepts, indexes from the declaration, documents that age out, TLS."""

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
import pytest

from aex.store.declarations import load, owned_by
from aex.store.open import open_store
from aex.store.port import InvalidDocument, Store, StoreUnavailable
from tests.app.store.certificates import Authority
from tests.app.store.crashing import MemorySettings
from tests.app.store.documentdb import AllowList, check
from tests.app.store.harness import COLLECTIONS, SERVICE, MongoHarness
from tests.app.store.servers import MongoServer


@pytest.fixture
def harness(mongo_server: MongoServer, within_documentdb: AllowList) -> MongoHarness:
    return MongoHarness(mongo_server)


def raw(harness: MongoHarness) -> "pymongo.MongoClient[dict[str, Any]]":
    return pymongo.MongoClient(f"mongodb://{harness.environ['MONGO_HOST']}/?directConnection=true&retryWrites=false")


# --- DocumentDB ---


async def test_every_command_of_the_store_is_one_of_documentdb(store: Store, within_documentdb: AllowList) -> None:
    """The conformance tests are held to it too; here, that the list sees every kind of command."""
    thing = await store.insert("things", "one", {"kind": "k", "rank": "1"})
    await store.replace(thing, {"kind": "k", "rank": "2"}, collection="things")
    await store.query("things", {"kind": "k"}, order="rank", limit=5, stale_ok=True)
    await store.count("things", {"kind": "k"})
    await store.increment("counters", "c", {"n": 1})
    await store.delete("things", "one")
    await store.ping()
    seen = {"insert", "update", "find", "aggregate", "findAndModify", "delete", "ping", "createIndexes"}
    assert seen <= within_documentdb.seen


REFUSED: dict[str, tuple[str, Mapping[str, Any]]] = {
    "retryable write": ("insert", {"insert": "t", "documents": [], "txnNumber": 1}),
    "transaction": ("find", {"find": "t", "filter": {}, "startTransaction": True}),
    "facet": ("aggregate", {"aggregate": "t", "pipeline": [{"$facet": {}}], "cursor": {}}),
    "expr": ("find", {"find": "t", "filter": {"$or": [{"a": {"$expr": 1}}]}}),
    "not equal": ("delete", {"delete": "t", "deletes": [{"q": {"a": {"$ne": 1}}, "limit": 1}]}),
    "pipeline update": ("update", {"update": "t", "updates": [{"q": {}, "u": [{"$replaceWith": {}}]}]}),
    "array filters": ("update", {"update": "t", "updates": [{"q": {}, "u": {}, "arrayFilters": []}]}),
    "text index": ("createIndexes", {"createIndexes": "t", "indexes": [{"key": {"a": "text"}, "name": "x"}]}),
    "partial index": (
        "createIndexes",
        {"createIndexes": "t", "indexes": [{"key": {"a": 1}, "name": "x", "partialFilterExpression": {}}]},
    ),
    "client bulk": ("bulkWrite", {"bulkWrite": 1}),
    "collation": ("find", {"find": "t", "filter": {}, "collation": {"locale": "en"}}),
}


@pytest.mark.parametrize(("name", "command"), REFUSED.values(), ids=REFUSED.keys())
def test_the_list_refuses_what_documentdb_lacks(name: str, command: Mapping[str, Any]) -> None:
    assert len(check(name, command)) == 1


# --- documents and indexes ---


async def test_a_document_is_readable_by_other_tools(harness: MongoHarness) -> None:
    store = await harness.open()
    await store.insert("things", "one", {"kind": "k", "n": 2**40, "map": {"a": [1]}})
    with raw(harness) as client:
        found = client[harness.environ["MONGO_DB"]]["things"].find_one({"_id": "one"})
    assert found is not None
    assert found.pop("_v") > 0
    assert found == {"_id": "one", "kind": "k", "n": 2**40, "map": {"a": [1]}}
    await store.close()


async def test_indexes_come_from_the_declaration_and_twice_is_once(mongo_server: MongoServer) -> None:
    for service in ("aex-telemetry", "aex-settlement"):
        environ = mongo_server.environ(f"test_{uuid.uuid4().hex[:12]}")
        for _ in range(2):
            store = await open_store(MemorySettings("mongo"), service, environ=environ)
            await store.close()
        with pymongo.MongoClient(f"mongodb://{environ['MONGO_HOST']}/?directConnection=true") as client:
            database = client[environ["MONGO_DB"]]
            for name, collection in owned_by(service, load()).items():
                found = [tuple(i["key"]) for i in database[name].list_indexes() if i["name"] != "_id_"]
                wanted = [(*fields, "_id") for fields in collection.indexes()]
                assert sorted(found) == sorted(wanted + ([("_ttl",)] if collection.ttl else []))


async def test_the_server_drops_what_is_past_its_time(harness: MongoHarness) -> None:
    store = await harness.open()
    await store.insert("aging", "over", {"kind": "a", "expires_at": "2020-01-01T00:00:00.000000Z"})
    await store.insert("aging", "kept", {"kind": "a", "expires_at": "2120-01-01T00:00:00.000000Z"})
    await store.insert("aging", "for ever", {"kind": "a", "expires_at": None})
    with pytest.raises(InvalidDocument, match="expires_at"):
        await store.insert("aging", "wrong", {"expires_at": "tomorrow"})
    assert await store.get("aging", "kept") is not None
    for _ in range(300):
        if await store.get("aging", "over") is None:
            break
        await asyncio.sleep(0.1)
    assert sorted(await store.get_many("aging", ["over", "kept", "for ever"])) == ["for ever", "kept"]
    await store.close()


async def test_adding_to_what_is_no_number_is_refused(store: Store) -> None:
    await store.insert("counters", "c", {"n": "text", "big": 2**63 - 1})
    for amounts in ({"n": 1}, {"big": 1}):
        with pytest.raises(InvalidDocument, match="numbers of 64 bits"):
            await store.increment("counters", "c", amounts)


# --- TLS ---


async def test_only_a_server_of_the_given_authority_is_trusted(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    certificate, key = authority.issue("127.0.0.1")
    server = MongoServer(tmp_path / "db", tls_cert_file=str(certificate), tls_key_file=str(key))
    server.start()
    try:
        base = {"MONGO_HOST": f"127.0.0.1:{server.port}", "MONGO_DB": "tls"}

        async def ping(environ: Mapping[str, str]) -> None:
            settings = MemorySettings("mongo")
            store = await open_store(settings, "nobody", collections=COLLECTIONS, environ=environ)
            try:
                await store.ping()
            finally:
                await store.close()

        await ping({**base, "MONGO_CA_FILE": str(authority.file)})
        for wrong in ({"MONGO_CA_FILE": str(other.file)}, {"MONGO_TLS": "off"}):
            with pytest.raises(StoreUnavailable):
                await ping({**base, **wrong})
    finally:
        server.kill()


async def test_without_its_database_a_service_starts_and_says_unavailable(mongo_server: MongoServer) -> None:
    environ = {"MONGO_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"}
    store = await open_store(MemorySettings("mongo"), SERVICE, collections=COLLECTIONS, environ=environ)
    with pytest.raises(StoreUnavailable, match="did not answer"):
        await store.ping()
    await store.close()
