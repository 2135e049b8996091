"""Whole collections, page by page in the order of ids: for export, import and audits. No service uses this.

Owns reading everything; needs no declared query, because every database keeps its documents in the order of their ids.
Nothing is written here: an import goes through the store port like every other write.
"""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Protocol, cast

from aex.store.declarations import load, owned_by
from aex.store.open import StoreSettings, open_store
from aex.store.owned import GuardedStore
from aex.store.port import Document, Store, Stored

if TYPE_CHECKING:  # a driver is imported when its database is opened, and not before
    from aex.store.firestore_client import FirestoreClient
    from aex.store.mongo_client import Database, MongoConnection, Raw

PAGE = 250
"""Documents read at once: of the largest kind, 225 MB would be too many, and of the usual one this is 250 kB."""


class Reader(Protocol):
    """Reads collections whole."""

    async def page(self, collection: str, after: str | None, limit: int) -> list[Stored]:
        """Up to `limit` documents in the order of their ids, behind the id `after`."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


async def open_reader(settings: StoreSettings, environ: Mapping[str, str]) -> Reader:
    """A reader of what `settings` names: all collections, or on SQLite those of the service whose file it is."""
    match settings.store_type:
        case "mongo":
            from aex.store.mongo_client import MongoConnection
            from aex.store.mongo_settings import MongoSettings

            return _MongoReader(MongoConnection(MongoSettings.from_environ(environ)))
        case "firestore":
            from aex.store.firestore_client import FirestoreClient, FirestoreSettings

            return _FirestoreReader(FirestoreClient(FirestoreSettings.from_environ(environ)))
        case _:
            from aex.store.sqlite_reader import SqliteReader

            return SqliteReader(settings.sqlite_path)


async def open_to_read(settings: StoreSettings, service: str, environ: Mapping[str, str]) -> Store:
    """The store of `service` for an audit. A SQLite file is opened beside the service that writes it."""
    if settings.store_type == "sqlite":
        from aex.store.sqlite_reader import SqliteReader

        return GuardedStore(service, SqliteReader(settings.sqlite_path), owned_by(service, load()))
    return await open_store(settings, service, environ=environ)


async def everything(reader: Reader, collection: str, *, page: int = PAGE) -> AsyncIterator[Stored]:
    """Every document of a collection, in the order of ids."""
    after: str | None = None
    while True:
        items = await reader.page(collection, after, page)
        for item in items:
            yield item
        if len(items) < page:
            return
        after = items[-1].id


class _MongoReader:
    def __init__(self, connection: "MongoConnection") -> None:
        self._connection = connection

    async def page(self, collection: str, after: str | None, limit: int) -> list[Stored]:
        condition: dict[str, object] = {} if after is None else {"_id": {"$gt": after}}

        async def call(db: "Database") -> "list[Raw]":
            return await db[collection].find(condition, limit=limit).sort([("_id", 1)]).to_list()

        return [_plain(raw) for raw in await self._connection.run(call)]

    async def close(self) -> None:
        await self._connection.close()


class _FirestoreReader:
    def __init__(self, client: "FirestoreClient") -> None:
        self._client = client

    async def page(self, collection: str, after: str | None, limit: int) -> list[Stored]:
        from google.cloud.firestore_v1 import types

        from aex.store.firestore_values import escape

        name = types.StructuredQuery.FieldReference(field_path="__name__")
        query = types.StructuredQuery(
            from_=[types.StructuredQuery.CollectionSelector(collection_id=collection)],
            order_by=[types.StructuredQuery.Order(field=name)],
            limit=limit,
        )
        if after is not None:
            last = types.Value(reference_value=f"{self._client.documents}/{collection}/{escape(after)}")
            query.start_at = types.Cursor(values=[last], before=False)
        return [found.stored for found in await self._client.query(query)]

    async def close(self) -> None:
        await self._client.close()


def _plain(raw: "Raw") -> Stored:
    doc = {name: value for name, value in raw.items() if not name.startswith("_")}
    version = raw.get("_v")
    return Stored(cast("str", raw["_id"]), version if isinstance(version, int) else 0, cast("Document", doc))


__all__ = ["PAGE", "Reader", "everything", "open_reader", "open_to_read"]
