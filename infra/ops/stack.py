"""What a deployed stack says of itself: its outputs, read by the engine's own command so that nobody copies names."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import cast

CHECKOUT = Path(__file__).resolve().parents[2]


class StackError(Exception):
    """The stack cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where a running exchange is reached, and the operator's key for it."""

    gateway_url: str
    api_key: str


def outputs(stack: str) -> dict[str, dict[str, object]]:
    """The outputs of `stack`, secrets in clear: `{<cloud>: {...}}`. Raises `StackError`."""
    command = ["pulumi", "stack", "output", "--json", "--show-secrets", "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        raise StackError("pulumi is not on PATH: use the make targets, or run `make setup` first") from None
    if done.returncode:
        raise StackError(
            f"stack {stack} cannot be read: {done.stderr.strip().removeprefix('error: ')}\n"
            f"Start it with `make up STACK={stack}`."
        )
    found: object = json.loads(done.stdout)
    return cast(dict[str, dict[str, object]], found)


def exchange(stack: str) -> Exchange:
    """The exchange that `stack` runs. Raises `StackError` when it runs none, or not completely."""
    for cloud in outputs(stack).values():
        url, key = cloud.get("gatewayUrl"), cloud.get("apiKey")
        if isinstance(url, str) and isinstance(key, str):
            return Exchange(url, key)
    raise StackError(f"stack {stack} runs no exchange yet: start it with `make up STACK={stack}`")


def default_stack() -> str:
    """The stack that the make targets mean."""
    return os.environ.get("STACK") or "local"


__all__ = ["Exchange", "StackError", "default_stack", "exchange", "outputs"]
