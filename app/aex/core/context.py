"""What is known about the request being served, for handlers, log lines and outgoing calls."""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from opentelemetry import trace

from aex.core.errors import forbidden

GATEWAY = "aex-gateway"
"""The one service that may speak for tenants: what it says in `X-Tenant-ID` is believed."""
FORWARDED_HEADER = "x-aex-forwarded"
"""Marks a client's request that the gateway passes on, as against a call that the gateway makes for itself."""
DUTY_HEADER = "x-aex-duty"
"""Marks a call that a background duty makes, round after round: reading calls of that kind are not worth a log line."""
SCHEDULER = "scheduler"
"""The catalogued caller that runs duties where instances sleep."""

_REQUEST_ID = re.compile(r"^[A-Za-z0-9_.:-]{1,128}$")
_TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


@dataclass(slots=True)
class RequestContext:
    """One request: its id, its trace, and who sent it."""

    request_id: str
    traceparent: str
    service: str | None = None
    """The calling service, verified; None when service auth is off or nothing was presented."""
    tenant: str | None = None
    """The tenant that the gateway vouches for."""
    scopes: frozenset[str] = frozenset()
    key_id: str | None = None
    authorization: str | None = None
    """The end caller's own `Authorization`, untouched."""
    forwarded: bool = False
    """A client's request that the gateway passed on; without a tenant, a client with only its own bearer token."""
    answer_headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    """Headers that this request's answer carries whatever becomes of it."""

    @property
    def is_direct(self) -> bool:
        """Neither a tenant nor a client behind it: another service, or a direct call where service auth is off."""
        return self.tenant is None and not self.forwarded

    def may_act_for(self, tenant: str | None) -> bool:
        """Whether this caller may see or change what belongs to `tenant`; a client that is no tenant may for nobody."""
        if self.tenant is None:
            return not self.forwarded
        return self.tenant == tenant or "operator" in self.scopes

    def require_tenant(self, tenant: str | None, what: str) -> None:
        """403 unless `may_act_for(tenant)`."""
        if not self.may_act_for(tenant):
            raise forbidden(f"{what} belongs to another tenant")

    def require_service(self, *names: str) -> None:
        """403 unless the caller is one of the services `names`; nobody is known where service auth is off."""
        if self.service is not None and self.service not in names:
            raise forbidden(f"only {' and '.join(names)} may call this", "caller_refused")


current: ContextVar[RequestContext | None] = ContextVar("aex_request", default=None)
"""The request being served by this task, if any; duties have none."""


def request_id_from(header: str | None) -> str:
    """The client's id when it is one that can go into logs and headers, else 32 hex digits (contract 2.3)."""
    return header if header and _REQUEST_ID.match(header) else os.urandom(16).hex()


def traceparent_from(header: str | None) -> str:
    """The W3C trace context to pass on: the span of this request, else the caller's, else a new one, unsampled."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    if header and _TRACEPARENT.match(header):
        return header
    fresh = os.urandom(24).hex()
    return f"00-{fresh[:32]}-{fresh[32:]}-00"


async def _caller(request: Request) -> RequestContext:
    context: RequestContext = request.scope["aex"]
    return context


Caller = Annotated[RequestContext, Depends(_caller)]
"""Route parameter: who calls."""

__all__ = [
    "DUTY_HEADER",
    "FORWARDED_HEADER",
    "GATEWAY",
    "SCHEDULER",
    "Caller",
    "RequestContext",
    "current",
    "request_id_from",
    "traceparent_from",
]
