"""What a service's `audit` module offers to `python -m aex check`: what in its own collections contradicts itself.

Owns the shapes only. A service whose data has invariants has `aex/<service>/audit.py` with a function `differences` of
the type `Audit`; those between services are the command's own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aex.core.clock import Clock
from aex.store.port import Store, Stored

STUCK_SECONDS = 900.0
"""Age from which what a sweep should have finished is reported: fifteen times the longest pause between tries."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One thing that is not as it must be: which invariant, of which document or account, and what is wrong."""

    invariant: str
    subject: str
    problem: str


AllOf: TypeAlias = Callable[[str], AsyncIterator[Stored]]
"""Every document of a collection, in the order of ids."""

Audit: TypeAlias = Callable[[Store, AllOf, Clock], Awaitable[list[Difference]]]

__all__ = ["STUCK_SECONDS", "AllOf", "Audit", "Difference"]
