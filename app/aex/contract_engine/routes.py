"""The routes of aex-contract-engine (contract 7.2), thin. A bearer token is asked for before the body is read."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from aex.contract_engine.award import CONTRACTS, Awards
from aex.contract_engine.life import Life
from aex.contract_engine.models import (
    AwardBody,
    CompleteBody,
    FailBody,
    ProgressBody,
    award_answer,
    contract_answer,
)
from aex.contract_engine.tokens import Party, bearer
from aex.core.clock import stamp, wire_time
from aex.core.context import Caller, RequestContext
from aex.core.errors import bad_request, forbidden, unauthorized
from aex.core.fields import text
from aex.core.idempotency import IdempotencyKey
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.routes import route_class
from aex.core.wire import Json, present
from aex.store import Store


async def _require_bearer(request: Request) -> None:
    caller: RequestContext = request.scope["aex"]
    if not bearer(caller.authorization):
        raise unauthorized("unauthorized: send the contract's token as `Authorization: Bearer <token>`")


def contract_routes(store: Store, awards: Awards, life: Life) -> APIRouter:
    """All routes of the service."""
    router = APIRouter()
    router.include_router(_reading(store, awards, life))
    router.include_router(_reporting(life))
    return router


def _reading(store: Store, awards: Awards, life: Life) -> APIRouter:
    router = APIRouter(tags=["contracts"])

    @router.post("/v1/work/{work_id}/award")
    async def award(work_id: str, body: AwardBody, caller: Caller, key: IdempotencyKey) -> Response:
        """Awards a work to a bid, or to the best one: once, to one."""
        stored = await awards.award(caller, work_id, body, key)
        tokens = {party: life.token(stored, party) for party in Party}
        return Json(award_answer(stored.id, stored.doc, stamp(life.clock()), tokens))

    @router.get("/v1/contracts/{contract_id}")
    async def get(contract_id: str, caller: Caller) -> Response:
        """A contract; its tokens only for whom they belong to."""
        stored, tokens = await life.view(caller, contract_id)
        return Json(contract_answer(stored.id, stored.doc, stamp(life.clock()), tokens))

    @router.get("/v1/contracts")
    async def list_own(
        caller: Caller,
        role: Annotated[str, Query(pattern="^(consumer|provider)$")] = "consumer",
        consumer_id: str = "",
        provider_id: str = "",
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """The caller's contracts, newest first, as consumer or as provider; without tokens."""
        where = _whose(caller, role, consumer_id, provider_id)
        page = await store.query(CONTRACTS, where, order="-awarded_at", limit=limit_from(limit), cursor=cursor or None)
        now = stamp(life.clock())
        contracts = [contract_answer(stored.id, stored.doc, now, {}) for stored in page.items]
        return Json(present({"contracts": contracts, "total": len(contracts), "next_cursor": page.cursor}))

    return router


def _reporting(life: Life) -> APIRouter:
    router = APIRouter(tags=["contracts"], route_class=route_class(before=_require_bearer))

    @router.post("/v1/contracts/{contract_id}/progress")
    async def progress(contract_id: str, body: ProgressBody, caller: Caller) -> Response:
        """The provider reports progress. `Authorization: Bearer <execution token>`."""
        await life.progress(caller, contract_id, body)
        return Json({"acknowledged": True, "contract_id": contract_id})

    @router.post("/v1/contracts/{contract_id}/complete")
    async def complete(contract_id: str, body: CompleteBody, caller: Caller) -> Response:
        """The provider delivers; settlement and trust follow. `Authorization: Bearer <execution token>`."""
        stored = await life.complete(caller, contract_id, body)
        return Json(
            {
                "contract_id": stored.id,
                "status": text(stored.doc, "status"),
                "completed_at": wire_time(text(stored.doc, "completed_at")),
                "settlement_initiated": True,
            }
        )

    @router.post("/v1/contracts/{contract_id}/fail")
    async def fail(contract_id: str, body: FailBody, caller: Caller) -> Response:
        """Either party gives up; nothing is billed. `Authorization: Bearer <execution or consumer token>`."""
        stored = await life.fail(caller, contract_id, body)
        return Json(
            {
                "contract_id": stored.id,
                "status": text(stored.doc, "status"),
                "failure_reason": text(stored.doc, "failure_reason"),
                "failed_at": wire_time(text(stored.doc, "failed_at")),
            }
        )

    return router


def _whose(caller: RequestContext, role: str, consumer_id: str, provider_id: str) -> dict[str, str]:
    if caller.tenant is not None and "operator" not in caller.scopes:
        return {"consumer_id" if role == "consumer" else "provider_tenant_id": caller.tenant}
    if caller.forwarded and caller.tenant is None:
        raise forbidden("only a tenant has a list of contracts")
    if consumer_id:
        return {"consumer_id": consumer_id}
    if provider_id:
        return {"provider_id": provider_id}
    raise bad_request("consumer_id or provider_id is required")


__all__ = ["contract_routes"]
