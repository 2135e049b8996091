"""The wrappers that other tests rely on do what they say."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from aex.store.port import AlreadyExists, Put, Store, VersionConflict
from tests.app.store.crashing import Asked, Crashed, CrashingStore, RecordingStore
from tests.app.store.harness import SqliteHarness

PUTS = [Put("follow_ups", "f1", {"cause": "x"}), Put("follow_ups", "f2", {"cause": "x"})]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """The wrappers do not know what they wrap, so one backend is enough."""
    opened = await SqliteHarness(None).open()
    yield opened
    await opened.close()


async def job(store: Store) -> None:
    """Seven writes."""
    first = await store.insert("things", "one", {"n": 1}, then=PUTS)
    await store.increment("counters", "c", {"n": 1})
    await store.replace(first, {"n": 2}, collection="things", then=[Put("things", "two", {})])
    await store.delete("things", "two")


async def state(store: Store) -> list[object]:
    one = await store.get("things", "one")
    return [
        one.doc["n"] if one else None,
        sorted(await store.get_many("follow_ups", ["f1", "f2"])),
        await store.get("counters", "c") is not None,
        await store.get("things", "two") is not None,
    ]


STATES = [
    [None, [], False, False],
    [1, [], False, False],
    [1, ["f1"], False, False],
    [1, ["f1", "f2"], False, False],
    [1, ["f1", "f2"], True, False],
    [2, ["f1", "f2"], True, False],
    [2, ["f1", "f2"], True, True],
    [2, ["f1", "f2"], True, False],
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("n", range(1, 9))
async def test_the_crash_comes_at_the_nth_single_write(store: Store, n: int, after: bool) -> None:
    dying = CrashingStore(store, n, after=after)
    if n <= 7:
        with pytest.raises(Crashed):
            await job(dying)
        for again in (dying.get("things", "one"), dying.insert("things", "x", {}), dying.ping()):
            with pytest.raises(Crashed):
                await again
    else:
        await job(dying)
    assert dying.crashed is (n <= 7)
    applied = min(n if after else n - 1, 7)
    assert dying.writes == applied
    assert await state(store) == STATES[applied]


async def test_a_sweep_over_every_n_ends(store: Store) -> None:
    crashed: list[bool] = []
    while not crashed or crashed[-1]:
        dying = CrashingStore(store, len(crashed) + 1)
        with contextlib.suppress(Crashed):
            await dying.increment("counters", "c", {"n": 1})
            await dying.increment("counters", "c", {"n": 1})
        crashed.append(dying.crashed)
    assert crashed == [True, True, False]


async def test_errors_and_put_if_absent_are_those_of_the_port(store: Store) -> None:
    wrapped = CrashingStore(store, 100)
    first = await wrapped.insert("things", "one", {"n": 1}, then=[*PUTS, *PUTS])
    with pytest.raises(AlreadyExists):
        await wrapped.insert("things", "one", {"n": 2}, then=[Put("things", "never", {})])
    await wrapped.replace(first, {"n": 2}, collection="things")
    with pytest.raises(VersionConflict):
        await wrapped.replace(first, {"n": 3}, collection="things", then=[Put("things", "never", {})])
    assert await store.get("things", "never") is None
    assert (await wrapped.query("things", {"kind": "k"}, order="rank", limit=1)).items == []
    assert await wrapped.count("things", {"kind": "k"}) == 0


async def test_queries_are_recorded(store: Store) -> None:
    asked: set[Asked] = set()
    recording = RecordingStore(store, asked)
    await recording.insert("things", "one", {"kind": "k", "rank": "1"})
    page = await recording.query("things", {"kind": "k"}, order="rank", limit=1)
    assert [item.id for item in page.items] == ["one"]
    assert await recording.count("things", {"kind": "k", "size": 1}) == 0
    await recording.query("things", {"kind": "other"}, order="rank", limit=1)
    assert asked == {
        Asked("things", frozenset({"kind"}), "rank"),
        Asked("things", frozenset({"kind", "size"}), None),
    }
