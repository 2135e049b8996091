"""The store port: what a service may ask of its database, whichever backend `STORE_TYPE` selects.

Owns the types, the promises and the errors; owns no implementation. The promises are the common ground of SQLite,
DocumentDB and Firestore, and one conformance suite (`tests/app/store`) holds every backend to them:

* One document is written atomically. Nothing more: `then` is atomic only where a backend makes that cheap.
* Documents are plain JSON objects. Integers fit 64 bits, numbers are finite, a list never holds a list directly, field
  names are identifiers that do not begin with an underscore. Money is integer micro-units. Times are fixed-width UTC
  strings (`2026-11-24T22:55:49.123456Z`), so that their order is the order of time. Free-form JSON of clients is kept
  as a JSON *string*. A document is at most `MAX_DOCUMENT_BYTES` of JSON text.
* Ids are 1 to `MAX_ID_BYTES` bytes of text. Reading an id that no document could have finds nothing; writing one is
  `InvalidDocument`.
* Reads see what was acknowledged, unless `stale_ok` allows a replica that lags behind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Document: TypeAlias = dict[str, JsonValue]
Scalar: TypeAlias = str | int | float | bool

MAX_DOCUMENT_BYTES = 900_000
"""JSON text of one document. Firestore's limit is 1 MiB per document with its names and overhead."""

MAX_ID_BYTES = 480
"""Firestore allows 1,500 bytes, of which escaping may use three per byte; DocumentDB indexes up to 2,048."""

MAX_PAGE = 1000
"""Most documents that one query answers."""


class StoreError(Exception):
    """Base of every error that the store raises on purpose."""


class AlreadyExists(StoreError):
    """`insert` found a document under this id. Nothing was written, `then` included."""


class VersionConflict(StoreError):
    """`replace` found another version, or none: somebody else wrote first. Read again and decide again."""


class StoreUnavailable(StoreError):
    """The database did not answer, refused, or is overloaded. Answered as 503 with Retry-After.

    A write that ends like this may or may not have been applied; repeat it only if repeating is harmless.
    """


class UndeclaredQuery(StoreError):
    """No entry of `collections.toml` allows this query; the message says which entry is missing."""


class ForeignCollection(StoreError):
    """The collection belongs to another service, or to none; the message says to whom."""


class InvalidDocument(StoreError):
    """A document, an id or an argument breaks the rules that hold on every backend."""


class BadCursor(StoreError):
    """The cursor was not made by this query. Answered as 400: it came from a client."""


class StoreMisconfigured(StoreError):
    """The store can not be opened as configured; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as read or just written. `version` is opaque: it only guards `replace` and `delete`."""

    id: str
    version: int
    doc: Document


@dataclass(frozen=True, slots=True)
class Put:
    """A follow-up write: creates the document unless the id is taken, in which case it does nothing."""

    collection: str
    id: str
    doc: Document


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query. `cursor` continues after the last item; None means that nothing follows."""

    items: list[Stored]
    cursor: str | None


class Store(Protocol):
    """One service's store. Every method may raise `StoreUnavailable`, `ForeignCollection` and `InvalidDocument`.

    The given documents are neither changed nor copied: what is returned holds the very object that was given.
    """

    async def insert(self, collection: str, id: str, doc: Document, *, then: Sequence[Put] = ()) -> Stored:
        """Create a document, then apply `then` in order. Raises `AlreadyExists`, and then wrote nothing.

        After a crash or `StoreUnavailable` any prefix of (document, *then) may be there: make each one recoverable.
        """
        ...

    async def get(self, collection: str, id: str, *, stale_ok: bool = False) -> Stored | None:
        """The document under this id, or None."""
        ...

    async def get_many(self, collection: str, ids: Sequence[str], *, stale_ok: bool = False) -> dict[str, Stored]:
        """The documents that exist among `ids`, by id. Duplicates in `ids` are harmless."""
        ...

    async def replace(self, stored: Stored, doc: Document, *, collection: str, then: Sequence[Put] = ()) -> Stored:
        """Replace what `stored` was read as; `then` as in `insert`.

        Raises `VersionConflict` if that version is no longer there, and then wrote nothing.
        """
        ...

    async def delete(self, collection: str, id: str, *, version: int | None = None) -> bool:
        """Delete the document (only in this version, if given). False when there was nothing to delete."""
        ...

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
        """Documents whose fields equal `where`, by `order` ("field" ascending, "-field" descending), ties by id.

        `low` and `high` bound the order field, inclusive. A document whose order field is absent or no string is not
        found. `limit` is 1 to `MAX_PAGE`. Raises `UndeclaredQuery` unless `collections.toml` declares exactly these
        fields and this order, `BadCursor` if `cursor` is not one of this query.
        """
        ...

    async def count(self, collection: str, where: Mapping[str, Scalar]) -> int:
        """Number of documents whose fields equal `where`; a declared query must have exactly these fields."""
        ...

    async def increment(self, collection: str, id: str, amounts: Mapping[str, int]) -> dict[str, int]:
        """Add to integer fields, atomically; absent fields count as 0, an absent document is created.

        Returns the named fields after the addition. Changes the document's version. Not idempotent.
        """
        ...

    async def ping(self) -> None:
        """Return when the database answers, else raise `StoreUnavailable`."""
        ...

    async def close(self) -> None:
        """Finish the writes that are waiting, then let go of the database. Closing twice is harmless."""
        ...
