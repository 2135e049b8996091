"""The SQL texts of the SQLite backend.

Owns statement texts, never values: those are always parameters. What is put into a text are names of declared
collections and fields, which `declarations` holds to letters, digits and underscores.
"""
# ruff: noqa: S608 -- see above: only checked names enter these texts

from functools import lru_cache

from aex.store.backend import Find
from aex.store.port import Scalar


def field(name: str) -> str:
    """A document's field. The same text makes the index, so that SQLite recognises it."""
    return f"json_extract(doc, '$.{name}')"


@lru_cache(256)
def table(collection: str) -> str:
    """Creates the collection's table."""
    return (
        f'CREATE TABLE IF NOT EXISTS "{collection}"'
        " (id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, doc TEXT NOT NULL)"
    )


@lru_cache(256)
def insert(collection: str) -> str:
    """(id, version, text): changes one row, or none when the id is taken."""
    return f'INSERT INTO "{collection}" (id, version, doc) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING'


@lru_cache(256)
def replace(collection: str) -> str:
    """(new version, text, id, old version): changes one row, or none."""
    return f'UPDATE "{collection}" SET version = ?, doc = ? WHERE id = ? AND version = ?'


@lru_cache(256)
def overwrite(collection: str) -> str:
    """(text, id): the next version of a row that was read in this transaction."""
    return f'UPDATE "{collection}" SET version = version + 1, doc = ? WHERE id = ?'


@lru_cache(256)
def get(collection: str, ids: int) -> str:
    """(id, ...): the rows that exist."""
    return f'SELECT id, version, doc FROM "{collection}" WHERE id IN ({", ".join("?" * ids)})'


def delete(collection: str, *, versioned: bool) -> str:
    """(id) or (id, version): removes one row, or none."""
    return f'DELETE FROM "{collection}" WHERE id = ?{" AND version = ?" if versioned else ""}'


def count(collection: str, fields: tuple[str, ...]) -> str:
    """(value, ...): how many rows have these values in these fields."""
    condition = " AND ".join(f"{field(name)} = ?" for name in fields) or "1"
    return f'SELECT count(*) FROM "{collection}" WHERE {condition}'


@lru_cache(256)
def page(collection: str) -> str:
    """(id, how many): the rows behind this id, in the order of ids."""
    return f'SELECT id, version, doc FROM "{collection}" WHERE id > ? ORDER BY id LIMIT ?'


def purge(collection: str, ttl: str, rows: int) -> str:
    """(now): removes some rows whose time is over. A field that is absent or empty keeps its row."""
    return (
        f'DELETE FROM "{collection}" WHERE rowid IN (SELECT rowid FROM "{collection}"'
        f" WHERE {field(ttl)} > '' AND {field(ttl)} < ? LIMIT {rows})"
    )


def select(collection: str, query: Find) -> tuple[str, list[Scalar]]:
    """The text of a query, and its values."""
    fields, sort = sorted(query.where), field(query.field)
    conditions = [f"{field(name)} = ?" for name in fields]
    values: list[Scalar] = [query.where[name] for name in fields]
    low, high = query.low, query.high
    if query.after:  # also as a plain bound, which lets the index jump there
        value = query.after[0]
        if query.descending:
            high = value if high is None else min(high, value)
        else:
            low = max(low, value)
    conditions.append(f"{sort} >= ?")
    values.append(low)
    if high is not None:
        conditions.append(f"{sort} <= ?")
        values.append(high)
    if query.after:
        conditions.append(f"({sort}, id) {'<' if query.descending else '>'} (?, ?)")
        values.extend(query.after)
    direction = "DESC" if query.descending else "ASC"
    values.append(query.limit)
    return (
        f'SELECT id, version, doc FROM "{collection}" WHERE {" AND ".join(conditions)}'
        f" ORDER BY {sort} {direction}, id {direction} LIMIT ?",
        values,
    )
