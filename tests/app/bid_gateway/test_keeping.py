"""Bids are kept, counted once, bounded, paged, shown to whom they belong, and removed in the end."""

import asyncio
from pathlib import Path

from aex.bid_gateway.app import DEFINITION
from aex.bid_gateway.service import MAX_BIDS
from aex.core.errors import unavailable
from tests.app.bid_gateway.conftest import Exchange, post_bid
from tests.app.support import client_of, error_code, run_duties, running, runtime_of


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
