"""Store wrappers for tests of services: one that dies at the n-th write, one that records what was asked.

`CrashingStore` treats `then` as single writes, as a backend without transactions would apply them, so that a test over
every n meets every prefix that a crash may leave:

    n = 0
    while True:
        n += 1
        inner = await open_memory_store("aex-settlement")
        store = CrashingStore(inner, crash_at=n)
        with contextlib.suppress(Crashed):
            await what_is_tested(store)
        await recover(inner)  # a new process over the same data
        check_invariants(inner)
        if not store.crashed:
            break
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aex.store.open import open_store
from aex.store.port import AlreadyExists, Document, Page, Put, Scalar, Store, Stored


class Crashed(Exception):
    """The process is dead as far as the store is concerned. No `StoreError`, so that nothing retries it."""


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """Settings of a SQLite store, in memory unless told otherwise."""

    store_type: str = "sqlite"
    sqlite_path: str = ":memory:"


async def open_memory_store(service: str) -> Store:
    """An empty store of this service in memory."""
    return await open_store(MemorySettings(), service)


class CrashingStore:
    """Applies the first `crash_at - 1` writes, then raises `Crashed` for ever.

    With `after=True` the `crash_at`-th write is applied too, but its answer is lost. `writes` counts those applied.
    """

    def __init__(self, inner: Store, crash_at: int, *, after: bool = False) -> None:
        self._inner = inner
        self._crash_at = crash_at
        self._after = after
        self.writes = 0
        self.crashed = False

    async def insert(self, collection: str, id: str, doc: Document, *, then: Sequence[Put] = ()) -> Stored:
        self._before()
        stored = await self._inner.insert(collection, id, doc)
        self._applied()
        await self._follow_up(then)
        return stored

    async def get(self, collection: str, id: str, *, stale_ok: bool = False) -> Stored | None:
        self._alive()
        return await self._inner.get(collection, id, stale_ok=stale_ok)

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool = False) -> dict[str, Stored]:
        self._alive()
        return await self._inner.get_many(collection, ids, stale_ok=stale_ok)

    async def replace(self, stored: Stored, doc: Document, *, collection: str, then: Sequence[Put] = ()) -> Stored:
        self._before()
        replaced = await self._inner.replace(stored, doc, collection=collection)
        self._applied()
        await self._follow_up(then)
        return replaced

    async def delete(self, collection: str, id: str, *, version: int | None = None) -> bool:
        self._before()
        deleted = await self._inner.delete(collection, id, version=version)
        self._applied()
        return deleted

    async def query(
        self,
        collection: str,
        where: Mapping[str, Scalar],
        *,
        order: str,
        limit: int,
        cursor: str | None = None,
        low: str | None = None,
        high: str | None = None,
        stale_ok: bool = False,
    ) -> Page:
        self._alive()
        return await self._inner.query(
            collection, where, order=order, limit=limit, cursor=cursor, low=low, high=high, stale_ok=stale_ok
        )

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        self._alive()
        return await self._inner.count(collection, where)

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        self._before()
        after = await self._inner.increment(collection, id, amounts)
        self._applied()
        return after

    async def ping(self) -> None:
        self._alive()
        await self._inner.ping()

    async def close(self) -> None:
        """Leaves the inner store open: the next process goes on with it."""

    async def _follow_up(self, then: Sequence[Put]) -> None:
        for put in then:
            self._before()
            with contextlib.suppress(AlreadyExists):  # put-if-absent
                await self._inner.insert(put.collection, put.id, put.doc)
            self._applied()

    def _alive(self) -> None:
        if self.crashed:
            raise Crashed

    def _before(self) -> None:
        self._alive()
        if self.writes + 1 == self._crash_at and not self._after:
            self.crashed = True
            raise Crashed

    def _applied(self) -> None:
        self._alive()  # another task may have met the crash meanwhile
        self.writes += 1
        if self.writes == self._crash_at:
            self.crashed = True
            raise Crashed


@dataclass(frozen=True, slots=True)
class Asked:
    """One query that was issued; `order` is None for a count."""

    collection: str
    equal: frozenset[str]
    order: str | None


class RecordingStore:
    """Passes everything on and collects every query in `asked`, a set that several stores may share."""

    def __init__(self, inner: Store, asked: set[Asked]) -> None:
        self._inner = inner
        self.asked = asked

    async def insert(self, collection: str, id: str, doc: Document, *, then: Sequence[Put] = ()) -> Stored:
        return await self._inner.insert(collection, id, doc, then=then)

    async def get(self, collection: str, id: str, *, stale_ok: bool = False) -> Stored | None:
        return await self._inner.get(collection, id, stale_ok=stale_ok)

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool = False) -> dict[str, Stored]:
        return await self._inner.get_many(collection, ids, stale_ok=stale_ok)

    async def replace(self, stored: Stored, doc: Document, *, collection: str, then: Sequence[Put] = ()) -> Stored:
        return await self._inner.replace(stored, doc, collection=collection, then=then)

    async def delete(self, collection: str, id: str, *, version: int | None = None) -> bool:
        return await self._inner.delete(collection, id, version=version)

    async def query(
        self,
        collection: str,
        where: Mapping[str, Scalar],
        *,
        order: str,
        limit: int,
        cursor: str | None = None,
        low: str | None = None,
        high: str | None = None,
        stale_ok: bool = False,
    ) -> Page:
        self.asked.add(Asked(collection, frozenset(where), order))
        return await self._inner.query(
            collection, where, order=order, limit=limit, cursor=cursor, low=low, high=high, stale_ok=stale_ok
        )

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        self.asked.add(Asked(collection, frozenset(where), None))
        return await self._inner.count(collection, where)

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        return await self._inner.increment(collection, id, amounts)

    async def ping(self) -> None:
        await self._inner.ping()

    async def close(self) -> None:
        await self._inner.close()
