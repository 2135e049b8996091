"""Money never loses a micro-unit and never accepts what it cannot hold."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aex.core import money

MICRO = st.integers(min_value=-money.MAX_PRICE_MICRO, max_value=money.MAX_PRICE_MICRO)


@given(MICRO)
def test_text_round_trips(micro: int) -> None:
    assert money.micro_from_text(money.text_from_micro(micro)) == micro


@given(st.integers(min_value=0, max_value=2**53 // 10))
def test_json_numbers_round_trip_where_a_double_can_hold_them(micro: int) -> None:
    micro = min(micro, money.MAX_PRICE_MICRO)
    assert money.micro_from_number(money.number_from_micro(micro)) == micro


@given(st.integers(min_value=1, max_value=money.MAX_PRICE_MICRO))
def test_fee_and_payout_add_up_and_the_fee_is_rounded_half_up(price: int) -> None:
    fee, payout = money.split_fee(price)
    assert fee + payout == price
    assert fee == int((Decimal(price) * Decimal("0.15")).to_integral_value(rounding=ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("text", "written"),
    [("100.00", "100"), ("1.50", "1.5"), ("0.000001", "0.000001"), ("1e2", "100"), (".5", "0.5"), ("-0.10", "-0.1")],
)
def test_decimals_are_written_as_the_contract_writes_them(text: str, written: str) -> None:
    assert money.text_from_micro(money.micro_from_text(text)) == written


@pytest.mark.parametrize("text", ["1e3000000", "1e99", "", "abc", "1.2.3", "NaN", "Infinity", "1_000", "0x10", "٣"])
def test_text_that_is_no_bounded_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        money.micro_from_text(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 0.1234567])
def test_numbers_beyond_the_bounds_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="must"):
        money.micro_from_number(value)


def test_the_noise_of_binary_floats_is_forgiven() -> None:
    assert money.micro_from_number(0.1 + 0.2) == 300_000


def test_the_contracts_example_of_the_fee() -> None:
    assert money.split_fee(10 * money.MICRO) == (1_500_000, 8_500_000)
