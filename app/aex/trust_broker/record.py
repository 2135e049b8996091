"""A provider's trust record: the stored shape, and how an outcome changes it. Pure.

The record holds the newest outcomes itself, so that score, tier and counters move in one write. An outcome that has
been added stays in `unconfirmed` until its own document says so: that is how it is added exactly once (`broker.py`).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, cast

from aex.core.clock import from_stamp, stamp
from aex.core.fields import flag, number, objects, text, texts
from aex.store.port import Document, JsonValue
from aex.trust_broker.rules import WINDOW, Outcome, base_score, final_score, outcome_from, tier_of

FLAGS = {
    "identity": "identity_verified",
    "endpoint": "endpoint_verified",
    "compliance": "compliance_verified",
    "internal": "internal",
}
"""What can be verified, and the field that holds it. `internal` marks a provider that the exchange runs itself."""

_CODES = {outcome: code for code, outcome in enumerate(Outcome)}
_OUTCOMES = {code: outcome for outcome, code in _CODES.items()}
_COUNTERS = {
    Outcome.SUCCESS: ("successful_contracts",),
    Outcome.SUCCESS_PARTIAL: ("successful_contracts",),
    Outcome.FAILURE_PROVIDER: ("failed_contracts",),
    Outcome.FAILURE_EXTERNAL: ("failed_contracts",),
    Outcome.FAILURE_CONSUMER: ("failed_contracts",),
    Outcome.EXPIRED: ("failed_contracts",),
    Outcome.DISPUTE_WON: ("disputed_contracts", "disputes_won"),
    Outcome.DISPUTE_LOST: ("disputed_contracts", "disputes_lost"),
}
COUNTERS = (
    "total_contracts",
    "successful_contracts",
    "failed_contracts",
    "disputed_contracts",
    "disputes_won",
    "disputes_lost",
)


class Standing(NamedTuple):
    """Score and tier at a moment."""

    score: float
    tier: str


class Effect(NamedTuple):
    """What adding an outcome did."""

    previous_score: float
    new_score: float
    tier_changed: bool


def new_record(provider_id: str, now: datetime) -> Document:
    """The record of a provider that nothing is known of."""
    moment = stamp(now)
    return {
        "provider_id": provider_id,
        **dict.fromkeys(COUNTERS, 0),
        **dict.fromkeys(FLAGS.values(), False),
        "outcomes": [],
        "unconfirmed": [],
        "registered_at": moment,
        "last_contract_at": None,
        "last_updated": moment,
    }


def base_of(record: Document) -> float:
    """Weighted mean of the newest outcomes."""
    return base_score([_outcome(entry) for entry in texts(record, "outcomes")], internal=flag(record, "internal"))


def standing(record: Document, now: datetime) -> Standing:
    """Score and tier of the record at `now`; tenure grows by itself, so neither is stored."""
    score = final_score(
        base_of(record),
        identity=flag(record, "identity_verified"),
        endpoint=flag(record, "endpoint_verified"),
        registered=from_stamp(text(record, "registered_at")),
        now=now,
    )
    return Standing(score, tier_of(score, number(record, "total_contracts"), internal=flag(record, "internal")))


def with_outcome(record: Document, outcome_id: str, outcome: Outcome, counted_at: str, now: datetime) -> Document:
    """The record after one more outcome, which is unconfirmed in it."""
    before = standing(record, now)
    entry = f"{counted_at} {_CODES[outcome]} {outcome_id[-8:]}"
    changed: Document = {
        **record,
        "outcomes": cast(JsonValue, sorted([*texts(record, "outcomes"), entry], reverse=True)[:WINDOW]),
        "total_contracts": number(record, "total_contracts") + 1,
        **{name: number(record, name) + 1 for name in _COUNTERS[outcome]},
        "last_contract_at": max(counted_at, text(record, "last_contract_at")),
        "last_updated": stamp(now),
    }
    after = standing(changed, now)
    note: Document = {
        "id": outcome_id,
        "previous_score": before.score,
        "new_score": after.score,
        "tier_changed": before.tier != after.tier,
    }
    return {**changed, "unconfirmed": [*objects(record, "unconfirmed"), note]}


def counters_of(outcomes: Iterable[str]) -> dict[str, int]:
    """The counters of a record that holds exactly these outcomes."""
    counters: dict[str, int] = {name: 0 for name in COUNTERS}
    for outcome in outcomes:
        for name in ("total_contracts", *_COUNTERS[outcome_from(outcome)]):
            counters[name] += 1
    return counters


def without_confirmed(record: Document, confirmed: Iterable[str]) -> Document:
    """The record without the notes of outcomes whose documents say that they have been added."""
    gone = set(confirmed)
    return {**record, "unconfirmed": [note for note in objects(record, "unconfirmed") if note["id"] not in gone]}


def effect_of(record: Document, outcome_id: str) -> Effect | None:
    """What adding this outcome did; None when it is not, or no longer, unconfirmed."""
    for note in objects(record, "unconfirmed"):
        if note["id"] == outcome_id:
            return effect_from(note)
    return None


def effect_from(doc: Document) -> Effect:
    """The effect that a note or an outcome's document holds."""
    previous, new = cast(float, doc["previous_score"]), cast(float, doc["new_score"])
    return Effect(previous, new, flag(doc, "tier_changed"))


def _outcome(entry: str) -> Outcome:
    return _OUTCOMES[int(entry.split(" ")[1])]


__all__ = [
    "COUNTERS",
    "FLAGS",
    "Effect",
    "Standing",
    "base_of",
    "counters_of",
    "effect_from",
    "effect_of",
    "new_record",
    "standing",
    "with_outcome",
    "without_confirmed",
]
