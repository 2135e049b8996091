"""Publishing and reading work over HTTP: the contract's shapes, its bounds, and what upstream got wrong (3.7)."""

import asyncio
import time
from collections.abc import Mapping

import httpx
import pytest

from aex.core.errors import unavailable
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.store.port import JsonValue
from aex.work_publisher.app import DEFINITION
from tests.app.support import client_of, error_code, running
from tests.app.work_publisher.conftest import WORK, Publisher


async def test_the_answer_to_publishing_has_the_contracts_fields(publisher: Publisher) -> None:
    answer = await publisher.client.post("/v1/work", json={**WORK, "bid_window_ms": 60000})
    assert answer.status_code == 201
    body = answer.json()
    assert body.pop("work_id").startswith("work_")
    assert body == {
        "status": "OPEN",
        "bid_window_ends_at": "2026-11-24T12:01:00Z",
        "providers_notified": 0,
        "created_at": "2026-11-24T12:00:00Z",
    }


async def test_everything_that_was_published_is_read_back(publisher: Publisher) -> None:
    sent = {
        "category": "translation",
        "description": "Hello",
        "budget": {"max_price": 0.02, "bid_strategy": "lowest_price", "max_cpa_bonus": 1.5},
        "constraints": {
            "max_latency_ms": 3000,
            "required_fields": ["a"],
            "min_trust_tier": "verified",
            "regions": ["eu"],
        },
        "success_criteria": [
            {"metric": "bleu", "type": "numeric", "comparison": ">=", "threshold": [0.5, [1]], "bonus": 0.1}
        ],
        "payload": {"text": "Hello", "n": [[1, 2.5], {"a.b": None}]},
        "consumer_id": "somebody-else",
    }
    work_id = await publisher.publish(publisher.client_as(x_consumer_id="me"), **sent)
    work = (await publisher.client.get(f"/v1/work/{work_id}")).json()
    assert work == {
        **sent,
        "work_id": work_id,
        "consumer_id": "me",
        "constraints": {**sent["constraints"], "min_trust_tier": "VERIFIED", "internal_only": False},
        "bid_window_ms": 30000,
        "auto_award": False,
        "status": "OPEN",
        "providers_notified": 0,
        "bids_received": 0,
        "created_at": "2026-11-24T12:00:00Z",
        "bid_window_ends_at": "2026-11-24T12:00:30Z",
    }


@pytest.mark.parametrize(
    ("asked", "granted"), [(0, 30000), (None, 30000), (-1, 5000), (4999, 5000), (5000, 5000), (300001, 300000)]
)
async def test_the_window_is_kept_within_the_contracts_bounds(
    publisher: Publisher, asked: int | None, granted: int
) -> None:
    work_id = await publisher.publish(bid_window_ms=asked)
    assert (await publisher.work(work_id))["bid_window_ms"] == granted


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": " "},
        {"category": None},
        {"description": ""},
        {"description": "x" * 100_001},
        {"category": "c\x00"},
        {"budget": {}},
        {"budget": {"max_price": 0}},
        {"budget": {"max_price": -1}},
        {"budget": {"max_price": "10"}},
        {"budget": {"max_price": 1e308}},
        {"budget": {"max_price": 0.0000001}},
        {"budget": {"max_price": True}},
        {"budget": {"max_price": 1, "bid_strategy": "cheapest"}},
        {"budget": {"max_price": 1, "max_cpa_bonus": -1}},
        {"constraints": {"min_trust_tier": "GOLD"}},
        {"constraints": {"max_latency_ms": 1.5}},
        {"constraints": {"max_latency_ms": -5}},
        {"success_criteria": [{"metric": "m", "type": "colour"}]},
        {"payload": [1]},
        {"payload": {"a": 2**63}},
        {"bid_window_ms": "30000"},
        {"auto_award": "yes"},
    ],
)
async def test_defect_validation_errors_are_400_not_500(publisher: Publisher, wrong: dict[str, object]) -> None:
    answer = await publisher.client.post("/v1/work", json={**WORK, **wrong})
    assert answer.status_code == 400, answer.text
    assert error_code(answer) == "bad_request"


async def test_a_body_that_is_not_json_is_told_so_in_the_contracts_words(publisher: Publisher) -> None:
    answer = await publisher.client.post("/v1/work", content=b"{nope")
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith("invalid request body")


async def test_names_are_read_as_tolerantly_as_upstream(publisher: Publisher) -> None:
    answer = await publisher.client.post(
        "/v1/work", json={"Category": "c", "DESCRIPTION": "d", "budget": {"Max_Price": 1}, "payload": None, "x": 1}
    )
    assert answer.status_code == 201, answer.text


async def test_defect_sizes_are_bounded(publisher: Publisher) -> None:
    assert await publisher.publish(payload={"text": "x" * 100 * 1024}), "100 KiB must work"
    large = await publisher.client.post("/v1/work", json={**WORK, "payload": {"text": "x" * 262_144}})
    assert large.status_code == 413 and error_code(large) == "payload_too_large"
    escaped = {"description": "\x01" * 99_000, "payload": {"t": '"' * 120_000}}
    assert (await publisher.client.post("/v1/work", json={**WORK, **escaped})).status_code == 413
    huge = await publisher.client.post("/v1/work", json={**WORK, "description": "x" * 1_048_577})
    assert huge.status_code == 413 and error_code(huge) == "body_too_large"


