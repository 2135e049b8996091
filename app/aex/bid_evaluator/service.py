"""The use cases of evaluation: rank the bids of a work now, keep the latest ranking, rank what has closed by itself.

Owns when a ranking is final and which one is kept. Does not own the formula (`scoring.py`) or the facts (`sources.py`).
"""

import asyncio
from dataclasses import dataclass, field

from aex.bid_evaluator.models import EvaluateRequest, Evaluation, Work
from aex.bid_evaluator.scoring import Terms, rank
from aex.bid_evaluator.sources import Sources
from aex.core.clock import Clock, later, stamp
from aex.core.errors import ApiError, bad_request, not_found, unavailable
from aex.core.fields import flag, text
from aex.core.ids import is_id, new_id
from aex.core.logging import get_logger
from aex.core.paging import Position
from aex.store.port import AlreadyExists, Document, Page, Store, Stored, VersionConflict

log = get_logger(__name__)

EVALUATIONS = "bid_evaluations"
DEGRADED_WAIT_SECONDS = 60.0
"""How long work whose window is over waits for the trust-broker before it is ranked without; for ever where a bid
can only be admitted by its bidder's tier."""
_CLOSED_A_PAGE = 50
_CLOSED_PAGES = 4
_AT_ONCE = 4
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class EvaluationService:
    """Evaluations, on a store."""

    store: Store
    clock: Clock
    sources: Sources
    position: Position = field(default_factory=Position)
    """Where the next round of `evaluate_closed` goes on, so that work which has to wait holds up nothing behind it."""

    async def evaluate(self, request: EvaluateRequest) -> Document:
        """Ranks now. The work's own budget and constraints count; the request's only for a work that nobody knows."""
        work = await self.sources.work(request.work_id)
        if work is not None:
            return await self.evaluate_work(work)
        terms = request.terms()
        if terms is None:
            raise bad_request("budget.max_price is required, because the work is not known to the work-publisher")
        return (await self._rank(request.work_id, terms, final=False)).document()

    async def evaluate_work(self, work: Work) -> Document:
        """Ranks the bids of a known work and keeps the result. Tells the work-publisher when it was waiting for it."""
        evaluation = await self._rank(work.work_id, work.terms, final=work.window_is_over)
        doc = await self._keep(work, evaluation)
        if evaluation.final and work.evaluation_pending and self._counts(work, evaluation):
            try:
                await self._report(evaluation)
            except ApiError as error:  # the duty ranks it again, which changes nothing
                log.info("evaluation not reported", work_id=work.work_id, error=str(error))
        return doc

    async def work(self, work_id: str) -> Work:
        """The work, or 404."""
        found = await self.sources.work(work_id) if is_id(work_id) else None
        if found is None:
            raise not_found("work not found")
        return found

    async def latest(self, work_id: str) -> Stored:
        """The latest evaluation of a work, or 404."""
        found = await self.store.get(EVALUATIONS, work_id) if is_id(work_id) else None
        if found is None:
            raise not_found("not evaluated yet: bids are ranked when the bid window closes, or when you ask for it")
        return found

    async def to_award(self, limit: int, cursor: str | None) -> Page:
        """Final evaluations of work that asks to be awarded by itself, the longest waiting first."""
        return await self.store.query(
            EVALUATIONS, {"award_pending": True}, order="evaluated_at", limit=limit, cursor=cursor
        )

    async def awarded(self, work_id: str) -> Stored:
        """The award is done with, one way or the other: nobody needs to look at the work again."""
        for _ in range(_ATTEMPTS):
            found = await self.latest(work_id)
            if flag(found.doc, "awarded"):
                return found
            try:
                return await self.store.replace(
                    found, {**found.doc, "awarded": True, "award_pending": False}, collection=EVALUATIONS
                )
            except VersionConflict:
                continue
        raise _busy()

    async def evaluate_closed(self) -> int:
        """Ranks all work whose window is over; returns how many. One that fails does not keep the others waiting."""
        done = failed = 0
        cursor = self.position.take()
        for _ in range(_CLOSED_PAGES):
            works, cursor = await self.sources.closed(_CLOSED_A_PAGE, cursor)
            for start in range(0, len(works), _AT_ONCE):
                batch = works[start : start + _AT_ONCE]
                results = await asyncio.gather(*(self._finish(work) for work in batch), return_exceptions=True)
                for work, result in zip(batch, results, strict=True):
                    if isinstance(result, asyncio.CancelledError):
                        raise result
                    if isinstance(result, BaseException):
                        failed += 1
                        log.warning("not evaluated", work_id=work.work_id, error=repr(result))
                    else:
                        done += result
            if not cursor:
                break
        self.position.cursor = cursor
        if failed and not done:
            raise unavailable(f"{failed} works could not be evaluated; they will be tried again")
        return done

    async def _finish(self, work: Work) -> bool:
        """The one evaluation that counts. False when it has to wait for the trust-broker."""
        evaluation = await self._rank(work.work_id, work.terms, final=True)
        if not self._counts(work, evaluation):
            return False
        await self._keep(work, evaluation)
        await self._report(evaluation)
        log.info("bids.evaluated", work_id=work.work_id, total_bids=evaluation.total_bids)
        return True

    def _counts(self, work: Work, evaluation: Evaluation) -> bool:
        """Whether the ranking may decide the award: one made without the trust-broker only after a while."""
        if not evaluation.degraded:
            return True
        waited = evaluation.evaluated_at >= later(work.bid_window_ends_at, DEGRADED_WAIT_SECONDS)
        return waited and not work.terms.needs_tier

    async def _rank(self, work_id: str, terms: Terms, *, final: bool) -> Evaluation:
        bids = await self.sources.bids_on(work_id)
        trust, complete = await self.sources.trust_in(bid.provider_id for bid in bids)
        now = stamp(self.clock())
        ranked, disqualified = rank(bids, terms, trust, now)
        return Evaluation(
            evaluation_id=new_id("eval_"),
            work_id=work_id,
            terms=terms,
            ranked=ranked,
            disqualified=disqualified,
            evaluated_at=now,
            degraded=not complete,
            final=final,
        )

    async def _report(self, evaluation: Evaluation) -> None:
        await self.sources.report(evaluation.work_id, evaluation.evaluation_id, evaluation.total_bids)

    async def _keep(self, work: Work, evaluation: Evaluation) -> Document:
        """One document a work: the newest ranking, but never an early one over a final one."""
        fresh = {**evaluation.document(), "consumer_id": work.consumer_id, "auto_award": work.auto_award}
        open_to_award = evaluation.final and work.auto_award and work.status == "EVALUATING"
        wants_award = open_to_award and bool(evaluation.ranked) and self._counts(work, evaluation)
        for _ in range(_ATTEMPTS):
            found = await self.store.get(EVALUATIONS, work.work_id)
            awarded = found is not None and flag(found.doc, "awarded")
            doc: Document = {**fresh, "awarded": awarded, "award_pending": wants_award and not awarded}
            try:
                if found is None:
                    await self.store.insert(EVALUATIONS, work.work_id, doc)
                elif _supersedes(doc, found.doc):
                    await self.store.replace(found, doc, collection=EVALUATIONS)
            except (AlreadyExists, VersionConflict):
                continue
            return doc
        raise _busy()


def _supersedes(new: Document, old: Document) -> bool:
    return (flag(new, "final"), text(new, "evaluated_at")) >= (flag(old, "final"), text(old, "evaluated_at"))


def _busy() -> ApiError:
    return unavailable("the work is being evaluated by too many at once; try again", code="busy")


__all__ = ["DEGRADED_WAIT_SECONDS", "EVALUATIONS", "EvaluationService"]
