"""Reads the SQLite file of a service that may be running: what audits and exports look through.

Takes no lock and can write nothing: SQLite's log lets a reader in beside the one process that writes. Owns nothing of
how documents are written.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, cast

import orjson

from aex.store import sqlite_sql as sql
from aex.store.backend import Find
from aex.store.port import Document, Put, Scalar, Stored, StoreMisconfigured, StoreUnavailable

_BUSY_SECONDS = 5.0


class SqliteReader:
    """A `Backend` that only reads. Raises `StoreMisconfigured` when there is no such file."""

    def __init__(self, path: str) -> None:
        file = Path(path).absolute()
        if not file.is_file():
            raise StoreMisconfigured(f"{file} does not exist: name the folder that holds the services' databases")
        try:
            self._connection = sqlite3.connect(
                f"{file.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
            )
            tables = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        except sqlite3.Error as error:
            raise StoreMisconfigured(f"{file} can not be read as a database: {error}") from error
        self._tables = {str(row[0]) for row in tables}

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool) -> dict[str, Stored]:
        found = (self._read(collection, sql.get(collection, 1), (id,)) for id in ids)
        return {stored.id: stored for rows in found for stored in rows}

    async def find(self, collection: str, query: Find) -> list[Stored]:
        text, values = sql.select(collection, query)
        return self._read(collection, text, values)

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        fields = tuple(sorted(where))
        values = [where[name] for name in fields]
        if collection not in self._tables:
            return 0
        return int(self._connection.execute(sql.count(collection, fields), values).fetchone()[0])

    async def page(self, collection: str, after: str | None, limit: int) -> list[Stored]:
        """Up to `limit` documents in the order of their ids, behind `after`."""
        return self._read(collection, sql.page(collection), (after or "", limit))

    async def ping(self) -> None:
        self._connection.execute("SELECT 1")

    async def close(self) -> None:
        self._connection.close()

    async def insert(self, collection: str, id: str, doc: Document, then: Sequence[Put]) -> Stored:
        _refuse()

    async def replace(self, stored: Stored, doc: Document, collection: str, then: Sequence[Put]) -> Stored:
        _refuse()

    async def delete(self, collection: str, id: str, version: int | None) -> bool:
        _refuse()

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        _refuse()

    def _read(self, collection: str, text: str, values: Sequence[Scalar]) -> list[Stored]:
        if collection not in self._tables:  # declared by this release, and the file was last opened by an older one
            return []
        try:
            rows = cast("list[tuple[str, int, str]]", self._connection.execute(text, values).fetchall())
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database can not be read: {error}") from error
        return [Stored(id, version, cast("Document", orjson.loads(doc))) for id, version, doc in rows]


def _refuse() -> NoReturn:
    raise StoreMisconfigured("this store was opened for reading only")


__all__ = ["SqliteReader"]
