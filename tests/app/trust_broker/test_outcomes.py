"""Recording outcomes: each contract counts once, whatever is repeated, runs in parallel or crashes."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from aex.core.clock import stamp
from aex.trust_broker.app import DEFINITION
from aex.trust_broker.record import COUNTERS
from aex.trust_broker.rules import WINDOW
from tests.app.store.crashing import CrashingStore
from tests.app.support import client_of, error_code, running, runtime_of
from tests.app.trust_broker.conftest import Trust


def counters(record: dict[str, object]) -> dict[str, object]:
    return {name: record[name] for name in COUNTERS}


async def test_a_record_has_the_contracts_fields(trust: Trust) -> None:
    answer = await trust.report("c1", metrics={"x": [1]}, agreed_price=10, final_price=9.5, consumer_id="t", id="out_x")
    assert answer.json() == {
        "recorded": True,
        "provider_id": "prov_1",
        "previous_score": 0.3,
        "new_score": 1.0,
        "tier_changed": False,
    }
    record = await trust.of()
    assert record["score"] == record["trust_score"] == record["base_score"] == 1.0
    assert record["tier"] == record["trust_tier"] == "UNVERIFIED"
    assert record["total_contracts"] == record["successful_contracts"] == 1
    assert {"identity_verified", "endpoint_verified", "compliance_verified", "registered_at"} <= record.keys()
    assert record["last_contract_at"] == record["last_updated"] == "2026-11-24T12:00:00Z"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "missing required fields"),
        ({"provider_id": "p", "contract_id": " ", "outcome": "SUCCESS"}, "missing required fields"),
        ({"provider_id": "p", "contract_id": "c", "outcome": ""}, "missing required fields"),
        ({"provider_id": "p", "contract_id": "c", "outcome": "great!"}, "outcome: must be one of SUCCESS"),
        ({"provider_id": "p", "contract_id": "c", "outcome": 5}, "outcome: must be a string"),
        ({"provider_id": "a/b", "contract_id": "c", "outcome": "SUCCESS"}, "provider_id and contract_id hold"),
        ({"provider_id": "p", "contract_id": "c", "outcome": "SUCCESS", "completed_at": "now"}, "completed_at"),
        ({"provider_id": "p", "contract_id": "c", "outcome": "SUCCESS", "final_price": -1}, "final_price"),
    ],
)
async def test_what_is_wrong_with_a_report_is_said_and_nothing_is_stored(
    trust: Trust, body: object, message: str
) -> None:
    answer = await trust.client.post("/internal/v1/outcomes", json=body)
    assert answer.status_code == 400 and error_code(answer) == "bad_request"
    assert answer.json()["error"]["message"].startswith(message)
    assert (await trust.of("p"))["total_contracts"] == 0


async def test_a_contract_counts_once_however_often_it_is_reported(trust: Trust) -> None:
    """Contract 8.6: the same contract any number of times (seen 3 times = 3 contracts)."""
    first = await trust.report("c1", "FAILURE_PROVIDER")
    await trust.report("c2")
    repeated = [await trust.report("c1", "failure") for _ in range(3)]
    assert [answer.json() for answer in repeated] == [first.json()] * 3
    assert (await trust.of())["total_contracts"] == 2


async def test_another_outcome_of_a_contract_is_a_conflict(trust: Trust) -> None:
    await trust.report("c1")
    for answer in (await trust.report("c1", "EXPIRED"), await trust.report("c1", provider_id="prov_2")):
        assert answer.status_code == 409 and error_code(answer) == "outcome_recorded"
    assert (await trust.of())["successful_contracts"] == 1
    assert (await trust.of("prov_2"))["total_contracts"] == 0


async def test_dispute_counters_are_right(trust: Trust) -> None:
    """Contract 8.6: they were added again on every recalculation (seen 3 outcomes = 6)."""
    for number, outcome in enumerate(["DISPUTE_WON", "DISPUTE_WON", "DISPUTE_LOST", "SUCCESS", "EXPIRED"]):
        await trust.report(f"c{number}", outcome)
    assert counters(await trust.of()) == {
        "total_contracts": 5,
        "successful_contracts": 1,
        "failed_contracts": 1,
        "disputed_contracts": 3,
        "disputes_won": 2,
        "disputes_lost": 1,
    }


async def test_sixteen_parallel_outcomes_all_count_once(trust: Trust) -> None:
    """Contract 8.6: concurrent outcomes could publish a stale score."""
    words = itertools.cycle(["SUCCESS", "FAILURE_PROVIDER", "DISPUTE_WON", "EXPIRED"])
    reports = [(f"c{number}", word) for number, word in zip(range(16), words, strict=False)]
    answers = await asyncio.gather(*(trust.report(*report) for report in reports), *(trust.report(*r) for r in reports))
    assert {answer.status_code for answer in answers} == {200}
    record = await trust.of()
    assert record["total_contracts"] == 16
    assert record["successful_contracts"] == 4 and record["failed_contracts"] == 8 and record["disputes_won"] == 4
    assert (await trust.report("c0")).status_code == 200
    assert (await trust.of())["total_contracts"] == 16


async def test_sixteen_parallel_reports_of_one_contract_count_once(trust: Trust) -> None:
    answers = await asyncio.gather(*(trust.report("c1", "FAILURE_PROVIDER") for _ in range(16)))
    assert {answer.text for answer in answers} == {answers[0].text} and answers[0].status_code == 200
    assert (await trust.of())["total_contracts"] == 1


async def test_back_dating_cannot_hide_failures(trust: Trust) -> None:
    """Contract 8.6: `completed_at` from the caller ordered the history."""
    for number in range(WINDOW + 20):
        trust.clock.advance(60)
        await trust.report(f"c{number}")
    long_ago = "2020-01-01T00:00:00Z"
    for number in range(5):
        trust.clock.advance(60)
        await trust.report(f"f{number}", "FAILURE_PROVIDER", completed_at=long_ago)
    record = await trust.of()
    assert record["failed_contracts"] == 5
    assert record["base_score"] == pytest.approx((52.5 - 5) / 52.5), "they weigh as the newest that they are"
    assert record["last_contract_at"] == stamp(trust.clock.moment).replace(".000000Z", "Z")


async def test_post_dating_cannot_keep_successes_on_top(trust: Trust) -> None:
    for number in range(10):
        await trust.report(f"c{number}", completed_at="2099-01-01T00:00:00Z")
    for number in range(10):
        trust.clock.advance(60)
        await trust.report(f"f{number}", "FAILURE_PROVIDER")
    record = await trust.of()
    assert record["base_score"] == pytest.approx(5 / 15)
    assert str(record["last_contract_at"]) < "2027"


async def test_reports_that_arrive_out_of_order_count_in_the_order_of_the_contracts(trust: Trust) -> None:
    start = trust.clock.moment
    for number in range(10):
        await trust.report(f"c{number}", completed_at=stamp(start))
    trust.clock.advance(600)
    before = stamp(start - timedelta(minutes=10))
    await trust.report("late", "FAILURE_PROVIDER", completed_at=before)
    assert (await trust.of())["base_score"] == pytest.approx(10 / 10.5)


async def test_counters_go_on_beyond_the_window(trust: Trust) -> None:
    """Contract 8.6: the total saturated at 200."""
    for number in range(WINDOW + 10):
        trust.clock.advance(1)
        await trust.report(f"c{number}", "FAILURE_PROVIDER" if number < 10 else "SUCCESS")
    record = await trust.of()
    assert (record["total_contracts"], record["failed_contracts"]) == (WINDOW + 10, 10)
    assert record["base_score"] == 1.0 and record["trust_tier"] == "PREFERRED"
    stored = await runtime_of(trust.app).store.get("trust_records", "prov_1")
    assert stored is not None
    kept = stored.doc["outcomes"]
    assert isinstance(kept, list) and len(kept) == WINDOW, "a record does not grow without bound"


async def test_reading_never_writes(trust: Trust) -> None:
    """Contract 8.6: probing random ids filled the store."""
    store = CrashingStore(runtime_of(trust.app).store, crash_at=1)
    async with running(DEFINITION, store=store) as app:
        client = client_of(app)
        assert (await client.get("/v1/providers/prov_x/trust")).json()["trust_score"] == 0.3
        assert (await client.get("/v1/providers/prov_x/trust/history")).json()["outcomes"] == []
        batch = await client.post("/internal/v1/trust/batch", json={"provider_ids": ["a", " ", "b"]})
        assert batch.json() == {"scores": {"a": 0.3, "b": 0.3}, "tiers": {"a": "UNVERIFIED", "b": "UNVERIFIED"}}
    assert not store.crashed


async def test_a_batch_is_bounded_and_one_read(trust: Trust) -> None:
    """Contract 8.6: N single reads, no limit."""
    await trust.report("c1", "EXPIRED")
    store = runtime_of(trust.app).store
    reads: list[int] = []
    get_many = store.get_many

    async def counted(collection: str, ids: list[str], *, stale_ok: bool = False) -> object:
        reads.append(len(ids))
        return await get_many(collection, ids, stale_ok=stale_ok)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(store, "get_many", counted)
        ids = ["prov_1", *(f"p{number}" for number in range(999))]
        answer = await trust.client.post("/internal/v1/trust/batch", json={"provider_ids": ids})
    assert answer.json()["scores"]["prov_1"] == 0.2 and len(answer.json()["scores"]) == 1000
    assert reads == [1000]
    refused = await trust.client.post("/internal/v1/trust/batch", json={"provider_ids": [*ids, "more"]})
    assert refused.status_code == 400 and error_code(refused) == "bad_request"


async def test_verification_moves_score_and_tier(trust: Trust) -> None:
    """Contract 8.6: verification flags had no route, INTERNAL could not be set."""
    for kind, field, score in (("identity", "identity_verified", 0.35), ("endpoint", "endpoint_verified", 0.4)):
        body = {"verification_type": kind, "verified": True, "notes": "seen"}
        answer = await trust.client.post("/internal/v1/providers/prov_1/verify", json=body)
        assert answer.json()[field] is True and answer.json()["trust_score"] == score
    body = {"verification_type": "internal", "verified": True}
    await trust.client.post("/internal/v1/providers/prov_1/verify", json=body)
    record = await trust.of()
    assert (record["trust_tier"], record["trust_score"]) == ("INTERNAL", 1.0)
    body["verified"] = False
    await trust.client.post("/internal/v1/providers/prov_1/verify", json=body)
    assert (await trust.of())["trust_tier"] == "UNVERIFIED"
    wrong = await trust.client.post("/internal/v1/providers/prov_1/verify", json={"verification_type": "looks"})
    assert wrong.status_code == 400


async def test_parallel_verification_and_outcomes_lose_nothing(trust: Trust) -> None:
    verify = [
        trust.client.post("/internal/v1/providers/prov_1/verify", json={"verification_type": kind, "verified": True})
        for kind in ("identity", "endpoint", "compliance")
    ]
    await asyncio.gather(*(trust.report(f"c{number}") for number in range(8)), *verify)
    record = await trust.of()
    assert record["total_contracts"] == 8
    assert record["identity_verified"] and record["endpoint_verified"] and record["compliance_verified"]


async def test_history_is_paged_newest_first_and_says_nothing_of_consumers(trust: Trust) -> None:
    for number, outcome in enumerate(["SUCCESS", "EXPIRED", "FAILURE_PROVIDER"]):
        trust.clock.advance(1)
        await trust.report(f"c{number}", outcome, consumer_id="tenant_secret")
    path = "/v1/providers/prov_1/trust/history"
    first = (await trust.client.get(path, params={"limit": "2"})).json()
    rest = (await trust.client.get(path, params={"limit": "2", "cursor": first["next_cursor"]})).json()
    assert [entry["outcome"] for entry in first["outcomes"] + rest["outcomes"]] == [
        "FAILURE_PROVIDER",
        "EXPIRED",
        "SUCCESS",
    ]
    assert "tenant_secret" not in str(first) and "next_cursor" not in rest


async def test_tenure_grows_without_any_write(trust: Trust) -> None:
    await trust.report("c1", "FAILURE_EXTERNAL")
    trust.clock.advance(61 * 86_400)
    assert (await trust.of())["trust_score"] == 0.54
