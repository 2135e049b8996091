"""What a backend implements. Internal to the store: services see `Store`, which `GuardedStore` puts in front.

A backend may rely on checked arguments: known collections, declared queries, valid ids and documents, decoded cursors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aex.store.port import Document, Put, Scalar, Stored


@dataclass(frozen=True, slots=True)
class Find:
    """A checked query. `low` is never absent: the empty string is below every text, and excludes what is no text.

    `after` is the position (order value, id) that the previous page ended with.
    """

    where: Mapping[str, Scalar]
    field: str
    descending: bool
    limit: int
    low: str
    high: str | None
    after: tuple[str, str] | None
    stale_ok: bool


class Backend(Protocol):
    """One service's database. The semantics are those of `Store`."""

    async def insert(self, collection: str, id: str, doc: Document, then: Sequence[Put]) -> Stored: ...

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool) -> dict[str, Stored]: ...

    async def replace(self, stored: Stored, doc: Document, collection: str, then: Sequence[Put]) -> Stored: ...

    async def delete(self, collection: str, id: str, version: int | None) -> bool: ...

    async def find(self, collection: str, query: Find) -> list[Stored]: ...

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int: ...

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
