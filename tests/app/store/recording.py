"""A store that writes down which queries go through it, to hold the declarations against what is really asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aex.store.port import Document, Page, Put, Scalar, Store, Stored


class Asked(NamedTuple):
    """A query's shape: which fields are compared, and the order; no order for a count."""

    collection: str
    equal: frozenset[str]
    order: str | None


@dataclass
class Record:
    """What was asked, by anybody."""

    asked: set[Asked] = field(default_factory=set[Asked])

    def around(self, _service: str, store: Store) -> Store:
        """For `world(wrap=...)`."""
        return RecordingStore(store, self)


class RecordingStore:
    """Passes everything on."""

    def __init__(self, inner: Store, record: Record) -> None:
        self._inner = inner
        self._record = record

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
        self._record.asked.add(Asked(collection, frozenset(where), order))
        return await self._inner.query(
            collection, where, order=order, limit=limit, cursor=cursor, low=low, high=high, stale_ok=stale_ok
        )

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        self._record.asked.add(Asked(collection, frozenset(where), None))
        return await self._inner.count(collection, where)

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        return await self._inner.increment(collection, id, amounts)

    async def ping(self) -> None:
        await self._inner.ping()

    async def close(self) -> None:
        await self._inner.close()
