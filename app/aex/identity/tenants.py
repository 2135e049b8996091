"""Tenants over the store: creating, reading, suspending and activating them, and their quotas."""

from collections.abc import Callable

from aex.core import fields
from aex.core.clock import Clock, stamp
from aex.core.context import RequestContext
from aex.core.errors import conflict, forbidden, not_found
from aex.core.idempotency import fingerprint
from aex.core.ids import derived_id, is_id, new_id
from aex.core.logging import get_logger
from aex.core.scopes import EVERYTHING, OPERATOR
from aex.identity.changes import change
from aex.identity.keys import Keys
from aex.identity.models import NewTenant, Quotas
from aex.identity.records import ACTIVE, OPERATOR_TENANT, SUSPENDED, TENANTS, Secret, tenant_document
from aex.store import AlreadyExists, Document, Page, Put, Store, Stored

log = get_logger(__name__)


class Tenants:
    """All tenants of the exchange."""

    def __init__(self, store: Store, keys: Keys, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    async def create(
        self, caller: RequestContext, body: NewTenant, idempotency_key: str | None
    ) -> tuple[Stored, Secret]:
        """A new tenant with its first key.

        The key is written first: what a crash in between leaves is a key of no tenant, which opens nothing, and which
        a repeat with the same idempotency key completes.
        """
        require_operator(caller)
        causes = None if idempotency_key is None else ("tenant", caller.tenant or "", idempotency_key)
        tenant_id = new_id("tenant_") if causes is None else derived_id("tenant_", *causes)
        document = tenant_document(body, tenant_id=tenant_id, now=stamp(self._clock()))
        key, secret = await self._keys.insert(
            tenant_id=tenant_id,
            name="default",
            scopes=[EVERYTHING],
            request=fingerprint(body),
            causes=causes,
            then=[Put(TENANTS, tenant_id, document)],
        )
        tenant = await self._store.get(TENANTS, tenant_id) if causes else None
        if tenant is None:
            document = tenant_document(body, tenant_id=tenant_id, now=fields.text(key.doc, "created_at"))
            tenant = Stored(tenant_id, 0, document) if causes is None else await self._complete(tenant_id, document)
        log.info("tenant created", tenant_id=tenant_id, key_id=secret.key_id)
        return tenant, secret

    async def _complete(self, tenant_id: str, document: Document) -> Stored:
        try:
            return await self._store.insert(TENANTS, tenant_id, document)
        except AlreadyExists:
            return await self.get(tenant_id)

    async def get(self, tenant_id: str) -> Stored:
        """The tenant, or 404."""
        tenant = await self._store.get(TENANTS, tenant_id) if is_id(tenant_id) else None
        if tenant is None:
            raise not_found("not found")
        return tenant

    async def page(self, limit: int, cursor: str | None) -> Page:
        """All tenants, newest first."""
        return await self._store.query(TENANTS, {}, order="-created_at", limit=limit, cursor=cursor)

    async def suspend(self, tenant_id: str, reason: str) -> Stored:
        """Shuts the tenant out within the seconds that the gateway remembers its keys; `reason` is kept."""
        if tenant_id == OPERATOR_TENANT:
            raise conflict("the operator cannot be suspended: nobody could activate it again", "operator_tenant")

        def decide(document: Document, now: str) -> Document | None:
            if document["status"] == SUSPENDED and reason in ("", document.get("suspension_reason")):
                return None
            since = document.get("suspended_at") or now
            kept = reason or document.get("suspension_reason")
            changed = {**document, "status": SUSPENDED, "suspended_at": since, "updated_at": now}
            return {**changed, "suspension_reason": kept} if kept else changed

        return await self._change(tenant_id, decide)

    async def activate(self, tenant_id: str) -> Stored:
        """Lets the tenant in again, with the keys it had."""

        def decide(document: Document, now: str) -> Document | None:
            if document["status"] == ACTIVE:
                return None
            rest = {name: value for name, value in document.items() if not name.startswith("suspen")}
            return {**rest, "status": ACTIVE, "updated_at": now}

        return await self._change(tenant_id, decide)

    async def set_quotas(self, tenant_id: str, quotas: Quotas) -> Stored:
        """Changes the quotas that are given, leaves the others."""
        given = quotas.model_dump(exclude_none=True)

        def decide(document: Document, now: str) -> Document | None:
            return {**document, "quotas": {**fields.nested(document, "quotas"), **given}, "updated_at": now}

        return await self._change(tenant_id, decide)

    async def _change(self, tenant_id: str, decide: Callable[[Document, str], Document | None]) -> Stored:
        stored = None
        if is_id(tenant_id):
            stored = await change(self._store, TENANTS, tenant_id, lambda doc: decide(doc, stamp(self._clock())))
        if stored is None:
            raise not_found("not found")
        return stored


def require_operator(caller: RequestContext) -> None:
    """403 unless the caller runs the exchange: the scope `operator`, or a direct call that is no client's."""
    if not (caller.is_direct or OPERATOR in caller.scopes):
        raise forbidden(f"this needs the scope {OPERATOR!r}", "insufficient_scope")


__all__ = ["Tenants", "require_operator"]
