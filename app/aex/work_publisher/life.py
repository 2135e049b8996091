"""What each event does to a stored work: pure functions from a document to the next one.

Each returns the new document, the very same object when there is nothing to change, or raises the 409 that says why
not. They are repeated by their caller when somebody else was faster, so they must not do anything else.
"""

from aex.core.errors import conflict
from aex.core.fields import flag, number, text
from aex.store.port import Document
from aex.work_publisher.models import AwardRequest, OutcomeNotice, status_at
from aex.work_publisher.states import TRANSITIONS, Event, Status, after

_OUTCOMES = {"EXECUTING": Event.START, "COMPLETED": Event.COMPLETE, "FAILED": Event.FAIL}


def close(doc: Document, now: str) -> Document:
    """The bid window ends (by time or by request); nothing in any state but OPEN."""
    if text(doc, "status") != Status.OPEN.value:
        return doc
    return {**doc, "status": Status.EVALUATING.value, "evaluation_pending": True, "bids_closed_at": now}


def cancel(doc: Document, now: str) -> Document:
    """The consumer takes the work back. Only before it is awarded; the words are the contract's."""
    status = status_at(doc, now)
    target = after(status, Event.CANCEL)
    if target is None:
        raise conflict(f"invalid work state: cannot cancel work in state {status}", "invalid_state")
    return {**doc, "status": target.value, "completed_at": now, "evaluation_pending": False}


def award(doc: Document, now: str, request: AwardRequest) -> Document:
    """A contract takes the work: at most one ever does, and the same one may ask again."""
    if doc.get("contract_id") is not None:
        if doc["contract_id"] == request.contract_id:
            return doc
        raise conflict("the work is already awarded to another contract", "work_not_awardable")
    status = status_at(doc, now)
    target = after(status, Event.AWARD)
    if target is None:
        allowed = " or ".join(TRANSITIONS[Event.AWARD][0])
        raise conflict(f"the work is {status}; only {allowed} work can be awarded", "work_not_awardable")
    return {
        **doc,
        "status": target.value,
        "contract_id": request.contract_id,
        "provider_id": request.provider_id,
        "provider_tenant_id": request.provider_tenant_id,
        "bid_id": request.bid_id,
        "awarded_at": now,
        "evaluation_pending": False,
    }


def outcome(doc: Document, now: str, notice: OutcomeNotice) -> Document:
    """The contract reports how it goes. Repeats and reports that come late change nothing."""
    if doc.get("contract_id") != notice.contract_id:
        raise conflict("the work is not awarded to this contract", "other_contract")
    status, wanted = Status(text(doc, "status")), Status(notice.status)
    target = after(status, _OUTCOMES[notice.status])
    if status is wanted or (target is None and wanted is Status.EXECUTING):
        return doc  # a report of progress may arrive after that of the end
    if target is None:
        raise conflict(f"the work is {status} and cannot become {wanted}", "invalid_state")
    ended = {"completed_at": now} if target is not Status.EXECUTING else {}
    return {**doc, "status": target.value, **ended}


def count_bids(doc: Document, count: int) -> Document:
    """`count` bids are known. One that an evaluation has missed asks for another."""
    if count <= number(doc, "bids_received"):
        return doc
    missed = text(doc, "status") == Status.EVALUATING.value and count > number(doc, "bids_evaluated")
    return {**doc, "bids_received": count, "evaluation_pending": flag(doc, "evaluation_pending") or missed}


def evaluated(doc: Document, now: str, evaluation_id: str, total_bids: int | None) -> Document:
    """The bids were ranked. Work whose window is still open goes on waiting for its end."""
    if status_at(doc, now) is not Status.EVALUATING:
        return doc
    closed = close(doc, now)
    known = number(closed, "bids_received")
    looked_at = known if total_bids is None else total_bids
    # A bid that was counted but not looked at asks for one more evaluation; one only, whatever the counts say then.
    missed = known > looked_at and known > number(closed, "bids_evaluated")
    seen = max(known, looked_at) if missed else looked_at
    return {**closed, "evaluation_pending": missed, "evaluation_id": evaluation_id, "bids_evaluated": seen}


__all__ = ["award", "cancel", "close", "count_bids", "evaluated", "outcome"]
