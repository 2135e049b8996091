"""The routes of aex-bid-gateway: thin, one use case each. The provider's key is checked before the body is read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from aex.bid_gateway.models import BidRequest, Provider, internal_view, receipt, view
from aex.bid_gateway.questions import KeyCheck
from aex.bid_gateway.service import MAX_BIDS, BidService
from aex.core.context import Caller, RequestContext
from aex.core.errors import ApiError, bad_request
from aex.core.idempotency import IdempotencyKey
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.routes import is_not_json, route_class
from aex.core.wire import Json, present

EVALUATOR, ENGINE = "aex-bid-evaluator", "aex-contract-engine"
_REQUIRED = ("work_id", "price", "a2a_endpoint")
_HOLDER = "aex.provider"


async def _provider(request: Request) -> Provider:
    holder: Provider = request.scope[_HOLDER]
    return holder


Holder = Annotated[Provider, Depends(_provider)]
"""Route parameter: whose key the request carries."""


def build_routes(service: BidService, keys: KeyCheck) -> APIRouter:
    """All routes over `service`."""
    router = APIRouter()
    router.include_router(_public(service, keys))
    router.include_router(_internal(service))
    return router


def _public(service: BidService, keys: KeyCheck) -> APIRouter:
    async def authenticate(request: Request) -> None:
        caller: RequestContext = request.scope["aex"]
        provider = await keys.holder(caller.authorization)
        if caller.tenant is not None:  # a provider's key proves itself; beside a tenant's key it must be that tenant's
            caller.require_tenant(provider.tenant_id, "the provider key")
        request.scope[_HOLDER] = provider

    router = APIRouter(tags=["bids"], route_class=route_class(before=authenticate, describe=_describe))

    @router.post("/v1/bids")
    async def submit(body: BidRequest, provider: Holder, key: IdempotencyKey) -> Response:
        """Takes a sealed bid. `Authorization: Bearer <provider key>`."""
        stored = await service.submit(body, provider, key)
        return Json(receipt(stored.id, stored.doc))

    @router.get("/v1/bids")
    async def own(provider: Holder, limit: Limit = None, cursor: Cursor = None) -> Response:
        """The provider's own bids, newest first. `Authorization: Bearer <provider key>`."""
        page = await service.of_provider(provider, limit_from(limit), cursor)
        bids = [view(stored.id, stored.doc) for stored in page.items]
        return Json({"bids": bids, "total": len(bids), **present({"next_cursor": page.cursor})})

    return router


def _internal(service: BidService) -> APIRouter:
    router = APIRouter(tags=["internal"])

    @router.get("/internal/v1/bids")
    async def of_work(
        caller: Caller,
        work_id: Annotated[str | None, Query()] = None,
        limit: Limit = str(MAX_BIDS),
        cursor: Cursor = None,
    ) -> Response:
        """Bids on a work, newest first; all of them unless a limit says otherwise."""
        caller.require_service(EVALUATOR, ENGINE)
        if not work_id:
            raise bad_request("work_id is required")
        page, total = await service.of_work(work_id, limit_from(limit), cursor)
        bids = [internal_view(stored.id, stored.doc) for stored in page.items]
        answer = {"work_id": work_id, "bids": bids, "total_bids": total}
        return Json({**answer, **present({"next_cursor": page.cursor})})

    @router.get("/internal/v1/bids/{bid_id}")
    async def one(bid_id: str, caller: Caller) -> Response:
        """One bid."""
        caller.require_service(EVALUATOR, ENGINE)
        stored = await service.get(bid_id)
        return Json(internal_view(stored.id, stored.doc))

    return router


def _describe(error: RequestValidationError) -> ApiError | None:
    """The contract's words (5.2) for what is wrong with a bid, and which field it is."""
    if is_not_json(error):
        return bad_request("Invalid bid format: the body is not JSON")
    problems = error.errors()
    missing = {str(problem["loc"][-1]) for problem in problems if problem["type"] == "missing"}
    if required := [name for name in _REQUIRED if name in missing]:
        return bad_request(f"missing required fields: {', '.join(required)}")
    if "expires_at" in missing:
        return bad_request("expires_at is required: an RFC 3339 time in the future")
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    said = str(first["msg"]).removeprefix("Value error, ")
    if where == "confidence" and first["type"] in {"less_than_equal", "greater_than_equal", "finite_number"}:
        return bad_request("confidence must be between 0 and 1")
    return bad_request(f"Invalid bid format: {where}: {said}")


__all__ = ["build_routes"]
