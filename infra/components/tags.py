"""Tags on everything that a stack owns, so that costs, searches and a teardown's last check can find it.

Amazon calls them tags and allows almost any character; Google calls them labels and allows lower-case letters, digits,
`_` and `-`. Keys are chosen so that both accept them; values are adapted for Google.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from infra.components.naming import shortened

PROJECT: Final = "agent-exchange"
_LABEL_LIMIT: Final = 63


def tags(
    stack: str, environment: str, *, service: str | None = None, expires: datetime | None = None
) -> dict[str, str]:
    """Tags for Amazon. `expires` (UTC, to the second) is set on stacks with a time to live."""
    values = {"project": PROJECT, "stack": stack, "environment": environment, "managed-by": "pulumi"}
    if service is not None:
        values["service"] = service
    if expires is not None:
        values["expires"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return dict(sorted(values.items()))


def labels(
    stack: str, environment: str, *, service: str | None = None, expires: datetime | None = None
) -> dict[str, str]:
    """The same for Google. Two different stacks never share a label value, even where theirs had to be adapted."""
    return {
        key: _label_value(value) for key, value in tags(stack, environment, service=service, expires=expires).items()
    }


def _label_value(value: str) -> str:
    plain = re.sub(r"[^a-z0-9_-]", "-", value.lower())
    return shortened(plain, _LABEL_LIMIT, unique_by=value, force=plain != value and not _is_time(value))


def _is_time(value: str) -> bool:
    """Times lose nothing when they are adapted, and are read by people: `2026-11-24t22-55-49z`."""
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) is not None
