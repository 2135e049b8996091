"""The routes of identity (contract 9.2, 9.3). Thin: what they do is in `tenants`, `keys` and `exchange`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Response

from aex.core.clock import Clock, stamp, wire_time
from aex.core.context import GATEWAY, Caller
from aex.core.errors import bad_request
from aex.core.idempotency import IdempotencyKey
from aex.core.paging import Cursor, Limit, limit_from
from aex.core.wire import Json, present
from aex.identity.exchange import Exchange
from aex.identity.keys import Keys
from aex.identity.models import Credential, NewKey, NewTenant, Quotas, Suspension, TokenRequest
from aex.identity.records import key_view, tenant_view
from aex.identity.tenants import Tenants, require_operator

NO_STORE = {"Cache-Control": "no-store"}
"""On every answer that shows a secret."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes call."""

    tenants: Tenants
    keys: Keys
    exchange: Exchange
    clock: Clock


def routes(parts: Parts) -> APIRouter:
    """All routes."""
    router = APIRouter()
    _tenant_routes(router, parts)
    _key_routes(router, parts)
    _internal_routes(router, parts)
    return router


def _tenant_routes(router: APIRouter, parts: Parts) -> None:
    tenants = parts.tenants

    @router.post("/v1/tenants", tags=["tenants"], status_code=201)
    async def create_tenant(caller: Caller, body: NewTenant, idempotency_key: IdempotencyKey) -> Response:
        """Creates a tenant with its first key, which is shown only in this answer. For operators."""
        tenant, secret = await tenants.create(caller, body, idempotency_key)
        view = tenant_view(tenant)
        shown = {name: view[name] for name in ("id", "external_id", "name", "type", "status", "created_at", "quotas")}
        key = {"id": secret.key_id, "key": secret.key, "prefix": secret.key[:10]}
        return Json({**shown, "api_key": key}, 201, headers=NO_STORE)

    @router.get("/v1/tenants", tags=["tenants"])
    async def list_tenants(caller: Caller, limit: Limit = None, cursor: Cursor = None) -> Response:
        """All tenants, newest first. For operators."""
        require_operator(caller)
        page = await tenants.page(limit_from(limit), cursor)
        views = [tenant_view(tenant) for tenant in page.items]
        return Json(present({"tenants": views, "total": len(views), "next_cursor": page.cursor}))

    @router.get("/v1/tenants/{tenant_id}", tags=["tenants"])
    async def get_tenant(caller: Caller, tenant_id: str) -> Response:
        """A tenant: its own, or any for operators."""
        caller.require_tenant(tenant_id, "this tenant's record")
        return Json(tenant_view(await tenants.get(tenant_id)))

    @router.post("/v1/tenants/{tenant_id}/suspend", tags=["tenants"])
    async def suspend_tenant(caller: Caller, tenant_id: str, body: Suspension | None = None) -> Response:
        """Shuts a tenant out; its keys stop working within seconds. The reason is kept. For operators."""
        require_operator(caller)
        return Json(tenant_view(await tenants.suspend(tenant_id, body.reason.strip() if body else "")))

    @router.post("/v1/tenants/{tenant_id}/activate", tags=["tenants"])
    async def activate_tenant(caller: Caller, tenant_id: str) -> Response:
        """Ends a suspension; the tenant's keys work again. For operators."""
        require_operator(caller)
        return Json(tenant_view(await tenants.activate(tenant_id)))

    @router.put("/v1/tenants/{tenant_id}/quotas", tags=["tenants"])
    async def set_quotas(caller: Caller, tenant_id: str, body: Quotas) -> Response:
        """Changes quotas of a tenant. For operators."""
        require_operator(caller)
        return Json((await tenants.set_quotas(tenant_id, body)).doc["quotas"])


