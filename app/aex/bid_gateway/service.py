"""The use cases of bids: take one, list those of a work, list a provider's own.

A bid is one document; that the work-publisher counts it is an effect in its outbox. Owns the limits on bids. Does not
own whose key it is nor whether the work is open (`questions.py` asks).
"""

from dataclasses import dataclass

from aex.bid_gateway.models import BidRequest, Provider, new_document
from aex.bid_gateway.questions import WorkCheck
from aex.core.cache import TimedCache
from aex.core.clock import Clock, stamp
from aex.core.errors import bad_request, conflict, not_found
from aex.core.fields import text
from aex.core.idempotency import fingerprint, key_reused
from aex.core.ids import derived_id, is_id, new_id
from aex.core.outbox import Effect, Outbox
from aex.core.urls import check_url
from aex.store.port import AlreadyExists, Page, Store, Stored

BIDS = "bids"
COUNT = "count"
MAX_BIDS = 1000
"""Bids on one work. Requests that arrive in the same instant may exceed it by a few."""
COUNTED_SECONDS = 1.0
"""How old the number of bids on a work may be that the limit is held against: the bids of other instances are seen
that late. Counting for every bid would cost more with every bid."""
_WORKS = 10_000
COUNT_SECONDS = 1.0
"""How long a bidder waits for the work-publisher to count the bid; a sweep does it otherwise."""


@dataclass(slots=True)
class _Places:
    """How many of a work's places are taken: counted at most `COUNTED_SECONDS` ago, and since then by ourselves."""

    taken: int


class BidService:
    """Bids, on a store."""

    def __init__(self, store: Store, clock: Clock, works: WorkCheck, outbox: Outbox, *, relaxed: bool) -> None:
        self._store = store
        self._clock = clock
        self._works = works
        self._outbox = outbox
        self._relaxed = relaxed
        self._places: TimedCache[str, _Places] = TimedCache(COUNTED_SECONDS, _WORKS)

    async def submit(self, body: BidRequest, provider: Provider, key: str | None) -> Stored:
        """Takes a bid; the same key and body again give the same bid."""
        bid_id = new_id("bid_") if key is None else derived_id("bid_", provider.provider_id, key)
        print_ = None if key is None else fingerprint(body)
        if print_ is not None and (known := await self._store.get(BIDS, bid_id)) is not None:
            return _same(known, print_)
        now = stamp(self._clock())
        if body.expires_at <= now:
            raise bad_request("bid already expired: expires_at must be in the future")
        try:
            check_url(body.a2a_endpoint, relaxed=self._relaxed)
        except ValueError as error:
            raise bad_request(f"a2a_endpoint must be a valid URL: {error}") from error
        if not (await self._works.state(body.work_id)).takes_bids(now):
            raise conflict("Work not accepting bids: its bid window is over", "work_not_open")
        doc = new_document(body, provider, now)
        places = await self._places.get(body.work_id, lambda: self._count(body.work_id))
        if places.taken >= MAX_BIDS:
            raise conflict(f"Work not accepting bids: it has {MAX_BIDS} already", "too_many_bids")
        if print_ is not None:
            doc["fingerprint"] = print_
        doc = self._outbox.attach(doc, Effect(COUNT, {"work_id": body.work_id, "bid_id": bid_id}))
        places.taken += 1
        try:
            stored = await self._store.insert(BIDS, bid_id, doc)
        except AlreadyExists:
            return _same(await self.get(bid_id), print_ or "")
        return await self._outbox.deliver(stored, deadline=COUNT_SECONDS)

    async def _count(self, work_id: str) -> _Places:
        return _Places(await self._store.count(BIDS, {"work_id": work_id}))

    async def get(self, bid_id: str) -> Stored:
        """The bid, or 404."""
        found = await self._store.get(BIDS, bid_id) if is_id(bid_id) else None
        if found is None:
            raise not_found("bid not found")
        return found

    async def of_work(self, work_id: str, limit: int, cursor: str | None) -> tuple[Page, int]:
        """Bids on a work, newest first, and how many there are."""
        if not is_id(work_id):
            return Page([], None), 0
        where = {"work_id": work_id}
        page = await self._store.query(BIDS, where, order="-received_at", limit=limit, cursor=cursor)
        alone = cursor is None and page.cursor is None
        return page, len(page.items) if alone else await self._store.count(BIDS, where)

    async def of_provider(self, provider: Provider, limit: int, cursor: str | None) -> Page:
        """A provider's own bids, newest first."""
        return await self._store.query(
            BIDS, {"provider_id": provider.provider_id}, order="-received_at", limit=limit, cursor=cursor
        )


def _same(known: Stored, print_: str) -> Stored:
    if text(known.doc, "fingerprint") != print_:
        raise key_reused()
    return known


__all__ = ["BIDS", "COUNT", "MAX_BIDS", "BidService"]
