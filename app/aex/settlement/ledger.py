"""The ledger in the store: posting entries, reading balances, folding. What entries mean is `rules`.

No balance is ever read, changed and written back by a request: requests only insert entries, under ids that derive
from their cause. Checkpoints are written by folding alone, guarded by their version.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

from aex.core.clock import Clock, stamp
from aex.core.errors import unavailable
from aex.settlement import rules
from aex.settlement.rules import SIDES, Checkpoint, Side
from aex.settlement.streams import LEDGER, merged
from aex.store import AlreadyExists, Document, Page, Store, Stored, VersionConflict

BALANCES = "balances"
_ATTEMPTS = 20
"""Reads of a balance, or rounds of a fold, before giving up: each lost one means that another fold got ahead."""
FOLD_BATCH = 100
"""Entries per side that one fold takes in: what is in progress is listed in the checkpoint's document."""
_PAGE = 1000
_MAX_CHECKPOINT = 9 * 10**18
"""Micro-units that a checkpoint may hold: 64 bits in every database. Beyond it entries stay open, still counted."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A balance and what it consists of."""

    checkpoint: Stored | None
    balance_micro: int
    counted: frozenset[str]
    """Keys of the open sides in it."""

    def includes(self, side: Side) -> bool:
        """Whether the balance has this side in it, as opposed to one that was posted later."""
        return not side.open or side.key in self.counted


@dataclass(frozen=True, slots=True)
class Row:
    """One side of an entry as its account's owner sees it."""

    side: Side
    balance_after_micro: int


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of an account's history, and what the next page starts from."""

    rows: list[Row]
    cursors: list[str | None]
    balance_micro: int
    more: bool


