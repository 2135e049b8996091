"""Which bid gets the work: the one that the consumer names, or the best one. Asks peers, keeps nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aex.core.clock import Clock, parse_rfc3339
from aex.core.errors import ApiError, bad_request, conflict, not_found, unavailable
from aex.core.fields import flag, nested, objects, real, text
from aex.core.money import micro_from_number
from aex.core.peers import Peer, Reply, path
from aex.store import Document

_TRIED = 20
"""Bids of a ranking that are looked at before it counts as outdated."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A bid that can be awarded."""

    bid_id: str
    provider_id: str
    provider_tenant_id: str
    price_micro: int
    endpoint: str
    sla: Document


class Choice:
    """Reads works, bids and rankings."""

    def __init__(self, works: Peer, bids: Peer, evaluator: Peer, clock: Clock) -> None:
        self._works = works
        self._bids = bids
        self._evaluator = evaluator
        self._clock = clock

    async def work(self, work_id: str) -> Document:
        """The work; 404 when there is none."""
        reply = await self._works.call("GET", path("internal", "work", work_id))
        if reply.status == 404:
            raise not_found("work not found")
        return _object(reply, "the work")

    async def named(self, work_id: str, bid_id: str) -> Offer:
        """The bid that the consumer chose: 400 when it is none on this work, 409 when its time is over."""
        bid = await self._bid(bid_id) if bid_id else None
        if bid is None or text(bid, "work_id") != work_id:
            raise bad_request("invalid bid_id")
        if not self._in_time(bid):
            raise conflict("bid expired", "bid_expired")
        return _offer(bid)

    async def best(self, work_id: str, work: Document) -> Offer:
        """The best bid that is still good: 400 when there is none."""
        tried = 0
        async for bid_id in self._ranked(work_id, work):
            bid = await self._bid(bid_id)
            if bid is not None and text(bid, "work_id") == work_id and self._in_time(bid):
                return _offer(bid)
            tried += 1
            if tried == _TRIED:
                break
        raise bad_request("no valid bids to award", "no_valid_bids")

    async def _ranked(self, work_id: str, work: Document) -> AsyncIterator[str]:
        reply = await self._evaluator.call("GET", path("internal", "v1", "evaluations", work_id))
        evaluation: Document = {} if reply.status == 404 else _object(reply, "the evaluation")
        if not flag(evaluation, "final"):  # made while bids still came in, or not at all
            question: Document = {"work_id": work_id, "budget": nested(work, "budget")}
            reply = await self._evaluator.call("POST", "/internal/v1/evaluate", json=question, repeatable=True)
            evaluation = _object(reply, "the evaluation")
        for ranked in objects(evaluation, "ranked_bids"):
            yield text(ranked, "bid_id")

    async def _bid(self, bid_id: str) -> Document | None:
        try:
            reply = await self._bids.call("GET", path("internal", "v1", "bids", bid_id))
        except ApiError as error:
            raise ApiError(502, "bids_unavailable", "failed to fetch bids", headers=error.headers) from error
        if reply.status == 404:
            return None
        if not reply.ok:
            raise ApiError(502, "bids_unavailable", "failed to fetch bids", headers={"Retry-After": "1"})
        return _object(reply, "the bid")

    def _in_time(self, bid: Document) -> bool:
        try:
            return parse_rfc3339(text(bid, "expires_at")) > self._clock()
        except ValueError:
            return False


def _object(reply: Reply, what: str) -> Document:
    if not reply.ok:
        raise unavailable(f"{what} cannot be read now (status {reply.status}); try again", code="peer_unavailable")
    return reply.object()


def _offer(bid: Document) -> Offer:
    return Offer(
        bid_id=text(bid, "bid_id"),
        provider_id=text(bid, "provider_id"),
        provider_tenant_id=text(bid, "provider_tenant_id"),
        price_micro=micro_from_number(real(bid, "price")),
        endpoint=text(bid, "a2a_endpoint"),
        sla=nested(bid, "sla"),
    )


__all__ = ["Choice", "Offer"]
