"""The stored shape: a batch becomes one or a few chunks, each one document with many records. Pure.

The records of a chunk agree in what they are looked up by, lie within one minute, and arrived together. So a look-up
reads only chunks that hold what it wants, and reading newest first needs to look at one minute of overlap at most.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import orjson

from aex.core.clock import from_stamp, stamp
from aex.core.fields import text
from aex.store.port import Document

SPAN_SECONDS = 60
"""Most time between the oldest and the newest record of a chunk."""
_CHUNK_RECORDS = 200
_CHUNK_BYTES = 262_144
MAX_RECORD_BYTES = 65_536
"""JSON text of one record."""
_PURGE_AFTER = timedelta(days=1)
"""The database's own dropping comes this much later than ours, which keeps the totals right."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of telemetry: where it is kept, what it is looked up by, which totals it counts in."""

    name: str
    collection: str
    keys: tuple[str, ...]
    by_time: bool = True
    """Whether it is read by time; spans are read by trace."""


LOGS = Kind("log", "telemetry_logs", ("service", "level"))
METRICS = Kind("metric", "telemetry_metrics", ("name", "service"))
SPANS = Kind("span", "telemetry_spans", ("trace_id",), by_time=False)
KINDS = (LOGS, METRICS, SPANS)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk to be stored."""

    id: str
    doc: Document


def chunks_of(kind: Kind, records: Sequence[Document], *, tenant: str, now: str, keep_seconds: float) -> list[Chunk]:
    """The chunks that hold `records`, which carry `timestamp` as a stamp unless the kind is read by trace.

    Ids begin with the time of arrival, so that order by id is order of arrival. Raises `ValueError` for a record that
    is too large.
    """
    groups: dict[tuple[str, ...], list[tuple[Document, bytes]]] = {}
    for record in records:
        minute = text(record, "timestamp")[:16] if kind.by_time else ""
        key = (minute, *(text(record, name) for name in kind.keys))
        encoded = orjson.dumps(record)
        if len(encoded) > MAX_RECORD_BYTES:
            raise ValueError(f"a record must have at most {MAX_RECORD_BYTES} bytes of JSON: shorten what it holds")
        groups.setdefault(key, []).append((record, encoded))
    expires = from_stamp(now) + timedelta(seconds=keep_seconds)
    arrival = f"{now}-{secrets.token_hex(6)}"
    chunks: list[Chunk] = []
    for group in groups.values():
        for part in _parts(group):
            first = part[0][0]
            head: Document = {
                "tenant": tenant,
                **{name: text(first, name) for name in kind.keys},
                "recorded_at": now,
                "expires_at": stamp(expires),
                "purge_at": stamp(expires + _PURGE_AFTER),
            }
            chunks.append(Chunk(f"{arrival}-{len(chunks):04d}", {**head, **_content(kind, part)}))
    return chunks


def records_of(doc: Document) -> list[Document]:
    """The records of a chunk, in order of arrival."""
    return cast("list[Document]", orjson.loads(text(doc, "records")))


def without_oldest(kind: Kind, doc: Document, count: int) -> Document:
    """The chunk without its first `count` records."""
    kept = [(record, orjson.dumps(record)) for record in records_of(doc)[count:]]
    return {**doc, **_content(kind, kept)}


def _content(kind: Kind, part: Sequence[tuple[Document, bytes]]) -> Document:
    packed = b"[" + b",".join(encoded for _, encoded in part) + b"]"
    content: Document = {"records": packed.decode(), "count": len(part), "bytes": len(packed)}
    if kind.by_time:
        content["newest"] = max(text(record, "timestamp") for record, _ in part)
    return content


def _parts(group: Iterable[tuple[Document, bytes]]) -> Iterable[list[tuple[Document, bytes]]]:
    part: list[tuple[Document, bytes]] = []
    size = 0
    for record, encoded in group:
        if part and (len(part) == _CHUNK_RECORDS or size + len(encoded) > _CHUNK_BYTES):
            yield part
            part, size = [], 0
        part.append((record, encoded))
        size += len(encoded)
    if part:
        yield part


Test = Callable[[Document], bool]
"""Whether a record is wanted."""

__all__ = [
    "KINDS",
    "LOGS",
    "METRICS",
    "SPANS",
    "SPAN_SECONDS",
    "Chunk",
    "Kind",
    "Test",
    "chunks_of",
    "records_of",
    "without_oldest",
]
