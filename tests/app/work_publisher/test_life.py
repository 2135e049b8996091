"""The life of a work over HTTP: who may cancel, what time does, one award only, counts that are exact, restarts."""

import asyncio
from pathlib import Path

import pytest

from aex.store import open_store
from aex.work_publisher.app import DEFINITION
from tests.app.support import client_of, error_code, run_duties, running, runtime_of, settings_of
from tests.app.work_publisher.conftest import WORK, Publisher
from tests.app.work_publisher.registry import Registry


async def test_the_consumer_cancels_with_the_contracts_answer(publisher: Publisher) -> None:
    work_id = await publisher.publish()
    answer = await publisher.client.post(f"/v1/work/{work_id}/cancel")
    assert answer.status_code == 200
    assert answer.json()["status"] == "CANCELLED"
    assert answer.json()["completed_at"] == "2026-11-24T12:00:00Z"
    again = await publisher.client.post(f"/v1/work/{work_id}/cancel")
    assert again.status_code == 409
    assert again.json()["error"]["message"] == "invalid work state: cannot cancel work in state CANCELLED"


async def test_nobody_else_cancels(publisher: Publisher) -> None:
    work_id = await publisher.publish(publisher.client_as(x_consumer_id="me"))
    tenants = await publisher.publish(publisher.client_as(x_tenant_id="tenant_a"))
    for client, target in (
        (publisher.client, work_id),
        (publisher.client_as(x_consumer_id="you"), work_id),
        (publisher.client_as(x_tenant_id="tenant_b"), tenants),
        (publisher.client_as(x_tenant_id="tenant_b", x_consumer_id="tenant_a"), tenants),
    ):
        answer = await client.post(f"/v1/work/{target}/cancel")
        assert answer.status_code == 403 and answer.json()["error"]["message"].startswith("not authorized")
    operator = publisher.client_as(x_tenant_id="tenant_operator", x_aex_scopes="* operator")
    assert (await operator.post(f"/v1/work/{tenants}/cancel")).status_code == 200


async def test_defect_a_clients_own_consumer_header_means_nothing_through_the_gateway(publisher: Publisher) -> None:
    work_id = await publisher.publish(publisher.client_as(x_tenant_id="tenant_a", x_consumer_id="tenant_b"))
    assert (await publisher.work(work_id))["consumer_id"] == "tenant_a"


async def test_a_client_without_a_tenant_is_no_consumer(publisher: Publisher) -> None:
    client = publisher.client_as(x_aex_forwarded="1", x_consumer_id="tenant_a")
    work_id = await publisher.publish(publisher.client_as(x_tenant_id="tenant_a"), payload={"a": 1})
    for answer in (
        await client.post("/v1/work", json=WORK),
        await client.get("/v1/work"),
        await client.post(f"/v1/work/{work_id}/cancel"),
    ):
        assert answer.status_code == 403 and error_code(answer) == "forbidden"
    assert "payload" not in (await client.get(f"/v1/work/{work_id}")).json()


async def test_defect_tenants_see_only_the_opportunity_in_others_work(publisher: Publisher) -> None:
    work_id = await publisher.publish(
        publisher.client_as(x_tenant_id="tenant_a"), payload={"secret": "x" * 600}, success_criteria=None
    )
    view = (await publisher.client_as(x_tenant_id="tenant_b").get(f"/v1/work/{work_id}")).json()
    assert view["work_id"] == work_id and view["budget"]["max_price"] == 10
    assert len(view["payload_preview"]) == 500
    assert not {"payload", "consumer_id", "bids_received", "contract_id", "auto_award"} & set(view)
    await publisher.act(
        work_id,
        "award",
        {"contract_id": "c1", "provider_id": "p1", "bid_id": "b1", "provider_tenant_id": "tenant_b"},
    )
    awarded = (await publisher.client_as(x_tenant_id="tenant_b").get(f"/v1/work/{work_id}")).json()
    assert awarded["payload"] == {"secret": "x" * 600}, "who is to do the work may read all of it"
    assert "payload" not in (await publisher.client_as(x_tenant_id="tenant_c").get(f"/v1/work/{work_id}")).json()


async def test_defect_windows_close_by_themselves(publisher: Publisher) -> None:
    work_id = await publisher.publish(bid_window_ms=5000)
    publisher.clock.advance(4.9)
    assert (await publisher.work(work_id))["status"] == "OPEN"
    publisher.clock.advance(0.1)
    work = await publisher.work(work_id)
    assert work["status"] == "EVALUATING" and work["evaluation_pending"], "computed, whether or not a duty has run"
    assert (await run_duties(publisher.app))["close-windows"] == 1
    assert (await run_duties(publisher.app))["close-windows"] == 0
    assert await publisher.closed() == [work_id]


async def test_closed_work_is_found_even_where_no_duty_runs(publisher: Publisher) -> None:
    first = await publisher.publish(bid_window_ms=5000)
    second = await publisher.publish(bid_window_ms=6000)
    await publisher.publish(bid_window_ms=60000)
    publisher.clock.advance(7)
    assert await publisher.closed() == [first, second]


