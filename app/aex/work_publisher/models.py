"""Work on the wire and in the store: the requests, the stored document, and the views of it.

Money is micro-units inside; `payload` and `success_criteria` are the client's own JSON and kept as text.
"""

from typing import Annotated, Literal

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from aex.core import money
from aex.core.clock import wire_time
from aex.core.errors import ApiError
from aex.core.fields import flag, nested, number, text, texts
from aex.core.ids import is_id
from aex.core.wire import FreeObject, FreeValue, Name, Price, Text, Wire, pack, present, unpack
from aex.store.port import Document, JsonValue
from aex.work_publisher.states import Status, effective

MAX_PAYLOAD_BYTES = 262_144
"""JSON text of a payload: the default quota `max_task_payload_bytes` (contract 9.2)."""
MAX_WORK_BYTES = 600_000
"""JSON text of a stored work. The store takes 900,000; the rest is room for the webhooks that are still to be sent."""
PREVIEW_CHARACTERS = 500
"""How much of the payload's JSON text subscribers see before the award (contract 3.6)."""

DEFAULT_WINDOW_MS, SHORTEST_WINDOW_MS, LONGEST_WINDOW_MS = 30_000, 5_000, 300_000
"""Bid windows of the contract (3.2)."""

TIERS = ("UNVERIFIED", "VERIFIED", "TRUSTED", "PREFERRED", "INTERNAL")
"""Trust tiers, lowest first (contract 4.3 and 8.3)."""


