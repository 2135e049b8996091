"""How bids are weighed (contract 6.3): pure functions from bids, terms and trust to a ranking.

Owns the formula and its weights. Does not own where the bids come from. The ranking depends on nothing but its
arguments: not on the order of the bids, not on time but through `now`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

UNKNOWN_TRUST: Final = 0.3
"""What a new provider has (contract 8.2), and what one has of whom nobody can tell: an outage must not favour it."""
TIERS: Final = ("UNVERIFIED", "VERIFIED", "TRUSTED", "PREFERRED", "INTERNAL")
"""Trust tiers, lowest first."""
COMPONENTS: Final = ("price", "trust", "confidence", "mvp_sample", "sla")

_WEIGHTS: Final[Mapping[str, tuple[int, ...]]] = {
    "lowest_price": (50, 20, 10, 10, 10),
    "best_quality": (10, 40, 20, 20, 10),
    "balanced": (30, 30, 15, 15, 10),
}
"""Percent by strategy, in the order of `COMPONENTS`."""

_NO_SAMPLE_SCORE: Final = 0.5
_NO_LATENCY_ASKED: Final = 0.8
_PLACES: Final = 6
"""Scores are rounded before they are compared, so that what is answered explains the ranking."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the work asks for. A latency of 0 asks for none; an empty tier asks for none."""

    max_price_micro: int
    strategy: str = "balanced"
    max_latency_ms: int = 0
    min_trust_tier: str = ""
    internal_only: bool = False

    @property
    def needs_tier(self) -> bool:
        """Whether a bid can only be admitted when the bidder's tier is known."""
        return self.internal_only or bool(self.min_trust_tier)


@dataclass(frozen=True, slots=True)
class Bid:
    """What is weighed of a bid; times are stamps."""

    bid_id: str
    provider_id: str
    price_micro: int
    confidence: float
    sla_latency_ms: int
    expires_at: str
    received_at: str


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of a bidder."""

    score: float = UNKNOWN_TRUST
    tier: str = "UNVERIFIED"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A bid with its scores, all of them 0..1."""

    bid: Bid
    total: float
    scores: Mapping[str, float]


def weights(strategy: str) -> dict[str, float]:
    """The weight of each component; an unknown strategy is `balanced`."""
    percents = _WEIGHTS.get(strategy, _WEIGHTS["balanced"])
    return {name: percent / 100 for name, percent in zip(COMPONENTS, percents, strict=True)}


def disqualification(bid: Bid, terms: Terms, trust: Trust, now: str) -> str | None:
    """Why the bid is out, in the contract's words and order; None when it is in."""
    if bid.price_micro > terms.max_price_micro:
        return "Price exceeds budget"
    if bid.expires_at <= now:
        return "Bid expired"
    if 0 < terms.max_latency_ms < bid.sla_latency_ms:
        return "SLA does not meet latency requirements"
    if terms.internal_only and trust.tier != "INTERNAL":
        return "Work is for internal providers only"
    if terms.min_trust_tier and not _reaches(trust.tier, terms.min_trust_tier):
        return f"Trust tier is below {terms.min_trust_tier}"
    return None


def score(bid: Bid, terms: Terms, trust: Trust) -> Ranked:
    """The bid's scores and their weighted sum."""
    scores = {
        "price": _unit(1 - bid.price_micro / terms.max_price_micro),
        "trust": _unit(trust.score),
        "confidence": _unit(bid.confidence),
        "mvp_sample": _NO_SAMPLE_SCORE,
        "sla": _sla(bid.sla_latency_ms, terms.max_latency_ms),
    }
    percents = _WEIGHTS.get(terms.strategy, _WEIGHTS["balanced"])
    total = math.fsum(percent * scores[name] for name, percent in zip(COMPONENTS, percents, strict=True)) / 100
    return Ranked(bid, round(total, _PLACES), {name: round(value, _PLACES) for name, value in scores.items()})


def rank(
    bids: Iterable[Bid], terms: Terms, trust: Mapping[str, Trust], now: str
) -> tuple[list[Ranked], list[tuple[Bid, str]]]:
    """Those that are in, best first, and those that are out with the reason.

    Ties go to the lower price, then to who came first, then by id: never to chance.
    """
    ranked: list[Ranked] = []
    out: list[tuple[Bid, str]] = []
    for bid in bids:
        bidder = trust.get(bid.provider_id, Trust())
        reason = disqualification(bid, terms, bidder, now)
        if reason is None:
            ranked.append(score(bid, terms, bidder))
        else:
            out.append((bid, reason))
    ranked.sort(key=lambda entry: (-entry.total, entry.bid.price_micro, entry.bid.received_at, entry.bid.bid_id))
    out.sort(key=lambda entry: (entry[0].received_at, entry[0].bid_id))
    return ranked, out


def _sla(promised_ms: int, asked_ms: int) -> float:
    if asked_ms <= 0:
        return _NO_LATENCY_ASKED
    if promised_ms <= 0:
        return 0.0
    return 1.0 if promised_ms <= asked_ms else _unit(1 - (promised_ms - asked_ms) / asked_ms)


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def _reaches(tier: str, wanted: str) -> bool:
    """Whether `tier` is at least `wanted`; nobody passes by a tier that does not exist, on either side."""
    return tier in TIERS and wanted in TIERS and TIERS.index(tier) >= TIERS.index(wanted)


__all__ = [
    "COMPONENTS",
    "TIERS",
    "UNKNOWN_TRUST",
    "Bid",
    "Ranked",
    "Terms",
    "Trust",
    "disqualification",
    "rank",
    "score",
    "weights",
]