async def test_defect_money_is_exact(publisher: Publisher) -> None:
    for price in (0.01, 0.1 + 0.2, 0.000001, 999999999.999999):
        work_id = await publisher.publish(budget={"max_price": price})
        work = await publisher.work(work_id)
        assert work["budget"]["max_price"] == round(price, 6)  # type: ignore[index]


async def test_defect_subscribers_are_counted_as_the_registry_counts_them(publisher: Publisher) -> None:
    publisher.registry.subscribe("text", "prov_a")
    publisher.registry.subscribe("text", "prov_b")
    publisher.registry.subscribe("other", "prov_c")
    work_id = await publisher.publish(constraints={"max_latency_ms": 100, "regions": ["eu", "us"]})
    assert (await publisher.work(work_id))["providers_notified"] == 2
    assert publisher.registry.asked[0] == {
        "category": "text",
        "max_price": "10",
        "max_latency_ms": "100",
        "regions": "eu,us",
        "count_only": "true",
    }


async def test_defect_an_outage_of_the_registry_neither_stops_nor_delays_publishing(publisher: Publisher) -> None:
    publisher.registry.fail = unavailable("away")
    work_id = await publisher.publish()
    assert (await publisher.work(work_id))["providers_notified"] == 0


async def test_defect_publishing_waits_at_most_a_second_for_the_registry() -> None:
    class Slow:
        name = "aex-provider-registry"

        async def call(
            self,
            method: str,
            path: str,
            *,
            json: JsonValue = None,
            params: Mapping[str, str] | None = None,
            repeatable: bool | None = None,
            deadline: float = DEADLINE_SECONDS,
        ) -> Reply:
            await asyncio.sleep(deadline)  # as a real peer: no longer than it may take
            raise unavailable("too slow")

    async with running(DEFINITION, peers={"aex-provider-registry": Slow()}) as app, client_of(app) as client:
        started = time.monotonic()
        assert (await client.post("/v1/work", json=WORK)).status_code == 201
        assert time.monotonic() - started < 1.5


async def test_a_repeated_post_with_one_key_is_one_work(publisher: Publisher) -> None:
    async def post(body: object, key: str = "k1", consumer: str = "me") -> httpx.Response:
        client = publisher.client_as(x_consumer_id=consumer, x_idempotency_key=key)
        return await client.post("/v1/work", json=body)

    answers = await asyncio.gather(*(post(WORK) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    other = await post({**WORK, "description": "another"})
    assert other.status_code == 409 and error_code(other) == "idempotency_key_reused"
    assert (await post(WORK, consumer="you")).json()["work_id"] != answers[0].json()["work_id"]
    listed = await publisher.client_as(x_consumer_id="me").get("/v1/work")
    assert listed.json()["total"] == 1


async def test_defect_own_work_is_listed_newest_first_in_pages(publisher: Publisher) -> None:
    mine = publisher.client_as(x_tenant_id="tenant_a")
    ids = []
    for _ in range(5):
        ids.append(await publisher.publish(mine))
        publisher.clock.advance(1)
    await publisher.publish(publisher.client_as(x_tenant_id="tenant_b"))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await mine.get("/v1/work", params={"limit": "2", **cursor})).json()
        assert page["total"] == len(page["work"]) <= 2
        seen += [work["work_id"] for work in page["work"]]
        if "next_cursor" not in page:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ids[::-1]
    bad = await mine.get("/v1/work", params={"cursor": "rubbish"})
    assert bad.status_code == 400 and error_code(bad) == "bad_cursor"


async def test_the_list_is_filtered_by_the_state_of_this_moment(publisher: Publisher) -> None:
    first = await publisher.publish(bid_window_ms=5000)
    second = await publisher.publish(bid_window_ms=60000)
    publisher.clock.advance(10)

    async def in_state(status: str) -> list[str]:
        answer = await publisher.client.get("/v1/work", params={"status": status})
        return [work["work_id"] for work in answer.json()["work"]]

    assert await in_state("open") == [second]
    assert await in_state("EVALUATING") == [first]
    wrong = await publisher.client.get("/v1/work", params={"status": "DONE"})
    assert wrong.status_code == 400 and "OPEN" in wrong.json()["error"]["message"]


@pytest.mark.parametrize("work_id", ["work_unknown", "a b", "..", "x" * 200, "%00"])
async def test_unknown_work_is_404_everywhere(publisher: Publisher, work_id: str) -> None:
    for answer in (
        await publisher.client.get(f"/v1/work/{work_id}"),
        await publisher.client.post(f"/v1/work/{work_id}/cancel"),
        await publisher.client.get(f"/internal/work/{work_id}"),
        await publisher.act(work_id, "close-bids"),
        await publisher.act(work_id, "bids", {"bid_id": "bid_1"}),
        await publisher.award(work_id),
    ):
        assert answer.status_code in {404, 405}, answer.request.url


async def test_defect_store_errors_are_503_not_404() -> None:
    from aex.store import open_store
    from tests.app.support import settings_of
    from tests.app.work_publisher.registry import Registry

    store = await open_store(settings_of(DEFINITION.settings_type), DEFINITION.name)
    registry = Registry()
    async with running(DEFINITION, peers={registry.name: registry}, store=store) as app, client_of(app) as client:
        await store.close()
        answer = await client.get("/v1/work/work_1")
        assert answer.status_code == 503 and error_code(answer) == "store_unavailable"
        assert "retry-after" in answer.headers
