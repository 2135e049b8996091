"""The telemetry routes (contract 10.2). A tenant sees what it sent; a direct caller and the operator see everything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import APIRouter, Query, Response

from aex.core.clock import Clock, parse_rfc3339, stamp, wire_time
from aex.core.context import Caller, RequestContext
from aex.core.errors import bad_request, not_found
from aex.core.fields import number, text
from aex.core.ids import new_id
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.wire import Json, present
from aex.store.port import Document, JsonValue, Store
from aex.telemetry.chunks import KINDS, LOGS, METRICS, SPANS, Kind, chunks_of
from aex.telemetry.keeping import Bounds, Keeper
from aex.telemetry.models import Log, LogBatch, Metric, MetricBatch, SpanBatch
from aex.telemetry.reading import Read, Window, decode, newest, trace, walk

QueryText = Annotated[str | None, Query(max_length=1024)]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What the routes work with."""

    store: Store
    clock: Clock
    keeper: Keeper
    bounds: dict[str, Bounds]
    keep_seconds: float

    async def keep(self, kind: Kind, records: Sequence[Document], caller: RequestContext) -> int:
        """Stores a batch of the caller; returns how many records it had."""
        caller.require_tenant(caller.tenant, "telemetry")
        now, tenant = stamp(self.clock()), caller.tenant or ""
        try:
            chunks = chunks_of(kind, records, tenant=tenant, now=now, keep_seconds=self.keep_seconds)
        except ValueError as error:
            raise bad_request(str(error)) from error
        await self.keeper.add(kind, chunks)
        return len(records)


def routes(telemetry: Telemetry) -> APIRouter:
    """All of them."""
    router = APIRouter()
    _add_writing(router, telemetry)
    _add_reading(router, telemetry)
    return router


def _add_writing(router: APIRouter, telemetry: Telemetry) -> None:
    @router.post("/v1/logs", status_code=202, tags=["logs"])
    async def post_logs(body: LogBatch, caller: Caller) -> Response:
        """Keeps log lines: an array, or one object."""
        records = [_identified(entry, telemetry.clock) for entry in body]
        return Json({"accepted": await telemetry.keep(LOGS, records, caller)}, 202)

    @router.post("/v1/metrics", status_code=202, tags=["metrics"])
    async def post_metrics(body: MetricBatch, caller: Caller) -> Response:
        """Keeps measurements: an array, or one object."""
        records = [_identified(entry, telemetry.clock) for entry in body]
        return Json({"accepted": await telemetry.keep(METRICS, records, caller)}, 202)

    @router.post("/v1/spans", status_code=202, tags=["traces"])
    async def post_spans(body: SpanBatch, caller: Caller) -> Response:
        """Keeps the steps of traces: an array, or one object."""
        records = [cast(Document, entry.model_dump(exclude_none=True)) for entry in body]
        return Json({"accepted": await telemetry.keep(SPANS, records, caller)}, 202)


def _add_reading(router: APIRouter, telemetry: Telemetry) -> None:
    @router.get("/v1/logs", tags=["logs"])
    async def get_logs(
        caller: Caller,
        service: QueryText = None,
        level: QueryText = None,
        search: QueryText = None,
        start_time: QueryText = None,
        end_time: QueryText = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """Log lines, newest first; `search` is looked for in the message, whatever the case."""
        needle = (search or "").casefold()
        where = _where(caller, service=service, level=level)
        window = _window(start_time, end_time, cursor, (lambda r: needle in _message(r)) if needle else None)
        return _page("logs", await newest(telemetry.store, LOGS, where, window, limit_from(limit)))

    @router.get("/v1/metrics", tags=["metrics"])
    async def get_metrics(
        caller: Caller,
        name: QueryText = None,
        service: QueryText = None,
        start_time: QueryText = None,
        end_time: QueryText = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """Measurements, newest first."""
        where = _where(caller, name=name, service=service)
        window = _window(start_time, end_time, cursor, None)
        return _page("metrics", await newest(telemetry.store, METRICS, where, window, limit_from(limit)))

    @router.get("/v1/traces/{trace_id}", tags=["traces"])
    async def get_trace(trace_id: str, caller: Caller, limit: Limit = None, cursor: Cursor = None) -> Response:
        """The spans of a trace, in order of arrival; none for an unknown trace."""
        if len(trace_id) > 256:
            raise not_found("no such trace: ids have at most 256 characters")
        where = _where(caller, trace_id=trace_id)
        read = await trace(telemetry.store, where, limit_from(limit or "1000"), cursor)
        return _page("spans", read, trace_id=trace_id)

    @router.get("/v1/stats", tags=["operations"])
    async def get_stats(caller: Caller) -> Response:
        """How many records are kept, and how many may be; a tenant's own for a tenant."""
        counts = await _counts(telemetry, caller)
        return Json(
            {
                **{f"{kind.name}_count": counts[kind.name] for kind in KINDS},
                "max_logs": telemetry.bounds[LOGS.name].records,
                "max_metrics": telemetry.bounds[METRICS.name].records,
            }
        )


async def _counts(telemetry: Telemetry, caller: RequestContext) -> dict[str, int]:
    tenant = _only(caller)
    if tenant is None:
        totals = await telemetry.keeper.totals()
        return {kind.name: max(0, number(totals, f"{kind.name}_count")) for kind in KINDS}
    counts: dict[str, int] = {}
    for kind in KINDS:
        chunks = walk(telemetry.store, kind, {"tenant": tenant})
        counts[kind.name] = sum([number(chunk.doc, "count") async for chunk in chunks])
    return counts


def _only(caller: RequestContext) -> str | None:
    """The tenant whose records the caller may see; None for all: a direct caller's, and the operator's."""
    caller.require_tenant(caller.tenant, "telemetry")
    return None if "operator" in caller.scopes else caller.tenant


def _where(caller: RequestContext, **equal: str | None) -> dict[str, str]:
    tenant = _only(caller)
    return {**({} if tenant is None else {"tenant": tenant}), **{name: value for name, value in equal.items() if value}}


def _window(
    start: str | None, end: str | None, cursor: str | None, wanted: Callable[[Document], bool] | None
) -> Window:
    before = decode(cursor) if cursor else None
    return Window(start=_time(start), end=_time(end), wanted=wanted, before=before)


def _time(given: str | None) -> str | None:
    """A time from a query parameter; what is no time is ignored (contract 10.2)."""
    try:
        # `+` of an offset is often sent as it is and arrives as a blank.
        return stamp(parse_rfc3339(given.replace(" ", "+"))) if given else None
    except ValueError:
        return None


def _message(record: Document) -> str:
    return text(record, "message").casefold()


def _identified(entry: Log | Metric, clock: Clock) -> Document:
    """The record that is kept: with an id and a time, without what was not sent."""
    dumped = cast(dict[str, JsonValue], entry.model_dump(by_alias=True, exclude_none=True))
    return {**dumped, "id": entry.id or new_id(""), "timestamp": entry.timestamp or stamp(clock())}


def _page(name: str, read: Read, **more: str) -> Response:
    rows = [_wire(record) for record in read.records]
    return Json({**more, name: rows, "count": len(rows), **present({"next_cursor": read.cursor})})


_TIMES = ("timestamp", "start_time", "end_time")
_OPTIONAL = ("trace_id", "span_id", "parent_span_id")


def _wire(record: Document) -> dict[str, object]:
    times = {name: wire_time(text(record, name)) for name in _TIMES if name in record}
    kept = {name: value for name, value in record.items() if value != "" or name not in _OPTIONAL}
    return {**kept, **times}


__all__ = ["Telemetry", "routes"]
