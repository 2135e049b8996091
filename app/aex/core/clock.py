"""Time as the exchange keeps it: UTC, stored as fixed-width text, written on the wire as RFC 3339.

A stored stamp (`2026-11-24T22:55:49.123456Z`) is 27 characters, so text order is time order in every backend.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC. Tests pass their own."""

_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|z|[+-]\d{2}:\d{2})", re.ASCII
)


def utc_now() -> datetime:
    """The system clock."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """`moment` as stored: UTC, always six fractional digits."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"  # ten times as fast as strftime


def from_stamp(text: str) -> datetime:
    """The inverse of `stamp`."""
    return datetime.fromisoformat(text)


def later(text: str, seconds: float) -> str:
    """The stamp `seconds` after the stamp `text`."""
    return stamp(from_stamp(text) + timedelta(seconds=seconds))


def wire_time(text: str) -> str:
    """A stored stamp as answered to clients: trailing zeros of the fraction removed (contract 1.4)."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def parse_rfc3339(text: str) -> datetime:
    """RFC 3339 with any offset, to UTC; fractions beyond microseconds are cut.

    Raises `ValueError` naming the expected form.
    """
    match = _RFC3339.fullmatch(text)
    if not match:
        raise ValueError("must be an RFC 3339 time such as 2026-11-24T22:55:49Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    micro = (fraction or "").ljust(6, "0")[:6]
    zone = "+00:00" if offset in "Zz" else offset
    try:
        return datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second}.{micro}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be an RFC 3339 time such as 2026-11-24T22:55:49Z") from error


__all__ = ["Clock", "from_stamp", "later", "parse_rfc3339", "stamp", "utc_now", "wire_time"]
