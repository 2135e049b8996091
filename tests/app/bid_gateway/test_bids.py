"""Bids over HTTP: the contract's shapes and words, and what upstream got wrong (5.5)."""

import asyncio

import pytest

from aex.core.context import FORWARDED_HEADER
from aex.core.errors import unavailable
from tests.app.bid_gateway.conftest import Exchange, post_bid
from tests.app.support import error_code, runtime_of


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


async def test_a_tenant_does_not_use_the_key_of_anothers_provider(exchange: Exchange) -> None:
    _, key = await exchange.provider(tenant="tenant_a")
    work_id = await exchange.work()
    assert (await exchange.bid(key, work_id, {"X-Tenant-ID": "tenant_b"})).status_code == 403
    # A provider that is a client of its own, with nothing but its key, as the gateway passes it on.
    assert (await exchange.bid(key, work_id, {FORWARDED_HEADER: "1"})).status_code == 200
    assert (await exchange.bid(key, work_id, {"X-Tenant-ID": "tenant_a"})).status_code == 200


@pytest.mark.parametrize("url", ["http://agent.example.com/a2a", "https://10.0.0.1/a2a", "https://localhost/a2a"])
async def test_defect_endpoints_inside_are_refused_outside_of_a_laptop(exchange: Exchange, url: str) -> None:
    _, key = await exchange.provider()
    work_id = await exchange.work()
    assert (await exchange.bid(key, work_id, a2a_endpoint=url)).status_code == 200
    runtime = runtime_of(exchange.app)
    from aex.bid_gateway.counting import Counting
    from aex.bid_gateway.questions import WorkCheck
    from aex.bid_gateway.service import BidService
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
