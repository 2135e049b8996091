"""A process that dies at any write of a report: the next one neither loses an outcome nor counts it twice."""

import httpx
import pytest

from aex.store.port import Store
from aex.trust_broker.app import DEFINITION
from tests.app.store.crashing import CrashingStore, open_memory_store
from tests.app.support import TestClock, client_of, running, runtime_of
from tests.app.trust_broker.conftest import Trust


async def _report_all(store: Store, reports: list[tuple[str, str]]) -> list[httpx.Response]:
    async with running(DEFINITION, store=store, clock=TestClock()) as app:
        trust = Trust(app, client_of(app), TestClock())
        return [await trust.report(contract, outcome) for contract, outcome in reports]


@pytest.mark.parametrize("repeated", [True, False])
async def test_a_crash_at_any_write_neither_loses_nor_repeats_an_outcome(repeated: bool) -> None:
    """Whether the same report is repeated at once, or another one comes first."""
    reports = [("c1", "DISPUTE_LOST"), ("c2", "SUCCESS"), ("c3", "SUCCESS")]
    for n in range(1, 30):
        inner = await open_memory_store(DEFINITION.name)
        store = CrashingStore(inner, crash_at=n, after=True)
        await _report_all(store, reports)
        others = [] if repeated else [(f"d{number}", "SUCCESS") for number in range(20)]
        again = await _report_all(CrashingStore(inner, -1), [*others, *reports, *reports])
        assert {answer.status_code for answer in again} == {200}
        first, second = again[len(others) : len(others) + 3], again[len(others) + 3 :]
        assert [answer.text for answer in first] == [answer.text for answer in second]
        stored = await inner.get("trust_records", "prov_1")
        assert stored is not None
        assert stored.doc["total_contracts"] == 3 + len(others), f"after a crash at write {n}"
        assert stored.doc["disputes_lost"] == 1 and stored.doc["disputed_contracts"] == 1
        entries = stored.doc["outcomes"]
        assert isinstance(entries, list) and len(entries) == 3 + len(others)
        await inner.close()
        if not store.crashed:
            assert n > 9, "three writes an outcome"
            return
    pytest.fail("three outcomes make more writes than this test expects")


async def test_notes_of_interrupted_reports_do_not_pile_up(trust: Trust) -> None:
    inner = CrashingStore(runtime_of(trust.app).store, crash_at=-1)
    for number in range(40):
        # The third write of a report is the outcome's own mark: it never happens.
        await _report_all(CrashingStore(inner, crash_at=3), [(f"c{number}", "SUCCESS")])
    stored = await inner.get("trust_records", "prov_1")
    assert stored is not None
    notes = stored.doc["unconfirmed"]
    assert isinstance(notes, list) and len(notes) == 40, "nobody could finish them yet"
    await trust.report("d1")
    await trust.report("d2")
    stored = await inner.get("trust_records", "prov_1")
    assert stored is not None
    notes = stored.doc["unconfirmed"]
    assert isinstance(notes, list) and len(notes) <= 2
    assert stored.doc["total_contracts"] == 42