def _key_routes(router: APIRouter, parts: Parts) -> None:
    tenants, keys = parts.tenants, parts.keys

    @router.post("/v1/tenants/{tenant_id}/api-keys", tags=["api-keys"], status_code=201)
    async def create_key(caller: Caller, tenant_id: str, body: NewKey, idempotency_key: IdempotencyKey) -> Response:
        """Creates a key, which is shown only in this answer. It cannot grant scopes that its creator lacks."""
        caller.require_tenant(tenant_id, "this tenant's set of keys")
        stored, secret = await keys.create(caller, await tenants.get(tenant_id), body, idempotency_key)
        view = key_view(stored, stamp(parts.clock()))
        del view["tenant_id"], view["status"]
        return Json({**view, "key": secret.key}, 201, headers=NO_STORE)

    @router.get("/v1/tenants/{tenant_id}/api-keys", tags=["api-keys"])
    async def list_keys(caller: Caller, tenant_id: str, limit: Limit = None, cursor: Cursor = None) -> Response:
        """Keys of a tenant, oldest first, as a bare array; the next page's cursor is in `X-Next-Cursor`."""
        caller.require_tenant(tenant_id, "this tenant's set of keys")
        page = await keys.page(tenant_id, limit_from(limit), cursor)
        now = stamp(parts.clock())
        headers = {"X-Next-Cursor": page.cursor} if page.cursor else None
        return Json([key_view(key, now) for key in page.items], headers=headers)

    @router.delete("/v1/tenants/{tenant_id}/api-keys/{key_id}", tags=["api-keys"])
    async def revoke_key(caller: Caller, tenant_id: str, key_id: str) -> Response:
        """Revokes a key, and with it every token that was made from it; within seconds nothing accepts it."""
        caller.require_tenant(tenant_id, "this tenant's set of keys")
        await keys.revoke(tenant_id, key_id)
        return Json({"revoked": True, "id": key_id})

    @router.post("/v1/tokens", tags=["tokens"], status_code=201)
    async def create_token(
        body: TokenRequest | None = None,
        x_api_key: Annotated[str | None, Header(description="the key to exchange; or `api_key` in the body")] = None,
    ) -> Response:
        """Exchanges an API key for a token of at most 15 minutes, with all of the key's scopes or fewer."""
        wanted = body or TokenRequest()
        api_key = x_api_key or wanted.api_key
        if not api_key:
            raise bad_request("api_key is required: send it in X-API-Key or in the body")
        token = await parts.exchange.token(api_key, wanted.scopes, wanted.ttl_seconds)
        answer = {
            "token": token.text,
            "token_type": "Bearer",
            "expires_in": token.seconds,
            "expires_at": wire_time(token.expires_at),
            "scopes": token.scopes,
        }
        return Json(answer, 201, headers=NO_STORE)


def _internal_routes(router: APIRouter, parts: Parts) -> None:
    @router.post("/internal/v1/apikeys/validate", tags=["internal"])
    async def validate(caller: Caller, body: Credential) -> Response:
        """Whose key this is and what it may do, for the gateway. 401 for any key that opens nothing."""
        caller.require_service(GATEWAY)
        if not (body.api_key or body.key_id):
            raise bad_request("api_key is required")
        key, tenant = await parts.keys.check(api_key=body.api_key, key_id=body.key_id)
        return Json(
            {
                "valid": True,
                "tenant_id": tenant.id,
                "external_id": tenant.doc["external_id"],
                "tenant_type": tenant.doc["type"],
                "tenant_status": tenant.doc["status"],
                "key_id": key.id,
                "scopes": key.doc["scopes"],
                "quotas": tenant.doc["quotas"],
            }
        )

    @router.get("/internal/v1/tenants/{tenant_id}/standing", tags=["internal"])
    async def standing(caller: Caller, tenant_id: str) -> Response:
        """Whether the tenant is active or suspended, for the gateway."""
        caller.require_service(GATEWAY)
        tenant = await parts.tenants.get(tenant_id)
        return Json({"tenant_id": tenant.id, "status": tenant.doc["status"]})

    @router.get("/internal/v1/tenants/{tenant_id}/quotas", tags=["internal"])
    async def quotas(tenant_id: str) -> Response:
        """The quotas of a tenant, for services."""
        return Json((await parts.tenants.get(tenant_id)).doc["quotas"])


__all__ = ["Parts", "routes"]
