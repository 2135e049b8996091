"""What callers send to the trust broker (contract 8.2)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from aex.core.wire import FreeObject, Moment, Text, Wire, pack
from aex.trust_broker.rules import Outcome, outcome_from

MAX_BATCH = 1000
"""Providers of one batch question."""
MAX_METRICS_BYTES = 16_384

Id = Annotated[Text, Field(max_length=128)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e9)]


def _outcome(word: object) -> Outcome | str:
    if not isinstance(word, str):
        raise ValueError("must be a string")
    return outcome_from(word) if word.strip() else ""


def _small(value: FreeObject) -> FreeObject:
    if len(pack(value)) > MAX_METRICS_BYTES:
        raise ValueError(f"must be at most {MAX_METRICS_BYTES} bytes of JSON")
    return value


class OutcomeReport(Wire):
    """`POST /internal/v1/outcomes`."""

    provider_id: Id = ""
    contract_id: Id = ""
    outcome: Annotated[Outcome | Literal[""], BeforeValidator(_outcome)] = ""
    consumer_id: Id = ""
    metrics: Annotated[FreeObject, AfterValidator(_small)] | None = None
    agreed_price: Number | None = None
    final_price: Number | None = None
    completed_at: Moment | None = None


class BatchQuestion(Wire):
    """`POST /internal/v1/trust/batch`."""

    provider_ids: Annotated[list[Text], Field(max_length=MAX_BATCH)] = Field(default_factory=list[Text])


class Verification(Wire):
    """`POST /internal/v1/providers/{id}/verify`."""

    verification_type: Literal["identity", "endpoint", "compliance", "internal"]
    verified: bool = False
    notes: Annotated[Text, Field(max_length=1000)] = ""


__all__ = ["MAX_BATCH", "BatchQuestion", "OutcomeReport", "Verification"]
