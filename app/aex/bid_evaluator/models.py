"""Evaluations on the wire and in the store, and the reading of what other services say about work and bids."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from aex.bid_evaluator.scoring import Bid, Ranked, Terms
from aex.core import money
from aex.core.clock import parse_rfc3339, stamp, wire_time
from aex.core.fields import flag, nested, number, objects, real, text
from aex.core.ids import is_id
from aex.core.wire import Price, Text, Wire, present
from aex.store.port import Document, JsonValue


def _work_id(value: str) -> str:
    if not value.strip():
        raise ValueError("is required")
    if not is_id(value.strip()):
        raise ValueError("is not the id of a work")
    return value.strip()


class Budget(Wire):
    """The budget of a work that the work-publisher does not know."""

    max_price: Price | None = None
    bid_strategy: Text = ""


class Constraints(Wire):
    """The constraints of a work that the work-publisher does not know."""

    max_latency_ms: Annotated[int, Field(le=10**12)] = 0
    min_trust_tier: Text = ""
    internal_only: bool = False


class EvaluateRequest(Wire):
    """`POST /internal/v1/evaluate`."""

    work_id: Annotated[Text, AfterValidator(_work_id)]
    budget: Budget = Budget()
    constraints: Constraints = Constraints()

    def terms(self) -> Terms | None:
        """What the caller says the work asks for; None without a budget."""
        if self.budget.max_price is None:
            return None
        return Terms(
            max_price_micro=self.budget.max_price,
            strategy=self.budget.bid_strategy or "balanced",
            max_latency_ms=max(0, self.constraints.max_latency_ms),
            min_trust_tier=self.constraints.min_trust_tier.upper(),
            internal_only=self.constraints.internal_only,
        )


@dataclass(frozen=True, slots=True)
class Work:
    """What is known of a work."""

    work_id: str
    consumer_id: str
    status: str
    auto_award: bool
    evaluation_pending: bool
    bid_window_ends_at: str
    terms: Terms

    @property
    def window_is_over(self) -> bool:
        """Whether no bid can come any more."""
        return self.status != "OPEN"


def work_from(answer: Document) -> Work:
    """The work-publisher's answer, read."""
    budget, constraints = nested(answer, "budget"), nested(answer, "constraints")
    return Work(
        work_id=text(answer, "work_id"),
        consumer_id=text(answer, "consumer_id"),
        status=text(answer, "status"),
        auto_award=flag(answer, "auto_award"),
        evaluation_pending=flag(answer, "evaluation_pending"),
        bid_window_ends_at=_moment(answer, "bid_window_ends_at"),
        terms=Terms(
            max_price_micro=money.micro_from_number(real(budget, "max_price")),
            strategy=text(budget, "bid_strategy"),
            max_latency_ms=number(constraints, "max_latency_ms"),
            min_trust_tier=text(constraints, "min_trust_tier"),
            internal_only=flag(constraints, "internal_only"),
        ),
    )


def bid_from(answer: Document) -> Bid:
    """One bid of the bid-gateway's answer, read."""
    return Bid(
        bid_id=text(answer, "bid_id"),
        provider_id=text(answer, "provider_id"),
        price_micro=money.micro_from_number(real(answer, "price")),
        confidence=real(answer, "confidence"),
        sla_latency_ms=number(nested(answer, "sla"), "max_latency_ms"),
        expires_at=_moment(answer, "expires_at"),
        received_at=_moment(answer, "received_at"),
    )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One ranking of the bids on a work."""

    evaluation_id: str
    work_id: str
    terms: Terms
    ranked: list[Ranked]
    disqualified: list[tuple[Bid, str]]
    evaluated_at: str
    degraded: bool
    """Made without the trust-broker: every bidder counted as unknown."""
    final: bool
    """The window was over: no bid could be missing."""

    @property
    def total_bids(self) -> int:
        """How many bids were looked at."""
        return len(self.ranked) + len(self.disqualified)

    def document(self) -> Document:
        """As stored, and as far as other services and clients are concerned also as answered."""
        ranked: list[JsonValue] = [
            {
                "rank": place,
                "bid_id": entry.bid.bid_id,
                "provider_id": entry.bid.provider_id,
                "price": money.number_from_micro(entry.bid.price_micro),
                "total_score": entry.total,
                "scores": dict(entry.scores),
            }
            for place, entry in enumerate(self.ranked, 1)
        ]
        disqualified: list[JsonValue] = [{"bid_id": bid.bid_id, "reason": why} for bid, why in self.disqualified]
        return {
            "evaluation_id": self.evaluation_id,
            "work_id": self.work_id,
            "bid_strategy": self.terms.strategy,
            "max_price": money.number_from_micro(self.terms.max_price_micro),
            "total_bids": self.total_bids,
            "valid_bids": len(self.ranked),
            "ranked_bids": ranked,
            "disqualified_bids": disqualified,
            "evaluated_at": self.evaluated_at,
            "degraded": self.degraded,
            "final": self.final,
        }


_ANSWERED = ("evaluation_id", "work_id", "bid_strategy", "max_price", "total_bids", "valid_bids", "degraded", "final")


def view(doc: Document) -> dict[str, object]:
    """The contract's evaluation (6.2), from a stored one."""
    return {
        **{name: doc.get(name) for name in _ANSWERED},
        "ranked_bids": objects(doc, "ranked_bids"),
        "disqualified_bids": objects(doc, "disqualified_bids"),
        "evaluated_at": wire_time(text(doc, "evaluated_at")),
    }


def internal_view(doc: Document) -> dict[str, object]:
    """What the contract-engine gets: the evaluation, and what it means for the award."""
    more = {"consumer_id": doc.get("consumer_id"), "auto_award": doc.get("auto_award")}
    return {**view(doc), **present(more), "award_pending": flag(doc, "award_pending")}


def _moment(answer: Document, name: str) -> str:
    return stamp(parse_rfc3339(text(answer, name)))


__all__ = ["EvaluateRequest", "Evaluation", "Work", "bid_from", "internal_view", "view", "work_from"]
