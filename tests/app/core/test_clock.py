"""Stamps sort as time does, and the wire form is the contract's."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aex.core.clock import from_stamp, later, parse_rfc3339, stamp, wire_time

MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_stamps_sort_as_time_does(one: datetime, other: datetime) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)
    assert len(stamp(one)) == 27 and from_stamp(stamp(one)) == one


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        ("2026-11-24T22:55:49.120000Z", "2026-11-24T22:55:49.12Z"),
        ("2026-11-24T22:55:49.000000Z", "2026-11-24T22:55:49Z"),
    ],
)
def test_trailing_zeros_are_not_sent(stored: str, wire: str) -> None:
    assert wire_time(stored) == wire


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T22:55:49+02:00", "2026-11-24T20:55:49.000000Z"),
        ("2026-11-24t22:55:49.123456789z", "2026-11-24T22:55:49.123456Z"),
    ],
)
def test_any_offset_and_precision_is_read(text: str, expected: str) -> None:
    assert stamp(parse_rfc3339(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "2026-11-24", "2026-11-24 22:55:49Z", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_rfc3339(text)


def test_later_moves_a_stamp() -> None:
    assert later("2026-11-24T23:59:59.500000Z", 1) == "2026-11-25T00:00:00.500000Z"
