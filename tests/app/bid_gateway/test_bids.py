"""Bids over HTTP: the contract's shapes and words, and what upstream got wrong (5.5)."""

import asyncio
from pathlib import Path

import pytest

from aex.bid_gateway.app import DEFINITION
from aex.bid_gateway.service import MAX_BIDS
from aex.core.context import FORWARDED_HEADER
from aex.core.errors import unavailable
from tests.app.bid_gateway.conftest import Exchange, post_bid
from tests.app.support import client_of, error_code, run_duties, running, runtime_of


async def test_the_answer_to_a_bid_has_the_contracts_fields(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    answer = await exchange.bid(key, work_id)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("bid_id").startswith("bid_")
    assert body == {"work_id": work_id, "status": "RECEIVED", "received_at": "2026-11-24T12:00:00Z"}


async def test_everything_in_a_bid_is_listed_to_those_who_rank_it(exchange: Exchange) -> None:
    provider_id, key = await exchange.provider(tenant="tenant_p")
    work_id = await exchange.work()
    sent: dict[str, object] = {
        "price": 0.3,
        "confidence": 1,
        "approach": "with care",
        "estimated_latency_ms": 20,
        "price_breakdown": {"a.b": 0.1, "c": 2},
        "mvp_sample": {"sample_input": {"x": [[1]]}, "sample_output": "y", "sample_latency_ms": 3},
        "sla": {"max_latency_ms": 100, "availability": 0.99},
        "a2a_endpoint": "https://agent.example.com/a2a?x=1",
        "expires_at": "2026-11-24T13:00:00.5Z",
    }
    faked: dict[str, object] = {"provider_id": "prov_other", "currency": "EUR", "status": "AWARDED"}
    bid_id = (await exchange.bid(key, work_id, None, **sent, **faked)).json()["bid_id"]
    listed = (await exchange.client.get("/internal/v1/bids", params={"work_id": work_id})).json()
    bid = {
        **sent,
        "bid_id": bid_id,
        "work_id": work_id,
        "provider_id": provider_id,
        "provider_tenant_id": "tenant_p",
        "status": "RECEIVED",
        "received_at": "2026-11-24T12:00:00Z",
    }
    assert listed == {"work_id": work_id, "bids": [bid], "total_bids": 1}
    assert (await exchange.client.get(f"/internal/v1/bids/{bid_id}")).json() == bid
    assert (await exchange.client.get("/internal/v1/bids/bid_x")).status_code == 404


async def test_optional_parts_may_be_left_out_and_one_provider_may_bid_again(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    answers = [await exchange.bid(key, work_id, confidence=None) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["bid_id"] for answer in answers}) == 3
    bids = (await exchange.client.get("/internal/v1/bids", params={"work_id": work_id})).json()["bids"]
    assert bids[0]["sla"] == {"max_latency_ms": 0, "availability": 0} and bids[0]["confidence"] == 0
    assert "mvp_sample" not in bids[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"work_id": None}, "missing required fields: work_id"),
        ({"price": None, "a2a_endpoint": None}, "missing required fields: price, a2a_endpoint"),
        ({"expires_at": None}, "expires_at is required"),
        ({"expires_at": "2026-11-24T12:00:00Z"}, "bid already expired"),
        ({"expires_at": "2026-11-24T13:59:59+02:00"}, "bid already expired"),
        ({"expires_at": "tomorrow"}, "Invalid bid format: expires_at"),
        ({"confidence": 1.1}, "confidence must be between 0 and 1"),
        ({"confidence": -0.1}, "confidence must be between 0 and 1"),
        ({"confidence": "high"}, "Invalid bid format: confidence"),
        ({"price": 0}, "Invalid bid format: price"),
        ({"price": -1}, "Invalid bid format: price"),
        ({"price": "5"}, "Invalid bid format: price"),
        ({"price": 1e308}, "Invalid bid format: price"),
        ({"price": 0.0000001}, "Invalid bid format: price"),
        ({"a2a_endpoint": "not a url"}, "a2a_endpoint must be a valid URL"),
        ({"a2a_endpoint": " "}, "Invalid bid format: a2a_endpoint"),
        ({"work_id": "../x"}, "Invalid bid format: work_id"),
        ({"estimated_latency_ms": 1.5}, "Invalid bid format: estimated_latency_ms"),
        ({"price_breakdown": {"a": "x"}}, "Invalid bid format: price_breakdown.a"),
    ],
)
async def test_defect_what_is_wrong_is_named_and_400(
    exchange: Exchange, wrong: dict[str, object], message: str
) -> None:
    _, key = await exchange.provider()
    fields: dict[str, object] = {"work_id": await exchange.work(), **wrong}
    answer = await post_bid(exchange.client, key, fields.pop("work_id"), None, **fields)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"].startswith(message)
    assert error_code(answer) == "bad_request"


