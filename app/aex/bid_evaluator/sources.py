"""Where the facts come from: the work, its bids, and the trust of those who bid. One call each, not one a bid."""

from collections.abc import Iterable
from dataclasses import dataclass

from aex.bid_evaluator.models import Work, bid_from, work_from
from aex.bid_evaluator.scoring import UNKNOWN_TRUST, Bid, Trust
from aex.core.errors import ApiError, unavailable
from aex.core.fields import nested, objects, real, text
from aex.core.logging import get_logger
from aex.core.peers import Peer, Reply, path
from aex.store.port import JsonValue

log = get_logger(__name__)

BIDS_A_PAGE = 500
MAX_PAGES = 10
"""Pages of bids that are read of one work: the bid-gateway takes 1,000 bids a work."""
TRUST_BATCH = 1000
"""Providers in one question to the trust-broker."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The three services that know."""

    publisher: Peer
    bids: Peer
    trust: Peer

    async def work(self, work_id: str) -> Work | None:
        """The work; None when the work-publisher does not know it."""
        reply = await self.publisher.call("GET", path("internal", "work", work_id))
        if reply.status == 404:
            return None
        return work_from(_good(reply, "the work-publisher").object())

    async def closed(self, limit: int, cursor: str) -> tuple[list[Work], str]:
        """Work whose window is over and whose bids are not ranked yet, and where the next page begins."""
        params = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        reply = await self.publisher.call("GET", "/internal/v1/work/closed", params=params)
        answer = _good(reply, "the work-publisher").object()
        return [work_from(entry) for entry in objects(answer, "work")], text(answer, "next_cursor")

    async def report(self, work_id: str, evaluation_id: str, total_bids: int) -> None:
        """Tells the work-publisher that the bids are ranked."""
        body: JsonValue = {"evaluation_id": evaluation_id, "total_bids": total_bids}
        target = path("internal", "work", work_id, "evaluated")
        _good(await self.publisher.call("POST", target, json=body, repeatable=True), "the work-publisher")

    async def bids_on(self, work_id: str) -> list[Bid]:
        """All bids on the work."""
        found: list[Bid] = []
        cursor = ""
        for _ in range(MAX_PAGES):
            params = {"work_id": work_id, "limit": str(BIDS_A_PAGE), **({"cursor": cursor} if cursor else {})}
            answer = _good(await self.bids.call("GET", "/internal/v1/bids", params=params), "the bid-gateway").object()
            found += [bid_from(entry) for entry in objects(answer, "bids")]
            cursor = text(answer, "next_cursor")
            if not cursor:
                return found
        log.warning("more bids than are ranked", work_id=work_id, ranked=len(found))
        return found

    async def trust_in(self, provider_ids: Iterable[str]) -> tuple[dict[str, Trust], bool]:
        """What is known of each provider, and whether that is all there is to know (the broker answered)."""
        wanted = sorted(set(provider_ids))
        known: dict[str, Trust] = {}
        try:
            for start in range(0, len(wanted), TRUST_BATCH):
                ids: list[JsonValue] = list(wanted[start : start + TRUST_BATCH])
                reply = await self.trust.call(
                    "POST", "/internal/v1/trust/batch", json={"provider_ids": ids}, repeatable=True
                )
                answer = _good(reply, "the trust-broker").object()
                scores, tiers = nested(answer, "scores"), nested(answer, "tiers")
                known |= {name: Trust(real(scores, name, UNKNOWN_TRUST), _tier(tiers, name)) for name in scores}
        except (ApiError, TypeError) as error:
            log.warning("ranking without the trust-broker", error=str(error))
            return {}, False
        return known, True


def _tier(tiers: dict[str, JsonValue], provider_id: str) -> str:
    return text(tiers, provider_id) or "UNVERIFIED"


def _good(reply: Reply, who: str) -> Reply:
    if not reply.ok:
        raise unavailable(f"{who} answered {reply.status}; try again", code="peer_unavailable")
    return reply


__all__ = ["BIDS_A_PAGE", "Sources"]
