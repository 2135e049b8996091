"""The backends under test: how to get an empty store of each, and how to open it again.

Owns the test collections. One harness is one empty database; `open` may be called several times.
"""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from aex.store.declarations import Collection, parse
from aex.store.open import open_store
from aex.store.port import Store, Stored
from tests.app.store.crashing import MemorySettings
from tests.app.store.servers import FirestoreEmulator, MongoServer

SERVICE = "tester"

COLLECTIONS: Mapping[str, Collection] = parse("""
[things]
owner = "tester"
queries = [
    { equal = ["kind"], order = "rank" },
    { equal = ["kind"], order = "-rank" },
    { equal = ["kind", "flag"], order = "rank" },
    { equal = [], order = "-rank" },
    { equal = ["kind", "size"] },
]

[follow_ups]
owner = "tester"
queries = [{ equal = ["cause"] }]

[counters]
owner = "tester"

[aging]
owner = "tester"
ttl = "expires_at"
queries = [{ equal = ["kind"] }]

[foreign]
owner = "somebody-else"
queries = [{ equal = ["kind"], order = "rank" }]
""")


class Harness(Protocol):
    """One empty database of a backend."""

    durable: bool
    """Whether data outlives `close`."""

    examples: int
    """How many examples a property test takes: a server answers more slowly than a file."""

    async def open(self) -> Store: ...


class SqliteHarness:
    """A database file in a folder of its own, or in memory."""

    examples = 60

    def __init__(self, path: Path | None) -> None:
        self.durable = path is not None
        self.settings = MemorySettings(sqlite_path=str(path) if path else ":memory:")

    async def open(self) -> Store:
        return await open_store(self.settings, SERVICE, collections=COLLECTIONS)


class MongoHarness:
    """A database of its own in a running server."""

    durable = True
    examples = 20

    def __init__(self, server: MongoServer) -> None:
        self.environ = server.environ(f"test_{uuid.uuid4().hex[:16]}")

    async def open(self) -> Store:
        return await open_store(MemorySettings("mongo"), SERVICE, collections=COLLECTIONS, environ=self.environ)


class FirestoreHarness:
    """A project of its own in a running emulator."""

    durable = True
    examples = 20

    def __init__(self, emulator: FirestoreEmulator) -> None:
        self.environ = emulator.environ(f"test-{uuid.uuid4().hex[:16]}")

    async def open(self) -> Store:
        return await open_store(MemorySettings("firestore"), SERVICE, collections=COLLECTIONS, environ=self.environ)


async def read(store: Store, id: str, collection: str = "things") -> Stored:
    found = await store.get(collection, id)
    assert found is not None
    return found
