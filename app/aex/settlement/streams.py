"""Reading the ledger newest first along several indexes at once, as one list with one cursor."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from aex.store import BadCursor, Scalar, Store, Stored
from aex.store import cursor as positions

LEDGER = "ledger"
NEWEST_FIRST = "-created_at"


@dataclass(frozen=True, slots=True)
class Merged:
    """One page of the merged list: (index of the stream, document), and where each stream goes on."""

    rows: list[tuple[int, Stored]]
    cursors: list[str | None]
    more: bool


async def merged(
    store: Store, wheres: Sequence[Mapping[str, Scalar]], cursors: Sequence[str | None], limit: int
) -> Merged:
    """The newest `limit` entries after `cursors` of all streams; an entry found by two streams comes twice."""
    pages = [
        await store.query(LEDGER, where, order=NEWEST_FIRST, limit=limit, cursor=cursor)
        for where, cursor in zip(wheres, cursors, strict=True)
    ]
    rows = [(index, item) for index, page in enumerate(pages) for item in page.items]
    rows.sort(key=lambda row: (row[1].doc["created_at"], row[1].id, row[0]), reverse=True)
    taken, left = rows[:limit], rows[limit:]
    after = list(cursors)
    for index, item in taken:
        after[index] = positions.encode(item, LEDGER, wheres[index], NEWEST_FIRST)
    return Merged(taken, after, bool(left) or any(page.cursor for page in pages))


def pack_cursor(cursors: Sequence[str | None], balance_micro: int = 0) -> str:
    """The position in every stream and the balance there, opaque to clients."""
    return base64.urlsafe_b64encode(orjson.dumps([str(balance_micro), *cursors])).rstrip(b"=").decode()


def unpack_cursor(text: str, streams: int) -> tuple[list[str | None], int]:
    """The inverse of `pack_cursor`; raises `BadCursor` for what it did not make. Each stream checks its own part."""
    try:
        value: object = orjson.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError) as error:
        raise BadCursor(_WRONG) from error
    match value:
        case [str(balance), *rest] if len(rest) == streams and len(balance) <= 40:  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            try:
                micro = int(balance)
            except ValueError as error:
                raise BadCursor(_WRONG) from error
            parts = [part for part in rest if part is None or isinstance(part, str)]  # pyright: ignore[reportUnknownVariableType]
            if len(parts) == streams:
                return parts, micro
        case _:
            pass
    raise BadCursor(_WRONG)


_WRONG = "the cursor is not valid; use the one of the previous answer unchanged"

__all__ = ["LEDGER", "Merged", "merged", "pack_cursor", "unpack_cursor"]