async def test_not_json_is_told_in_the_contracts_words(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    headers = {"Authorization": f"Bearer {key}"}
    for content in (b"{nope", b""):
        answer = await exchange.client.post("/v1/bids", content=content, headers=headers)
        assert answer.status_code == 400 and answer.json()["error"]["message"].startswith("Invalid bid format")


async def test_the_key_is_checked_before_the_body_is_looked_at(exchange: Exchange) -> None:
    for authorization in ("", "Bearer ", "Bearer wrong", "Basic eDp5", "Bearer aex_pk_live_" + "0" * 80):
        headers = {"Authorization": authorization} if authorization else {}
        answer = await exchange.client.post("/v1/bids", content=b"{nope", headers=headers)
        assert answer.status_code == 401 and answer.json()["error"]["message"].startswith("Unauthorized")


async def test_what_cannot_be_a_key_is_not_even_asked_about(exchange: Exchange) -> None:
    for key in ("wrong", "invalid-api-key-12345", "aex_pk_live_" + "0" * 500):
        assert (await exchange.bid(key, "work_1")).status_code == 401
    assert exchange.registry.calls == []


async def test_defect_an_outage_of_the_registry_is_503_not_401(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    exchange.registry.fail = unavailable("aex-provider-registry cannot be reached", code="peer_unavailable")
    answer = await exchange.bid(key, work_id)
    assert answer.status_code == 503 and error_code(answer) == "peer_unavailable" and "retry-after" in answer.headers


async def test_defect_the_registry_is_asked_once_for_many_bids_and_never_in_a_url(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    exchange.registry.calls.clear()
    await asyncio.gather(*(exchange.bid(key, work_id) for _ in range(16)))
    assert exchange.registry.calls == [("POST", "/internal/v1/providers/validate-key")]


async def test_defect_unknown_work_is_404_and_a_closed_window_409(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    unknown = await exchange.bid(key, "work_unknown")
    assert unknown.status_code == 404 and error_code(unknown) == "not_found"
    timed, closed, cancelled = await exchange.work(bid_window_ms=5000), await exchange.work(), await exchange.work()
    assert (await exchange.bid(key, timed)).status_code == 200
    await exchange.publisher_client.post(f"/internal/work/{closed}/close-bids")
    await exchange.publisher_client.post(f"/v1/work/{cancelled}/cancel")
    exchange.clock.advance(5)  # the state of `timed` may still be cached, the end of its window is known
    for work_id in (timed, closed, cancelled):
        answer = await exchange.bid(key, work_id)
        assert answer.status_code == 409 and error_code(answer) == "work_not_open"
        assert answer.json()["error"]["message"].startswith("Work not accepting bids")


async def test_an_outage_of_the_work_publisher_is_503(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    exchange.publisher.fail = unavailable("away", code="peer_unavailable")
    answer = await exchange.bid(key, work_id)
    assert answer.status_code == 503 and error_code(answer) == "peer_unavailable"


async def test_bids_over_budget_are_taken_and_left_to_the_evaluation(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    assert (await exchange.bid(key, await exchange.work(), price=1000)).status_code == 200


async def test_defect_the_work_publisher_counts_every_bid_once(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    answers = await asyncio.gather(*(exchange.bid(key, work_id) for _ in range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert await exchange.bids_received(work_id) == 24
    exchange.clock.advance(60)
    await run_duties(exchange.app)
    assert await exchange.bids_received(work_id) == 24


async def test_a_bid_that_could_not_be_counted_is_counted_later(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    await exchange.bid(key, work_id)  # now the state of the work is known for a second
    exchange.publisher.fail = unavailable("away")
    assert (await exchange.bid(key, work_id)).status_code == 200
    exchange.publisher.fail = None
    assert await exchange.bids_received(work_id) == 1
    exchange.clock.advance(10)
    assert await run_duties(exchange.app) == {"outbox": 1}
    assert await exchange.bids_received(work_id) == 2
    assert await run_duties(exchange.app) == {"outbox": 0}


async def test_defect_a_retried_post_with_one_key_is_one_bid(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    _, other = await exchange.provider("Provider 2")
    work_id = await exchange.work(bid_window_ms=5000)
    same = {"X-Idempotency-Key": "k1"}
    answers = await asyncio.gather(*(exchange.bid(key, work_id, same) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["bid_id"] for answer in answers}) == 1
    assert (await exchange.bid(other, work_id, same)).json()["bid_id"] != answers[0].json()["bid_id"]
    changed = await exchange.bid(key, work_id, same, price=6)
    assert changed.status_code == 409 and error_code(changed) == "idempotency_key_reused"
    exchange.clock.advance(10)
    late = await exchange.bid(key, work_id, same)
    assert late.json() == answers[0].json(), "the answer to a repeat is the same after the window"
    assert await exchange.bids_received(work_id) == 2


async def test_defect_bids_on_a_work_are_bounded(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    store = runtime_of(exchange.app).store
    await asyncio.gather(
        *(
            store.insert("bids", f"bid_{n}", {"work_id": work_id, "received_at": f"2026-11-24T11:00:00.{n:06d}Z"})
            for n in range(MAX_BIDS - 1)
        )
    )
    assert (await exchange.bid(key, work_id)).status_code == 200
    beyond = await exchange.bid(key, work_id)
    assert beyond.status_code == 409 and error_code(beyond) == "too_many_bids"


async def test_defect_sizes_are_bounded(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    large = await exchange.bid(key, work_id, mvp_sample={"sample_output": "x" * 65_536})
    assert large.status_code == 413 and error_code(large) == "bid_too_large"
    assert (await exchange.bid(key, work_id, approach="x" * 10_001)).status_code == 400


async def test_defect_lists_are_paged_newest_first(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    ids = []
    for _ in range(5):
        ids.append((await exchange.bid(key, work_id)).json()["bid_id"])
        exchange.clock.advance(1)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await exchange.client.get("/internal/v1/bids", params={"work_id": work_id, "limit": "2", **cursor})
        page = answer.json()
        assert page["total_bids"] == 5 and len(page["bids"]) <= 2
        seen += [bid["bid_id"] for bid in page["bids"]]
        if "next_cursor" not in page:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ids[::-1]
    missing = await exchange.client.get("/internal/v1/bids")
    assert missing.status_code == 400 and missing.json()["error"]["message"] == "work_id is required"
    nothing = await exchange.client.get("/internal/v1/bids", params={"work_id": "work_x"})
    assert nothing.json() == {"work_id": "work_x", "bids": [], "total_bids": 0}


async def test_defect_a_provider_sees_its_own_bids_only(exchange: Exchange) -> None:
    _, first = await exchange.provider()
    _, second = await exchange.provider("Provider 2")
    work_id = await exchange.work()
    mine = (await exchange.bid(first, work_id)).json()["bid_id"]
    await exchange.bid(second, work_id)
    listed = await exchange.client.get("/v1/bids", headers={"Authorization": f"bearer {first}"})
    assert [bid["bid_id"] for bid in listed.json()["bids"]] == [mine] and listed.json()["total"] == 1
    assert "provider_tenant_id" not in listed.json()["bids"][0]
    assert (await exchange.client.get("/v1/bids")).status_code == 401


async def test_a_tenant_does_not_use_the_key_of_anothers_provider(exchange: Exchange) -> None:
    _, key = await exchange.provider(tenant="tenant_a")
    work_id = await exchange.work()
    assert (await exchange.bid(key, work_id, {"X-Tenant-ID": "tenant_b"})).status_code == 403
    # A provider that is a client of its own, with nothing but its key, as the gateway passes it on.
    assert (await exchange.bid(key, work_id, {FORWARDED_HEADER: "1"})).status_code == 200
    assert (await exchange.bid(key, work_id, {"X-Tenant-ID": "tenant_a"})).status_code == 200


async def test_defect_expired_bids_are_removed_in_the_end(exchange: Exchange) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    for expires_at in ("2026-11-25T12:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await exchange.bid(key, work_id, expires_at=expires_at)).status_code == 200
    page = await runtime_of(exchange.app).store.query("bids", {"work_id": work_id}, order="-received_at", limit=9)
    assert sorted(str(stored.doc["purge_at"])[:10] for stored in page.items) == ["2026-12-25", "2027-12-24"]


async def test_bids_survive_a_restart(exchange: Exchange, tmp_path: Path) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    peers = {exchange.registry.name: exchange.registry, exchange.publisher.name: exchange.publisher}
    path = str(tmp_path / "bids.db")
    async with running(DEFINITION, peers=peers, clock=exchange.clock, SQLITE_PATH=path) as app:
        bid_id = (await post_bid(client_of(app), key, work_id)).json()["bid_id"]
        before = (await client_of(app).get("/internal/v1/bids", params={"work_id": work_id})).json()
    async with running(DEFINITION, peers=peers, clock=exchange.clock, SQLITE_PATH=path) as app:
        assert (await client_of(app).get("/internal/v1/bids", params={"work_id": work_id})).json() == before
        assert before["bids"][0]["bid_id"] == bid_id


@pytest.mark.parametrize("url", ["http://agent.example.com/a2a", "https://10.0.0.1/a2a", "https://localhost/a2a"])
async def test_defect_endpoints_inside_are_refused_outside_of_a_laptop(exchange: Exchange, url: str) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    assert (await exchange.bid(key, work_id, a2a_endpoint=url)).status_code == 200
    runtime = runtime_of(exchange.app)
    from aex.bid_gateway.questions import WorkCheck
    from aex.bid_gateway.service import BidService, Counting
    from aex.core.errors import ApiError
    from aex.core.outbox import Outbox

    outbox = Outbox(runtime.store, "bids", exchange.clock, {"count": Counting(exchange.publisher).handle})
    strict = BidService(runtime.store, exchange.clock, WorkCheck(exchange.publisher), outbox, relaxed=False)
    from aex.bid_gateway.models import BidRequest, Provider

    body = BidRequest.model_validate(
        {"work_id": work_id, "price": 1, "a2a_endpoint": url, "expires_at": "2026-11-25T00:00:00Z"}
    )
    with pytest.raises(ApiError, match="a2a_endpoint must be a valid URL"):
        await strict.submit(body, Provider("prov_1", None), None)
