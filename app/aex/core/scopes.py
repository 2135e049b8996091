"""Scopes: what a credential may do, as words such as `work:read`.

`*` covers everything but `operator`, which is only ever covered by itself: running the exchange is not part of using
it. `work:*` covers `work:read`, `work:write` and itself.
"""

import re
from collections.abc import Iterable

EVERYTHING = "*"
OPERATOR = "operator"

_SCOPE = re.compile(r"[A-Za-z0-9_.:*-]{1,64}", re.ASCII)
"""No space in it: scopes travel between services as one space-separated header."""


def is_scope(text: str) -> bool:
    """Whether `text` can be a scope at all; one that no route asks for simply allows nothing."""
    return bool(_SCOPE.fullmatch(text))


def covers(granted: Iterable[str], wanted: str) -> bool:
    """Whether the scopes `granted` allow what `wanted` names (a scope, or a wildcard that is to be passed on)."""
    held = granted if isinstance(granted, frozenset | set) else frozenset(granted)
    if wanted in held:
        return True
    if wanted == OPERATOR:
        return False
    area, separator, _ = wanted.partition(":")
    return EVERYTHING in held or (bool(separator) and f"{area}:*" in held)


def lacking(granted: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Those of `wanted` that `granted` does not cover."""
    held = frozenset(granted)
    return [scope for scope in wanted if not covers(held, scope)]


__all__ = ["EVERYTHING", "OPERATOR", "covers", "is_scope", "lacking"]
