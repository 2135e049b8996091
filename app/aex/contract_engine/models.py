"""What clients send, and how a contract is answered (contract 7.2)."""

from typing import Annotated

from pydantic import AfterValidator, Field

from aex.contract_engine.rules import Status, status_at
from aex.contract_engine.tokens import Party
from aex.core.clock import wire_time
from aex.core.fields import flag, nested, number, objects, text
from aex.core.money import number_from_micro
from aex.core.wire import FreeObject, Text, Wire, pack, present, unpack
from aex.store import Document

# A contract is one document of at most 900,000 bytes: a hundred reports and the outcome must fit, escapes included.
_METRICS_BYTES = 65_536


def _small(value: FreeObject) -> FreeObject:
    if len(pack(value).encode()) > _METRICS_BYTES:
        raise ValueError(f"must be at most {_METRICS_BYTES} bytes of JSON; put more behind result_location")
    return value


Word = Annotated[Text, Field(max_length=64)]
Line = Annotated[Text, Field(max_length=1000)]


class AwardBody(Wire):
    """`POST /v1/work/{id}/award`: a bid, or the best one."""

    bid_id: Annotated[Text, Field(max_length=128)] = ""
    auto_award: bool = False


class ProgressBody(Wire):
    """`POST /v1/contracts/{id}/progress`."""

    status: Word = ""
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    message: Line | None = None


class CompleteBody(Wire):
    """`POST /v1/contracts/{id}/complete`."""

    success: bool = False
    result_summary: Annotated[Text, Field(max_length=10_000)] = ""
    metrics: Annotated[FreeObject, AfterValidator(_small)] | None = None
    result_location: Annotated[Text, Field(max_length=2000)] | None = None


class FailBody(Wire):
    """`POST /v1/contracts/{id}/fail`. Who reports is decided by the token, not by `reported_by`."""

    reason: Line = ""
    message: Line = ""
    reported_by: Word = ""


def award_answer(contract_id: str, doc: Document, now: str, tokens: dict[Party, str]) -> dict[str, object]:
    """What the consumer gets for an award: both tokens, its own and the one to hand to the provider."""
    return {
        "contract_id": contract_id,
        "work_id": text(doc, "work_id"),
        "bid_id": text(doc, "bid_id"),
        "provider_id": text(doc, "provider_id"),
        "agreed_price": number_from_micro(number(doc, "price_micro")),
        "status": status_at(doc, now).value,
        "provider_endpoint": text(doc, "provider_endpoint"),
        "execution_token": tokens[Party.PROVIDER],
        "consumer_token": tokens[Party.CONSUMER],
        "expires_at": wire_time(text(doc, "expires_at")),
        "awarded_at": wire_time(text(doc, "awarded_at")),
    }


def contract_answer(contract_id: str, doc: Document, now: str, tokens: dict[Party, str]) -> dict[str, object]:
    """A contract, with the tokens that this reader may see."""
    status = status_at(doc, now)
    sla = nested(doc, "sla")
    fields: dict[str, object] = {
        "contract_id": contract_id,
        "work_id": text(doc, "work_id"),
        "consumer_id": text(doc, "consumer_id"),
        "provider_id": text(doc, "provider_id"),
        "bid_id": text(doc, "bid_id"),
        "agreed_price": number_from_micro(number(doc, "price_micro")),
        "sla": {"max_latency_ms": sla.get("max_latency_ms") or 0, "availability": sla.get("availability") or 0},
        "provider_endpoint": text(doc, "provider_endpoint"),
        "execution_token": tokens.get(Party.PROVIDER),
        "consumer_token": tokens.get(Party.CONSUMER),
        "status": status.value,
        "expires_at": wire_time(text(doc, "expires_at")),
        "awarded_at": wire_time(text(doc, "awarded_at")),
        "started_at": _time(doc, "started_at"),
        "completed_at": _time(doc, "completed_at"),
        "failed_at": _time(doc, "failed_at"),
        "expired_at": wire_time(text(doc, "expires_at")) if status is Status.EXPIRED else None,
        "execution_updates": [_update(update) for update in objects(doc, "updates")] or None,
        "execution_updates_total": doc.get("updates_count"),
        "outcome": _outcome(nested(doc, "outcome")),
        "failure_reason": doc.get("failure_reason"),
        "failure_message": doc.get("failure_message"),
        "reported_by": doc.get("reported_by"),
    }
    return present(fields)


def update_document(body: ProgressBody) -> Document:
    """A report as it is kept."""
    return {"status": body.status, "percent": body.percent, "message": body.message}


def outcome_document(body: CompleteBody) -> Document:
    """An outcome as it is kept."""
    return {
        "result_summary": body.result_summary,
        "metrics": None if body.metrics is None else pack(body.metrics),
        "result_location": body.result_location,
    }


def _time(doc: Document, name: str) -> str | None:
    stamp = text(doc, name)
    return wire_time(stamp) if stamp else None


def _update(update: Document) -> dict[str, object]:
    return present({**update, "timestamp": wire_time(text(update, "timestamp"))})


def _outcome(outcome: Document) -> dict[str, object] | None:
    if not outcome:
        return None
    kept = {
        "result_summary": text(outcome, "result_summary"),
        "result_location": outcome.get("result_location"),
        "reported_at": wire_time(text(outcome, "reported_at")),
    }
    return {"success": flag(outcome, "success"), "metrics": unpack(text(outcome, "metrics") or None), **present(kept)}


__all__ = [
    "AwardBody",
    "CompleteBody",
    "FailBody",
    "ProgressBody",
    "award_answer",
    "contract_answer",
    "outcome_document",
    "update_document",
]
