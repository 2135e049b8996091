"""Which composite indexes and TTL fields Firestore needs, read from the declaration that the application uses.

Reads `app/aex/store/collections.toml` as a file; nothing of the application is imported. Declares no resource.

Firestore has an index for every single field by itself and refuses to be given one; fields that are only compared are
served by merging these. What remains is a composite index for each query that compares and sorts, in the direction that
it sorts: Firestore reads no composite index backwards.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

DECLARATION: Final = Path(__file__).resolve().parents[2] / "app" / "aex" / "store" / "collections.toml"
TTL_FIELD: Final = "_ttl"
"""Where the store puts the time at which a document may vanish, as a date."""

ASCENDING: Final = "ASCENDING"
DESCENDING: Final = "DESCENDING"


@dataclass(frozen=True, slots=True, order=True)
class CompositeIndex:
    """Fields with their directions. Firestore adds `__name__` in the direction of the last one by itself."""

    collection: str
    fields: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """A name for the resource, unique among the indexes."""
        parts = [f"{field}-{direction[: -len('ENDING')].lower()}" for field, direction in self.fields]
        return "-".join([self.collection, *parts]).replace("_", "-")


GUIDE: Final = (CompositeIndex("bids", (("work_id", ASCENDING), ("created_at", ASCENDING))),)
"""The one of the guide's two that no declared query needs: this exchange calls the time of a bid `received_at`. It
serves documents that were imported from a deployment by the guide; without such documents it is empty and costs
nothing."""


def composite_indexes(text: str) -> tuple[CompositeIndex, ...]:
    """The indexes for every query in the declaration `text`, each once, and the guide's."""
    found = set(GUIDE)
    for collection, table in _collections(text):
        for query in cast("list[Mapping[str, object]]", table.get("queries", [])):
            equal, order = cast("list[str]", query.get("equal", [])), cast("str | None", query.get("order"))
            if equal and order:
                direction = DESCENDING if order.startswith("-") else ASCENDING
                compared = tuple((field, ASCENDING) for field in equal)
                found.add(CompositeIndex(collection, (*compared, (order.removeprefix("-"), direction))))
    return tuple(sorted(found))


def expiring_collections(text: str) -> tuple[str, ...]:
    """The collections whose documents vanish by themselves."""
    return tuple(sorted(collection for collection, table in _collections(text) if table.get("ttl")))


def _collections(text: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    yield from cast("Mapping[str, Mapping[str, object]]", tomllib.loads(text)).items()


__all__ = ["DECLARATION", "TTL_FIELD", "CompositeIndex", "composite_indexes", "expiring_collections"]
