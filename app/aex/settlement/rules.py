"""The rules of the ledger, as pure functions: what an entry is, what it does to an account, what a balance is.

An entry is one document with both sides: `amount_micro` leaves the debit account, `amount_micro - fee_micro` reaches
the credit account, the fee belongs to `platform:fees`. Every entry therefore sums to zero by its form. The settlement
of a contract *is* its entry: one document, one write, so that nothing can be half settled. An execution that is not
billed is an entry without accounts.

A balance is a checkpoint plus the sides that are still open. Folding moves open sides into the checkpoint: the
checkpoint is written with the sides it took in (`folding`), then these are closed, then the list is cleared. A side
counts in the checkpoint exactly when it is closed or in that list, whatever crashed in between.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from aex.core.clock import from_stamp
from aex.core.ids import derived_id
from aex.core.money import split_fee
from aex.store import Document, Stored

EXTERNAL: Final = "external"
"""The world outside: deposits come from there. Derived from the ledger, no document."""
FEES: Final = "platform:fees"
"""What the platform has earned. Derived from the ledger, no document: it would be the hottest of all."""
RESERVED: Final = frozenset({EXTERNAL, FEES})

MAX_DURATION_MS: Final = 366 * 86_400_000
"""Longest execution that is believed, a leap year; a contract lives an hour (contract 7.2)."""

DEPOSIT: Final = "deposit"
SETTLEMENT: Final = "settlement"
UNBILLED: Final = "unbilled"

DEBIT: Final = "debit"
CREDIT: Final = "credit"
SIDES: Final = (DEBIT, CREDIT)


class Side(NamedTuple):
    """One side of one entry, for one account."""

    entry: Stored
    side: str

    @property
    def key(self) -> str:
        """How `folding` names it."""
        return f"{self.entry.id}/{self.side}"

    @property
    def micro(self) -> int:
        """What it adds to its account."""
        amount, fee = amounts(self.entry.doc)
        return -amount if self.side == DEBIT else amount - fee

    @property
    def open(self) -> bool:
        """Whether no checkpoint has taken it in for good."""
        return self.entry.doc[f"{self.side}_open"] is True


def amounts(entry: Document) -> tuple[int, int]:
    """(amount, fee) of an entry, in micro-units."""
    return cast(int, entry["amount_micro"]), cast(int, entry["fee_micro"])


def settlement_ids(contract_id: str) -> tuple[str, str]:
    """(entry id, execution id) of a contract: there can be only one."""
    return derived_id("ledger_", contract_id), derived_id("exec_", contract_id)


def deposit_entry_id(transaction_id: str) -> str:
    """The entry of a deposit."""
    return "ledger_" + transaction_id.removeprefix("tx_")


def deposit_entry(transaction_id: str, tenant: str, amount_micro: int, amount_text: str, now: str) -> Document:
    """A deposit into `tenant`; `amount_text` is what the client wrote, which answers repeat (contract 11.3)."""
    return {
        "kind": DEPOSIT,
        "debit_account": EXTERNAL,
        "credit_account": tenant,
        "amount_micro": amount_micro,
        "fee_micro": 0,
        "amount_text": amount_text,
        "reference": transaction_id,
        "debit_open": False,
        "credit_open": True,
        "created_at": now,
    }


def settlement_entry(execution_id: str, execution: Document, price_micro: int, now: str) -> Document:
    """The settlement of an execution: billed when it succeeded, only recorded when it did not."""
    consumer, provider = execution["consumer_id"], execution["provider_id"]
    entry: Document = {
        "kind": UNBILLED,
        "amount_micro": 0,
        "fee_micro": 0,
        "reference": execution_id,
        "debit_open": False,
        "credit_open": False,
        "created_at": now,
        "consumer_id": consumer,
        "provider_id": provider,
        "execution": execution,
    }
    if execution["success"] is not True:
        return entry
    fee, _ = split_fee(price_micro)
    return {
        **entry,
        "kind": SETTLEMENT,
        "debit_account": consumer,
        "credit_account": provider,
        "amount_micro": price_micro,
        "fee_micro": fee,
        "debit_open": True,
        "credit_open": True,
    }


def duration_ms(started_at: str, completed_at: str) -> int:
    """Between two stamps; negative when they are the wrong way round."""
    return int((from_stamp(completed_at) - from_stamp(started_at)).total_seconds() * 1000)


def sides_of(entry: Stored) -> list[tuple[str, Side]]:
    """(account, side) of the tenants' and providers' accounts that an entry moves: none, one or two."""
    return [
        (cast(str, account), Side(entry, side))
        for side in SIDES
        if (account := entry.doc.get(f"{side}_account")) is not None and account != EXTERNAL
    ]


def derived_micro(entry: Document) -> tuple[int, int]:
    """What an entry adds to (`external`, `platform:fees`)."""
    amount, fee = amounts(entry)
    return (-amount if entry.get("debit_account") == EXTERNAL else 0), fee


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folded balance, as its document holds it."""

    balance_micro: int
    folding: frozenset[str]

    @classmethod
    def of(cls, stored: Stored | None) -> "Checkpoint":
        """From the document; an account that was never folded is at zero."""
        if stored is None:
            return cls(0, frozenset())
        return cls(
            cast(int, stored.doc["balance_micro"]), frozenset(cast(list[str], cast(object, stored.doc["folding"])))
        )

    def counts(self, side: Side) -> bool:
        """Whether the checkpoint has taken this side in."""
        return not side.open or side.key in self.folding

    def project(self, open_sides: Iterable[Side]) -> int:
        """The balance: the checkpoint and every open side that it has not taken in."""
        return self.balance_micro + sum(side.micro for side in open_sides if side.key not in self.folding)

    def due(self, sides: Iterable[Side]) -> int:
        """What the checkpoint must hold according to the ledger: all sides that it counts."""
        return sum(side.micro for side in sides if self.counts(side))


