"""The use cases of work: publish, read, cancel, close, count bids, award, report.

Every change is read, decide (`life.py`), replace if unchanged; who loses the race reads and decides again. Owns who may
do what. Does not own the rules of the states nor how webhooks are sent.
"""

import asyncio
import random
from collections.abc import Callable

from aex.core.clock import Clock, later, stamp
from aex.core.context import RequestContext
from aex.core.errors import bad_request, forbidden, not_found, unavailable
from aex.core.fields import text
from aex.core.idempotency import fingerprint, key_reused
from aex.core.ids import derived_id, is_id, new_id
from aex.core.logging import get_logger
from aex.core.outbox import Outbox
from aex.store.port import AlreadyExists, Document, Page, Store, Stored, VersionConflict
from aex.work_publisher import life
from aex.work_publisher.background import Background
from aex.work_publisher.broadcast import Broadcast
from aex.work_publisher.counting import BidCounts
from aex.work_publisher.models import AwardRequest, EvaluatedNotice, OutcomeNotice, PublishRequest, new_document
from aex.work_publisher.states import Status

log = get_logger(__name__)

WORK = "work_specs"
DEFAULT_CONSUMER = "default_consumer"
"""Whose work it is when a direct caller does not say (contract 3.2)."""
_ATTEMPTS = 30
_SWEEP = 200


