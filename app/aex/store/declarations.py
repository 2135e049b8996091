"""Loads `collections.toml`: which service owns which collection, and which queries it may issue.

Owns the format and its validation. Does not own index creation (each backend) nor deployment (the platform reads the
same file by itself).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from aex.store.port import StoreMisconfigured

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEYS = {"owner", "queries", "ttl"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query that may be issued: equality on `equal`, sorted by `order`.

    `order` is "field" or "-field"; None declares fields that are only counted.
    """

    equal: tuple[str, ...]
    order: str | None

    @property
    def order_field(self) -> str | None:
        """The field that sorts, without its direction."""
        return self.order.removeprefix("-") if self.order else None


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection. `ttl` names the field with the time at which a document may vanish by itself."""

    name: str
    owner: str
    queries: tuple[Query, ...]
    ttl: str | None = None

    def allows(self, equal: frozenset[str], order: str) -> bool:
        """Whether this query is declared."""
        return any(frozenset(q.equal) == equal and q.order == order for q in self.queries)

    def indexes(self) -> list[tuple[str, ...]]:
        """Fields of the indexes that serve every declared query, each to be followed by the id.

        Both directions of an order share one, and fields that are only counted use the beginning of a longer one.
        """
        ordered = {(*q.equal, q.order_field) for q in self.queries if q.order_field}
        counted = {q.equal for q in self.queries if q.equal and not q.order}
        alone = {fields for fields in counted if not any(longer[: len(fields)] == fields for longer in ordered)}
        return sorted(ordered | alone)

    def allows_count(self, equal: frozenset[str]) -> bool:
        """Whether documents may be counted by these fields."""
        return any(frozenset(q.equal) == equal for q in self.queries)


def parse(text: str) -> dict[str, Collection]:
    """Collections by name. Raises `StoreMisconfigured` naming the entry that is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StoreMisconfigured(f"collections.toml is not TOML: {error}") from error
    return {name: _collection(name, entry) for name, entry in raw.items()}


@cache
def load() -> Mapping[str, Collection]:
    """The collections of the exchange, from the file beside this module."""
    return parse(files("aex.store").joinpath("collections.toml").read_text("utf-8"))


def owned_by(service: str, collections: Mapping[str, Collection]) -> dict[str, Collection]:
    """The collections that this service owns, by name."""
    return {name: c for name, c in collections.items() if c.owner == service}


def _collection(name: str, entry: object) -> Collection:
    if not _NAME.fullmatch(name):
        raise _wrong(name, "names are lower case letters, digits and underscores")
    table = _table(name, entry)
    if unknown := set(table) - _KEYS:
        raise _wrong(name, f"unknown keys {sorted(unknown)}; known are {sorted(_KEYS)}")
    owner, ttl, queries = table.get("owner"), table.get("ttl"), table.get("queries", [])
    if not isinstance(owner, str) or not owner:
        raise _wrong(name, 'needs an owner, as in owner = "aex-identity"')
    if ttl is not None and not (isinstance(ttl, str) and _NAME.fullmatch(ttl)):
        raise _wrong(name, "ttl must be the name of a field")
    if not isinstance(queries, list):
        raise _wrong(name, "queries must be a list of tables")
    parsed = tuple(_query(name, q) for q in cast("list[object]", queries))
    if len({(frozenset(q.equal), q.order) for q in parsed}) != len(parsed):
        raise _wrong(name, "declares one query twice")
    return Collection(name, owner, parsed, ttl)


def _query(name: str, entry: object) -> Query:
    table = _table(name, entry)
    if unknown := set(table) - {"equal", "order"}:
        raise _wrong(name, f"a query has unknown keys {sorted(unknown)}; known are ['equal', 'order']")
    equal, order = table.get("equal", []), table.get("order")
    if not isinstance(equal, list):
        raise _wrong(name, "equal must be a list of field names")
    fields = [f for f in cast("list[object]", equal) if isinstance(f, str) and _NAME.fullmatch(f)]
    if len(fields) != len(cast("list[object]", equal)) or len(set(fields)) != len(fields):
        raise _wrong(name, "equal must be a list of different field names")
    if order is not None and not (isinstance(order, str) and _NAME.fullmatch(order.removeprefix("-"))):
        raise _wrong(name, 'order must be "field" or "-field"')
    query = Query(tuple(fields), order)
    if query.order_field in fields:
        raise _wrong(name, f"{query.order_field} can not be both compared and sorted by")
    return query


def _table(name: str, entry: object) -> dict[str, object]:
    if not isinstance(entry, dict):
        raise _wrong(name, "must be a table")
    return cast("dict[str, object]", entry)


def _wrong(name: str, problem: str) -> StoreMisconfigured:
    return StoreMisconfigured(f"collections.toml, {name}: {problem}")
