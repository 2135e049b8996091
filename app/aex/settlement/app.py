"""aex-settlement as a service: its settings, its duties, its routes."""

from fastapi import APIRouter

from aex.core.runtime import Definition, Runtime
from aex.core.settings import Settings
from aex.settlement.audit import Auditor
from aex.settlement.ledger import Ledger
from aex.settlement.routes import settlement_routes
from aex.settlement.service import Settlement


class SettlementSettings(Settings):
    """Nothing beyond what every service has."""


def build(runtime: Runtime[SettlementSettings]) -> APIRouter:
    """Wires the service."""
    ledger = Ledger(runtime.store, runtime.clock)
    runtime.duty("balances", ledger.fold_due)
    return settlement_routes(
        Settlement(runtime.store, ledger, runtime.clock), Auditor(runtime.store, ledger, runtime.clock)
    )


DEFINITION = Definition(name="aex-settlement", settings_type=SettlementSettings, build=build)

__all__ = ["DEFINITION", "SettlementSettings"]
