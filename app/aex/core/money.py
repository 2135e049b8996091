"""Money: decimal on the wire, integer micro-units (1/1,000,000 of the currency) inside.

Prices of work, bids and contracts are JSON numbers; everything in settlement is a decimal string (contract 1.4).
"""

import re
from decimal import ROUND_HALF_UP, Decimal

MICRO = 1_000_000
MAX_MICRO = 1_000_000_000_000 * MICRO
"""The largest amount accepted: 10^12 units. Sums of a million such amounts stay within SQLite's and Firestore's 64 bits
only below 9.2 * 10^12 units, so `MAX_PRICE_MICRO` bounds what one trade or deposit can move."""
MAX_PRICE_MICRO = 1_000_000_000 * MICRO
"""The largest price or deposit: 10^9 units."""
FEE_PERCENT = 15
"""The platform's share of a settled price, in percent (contract 11.3)."""

# Bounded digits and exponent: `1e3000000` must not become a three-megabyte number (contract 11.6).
_DECIMAL = re.compile(r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,2})?", re.ASCII)
# A client that computes prices in binary floats sends 0.30000000000000004; that much is noise, more is a mistake.
_FLOAT_NOISE = Decimal("0.000000001")


def _to_micro(value: Decimal) -> int:
    scaled = value * MICRO
    whole = scaled.to_integral_value(rounding=ROUND_HALF_UP)
    if abs(scaled - whole) > _FLOAT_NOISE * MICRO:
        raise ValueError("must have at most 6 decimal places")
    if abs(whole) > MAX_PRICE_MICRO:
        raise ValueError("must be at most 1000000000")
    return int(whole)


def micro_from_text(text: str) -> int:
    """A decimal string, as settlement takes it, in micro-units. Raises `ValueError` with what is wrong."""
    if not _DECIMAL.fullmatch(text.strip()):
        raise ValueError('must be a decimal such as "12.50"')
    return _to_micro(Decimal(text.strip()))


def micro_from_number(value: float) -> int:
    """A JSON number in micro-units. Raises `ValueError` for NaN, infinities, more than 6 places or 10^9."""
    number = Decimal(repr(value))
    if not number.is_finite() or abs(number) > MAX_PRICE_MICRO:
        raise ValueError("must be a number of at most 1000000000")
    return _to_micro(number)


def text_from_micro(micro: int) -> str:
    """Micro-units as the contract writes decimals: no exponent, no trailing zeros (`1500000` -> `1.5`)."""
    whole, part = divmod(abs(micro), MICRO)
    text = f"{whole}.{part:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if micro < 0 else text


def number_from_micro(micro: int) -> float:
    """Micro-units as a JSON number: an integer where it is whole, else the nearest double."""
    return micro // MICRO if micro % MICRO == 0 else micro / MICRO


def split_fee(price_micro: int) -> tuple[int, int]:
    """(platform fee, provider payout); fee rounded half up to a micro-unit, and the two always add up to the price."""
    fee = (price_micro * FEE_PERCENT + 50) // 100
    return fee, price_micro - fee


__all__ = [
    "FEE_PERCENT",
    "MAX_MICRO",
    "MAX_PRICE_MICRO",
    "MICRO",
    "micro_from_number",
    "micro_from_text",
    "number_from_micro",
    "split_fee",
    "text_from_micro",
]
