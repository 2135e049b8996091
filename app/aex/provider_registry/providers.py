"""Providers: registering under a unique name, their keys, their state.

A provider's id is derived from its name, so one name is one document and cannot be registered twice, whatever races.
The capabilities are indexed under a reference that the document holds (see `index.py`).
"""

import asyncio
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from aex.core.clock import Clock, stamp
from aex.core.context import RequestContext
from aex.core.errors import ApiError, bad_request, conflict, forbidden, not_found
from aex.core.fields import text, texts
from aex.core.ids import derived_id, is_id, new_id
from aex.core.keys import Pepper, new_key
from aex.core.logging import get_logger
from aex.core.urls import check_url
from aex.core.wire import pack
from aex.provider_registry.changes import change
from aex.provider_registry.index import Index
from aex.provider_registry.models import Registration
from aex.store.port import AlreadyExists, Document, Page, Store, Stored, StoreError

log = get_logger(__name__)

PROVIDERS = "providers"
SKILL_INDEX = "skill_index"
_KEY_PREFIX = "aex_pk_live_"
_SECRET_PREFIX = "aex_sk_live_"  # noqa: S105 - a prefix
_KEY = re.compile(rf"{_KEY_PREFIX}([0-9a-f]{{32}})[0-9a-f]{{48}}")


class Registered(NamedTuple):
    """A provider just registered, with the only sight of its key pair."""

    provider: Stored
    api_key: str
    api_secret: str
    new: bool
    """Registered for the first time."""


def capability_key(capability: str) -> str:
    """The index key of a capability or of a tag that is looked for among capabilities."""
    return f"c:{capability.strip().casefold()}"


