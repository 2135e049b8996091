"""The operator's own key: there as soon as the service is, the same on every instance, replaced when it rotates."""

import asyncio

from pydantic import SecretStr

from aex.core import fields
from aex.core.clock import Clock, stamp
from aex.core.keys import Pepper
from aex.core.logging import get_logger
from aex.core.scopes import EVERYTHING, OPERATOR
from aex.core.versions import secret_versions
from aex.identity.changes import change
from aex.identity.models import NewTenant
from aex.identity.records import (
    ACTIVE,
    API_KEYS,
    OPERATOR_TENANT,
    REVOKED,
    TENANTS,
    Secret,
    key_document,
    key_id_of,
    tenant_document,
)
from aex.store import AlreadyExists, Document, Put, Store, StoreUnavailable

log = get_logger(__name__)

_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)


def operator_secrets(configured: SecretStr) -> list[Secret]:
    """The keys in `OPERATOR_KEY` (`version:key` or bare, newest first). Raises `ValueError` for another form."""
    secrets: list[Secret] = []
    for key in secret_versions(configured, "OPERATOR_KEY").values():
        key_id = key_id_of(key)
        if key_id is None:
            raise ValueError("OPERATOR_KEY must be aexk_ and 64 hex digits, such as aexk_$(openssl rand -hex 32)")
        secrets.append(Secret(key_id, key, None))
    return secrets


async def seed(store: Store, pepper: Pepper, clock: Clock, secrets: list[Secret]) -> None:
    """Makes exactly `secrets` the seeded keys of the operator. Waits a few seconds for a store that does not answer."""
    for pause in (*_PAUSES_SECONDS, None):
        try:
            for secret in secrets:
                await _ensure(store, pepper, clock, secret)
            await _end_others(store, clock, {secret.key_id for secret in secrets})
            return
        except StoreUnavailable as error:
            if pause is None:
                raise
            log.warning("the store does not answer yet", error=str(error))
            await asyncio.sleep(pause)


async def _ensure(store: Store, pepper: Pepper, clock: Clock, secret: Secret) -> None:
    now = stamp(clock())
    tenant = tenant_document(NewTenant(name="Operator"), tenant_id=OPERATOR_TENANT, now=now)
    document = key_document(
        secret, pepper, tenant_id=OPERATOR_TENANT, name="operator", scopes=[EVERYTHING, OPERATOR], now=now, seeded=True
    )
    try:
        await store.insert(API_KEYS, secret.key_id, document, then=[Put(TENANTS, OPERATOR_TENANT, tenant)])
        return
    except AlreadyExists:
        pass  # seeded by an earlier start, which may have died before it wrote the tenant

    def decide(stored: Document) -> Document | None:
        if stored["status"] == REVOKED:
            log.warning("the configured operator key was revoked and stays so; set another OPERATOR_KEY")
            return None
        verdict = pepper.verify(secret.key, fields.text(stored, "hash"))
        # Not valid: the pepper was replaced rather than rotated. The configured key is the truth.
        return None if verdict.valid and not verdict.stale else {**stored, "hash": document["hash"]}

    await change(store, API_KEYS, secret.key_id, decide)
    try:
        await store.insert(TENANTS, OPERATOR_TENANT, tenant)
    except AlreadyExists:
        return


async def _end_others(store: Store, clock: Clock, kept: set[str]) -> None:
    """A key that was seeded once and is configured no more has been rotated out."""
    cursor: str | None = None
    while True:
        page = await store.query(
            API_KEYS, {"tenant_id": OPERATOR_TENANT}, order="created_at", limit=1000, cursor=cursor
        )
        for key in page.items:
            if key.id not in kept and fields.flag(key.doc, "seeded") and key.doc["status"] == ACTIVE:
                await change(
                    store, API_KEYS, key.id, lambda doc: {**doc, "status": REVOKED, "revoked_at": stamp(clock())}
                )
                log.info("operator key rotated out", key_id=key.id)
        cursor = page.cursor
        if cursor is None:
            return


__all__ = ["operator_secrets", "seed"]
