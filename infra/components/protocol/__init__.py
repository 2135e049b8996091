"""Pulumi's provider protocol as a small Python library: what our own plugin and the stand-in providers are built on.

`kinds` is the interface to implement, `values` the values it speaks in, `servicer` and `server` the protocol itself.
The SDK's `pulumi.provider` cannot be used instead: it serves component providers, whose resources other providers own,
and answers none of create, read, update and delete.
"""

from __future__ import annotations

from infra.components.protocol.kinds import (
    Change,
    Context,
    Created,
    Failure,
    Function,
    Provider,
    ProviderError,
    Resource,
    ResourceKind,
    compare,
)
from infra.components.protocol.server import serve, start
from infra.components.protocol.values import UNKNOWN, Plain, PlainProperties, Secret, Unknown, Value, has_unknown

__all__ = [
    "UNKNOWN",
    "Change",
    "Context",
    "Created",
    "Failure",
    "Function",
    "Plain",
    "PlainProperties",
    "Provider",
    "ProviderError",
    "Resource",
    "ResourceKind",
    "Secret",
    "Unknown",
    "Value",
    "compare",
    "has_unknown",
    "serve",
    "start",
]