class WorkService:
    """Work, on a store."""

    def __init__(
        self, store: Store, clock: Clock, broadcast: Broadcast, outbox: Outbox, background: Background
    ) -> None:
        self._store = store
        self._clock = clock
        self._broadcast = broadcast
        self._outbox = outbox
        self._background = background
        self._counts = BidCounts(store, WORK, clock, self._find)

    def now(self) -> str:
        """The current time as a stamp."""
        return stamp(self._clock())

    async def publish(self, body: PublishRequest, consumer_id: str, key: str | None) -> Stored:
        """New work, and the broadcast that goes with it; the same key and body again give the same work."""
        work_id = new_id("work_") if key is None else derived_id("work_", consumer_id, key)
        print_ = None if key is None else fingerprint(body)
        if print_ is not None and (known := await self._store.get(WORK, work_id)) is not None:
            return _same(known, print_)
        created_at = self.now()
        doc = new_document(
            body,
            consumer_id=consumer_id,
            created_at=created_at,
            ends_at=later(created_at, body.window_ms / 1000),
            notified=0,
        )
        if print_ is not None:
            doc["fingerprint"] = print_
        subscribers = await self._broadcast.count(doc)
        doc["providers_notified"] = subscribers or 0
        if subscribers != 0:
            doc = self._outbox.attach(doc, self._broadcast.first(work_id))
        try:
            stored = await self._store.insert(WORK, work_id, doc)
        except AlreadyExists:
            known = await self._find(work_id)
            return _same(known, print_ or "")
        log.info("work.submitted", work_id=work_id, consumer_id=consumer_id, domain=body.category)
        if subscribers != 0:
            self._background.start(lambda: self._announce(stored))
        return stored

    async def get(self, work_id: str) -> Stored:
        """The work, or 404."""
        return await self._find(work_id)

    async def list_of(self, consumer_id: str, status: Status | None, limit: int, cursor: str | None) -> Page:
        """One consumer's work, newest first, all or in one state."""
        if status is None:
            return await self._store.query(
                WORK, {"consumer_id": consumer_id}, order="-created_at", limit=limit, cursor=cursor
            )
        if status in {Status.OPEN, Status.EVALUATING}:
            await self.close_windows()  # so that the stored states are those of this moment
        return await self._store.query(
            WORK,
            {"consumer_id": consumer_id, "status": status.value},
            order="-created_at",
            limit=limit,
            cursor=cursor,
        )

    async def cancel(self, work_id: str, caller: RequestContext, consumer_id: str) -> Stored:
        """Taken back by its consumer."""
        found = await self._find(work_id)
        owner = text(found.doc, "consumer_id")
        if owner != consumer_id and "operator" not in caller.scopes:
            raise forbidden("not authorized: the work belongs to another consumer", "not_authorized")
        stored = await self._change(found, lambda doc: life.cancel(doc, self.now()))
        log.info("work.cancelled", work_id=work_id, consumer_id=owner, reason="consumer_requested")
        return stored

    async def close(self, work_id: str) -> Stored:
        """The window ends now."""
        return await self._change(await self._find(work_id), lambda doc: life.close(doc, self.now()))

    async def close_windows(self) -> int:
        """Closes the windows whose time has passed, the longest past first; returns how many."""
        due = await self._store.query(
            WORK, {"status": Status.OPEN.value}, order="bid_window_ends_at", limit=_SWEEP, high=self.now()
        )
        closed = await asyncio.gather(*(self._close_due(stored) for stored in due.items))
        return sum(closed)

    async def closed(self, limit: int, cursor: str | None) -> Page:
        """Work whose window is over and whose bids are not ranked yet, the longest over first."""
        await self.close_windows()
        return await self._store.query(
            WORK, {"evaluation_pending": True}, order="bid_window_ends_at", limit=limit, cursor=cursor
        )

    async def record_bid(self, work_id: str, bid_id: str) -> None:
        """Counts a bid, once however often it is told."""
        await self._counts.record(work_id, bid_id)

    async def evaluated(self, work_id: str, notice: EvaluatedNotice) -> Stored:
        """The evaluator has ranked the bids."""
        return await self._change(
            await self._find(work_id),
            lambda doc: life.evaluated(doc, self.now(), notice.evaluation_id, notice.total_bids),
        )

    async def award(self, work_id: str, request: AwardRequest) -> Stored:
        """A contract claims the work; one only ever gets it."""
        return await self._change(await self._find(work_id), lambda doc: life.award(doc, self.now(), request))

    async def outcome(self, work_id: str, notice: OutcomeNotice) -> Stored:
        """The contract reports its state."""
        return await self._change(await self._find(work_id), lambda doc: life.outcome(doc, self.now(), notice))

    async def _find(self, work_id: str) -> Stored:
        found = await self._store.get(WORK, work_id) if is_id(work_id) else None
        if found is None:
            raise not_found("work not found")
        return found

    async def _change(self, found: Stored, decide: Callable[[Document], Document]) -> Stored:
        for attempt in range(_ATTEMPTS):
            changed = decide(found.doc)
            if changed is found.doc:
                return found
            try:
                return await self._store.replace(found, changed, collection=WORK)
            except VersionConflict:
                await _pause(attempt)
                found = await self._find(found.id)
        raise _busy()

    async def _close_due(self, stored: Stored) -> bool:
        try:
            await self._store.replace(stored, life.close(stored.doc, self.now()), collection=WORK)
        except VersionConflict:
            return False  # awarded, cancelled or closed meanwhile; what is still due is found again
        log.info("work.bid_window_closed", work_id=stored.id, bid_count=stored.doc["bids_received"])
        return True

    async def _announce(self, stored: Stored) -> None:
        """The broadcast, page after page, until nothing is due; what fails is the sweep's."""
        due = True
        while due:
            stored = await self._outbox.deliver(stored)
            due = bool(stored.doc.get("outbox_pending")) and text(stored.doc, "outbox_next_at") <= self.now()


def consumer_of(caller: RequestContext, header: str | None) -> str:
    """Who publishes: the tenant that the gateway vouches for; a direct caller may name anybody."""
    if caller.tenant is None and not caller.is_direct:
        raise forbidden("work belongs to a tenant: send the API key of one")
    consumer_id = caller.tenant or header or DEFAULT_CONSUMER
    if not is_id(consumer_id):
        raise bad_request("X-Consumer-ID must be 1 to 128 letters, digits or one of _ . : @ -")
    return consumer_id


def _same(known: Stored, print_: str) -> Stored:
    if text(known.doc, "fingerprint") != print_:
        raise key_reused()
    return known


async def _pause(attempt: int) -> None:
    await asyncio.sleep(random.uniform(0, 0.002) * attempt)  # noqa: S311 - jitter


def _busy() -> Exception:
    return unavailable("the work is being changed by too many at once; try again", code="busy")


__all__ = ["DEFAULT_CONSUMER", "WORK", "WorkService", "consumer_of"]
