"""The life of a work, as a table and under any sequence of events."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aex.work_publisher.states import TERMINAL, TRANSITIONS, Event, Status, after, effective

ALLOWED = {
    ("OPEN", "close"): "EVALUATING",
    ("OPEN", "cancel"): "CANCELLED",
    ("EVALUATING", "cancel"): "CANCELLED",
    ("OPEN", "award"): "AWARDED",
    ("EVALUATING", "award"): "AWARDED",
    ("AWARDED", "start"): "EXECUTING",
    ("AWARDED", "complete"): "COMPLETED",
    ("EXECUTING", "complete"): "COMPLETED",
    ("AWARDED", "fail"): "FAILED",
    ("EXECUTING", "fail"): "FAILED",
}


@pytest.mark.parametrize(("status", "event"), list(product(Status, Event)))
def test_exactly_these_transitions_exist(status: Status, event: Event) -> None:
    assert after(status, event) == ALLOWED.get((status.value, event.value))


@given(st.lists(st.sampled_from(list(Event))))
def test_no_sequence_leaves_a_terminal_state_or_awards_twice(events: list[Event]) -> None:
    status, awards = Status.OPEN, 0
    for event in events:
        target = after(status, event)
        if target is None:
            continue
        assert status not in TERMINAL
        awards += target is Status.AWARDED
        status = target
    assert awards <= 1


def test_every_event_and_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Event)
    reached = {target for _, target in TRANSITIONS.values()}
    assert reached | {Status.OPEN} == set(Status)


@pytest.mark.parametrize(("now", "expected"), [("t1", "OPEN"), ("t2", "EVALUATING"), ("t3", "EVALUATING")])
def test_the_window_ends_by_time_alone(now: str, expected: str) -> None:
    assert effective(Status.OPEN, "t2", now) == expected


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OPEN])
def test_time_changes_no_other_state(status: Status) -> None:
    assert effective(status, "t1", "t9") is status
