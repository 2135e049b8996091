"""The formula: the contract's own example, and what must hold for any bids whatever."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aex.bid_evaluator.scoring import (
    COMPONENTS,
    TIERS,
    Bid,
    Terms,
    Trust,
    disqualification,
    rank,
    score,
    weights,
)

NOW = "2026-11-24T12:00:00.000000Z"
LATER = "2026-11-24T13:00:00.000000Z"

any_float = st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 1.0, 2.0]))
stamps = st.sampled_from(["2026-11-24T11:00:00.000000Z", NOW, "2026-11-24T12:00:00.000001Z", LATER])
bids = st.builds(
    Bid,
    bid_id=st.uuids().map(lambda value: f"bid_{value.hex}"),
    provider_id=st.sampled_from(["p1", "p2", "p3", "nobody"]),
    price_micro=st.integers(0, 10**15),
    confidence=any_float,
    sla_latency_ms=st.integers(-5, 10**12),
    expires_at=stamps,
    received_at=stamps,
)
terms = st.builds(
    Terms,
    max_price_micro=st.integers(1, 10**15),
    strategy=st.sampled_from(["lowest_price", "best_quality", "balanced", "", "unheard of"]),
    max_latency_ms=st.integers(-1, 10**12),
    min_trust_tier=st.sampled_from(["", *TIERS, "GOLD"]),
    internal_only=st.booleans(),
)
trusts = st.dictionaries(
    st.sampled_from(["p1", "p2", "p3"]),
    st.builds(Trust, score=any_float, tier=st.sampled_from([*TIERS, "", "UNKNOWN"])),
)
many = st.lists(bids, max_size=12, unique_by=lambda bid: bid.bid_id)


def a_bid(**fields: object) -> Bid:
    plain: dict[str, object] = {
        "bid_id": "bid_1",
        "provider_id": "p1",
        "price_micro": 5_000_000,
        "confidence": 0.5,
        "sla_latency_ms": 0,
        "expires_at": LATER,
        "received_at": NOW,
    }
    return Bid(**{**plain, **fields})  # type: ignore[arg-type]


def test_the_contracts_example() -> None:
    ranked = score(a_bid(), Terms(10_000_000), Trust(0.3))
    assert ranked.total == 0.47
    assert ranked.scores == {"price": 0.5, "trust": 0.3, "confidence": 0.5, "mvp_sample": 0.5, "sla": 0.8}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("lowest_price", (0.5, 0.2, 0.1, 0.1, 0.1)),
        ("best_quality", (0.1, 0.4, 0.2, 0.2, 0.1)),
        ("balanced", (0.3, 0.3, 0.15, 0.15, 0.1)),
        ("", (0.3, 0.3, 0.15, 0.15, 0.1)),
        ("cheapest", (0.3, 0.3, 0.15, 0.15, 0.1)),
    ],
)
def test_the_contracts_weights(strategy: str, expected: tuple[float, ...]) -> None:
    assert tuple(weights(strategy)[name] for name in COMPONENTS) == expected


@pytest.mark.parametrize(
    ("promised", "asked", "expected"),
    [(0, 0, 0.8), (500, 0, 0.8), (0, 100, 0.0), (-1, 100, 0.0), (100, 100, 1.0), (150, 100, 0.5), (200, 100, 0.0)],
)
def test_the_contracts_latency_score(promised: int, asked: int, expected: float) -> None:
    ranked = score(a_bid(sla_latency_ms=promised), Terms(10_000_000, max_latency_ms=asked), Trust())
    assert ranked.scores["sla"] == expected


@pytest.mark.parametrize(
    ("bid", "demand", "trust", "reason"),
    [
        (a_bid(price_micro=10_000_001), Terms(10_000_000), Trust(), "Price exceeds budget"),
        (a_bid(price_micro=10_000_001, expires_at=NOW), Terms(10_000_000), Trust(), "Price exceeds budget"),
        (a_bid(expires_at=NOW), Terms(10_000_000, max_latency_ms=1), Trust(), "Bid expired"),
        (
            a_bid(sla_latency_ms=2),
            Terms(10_000_000, max_latency_ms=1, internal_only=True),
            Trust(),
            "SLA does not meet latency requirements",
        ),
        (
            a_bid(),
            Terms(10_000_000, internal_only=True),
            Trust(1.0, "PREFERRED"),
            "Work is for internal providers only",
        ),
        (a_bid(), Terms(10_000_000, min_trust_tier="TRUSTED"), Trust(1.0, "VERIFIED"), "Trust tier is below TRUSTED"),
        (a_bid(), Terms(10_000_000, min_trust_tier="TRUSTED"), Trust(1.0, "TRUSTED"), None),
        (a_bid(), Terms(10_000_000, min_trust_tier="TRUSTED"), Trust(1.0, "INTERNAL"), None),
        (
            a_bid(),
            Terms(10_000_000, min_trust_tier="VERIFIED"),
            Trust(1.0, "unheard of"),
            "Trust tier is below VERIFIED",
        ),
        (a_bid(), Terms(10_000_000, min_trust_tier="GOLD"), Trust(1.0, "INTERNAL"), "Trust tier is below GOLD"),
        (a_bid(price_micro=10_000_000), Terms(10_000_000), Trust(), None),
    ],
)
def test_who_is_out_and_why(bid: Bid, demand: Terms, trust: Trust, reason: str | None) -> None:
    assert disqualification(bid, demand, trust, NOW) == reason


@given(bids, terms, trusts)
def test_scores_are_finite_and_between_0_and_1(bid: Bid, demand: Terms, trust: dict[str, Trust]) -> None:
    ranked = score(bid, demand, trust.get(bid.provider_id, Trust()))
    for value in (ranked.total, *ranked.scores.values()):
        assert math.isfinite(value) and 0 <= value <= 1
    assert set(ranked.scores) == set(COMPONENTS)


@given(st.text())
def test_weights_add_up_to_1(strategy: str) -> None:
    assert round(math.fsum(weights(strategy).values()), 12) == 1


@given(many, terms, trusts, st.randoms(use_true_random=False))
def test_the_order_in_which_bids_arrive_never_changes_the_ranking(
    given_bids: list[Bid], demand: Terms, trust: dict[str, Trust], random: "object"
) -> None:
    shuffled = list(given_bids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    # By ids: a NaN in a bid is not equal to itself.
    first, second = rank(given_bids, demand, trust, NOW), rank(shuffled, demand, trust, NOW)
    assert [(e.bid.bid_id, e.total) for e in first[0]] == [(e.bid.bid_id, e.total) for e in second[0]]
    assert [(bid.bid_id, why) for bid, why in first[1]] == [(bid.bid_id, why) for bid, why in second[1]]


@given(many, terms, trusts)
def test_every_bid_is_either_ranked_or_out(given_bids: list[Bid], demand: Terms, trust: dict[str, Trust]) -> None:
    ranked, out = rank(given_bids, demand, trust, NOW)
    inside, outside = [entry.bid.bid_id for entry in ranked], [bid.bid_id for bid, _ in out]
    assert sorted(inside + outside) == sorted(bid.bid_id for bid in given_bids)
    for entry in ranked:
        assert disqualification(entry.bid, demand, trust.get(entry.bid.provider_id, Trust()), NOW) is None
        assert entry.bid.price_micro <= demand.max_price_micro and entry.bid.expires_at > NOW
    totals = [entry.total for entry in ranked]
    assert totals == sorted(totals, reverse=True)


@given(many, bids, st.integers(1, 10**15), terms, trusts)
def test_a_cheaper_bid_never_ranks_lower_all_else_equal(
    others: list[Bid], bid: Bid, saving: int, demand: Terms, trust: dict[str, Trust]
) -> None:
    cheaper = Bid(
        "bid_~cheaper",  # loses every tie by id
        bid.provider_id,
        max(0, bid.price_micro - saving),
        bid.confidence,
        bid.sla_latency_ms,
        bid.expires_at,
        bid.received_at,
    )
    if cheaper.price_micro == bid.price_micro:
        return
    others = [other for other in others if other.bid_id != bid.bid_id]
    ranked, _ = rank([bid, *others, cheaper], demand, trust, NOW)
    order = [entry.bid.bid_id for entry in ranked]
    if bid.bid_id in order:
        assert order.index(cheaper.bid_id) < order.index(bid.bid_id)


def test_defect_ties_are_never_left_to_chance() -> None:
    same = [
        a_bid(bid_id="bid_3", received_at="2026-11-24T11:00:02.000000Z"),
        a_bid(bid_id="bid_2", received_at="2026-11-24T11:00:01.000000Z"),
        a_bid(bid_id="bid_1", received_at="2026-11-24T11:00:01.000000Z"),
    ]
    ranked, _ = rank(same, Terms(10_000_000), {}, NOW)
    assert [entry.bid.bid_id for entry in ranked] == ["bid_1", "bid_2", "bid_3"]
