"""Defaults per environment, as config that a stack could have written itself. A stack's own values win, key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from infra.config.general import Environment

Tree: TypeAlias = "Mapping[str, Tree] | list[Tree] | str | int | float | bool | None"
"""Config as Pulumi delivers it: objects, lists and plain values."""

STACK_ENVIRONMENTS: Final = {
    "local": Environment.LOCAL,
    "staging": Environment.STAGING,
    "production": Environment.PRODUCTION,
    "bootstrap": Environment.BOOTSTRAP,
}
"""Stacks whose name says what they are for."""

EPHEMERAL_STACK: Final = re.compile(r"(pr|dev)-.+")
"""Stacks of pull requests and of single developers."""

PROFILES: Final[dict[Environment, Mapping[str, Tree]]] = {
    Environment.LOCAL: {"protect": False},
    Environment.EPHEMERAL: {
        "protect": False,
        "timeToLiveHours": 72,
        "aws": {"spot": True, "logRetentionDays": 7, "database": {"kind": "shared", "backupDays": 1}},
        "gcp": {"network": {"egress": "none"}},
    },
    Environment.STAGING: {
        "protect": False,
        "aws": {"spot": True, "logRetentionDays": 30, "network": {"interfaceEndpoints": True}},
        "gcp": {},
    },
    Environment.PRODUCTION: {
        "protect": True,
        "aws": {
            "minimumInstances": 2,
            "logRetentionDays": 365,
            "firewall": "block",
            "network": {"nat": "per-az", "interfaceEndpoints": True},
            "database": {"instanceClass": "db.r6g.large", "instances": 2, "backupDays": 14},
        },
        "gcp": {"minimumInstances": 1, "armor": "block", "firestore": {"backupDays": 28}},
    },
    Environment.BOOTSTRAP: {"protect": True},
}


def merged(defaults: Mapping[str, Tree], values: Mapping[str, Tree]) -> dict[str, Tree]:
    """`values` over `defaults`, object by object; lists and plain values are replaced as a whole."""
    result: dict[str, Tree] = dict(defaults)
    for key, value in values.items():
        default = result.get(key)
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            result[key] = merged(default, value)
        else:
            result[key] = value
    return result
