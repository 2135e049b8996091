"""The promises about writes, the same for every backend: conflicts, follow-ups, counters."""

import asyncio

import pytest

from aex.store.port import (
    AlreadyExists,
    InvalidDocument,
    Put,
    Store,
    Stored,
    VersionConflict,
)
from tests.app.store.harness import read

# --- conflicts ---


async def test_insert_never_overwrites(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    with pytest.raises(AlreadyExists):
        await store.insert("things", "one", {"n": 2})
    assert await read(store, "one") == first


async def test_replace_needs_the_version_that_was_read(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    second = await store.replace(first, {"n": 2}, collection="things")
    assert second.version != first.version
    assert await read(store, "one") == second
    with pytest.raises(VersionConflict):
        await store.replace(first, {"n": 3}, collection="things")
    third = await store.replace(second, {"n": 3}, collection="things")
    assert await read(store, "one") == third


async def test_replace_with_the_same_content_is_still_a_change(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    second = await store.replace(first, {"n": 1}, collection="things")
    with pytest.raises(VersionConflict):
        await store.replace(first, {"n": 1}, collection="things")
    third = await store.replace(second, {"n": 1}, collection="things")
    with pytest.raises(VersionConflict):
        await store.replace(second, {"n": 1}, collection="things")
    assert await read(store, "one") == third


async def test_replace_drops_what_the_new_document_lacks(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1, "gone": True})
    await store.replace(first, {"n": 2}, collection="things")
    assert (await read(store, "one")).doc == {"n": 2}


async def test_replace_of_a_deleted_document_conflicts(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    assert await store.delete("things", "one")
    with pytest.raises(VersionConflict):
        await store.replace(first, {"n": 2}, collection="things")
    assert await store.get("things", "one") is None


async def test_a_version_of_an_earlier_document_of_the_same_id_is_stale(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    await store.delete("things", "one")
    again = await store.insert("things", "one", {"n": 1})
    with pytest.raises(VersionConflict):
        await store.replace(first, {"n": 2}, collection="things")
    assert await store.delete("things", "one", version=first.version) is False
    assert await read(store, "one") == again


async def test_delete(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    assert await store.delete("things", "nobody") is False
    assert await store.delete("things", "nobody", version=1) is False
    second = await store.replace(first, {"n": 2}, collection="things")
    assert await store.delete("things", "one", version=first.version) is False
    assert await read(store, "one") == second
    assert await store.delete("things", "one", version=second.version) is True
    assert await store.delete("things", "one") is False
    await store.insert("things", "two", {})
    assert await store.delete("things", "two") is True
    assert await store.get("things", "two") is None


async def test_of_16_inserts_of_one_id_one_wins(store: Store) -> None:
    outcomes = await asyncio.gather(
        *(
            store.insert("things", "one", {"n": n}, then=[Put("follow_ups", f"f{n}", {"cause": "one"})])
            for n in range(16)
        ),
        return_exceptions=True,
    )
    won = [o for o in outcomes if isinstance(o, Stored)]
    assert len(won) == 1
    assert all(isinstance(o, AlreadyExists) for o in outcomes if o not in won)
    assert await read(store, "one") == won[0]
    assert await store.count("follow_ups", {"cause": "one"}) == 1
    assert await store.get("follow_ups", f"f{won[0].doc['n']}") is not None


async def test_of_16_replacements_of_one_version_one_wins(store: Store) -> None:
    first = await store.insert("things", "one", {"n": -1})
    outcomes = await asyncio.gather(
        *(store.replace(first, {"n": n}, collection="things") for n in range(16)), return_exceptions=True
    )
    won = [o for o in outcomes if isinstance(o, Stored)]
    assert len(won) == 1
    assert all(isinstance(o, VersionConflict) for o in outcomes if o not in won)
    assert await read(store, "one") == won[0]


async def test_conflicting_updates_that_retry_lose_nothing(store: Store) -> None:
    await store.insert("things", "one", {"seen": []})

    async def append(n: int) -> None:
        while True:
            current = await read(store, "one")
            seen = current.doc["seen"]
            assert isinstance(seen, list)
            try:
                await store.replace(current, {"seen": [*seen, n]}, collection="things")
            except VersionConflict:
                await asyncio.sleep(0)
                continue
            return

    await asyncio.gather(*(append(n) for n in range(8)))
    seen = (await read(store, "one")).doc["seen"]
    assert isinstance(seen, list)
    assert sorted(map(str, seen)) == [str(n) for n in range(8)]


async def test_a_conflict_does_not_disturb_its_neighbours(store: Store) -> None:
    await store.insert("things", "taken", {"n": 0})
    outcomes = await asyncio.gather(
        *(store.insert("things", "taken" if n % 3 == 0 else f"t{n}", {"n": n}) for n in range(30)),
        return_exceptions=True,
    )
    for n, outcome in enumerate(outcomes):
        assert isinstance(outcome, AlreadyExists if n % 3 == 0 else Stored)
    assert len(await store.get_many("things", [f"t{n}" for n in range(30)])) == 20


# --- follow-up writes ---


async def test_then_is_applied_in_order_and_only_where_nothing_is(store: Store) -> None:
    await store.insert("follow_ups", "there", {"cause": "earlier"})
    puts = [
        Put("follow_ups", "there", {"cause": "later"}),
        Put("follow_ups", "new", {"cause": "first"}),
        Put("follow_ups", "new", {"cause": "second"}),
        Put("things", "other", {"n": 1}),
    ]
    written = await store.insert("things", "one", {"n": 1}, then=puts)
    assert written.doc == {"n": 1}
    assert (await read(store, "there", "follow_ups")).doc == {"cause": "earlier"}
    assert (await read(store, "new", "follow_ups")).doc == {"cause": "first"}
    assert (await read(store, "other")).doc == {"n": 1}


async def test_then_of_a_replacement(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    await store.insert("follow_ups", "f1", {"cause": "earlier"})
    puts = [Put("follow_ups", f"f{n}", {"cause": "one"}) for n in range(3)]
    second = await store.replace(first, {"n": 2}, collection="things", then=puts)
    assert await read(store, "one") == second
    assert await store.count("follow_ups", {"cause": "one"}) == 2
    third = await store.replace(second, {"n": 3}, collection="things", then=puts)  # the retry of a sweep
    assert await read(store, "one") == third
    assert await store.count("follow_ups", {"cause": "one"}) == 2


async def test_then_is_not_applied_when_the_first_write_fails(store: Store) -> None:
    first = await store.insert("things", "one", {"n": 1})
    await store.replace(first, {"n": 2}, collection="things")
    puts = [Put("follow_ups", "f", {"cause": "one"})]
    with pytest.raises(AlreadyExists):
        await store.insert("things", "one", {"n": 3}, then=puts)
    with pytest.raises(VersionConflict):
        await store.replace(first, {"n": 3}, collection="things", then=puts)
    assert await store.get("follow_ups", "f") is None


async def test_concurrent_writes_with_a_follow_up_in_common(store: Store) -> None:
    shared = Put("follow_ups", "shared", {"cause": "any"})
    await asyncio.gather(*(store.insert("things", f"t{n}", {"n": n}, then=[shared]) for n in range(12)))
    assert len(await store.get_many("things", [f"t{n}" for n in range(12)])) == 12
    assert await store.count("follow_ups", {"cause": "any"}) == 1


async def test_a_follow_up_has_a_version_like_any_document(store: Store) -> None:
    await store.insert("things", "one", {}, then=[Put("follow_ups", "f", {"cause": "a"})])
    put = await read(store, "f", "follow_ups")
    await store.replace(put, {"cause": "b"}, collection="follow_ups")
    with pytest.raises(VersionConflict):
        await store.replace(put, {"cause": "c"}, collection="follow_ups")


# --- counters ---


async def test_64_parallel_increments_all_count(store: Store) -> None:
    results = await asyncio.gather(*(store.increment("counters", "c", {"n": 1, "sum": n}) for n in range(64)))
    assert sorted(r["n"] for r in results) == list(range(1, 65))
    assert (await read(store, "c", "counters")).doc == {"n": 64, "sum": sum(range(64))}


async def test_increment_keeps_other_fields_and_starts_absent_ones_at_zero(store: Store) -> None:
    await store.insert("counters", "c", {"name": "x", "n": 40})
    assert await store.increment("counters", "c", {"n": 2, "m": -5}) == {"n": 42, "m": -5}
    assert (await read(store, "c", "counters")).doc == {"name": "x", "n": 42, "m": -5}


async def test_increment_makes_a_read_version_stale(store: Store) -> None:
    first = await store.insert("counters", "c", {"n": 1})
    await store.increment("counters", "c", {"n": 1})
    with pytest.raises(VersionConflict):
        await store.replace(first, {"n": 100}, collection="counters")
    created = await store.increment("counters", "d", {"n": 1})
    assert created == {"n": 1}
    second = await read(store, "d", "counters")
    await store.replace(second, {"n": 5}, collection="counters")
    assert await store.increment("counters", "d", {"n": 1}) == {"n": 6}


async def test_increment_and_replace_together_lose_nothing(store: Store) -> None:
    await store.insert("counters", "c", {"n": 0, "replaced": 0})

    async def replace() -> None:
        while True:
            current = await read(store, "c", "counters")
            doc = dict(current.doc)
            doc["replaced"] = int(str(doc["replaced"])) + 1
            try:
                await store.replace(current, doc, collection="counters")
            except VersionConflict:
                await asyncio.sleep(0)
                continue
            return

    await asyncio.gather(
        *(store.increment("counters", "c", {"n": 1}) for _ in range(12)), *(replace() for _ in range(4))
    )
    assert (await read(store, "c", "counters")).doc == {"n": 12, "replaced": 4}


@pytest.mark.parametrize("amounts", [{}, {"n": 1.5}, {"n": True}, {"n": 2**63}, {"a.b": 1}, {"_v": 1}], ids=str)
async def test_a_wrong_increment_is_refused(store: Store, amounts: dict[str, int]) -> None:
    with pytest.raises(InvalidDocument):
        await store.increment("counters", "c", amounts)
    assert await store.get("counters", "c") is None
