"""What a deployed stack says of itself: its outputs, read by the engine's own command so that nobody copies names."""

from __future__ import annotations

import os
from dataclasses import dataclass

from infra.ops import engine
from infra.ops.engine import outputs
from infra.ops.faults import OpsError, Unreachable

StackError = OpsError
"""The stack cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where a running exchange is reached, and the operator's key for it."""

    gateway_url: str
    api_key: str


def exchange(stack: str) -> Exchange:
    """The exchange that `stack` runs. Raises `StackError` when it runs none, or not completely."""
    for cloud in engine.outputs(stack).values():
        url, key = cloud.get("gatewayUrl"), cloud.get("apiKey")
        if isinstance(url, str) and isinstance(key, str):
            return Exchange(url, key)
    raise Unreachable(f"stack {stack} runs no exchange yet", f"Start it with `make up STACK={stack}`.")


def default_stack() -> str:
    """The stack that the make targets mean."""
    return os.environ.get("STACK") or engine.LOCAL


__all__ = ["Exchange", "StackError", "default_stack", "exchange", "outputs"]