class Providers:
    """The use cases on provider documents."""

    def __init__(self, store: Store, index: Index, clock: Clock, pepper: Pepper, *, relaxed: bool) -> None:
        self._store = store
        self._index = index
        self._clock = clock
        self._pepper = pepper
        self._relaxed = relaxed

    async def register(self, body: Registration, caller: RequestContext, max_agents: int | None) -> Registered:
        """Creates the provider, or changes the one of this name when the caller owns it; either way a fresh key pair.

        The previous keys stop working. 409 when the name belongs to another tenant, 403 beyond `max_agents`.
        """
        caller.require_tenant(caller.tenant, "a provider")
        name = body.name.strip()
        if not name:
            raise bad_request("name is required")
        self._check("endpoint", body.endpoint)
        if body.bid_webhook:
            self._check("bid_webhook", body.bid_webhook)
        provider_id = derived_id("prov_", name)
        api_key = new_key(_KEY_PREFIX, provider_id.removeprefix("prov_"))
        api_secret = _SECRET_PREFIX + secrets.token_hex(24)
        wanted = self._wanted(body, api_key, api_secret)
        stored = await self._store.get(PROVIDERS, provider_id)
        if stored is None:
            await self._check_quota(caller, max_agents)
            created = await self._create(provider_id, name, wanted, caller)
            if created is not None:
                return Registered(created, api_key, api_secret, new=True)
            stored = await self.get(provider_id)
        updated = await self._update(stored, wanted, caller)
        return Registered(updated, api_key, api_secret, new=False)

    async def get(self, provider_id: str) -> Stored:
        """The provider, or 404."""
        stored = await self._store.get(PROVIDERS, provider_id) if is_id(provider_id) else None
        if stored is None:
            raise not_found("provider not found")
        return stored

    async def active(self, limit: int, cursor: str | None) -> Page:
        """Active providers, oldest first."""
        return await self._store.query(
            PROVIDERS, {"status": "ACTIVE"}, order="created_at", limit=limit, cursor=cursor, stale_ok=True
        )

    async def owned(self, tenant: str, limit: int, cursor: str | None) -> Page:
        """A tenant's own providers in any state, oldest first."""
        return await self._store.query(
            PROVIDERS, {"owner_tenant_id": tenant}, order="created_at", limit=limit, cursor=cursor
        )

    async def set_status(self, provider_id: str, status: str, caller: RequestContext) -> Stored:
        """INACTIVE is the owner's choice, undone by registering again; SUSPENDED is the operator's, as is its end."""
        if status != "INACTIVE" and not caller.is_direct and "operator" not in caller.scopes:
            raise forbidden("only the operator suspends and activates providers", "operator_required")
        stored = await self.get(provider_id)
        caller.require_tenant(owner_of(stored.doc), "the provider")

        def decide(doc: Document) -> Document | None:
            if doc["status"] == status or (status == "INACTIVE" and doc["status"] == "SUSPENDED"):
                return None
            return {**doc, "status": status, "updated_at": stamp(self._clock())}

        return await change(self._store, PROVIDERS, stored, decide)

    async def holder_of(self, api_key: str) -> Stored | None:
        """Whose key this is, in whatever state; None for nobody's. One look-up: the key names its document."""
        match = _KEY.fullmatch(api_key)
        stored = await self._store.get(PROVIDERS, f"prov_{match[1]}") if match else None
        if stored is None:
            return None
        verdict = self._pepper.verify(api_key, text(stored.doc, "key_hash"))
        if not verdict.valid:
            return None
        if verdict.stale:
            await self._rehash(stored, api_key)
        return stored

    async def _rehash(self, stored: Stored, api_key: str) -> None:
        old = text(stored.doc, "key_hash")

        def decide(doc: Document) -> Document | None:
            return {**doc, "key_hash": self._pepper.hash(api_key)} if doc["key_hash"] == old else None

        try:
            await change(self._store, PROVIDERS, stored, decide)
        except (ApiError, StoreError) as error:
            log.info("key not rehashed yet", provider_id=stored.id, reason=str(error))

    def _check(self, field: str, url: str) -> None:
        try:
            check_url(url, relaxed=self._relaxed)
        except ValueError as error:
            raise bad_request(f"{field} must be a valid URL: {error}") from error

    async def _check_quota(self, caller: RequestContext, max_agents: int | None) -> None:
        if caller.tenant is None or max_agents is None:
            return
        used = await self._store.count(PROVIDERS, {"owner_tenant_id": caller.tenant, "status": "ACTIVE"})
        if used >= max_agents:
            raise forbidden(
                f"this tenant has {used} active providers and its quota is {max_agents}: deactivate one "
                "(DELETE /v1/providers/{id}) or ask the operator for more",
                "quota_exceeded",
            )

    def _wanted(self, body: Registration, api_key: str, api_secret: str) -> Document:
        capabilities = [c.strip() for c in body.capabilities]
        return {
            "description": body.description,
            "endpoint": body.endpoint,
            "bid_webhook": body.bid_webhook,
            "contact_email": body.contact_email,
            "capabilities": list(dict.fromkeys(filter(None, capabilities))),
            "metadata": pack(body.metadata) if body.metadata else None,
            "key_hash": self._pepper.hash(api_key),
            "secret_hash": self._pepper.hash(api_secret),
            "updated_at": stamp(self._clock()),
        }

    async def _create(self, provider_id: str, name: str, wanted: Document, caller: RequestContext) -> Stored | None:
        ref = new_id("cix_")
        await self._index_capabilities(ref, provider_id, texts(wanted, "capabilities"))
        doc: Document = {
            **wanted,
            "name": name,
            "status": "ACTIVE",
            "owner_tenant_id": caller.tenant or "",
            "created_at": wanted["updated_at"],
            "capability_ref": ref,
            "subscription_ids": [],
        }
        try:
            return await self._store.insert(PROVIDERS, provider_id, doc)
        except AlreadyExists:
            await self._index.erase(ref, map(capability_key, texts(wanted, "capabilities")))
            return None

    async def _update(self, stored: Stored, wanted: Document, caller: RequestContext) -> Stored:
        if not caller.may_act_for(owner_of(stored.doc)):
            raise conflict("a provider of this name exists and belongs to another tenant: choose another name")
        ref = new_id("cix_")
        await self._index_capabilities(ref, stored.id, texts(wanted, "capabilities"))
        replaced: list[Document] = []

        def decide(doc: Document) -> Document:
            replaced[:] = [doc]
            status = "ACTIVE" if doc["status"] == "INACTIVE" else doc["status"]
            return {**doc, **wanted, "status": status, "capability_ref": ref}

        updated = await change(self._store, PROVIDERS, stored, decide)
        before = replaced[0]
        await self._index.erase(text(before, "capability_ref"), map(capability_key, texts(before, "capabilities")))
        return updated

    async def _index_capabilities(self, ref: str, provider_id: str, capabilities: Sequence[str]) -> None:
        async def name(capability: str) -> None:
            with suppress(AlreadyExists):
                named: Document = {"kind": "capability", "capability": capability}
                await self._store.insert(SKILL_INDEX, derived_id("cap_", capability_key(capability)), named)

        await asyncio.gather(
            self._index.write(ref, provider_id, map(capability_key, capabilities)), *map(name, capabilities)
        )


def owner_of(doc: Document) -> str:
    """The tenant that a provider belongs to; empty for one that was registered without a tenant."""
    return text(doc, "owner_tenant_id")


__all__ = ["PROVIDERS", "SKILL_INDEX", "Providers", "Registered", "capability_key", "owner_of"]
