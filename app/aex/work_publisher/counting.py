"""Counting the bids on a work, each once however often it is told.

The marker of a bid is the count; the number in the work follows it. Bids on one work that arrive together are counted
together. Cost does not grow with the bids that a work has: a marker that was made after the work was read, and before
it is written on that very version, is one that nobody else can have counted, so it is added. Only where somebody else
wrote meanwhile, or a marker was there already (a repeat, after a crash perhaps), are all markers counted.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from aex.core.clock import Clock, later, stamp
from aex.core.errors import ApiError, conflict, unavailable
from aex.core.fields import number, text
from aex.store.port import AlreadyExists, Store, Stored, VersionConflict
from aex.work_publisher import life

BIDS = "work_bids"
MARKER_KEPT_SECONDS = 30 * 86_400.0
"""How long after the window the markers of counted bids are kept, as the bids are; the count stays with the work."""
_ATTEMPTS = 30

Waiting = dict[str, asyncio.Future[None]]


class BidCounts:
    """The counts of the works in `collection`; `find` reads one or raises 404."""

    def __init__(self, store: Store, collection: str, clock: Clock, find: Callable[[str], Awaitable[Stored]]) -> None:
        self._store = store
        self._clock = clock
        self._collection = collection
        self._find = find
        self._waiting: dict[str, Waiting] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def record(self, work_id: str, bid_id: str) -> None:
        """Returns when the bid is counted. Raises 404 for an unknown work, 409 for the bid of another."""
        waiting = self._waiting.setdefault(work_id, {})
        future = waiting.get(bid_id)
        if future is None:
            future = waiting[bid_id] = asyncio.get_running_loop().create_future()
        if work_id not in self._running:
            self._running[work_id] = asyncio.create_task(self._run(work_id))
        await asyncio.shield(future)

    async def _run(self, work_id: str) -> None:
        try:
            while waiting := self._waiting.pop(work_id, None):
                await self._together(work_id, waiting)
        finally:
            del self._running[work_id]

    async def _together(self, work_id: str, waiting: Waiting) -> None:
        try:
            refused = await self._count(work_id, list(waiting))
        except BaseException as error:
            for future in waiting.values():
                _fail(future, error)
            if not isinstance(error, Exception):
                raise
            return
        for bid_id, future in waiting.items():
            if bid_id in refused:
                _fail(future, _other_work())
            elif not future.done():
                future.set_result(None)

    async def _count(self, work_id: str, bid_ids: Sequence[str]) -> set[str]:
        """Counts them; returns those that belong to another work."""
        found = await self._find(work_id)
        purge_at = later(text(found.doc, "bid_window_ends_at"), MARKER_KEPT_SECONDS)
        outcomes = await asyncio.gather(*(self._mark(work_id, bid_id, purge_at) for bid_id in bid_ids))
        if all(outcomes) and stamp(self._clock()) < purge_at:  # later, a new marker may be of an old bid
            changed = life.count_bids(found.doc, number(found.doc, "bids_received") + len(bid_ids))
            try:
                await self._store.replace(found, changed, collection=self._collection)
                return set()
            except VersionConflict:
                found = await self._find(work_id)
        await self._recount(work_id, found)
        return {bid_id for bid_id, fresh in zip(bid_ids, outcomes, strict=True) if fresh is None}

    async def _mark(self, work_id: str, bid_id: str, purge_at: str) -> bool | None:
        """Whether the marker is new; None when the bid belongs to another work."""
        try:
            await self._store.insert(BIDS, bid_id, {"work_id": work_id, "purge_at": purge_at})
        except AlreadyExists:
            marker = await self._store.get(BIDS, bid_id)
            return None if marker is not None and text(marker.doc, "work_id") != work_id else False
        return True

    async def _recount(self, work_id: str, found: Stored) -> None:
        """Whoever writes last has counted all markers: a count is only written on the version that was read before."""
        for attempt in range(_ATTEMPTS):
            count = await self._store.count(BIDS, {"work_id": work_id})
            changed = life.count_bids(found.doc, count)
            if changed is found.doc:
                return
            try:
                await self._store.replace(found, changed, collection=self._collection)
                return
            except VersionConflict:
                await asyncio.sleep(random.uniform(0, 0.002) * attempt)  # noqa: S311 - jitter
                found = await self._find(work_id)
        raise unavailable("the work is being changed by too many at once; try again", code="busy")


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # seen, also where everybody who waited for it has left


def _other_work() -> ApiError:
    return conflict("the bid belongs to another work", "other_work")


__all__ = ["BIDS", "MARKER_KEPT_SECONDS", "BidCounts"]
