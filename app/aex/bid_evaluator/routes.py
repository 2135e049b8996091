"""The routes of aex-bid-evaluator: thin, one use case each."""

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError

from aex.bid_evaluator.models import EvaluateRequest, internal_view, view
from aex.bid_evaluator.service import EvaluationService
from aex.core.context import Caller
from aex.core.errors import ApiError, bad_request
from aex.core.fields import text
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.routes import is_not_json, route_class
from aex.core.wire import Json, present

ENGINE = "aex-contract-engine"


def build_routes(service: EvaluationService) -> APIRouter:
    """All routes over `service`."""
    router = APIRouter()
    router.include_router(_public(service))
    router.include_router(_internal(service))
    return router


def _public(service: EvaluationService) -> APIRouter:
    router = APIRouter(tags=["evaluation"])

    @router.post("/v1/work/{work_id}/evaluate")
    async def evaluate(work_id: str, caller: Caller) -> Response:
        """Ranks the bids on the caller's work now. While the window is open the ranking is not final."""
        work = await service.work(work_id)
        caller.require_tenant(work.consumer_id, "the work")
        return Json(view(await service.evaluate_work(work)))

    @router.get("/v1/work/{work_id}/evaluation")
    async def evaluation(work_id: str, caller: Caller) -> Response:
        """The latest ranking of the bids on the caller's work."""
        stored = await service.latest(work_id)
        caller.require_tenant(text(stored.doc, "consumer_id"), "the work")
        return Json(view(stored.doc))

    return router


def _internal(service: EvaluationService) -> APIRouter:
    router = APIRouter(tags=["internal"], route_class=route_class(describe=_describe))

    @router.post("/internal/v1/evaluate")
    async def evaluate(body: EvaluateRequest, caller: Caller) -> Response:
        """Ranks the bids on a work now."""
        caller.require_service(ENGINE)
        return Json(view(await service.evaluate(body)))

    @router.get("/internal/v1/evaluations/auto-award")
    async def to_award(caller: Caller, limit: Limit = None, cursor: Cursor = None) -> Response:
        """Evaluated work that asks to be awarded by itself."""
        caller.require_service(ENGINE)
        page = await service.to_award(limit_from(limit), cursor)
        work = [{"work_id": stored.id, "evaluation_id": stored.doc["evaluation_id"]} for stored in page.items]
        return Json({"work": work, "total": len(work), **present({"next_cursor": page.cursor})})

    @router.get("/internal/v1/evaluations/{work_id}")
    async def latest(work_id: str, caller: Caller) -> Response:
        """The latest ranking of the bids on a work."""
        caller.require_service(ENGINE)
        return Json(internal_view((await service.latest(work_id)).doc))

    @router.post("/internal/v1/evaluations/{work_id}/awarded")
    async def awarded(work_id: str, caller: Caller) -> Response:
        """The work needs no award any more: it has one, or cannot get one."""
        caller.require_service(ENGINE)
        return Json(internal_view((await service.awarded(work_id)).doc))

    return router


def _describe(error: RequestValidationError) -> ApiError | None:
    """The contract's words (6.2)."""
    if is_not_json(error):
        return bad_request("bad request: the body is not JSON")
    first = error.errors()[0]
    if first["loc"][-1] == "work_id" and (first["type"] == "missing" or "is required" in str(first["msg"])):
        return bad_request("work_id is required")
    return None


__all__ = ["build_routes"]
