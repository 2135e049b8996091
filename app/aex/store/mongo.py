"""The MongoDB backend, within what Amazon DocumentDB 5.0 supports.

Owns what a write does and the indexes. `mongo_client` connects, `mongo_settings` says where. A document keeps its
fields at the top level beside `_id`, `_v` (version) and, where the collection ages out, `_ttl`.

Every write is one command on one document, conditional on `_id` and `_v`. `then` follows as separate inserts:
DocumentDB's transactions would cost two more round trips and change nothing, since callers recover from every prefix.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import cast

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, WriteError
from pymongo.read_preferences import SecondaryPreferred

from aex.store.backend import Find
from aex.store.deadline import Gate
from aex.store.declarations import Collection
from aex.store.documents import HIDDEN_TTL, encode, ttl_date
from aex.store.mongo_client import Database, MongoConnection, Raw
from aex.store.mongo_settings import MongoSettings
from aex.store.port import AlreadyExists, Document, InvalidDocument, Put, Scalar, Stored, StoreError, VersionConflict

_log = logging.getLogger("aex.store")
_VERSION = "_v"
_DUPLICATE_KEY = 11000
_BAD_INCREMENT = (2, 14)  # BadValue (overflow), TypeMismatch
_INDEX_RETRY_SECONDS = 5.0
_START_SECONDS = 5.0


class MongoBackend:
    """One service's collections in the exchange's database."""

    def __init__(
        self, settings: MongoSettings, collections: Mapping[str, Collection], gate: Gate | None = None
    ) -> None:
        self._connection = MongoConnection(settings, gate)
        self._collections = collections
        self._closing = asyncio.Event()
        self._tried = asyncio.Event()
        self._indexing = asyncio.ensure_future(self._create_indexes())

    async def settled(self) -> None:
        """Wait a little for the indexes, so that the first requests have them; without a database they come later."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), _START_SECONDS)

    async def insert(self, collection: str, id: str, doc: Document, then: Sequence[Put]) -> Stored:
        stored = Stored(id, _now_version(), doc)
        raw = self._raw(collection, stored)
        puts = self._raw_puts(then)
        try:
            await self._connection.run(lambda db: db[collection].insert_one(raw))
        except DuplicateKeyError as error:
            raise AlreadyExists(f"{collection}/{id} exists already") from error
        await self._put(puts)
        return stored

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool) -> dict[str, Stored]:
        wanted = {"_id": ids[0] if len(ids) == 1 else {"$in": list(ids)}}

        async def call(db: Database) -> list[Raw]:
            return await _reading(db, collection, stale_ok=stale_ok).find(wanted).to_list()

        found = [_stored(raw) for raw in await self._connection.run(call)]
        return {stored.id: stored for stored in found}

    async def replace(self, stored: Stored, doc: Document, collection: str, then: Sequence[Put]) -> Stored:
        replaced = Stored(stored.id, stored.version + 1, doc)
        raw = self._raw(collection, replaced)
        puts = self._raw_puts(then)
        guard = {"_id": stored.id, _VERSION: stored.version}
        result = await self._connection.run(lambda db: db[collection].replace_one(guard, raw))
        if result.matched_count != 1:
            raise VersionConflict(f"{collection}/{stored.id} was changed or deleted since it was read")
        await self._put(puts)
        return replaced

    async def delete(self, collection: str, id: str, version: int | None) -> bool:
        guard: dict[str, object] = {"_id": id} if version is None else {"_id": id, _VERSION: version}
        result = await self._connection.run(lambda db: db[collection].delete_one(guard))
        return result.deleted_count == 1

    async def find(self, collection: str, query: Find) -> list[Stored]:
        condition = _condition(query)
        direction = DESCENDING if query.descending else ASCENDING

        async def call(db: Database) -> list[Raw]:
            found = _reading(db, collection, stale_ok=query.stale_ok).find(condition, limit=query.limit)
            return await found.sort([(query.field, direction), ("_id", direction)]).to_list()

        return [_stored(raw) for raw in await self._connection.run(call)]

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        return await self._connection.run(lambda db: db[collection].count_documents(dict(where)))

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        change = {"$inc": {**amounts, _VERSION: 1}}

        async def add(db: Database) -> Raw | None:
            try:
                return await db[collection].find_one_and_update(
                    {"_id": id}, change, return_document=ReturnDocument.AFTER
                )
            except OperationFailure as error:
                if error.code in _BAD_INCREMENT:
                    raise _NotAddable from error
                raise

        # Not an upsert: two of them that create the same document at once may both fail, or answer without it.
        while True:
            try:
                after = await self._connection.run(add)
            except _NotAddable as error:
                raise InvalidDocument(f"{collection}/{id}: {sorted(amounts)} hold no numbers of 64 bits") from error
            if after is not None:
                return {name: cast("int", after[name]) for name in amounts}
            first: dict[str, object] = {"_id": id, _VERSION: _now_version(), **amounts}
            try:
                await self._connection.run(lambda db, raw=first: db[collection].insert_one(raw))
                return dict(amounts)
            except DuplicateKeyError:  # another call created it meanwhile: add to it
                continue

    async def ping(self) -> None:
        await self._connection.run(lambda db: db.command("ping"))

    async def close(self) -> None:
        self._closing.set()
        self._indexing.cancel()
        await asyncio.gather(self._indexing, return_exceptions=True)
        await self._connection.close()

    async def _put(self, puts: list[tuple[str, list[Raw]]]) -> None:
        """Insert in order what is absent. An ordered bulk stops at an id that is taken, and goes on behind it."""
        for collection, raws in puts:
            start = 0
            while start < len(raws):
                try:
                    await self._connection.run(lambda db, c=collection, rest=raws[start:]: _insert_all(db[c], rest))
                    break
                except _Taken as taken:
                    start += taken.index + 1

    def _raw_puts(self, then: Sequence[Put]) -> list[tuple[str, list[Raw]]]:
        version = _now_version()
        return [
            (collection, [self._raw(collection, Stored(put.id, version, put.doc)) for put in puts])
            for collection, puts in groupby(then, key=lambda put: put.collection)
        ]

    def _raw(self, collection: str, stored: Stored) -> dict[str, object]:
        encode(stored.doc)  # for its size, in the same measure as on every backend
        raw: dict[str, object] = {"_id": stored.id, _VERSION: stored.version, **stored.doc}
        if date := ttl_date(stored.doc, self._collections[collection].ttl):
            raw[HIDDEN_TTL] = date
        return raw

    async def _create_indexes(self) -> None:
        """In the background, again until it succeeds: a service starts without its database, and serves unindexed."""
        for collection in self._collections.values():
            models = _indexes(collection)
            while models and not self._closing.is_set():
                try:
                    await self._connection.run(lambda db, c=collection, m=models: db[c.name].create_indexes(m))
                    break
                except StoreError as error:
                    _log.warning("store: indexes of %s not created, trying again: %s", collection.name, error)
                    self._tried.set()
                    # Not a sleep: the driver may have turned the cancellation by `close` into an error of its own.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._closing.wait(), _INDEX_RETRY_SECONDS)
        self._tried.set()


