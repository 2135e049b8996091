"""The routes of aex-settlement (contract 11.2), thin: read the request, call the use case, shape the answer."""

from fastapi import APIRouter, Response

from aex.core.context import Caller, RequestContext
from aex.core.errors import bad_request
from aex.core.idempotency import IdempotencyKey
from aex.core.ids import is_id
from aex.core.money import text_from_micro
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.wire import Json, present
from aex.settlement.audit import Auditor
from aex.settlement.models import (
    CURRENCY,
    DepositBody,
    SettleBody,
    SimpleSettleBody,
    cost_micro,
    deposit_answer,
    execution_answer,
    row_answer,
)
from aex.settlement.rules import RESERVED
from aex.settlement.service import Settlement, price_of
from aex.settlement.streams import pack_cursor

SETTLER = "aex-contract-engine"
"""The one service that settles contracts."""
OPERATOR = "operator"
"""Who looks after the ledger, as the catalog names it."""


def settlement_routes(settlement: Settlement, auditor: Auditor) -> APIRouter:
    """All routes of the service."""
    router = APIRouter()
    router.include_router(_public(settlement))
    router.include_router(_internal(settlement, auditor))
    return router


def _public(settlement: Settlement) -> APIRouter:
    router = APIRouter(tags=["settlement"])

    @router.post("/v1/deposits", status_code=201)
    async def deposit(caller: Caller, body: DepositBody, key: IdempotencyKey) -> Response:
        """Books a deposit into a balance."""
        entry = await settlement.deposit(caller, body, key)
        return Json(deposit_answer(entry), 201)

    @router.get("/v1/balance")
    async def balance(caller: Caller, tenant_id: str = "") -> Response:
        """The balance of a tenant or provider."""
        account = _account(caller, tenant_id)
        micro = await settlement.balance(caller, account)
        return Json({"tenant_id": account, "balance": text_from_micro(micro), "currency": CURRENCY})

    @router.get("/v1/usage")
    async def usage(caller: Caller, tenant_id: str = "", limit: Limit = None, cursor: Cursor = None) -> Response:
        """Executions in which the tenant is consumer or provider, newest first; the total is that of this page."""
        account = _account(caller, tenant_id)
        page = await settlement.usage(caller, account, limit_from(limit), cursor)
        executions = [item for _, item in page.rows]
        answer = {
            "tenant_id": account,
            "period": "all",
            "executions": [execution_answer(item) for item in executions],
            "total_cost": text_from_micro(sum(map(cost_micro, executions))),
            "count": len(executions),
            "next_cursor": pack_cursor(page.cursors) if page.more else None,
        }
        return Json(present(answer))

    @router.get("/v1/usage/transactions")
    async def transactions(caller: Caller, tenant_id: str = "", limit: Limit = None, cursor: Cursor = None) -> Response:
        """The rows of an account, newest first, each with the balance after it."""
        account = _account(caller, tenant_id)
        page = await settlement.history(caller, account, limit_from(limit), cursor)
        answer = {
            "transactions": [row_answer(account, row) for row in page.rows],
            "count": len(page.rows),
            "next_cursor": pack_cursor(page.cursors, page.balance_micro) if page.more else None,
        }
        return Json(present(answer))

    return router


def _internal(settlement: Settlement, auditor: Auditor) -> APIRouter:
    router = APIRouter(tags=["internal"])

    @router.post("/internal/settlement/complete")
    async def complete(caller: Caller, body: SettleBody) -> Response:
        """Settles a contract, once; a failed one is recorded and not billed."""
        caller.require_service(SETTLER)
        entry = await settlement.settle(body, price_of(body.agreed_price))
        return Json({"status": "settled", "execution_id": entry.doc["reference"]})

    @router.post("/internal/v1/settle")
    async def settle(caller: Caller, body: SimpleSettleBody) -> Response:
        """The short form: a successful contract."""
        caller.require_service(SETTLER)
        full = SettleBody(
            contract_id=body.contract_id,
            consumer_id=body.consumer_id,
            provider_id=body.provider_id,
            agreed_price=text_from_micro(body.amount),
            success=True,
        )
        entry = await settlement.settle(full, body.amount)
        return Json({"status": "settled", "execution_id": entry.doc["reference"]})

    @router.get("/internal/v1/ledger/check")
    async def check(caller: Caller) -> Response:
        """Recomputes every balance from the ledger and reports differences."""
        caller.require_service(OPERATOR)
        return Json(await auditor.check())

    @router.post("/internal/v1/balances/rebuild")
    async def rebuild(caller: Caller) -> Response:
        """Sets balances that differ from the ledger to what the ledger says."""
        caller.require_service(OPERATOR)
        return Json({"rebuilt": await auditor.rebuild()})

    return router


def _account(caller: RequestContext, tenant_id: str) -> str:
    """The account that is asked about: through the gateway, by default the caller's own."""
    account = tenant_id or caller.tenant
    if not account:
        raise bad_request("tenant_id is required")
    if not is_id(account) or account in RESERVED:
        raise bad_request("tenant_id: must be the id of a tenant or provider")
    return account


__all__ = ["OPERATOR", "SETTLER", "settlement_routes"]