def _bonus(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    micro = money.micro_from_number(value)
    if micro < 0:
        raise ValueError("must not be negative")
    return micro


def _tier(value: str) -> str:
    if value and value.upper() not in TIERS:
        raise ValueError(f"must be one of {', '.join(TIERS)}")
    return value.upper()


def _identifier(value: str) -> str:
    if not is_id(value):
        raise ValueError("must be 1 to 128 letters, digits or one of _ . : @ -")
    return value


Bonus = Annotated[int, BeforeValidator(_bonus), WithJsonSchema({"type": "number", "minimum": 0})]
Milliseconds = Annotated[int, Field(ge=0, le=10**12)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Word = Annotated[Text, Field(max_length=200)]


class Budget(Wire):
    """What the consumer pays at most, and how bids are weighed."""

    max_price: Price
    bid_strategy: Literal["", "lowest_price", "best_quality", "balanced"] = "balanced"
    max_cpa_bonus: Bonus | None = None


class Constraints(Wire):
    """What a bid must meet."""

    max_latency_ms: Milliseconds | None = None
    required_fields: Annotated[list[Word], Field(max_length=200)] | None = None
    min_trust_tier: Annotated[Text, AfterValidator(_tier)] | None = None
    internal_only: bool = False
    regions: Annotated[list[Annotated[Text, Field(max_length=64)]], Field(max_length=50)] | None = None


class SuccessCriterion(Wire):
    """How the consumer will measure success."""

    metric: Word
    type: Literal["boolean", "numeric"]
    comparison: Word | None = None
    threshold: FreeValue = None
    bonus: Bonus | None = None

    def wire(self) -> dict[str, JsonValue]:
        """As the client sent it."""
        bonus = None if self.bonus is None else money.number_from_micro(self.bonus)
        fields = {"comparison": self.comparison, "threshold": self.threshold, "bonus": bonus}
        return {"metric": self.metric, "type": self.type, **{k: v for k, v in fields.items() if v is not None}}


class PublishRequest(Wire):
    """`POST /v1/work`."""

    category: Annotated[Name, Field(max_length=200)]
    description: Annotated[Name, Field(max_length=100_000)]
    budget: Budget
    constraints: Constraints = Constraints()
    success_criteria: Annotated[list[SuccessCriterion], Field(max_length=100)] | None = None
    bid_window_ms: int = 0
    payload: FreeObject | None = None
    auto_award: bool = False
    """Award the best bid without being asked, once the window has closed."""

    @property
    def window_ms(self) -> int:
        """The window that is granted (contract 3.2)."""
        asked = self.bid_window_ms or DEFAULT_WINDOW_MS
        return min(max(asked, SHORTEST_WINDOW_MS), LONGEST_WINDOW_MS)


class BidNotice(Wire):
    """`POST /internal/work/{id}/bids`."""

    bid_id: Identifier


class WorkBid(Wire):
    """One of `BidNotices`."""

    work_id: Identifier
    bid_id: Identifier


class BidNotices(Wire):
    """`POST /internal/v1/work/bids`."""

    bids: Annotated[list[WorkBid], Field(min_length=1, max_length=500)]


class EvaluatedNotice(Wire):
    """`POST /internal/work/{id}/evaluated`."""

    evaluation_id: Identifier
    total_bids: Annotated[int, Field(ge=0)] | None = None
    """How many bids were looked at, so that one that arrived meanwhile is not forgotten."""


class AwardRequest(Wire):
    """`POST /internal/work/{id}/award`."""

    contract_id: Identifier
    provider_id: Identifier
    bid_id: Identifier
    provider_tenant_id: Identifier | None = None
    """Whose tenant may read the work in full from now on."""


class OutcomeNotice(Wire):
    """`POST /internal/work/{id}/outcome`."""

    contract_id: Identifier
    status: Literal["EXECUTING", "COMPLETED", "FAILED"]


def new_document(body: PublishRequest, *, consumer_id: str, created_at: str, ends_at: str, notified: int) -> Document:
    """The stored form of a new work. Raises 413 when it is larger than may be kept."""
    payload = None if body.payload is None else pack(body.payload)
    criteria = None
    if body.success_criteria is not None:
        criteria = pack([criterion.wire() for criterion in body.success_criteria])
    if payload is not None and len(payload.encode()) > MAX_PAYLOAD_BYTES:
        raise ApiError(
            413, "payload_too_large", f"payload is larger than {MAX_PAYLOAD_BYTES} bytes of JSON; send a reference"
        )
    constraints = body.constraints.model_dump(exclude_none=True)
    doc: Document = {
        "consumer_id": consumer_id,
        "category": body.category,
        "description": body.description,
        "constraints": constraints,
        "max_price_micro": body.budget.max_price,
        "bid_strategy": body.budget.bid_strategy or "balanced",
        "max_cpa_bonus_micro": body.budget.max_cpa_bonus,
        "success_criteria": criteria,
        "bid_window_ms": body.window_ms,
        "payload": payload,
        "auto_award": body.auto_award,
        "status": Status.OPEN.value,
        "providers_notified": notified,
        "bids_received": 0,
        "evaluation_pending": False,
        "created_at": created_at,
        "bid_window_ends_at": ends_at,
    }
    if len(orjson.dumps(doc)) > MAX_WORK_BYTES:
        raise ApiError(413, "work_too_large", f"the work is larger than {MAX_WORK_BYTES} bytes; shorten its texts")
    return doc


def status_at(doc: Document, now: str) -> Status:
    """The state of a stored work at `now`."""
    return effective(Status(text(doc, "status")), text(doc, "bid_window_ends_at"), now)


def budget_view(doc: Document) -> dict[str, object]:
    """The budget as answered."""
    bonus = doc.get("max_cpa_bonus_micro")
    return present(
        {
            "max_price": money.number_from_micro(number(doc, "max_price_micro")),
            "bid_strategy": text(doc, "bid_strategy"),
            "max_cpa_bonus": money.number_from_micro(bonus) if isinstance(bonus, int) else None,
        }
    )


def opportunity_view(work_id: str, doc: Document, now: str) -> dict[str, object]:
    """What a possible bidder may know: everything but the consumer, most of the payload, and how it went on."""
    return present(
        {
            "work_id": work_id,
            "category": text(doc, "category"),
            "description": text(doc, "description"),
            "constraints": nested(doc, "constraints"),
            "budget": budget_view(doc),
            "success_criteria": unpack(text(doc, "success_criteria") or None),
            "bid_window_ms": number(doc, "bid_window_ms"),
            "payload_preview": text(doc, "payload")[:PREVIEW_CHARACTERS] or None,
            "status": status_at(doc, now).value,
            "created_at": wire_time(text(doc, "created_at")),
            "bid_window_ends_at": wire_time(text(doc, "bid_window_ends_at")),
        }
    )


def full_view(work_id: str, doc: Document, now: str) -> dict[str, object]:
    """The contract's WorkSpec (3.2)."""
    times = {
        name: wire_time(text(doc, name))
        for name in ("created_at", "bid_window_ends_at", "awarded_at", "completed_at")
        if doc.get(name)
    }
    optional = {name: doc.get(name) for name in ("contract_id", "provider_id", "bid_id", "evaluation_id")}
    return {
        "work_id": work_id,
        "consumer_id": text(doc, "consumer_id"),
        "category": text(doc, "category"),
        "description": text(doc, "description"),
        "constraints": nested(doc, "constraints"),
        "budget": budget_view(doc),
        "success_criteria": unpack(text(doc, "success_criteria") or None),
        "bid_window_ms": number(doc, "bid_window_ms"),
        "payload": unpack(text(doc, "payload") or None),
        "auto_award": flag(doc, "auto_award"),
        "status": status_at(doc, now).value,
        "providers_notified": number(doc, "providers_notified"),
        "bids_received": number(doc, "bids_received"),
        **present(optional),
        **times,
    }


def internal_view(work_id: str, doc: Document, now: str) -> dict[str, object]:
    """What other services get: the work, and what only they need to know."""
    unswept = doc.get("status") == Status.OPEN.value and status_at(doc, now) is Status.EVALUATING
    return {
        **full_view(work_id, doc, now),
        "evaluation_pending": flag(doc, "evaluation_pending") or unswept,
    }


def regions_of(doc: Document) -> list[str]:
    """The regions that the work asks for."""
    return texts(nested(doc, "constraints"), "regions")


__all__ = [
    "MAX_PAYLOAD_BYTES",
    "AwardRequest",
    "BidNotice",
    "BidNotices",
    "EvaluatedNotice",
    "OutcomeNotice",
    "PublishRequest",
    "budget_view",
    "full_view",
    "internal_view",
    "new_document",
    "opportunity_view",
    "regions_of",
    "status_at",
]
