"""What clients send, and how stored entries are answered (contract 11.2)."""

from typing import Annotated, cast

from pydantic import AfterValidator, Field

from aex.core.clock import wire_time
from aex.core.ids import is_id
from aex.core.money import text_from_micro
from aex.core.wire import FreeObject, Moment, Price, Text, Wire, present, unpack
from aex.settlement.ledger import Row
from aex.settlement.rules import CREDIT, DEBIT, DEPOSIT, RESERVED, amounts
from aex.store import Document, Stored

CURRENCY = "USD"
"""The one currency of the exchange's balances."""
_LABEL = 200


def _reference(text: str) -> str:
    if not is_id(text):
        raise ValueError("must be an identifier: 1 to 128 letters, digits and _.:@-")
    return text


def _account(text: str) -> str:
    if text in RESERVED:
        raise ValueError(f"must not be the exchange's own account {text}")
    return _reference(text)


def _currency(text: str) -> str:
    if text not in {"", CURRENCY}:
        raise ValueError(f"must be {CURRENCY}: balances are kept in no other currency")
    return CURRENCY


Reference = Annotated[str, AfterValidator(_reference)]
"""An id of something elsewhere in the exchange."""
Account = Annotated[str, AfterValidator(_account)]
"""An id that can hold money."""
Label = Annotated[Text, Field(max_length=_LABEL)]
"""A short text."""
Currency = Annotated[str, AfterValidator(_currency)]


class DepositBody(Wire):
    """`POST /v1/deposits`."""

    tenant_id: Text = ""
    amount: Text = ""


class SettleBody(Wire):
    """`POST /internal/settlement/complete`."""

    contract_id: Reference
    consumer_id: Account
    provider_id: Account
    provider_tenant_id: Label = ""
    """Whose provider it is: that tenant may read the provider's account."""
    agreed_price: Text
    success: bool = False
    work_id: Label = ""
    agent_id: Label = ""
    domain: Label = ""
    description: Annotated[Text, Field(max_length=10_000)] = ""
    started_at: Moment | None = None
    completed_at: Moment | None = None
    currency: Currency = CURRENCY
    metadata: FreeObject | None = None
    work_category: Label = ""


class SimpleSettleBody(Wire):
    """`POST /internal/v1/settle`: a successful contract, its price as a number."""

    contract_id: Reference
    consumer_id: Account
    provider_id: Account
    amount: Price
    currency: Currency = CURRENCY


def deposit_answer(entry: Document) -> dict[str, object]:
    """A deposit as its POST answers it."""
    at = wire_time(cast(str, entry["created_at"]))
    return {
        "id": entry["reference"],
        "tenant_id": entry["credit_account"],
        "type": "DEPOSIT",
        "amount": entry["amount_text"],
        "status": "COMPLETED",
        "created_at": at,
        "completed_at": at,
    }


def row_answer(account: str, row: Row) -> dict[str, object]:
    """One row of an account's history."""
    entry, side = row.side.entry.doc, row.side.side
    deposit = entry["kind"] == DEPOSIT
    execution = cast(Document, entry.get("execution") or {})
    contract = execution.get("contract_id")
    kind, what = {
        DEBIT: ("DEBIT", f"Payment for contract {contract}"),
        CREDIT: ("CREDIT", f"Payout for contract {contract}"),
    }[side]
    return {
        "id": f"{row.side.entry.id}.{side}",
        "tenant_id": account,
        "entry_type": "DEPOSIT" if deposit else kind,
        "amount": entry["amount_text"] if deposit else text_from_micro(abs(row.side.micro)),
        "balance_after": text_from_micro(row.balance_after_micro),
        "reference_type": "deposit" if deposit else "execution",
        "reference_id": entry["reference"],
        "description": "Deposit" if deposit else what,
        "created_at": wire_time(cast(str, entry["created_at"])),
    }


def execution_answer(stored: Stored) -> dict[str, object]:
    """An execution: what was settled, and how it was divided."""
    entry = stored.doc
    execution = cast(Document, entry["execution"])
    amount, fee = amounts(entry)
    return present(
        {
            "id": entry["reference"],
            "work_id": execution["work_id"],
            "contract_id": execution["contract_id"],
            "agent_id": execution["agent_id"],
            "consumer_id": execution["consumer_id"],
            "provider_id": execution["provider_id"],
            "domain": execution["domain"],
            "started_at": wire_time(cast(str, execution["started_at"])),
            "completed_at": wire_time(cast(str, execution["completed_at"])),
            "duration_ms": execution["duration_ms"],
            "status": "COMPLETED",
            "success": execution["success"],
            "agreed_price": text_from_micro(cast(int, execution["price_micro"])),
            "platform_fee": text_from_micro(fee),
            "provider_payout": text_from_micro(amount - fee),
            "metadata": unpack(cast("str | None", execution["metadata"])),
            "work_category": execution["work_category"],
            "created_at": wire_time(cast(str, entry["created_at"])),
        }
    )


def cost_micro(stored: Stored) -> int:
    """What the consumer paid for an execution."""
    return amounts(stored.doc)[0]


__all__ = [
    "CURRENCY",
    "DepositBody",
    "SettleBody",
    "SimpleSettleBody",
    "cost_micro",
    "deposit_answer",
    "execution_answer",
    "row_answer",
]
