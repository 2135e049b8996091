"""Awards the works whose consumers asked for it, once their bids are ranked. Pulled from the evaluator."""

from dataclasses import dataclass, field

from aex.contract_engine.award import CONTRACTS, Awards
from aex.contract_engine.models import AwardBody
from aex.contract_engine.rules import Status, contract_id_of
from aex.core.errors import ApiError, unavailable
from aex.core.fields import objects, text
from aex.core.logging import get_logger
from aex.core.paging import Position
from aex.core.peers import Peer, path
from aex.store import Store, Stored

log = get_logger(__name__)

_IN_A_ROUND = 50


@dataclass(frozen=True, slots=True)
class AutoAward:
    """The duty."""

    store: Store
    awards: Awards
    evaluator: Peer
    position: Position = field(default_factory=Position)
    """Where the next round goes on, so that works which refuse hold up nothing behind them."""

    async def run(self) -> int:
        """One round; returns how many works were dealt with."""
        params = {"limit": str(_IN_A_ROUND)}
        if cursor := self.position.take():
            params["cursor"] = cursor
        reply = await self.evaluator.call("GET", "/internal/v1/evaluations/auto-award", params=params)
        if not reply.ok:
            raise unavailable(f"the evaluator answered {reply.status}", code="peer_unavailable")
        answer = reply.object()
        self.position.cursor = text(answer, "next_cursor")
        done = 0
        for work in objects(answer, "work"):
            try:
                done += await self._one(text(work, "work_id"))
            except ApiError as error:
                log.info("work not awarded yet", work_id=work.get("work_id"), error=error.message)
        return done

    async def _one(self, work_id: str) -> bool:
        """Awards one work and tells the evaluator; False when it must be tried again."""
        existing = await self.store.get(CONTRACTS, contract_id_of(work_id))
        if existing is None:
            existing = await self._award(work_id)
        if existing is not None and text(existing.doc, "status") == Status.RESERVED.value:
            return False  # the outbox is about to finish it
        told = await self.evaluator.call(
            "POST",
            path("internal", "v1", "evaluations", work_id, "awarded"),
            json={"contract_id": existing.id if existing else None},
            repeatable=True,
        )
        return told.ok

    async def _award(self, work_id: str) -> Stored | None:
        """The contract; None when the work can never be awarded: cancelled, gone, or no bid is good any more."""
        try:
            work = await self.awards.choice.work(work_id)
            return await self.awards.make(work_id, work, AwardBody(auto_award=True))
        except ApiError as refusal:
            if refusal.status not in {400, 404, 409} or refusal.code == "award_in_progress":
                raise
            log.info("work will not be awarded", work_id=work_id, reason=refusal.message)
            return await self.store.get(CONTRACTS, contract_id_of(work_id))


__all__ = ["AutoAward"]