async def test_close_bids_ends_the_window_early_and_only_once(publisher: Publisher) -> None:
    work_id = await publisher.publish()
    assert (await publisher.act(work_id, "close-bids")).json() == {"status": "ok"}
    assert (await publisher.work(work_id))["status"] == "EVALUATING"
    await publisher.award(work_id)
    assert (await publisher.act(work_id, "close-bids")).status_code == 200
    assert (await publisher.work(work_id))["status"] == "AWARDED", "nothing in any other state"


async def test_evaluated_work_leaves_the_list_of_closed_work(publisher: Publisher) -> None:
    work_id = await publisher.publish(bid_window_ms=5000)
    assert (await publisher.act(work_id, "evaluated", {"evaluation_id": "eval_0"})).status_code == 200
    publisher.clock.advance(5)
    assert await publisher.closed() == [work_id], "an evaluation of open work is not the last one"
    await publisher.act(work_id, "evaluated", {"evaluation_id": "eval_1", "total_bids": 0})
    assert await publisher.closed() == []
    assert (await publisher.work(work_id))["evaluation_id"] == "eval_1"


async def test_an_evaluation_may_be_reported_before_the_duty_has_closed_the_window(publisher: Publisher) -> None:
    work_id = await publisher.publish(bid_window_ms=5000)
    publisher.clock.advance(5)
    await publisher.act(work_id, "evaluated", {"evaluation_id": "eval_1"})
    assert await publisher.closed() == []


async def test_a_bid_that_the_evaluation_missed_asks_for_another_one(publisher: Publisher) -> None:
    work_id = await publisher.publish(bid_window_ms=5000)
    await publisher.act(work_id, "bids", {"bid_id": "bid_1"})
    publisher.clock.advance(5)
    await publisher.act(work_id, "evaluated", {"evaluation_id": "eval_1", "total_bids": 1})
    assert await publisher.closed() == []
    await publisher.act(work_id, "bids", {"bid_id": "bid_2"})  # accepted in the last moment, told late
    assert await publisher.closed() == [work_id]
    for _ in range(2):  # a listing that does not show bid_2 is asked for once more, or it would never end
        assert await publisher.closed() == [work_id]
        await publisher.act(work_id, "evaluated", {"evaluation_id": "eval_2", "total_bids": 1})
    assert await publisher.closed() == []
    await publisher.act(work_id, "bids", {"bid_id": "bid_2"})
    assert await publisher.closed() == []


async def test_a_bid_counted_while_the_evaluation_ran_is_not_forgotten(publisher: Publisher) -> None:
    work_id = await publisher.publish(bid_window_ms=5000)
    publisher.clock.advance(5)
    await publisher.closed()
    await publisher.act(work_id, "bids", {"bid_id": "bid_1"})
    await publisher.act(work_id, "evaluated", {"evaluation_id": "eval_1", "total_bids": 0})
    assert await publisher.closed() == [work_id]
    await publisher.act(work_id, "evaluated", {"evaluation_id": "eval_2", "total_bids": 1})
    assert await publisher.closed() == []


async def test_defect_one_award_and_its_state_and_contract_are_kept(publisher: Publisher) -> None:
    work_id = await publisher.publish()
    assert (await publisher.award(work_id, "contract_1")).status_code == 200
    assert (await publisher.award(work_id, "contract_1")).status_code == 200, "the same contract may ask again"
    other = await publisher.award(work_id, "contract_2")
    assert other.status_code == 409 and error_code(other) == "work_not_awardable"
    work = await publisher.work(work_id)
    assert (work["status"], work["contract_id"], work["awarded_at"]) == (
        "AWARDED",
        "contract_1",
        "2026-11-24T12:00:00Z",
    )
    assert (await publisher.client.post(f"/v1/work/{work_id}/cancel")).status_code == 409


async def test_an_award_is_possible_before_and_after_the_evaluation_and_not_after_the_cancelling(
    publisher: Publisher,
) -> None:
    closed, cancelled = await publisher.publish(bid_window_ms=5000), await publisher.publish(bid_window_ms=5000)
    await publisher.client.post(f"/v1/work/{cancelled}/cancel")
    publisher.clock.advance(5)
    assert (await publisher.award(closed)).status_code == 200
    refused = await publisher.award(cancelled)
    assert error_code(refused) == "work_not_awardable" and "CANCELLED" in refused.text
    assert await publisher.closed() == [], "awarded work needs no evaluation"


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        (["EXECUTING"], "EXECUTING"),
        (["EXECUTING", "EXECUTING", "COMPLETED"], "COMPLETED"),
        (["COMPLETED", "EXECUTING"], "COMPLETED"),
        (["FAILED", "FAILED"], "FAILED"),
    ],
)
async def test_the_contract_reports_how_it_goes(publisher: Publisher, reports: list[str], status: str) -> None:
    work_id = await publisher.publish()
    await publisher.award(work_id)
    for report in reports:
        answer = await publisher.act(work_id, "outcome", {"contract_id": "contract_1", "status": report})
        assert answer.status_code == 200, answer.text
    assert (await publisher.work(work_id))["status"] == status


