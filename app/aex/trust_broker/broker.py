"""The use cases of the trust broker over its store.

Recording an outcome takes three writes, each of one document: the outcome (its id derives from the contract, so a
contract has one), the record with it (unconfirmed), the outcome again (applied). Whoever repeats the report, or reports
the next outcome, finishes what a crash interrupted; an outcome is added to the record only if, read after the record,
it says that it has not been, and the record in that version does not hold it.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from aex.core.clock import Clock, from_stamp, stamp
from aex.core.errors import bad_request, conflict, unavailable
from aex.core.fields import flag, objects, text
from aex.core.ids import derived_id, is_id
from aex.core.wire import pack
from aex.store.port import AlreadyExists, Document, Page, Store, Stored, VersionConflict
from aex.trust_broker import record as records
from aex.trust_broker.models import OutcomeReport, Verification
from aex.trust_broker.record import Effect, Standing
from aex.trust_broker.rules import counted_from, outcome_from

RECORDS = "trust_records"
OUTCOMES = "contract_outcomes"
_ATTEMPTS = 60
_UNCONFIRMED_AT_MOST = 16
"""Notes of interrupted reports that a record may carry before somebody else's report finishes them."""


class Known(NamedTuple):
    """A provider's record as it is now."""

    record: Document
    standing: Standing


