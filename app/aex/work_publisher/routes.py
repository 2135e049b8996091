"""The routes of aex-work-publisher: thin, one use case each."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.exceptions import RequestValidationError

from aex.core.context import Caller, RequestContext
from aex.core.edge import as_api_error
from aex.core.errors import ApiError, bad_request
from aex.core.fields import text
from aex.core.idempotency import IdempotencyKey
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.routes import is_not_json, route_class
from aex.core.wire import Json, present
from aex.store.port import Page, Stored
from aex.work_publisher.models import (
    AwardRequest,
    BidNotice,
    BidNotices,
    EvaluatedNotice,
    OutcomeNotice,
    PublishRequest,
    full_view,
    internal_view,
    opportunity_view,
)
from aex.work_publisher.service import WorkService, consumer_of
from aex.work_publisher.states import Status

ConsumerHeader = Annotated[str | None, Header(alias="X-Consumer-ID", description="who publishes, on direct calls only")]
BID_GATEWAY, EVALUATOR, ENGINE = "aex-bid-gateway", "aex-bid-evaluator", "aex-contract-engine"


def _describe(error: RequestValidationError) -> ApiError | None:
    return bad_request("invalid request body: it is not JSON") if is_not_json(error) else None


def build_routes(service: WorkService) -> APIRouter:
    """All routes over `service`."""
    router = APIRouter()
    router.include_router(_public(service))
    router.include_router(_internal(service))
    return router


def _public(service: WorkService) -> APIRouter:
    router = APIRouter(tags=["work"], route_class=route_class(describe=_describe))

    @router.post("/v1/work", status_code=201)
    async def publish(
        body: PublishRequest, caller: Caller, key: IdempotencyKey, x_consumer_id: ConsumerHeader = None
    ) -> Response:
        """Publishes work and tells the subscribers of its category."""
        stored = await service.publish(body, consumer_of(caller, x_consumer_id), key)
        view = full_view(stored.id, stored.doc, service.now())
        answered = ("work_id", "status", "bid_window_ends_at", "providers_notified", "created_at")
        return Json({name: view[name] for name in answered}, 201)

    @router.get("/v1/work")
    async def list_own(
        caller: Caller,
        status: Annotated[str | None, Query(description="only work in this state")] = None,
        limit: Limit = None,
        cursor: Cursor = None,
        x_consumer_id: ConsumerHeader = None,
    ) -> Response:
        """The caller's own work, newest first."""
        page = await service.list_of(consumer_of(caller, x_consumer_id), _status(status), limit_from(limit), cursor)
        now = service.now()
        return _page([full_view(stored.id, stored.doc, now) for stored in page.items], page)

    @router.get("/v1/work/{work_id}")
    async def get(work_id: str, caller: Caller) -> Response:
        """A work: in full for its consumer and the awarded provider, the opportunity for everybody else."""
        stored = await service.get(work_id)
        view = full_view if _in_full(stored, caller) else opportunity_view
        return Json(view(stored.id, stored.doc, service.now()))

    @router.post("/v1/work/{work_id}/cancel")
    async def cancel(work_id: str, caller: Caller, x_consumer_id: ConsumerHeader = None) -> Response:
        """Takes work back that is not awarded yet."""
        stored = await service.cancel(work_id, caller, consumer_of(caller, x_consumer_id))
        return Json(full_view(stored.id, stored.doc, service.now()))

    return router


def _internal(service: WorkService) -> APIRouter:
    router = APIRouter(tags=["internal"], route_class=route_class(describe=_describe))
    ok = {"status": "ok"}

    @router.get("/internal/v1/work/closed")
    async def closed(caller: Caller, limit: Limit = None, cursor: Cursor = None) -> Response:
        """Work whose window is over and whose bids are not ranked yet."""
        caller.require_service(EVALUATOR)
        page = await service.closed(limit_from(limit), cursor)
        now = service.now()
        return _page([internal_view(stored.id, stored.doc, now) for stored in page.items], page)

    @router.get("/internal/work/{work_id}")
    async def get(work_id: str, caller: Caller) -> Response:
        """A work in full, for services."""
        caller.require_service(BID_GATEWAY, EVALUATOR, ENGINE)
        stored = await service.get(work_id)
        return Json(internal_view(stored.id, stored.doc, service.now()))

    @router.post("/internal/v1/work/bids")
    async def record_bids(body: BidNotices, caller: Caller) -> Response:
        """Counts bids on any works; what is refused is listed, and is no reason to send the others again."""
        caller.require_service(BID_GATEWAY)
        outcomes = await asyncio.gather(
            *(service.record_bid(bid.work_id, bid.bid_id) for bid in body.bids), return_exceptions=True
        )
        refused: list[dict[str, object]] = []
        for bid, outcome in zip(body.bids, outcomes, strict=True):
            problem = as_api_error(outcome) if isinstance(outcome, Exception) else None
            if problem is not None:
                refused.append({"bid_id": bid.bid_id, "status": problem.status, "code": problem.code})
            elif outcome is not None:
                raise outcome
        return Json({**ok, "refused": refused})

    @router.post("/internal/work/{work_id}/bids")
    async def record_bid(work_id: str, body: BidNotice, caller: Caller) -> Response:
        """Counts a bid; telling it twice counts it once."""
        caller.require_service(BID_GATEWAY)
        await service.record_bid(work_id, body.bid_id)
        return Json(ok)

    @router.post("/internal/work/{work_id}/close-bids")
    async def close_bids(work_id: str, caller: Caller) -> Response:
        """Ends the bid window now; nothing in any state but OPEN."""
        caller.require_service(EVALUATOR, ENGINE)
        await service.close(work_id)
        return Json(ok)

    @router.post("/internal/work/{work_id}/evaluated")
    async def evaluated(work_id: str, body: EvaluatedNotice, caller: Caller) -> Response:
        """The bids were ranked."""
        caller.require_service(EVALUATOR)
        await service.evaluated(work_id, body)
        return Json(ok)

    @router.post("/internal/work/{work_id}/award")
    async def award(work_id: str, body: AwardRequest, caller: Caller) -> Response:
        """Gives the work to a contract: the first to ask, and only to it."""
        caller.require_service(ENGINE)
        stored = await service.award(work_id, body)
        return Json(internal_view(stored.id, stored.doc, service.now()))

    @router.post("/internal/work/{work_id}/outcome")
    async def outcome(work_id: str, body: OutcomeNotice, caller: Caller) -> Response:
        """The contract reports how it goes."""
        caller.require_service(ENGINE)
        stored = await service.outcome(work_id, body)
        return Json(internal_view(stored.id, stored.doc, service.now()))

    return router


def _in_full(stored: Stored, caller: RequestContext) -> bool:
    if caller.may_act_for(text(stored.doc, "consumer_id")):
        return True
    return caller.tenant is not None and caller.tenant == stored.doc.get("provider_tenant_id")


def _status(name: str | None) -> Status | None:
    if not name:
        return None
    try:
        return Status(name.upper())
    except ValueError:
        raise bad_request(f"status must be one of {', '.join(Status)}") from None


def _page(work: list[dict[str, object]], page: Page) -> Response:
    return Json({"work": work, "total": len(work), **present({"next_cursor": page.cursor})})


__all__ = ["build_routes"]
