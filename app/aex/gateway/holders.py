"""Whether the tenant behind a provider's key is still let in.

A provider's key proves itself to its backend, without an API key of the tenant. A suspended tenant must not go on
through that door, so the gateway asks the registry whose the key is, and identity how that tenant stands. It refuses
only what it knows to be suspended: whether the key is valid at all remains the backend's question, and an outage shuts
nobody out.
"""

import hashlib
from collections.abc import Callable

from aex.core.cache import TimedCache
from aex.core.errors import ApiError, forbidden
from aex.core.fields import text
from aex.core.logging import get_logger
from aex.core.peers import Peer, path
from aex.store import JsonValue

log = get_logger(__name__)

KEY_PREFIX = "aex_pk_live_"
OWNER_SECONDS = 300.0
"""A key's provider never changes its tenant."""
STANDING_SECONDS = 5.0
"""How long a suspended tenant's providers may go on: "within seconds", as its keys (`credentials.FRESH_SECONDS`)."""
_DEADLINE_SECONDS = 2.0
_KEPT = 10_000
_MAX_CHARACTERS = 200
VALIDATE_PATH = "/internal/v1/providers/validate-key"


class Holders:
    """Remembers owners and standings, both bounded; keys are remembered by a digest."""

    def __init__(self, registry: Peer, identity: Peer, monotonic: Callable[[], float]) -> None:
        self._registry = registry
        self._identity = identity
        self._owners: TimedCache[bytes, str] = TimedCache(OWNER_SECONDS, _KEPT, keep=bool, monotonic=monotonic)
        self._suspended: TimedCache[str, bool] = TimedCache(STANDING_SECONDS, _KEPT, monotonic=monotonic)

    async def admit(self, bearer: str) -> None:
        """403 `tenant_suspended` for a provider's key of a suspended tenant."""
        if not bearer.startswith(KEY_PREFIX) or len(bearer) > _MAX_CHARACTERS:
            return
        try:
            digest = hashlib.blake2b(bearer.encode(), digest_size=16).digest()
            tenant_id = await self._owners.get(digest, lambda: self._owner(bearer))
            suspended = bool(tenant_id) and await self._suspended.get(tenant_id, lambda: self._is_suspended(tenant_id))
        except ApiError as error:
            log.warning("standing of a provider's tenant not checked", reason=error.message)
            return
        if suspended:
            raise forbidden(
                "the tenant of this provider is suspended: ask the operator of the exchange", "tenant_suspended"
            )

    async def _owner(self, key: str) -> str:
        question: dict[str, JsonValue] = {"api_key": key}
        reply = await self._registry.call(
            "POST", VALIDATE_PATH, json=question, repeatable=True, deadline=_DEADLINE_SECONDS
        )
        answer = reply.object() if reply.ok else {}
        return text(answer, "tenant_id") if answer.get("valid") is True else ""

    async def _is_suspended(self, tenant_id: str) -> bool:
        where = path("internal", "v1", "tenants", tenant_id, "standing")
        reply = await self._identity.call("GET", where, deadline=_DEADLINE_SECONDS)
        return reply.ok and text(reply.object(), "status") != "ACTIVE"


__all__ = ["KEY_PREFIX", "OWNER_SECONDS", "STANDING_SECONDS", "VALIDATE_PATH", "Holders"]
