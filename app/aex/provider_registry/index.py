"""Secondary indexes that are derived from a document: written before it, believed only when it refers to them.

An owner document (a provider, an agent card) names its index by a reference. A change writes entries under a new
reference, then the owner document (the commit point), then erases the old entries. So a crash at any point leaves
entries that nobody refers to, which readers ignore and later drop; never a document that is half found.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from aex.core.clock import Clock, later, stamp
from aex.core.fields import text
from aex.core.ids import derived_id
from aex.store.port import AlreadyExists, Document, Store

PAGE = 100
"""Entries of one key read at a time."""
_ABANDONED_SECONDS = 60.0
"""Entries that nobody refers to are dropped after this long: until then, their document may still be on its way."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One provider that some of the keys led to, with the entries that did."""

    provider_id: str
    entries: list[Document]


class Index:
    """The entries of one collection: `key` leads to `provider_id`, on the word of the document that refers to `ref`."""

    def __init__(self, store: Store, collection: str, clock: Clock) -> None:
        self._store = store
        self._collection = collection
        self._clock = clock

    async def write(self, ref: str, provider_id: str, keys: Iterable[str]) -> None:
        """Entries for `keys`; repeating it is harmless."""
        now = stamp(self._clock())

        async def put(key: str) -> None:
            entry: Document = {"key": key, "provider_id": provider_id, "ref": ref, "created_at": now}
            with suppress(AlreadyExists):
                await self._store.insert(self._collection, derived_id("ix_", ref, key), entry)

        await asyncio.gather(*(put(key) for key in set(keys)))

    async def erase(self, ref: str, keys: Iterable[str]) -> None:
        """Removes the entries of `ref` for `keys`; repeating it is harmless."""
        ids = [derived_id("ix_", ref, key) for key in set(keys)]
        await asyncio.gather(*(self._store.delete(self._collection, id) for id in ids))

    async def drop_abandoned(self, entries: Sequence[Document]) -> None:
        """Removes those of `entries` that are old enough for their change to have been given up."""
        limit = later(stamp(self._clock()), -_ABANDONED_SECONDS)
        await asyncio.gather(
            *(self.erase(text(entry, "ref"), [text(entry, "key")]) for entry in entries if _created(entry) < limit)
        )

    async def hits(self, keys: Sequence[str], *, after: str = "") -> AsyncGenerator[Hit, None]:
        """The providers beyond `after` that any of `keys` leads to, in the order of their ids, each once."""
        streams = [_Stream(key) for key in dict.fromkeys(keys)]
        while True:
            await asyncio.gather(*(self._fill(stream, after) for stream in streams))
            heads = [stream.head for stream in streams if stream.entries]
            if not heads:
                return
            provider_id = min(heads)
            found: list[Document] = []
            for stream in streams:
                found += await self._take(stream, provider_id, after)
            yield Hit(provider_id, found)

    async def count(self, key: str) -> int:
        """How many entries `key` has, those of changes in progress included."""
        return await self._store.count(self._collection, {"key": key})

    async def _take(self, stream: "_Stream", provider_id: str, after: str) -> list[Document]:
        taken: list[Document] = []
        while stream.entries and stream.head == provider_id:
            taken.append(stream.entries.pop(0))
            await self._fill(stream, after)
        return taken

    async def _fill(self, stream: "_Stream", after: str) -> None:
        while not stream.entries and not stream.exhausted:
            page = await self._store.query(
                self._collection,
                {"key": stream.key},
                order="provider_id",
                limit=PAGE,
                cursor=stream.cursor,
                low=f"{after}~" if after else None,  # ids hold no `~`, so this is just beyond `after`
            )
            stream.entries = [stored.doc for stored in page.items]
            stream.cursor = page.cursor
            stream.exhausted = page.cursor is None


@dataclass(slots=True)
class _Stream:
    """What has been read under one key and not been taken yet."""

    key: str
    entries: list[Document] = field(default_factory=list[Document])
    cursor: str | None = None
    exhausted: bool = False

    @property
    def head(self) -> str:
        return text(self.entries[0], "provider_id")


def _created(entry: Document) -> str:
    return text(entry, "created_at")


async def batches(hits: AsyncGenerator[Hit, None], size: int) -> AsyncGenerator[list[Hit], None]:
    """`hits` in groups of at most `size`, so that the documents that they name are read together."""
    group: list[Hit] = []
    async for hit in hits:
        group.append(hit)
        if len(group) >= size:
            yield group
            group = []
    if group:
        yield group


__all__ = ["Hit", "Index", "batches"]
