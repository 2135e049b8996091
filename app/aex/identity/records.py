"""What identity stores, and how it is shown: pure functions between bodies, documents and answers.

A key's secret is in no document: only its peppered hash, and for creates with an idempotency key the pepper's version,
from which the secret can be derived again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aex.core import fields
from aex.core.clock import wire_time
from aex.core.ids import derived_id, new_id
from aex.core.keys import Pepper, new_key
from aex.core.wire import pack, present, unpack
from aex.identity.models import NewTenant
from aex.store import Document, Stored

TENANTS = "tenants"
API_KEYS = "api_keys"

ACTIVE, SUSPENDED, REVOKED, EXPIRED = "ACTIVE", "SUSPENDED", "REVOKED", "EXPIRED"
KEY_PREFIX = "aexk_"
OPERATOR_TENANT = "tenant_operator"

DEFAULT_QUOTAS: Mapping[str, int] = {
    "requests_per_minute": 1000,
    "requests_per_day": 100_000,
    "max_agents": 100,
    "max_concurrent_tasks": 50,
    "max_task_payload_bytes": 262_144,
}
"""Contract 9.5: the specification's larger ones, not the code's."""

_PUBLIC_DIGITS = 16
_SHOWN_PREFIX = 10
_KEY = re.compile(rf"{KEY_PREFIX}([0-9a-f]{{{_PUBLIC_DIGITS}}})[0-9a-f]{{48}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that was just made or derived again: shown to its owner, never stored, never logged."""

    key_id: str
    key: str = field(repr=False)
    made_with: str | None
    """The pepper's version that the secret was derived with; None when it is random."""


def key_id_of(api_key: str) -> str | None:
    """The id of the document that a key names, None when it has not the form of a key at all."""
    match = _KEY.fullmatch(api_key)
    return f"key_{match[1]}" if match else None


def random_secret() -> Secret:
    """A new key: 16 hex digits that name it, 48 that are secret."""
    key_id = f"key_{new_id('')[:_PUBLIC_DIGITS]}"
    return Secret(key_id, new_key(KEY_PREFIX, key_id[4:]), None)


def derived_secret(pepper: Pepper, version: str, *causes: str) -> Secret | None:
    """The key of a create with an idempotency key: the same for the same causes. None when the pepper is gone.

    The id does not depend on the pepper, so that a repeat after a rotation still finds the first one.
    """
    key_id = f"key_{derived_id('', 'api-key', *causes)[:_PUBLIC_DIGITS]}"
    digits = pepper.derive(version, "api-key", *causes)
    return None if digits is None else Secret(key_id, f"{KEY_PREFIX}{key_id[4:]}{digits[:48]}", version)


def key_document(
    secret: Secret,
    pepper: Pepper,
    *,
    tenant_id: str,
    name: str,
    scopes: Sequence[str],
    now: str,
    expires_at: str | None = None,
    request: str | None = None,
    seeded: bool = False,
) -> Document:
    """The document of a key. `request` is the fingerprint of the body that made it; `now` and `expires_at` stamps."""
    document: Document = {
        "tenant_id": tenant_id,
        "name": name,
        "prefix": secret.key[:_SHOWN_PREFIX],
        "scopes": [*scopes],
        "hash": pepper.hash(secret.key),
        "status": ACTIVE,
        "created_at": now,
    }
    if expires_at is not None:
        document["expires_at"] = expires_at
    if request is not None:
        document["request"] = request
    if secret.made_with is not None:
        document["made_with"] = secret.made_with
    if seeded:
        document["seeded"] = True
    return document


def tenant_document(body: NewTenant, *, tenant_id: str, now: str) -> Document:
    """The document of a tenant: a function of its arguments alone, so that an interrupted create can be finished."""
    document: Document = {
        "external_id": derived_id("ext_", tenant_id),
        "name": body.name.strip(),
        "type": body.type,
        "status": ACTIVE,
        "contact_email": body.contact_email,
        "billing_email": body.billing_email,
        "quotas": dict(DEFAULT_QUOTAS),
        "created_at": now,
        "updated_at": now,
    }
    if body.metadata is not None:
        document["metadata"] = pack(body.metadata)
    return document


def is_expired(key: Document, now: str) -> bool:
    """Whether the key's time is over at the stamp `now`."""
    expires = fields.text(key, "expires_at")
    return bool(expires) and expires <= now


def tenant_view(stored: Stored) -> dict[str, object]:
    """A tenant as answered (contract 9.2)."""
    doc = stored.doc
    metadata = doc.get("metadata")
    return {
        "id": stored.id,
        **{name: doc[name] for name in ("external_id", "name", "type", "status", "contact_email", "billing_email")},
        "quotas": doc["quotas"],
        "metadata": unpack(metadata) if isinstance(metadata, str) else {},
        **_times(doc, "created_at", "updated_at", "suspended_at"),
        **present({"suspension_reason": doc.get("suspension_reason")}),
    }


def key_view(stored: Stored, now: str) -> dict[str, object]:
    """A key as listed: what it may and when it was used, nothing that helps to use it."""
    doc = stored.doc
    status = doc["status"]
    return {
        "id": stored.id,
        **{name: doc[name] for name in ("tenant_id", "name", "prefix", "scopes")},
        "status": EXPIRED if status == ACTIVE and is_expired(doc, now) else status,
        **_times(doc, "created_at", "expires_at", "last_used_at", "revoked_at"),
    }


def _times(doc: Document, *names: str) -> dict[str, str]:
    return {name: wire_time(value) for name in names if isinstance(value := doc.get(name), str)}


__all__ = [
    "ACTIVE",
    "API_KEYS",
    "DEFAULT_QUOTAS",
    "OPERATOR_TENANT",
    "REVOKED",
    "SUSPENDED",
    "TENANTS",
    "Secret",
    "derived_secret",
    "is_expired",
    "key_document",
    "key_id_of",
    "key_view",
    "random_secret",
    "tenant_document",
    "tenant_view",
]
