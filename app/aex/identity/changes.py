"""Changing a stored document safely: read, decide, replace only if nobody wrote in between, else decide again."""

import asyncio
import random
from collections.abc import Callable

from aex.core.errors import unavailable
from aex.store import Document, Store, Stored, VersionConflict

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.005


async def change(
    store: Store, collection: str, id: str, decide: Callable[[Document], Document | None]
) -> Stored | None:
    """The document after `decide`, which returns the new one or None to leave it; None when there is none.

    `decide` may run several times and may raise. 503 when others keep writing.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        stored = await store.get(collection, id)
        if stored is None:
            return None
        document = decide(stored.doc)
        if document is None:
            return stored
        try:
            return await store.replace(stored, document, collection=collection)
        except VersionConflict:
            await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * attempt))  # noqa: S311 - jitter
    raise unavailable("many changes at once; try again", code="busy")


__all__ = ["change"]
