"""The Firestore backend (native mode).

Owns what a write does. `firestore_client` calls and retries, `firestore_values` encodes. Indexes and time-to-live
policies are deployed by the Google platform from `collections.toml`.

No transactions: a commit with preconditions is one round trip and never waits for a lock. `then` is part of the same
commit, as creations. Where one of them exists already the commit is refused as a whole; then what exists is looked up
and left out, so that only the rare repetition costs more.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence

from google.cloud.firestore_v1 import types

from aex.store import firestore_values as values
from aex.store.backend import Find
from aex.store.deadline import Gate
from aex.store.declarations import Collection
from aex.store.documents import encode, ttl_date
from aex.store.firestore_client import FirestoreClient, FirestoreSettings, Refused
from aex.store.firestore_values import Found
from aex.store.port import AlreadyExists, Document, Put, Scalar, Stored, StoreUnavailable, VersionConflict

_ABSENT = types.Precondition(exists=False)
_PRESENT = types.Precondition(exists=True)
_LOOK_UPS = 8  # how often follow-ups may appear under our hands before we give up
_GET_CHUNK = 300


class FirestoreBackend:
    """One service's collections in the exchange's database."""

    def __init__(
        self, settings: FirestoreSettings, collections: Mapping[str, Collection], gate: Gate | None = None
    ) -> None:
        self._client = FirestoreClient(settings, gate)
        self._collections = collections

    async def insert(self, collection: str, id: str, doc: Document, then: Sequence[Put]) -> Stored:
        def judge(current: Found | None) -> None:
            if current is not None:
                raise AlreadyExists(f"{collection}/{id} exists already")

        return await self._write(Put(collection, id, doc), _ABSENT, judge, then)

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool) -> dict[str, Stored]:
        result: dict[str, Stored] = {}
        for start in range(0, len(ids), _GET_CHUNK):
            names = [self._name(collection, id) for id in ids[start : start + _GET_CHUNK]]
            result |= {found.stored.id: found.stored for found in (await self._client.read(names)).values()}
        return result

    async def replace(self, stored: Stored, doc: Document, collection: str, then: Sequence[Put]) -> Stored:
        def judge(current: Found | None) -> None:
            if current is None or current.stored.version != stored.version:
                raise VersionConflict(f"{collection}/{stored.id} was changed or deleted since it was read")

        return await self._write(Put(collection, stored.id, doc), values.precondition(stored.version), judge, then)

    async def delete(self, collection: str, id: str, version: int | None) -> bool:
        name = self._name(collection, id)
        guard = _PRESENT if version is None else values.precondition(version)
        try:
            await self._client.commit([types.Write(delete=name, current_document=guard)], repeatable=True)
        except Refused as refused:
            # After a lost answer, an absent document is the one that we deleted.
            return refused.unsure and not await self._client.read([name])
        return True

    async def find(self, collection: str, query: Find) -> list[Stored]:
        order = types.StructuredQuery.Order
        reverse = (
            types.StructuredQuery.Direction.DESCENDING
            if query.descending
            else types.StructuredQuery.Direction.ASCENDING
        )
        filters = [_compare(query.field, "GREATER_THAN_OR_EQUAL", query.low)]
        if query.high is not None:
            filters.append(_compare(query.field, "LESS_THAN_OR_EQUAL", query.high))
        structured = types.StructuredQuery(
            from_=[types.StructuredQuery.CollectionSelector(collection_id=collection)],
            where=_all([*_equal(query.where), *filters]),
            order_by=[
                order(field=types.StructuredQuery.FieldReference(field_path=query.field), direction=reverse),
                order(field=types.StructuredQuery.FieldReference(field_path="__name__"), direction=reverse),
            ],
            limit=query.limit,
        )
        if query.after:
            value, id = query.after
            name = types.Value(reference_value=self._name(collection, id))
            structured.start_at = types.Cursor(values=[values.scalar(value), name], before=False)
        return [found.stored for found in await self._client.query(structured)]

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        structured = types.StructuredQuery(
            from_=[types.StructuredQuery.CollectionSelector(collection_id=collection)],
            where=_all(_equal(where)) if where else None,
        )
        return await self._client.count(structured)

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        transform = types.DocumentTransform.FieldTransform
        write = types.Write(
            update=types.Document(name=self._name(collection, id)),
            update_mask=types.DocumentMask(field_paths=[]),  # nothing but the transformations
            update_transforms=[
                transform(field_path=name, increment=values.scalar(amount)) for name, amount in amounts.items()
            ],
        )
        results = await self._client.commit([write], repeatable=False)
        return dict(zip(amounts, values.integers(results[0].transform_results), strict=True))

    async def ping(self) -> None:
        await self._client.read([self._name(next(iter(self._collections), "ping"), "ping")])

    async def close(self) -> None:
        await self._client.close()

    async def _write(
        self, first: Put, guard: types.Precondition, judge: Callable[[Found | None], None], then: Sequence[Put]
    ) -> Stored:
        """Commit `first` and what is absent of `then`. `judge` raises if what is there refuses `first`."""
        token = secrets.token_hex(8)
        name = self._name(first.collection, first.id)
        write = types.Write(update=self._document(first, token), current_document=guard)
        puts = {self._name(put.collection, put.id): put for put in reversed(then)}  # the first of each id counts
        puts.pop(name, None)
        for _ in range(_LOOK_UPS):
            creations = [
                types.Write(update=self._document(put, token), current_document=_ABSENT) for put in puts.values()
            ]
            try:
                results = await self._client.commit([write, *creations], repeatable=True)
                return Stored(first.id, values.written_version(results[0]), first.doc)
            except Refused:
                there = await self._client.read([name, *puts])
            current = there.get(name)
            if current is not None and current.token == token:  # a try whose answer was lost
                return Stored(first.id, current.stored.version, first.doc)
            judge(current)
            puts = {other: put for other, put in puts.items() if other not in there}
        raise StoreUnavailable(f"{first.collection}/{first.id}: too many others write the same documents")

    def _document(self, put: Put, token: str) -> types.Document:
        encode(put.doc)  # for its size, in the same measure as on every backend
        ttl = ttl_date(put.doc, self._collections[put.collection].ttl)
        return values.document(self._name(put.collection, put.id), put.doc, token, ttl)

    def _name(self, collection: str, id: str) -> str:
        return f"{self._client.documents}/{collection}/{values.escape(id)}"


def _equal(where: Mapping[str, Scalar]) -> list[types.StructuredQuery.Filter]:
    return [_compare(field, "EQUAL", value) for field, value in where.items()]


def _compare(field: str, operator: str, value: Scalar) -> types.StructuredQuery.Filter:
    return types.StructuredQuery.Filter(
        field_filter=types.StructuredQuery.FieldFilter(
            field=types.StructuredQuery.FieldReference(field_path=field),
            op=types.StructuredQuery.FieldFilter.Operator[operator],
            value=values.scalar(value),
        )
    )


def _all(filters: list[types.StructuredQuery.Filter]) -> types.StructuredQuery.Filter:
    if len(filters) == 1:
        return filters[0]
    composite = types.StructuredQuery.CompositeFilter
    return types.StructuredQuery.Filter(composite_filter=composite(op=composite.Operator.AND, filters=filters))
