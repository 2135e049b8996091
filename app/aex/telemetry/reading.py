"""Reading back: newest first over chunks that overlap in time, and whole traces in order of arrival."""

import base64
import binascii
import heapq
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from functools import total_ordering
from typing import NamedTuple

from aex.core.clock import from_stamp, later
from aex.core.errors import bad_request
from aex.core.fields import number, text
from aex.store.port import Document, Store, Stored
from aex.telemetry.chunks import SPAN_SECONDS, SPANS, Kind, Test, records_of

_CHUNKS_AT_ONCE = 20


class Position(NamedTuple):
    """Where a record stands among all of its kind: by time, then by arrival."""

    time: str
    chunk: str
    place: int


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked for, besides the equalities: times are stamps, inclusive."""

    start: str | None = None
    end: str | None = None
    wanted: Test | None = None
    before: Position | None = None
    """Go on after this record."""


@dataclass(frozen=True, slots=True)
class Read:
    """A page of records, and where to go on."""

    records: list[Document]
    cursor: str | None


async def newest(store: Store, kind: Kind, where: Mapping[str, str], window: Window, limit: int) -> Read:
    """Records that equal `where` and lie in `window`, newest first."""
    found: list[_Candidate] = []
    async for candidate in _descending(store, kind, where, window):
        if len(found) == limit:
            return Read([c.record for c in found], encode(found[-1].position))
        found.append(candidate)
    return Read([c.record for c in found], None)


async def trace(store: Store, where: Mapping[str, str], limit: int, cursor: str | None) -> Read:
    """Spans of a trace in order of arrival, in whole chunks: `limit` or up to a chunk less, but at least one chunk."""
    last = decode(cursor) if cursor else None
    found: list[Document] = []
    async for stored in walk(store, SPANS, where, low=last.time if last else None):
        if last is not None and stored.id <= last.chunk and text(stored.doc, "recorded_at") <= last.time:
            continue
        if found and len(found) + number(stored.doc, "count") > limit and last is not None:
            return Read(found, encode(last))
        found += records_of(stored.doc)
        last = Position(text(stored.doc, "recorded_at"), stored.id, 0)
    return Read(found, None)


async def walk(
    store: Store, kind: Kind, where: Mapping[str, str], *, low: str | None = None
) -> AsyncGenerator[Stored, None]:
    """All chunks, oldest arrival first; those that arrived at `low` or later, if given."""
    cursor: str | None = None
    while True:
        page = await store.query(
            kind.collection, where, order="recorded_at", limit=_CHUNKS_AT_ONCE, cursor=cursor, low=low
        )
        for stored in page.items:
            yield stored
        if page.cursor is None:
            return
        cursor = page.cursor


@total_ordering
@dataclass(slots=True)
class _Candidate:
    """A record that may come next; the newest sorts first."""

    position: Position
    record: Document = field(compare=False)

    def __lt__(self, other: "_Candidate") -> bool:
        return self.position > other.position


async def _descending(
    store: Store, kind: Kind, where: Mapping[str, str], window: Window
) -> AsyncGenerator[_Candidate, None]:
    waiting: list[_Candidate] = []
    async for stored in _chunks(store, kind, where, window):
        while waiting and waiting[0].position.time > text(stored.doc, "newest"):
            yield heapq.heappop(waiting)
        for place, record in enumerate(records_of(stored.doc)):
            position = Position(text(record, "timestamp"), stored.id, place)
            if _admits(window, position, record):
                heapq.heappush(waiting, _Candidate(position, record))
    while waiting:
        yield heapq.heappop(waiting)


async def _chunks(store: Store, kind: Kind, where: Mapping[str, str], window: Window) -> AsyncGenerator[Stored, None]:
    """Chunks that may hold wanted records, by their newest one, newest first."""
    latest = min(filter(None, (window.end, window.before.time if window.before else None)), default=None)
    # A chunk that ends later than that may begin before it, but by no more than the span of a chunk.
    high = later(latest, SPAN_SECONDS) if latest and latest < "9999-12-31T23:58" else None
    cursor: str | None = None
    while True:
        page = await store.query(
            kind.collection,
            where,
            order="-newest",
            limit=_CHUNKS_AT_ONCE,
            cursor=cursor,
            low=window.start,
            high=high,
        )
        for stored in page.items:
            yield stored
        if page.cursor is None:
            return
        cursor = page.cursor


def _admits(window: Window, position: Position, record: Document) -> bool:
    if window.before is not None and position >= window.before:
        return False
    if window.start is not None and position.time < window.start:
        return False
    if window.end is not None and position.time > window.end:
        return False
    return window.wanted is None or window.wanted(record)


def encode(position: Position) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode("|".join(map(str, position)).encode()).decode()


def decode(cursor: str) -> Position:
    """The inverse of `encode`; 400 for anything else."""
    try:
        time, chunk, place = base64.b64decode(cursor.encode(), b"-_", validate=True).decode().split("|")
        from_stamp(time)
        return Position(time, chunk, int(place))
    except (ValueError, binascii.Error) as error:
        raise bad_request("cursor: pass next_cursor of the previous page unchanged", "bad_cursor") from error


__all__ = ["Position", "Read", "Window", "decode", "newest", "trace", "walk"]
