"""Bids on the wire and in the store. Money is micro-units inside; free-form parts are kept as the client's own text."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from aex.core import money
from aex.core.clock import later, wire_time
from aex.core.errors import ApiError
from aex.core.fields import nested, number, real, text
from aex.core.ids import is_id
from aex.core.wire import FreeValue, Moment, Name, Price, Text, Wire, pack, present, unpack
from aex.store.port import Document

MAX_FREE_BYTES = 65_536
"""JSON text of the free-form parts of one bid; a work has up to 1,000 bids, which are read together."""
KEPT_DAYS = 30
"""How long after its expiry a bid is kept; one that never expires counts as expiring after `LONGEST_DAYS`."""
LONGEST_DAYS = 365
_DAY_SECONDS = 86_400.0


def _work_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("is not the id of a work")
    return value


Milliseconds = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]


class MvpSample(Wire):
    """A sample of what the provider would deliver."""

    sample_input: FreeValue = None
    sample_output: FreeValue = None
    sample_latency_ms: Milliseconds = 0


class Sla(Wire):
    """What the provider promises."""

    max_latency_ms: Milliseconds = 0
    availability: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0


class BidRequest(Wire):
    """`POST /v1/bids`. The provider is whoever the key belongs to."""

    work_id: Annotated[Text, AfterValidator(_work_id)]
    price: Price
    a2a_endpoint: Name
    expires_at: Moment
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    approach: Annotated[Text, Field(max_length=10_000)] = ""
    estimated_latency_ms: Milliseconds = 0
    price_breakdown: Annotated[dict[Text, Number], Field(max_length=100)] | None = None
    mvp_sample: MvpSample | None = None
    sla: Sla = Sla()


@dataclass(frozen=True, slots=True)
class Provider:
    """Who a provider key belongs to."""

    provider_id: str
    tenant_id: str | None


def new_document(body: BidRequest, provider: Provider, received_at: str) -> Document:
    """The stored form of a new bid. Raises 413 when its free-form parts are larger than may be kept."""
    breakdown = None if body.price_breakdown is None else pack(dict(body.price_breakdown))
    sample = None if body.mvp_sample is None else pack(body.mvp_sample.model_dump())
    if len((breakdown or "").encode()) + len((sample or "").encode()) > MAX_FREE_BYTES:
        raise ApiError(
            413,
            "bid_too_large",
            f"price_breakdown and mvp_sample are larger than {MAX_FREE_BYTES} bytes of JSON; shorten the sample",
        )
    expiry = min(body.expires_at, later(received_at, LONGEST_DAYS * _DAY_SECONDS))
    return {
        "work_id": body.work_id,
        "provider_id": provider.provider_id,
        "provider_tenant_id": provider.tenant_id,
        "price_micro": body.price,
        "price_breakdown": breakdown,
        "confidence": body.confidence,
        "approach": body.approach,
        "estimated_latency_ms": body.estimated_latency_ms,
        "mvp_sample": sample,
        "sla": {"max_latency_ms": body.sla.max_latency_ms, "availability": body.sla.availability},
        "a2a_endpoint": body.a2a_endpoint,
        "expires_at": body.expires_at,
        "received_at": received_at,
        "status": "RECEIVED",
        "purge_at": later(expiry, KEPT_DAYS * _DAY_SECONDS),
    }


def receipt(bid_id: str, doc: Document) -> dict[str, object]:
    """The answer to a bid."""
    return {
        "bid_id": bid_id,
        "work_id": text(doc, "work_id"),
        "status": text(doc, "status"),
        "received_at": wire_time(text(doc, "received_at")),
    }


def view(bid_id: str, doc: Document) -> dict[str, object]:
    """The contract's Bid (5.2)."""
    return {
        "bid_id": bid_id,
        "work_id": text(doc, "work_id"),
        "provider_id": text(doc, "provider_id"),
        "price": money.number_from_micro(number(doc, "price_micro")),
        **present(
            {
                "price_breakdown": unpack(text(doc, "price_breakdown") or None),
                "mvp_sample": unpack(text(doc, "mvp_sample") or None),
            }
        ),
        "confidence": real(doc, "confidence"),
        "approach": text(doc, "approach"),
        "estimated_latency_ms": number(doc, "estimated_latency_ms"),
        "sla": nested(doc, "sla"),
        "a2a_endpoint": text(doc, "a2a_endpoint"),
        "status": text(doc, "status"),
        "expires_at": wire_time(text(doc, "expires_at")),
        "received_at": wire_time(text(doc, "received_at")),
    }


def internal_view(bid_id: str, doc: Document) -> dict[str, object]:
    """What other services get: the bid and whose tenant made it."""
    return {**view(bid_id, doc), **present({"provider_tenant_id": doc.get("provider_tenant_id")})}


__all__ = ["BidRequest", "Provider", "internal_view", "new_document", "receipt", "view"]
