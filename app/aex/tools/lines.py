"""The format of an export: JSON lines with a head and an end, so that half a file is never taken for a whole one.

    {"aex_export": 1}
    {"collection": "tenants", "doc": {...}, "id": "tenant_..."}
    {"end": {"digest": "<32 hex digits>", "documents": 1}}

Names in an object are sorted and nothing else is free, so equal data gives equal lines. Versions are not in it: they
only guard a write that is under way, and every database counts them in its own way.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import cast

import orjson

from aex.store import Document

FORMAT = 1


class BadExport(Exception):
    """The file is no export, or not all of one; the message says where."""


@dataclass(frozen=True, slots=True)
class Line:
    """One document of an export."""

    collection: str
    id: str
    doc: Document

    def encode(self) -> bytes:
        """Its line, without the line's end."""
        return orjson.dumps(
            {"collection": self.collection, "id": self.id, "doc": self.doc}, option=orjson.OPT_SORT_KEYS
        )


@dataclass(slots=True)
class Digest:
    """How many documents, and a sum over them that does not depend on their order: databases sort ids differently."""

    documents: int = 0
    total: int = 0

    def add(self, line: bytes) -> None:
        """One more document, by its line."""
        self.documents += 1
        self.total = (self.total + int.from_bytes(blake2b(line, digest_size=16).digest(), "big")) % 2**128

    @property
    def text(self) -> str:
        """The sum as 32 hex digits."""
        return f"{self.total:032x}"


def head() -> bytes:
    """The first line."""
    return orjson.dumps({"aex_export": FORMAT})


def end(digest: Digest) -> bytes:
    """The last line."""
    return orjson.dumps({"end": {"digest": digest.text, "documents": digest.documents}})


def parse(lines: Iterable[bytes]) -> Iterator[Line]:
    """The documents of an export, as they are read. Raises `BadExport`, for a missing end only when it is reached."""
    digest = Digest()
    begun = ended = False
    for number, raw in enumerate(lines, start=1):
        entry = _object(raw, number)
        if not begun:
            if entry.get("aex_export") != FORMAT:
                raise BadExport(f"line 1 is not the head of an export in format {FORMAT}: use `python -m aex export`")
            begun = True
        elif ended:
            raise BadExport(f"line {number}: there must be nothing behind the end")
        elif "end" in entry:
            if entry["end"] != {"digest": digest.text, "documents": digest.documents}:
                raise BadExport(f"line {number}: the end is not that of the {digest.documents} documents before it")
            ended = True
        else:
            line = _document(entry, number)
            digest.add(line.encode())
            yield line
    if not ended:
        raise BadExport(f"the file ends after {digest.documents} documents, before its end: export again")


def _object(raw: bytes, number: int) -> dict[str, object]:
    try:
        entry = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadExport(f"line {number} is not JSON: {error}") from error
    if not isinstance(entry, dict):
        raise BadExport(f"line {number} is no JSON object")
    return cast("dict[str, object]", entry)


def _document(entry: dict[str, object], number: int) -> Line:
    collection, id, doc = entry.get("collection"), entry.get("id"), entry.get("doc")
    whole = set(entry) == {"collection", "id", "doc"}
    if whole and isinstance(collection, str) and isinstance(id, str) and isinstance(doc, dict):
        return Line(collection, id, cast("Document", doc))
    raise BadExport(f"line {number} needs exactly a collection, an id and a doc")


__all__ = ["FORMAT", "BadExport", "Digest", "Line", "end", "head", "parse"]
