"""API keys over the store: making, listing, revoking and checking them.

Checking never undoes a revocation: the use of a key is noted by a conditional write that loses against any other
(contract 9.6), and at most once a minute.
"""

import contextlib
from collections.abc import Sequence

from aex.core import fields
from aex.core.clock import Clock, from_stamp, stamp
from aex.core.context import RequestContext
from aex.core.errors import ApiError, bad_request, conflict, forbidden, not_found, unauthorized
from aex.core.idempotency import fingerprint, key_reused
from aex.core.ids import is_id
from aex.core.keys import Pepper
from aex.core.logging import get_logger
from aex.core.scopes import EVERYTHING, OPERATOR, lacking
from aex.identity.changes import change
from aex.identity.models import NewKey
from aex.identity.records import (
    ACTIVE,
    API_KEYS,
    OPERATOR_TENANT,
    REVOKED,
    TENANTS,
    Secret,
    derived_secret,
    is_expired,
    key_document,
    key_id_of,
    random_secret,
)
from aex.store import AlreadyExists, Document, Page, Put, Store, Stored, StoreUnavailable, VersionConflict

log = get_logger(__name__)

MAX_ACTIVE_KEYS = 500
"""Keys of one tenant that are not revoked."""
USE_NOTED_SECONDS = 60
"""`last_used_at` is exact to this many seconds: one write a minute and key, not one a request."""
REPEAT_SECONDS = 3600
"""How long a repeated create (same idempotency key) shows the key again."""
_ATTEMPTS = 5


