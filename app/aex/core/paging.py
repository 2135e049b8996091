"""Paging parameters, as every list takes them (contract: `limit` and an opaque `cursor`)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

DEFAULT_LIMIT = 100
"""Rows of a page when the client does not say (contract 11.2)."""
MAX_LIMIT = 1000
"""Most rows of a page; also the most that one query of the store answers."""


def limit_from(text: str | None) -> int:
    """`text` as a page size of 1 to 1000; anything else is the default, as upstream has it."""
    if text is None or len(text) > 9 or not (text.isascii() and text.isdigit()):
        return DEFAULT_LIMIT
    limit = int(text)
    return limit if 1 <= limit <= MAX_LIMIT else DEFAULT_LIMIT


Limit = Annotated[str | None, Query(description="rows of this page, 1 to 1000, default 100")]
"""Query parameter `limit`, to be read with `limit_from`."""


def _or_none(text: str | None) -> str | None:
    return text or None


Cursor = Annotated[
    str | None, AfterValidator(_or_none), Query(description="`next_cursor` of the previous page, unchanged")
]
"""Query parameter `cursor`; an empty one is none."""


@dataclass(slots=True)
class Position:
    """Where the next round of a duty goes on in a list that is longer than a round; kept by this process only."""

    cursor: str = ""
    """Empty: at the front."""

    def take(self) -> str:
        """The cursor to go on from. A round that does not get to set the next one is followed by one from the front."""
        cursor, self.cursor = self.cursor, ""
        return cursor


__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Cursor", "Limit", "Position", "limit_from"]
