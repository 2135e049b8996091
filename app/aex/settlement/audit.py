"""Recomputes every balance from the ledger alone, reports each difference, and can put checkpoints right.

Works while money moves: what a checkpoint must hold depends only on sides that it has taken in, which new entries never
change; and an account that seems wrong in the scan is looked at again by itself before it is reported.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

from aex.core.audit import AllOf, Difference
from aex.core.clock import Clock, stamp
from aex.core.errors import unavailable
from aex.core.money import text_from_micro
from aex.settlement import rules
from aex.settlement.ledger import BALANCES, Ledger
from aex.settlement.rules import EXTERNAL, FEES, SIDES, Checkpoint, Side
from aex.settlement.streams import LEDGER
from aex.store import AlreadyExists, Scalar, Store, Stored, VersionConflict

_PAGE = 500
_ATTEMPTS = 20


@dataclass(slots=True)
class Totals:
    """What one pass over the ledger adds up to."""

    entries: int = 0
    balances: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Account: sum of all its sides."""
    closed: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Account: sum of the closed sides."""
    open: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    """Account: the open sides by key."""
    external: int = 0
    fees: int = 0
    unsound: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def add(self, entry: Stored) -> None:
        """One entry."""
        self.entries += 1
        problem = rules.problem_of(entry)
        if problem:
            self.unsound.append({"entry": entry.id, "problem": problem})
        external, fee = rules.derived_micro(entry.doc)
        self.external += external
        self.fees += fee
        for account, side in rules.sides_of(entry):
            self.balances[account] += side.micro
            if side.open:
                self.open.setdefault(account, {})[side.key] = side.micro
            else:
                self.closed[account] += side.micro

    def due(self, account: str, checkpoint: Checkpoint) -> int:
        """What this pass says the checkpoint of `account` must hold."""
        opened = self.open.get(account, {})
        return self.closed[account] + sum(micro for key, micro in opened.items() if key in checkpoint.folding)


async def differences(store: Store, _all_of: AllOf, clock: Clock) -> list[Difference]:
    """What `python -m aex check` asks: the differences of the ledger, one for each account or entry."""
    report = await Auditor(store, Ledger(store, clock), clock).check()
    found = [
        Difference("the ledger balances", one["entry"], one["problem"])
        if "entry" in one
        else Difference(
            "the ledger balances", one["account"], f"the balance is {one['balance']}, the ledger says {one['ledger']}"
        )
        for one in cast("list[dict[str, str]]", report["differences"])
    ]
    if report["sum_micro"] != 0 and not found:
        found.append(Difference("the ledger balances", "all accounts", f"the sum is {report['sum_micro']} micro-units"))
    return found


class Auditor:
    """Checks and rebuilds the checkpoints of one store."""

    def __init__(self, store: Store, ledger: Ledger, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock

    async def check(self) -> dict[str, object]:
        """`{accounts, entries, sum_micro, external, fees, differences}`; the sum and the differences are 0 and none."""
        totals = await self._scan()
        wrong = await self._wrong(totals)
        total = sum(totals.balances.values()) + sum(found - due for found, due in wrong.values())
        differences: list[dict[str, str]] = [
            {
                "account": account,
                "balance": text_from_micro(found),
                "ledger": text_from_micro(due),
                "difference": text_from_micro(found - due),
            }
            for account, (found, due) in sorted(wrong.items())
        ]
        return {
            "accounts": len(totals.balances),
            "entries": totals.entries,
            "sum_micro": total + totals.external + totals.fees,
            EXTERNAL: text_from_micro(totals.external),
            FEES: text_from_micro(totals.fees),
            "differences": [*differences, *totals.unsound],
        }

    async def rebuild(self) -> list[str]:
        """Sets every wrong checkpoint to what the ledger says; returns the accounts that were put right."""
        wrong = await self._wrong(await self._scan())
        for account in wrong:
            await self._put_right(account)
        return sorted(wrong)

    async def _scan(self) -> Totals:
        totals = Totals()
        async for entry in self._all(LEDGER, {}, "created_at"):
            totals.add(entry)
        return totals

    async def _wrong(self, totals: Totals) -> dict[str, tuple[int, int]]:
        """Account: (what its checkpoint holds, what it must hold), for those where they differ."""
        checkpoints = {item.id: item async for item in self._all(BALANCES, {}, "account")}
        suspects = [
            account
            for account in {*totals.balances, *checkpoints}
            if totals.due(account, checkpoint := Checkpoint.of(checkpoints.get(account))) != checkpoint.balance_micro
        ]
        wrong: dict[str, tuple[int, int]] = {}
        for account in suspects:
            stored, due = await self._due(account)
            found = Checkpoint.of(stored).balance_micro
            if found != due:
                wrong[account] = (found, due)
        return wrong

    async def _due(self, account: str) -> tuple[Stored | None, int]:
        """The checkpoint of one account, and what it must hold, from one moment."""
        for _ in range(_ATTEMPTS):
            stored = await self._store.get(BALANCES, account)
            sides = [
                Side(entry, side)
                for side in SIDES
                async for entry in self._all(LEDGER, {f"{side}_account": account}, "-created_at")
            ]
            if await self._ledger.unmoved(account, stored):
                return stored, Checkpoint.of(stored).due(sides)
        raise unavailable(f"the balance of {account} is being folded again and again; try again")

    async def _put_right(self, account: str) -> None:
        for _ in range(_ATTEMPTS):
            stored, due = await self._due(account)
            document = rules.checkpoint_document(account, due, Checkpoint.of(stored).folding, stamp(self._clock()))
            try:
                if stored is None:
                    await self._store.insert(BALANCES, account, document)
                else:
                    await self._store.replace(stored, document, collection=BALANCES)
                return
            except (VersionConflict, AlreadyExists):
                continue
        raise unavailable(f"the balance of {account} is being folded again and again; try again")

    async def _all(self, collection: str, where: dict[str, Scalar], order: str) -> AsyncIterator[Stored]:
        cursor: str | None = None
        while True:
            page = await self._store.query(collection, where, order=order, limit=_PAGE, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.cursor
            if cursor is None:
                return
            await asyncio.sleep(0)  # a long scan lets requests in between


__all__ = ["Auditor", "Totals", "differences"]