def checkpoint_document(account: str, balance_micro: int, folding: Iterable[str], now: str) -> Document:
    """The document of a checkpoint."""
    return {"account": account, "balance_micro": balance_micro, "folding": list(folding), "updated_at": now}


def problem_of(entry: Stored) -> str | None:
    """What is wrong with an entry in itself, None when it is sound."""
    amount, fee = amounts(entry.doc)
    kind = entry.doc["kind"]
    expected = {DEPOSIT: 0, SETTLEMENT: split_fee(amount)[0], UNBILLED: 0}.get(cast(str, kind))
    if expected is None:
        return f"has the unknown kind {kind!r}"
    if amount < 0 or (kind == UNBILLED and amount != 0):
        return f"moves {amount} micro-units, which a {kind} entry must not"
    if fee != expected:
        return f"has a fee of {fee} micro-units instead of {expected}"
    accounts = [entry.doc.get("debit_account"), entry.doc.get("credit_account")]
    if (kind == UNBILLED) != (accounts == [None, None]) or (kind != UNBILLED and None in accounts):
        return "does not name its two accounts"
    return None


WORK_CATEGORIES: Final[Mapping[str, tuple[frozenset[str], tuple[str, ...]]]] = {
    "contracts": (frozenset({"contracts", "contract"}), ("contract", "nda", "agreement", "terms")),
    "compliance": (
        frozenset({"compliance", "regulatory"}),
        ("compliance", "regulatory", "audit", "gdpr", "hipaa", "sox"),
    ),
    "ip_patent": (
        frozenset({"ip", "patent", "trademark"}),
        ("patent", "trademark", "copyright", "intellectual property"),
    ),
    "real_estate": (frozenset({"real_estate", "property"}), ("real estate", "property", "lease", "mortgage")),
}
"""Category: the domains that mean it, and the words of a description that suggest it, in order (contract 11.3)."""


def work_category(domain: str, description: str) -> str:
    """The category of an execution that names none."""
    for category, (domains, _) in WORK_CATEGORIES.items():
        if domain.lower() in domains:
            return category
    text = description.lower()
    for category, (_, words) in WORK_CATEGORIES.items():
        if any(word in text for word in words):
            return category
    return "legal_research"


__all__ = [
    "CREDIT",
    "DEBIT",
    "DEPOSIT",
    "EXTERNAL",
    "FEES",
    "MAX_DURATION_MS",
    "RESERVED",
    "SETTLEMENT",
    "SIDES",
    "UNBILLED",
    "Checkpoint",
    "Side",
    "amounts",
    "checkpoint_document",
    "deposit_entry",
    "deposit_entry_id",
    "derived_micro",
    "duration_ms",
    "problem_of",
    "settlement_entry",
    "settlement_ids",
    "sides_of",
    "work_category",
]
