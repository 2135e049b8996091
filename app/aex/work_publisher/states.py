"""The life of a work: its states, what may happen in each, and what time alone does to it. Pure.

Owns the table of transitions. Does not own who may cause them (`service.py`).
"""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final


@unique
class Status(StrEnum):
    """The states of the contract (3.3)."""

    OPEN = "OPEN"
    EVALUATING = "EVALUATING"
    AWARDED = "AWARDED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@unique
class Event(StrEnum):
    """What happens to a work."""

    CLOSE = "close"
    CANCEL = "cancel"
    AWARD = "award"
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"


_BIDDING = (Status.OPEN, Status.EVALUATING)
_CONTRACTED = (Status.AWARDED, Status.EXECUTING)

TRANSITIONS: Final[Mapping[Event, tuple[tuple[Status, ...], Status]]] = {
    Event.CLOSE: ((Status.OPEN,), Status.EVALUATING),
    Event.CANCEL: (_BIDDING, Status.CANCELLED),
    Event.AWARD: (_BIDDING, Status.AWARDED),
    Event.START: ((Status.AWARDED,), Status.EXECUTING),
    Event.COMPLETE: (_CONTRACTED, Status.COMPLETED),
    Event.FAIL: (_CONTRACTED, Status.FAILED),
}
"""For each event: from which states, to which. What is not here is a conflict."""

TERMINAL: Final = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
"""States that nothing leaves."""


def after(status: Status, event: Event) -> Status | None:
    """The state after `event` in `status`; None when it may not happen there."""
    sources, target = TRANSITIONS[event]
    return target if status in sources else None


def effective(status: Status, bid_window_ends_at: str, now: str) -> Status:
    """The state at `now` (stamps): an OPEN work whose window is over is EVALUATING, whether or not a duty has run."""
    return Status.EVALUATING if status is Status.OPEN and now >= bid_window_ends_at else status


__all__ = ["TERMINAL", "TRANSITIONS", "Event", "Status", "after", "effective"]
