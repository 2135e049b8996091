"""What clients send (contract 10.2). Nothing is required; a single object is taken as a batch of one."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from aex.core.wire import FreeObject, Moment, Text, Wire

MAX_BATCH = 1000
"""Records of one request."""
ZERO_TIME = "0001-01-01T00:00:00.000000Z"
"""A time that was not sent (contract 1.4)."""

Label = Annotated[Text, Field(max_length=256)]
"""What records are found by."""
Labels = Annotated[dict[Text, Text], Field(max_length=100)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Log(Wire):
    """One log line."""

    id: Label = ""
    timestamp: Moment | None = None
    level: Label = ""
    service: Label = ""
    message: Text = ""
    fields_: Annotated[FreeObject | None, Field(alias="fields")] = None
    trace_id: Label = ""
    span_id: Label = ""


class Metric(Wire):
    """One measurement."""

    id: Label = ""
    timestamp: Moment | None = None
    name: Label = ""
    type: Label = ""
    value: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    service: Label = ""
    labels: Labels | None = None


class Span(Wire):
    """One step of a trace."""

    trace_id: Label = ""
    span_id: Label = ""
    parent_span_id: Label = ""
    service: Label = ""
    operation: Text = ""
    start_time: Moment = ZERO_TIME
    end_time: Moment = ZERO_TIME
    duration_ms: Whole = 0
    status: Text = ""
    attributes: Labels | None = None


def _as_batch(body: object) -> object:
    """A single object is a batch of one, and null among the records is an empty record, as Go decodes it."""
    if isinstance(body, dict):
        return [body]  # pyright: ignore[reportUnknownVariableType] - JSON before validation
    if isinstance(body, list):
        if len(body) > MAX_BATCH:  # pyright: ignore[reportUnknownArgumentType]
            raise ValueError(f"at most {MAX_BATCH} records can be sent at once: split the batch")
        return [{} if item is None else item for item in body]  # pyright: ignore[reportUnknownVariableType]
    return body


LogBatch = Annotated[list[Log], BeforeValidator(_as_batch)]
MetricBatch = Annotated[list[Metric], BeforeValidator(_as_batch)]
SpanBatch = Annotated[list[Span], BeforeValidator(_as_batch)]

__all__ = ["MAX_BATCH", "ZERO_TIME", "Log", "LogBatch", "Metric", "MetricBatch", "Span", "SpanBatch"]
