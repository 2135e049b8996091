"""The guard in front of every backend: a service touches only what it owns, and asks only what is declared.

Owns argument checks, the declared-query rule and paging; owns no data. So the rules are the same on all backends.
"""

from collections.abc import Mapping, Sequence

from aex.store import cursor as cursors
from aex.store.backend import Backend, Find
from aex.store.declarations import Collection
from aex.store.documents import check_amounts, check_document, check_id, check_scalars, check_text, is_id
from aex.store.port import (
    MAX_PAGE,
    Document,
    ForeignCollection,
    InvalidDocument,
    Page,
    Put,
    Scalar,
    Stored,
    UndeclaredQuery,
)


class GuardedStore:
    """A `Store` for one service over a backend."""

    def __init__(self, service: str, backend: Backend, collections: Mapping[str, Collection]) -> None:
        self._service = service
        self._backend = backend
        self._all = collections

    async def insert(self, collection: str, id: str, doc: Document, *, then: Sequence[Put] = ()) -> Stored:
        self._check_write(collection, id, doc, then)
        return await self._backend.insert(collection, id, doc, then)

    async def get(self, collection: str, id: str, *, stale_ok: bool = False) -> Stored | None:
        found = await self.get_many(collection, (id,), stale_ok=stale_ok)
        return found.get(id)

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool = False) -> dict[str, Stored]:
        self._own(collection)
        possible = [id for id in dict.fromkeys(ids) if is_id(id)]
        if not possible:
            return {}
        return await self._backend.get_many(collection, possible, stale_ok=stale_ok)

    async def replace(self, stored: Stored, doc: Document, *, collection: str, then: Sequence[Put] = ()) -> Stored:
        self._check_write(collection, stored.id, doc, then)
        return await self._backend.replace(stored, doc, collection, then)

    async def delete(self, collection: str, id: str, *, version: int | None = None) -> bool:
        self._own(collection)
        return is_id(id) and await self._backend.delete(collection, id, version)

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
        declared = self._own(collection)
        if not declared.allows(frozenset(where), order):
            entry = f'{{ equal = {sorted(where)}, order = "{order}" }}'.replace("'", '"')
            raise UndeclaredQuery(f"{collection}: add {entry} to its queries in aex/store/collections.toml")
        check_scalars(where)
        for name, bound in (("low", low), ("high", high)):
            if bound is not None:
                check_text(name, bound)
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidDocument(f"limit must be 1 to {MAX_PAGE}, not {limit}")
        find = Find(
            where=where,
            field=order.removeprefix("-"),
            descending=order.startswith("-"),
            limit=limit + 1,  # one more tells whether another page follows
            low=low or "",
            high=high,
            after=cursors.decode(cursor, collection, where, order) if cursor is not None else None,
            stale_ok=stale_ok,
        )
        items = await self._backend.find(collection, find)
        if len(items) <= limit:
            return Page(items, None)
        del items[limit:]
        return Page(items, cursors.encode(items[-1], collection, where, order))

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        declared = self._own(collection)
        if not declared.allows_count(frozenset(where)):
            entry = f"{{ equal = {sorted(where)} }}".replace("'", '"')
            raise UndeclaredQuery(f"{collection}: add {entry} to its queries in aex/store/collections.toml")
        check_scalars(where)
        return await self._backend.count(collection, where)

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        self._own(collection)
        check_id(id)
        check_amounts(amounts)
        return await self._backend.increment(collection, id, amounts)

    async def ping(self) -> None:
        await self._backend.ping()

    async def close(self) -> None:
        await self._backend.close()

    def _check_write(self, collection: str, id: str, doc: Document, then: Sequence[Put]) -> None:
        self._own(collection)
        check_id(id)
        check_document(doc)
        for put in then:
            self._own(put.collection)
            check_id(put.id)
            check_document(put.doc)

    def _own(self, name: str) -> Collection:
        found = self._all.get(name)
        if found is not None and found.owner == self._service:
            return found
        if found is None:
            raise ForeignCollection(f"{name} is not a collection: declare it in aex/store/collections.toml")
        raise ForeignCollection(f"{name} belongs to {found.owner}: {self._service} must ask that service")