class _NotAddable(Exception):
    """The server could not add to a field."""


class _Taken(Exception):
    """A bulk of inserts met an id that is taken."""

    def __init__(self, index: int) -> None:
        self.index = index


async def _insert_all(collection: AsyncCollection[Raw], raws: list[Raw]) -> None:
    try:
        await collection.insert_many([dict(raw) for raw in raws])
    except BulkWriteError as error:
        first = cast("list[dict[str, int]]", (error.details or {}).get("writeErrors", []))
        if first and first[0]["code"] == _DUPLICATE_KEY:
            raise _Taken(first[0]["index"]) from error
        raise WriteError("a follow-up write failed", error.code) from error


def _reading(db: Database, collection: str, *, stale_ok: bool) -> AsyncCollection[Raw]:
    return db.get_collection(collection, read_preference=SecondaryPreferred()) if stale_ok else db[collection]


def _condition(query: Find) -> dict[str, object]:
    low, high = query.low, query.high
    condition: dict[str, object] = dict(query.where)
    if query.after:
        value, id = query.after
        beyond = "$lt" if query.descending else "$gt"
        condition["$or"] = [{query.field: {beyond: value}}, {query.field: value, "_id": {beyond: id}}]
        if query.descending:  # also as a plain bound, which lets the index jump there
            high = value if high is None else min(high, value)
        else:
            low = max(low, value)
    bounds: dict[str, object] = {"$gte": low}
    if high is not None:
        # The same as $lte: no text lies between a text and itself with NUL behind it. secantusdb, which the tests use,
        # misses what equals an inclusive upper bound when the index has a further field.
        bounds["$lt"] = high + "\0"
    condition[query.field] = bounds
    return condition


def _stored(raw: Raw) -> Stored:
    doc = {name: value for name, value in raw.items() if not name.startswith("_")}
    version = raw.get(_VERSION)
    return Stored(cast("str", raw["_id"]), version if isinstance(version, int) else 0, cast("Document", doc))


def _now_version() -> int:
    """First version of a document: not that of an earlier document under this id, unless the clock is set back."""
    return time.time_ns() // 1000


def _indexes(collection: Collection) -> list[IndexModel]:
    """The name holds a digest of the fields, so that a changed declaration is a new index and never a conflict."""
    models: list[IndexModel] = []
    for fields in collection.indexes():
        digest = hashlib.blake2b(",".join(fields).encode(), digest_size=6).hexdigest()
        keys = [(name, ASCENDING) for name in (*fields, "_id")]
        models.append(IndexModel(keys, name=f"ix_{digest}", background=True))
    if collection.ttl:
        models.append(IndexModel([(HIDDEN_TTL, ASCENDING)], name="ttl", expireAfterSeconds=0, background=True))
    return models
