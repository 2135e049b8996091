"""The states of a contract and what leads from one to the next, as pure functions over its document.

RESERVED -> AWARDED -> EXECUTING -> COMPLETED | FAILED | EXPIRED. RESERVED is the time between choosing a bid and having
the work: it is shown to nobody, and becomes AWARDED or vanishes. The last three are final. A contract expires by the
clock, whether or not anybody has written that down yet.
"""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from aex.core.clock import later
from aex.core.fields import flag, number, objects, text
from aex.core.ids import derived_id
from aex.core.money import number_from_micro, text_from_micro
from aex.core.outbox import Effect
from aex.store import Document, JsonValue

CONTRACT_SECONDS: Final = 3600
"""Life of a contract from its award (contract 7.2)."""
KEPT_UPDATES: Final = 100
"""Progress reports kept with a contract, the newest; all of them are counted."""

SETTLE: Final = "settle"
TRUST: Final = "trust"
WORK: Final = "work"
CLAIM: Final = "claim"


@unique
class Status(StrEnum):
    """The states of a contract (contract 7.3), and the one before the first."""

    RESERVED = "RESERVED"
    AWARDED = "AWARDED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


RUNNING: Final = frozenset({Status.AWARDED, Status.EXECUTING})


@unique
class Verdict(StrEnum):
    """How a contract ended, in the trust broker's words (contract 8.3)."""

    SUCCESS = "SUCCESS"
    FAILURE_PROVIDER = "FAILURE_PROVIDER"
    FAILURE_CONSUMER = "FAILURE_CONSUMER"
    EXPIRED = "EXPIRED"


def contract_id_of(work_id: str) -> str:
    """The contract of a work: there can be only one, because its id says whose it is."""
    return derived_id("contract_", work_id)


def status_at(doc: Mapping[str, JsonValue], now: str) -> Status:
    """The state at `now`: a contract that ran out of time is EXPIRED even if no duty has written it."""
    status = Status(text(doc, "status"))
    return Status.EXPIRED if status in RUNNING and text(doc, "expires_at") <= now else status


def awarded(doc: Document, now: str) -> Document:
    """RESERVED -> AWARDED."""
    expires_at = later(now, CONTRACT_SECONDS)
    return {**doc, "status": Status.AWARDED.value, "awarded_at": now, "expires_at": expires_at}


def progressed(doc: Document, update: Document, now: str) -> Document:
    """A running contract with one more report; the first one starts it."""
    kept = [*objects(doc, "updates"), {**update, "timestamp": now}][-KEPT_UPDATES:]
    return {
        **doc,
        "status": Status.EXECUTING.value,
        "started_at": text(doc, "started_at") or now,
        "updates": list(kept),
        "updates_count": number(doc, "updates_count") + 1,
    }


def completed(doc: Document, *, success: bool, outcome: Document, now: str) -> Document:
    """A running contract that its provider ended; it is COMPLETED even when it did not succeed (contract 7.2)."""
    return {
        **doc,
        "status": Status.COMPLETED.value,
        "completed_at": now,
        "outcome": {"success": success, **outcome, "reported_at": now},
    }


def failed(doc: Document, *, reason: str, message: str, reported_by: str, now: str) -> Document:
    """A running contract that one of the parties gave up."""
    return {
        **doc,
        "status": Status.FAILED.value,
        "failed_at": now,
        "failure_reason": reason,
        "failure_message": message,
        "reported_by": reported_by,
    }


def expired(doc: Document) -> Document:
    """A running contract whose time was over before anybody ended it."""
    return {**doc, "status": Status.EXPIRED.value}


def work_effect(contract_id: str, doc: Document, status: str) -> Effect:
    """Tells the work how its contract goes."""
    return Effect(WORK, {"work_id": doc["work_id"], "contract_id": contract_id, "status": status})


def ending_effects(contract_id: str, doc: Document, verdict: Verdict, ended_at: str) -> list[Effect]:
    """What must happen elsewhere when a contract has ended: exactly once, whatever crashes in between."""
    price = number(doc, "price_micro")
    trust = Effect(
        TRUST,
        {
            "provider_id": doc["provider_id"],
            "contract_id": contract_id,
            "consumer_id": doc["consumer_id"],
            "outcome": verdict.value,
            "agreed_price": number_from_micro(price),
            "completed_at": ended_at,
        },
    )
    work = work_effect(contract_id, doc, "COMPLETED" if verdict is Verdict.SUCCESS else "FAILED")
    if verdict is Verdict.EXPIRED:
        return [trust, work]
    started_at = text(doc, "started_at") or text(doc, "awarded_at")
    settle = Effect(
        SETTLE,
        {
            "contract_id": contract_id,
            "work_id": doc["work_id"],
            "agent_id": doc["provider_id"],
            "consumer_id": doc["consumer_id"],
            "provider_id": doc["provider_id"],
            "provider_tenant_id": doc["provider_tenant_id"],
            "domain": doc["category"],
            "started_at": started_at,
            # Another instance's clock may be ahead of ours; settlement refuses times that are the wrong way round.
            "completed_at": max(started_at, ended_at),
            "success": verdict is Verdict.SUCCESS,
            "agreed_price": text_from_micro(price),
        },
    )
    return [settle, trust, work]


def is_running(doc: Mapping[str, JsonValue], now: str) -> bool:
    """Whether reports are accepted."""
    return status_at(doc, now) in RUNNING


def succeeded(doc: Mapping[str, JsonValue]) -> bool:
    """Whether a completed contract was a success."""
    outcome = doc.get("outcome")
    return isinstance(outcome, dict) and flag(outcome, "success")


__all__ = [
    "CLAIM",
    "CONTRACT_SECONDS",
    "KEPT_UPDATES",
    "RUNNING",
    "SETTLE",
    "TRUST",
    "WORK",
    "Status",
    "Verdict",
    "awarded",
    "completed",
    "contract_id_of",
    "ending_effects",
    "expired",
    "failed",
    "is_running",
    "progressed",
    "status_at",
    "succeeded",
    "work_effect",
]
