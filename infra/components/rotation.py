"""Which versions of a secret exist together, and how they are written into one text. The same on every cloud.

A secret's text is `<version>:<value>,...`, the version in use first; receivers accept every one that is listed. Where
several services share a secret, the next version is among them from the start: a rotation (`agent-exchange:secrets`)
only changes which one is used, and every receiver has known it since the deployment before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from infra.components.catalog import OPERATOR_KEY

SECRET_BYTES: Final = 32

VALUE_PREFIXES: Final = {OPERATOR_KEY.name: "aexk_"}
"""The operator's key has the form of every other API key; the services check the form."""


def versions(current: int, *, shared: bool) -> tuple[int, ...]:
    """The versions that a secret holds, the one in use first: with the next one if `shared`, and the previous one."""
    return (current, *([current + 1] if shared else []), *([current - 1] if current > 1 else []))


def written(values: Mapping[int, str]) -> str:
    """The text that carries `values` (version -> value), in their order."""
    return ",".join(f"{version}:{value}" for version, value in values.items())


__all__ = ["SECRET_BYTES", "VALUE_PREFIXES", "versions", "written"]
