"""The scoring rules, as properties and as the contract's numbers (8.3)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aex.trust_broker.rules import (
    BACKDATING,
    SCORES,
    WINDOW,
    Outcome,
    base_score,
    counted_from,
    final_score,
    outcome_from,
    tier_of,
    weight,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
outcomes = st.sampled_from(Outcome)
histories = st.lists(outcomes, max_size=WINDOW + 40)


def test_the_scores_are_the_contracts() -> None:
    assert {str(outcome): score for outcome, score in SCORES.items()} == {
        "SUCCESS": 1.0,
        "SUCCESS_PARTIAL": 0.7,
        "FAILURE_PROVIDER": 0.0,
        "FAILURE_EXTERNAL": 0.5,
        "FAILURE_CONSUMER": 0.8,
        "DISPUTE_WON": 0.8,
        "DISPUTE_LOST": 0.0,
        "EXPIRED": 0.2,
    }


def test_the_weights_are_the_contracts() -> None:
    for first, last, expected in ((1, 10, 1.0), (11, 50, 0.5), (51, 100, 0.25), (101, 200, 0.1), (201, 999, 0.0)):
        assert {weight(rank) for rank in range(first, last + 1)} == {expected}


def test_without_outcomes_a_newcomer_has_the_contracts_score() -> None:
    assert base_score([]) == 0.3
    assert base_score([], internal=True) == 1.0


def test_an_example_worked_by_hand() -> None:
    # 10 successes at 1.0 and 10 failures at 0.5: 10 / 15.
    assert base_score([Outcome.SUCCESS] * 10 + [Outcome.FAILURE_PROVIDER] * 10) == pytest.approx(2 / 3)
    assert base_score([Outcome.FAILURE_PROVIDER] * 10 + [Outcome.SUCCESS] * 10) == pytest.approx(1 / 3)


@given(histories.filter(bool))
def test_a_base_score_lies_between_the_worst_and_the_best_outcome(history: list[Outcome]) -> None:
    window = [SCORES[outcome] for outcome in history[:WINDOW]]
    assert min(window) - 1e-9 <= base_score(history) <= max(window) + 1e-9


@given(histories)
def test_what_lies_beyond_the_window_does_not_count(history: list[Outcome]) -> None:
    assert base_score(history) == base_score(history[:WINDOW])


@given(histories.filter(bool), st.data())
def test_a_better_outcome_never_lowers_the_score(history: list[Outcome], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(history) - 1))
    better = [*history[:at], Outcome.SUCCESS, *history[at + 1 :]]
    assert base_score(better) >= base_score(history) - 1e-12


@given(histories.filter(bool), st.data())
def test_a_failure_never_weighs_less_the_newer_it_is(history: list[Outcome], data: st.DataObject) -> None:
    """So claiming that a failure is older can only help whoever claims it: `counted_from` is what forbids it."""
    at = data.draw(st.integers(0, len(history)))
    newest = [Outcome.FAILURE_PROVIDER, *history]
    older = [*history[:at], Outcome.FAILURE_PROVIDER, *history[at:]]
    if len(newest) <= 10:
        assert base_score(newest) == pytest.approx(base_score(older))
    if set(history) == {Outcome.SUCCESS}:
        assert base_score(newest) <= base_score(older) + 1e-12


@given(
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
    st.integers(-1000, 10_000),
)
def test_a_final_score_stays_within_0_and_1_and_bonuses_only_add(
    base: float, identity: bool, endpoint: bool, days: int
) -> None:
    registered = NOW - timedelta(days=days)
    score = final_score(base, identity=identity, endpoint=endpoint, registered=registered, now=NOW)
    assert 0 <= score <= 1
    plain = final_score(base, identity=False, endpoint=False, registered=NOW, now=NOW)
    assert plain - 1e-9 <= score <= plain + 0.2 + 1e-9


@pytest.mark.parametrize(
    ("days", "bonus"), [(0, 0), (29, 0), (30, 0.02), (59, 0.02), (60, 0.04), (150, 0.1), (9999, 0.1), (-5, 0)]
)
def test_tenure_counts_whole_months_up_to_five(days: int, bonus: float) -> None:
    score = final_score(0.5, identity=False, endpoint=False, registered=NOW - timedelta(days=days), now=NOW)
    assert score == pytest.approx(0.5 + bonus)


def test_verification_counts() -> None:
    assert final_score(0.5, identity=True, endpoint=False, registered=NOW, now=NOW) == 0.55
    assert final_score(0.5, identity=True, endpoint=True, registered=NOW, now=NOW) == 0.6
    assert final_score(0.98, identity=True, endpoint=True, registered=NOW, now=NOW) == 1.0


@pytest.mark.parametrize(
    ("score", "contracts", "tier"),
    [
        (0.9, 100, "PREFERRED"),
        (0.9, 99, "TRUSTED"),
        (0.899, 100, "TRUSTED"),
        (0.7, 25, "TRUSTED"),
        (0.7, 24, "VERIFIED"),
        (0.5, 5, "VERIFIED"),
        (0.499, 500, "UNVERIFIED"),
        (1.0, 4, "UNVERIFIED"),
    ],
)
def test_tiers_need_score_and_contracts(score: float, contracts: int, tier: str) -> None:
    assert tier_of(score, contracts, internal=False) == tier
    assert tier_of(score, contracts, internal=True) == "INTERNAL"


@given(st.integers(-(10**6), 10**6))
def test_an_outcome_counts_within_the_hour_before_it_is_recorded_never_later(seconds: int) -> None:
    claimed = NOW + timedelta(seconds=seconds)
    counted = counted_from(claimed, NOW)
    assert NOW - BACKDATING <= counted <= NOW
    assert counted in {claimed, NOW}


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("SUCCESS", "SUCCESS"),
        ("success", "SUCCESS"),
        ("failure", "FAILURE_PROVIDER"),
        ("timeout", "EXPIRED"),
        ("partial_success", "SUCCESS_PARTIAL"),
        ("cancelled", "FAILURE_EXTERNAL"),
        (" dispute_won ", "DISPUTE_WON"),
    ],
)
def test_the_words_of_clients_are_understood(word: str, outcome: str) -> None:
    assert outcome_from(word) == outcome


def test_free_text_is_no_outcome() -> None:
    """Contract 8.6: any text was accepted."""
    with pytest.raises(ValueError, match="must be one of SUCCESS, "):
        outcome_from("great!")
