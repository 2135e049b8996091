"""Telling the work-publisher of bids: a rush of them in few calls, each with its own outcome."""

import asyncio
from collections.abc import Mapping

import orjson
import pytest

from aex.bid_gateway.counting import MANY, Counting
from aex.core.errors import ApiError, unavailable
from aex.core.outbox import Undeliverable
from aex.core.peers import DEADLINE_SECONDS, Reply
from aex.store import JsonValue


class Publisher:
    """Notes calls, answers when `go` is set, and refuses the bids in `refused`."""

    name = "aex-work-publisher"

    def __init__(self) -> None:
        self.calls: list[tuple[str, JsonValue]] = []
        self.go = asyncio.Event()
        self.refused: list[dict[str, object]] = []
        self.fail: Exception | None = None

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
        assert (method, params, repeatable) == ("POST", None, True) and deadline == DEADLINE_SECONDS
        self.calls.append((path, json))
        await self.go.wait()
        if self.fail is not None:
            raise self.fail
        return Reply(200, orjson.dumps({"status": "ok", "refused": self.refused}))


def told(counting: Counting, number: int) -> "asyncio.Task[None]":
    return asyncio.create_task(counting.handle({"work_id": f"work_{number % 2}", "bid_id": f"bid_{number}"}))


async def test_bids_that_come_in_while_a_call_is_under_way_go_together_in_the_next() -> None:
    publisher = Publisher()
    counting = Counting(publisher)
    first = told(counting, 0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [told(counting, number) for number in range(1, 30)]
    publisher.refused = [
        {"bid_id": "bid_3", "status": 409, "code": "other_work"},
        {"bid_id": "bid_4", "status": 503, "code": "busy"},
    ]
    await asyncio.sleep(0)
    publisher.go.set()
    await first
    outcomes = await asyncio.gather(*rest, return_exceptions=True)
    assert [path for path, _ in publisher.calls] == ["/internal/work/work_0/bids", MANY]
    wrong = {number: outcome for number, outcome in enumerate(outcomes, 1) if outcome is not None}
    assert set(wrong) == {3, 4} and isinstance(wrong[3], Undeliverable)
    assert isinstance(wrong[4], ApiError) and wrong[4].status == 503


async def test_an_outage_is_told_to_everybody_who_waits_and_ends_nothing() -> None:
    publisher = Publisher()
    counting = Counting(publisher)
    publisher.go.set()
    publisher.fail = unavailable("away")
    outcomes = await asyncio.gather(*(told(counting, number) for number in range(5)), return_exceptions=True)
    assert all(isinstance(outcome, ApiError) for outcome in outcomes) and len(publisher.calls) == 1
    publisher.fail = None
    await told(counting, 6)


async def test_whoever_gave_up_is_not_told_again_by_this_way(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Publisher()
    counting = Counting(publisher)
    first, second, third = told(counting, 0), None, None
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second, third = told(counting, 1), told(counting, 2)
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    publisher.go.set()
    await asyncio.gather(first, third)
    assert [path for path, _ in publisher.calls] == ["/internal/work/work_0/bids"] * 2
