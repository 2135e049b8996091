"""What clients send to identity."""

from typing import Annotated

from pydantic import AfterValidator, Field

from aex.core.scopes import is_scope
from aex.core.wire import FreeObject, Moment, Name, Text, Wire, pack
from aex.store import JsonValue

TENANT_TYPES = ("REQUESTOR", "PROVIDER", "BOTH")
MAX_SCOPES = 50
MAX_TOKEN_SECONDS = 900
DEFAULT_TOKEN_SECONDS = 300
_MAX_QUOTA = 1_000_000_000
_MAX_METADATA_BYTES = 65_536


def _tenant_type(value: str) -> str:
    kind = value.strip().upper()
    if kind not in TENANT_TYPES:
        raise ValueError(f"must be one of {', '.join(TENANT_TYPES)}")
    return kind


def _scopes(values: list[str]) -> list[str]:
    cleaned = list(dict.fromkeys(stripped for value in values if (stripped := value.strip())))
    for scope in cleaned:
        if not is_scope(scope):
            raise ValueError('each must be 1 to 64 letters, digits and _ . : - * such as "work:read"')
    return cleaned


def _small(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(pack(metadata).encode()) > _MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {_MAX_METADATA_BYTES} bytes of JSON")
    return metadata


Scopes = Annotated[list[Text], Field(max_length=MAX_SCOPES), AfterValidator(_scopes)]
"""Trimmed, without repeats (contract 9.2)."""
Quota = Annotated[int, Field(ge=1, le=_MAX_QUOTA)]
Mail = Annotated[Text, Field(max_length=320)]


class NewTenant(Wire):
    """Body of `POST /v1/tenants`."""

    name: Annotated[Name, Field(max_length=1000)]
    type: Annotated[Text, AfterValidator(_tenant_type)] = "BOTH"
    contact_email: Mail = ""
    billing_email: Mail = ""
    metadata: Annotated[FreeObject, AfterValidator(_small)] | None = None


class NewKey(Wire):
    """Body of `POST /v1/tenants/{tenant_id}/api-keys`."""

    name: Annotated[Text, Field(max_length=1000)] = ""
    scopes: Scopes | None = None
    expires_at: Moment | None = None


class Suspension(Wire):
    """Optional body of `POST /v1/tenants/{tenant_id}/suspend`."""

    reason: Annotated[Text, Field(max_length=1000)] = ""


class Quotas(Wire):
    """Body of `PUT /v1/tenants/{tenant_id}/quotas`: what is absent stays as it is."""

    requests_per_minute: Quota | None = None
    requests_per_day: Quota | None = None
    max_agents: Quota | None = None
    max_concurrent_tasks: Quota | None = None
    max_task_payload_bytes: Quota | None = None


class Credential(Wire):
    """Body of `POST /internal/v1/apikeys/validate`: a key, or the id of the key that a token was made from."""

    api_key: Text = ""
    key_id: Text = ""


class TokenRequest(Wire):
    """Optional body of `POST /v1/tokens`."""

    api_key: Text = ""
    scopes: Scopes | None = None
    ttl_seconds: Annotated[int, Field(ge=1, le=MAX_TOKEN_SECONDS)] = DEFAULT_TOKEN_SECONDS


__all__ = [
    "DEFAULT_TOKEN_SECONDS",
    "MAX_TOKEN_SECONDS",
    "TENANT_TYPES",
    "Credential",
    "NewKey",
    "NewTenant",
    "Quotas",
    "Suspension",
    "TokenRequest",
]