async def test_an_outcome_is_never_turned_round_nor_told_by_another_contract(publisher: Publisher) -> None:
    work_id = await publisher.publish()
    early = await publisher.act(work_id, "outcome", {"contract_id": "contract_1", "status": "COMPLETED"})
    assert early.status_code == 409 and error_code(early) == "other_contract"
    await publisher.award(work_id)
    other = await publisher.act(work_id, "outcome", {"contract_id": "contract_2", "status": "FAILED"})
    assert error_code(other) == "other_contract"
    await publisher.act(work_id, "outcome", {"contract_id": "contract_1", "status": "COMPLETED"})
    turned = await publisher.act(work_id, "outcome", {"contract_id": "contract_1", "status": "FAILED"})
    assert turned.status_code == 409 and error_code(turned) == "invalid_state"


async def test_defect_parallel_bid_notices_are_all_counted(publisher: Publisher) -> None:
    work_id = await publisher.publish()
    notices = [f"bid_{n}" for n in range(64)] + [f"bid_{n}" for n in range(0, 64, 4)]  # some told twice
    answers = await asyncio.gather(*(publisher.act(work_id, "bids", {"bid_id": bid}) for bid in notices))
    assert {answer.status_code for answer in answers} == {200}
    assert (await publisher.work(work_id))["bids_received"] == 64


async def test_a_bid_is_counted_for_one_work_only(publisher: Publisher) -> None:
    first, second = await publisher.publish(), await publisher.publish()
    await publisher.act(first, "bids", {"bid_id": "bid_1"})
    other = await publisher.act(second, "bids", {"bid_id": "bid_1"})
    assert other.status_code == 409 and error_code(other) == "other_work"
    assert (await publisher.work(second))["bids_received"] == 0


async def test_defect_cancelling_and_awarding_at_once_has_one_winner(publisher: Publisher) -> None:
    for _ in range(12):
        work_id = await publisher.publish()
        cancel, *awards = await asyncio.gather(
            publisher.client.post(f"/v1/work/{work_id}/cancel"),
            *(publisher.award(work_id, f"contract_{n}") for n in range(4)),
            publisher.act(work_id, "close-bids"),
            *(publisher.act(work_id, "bids", {"bid_id": f"bid_{work_id[5:]}_{n}"}) for n in range(4)),
        )
        awards = awards[:4]
        winners = [answer for answer in (cancel, *awards) if answer.status_code == 200]
        assert len(winners) == 1
        assert {answer.status_code for answer in (cancel, *awards)} == {200, 409}
        work = await publisher.work(work_id)
        assert work["status"] == ("CANCELLED" if cancel.status_code == 200 else "AWARDED")
        assert work["bids_received"] == 4, "no count is lost to the race either"


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    registry = Registry()
    path = str(tmp_path / "work.db")
    peers = {registry.name: registry}
    async with running(DEFINITION, peers=peers, SQLITE_PATH=path) as app, client_of(app, x_consumer_id="me") as client:
        work_id = (await client.post("/v1/work", json={**WORK, "payload": {"a": 1}})).json()["work_id"]
        await client.post(f"/internal/work/{work_id}/bids", json={"bid_id": "bid_1"})
        before = (await client.get(f"/v1/work/{work_id}")).json()
    async with running(DEFINITION, peers=peers, SQLITE_PATH=path) as app, client_of(app, x_consumer_id="me") as client:
        assert (await client.get(f"/v1/work/{work_id}")).json() == before
        assert (await client.get("/v1/work")).json()["work"] == [before]
        await client.post(f"/internal/work/{work_id}/bids", json={"bid_id": "bid_1"})
        assert (await client.get(f"/v1/work/{work_id}")).json()["bids_received"] == 1


async def test_defect_lists_and_indexes_find_what_was_stored() -> None:
    settings = settings_of(DEFINITION.settings_type)
    store = await open_store(settings, DEFINITION.name)
    registry = Registry()
    async with running(DEFINITION, peers={registry.name: registry}, store=store) as app, client_of(app) as client:
        work_id = (await client.post("/v1/work", json=WORK)).json()["work_id"]
        page = await store.query("work_specs", {"consumer_id": "default_consumer"}, order="-created_at", limit=10)
        assert [stored.id for stored in page.items] == [work_id]


async def test_markers_of_counted_bids_go_a_month_after_the_window_and_the_count_stays(publisher: Publisher) -> None:
    work_id = await publisher.publish(bid_window_ms=5000)
    for bid_id in ("bid_1", "bid_2"):
        assert (await publisher.act(work_id, "bids", {"bid_id": bid_id})).status_code == 200
    store = runtime_of(publisher.app).store
    found = await store.get_many("work_bids", ["bid_1", "bid_2"])
    assert {str(stored.doc["purge_at"]) for stored in found.values()} == {"2026-12-24T12:00:05.000000Z"}
    publisher.clock.advance(31 * 86_400)
    for bid_id in found:
        await store.delete("work_bids", bid_id)  # as the database does
    assert (await publisher.act(work_id, "bids", {"bid_id": "bid_1"})).status_code == 200
    assert (await publisher.work(work_id))["bids_received"] == 2
