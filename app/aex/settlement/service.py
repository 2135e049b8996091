"""The use cases of settlement: deposit, settle, read. A change is one insert under an id that its cause gives."""

from typing import cast

from aex.core.clock import Clock, stamp
from aex.core.context import RequestContext
from aex.core.errors import ApiError, bad_request, conflict, forbidden
from aex.core.idempotency import key_reused
from aex.core.ids import derived_id, is_id, new_id
from aex.core.logging import get_logger
from aex.core.money import MAX_MICRO, micro_from_text, text_from_micro
from aex.core.wire import pack
from aex.settlement import rules
from aex.settlement.ledger import BALANCES, Ledger, Rows
from aex.settlement.models import DepositBody, SettleBody
from aex.settlement.rules import Checkpoint
from aex.settlement.streams import LEDGER, NEWEST_FIRST, Merged, merged, unpack_cursor
from aex.store import Document, Store, Stored

log = get_logger(__name__)

_ZERO_TIME = "0001-"
"""How a Go client writes that it knows no time (contract 1.4)."""
_METADATA_BYTES = 65_536
"""An entry is written again when it is folded, so what a client attaches to it is bounded."""


class Settlement:
    """Settlement on one store."""

    def __init__(self, store: Store, ledger: Ledger, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock

    async def deposit(self, caller: RequestContext, body: DepositBody, key: str | None) -> Document:
        """Books a deposit; the same `key` of the same tenant books it once. Returns its entry."""
        if not body.tenant_id or not body.amount:
            raise bad_request("tenant_id and amount are required")
        tenant = _account(body.tenant_id)
        amount = _positive(body.amount)
        caller.require_tenant(tenant, "the balance")
        await self._refuse_overflow(tenant, amount)
        transaction = derived_id("tx_", tenant, key) if key else new_id("tx_")
        entry = rules.deposit_entry(transaction, tenant, amount, body.amount.strip(), stamp(self._clock()))
        stored, fresh = await self._ledger.post(rules.deposit_entry_id(transaction), entry)
        if not fresh and stored.doc["amount_micro"] != amount:
            raise key_reused()
        return stored.doc

    async def settle(self, body: SettleBody, price_micro: int) -> Stored:
        """Settles a contract, once: 409 `already_settled` for one that is recorded, whatever it says this time."""
        now = stamp(self._clock())
        completed = _known(body.completed_at) or now
        started = _known(body.started_at) or completed
        duration = rules.duration_ms(started, completed)
        if duration < 0:
            raise bad_request("completed_at must not be before started_at")
        if duration > rules.MAX_DURATION_MS:
            raise bad_request(
                "started_at must be at most 366 days before completed_at: leave it out if it is not known"
            )
        metadata = None if body.metadata is None else pack(body.metadata)
        if metadata is not None and len(metadata) > _METADATA_BYTES:
            raise bad_request(f"metadata must be at most {_METADATA_BYTES} bytes of JSON")
        entry_id, execution_id = rules.settlement_ids(body.contract_id)
        execution: Document = {
            "contract_id": body.contract_id,
            "work_id": body.work_id,
            "agent_id": body.agent_id,
            "consumer_id": body.consumer_id,
            "provider_id": body.provider_id,
            "provider_tenant_id": body.provider_tenant_id,
            "domain": body.domain,
            "started_at": started,
            "completed_at": completed,
            "duration_ms": duration,
            "success": body.success,
            "price_micro": price_micro,
            "metadata": metadata,
            "work_category": body.work_category or rules.work_category(body.domain, body.description),
        }
        entry = rules.settlement_entry(execution_id, execution, price_micro, now)
        stored, fresh = await self._ledger.post(entry_id, entry)
        if not fresh:
            raise conflict("execution already recorded", "already_settled")
        log.info("settlement.completed", contract_id=body.contract_id, execution_id=execution_id, success=body.success)
        return stored

    async def balance(self, caller: RequestContext, account: str) -> int:
        """Micro-units in `account`; 0 for one that the ledger does not know."""
        await self._may_read(caller, account)
        return (await self._ledger.snapshot(account)).balance_micro

    async def history(self, caller: RequestContext, account: str, limit: int, cursor: str | None) -> Rows:
        """One page of the rows of `account`, newest first."""
        await self._may_read(caller, account)
        position = unpack_cursor(cursor, len(rules.SIDES)) if cursor else None
        return await self._ledger.history(account, limit, position)

    async def usage(self, caller: RequestContext, account: str, limit: int, cursor: str | None) -> Merged:
        """One page of the executions in which `account` is consumer or provider, newest first, each once."""
        await self._may_read(caller, account)
        wheres = [{"consumer_id": account}, {"provider_id": account}]
        cursors = unpack_cursor(cursor, len(wheres))[0] if cursor else [None, None]
        page = await merged(self._store, wheres, cursors, limit)
        rows = [(index, item) for index, item in page.rows if index == 0 or item.doc["consumer_id"] != account]
        return Merged(rows, page.cursors, page.more)

    async def _may_read(self, caller: RequestContext, account: str) -> None:
        """403 unless the account is the caller's own, that of a provider of theirs, or one that holds nothing yet."""
        if caller.may_act_for(account):
            return
        if account.startswith("tenant_"):  # never a provider's: not even whether it holds anything is for others
            raise _not_theirs()
        page = await self._store.query(LEDGER, {"provider_id": account}, order=NEWEST_FIRST, limit=1)
        for entry in page.items:
            execution = cast(Document, entry.doc["execution"])
            if execution["provider_tenant_id"] == caller.tenant:
                return
        # Whose a new provider is, the ledger learns with its first payout; until then there is nothing to hide.
        snapshot = await self._ledger.snapshot(account)
        if snapshot.checkpoint is None and not snapshot.counted:
            return
        raise _not_theirs()

    async def _refuse_overflow(self, tenant: str, amount: int) -> None:
        """Bounds balances, by what is folded: exact enough to keep sums far from 64 bits."""
        checkpoint = Checkpoint.of(await self._store.get(BALANCES, tenant))
        if checkpoint.balance_micro + amount > MAX_MICRO:
            raise conflict(f"a balance is at most {text_from_micro(MAX_MICRO)}", "balance_limit")


def _not_theirs() -> ApiError:
    return forbidden("this account belongs to another tenant")


def price_of(text: str) -> int:
    """A price of settlement in micro-units: a decimal string, not negative; 400 otherwise."""
    try:
        micro = micro_from_text(text)
    except ValueError as error:
        raise bad_request(f"agreed_price: {error}") from error
    if micro < 0:
        raise bad_request("agreed_price: must not be negative")
    return micro


def _positive(text: str) -> int:
    try:
        micro = micro_from_text(text)
    except ValueError as error:
        raise bad_request(f"invalid amount: it {error}") from error
    if micro <= 0:
        raise bad_request("invalid amount: it must be greater than 0")
    return micro


def _account(text: str) -> str:
    if not is_id(text) or text in rules.RESERVED:
        raise bad_request("tenant_id: must be the id of a tenant or provider")
    return text


def _known(moment: str | None) -> str | None:
    return None if moment is None or moment.startswith(_ZERO_TIME) else moment


__all__ = ["Settlement", "price_of"]