class Broker:
    """Trust of all providers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def of(self, provider_id: str) -> Known:
        """The record of a provider; of an unknown one a newcomer's, which is not stored."""
        now = self._clock()
        stored = await self._store.get(RECORDS, provider_id)
        record = stored.doc if stored else records.new_record(provider_id, now)
        return Known(record, records.standing(record, now))

    async def batch(self, provider_ids: Sequence[str]) -> dict[str, Standing]:
        """Score and tier of each of these, in one read; blank ids are skipped."""
        now = self._clock()
        ids = list(dict.fromkeys(id for id in provider_ids if id.strip()))
        found = await self._store.get_many(RECORDS, ids)
        newcomer = records.standing(records.new_record("", now), now)
        return {id: records.standing(found[id].doc, now) if id in found else newcomer for id in ids}

    async def history(self, provider_id: str, limit: int, cursor: str | None) -> Page:
        """A provider's outcomes, newest first."""
        return await self._store.query(
            OUTCOMES, {"provider_id": provider_id}, order="-completed_at", limit=limit, cursor=cursor
        )

    async def record(self, report: OutcomeReport) -> Effect:
        """Records the outcome of a contract, once: a repeated report gets the first answer, another outcome a 409."""
        provider_id, contract_id = report.provider_id.strip(), report.contract_id.strip()
        if not (provider_id and contract_id and report.outcome):
            raise bad_request("missing required fields: provider_id, contract_id and outcome")
        if not (is_id(provider_id) and is_id(contract_id)):
            raise bad_request("provider_id and contract_id hold letters, digits and _ . : @ - only")
        outcome_id = derived_id("out_", contract_id)
        doc = self._document(report, provider_id, contract_id)
        try:
            await self._store.insert(OUTCOMES, outcome_id, doc)
        except AlreadyExists:
            stored = await self._outcome(outcome_id)
            if stored.doc["provider_id"] != provider_id or stored.doc["outcome"] != report.outcome:
                raise conflict(
                    f"contract {contract_id} has the outcome {stored.doc['outcome']} already", "outcome_recorded"
                ) from None
        return await self._apply(outcome_id, provider_id)

    async def verify(self, provider_id: str, verification: Verification) -> Known:
        """Sets or clears what has been verified about a provider."""
        if not is_id(provider_id):
            raise bad_request("provider_id holds letters, digits and _ . : @ - only")
        field = records.FLAGS[verification.verification_type]
        for attempt in range(_ATTEMPTS):
            now = self._clock()
            stored = await self._store.get(RECORDS, provider_id)
            record = stored.doc if stored else records.new_record(provider_id, now)
            changed: Document = {**record, field: verification.verified, "last_updated": stamp(now)}
            if await self._write(stored, provider_id, changed):
                return Known(changed, records.standing(changed, now))
            await _wait(attempt)
        raise _contended()

    async def _apply(self, outcome_id: str, provider_id: str) -> Effect:
        for attempt in range(_ATTEMPTS):
            now = self._clock()
            stored = await self._store.get(RECORDS, provider_id)
            record = stored.doc if stored else records.new_record(provider_id, now)
            # After the record, not before: see the module's docstring.
            outcomes = await self._outcomes(record, outcome_id)
            outcome = outcomes[outcome_id]
            if flag(outcome.doc, "applied"):
                return records.effect_from(outcome.doc)
            if effect := records.effect_of(record, outcome_id):
                await self._confirm(outcome, effect)
                return effect
            confirmed = [id for id, other in outcomes.items() if flag(other.doc, "applied")]
            changed = records.with_outcome(
                records.without_confirmed(record, confirmed),
                outcome_id,
                outcome_from(text(outcome.doc, "outcome")),
                text(outcome.doc, "completed_at"),
                now,
            )
            if await self._write(stored, provider_id, changed):
                return await self._finish(changed, outcome, outcomes)
            await _wait(attempt)
        raise _contended()

    async def _finish(self, record: Document, outcome: Stored, outcomes: dict[str, Stored]) -> Effect:
        effect = records.effect_of(record, outcome.id)
        if effect is None:
            raise AssertionError("the outcome was added to this very record")
        notes = objects(record, "unconfirmed")
        if len(notes) > _UNCONFIRMED_AT_MOST:
            for note in notes:
                left = outcomes.get(text(note, "id"))
                if left is not None and left.id != outcome.id:
                    await self._confirm(left, records.effect_from(note))
        await self._confirm(outcome, effect)
        return effect

    async def _confirm(self, outcome: Stored, effect: Effect) -> None:
        """Writes into the outcome's document that it is in the record, and what that did."""
        while not flag(outcome.doc, "applied"):
            doc: Document = {**outcome.doc, "applied": True, **effect._asdict()}
            try:
                await self._store.replace(outcome, doc, collection=OUTCOMES)
                return
            except VersionConflict:
                outcome = await self._outcome(outcome.id)

    async def _outcomes(self, record: Document, outcome_id: str) -> dict[str, Stored]:
        ids = [outcome_id, *(text(note, "id") for note in objects(record, "unconfirmed"))]
        found = await self._store.get_many(OUTCOMES, ids)
        if outcome_id not in found:
            raise unavailable("the outcome is not readable yet; try again")
        return found

    async def _outcome(self, outcome_id: str) -> Stored:
        stored = await self._store.get(OUTCOMES, outcome_id)
        if stored is None:
            raise unavailable("the outcome is not readable yet; try again")
        return stored

    async def _write(self, stored: Stored | None, provider_id: str, record: Document) -> bool:
        """Writes the record unless somebody else did since `stored` was read."""
        try:
            if stored is None:
                await self._store.insert(RECORDS, provider_id, record)
            else:
                await self._store.replace(stored, record, collection=RECORDS)
        except (AlreadyExists, VersionConflict):
            return False
        return True

    def _document(self, report: OutcomeReport, provider_id: str, contract_id: str) -> Document:
        now = self._clock()
        claimed: datetime = from_stamp(report.completed_at) if report.completed_at else now
        return {
            "provider_id": provider_id,
            "contract_id": contract_id,
            "consumer_id": report.consumer_id,
            "outcome": str(report.outcome),
            "metrics": pack(report.metrics) if report.metrics else None,
            "agreed_price": report.agreed_price,
            "final_price": report.final_price,
            "claimed_completed_at": stamp(claimed),
            "completed_at": stamp(counted_from(claimed, now)),
            "recorded_at": stamp(now),
            "applied": False,
        }


async def _wait(attempt: int) -> None:
    await asyncio.sleep(random.uniform(0, 0.002) * min(attempt, 10))  # noqa: S311 - jitter


def _contended() -> Exception:
    return unavailable("many changes of this provider's trust at the same time; try again")


__all__ = ["OUTCOMES", "RECORDS", "Broker", "Known"]
