"""One way to change a document that others change too: read, decide, replace in that version, again on a conflict."""

import asyncio
import random
from collections.abc import Callable

from aex.core.errors import unavailable
from aex.store.port import Document, Store, Stored, VersionConflict

_ATTEMPTS = 40


async def change(
    store: Store, collection: str, stored: Stored, decide: Callable[[Document], Document | None]
) -> Stored:
    """`stored` as `decide` wants it, decided again on the newest version until the write succeeds.

    `decide` returns None for "leave it", and may raise. A document that is gone stays gone: `stored` is returned.
    Raises 503 when others keep writing first.
    """
    for attempt in range(_ATTEMPTS):
        wanted = decide(stored.doc)
        if wanted is None:
            return stored
        try:
            return await store.replace(stored, wanted, collection=collection)
        except VersionConflict:
            await asyncio.sleep(random.uniform(0, 0.002) * min(attempt, 10))  # noqa: S311 - jitter
        fresh = await store.get(collection, stored.id)
        if fresh is None:
            return stored
        stored = fresh
    raise unavailable("others keep changing this at the same time; try again")


__all__ = ["change"]
