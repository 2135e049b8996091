"""The SQLite backend: one file per service, documents as JSON text, indexes on expressions over it.

Owns what a write does. Opening and schema are `sqlite_file`, texts `sqlite_sql`, the transaction `commit`. WAL with
synchronous=FULL: what is acknowledged survives kill -9 and power loss. `then` is atomic with its first write. Documents
past their `ttl` are dropped after a commit, at most once a minute.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import cast

import orjson

from aex.store import sqlite_sql as sql
from aex.store.backend import Find
from aex.store.commit import GroupCommit
from aex.store.declarations import Collection
from aex.store.documents import encode
from aex.store.port import (
    AlreadyExists,
    Document,
    InvalidDocument,
    Put,
    Scalar,
    Stored,
    StoreUnavailable,
    VersionConflict,
)
from aex.store.sqlite_file import OwnerLock, connect, prepare

_PURGE_SECONDS = 60.0
_PURGE_ROWS = 500
_IN_CHUNK = 500  # SQLite allows 32,766 parameters; a few statement texts are cached instead of hundreds
_INT_LOW, _INT_HIGH = -(2**63), 2**63 - 1


class SqliteBackend:
    """One service's database file, or a database in memory for `:memory:`."""

    def __init__(self, path: str, collections: Mapping[str, Collection]) -> None:
        file = prepare(path)
        self._lock = OwnerLock(file) if file else None
        self._ttl = [c for c in collections.values() if c.ttl]
        self._purged = time.monotonic()  # a start has other things to do; nothing hangs on the minute
        try:
            self._commit = GroupCommit(partial(connect, file, collections), self._purge)
        except BaseException:
            self._release()
            raise

    @property
    def commits(self) -> int:
        """Transactions committed since opening."""
        return self._commit.commits

    async def insert(self, collection: str, id: str, doc: Document, then: Sequence[Put]) -> Stored:
        text = encode(doc).decode()
        puts = _encoded(then)

        def apply(connection: sqlite3.Connection) -> Stored:
            version = _now_version()
            if not _put(connection, collection, id, version, text):
                raise AlreadyExists(f"{collection}/{id} exists already")
            _apply(connection, puts)
            return Stored(id, version, doc)

        return await self._commit.write(apply)

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for start in range(0, len(ids), _IN_CHUNK):
            chunk = ids[start : start + _IN_CHUNK]
            for stored in map(_stored, self._read(sql.get(collection, len(chunk)), chunk)):
                found[stored.id] = stored
        return found

    async def replace(self, stored: Stored, doc: Document, collection: str, then: Sequence[Put]) -> Stored:
        text = encode(doc).decode()
        puts = _encoded(then)
        version = stored.version + 1

        def apply(connection: sqlite3.Connection) -> Stored:
            values = (version, text, stored.id, stored.version)
            if connection.execute(sql.replace(collection), values).rowcount != 1:
                raise VersionConflict(f"{collection}/{stored.id} was changed or deleted since it was read")
            _apply(connection, puts)
            return Stored(stored.id, version, doc)

        return await self._commit.write(apply)

    async def delete(self, collection: str, id: str, version: int | None) -> bool:
        def apply(connection: sqlite3.Connection) -> bool:
            values = (id,) if version is None else (id, version)
            return connection.execute(sql.delete(collection, versioned=version is not None), values).rowcount == 1

        return await self._commit.write(apply)

    async def find(self, collection: str, query: Find) -> list[Stored]:
        text, values = sql.select(collection, query)
        return [_stored(row) for row in self._read(text, values)]

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        fields = tuple(sorted(where))
        rows = self._read(sql.count(collection, fields), [where[name] for name in fields])
        return cast("int", rows[0][0])

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        def apply(connection: sqlite3.Connection) -> dict[str, int]:
            row = connection.execute(sql.get(collection, 1), (id,)).fetchone()
            before = _stored(row) if row else None
            doc = before.doc if before else {}
            after = {name: _sum(collection, id, name, doc.get(name, 0), amount) for name, amount in amounts.items()}
            text = encode({**doc, **after}).decode()
            if before is None:
                _put(connection, collection, id, _now_version(), text)
            else:
                connection.execute(sql.overwrite(collection), (text, id))
            return after

        return await self._commit.write(apply)

    async def ping(self) -> None:
        self._read("SELECT count(*) FROM sqlite_master", ())

    async def close(self) -> None:
        self._commit.close()
        self._release()

    def _read(self, text: str, values: Sequence[Scalar]) -> list[tuple[object, ...]]:
        try:
            return self._commit.connection.execute(text, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database can not be read: {error}") from error

    def _purge(self, connection: sqlite3.Connection) -> None:
        """Drop some documents past their time; the next minute takes the next ones."""
        if not self._ttl or time.monotonic() < self._purged + _PURGE_SECONDS:
            return
        self._purged = time.monotonic()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for collection in self._ttl:
            connection.execute(sql.purge(collection.name, collection.ttl or "", _PURGE_ROWS), (now,))

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _now_version() -> int:
    """First version of a document: not that of an earlier document under this id, unless the clock is set back."""
    return time.time_ns() // 1000


def _encoded(then: Sequence[Put]) -> list[tuple[str, str, str]]:
    return [(put.collection, put.id, encode(put.doc).decode()) for put in then]


def _apply(connection: sqlite3.Connection, puts: Sequence[tuple[str, str, str]]) -> None:
    for collection, id, text in puts:
        _put(connection, collection, id, _now_version(), text)


def _put(connection: sqlite3.Connection, collection: str, id: str, version: int, text: str) -> bool:
    return connection.execute(sql.insert(collection), (id, version, text)).rowcount == 1


def _sum(collection: str, id: str, name: str, value: object, amount: int) -> int:
    if type(value) is not int:
        raise InvalidDocument(f"{collection}/{id}: field {name} holds {value!r}, which nothing can be added to")
    if not _INT_LOW <= value + amount <= _INT_HIGH:
        raise InvalidDocument(f"{collection}/{id}: field {name} would exceed 64 bits")
    return value + amount


def _stored(row: tuple[object, ...]) -> Stored:
    id, version, text = cast("tuple[str, int, str]", row)
    return Stored(id, version, cast("Document", orjson.loads(text)))
