"""The invariants that no single service can see: each is about documents of several, or about all outboxes.

* One contract per work, which the work names and which names the work.
* One settlement per ended contract, of the right price; none without a contract.
* One outcome per ended contract.
* No dangling outbox: what is to be done elsewhere is due soon, and found by the sweep.

Contracts are read first and what follows from them afterwards, so that what happens in between is no difference; what
the other order would let through, a second look at it later does (`check`).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from aex.core.audit import STUCK_SECONDS, AllOf, Difference
from aex.core.clock import Clock, stamp
from aex.core.fields import flag, nested, number, objects, text
from aex.store import Document, Stored

_CONTRACT = "one contract per work"
_SETTLEMENT = "one settlement per contract"
_OUTCOME = "one outcome per contract"
_OUTBOX = "no dangling outbox"
_SETTLED = frozenset({"COMPLETED", "FAILED"})
_ENDED = _SETTLED | {"EXPIRED"}


@dataclass(frozen=True, slots=True)
class Contract:
    """What is remembered of a contract while the rest is read."""

    work: str
    reserved: bool
    billed: bool
    settled: bool
    ended: bool
    price_micro: int
    pending: frozenset[str]

    @classmethod
    def of(cls, doc: Document) -> "Contract":
        """From its document; `pending` are the kinds of effects that are still to be sent."""
        status = text(doc, "status")
        return cls(
            work=text(doc, "work_id"),
            reserved=status == "RESERVED",
            billed=status == "COMPLETED" and flag(nested(doc, "outcome"), "success"),
            settled=status in _SETTLED,
            ended=status in _ENDED,
            price_micro=number(doc, "price_micro"),
            pending=frozenset(text(entry, "kind") for entry in objects(doc, "outbox")),
        )


async def between_services(all_of: AllOf) -> list[Difference]:
    """What contradicts between contracts, works, ledger and outcomes."""
    contracts = {stored.id: Contract.of(stored.doc) async for stored in all_of("contracts")}
    return [
        *_twice(contracts),
        *[one async for one in _works(contracts, all_of)],
        *[one async for one in _settlements(contracts, all_of)],
        *[one async for one in _outcomes(contracts, all_of)],
    ]


def outbox(collection: str, stored: Stored, clock: Clock) -> Difference | None:
    """What is wrong with the outbox of one document."""
    entries, pending = objects(stored.doc, "outbox"), flag(stored.doc, "outbox_pending")
    due = text(stored.doc, "outbox_next_at")
    subject = f"{collection}/{stored.id}"
    if bool(entries) != pending:
        return Difference(_OUTBOX, subject, "its effects and its mark for the sweep do not agree")
    if entries and not due:
        return Difference(_OUTBOX, subject, "its effects are due at no time")
    if entries and due < stamp(clock() - timedelta(seconds=STUCK_SECONDS)):
        kinds = ", ".join(sorted({text(entry, "kind") for entry in entries}))
        return Difference(_OUTBOX, subject, f"{kinds} is due since {due}: do the duties run?")
    if collection == "contracts" and text(stored.doc, "status") == "RESERVED" and not entries:
        return Difference(_OUTBOX, subject, "is reserved, and nothing will finish it")
    return None


def _twice(contracts: dict[str, Contract]) -> list[Difference]:
    first: dict[str, str] = {}
    return [
        Difference(_CONTRACT, one.work, f"has the contracts {first[one.work]} and {id}")
        for id, one in contracts.items()
        if first.setdefault(one.work, id) != id
    ]


async def _works(contracts: dict[str, Contract], all_of: AllOf) -> AsyncIterator[Difference]:
    named: set[str] = set()
    async for work in all_of("work_specs"):
        id = text(work.doc, "contract_id")
        if not id:
            continue
        named.add(id)
        contract = contracts.get(id)
        if contract is None:
            yield Difference(_CONTRACT, work.id, f"names the contract {id}, which does not exist")
        elif contract.work != work.id:
            yield Difference(_CONTRACT, work.id, f"names the contract {id}, which is that of {contract.work}")
    for id, contract in contracts.items():
        if not contract.reserved and id not in named:
            yield Difference(_CONTRACT, id, f"is the contract of {contract.work}, which does not name it")


async def _settlements(contracts: dict[str, Contract], all_of: AllOf) -> AsyncIterator[Difference]:
    entry_of: dict[str, str] = {}
    async for entry in all_of("ledger"):
        execution = nested(entry.doc, "execution")
        if not execution:
            continue
        id = text(execution, "contract_id")
        if id in entry_of:
            yield Difference(_SETTLEMENT, id, f"is settled by {entry_of[id]} and {entry.id}")
            continue
        entry_of[id] = entry.id
        contract = contracts.get(id)
        if contract is None:
            yield Difference(_SETTLEMENT, id, f"is settled by {entry.id} and does not exist")
            continue
        due = contract.price_micro if contract.billed else 0
        if number(entry.doc, "amount_micro") != due:
            paid = number(entry.doc, "amount_micro")
            yield Difference(_SETTLEMENT, id, f"{entry.id} moves {paid} micro-units instead of {due}")
    for id, contract in contracts.items():
        if contract.settled and id not in entry_of and "settle" not in contract.pending:
            yield Difference(_SETTLEMENT, id, "has ended, is not settled, and nothing will settle it")


async def _outcomes(contracts: dict[str, Contract], all_of: AllOf) -> AsyncIterator[Difference]:
    outcome_of: dict[str, str] = {}
    async for outcome in all_of("contract_outcomes"):
        id = text(outcome.doc, "contract_id")
        if id in outcome_of:
            yield Difference(_OUTCOME, id, f"has the outcomes {outcome_of[id]} and {outcome.id}")
        outcome_of[id] = outcome.id
    for id, contract in contracts.items():
        if contract.ended and id not in outcome_of and "trust" not in contract.pending:
            yield Difference(_OUTCOME, id, "has ended, has no outcome, and nothing will report one")


__all__ = ["Contract", "between_services", "outbox"]
