"""Effects happen in the end, are not lost to crashes or outages, and are not dropped while they may still succeed."""

import asyncio

import pytest

from aex.core.errors import unavailable
from aex.core.outbox import Effect, Outbox, Undeliverable, without_outbox
from aex.core.settings import Settings
from aex.store import Store, open_store
from aex.store.declarations import Collection, Query
from aex.store.port import JsonValue
from tests.app.support import TestClock, settings_of

THINGS = {
    "things": Collection(
        name="things", owner="aex-sample", queries=(Query(equal=("outbox_pending",), order="outbox_next_at"),)
    )
}


class Receiver:
    """Remembers what arrived; fails as told."""

    def __init__(self) -> None:
        self.got: list[JsonValue] = []
        self.error: Exception | None = None
        self.delay = 0.0

    async def __call__(self, payload: dict[str, JsonValue]) -> None:
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        self.got.append(payload["what"])


@pytest.fixture
async def store():
    store = await open_store(settings_of(Settings), "aex-sample", collections=THINGS)
    yield store
    await store.close()


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def outbox(store: Store, clock: TestClock, receiver: Receiver) -> Outbox:
    return Outbox(store, "things", clock, {"tell": receiver})


async def test_an_effect_is_delivered_once_and_leaves_no_trace(
    outbox: Outbox, store: Store, receiver: Receiver
) -> None:
    stored = await store.insert("things", "t", outbox.attach({"a": 1}, Effect("tell", {"what": "x"})))
    after = await outbox.deliver(stored)
    assert receiver.got == ["x"] and after.doc == {"a": 1}
    await outbox.deliver(after)
    assert receiver.got == ["x"]


async def test_what_a_crash_left_is_swept_up_later_and_not_at_once(
    outbox: Outbox, store: Store, receiver: Receiver, clock: TestClock
) -> None:
    await store.insert("things", "t", outbox.attach({"a": 1}, Effect("tell", {"what": "x"})))
    assert await outbox.sweep() == 0, "a request that is still at it is left alone"
    clock.advance(10)
    assert await outbox.sweep() == 1 and receiver.got == ["x"]
    clock.advance(1000)
    assert await outbox.sweep() == 0


async def test_an_outage_delays_with_growing_pauses_and_loses_nothing(
    outbox: Outbox, store: Store, receiver: Receiver, clock: TestClock
) -> None:
    receiver.error = unavailable("away")
    stored = await store.insert("things", "t", outbox.attach({"a": 1}, Effect("tell", {"what": "x"})))
    due = []
    for _ in range(6):
        stored = await outbox.deliver(stored)
        due.append(str(stored.doc["outbox_next_at"]))
    assert due == sorted(due) and due[0] != due[-1]
    receiver.error = None
    clock.advance(3600)
    assert await outbox.sweep() == 1 and receiver.got == ["x"]


async def test_one_effect_that_fails_does_not_hold_up_or_repeat_the_others(store: Store, clock: TestClock) -> None:
    good, bad = Receiver(), Receiver()
    bad.error = unavailable("away")
    outbox = Outbox(store, "things", clock, {"good": good, "bad": bad})
    stored = await store.insert(
        "things", "t", outbox.attach({}, Effect("good", {"what": "g"}), Effect("bad", {"what": "b"}))
    )
    stored = await outbox.deliver(stored)
    bad.error = None
    await outbox.deliver(stored)
    assert (good.got, bad.got) == (["g"], ["b"])


async def test_a_slow_peer_costs_the_request_only_its_deadline(
    outbox: Outbox, store: Store, receiver: Receiver, clock: TestClock
) -> None:
    receiver.delay = 30
    stored = await store.insert("things", "t", outbox.attach({}, Effect("tell", {"what": "x"})))
    async with asyncio.timeout(2):
        stored = await outbox.deliver(stored, deadline=0.05)
    assert stored.doc["outbox_pending"] is True


async def test_a_change_made_meanwhile_is_kept(outbox: Outbox, store: Store) -> None:
    stored = await store.insert("things", "t", outbox.attach({"a": 1}, Effect("tell", {"what": "x"})))
    await store.replace(stored, {**stored.doc, "a": 2}, collection="things")
    after = await outbox.deliver(stored)
    assert after.doc == {"a": 2}


async def test_bounded_effects_are_dropped_after_their_attempts(
    outbox: Outbox, store: Store, receiver: Receiver
) -> None:
    receiver.error = unavailable("away")
    stored = await store.insert("things", "t", outbox.attach({"a": 1}, Effect("tell", {"what": "x"}, attempts=2)))
    stored = await outbox.deliver(await outbox.deliver(stored))
    assert stored.doc == {"a": 1}


async def test_what_can_never_be_delivered_is_dropped(outbox: Outbox, store: Store, receiver: Receiver) -> None:
    receiver.error = Undeliverable("the work is gone")
    stored = await store.insert("things", "t", outbox.attach({"a": 1}, Effect("tell", {"what": "x"})))
    assert (await outbox.deliver(stored)).doc == {"a": 1}


async def test_effects_attached_later_join_those_that_wait(outbox: Outbox, receiver: Receiver, store: Store) -> None:
    doc = outbox.attach(outbox.attach({"a": 1}, Effect("tell", {"what": "x"})), Effect("tell", {"what": "y"}))
    await outbox.deliver(await store.insert("things", "t", doc))
    assert sorted(map(str, receiver.got)) == ["x", "y"] and without_outbox(doc) == {"a": 1}


async def test_a_delivery_that_comes_late_does_not_remove_a_later_effect(
    outbox: Outbox, store: Store, receiver: Receiver
) -> None:
    stored = await store.insert("things", "t", outbox.attach({"a": 1}, Effect("tell", {"what": "x"})))
    receiver.delay = 0.05
    slow = asyncio.create_task(outbox.deliver(stored))
    await asyncio.sleep(0.01)
    receiver.delay = 0
    cleared = await outbox.deliver(stored)
    await store.replace(cleared, outbox.attach(cleared.doc, Effect("tell", {"what": "later"})), collection="things")
    after = await slow
    assert "later" in str(after.doc["outbox"])


async def test_what_follows_an_effect_is_committed_with_its_removal(store: Store, clock: TestClock) -> None:
    got: list[JsonValue] = []

    async def first(payload: dict[str, JsonValue]) -> list[Effect]:
        return [Effect("last", payload), Effect("last", {"what": "in a minute"}, delay_seconds=60)]

    async def last(payload: dict[str, JsonValue]) -> None:
        got.append(payload["what"])

    outbox = Outbox(store, "things", clock, {"first": first, "last": last})
    stored = await outbox.deliver(await store.insert("things", "t", outbox.attach({}, Effect("first", {"what": "x"}))))
    assert got == [] and stored.doc["outbox_next_at"] == "2026-11-24T12:00:00.000000Z"
    assert await outbox.sweep() == 1 and got == ["x"]
    assert await outbox.sweep() == 0, "the delayed one waits"
    clock.advance(60)
    assert await outbox.sweep() == 1 and got == ["x", "in a minute"]
