"""Keeping telemetry within its bounds: count, bytes and age, oldest arrivals first out.

Totals are counters beside the chunks: they say when there is too much, without counting. A crash between a chunk and
its counter leaves them a little off, so they are counted anew when a process begins and from time to time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aex.core.clock import Clock, stamp
from aex.core.fields import number, text
from aex.core.logging import get_logger
from aex.store.port import AlreadyExists, Document, Put, Store, Stored, VersionConflict
from aex.telemetry.chunks import KINDS, SPANS, Chunk, Kind, without_oldest
from aex.telemetry.reading import walk

log = get_logger(__name__)

TOTALS = "telemetry_totals"
_TOTALS_ID = "all"
_RECOUNT_EVERY = timedelta(minutes=15)
_SLACK_PERCENT = 10
"""How far a request may leave the totals over their bounds until the duty comes; beyond, it evicts by itself."""
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that is kept of one kind."""

    records: int
    size: int
    """Bytes of JSON text."""


class Keeper:
    """Writes chunks and removes what is too much or too old."""

    def __init__(self, store: Store, clock: Clock, bounds: Mapping[str, Bounds]) -> None:
        self._store = store
        self._clock = clock
        self._bounds = bounds
        self._recounted: datetime | None = None

    async def add(self, kind: Kind, chunks: Sequence[Chunk]) -> None:
        """Stores the chunks of one batch; where the backend can, all or none."""
        if not chunks:
            return
        first, *rest = chunks
        then = [Put(kind.collection, chunk.id, chunk.doc) for chunk in rest]
        await self._store.insert(kind.collection, first.id, first.doc, then=then)
        totals = await self._count(kind, [chunk.doc for chunk in chunks], +1)
        bounds = self._bounds[kind.name]
        if _over(totals, kind, bounds, _SLACK_PERCENT):
            await self._shrink(kind, totals)

    async def totals(self) -> Document:
        """The counters, by `<kind>_count` and `<kind>_bytes`; absent ones are 0."""
        stored = await self._store.get(TOTALS, _TOTALS_ID)
        return stored.doc if stored else {}

    async def evict(self) -> int:
        """The duty: counts anew when it is time, then removes what is too old or too much; returns chunks removed."""
        now = self._clock()
        if self._recounted is None or now - self._recounted >= _RECOUNT_EVERY:
            await self._recount()
        removed = 0
        for kind in KINDS:
            removed += await self._expire(kind)
            removed += await self._shrink(kind, await self.totals())
        return removed

    async def _expire(self, kind: Kind) -> int:
        removed, now = 0, stamp(self._clock())
        while True:
            page = await self._store.query(kind.collection, {}, order="expires_at", limit=_AT_ONCE, high=now)
            removed += await self._remove(kind, page.items)
            if page.cursor is None:
                return removed

    async def _shrink(self, kind: Kind, totals: Mapping[str, object]) -> int:
        removed, bounds = 0, self._bounds[kind.name]
        excess, excess_bytes = _excess(totals, kind, bounds)
        while excess > 0 or excess_bytes > 0:
            page = await self._store.query(kind.collection, {}, order="recorded_at", limit=1)
            if not page.items:
                log.warning("telemetry totals say more than there is; counting anew", kind=kind.name)
                await self._recount()
                return removed
            oldest = page.items[0]
            if kind is not SPANS and excess_bytes <= 0 and 0 < excess < number(oldest.doc, "count"):
                await self._trim(kind, oldest, excess)
            else:
                removed += await self._remove(kind, await self._with_siblings(kind, oldest))
            excess, excess_bytes = _excess(await self.totals(), kind, bounds)
        return removed

    async def _with_siblings(self, kind: Kind, stored: Stored) -> list[Stored]:
        """`stored`, and for a span the rest of its trace: half a trace misleads whoever reads it."""
        if kind is not SPANS:
            return [stored]
        where = {name: text(stored.doc, name) for name in ("tenant", "trace_id")}
        return [chunk async for chunk in walk(self._store, kind, where)] or [stored]

    async def _trim(self, kind: Kind, stored: Stored, count: int) -> None:
        smaller = without_oldest(kind, stored.doc, count)
        try:
            await self._store.replace(stored, smaller, collection=kind.collection)
        except VersionConflict:
            return  # another instance evicts too; the next round sees what is left
        freed = number(stored.doc, "bytes") - number(smaller, "bytes")
        await self._increment(kind, -count, -freed)

    async def _remove(self, kind: Kind, items: Sequence[Stored]) -> int:
        removed: list[Document] = []
        for stored in items:
            if await self._store.delete(kind.collection, stored.id, version=stored.version):
                removed.append(stored.doc)
        if removed:
            await self._count(kind, removed, -1)
        return len(removed)

    async def _count(self, kind: Kind, docs: Sequence[Document], sign: int) -> Mapping[str, int]:
        records = sum(number(doc, "count") for doc in docs)
        size = sum(number(doc, "bytes") for doc in docs)
        return await self._increment(kind, sign * records, sign * size)

    async def _increment(self, kind: Kind, records: int, size: int) -> Mapping[str, int]:
        amounts = {f"{kind.name}_count": records, f"{kind.name}_bytes": size}
        return await self._store.increment(TOTALS, _TOTALS_ID, amounts)

    async def _recount(self) -> None:
        """Puts what is really there into the totals, unless something was written meanwhile: then another time."""
        before = await self._store.get(TOTALS, _TOTALS_ID)
        counted: dict[str, int] = {}
        for kind in KINDS:
            chunks = [(number(c.doc, "count"), number(c.doc, "bytes")) async for c in walk(self._store, kind, {})]
            counted[f"{kind.name}_count"] = sum(count for count, _ in chunks)
            counted[f"{kind.name}_bytes"] = sum(size for _, size in chunks)
        try:
            if before is None:
                await self._store.insert(TOTALS, _TOTALS_ID, {**counted})
            elif before.doc != counted:
                await self._store.replace(before, {**counted}, collection=TOTALS)
        except (AlreadyExists, VersionConflict):
            return
        self._recounted = self._clock()


def _excess(totals: Mapping[str, object], kind: Kind, bounds: Bounds, slack_percent: int = 0) -> tuple[int, int]:
    count, size = totals.get(f"{kind.name}_count", 0), totals.get(f"{kind.name}_bytes", 0)
    if not (isinstance(count, int) and isinstance(size, int)):
        raise TypeError("totals hold integers")
    allowed, allowed_bytes = (bound * (100 + slack_percent) // 100 for bound in (bounds.records, bounds.size))
    return count - allowed, size - allowed_bytes


def _over(totals: Mapping[str, object], kind: Kind, bounds: Bounds, slack_percent: int) -> bool:
    return any(excess > 0 for excess in _excess(totals, kind, bounds, slack_percent))


__all__ = ["TOTALS", "Bounds", "Keeper"]
