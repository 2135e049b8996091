"""Holds every trust record against the outcomes that it was made of.

Works while outcomes are recorded: a record that seems wrong in the pass over all of them is looked at again by itself,
between two reads of the same version.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from aex.core.audit import STUCK_SECONDS, AllOf, Difference
from aex.core.clock import Clock, stamp
from aex.core.fields import flag, number, objects, text
from aex.store.port import Document, Store, Stored
from aex.trust_broker.broker import OUTCOMES, RECORDS
from aex.trust_broker.record import counters_of

_INVARIANT = "trust counters equal outcomes"
_ATTEMPTS = 20
_PAGE = 500


async def differences(store: Store, all_of: AllOf, clock: Clock) -> list[Difference]:
    """Every provider whose counters are not what its outcomes add up to, and every outcome that nobody counted."""
    applied: dict[str, Counter[str]] = {}
    waiting: dict[str, list[Stored]] = {}
    async for outcome in all_of(OUTCOMES):
        provider = text(outcome.doc, "provider_id")
        if flag(outcome.doc, "applied"):
            applied.setdefault(provider, Counter())[text(outcome.doc, "outcome")] += 1
        else:
            waiting.setdefault(provider, []).append(outcome)
    suspects = set(waiting)
    seen: set[str] = set()
    async for record in all_of(RECORDS):
        seen.add(record.id)
        if _problem(record.doc, applied.get(record.id, Counter()).elements()):
            suspects.add(record.id)
    suspects |= applied.keys() - seen
    forgotten = stamp(clock() - timedelta(seconds=STUCK_SECONDS))
    return [found for provider in sorted(suspects) for found in await _again(store, provider, forgotten)]


async def _again(store: Store, provider: str, forgotten: str) -> list[Difference]:
    """One provider, looked at while its record stands still."""
    for _ in range(_ATTEMPTS):
        record = await store.get(RECORDS, provider)
        outcomes = await _outcomes(store, provider)
        after = await store.get(RECORDS, provider)
        if (record and record.version) == (after and after.version):
            return _found(provider, record.doc if record else {}, outcomes, forgotten)
    return []  # it moves all the time, each time by a write that was guarded by its version


def _found(provider: str, record: Document, outcomes: list[Stored], forgotten: str) -> list[Difference]:
    unconfirmed = {text(note, "id") for note in objects(record, "unconfirmed")}
    counted = [one for one in outcomes if flag(one.doc, "applied") or one.id in unconfirmed]
    found = [
        Difference(_INVARIANT, one.id, f"is not counted for {provider} since {text(one.doc, 'recorded_at')}")
        for one in outcomes
        if one not in counted and text(one.doc, "recorded_at") < forgotten
    ]
    if problem := _problem(record, (text(one.doc, "outcome") for one in counted)):
        found.append(Difference(_INVARIANT, provider, problem))
    return found


async def _outcomes(store: Store, provider: str) -> list[Stored]:
    outcomes: list[Stored] = []
    cursor: str | None = None
    while True:
        page = await store.query(OUTCOMES, {"provider_id": provider}, order="-completed_at", limit=_PAGE, cursor=cursor)
        outcomes += page.items
        cursor = page.cursor
        if cursor is None:
            return outcomes


def _problem(record: Document, outcomes: Iterable[str]) -> str:
    wanted: Mapping[str, int] = counters_of(outcomes)
    wrong = [
        f"{name} is {number(record, name)} instead of {due}"
        for name, due in wanted.items()
        if number(record, name) != due
    ]
    return ", ".join(wrong)


__all__ = ["differences"]