class Keys:
    """The API keys of all tenants."""

    def __init__(self, store: Store, pepper: Pepper, clock: Clock) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock

    async def create(
        self, caller: RequestContext, tenant: Stored, body: NewKey, idempotency_key: str | None
    ) -> tuple[Stored, Secret]:
        """A new key of `tenant`. A key can not grant what its creator lacks."""
        scopes = _grantable(caller, tenant.id, body.scopes)
        if body.expires_at is not None and body.expires_at <= stamp(self._clock()):
            raise bad_request("expires_at must be in the future")
        active = await self._store.count(API_KEYS, {"tenant_id": tenant.id, "status": ACTIVE})
        if active >= MAX_ACTIVE_KEYS:
            raise conflict(f"the tenant has {active} keys; revoke some first", "too_many_keys")
        causes = None if idempotency_key is None else ("key", caller.tenant or "", tenant.id, idempotency_key)
        return await self.insert(
            tenant_id=tenant.id,
            name=body.name.strip() or "key",
            scopes=scopes,
            expires_at=body.expires_at,
            request=fingerprint(body),
            causes=causes,
        )

    async def insert(
        self,
        *,
        tenant_id: str,
        name: str,
        scopes: Sequence[str],
        request: str,
        causes: Sequence[str] | None,
        expires_at: str | None = None,
        then: Sequence[Put] = (),
    ) -> tuple[Stored, Secret]:
        """Stores a new key, then `then`; with `causes`, the same causes find the same key again for a while."""
        for _ in range(_ATTEMPTS):
            secret = self._secret(self._pepper.newest, causes)
            document = key_document(
                secret,
                self._pepper,
                tenant_id=tenant_id,
                name=name,
                scopes=scopes,
                now=stamp(self._clock()),
                expires_at=expires_at,
                request=request if causes else None,
            )
            try:
                return await self._store.insert(API_KEYS, secret.key_id, document, then=then), secret
            except AlreadyExists:
                if causes is None:
                    continue  # 64 random bits met an existing id
                return await self._repeat(secret.key_id, request, causes)
        raise AssertionError("five random key ids were taken: the random source is broken")

    def _secret(self, version: str, causes: Sequence[str] | None) -> Secret:
        if causes is None:
            return random_secret()
        secret = derived_secret(self._pepper, version, *causes)
        if secret is None:
            raise conflict("this key was made with a pepper that is gone; use a new idempotency key", "key_not_shown")
        return secret

    async def _repeat(self, key_id: str, request: str, causes: Sequence[str]) -> tuple[Stored, Secret]:
        stored = await self._store.get(API_KEYS, key_id)
        if stored is None or fields.text(stored.doc, "request") != request:
            raise key_reused()
        age = (self._clock() - from_stamp(fields.text(stored.doc, "created_at"))).total_seconds()
        if age > REPEAT_SECONDS or stored.doc["status"] != ACTIVE:
            raise conflict(
                "this idempotency key made an API key that is not shown again; revoke it and use a new one",
                "key_not_shown",
            )
        return stored, self._secret(fields.text(stored.doc, "made_with"), causes)

    async def page(self, tenant_id: str, limit: int, cursor: str | None) -> Page:
        """Keys of a tenant, oldest first."""
        return await self._store.query(
            API_KEYS, {"tenant_id": tenant_id}, order="created_at", limit=limit, cursor=cursor
        )

    async def revoke(self, tenant_id: str, key_id: str) -> Stored:
        """Ends a key for good; ending it again changes nothing. 404 unless it is the tenant's."""

        def decide(document: Document) -> Document | None:
            if document["tenant_id"] != tenant_id:
                raise not_found("not found")
            if document["status"] == REVOKED:
                return None
            return {**document, "status": REVOKED, "revoked_at": stamp(self._clock())}

        stored = await change(self._store, API_KEYS, key_id, decide) if is_id(key_id) else None
        if stored is None:
            raise not_found("not found")
        log.info("key revoked", key_id=key_id, tenant_id=tenant_id)
        return stored

    async def check(self, *, api_key: str = "", key_id: str = "") -> tuple[Stored, Stored]:
        """The key (given itself, or its id where a token proved it) and its tenant, both usable now; else 401."""
        id = key_id_of(api_key) if api_key else key_id
        key = await self._store.get(API_KEYS, id) if id and is_id(id) else None
        if key is None:
            raise _refused()
        stale = False
        if api_key:
            verdict = self._pepper.verify(api_key, fields.text(key.doc, "hash"))
            if not verdict.valid:
                raise _refused()
            stale = verdict.stale
        now = stamp(self._clock())
        if key.doc["status"] != ACTIVE or is_expired(key.doc, now):
            raise _refused()
        tenant = await self._store.get(TENANTS, fields.text(key.doc, "tenant_id"))
        if tenant is None or tenant.doc["status"] != ACTIVE:
            raise _refused()
        await self._note_use(key, now, rehash=api_key if stale else "")
        return key, tenant

    async def _note_use(self, key: Stored, now: str, *, rehash: str) -> None:
        last = key.doc.get("last_used_at")
        fresh = isinstance(last, str) and (from_stamp(now) - from_stamp(last)).total_seconds() < USE_NOTED_SECONDS
        if fresh and not rehash:
            return
        document: Document = {**key.doc, "last_used_at": now}
        if rehash:
            document["hash"] = self._pepper.hash(rehash)
        # Losing against another write is right (it may be a revocation), and a read-only moment of the store must not
        # lock everybody out.
        with contextlib.suppress(VersionConflict, StoreUnavailable):
            await self._store.replace(key, document, collection=API_KEYS)


def _grantable(caller: RequestContext, tenant_id: str, wanted: Sequence[str] | None) -> Sequence[str]:
    if not wanted:
        everything = caller.is_direct or EVERYTHING in caller.scopes
        return [EVERYTHING] if everything else sorted(caller.scopes)
    if OPERATOR in wanted and tenant_id != OPERATOR_TENANT:
        raise bad_request(f"scope {OPERATOR!r} is only for keys of {OPERATOR_TENANT}")
    missing = [] if caller.is_direct else lacking(caller.scopes, wanted)
    if missing:
        raise forbidden(f"a key cannot grant what its creator lacks: {', '.join(missing)}", "insufficient_scope")
    return wanted


def _refused() -> ApiError:
    """One answer for every reason, so that nobody learns which keys exist."""
    return unauthorized("the API key is not valid", "invalid_api_key")


__all__ = ["MAX_ACTIVE_KEYS", "REPEAT_SECONDS", "USE_NOTED_SECONDS", "Keys"]
