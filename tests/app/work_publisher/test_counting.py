"""Counting bids: together, once each, at a cost that does not grow, and right whoever else writes."""

import asyncio

import pytest

from aex.store.port import VersionConflict
from tests.app.support import runtime_of
from tests.app.work_publisher.conftest import Publisher

MANY = "/internal/v1/work/bids"


async def test_bids_on_several_works_are_counted_in_one_call_and_what_is_wrong_is_named(publisher: Publisher) -> None:
    works = [await publisher.publish() for _ in range(2)]
    bids = [{"work_id": works[n % 2], "bid_id": f"bid_{n}"} for n in range(10)]
    stray = {"work_id": "work_unknown", "bid_id": "bid_stray"}
    for _ in range(2):  # the second time it is a repeat
        answer = await publisher.client.post(MANY, json={"bids": [*bids, stray]})
        assert answer.status_code == 200
        assert answer.json()["refused"] == [{"bid_id": "bid_stray", "status": 404, "code": "not_found"}]
        assert [(await publisher.work(work_id))["bids_received"] for work_id in works] == [5, 5]
    moved = await publisher.client.post(MANY, json={"bids": [{"work_id": works[1], "bid_id": "bid_0"}]})
    assert moved.json()["refused"] == [{"bid_id": "bid_0", "status": 409, "code": "other_work"}]
    assert (await publisher.client.post(MANY, json={"bids": []})).status_code == 400


async def test_new_bids_are_counted_without_counting_the_old_ones(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost of a bid must not grow with the bids that its work has."""
    work_id = await publisher.publish()

    async def never(*_args: object, **_more: object) -> int:
        raise AssertionError("all markers were counted for one new bid")

    monkeypatch.setattr(runtime_of(publisher.app).store, "count", never)
    for number in range(3):
        assert (await publisher.act(work_id, "bids", {"bid_id": f"bid_{number}"})).status_code == 200
    together = [publisher.act(work_id, "bids", {"bid_id": f"bid_more_{number}"}) for number in range(20)]
    assert {answer.status_code for answer in await asyncio.gather(*together)} == {200}
    assert (await publisher.work(work_id))["bids_received"] == 23


async def test_a_bid_whose_count_was_lost_in_a_crash_is_counted_by_its_repeat(publisher: Publisher) -> None:
    work_id = await publisher.publish()
    store = runtime_of(publisher.app).store
    await store.insert("work_bids", "bid_lost", {"work_id": work_id, "purge_at": "2999-01-01T00:00:00.000000Z"})
    assert (await publisher.act(work_id, "bids", {"bid_id": "bid_2"})).status_code == 200
    assert (await publisher.act(work_id, "bids", {"bid_id": "bid_lost"})).status_code == 200
    assert (await publisher.work(work_id))["bids_received"] == 2


async def test_a_change_of_the_work_in_between_loses_no_count(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_id = await publisher.publish()
    store = runtime_of(publisher.app).store
    replace, refusals = store.replace, [1]

    async def raced(stored: object, doc: object, **more: object) -> object:
        if refusals:
            refusals.pop()
            fresh = await store.get("work_specs", work_id)
            assert fresh is not None
            await replace(fresh, {**fresh.doc, "providers_notified": 7}, collection="work_specs")
            raise VersionConflict("somebody else was faster")
        return await replace(stored, doc, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "replace", raced)
    assert (await publisher.act(work_id, "bids", {"bid_id": "bid_1"})).status_code == 200
    work = await publisher.work(work_id)
    assert (work["bids_received"], work["providers_notified"]) == (1, 7)