class Ledger:
    """The entries and checkpoints of one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def post(self, entry_id: str, entry: Document) -> tuple[Stored, bool]:
        """Posts `entry`, the one write that moves money; (the entry under this id, whether it is this call's)."""
        try:
            return await self._store.insert(LEDGER, entry_id, entry), True
        except AlreadyExists:
            stored = await self._store.get(LEDGER, entry_id)
            if stored is None:  # entries are never deleted
                raise unavailable("the ledger changed under us; try again") from None
            return stored, False

    async def snapshot(self, account: str) -> Snapshot:
        """The balance of `account` now: consistent, though folding may be going on."""
        for _ in range(_ATTEMPTS):
            stored = await self._store.get(BALANCES, account)
            sides = [side async for side in self._open_sides(account)]
            if await self.unmoved(account, stored):
                balance = Checkpoint.of(stored).project(sides)
                return Snapshot(stored, balance, frozenset(side.key for side in sides))
        raise unavailable(f"the balance of {account} is being folded again and again; try again")

    async def unmoved(self, account: str, checkpoint: Stored | None) -> bool:
        """Whether the checkpoint is still the one that was read."""
        now = await self._store.get(BALANCES, account)
        return (now.version if now else None) == (checkpoint.version if checkpoint else None)

    async def history(self, account: str, limit: int, position: tuple[list[str | None], int] | None) -> Rows:
        """The rows of `account` after `position`, newest first, with the balance after each."""
        wheres = [{f"{side}_account": account} for side in SIDES]
        for _ in range(_ATTEMPTS):
            snapshot = await self.snapshot(account) if position is None else None
            cursors, balance = position or ([None] * len(SIDES), snapshot.balance_micro if snapshot else 0)
            page = await merged(self._store, wheres, cursors, limit)
            if snapshot is not None and not await self.unmoved(account, snapshot.checkpoint):
                continue
            rows: list[Row] = []
            for index, entry in page.rows:
                side = Side(entry, SIDES[index])
                if snapshot is not None and not snapshot.includes(side):
                    continue  # posted after the balance was read: it is on the next reading's first page
                rows.append(Row(side, balance))
                balance -= side.micro
            return Rows(rows, page.cursors, balance, page.more)
        raise unavailable(f"the history of {account} is being folded again and again; try again")

    async def fold_due(self, limit: int = _PAGE) -> int:
        """Folds the accounts with the oldest open sides; returns the number of sides closed."""
        accounts: dict[str, None] = {}
        for side in SIDES:
            page = await self._store.query(LEDGER, {f"{side}_open": True}, order="created_at", limit=limit)
            accounts.update((cast(str, entry.doc[f"{side}_account"]), None) for entry in page.items)
        return sum([await self.fold(account) for account in accounts])

    async def fold(self, account: str) -> int:
        """Takes the open sides of `account` into its checkpoint, exactly once each; returns how many it closed."""
        closed = 0
        for _ in range(_ATTEMPTS):
            stored = await self._store.get(BALANCES, account)
            checkpoint = Checkpoint.of(stored)
            try:
                if stored is not None and checkpoint.folding:
                    closed += await self._close(checkpoint.folding)
                    await self._write(stored, account, checkpoint.balance_micro, [])
                    continue
                sides = await self._batch(account)
                balance = checkpoint.project(sides)
                if not sides or abs(balance) > _MAX_CHECKPOINT:
                    return closed
                await self._write(stored, account, balance, [side.key for side in sides])
            except (VersionConflict, AlreadyExists):
                continue  # another instance folds this account: go on from what it did
        return closed

    async def _write(self, stored: Stored | None, account: str, balance: int, folding: list[str]) -> None:
        document = rules.checkpoint_document(account, balance, folding, stamp(self._clock()))
        if stored is None:
            await self._store.insert(BALANCES, account, document)
        else:
            await self._store.replace(stored, document, collection=BALANCES)

    async def _close(self, keys: frozenset[str]) -> int:
        """Closes sides that a committed checkpoint lists; returns how many were still open."""
        wanted: dict[str, set[str]] = {}
        for key in keys:
            entry_id, _, side = key.rpartition("/")
            wanted.setdefault(entry_id, set()).add(side)
        closed = 0
        while wanted:
            entries = await self._store.get_many(LEDGER, list(wanted))
            outcomes = await asyncio.gather(
                *(self._close_sides(entries.get(entry_id), sides) for entry_id, sides in wanted.items())
            )
            closed += sum(outcome or 0 for outcome in outcomes)
            # The other side's account may be folded at the same time: what conflicted is looked at again.
            again = [entry_id for entry_id, outcome in zip(wanted, outcomes, strict=True) if outcome is None]
            wanted = {entry_id: wanted[entry_id] for entry_id in again}
        return closed

    async def _close_sides(self, entry: Stored | None, sides: set[str]) -> int | None:
        """Closes these sides of an entry; how many were still open, None when somebody else wrote first."""
        still = {side for side in sides if entry is not None and Side(entry, side).open}
        if entry is None or not still:
            return 0
        try:
            await self._store.replace(
                entry, {**entry.doc, **{f"{side}_open": False for side in still}}, collection=LEDGER
            )
        except VersionConflict:
            return None
        return len(still)

    async def _batch(self, account: str) -> list[Side]:
        sides: list[Side] = []
        for side in SIDES:
            page = await self._open_page(account, side, FOLD_BATCH, None)
            sides += [Side(entry, side) for entry in page.items]
        return sides

    async def _open_sides(self, account: str) -> AsyncIterator[Side]:
        for side in SIDES:
            cursor: str | None = None
            while True:
                page = await self._open_page(account, side, _PAGE, cursor)
                for entry in page.items:
                    yield Side(entry, side)
                cursor = page.cursor
                if cursor is None:
                    break

    async def _open_page(self, account: str, side: str, limit: int, cursor: str | None) -> Page:
        where = {f"{side}_account": account, f"{side}_open": True}
        return await self._store.query(LEDGER, where, order="created_at", limit=limit, cursor=cursor)


__all__ = ["BALANCES", "FOLD_BATCH", "Ledger", "Row", "Rows", "Snapshot"]
