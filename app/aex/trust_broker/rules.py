"""The scoring rules (contract 8.3), pure: from outcomes to a score, from a score to a tier.

Owns every number of them. Knows nothing of documents, clocks or requests.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum, unique


@unique
class Outcome(StrEnum):
    """How a contract ended."""

    SUCCESS = "SUCCESS"
    SUCCESS_PARTIAL = "SUCCESS_PARTIAL"
    FAILURE_PROVIDER = "FAILURE_PROVIDER"
    FAILURE_EXTERNAL = "FAILURE_EXTERNAL"
    FAILURE_CONSUMER = "FAILURE_CONSUMER"
    DISPUTE_WON = "DISPUTE_WON"
    DISPUTE_LOST = "DISPUTE_LOST"
    EXPIRED = "EXPIRED"


SCORES: dict[Outcome, float] = {
    Outcome.SUCCESS: 1.0,
    Outcome.SUCCESS_PARTIAL: 0.7,
    Outcome.FAILURE_PROVIDER: 0.0,
    Outcome.FAILURE_EXTERNAL: 0.5,
    Outcome.FAILURE_CONSUMER: 0.8,
    Outcome.DISPUTE_WON: 0.8,
    Outcome.DISPUTE_LOST: 0.0,
    Outcome.EXPIRED: 0.2,
}
ALIASES: dict[str, Outcome] = {
    "FAILURE": Outcome.FAILURE_PROVIDER,
    "TIMEOUT": Outcome.EXPIRED,
    "PARTIAL_SUCCESS": Outcome.SUCCESS_PARTIAL,
    "CANCELLED": Outcome.FAILURE_EXTERNAL,
}
"""Words that clients of the contract also send (1.7). Cancelled work is nobody's fault: 0.5, as upstream has it."""

WINDOW = 200
"""Newest outcomes that count for the score."""
_WEIGHTS = ((10, 1.0), (50, 0.5), (100, 0.25), (WINDOW, 0.1))
"""(up to this rank, weight), newest first."""
NEWCOMER_SCORE = 0.3
INTERNAL_SCORE = 1.0
"""Base score without outcomes: of anybody, and of a provider that the exchange runs itself (contract 8.5)."""
_VERIFIED_BONUS = 0.05
_MONTH = timedelta(days=30)
_MONTH_BONUS, _MONTHS_AT_MOST = 0.02, 5
_TIERS = ((0.9, 100, "PREFERRED"), (0.7, 25, "TRUSTED"), (0.5, 5, "VERIFIED"))
"""(score, contracts, tier): the first that a provider reaches."""

BACKDATING = timedelta(hours=1)
"""How long after the end of a contract its outcome may be reported and still count as of that end: the life of a
contract, and more than the retries of a report take. Older claims count as of when they were recorded."""


def outcome_from(word: str) -> Outcome:
    """The outcome that `word` names, in any case. Raises `ValueError` that lists what is allowed."""
    upper = word.strip().upper()
    if upper in ALIASES:
        return ALIASES[upper]
    try:
        return Outcome(upper)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Outcome)}") from None


def weight(rank: int) -> float:
    """Weight of the outcome at `rank`, 1 being the newest; 0 outside the window."""
    return next((weight for last, weight in _WEIGHTS if rank <= last), 0.0)


def base_score(newest_first: Sequence[Outcome], *, internal: bool = False) -> float:
    """Weighted mean of the newest outcomes, 0 to 1."""
    if not newest_first:
        return INTERNAL_SCORE if internal else NEWCOMER_SCORE
    weights = [weight(rank) for rank in range(1, min(len(newest_first), WINDOW) + 1)]
    return sum(SCORES[o] * w for o, w in zip(newest_first, weights, strict=False)) / sum(weights)


def final_score(base: float, *, identity: bool, endpoint: bool, registered: datetime, now: datetime) -> float:
    """`base` with what verification and tenure add, 0 to 1."""
    months = max(0, (now - registered) // _MONTH)
    bonus = _VERIFIED_BONUS * (identity + endpoint) + _MONTH_BONUS * min(_MONTHS_AT_MOST, months)
    return min(1.0, max(0.0, round(base + bonus, 9)))


def tier_of(score: float, contracts: int, *, internal: bool) -> str:
    """The tier of a provider with this score and this many contracts."""
    if internal:
        return "INTERNAL"
    return next((tier for low, least, tier in _TIERS if score >= low and contracts >= least), "UNVERIFIED")


def counted_from(completed: datetime, recorded: datetime) -> datetime:
    """When an outcome counts as having happened: never later than it was recorded, and not long before.

    Otherwise a failure could be hidden behind older successes by claiming that it happened before them.
    """
    return completed if recorded - BACKDATING <= completed <= recorded else recorded


__all__ = [
    "BACKDATING",
    "NEWCOMER_SCORE",
    "SCORES",
    "WINDOW",
    "Outcome",
    "base_score",
    "counted_from",
    "final_score",
    "outcome_from",
    "tier_of",
    "weight",
]
