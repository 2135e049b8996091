"""What the contract engine tells others of a contract's end is never what they refuse."""

import pytest

from aex.contract_engine import rules
from aex.contract_engine.rules import Status, Verdict
from aex.core.clock import later
from aex.settlement.rules import MAX_DURATION_MS, duration_ms
from aex.store.port import Document

AWARDED = "2026-11-24T12:00:00.000000Z"
DOC: Document = {
    "work_id": "work_1",
    "consumer_id": "tenant_c",
    "provider_id": "prov_p",
    "provider_tenant_id": "tenant_p",
    "category": "translation",
    "price_micro": 1,
}


@pytest.mark.parametrize("started", [None, -0.5, 0.0, 10.0, rules.CONTRACT_SECONDS - 0.001])
@pytest.mark.parametrize("ended", [-0.5, 0.0, 10.0, rules.CONTRACT_SECONDS - 0.001])
def test_settlement_takes_the_times_of_every_contract_that_can_still_be_ended(
    started: float | None, ended: float
) -> None:
    """Instances whose clocks differ included: one may end what another says has begun later."""
    doc = rules.awarded(DOC, AWARDED)
    if started is not None:
        doc = rules.progressed(doc, {}, later(AWARDED, started))
    now = later(AWARDED, ended)
    assert rules.status_at(doc, now) in rules.RUNNING
    assert rules.status_at(doc, later(AWARDED, rules.CONTRACT_SECONDS)) is Status.EXPIRED
    settle = rules.ending_effects("contract_1", doc, Verdict.SUCCESS, now)[0].payload
    assert 0 <= duration_ms(str(settle["started_at"]), str(settle["completed_at"])) <= MAX_DURATION_MS
