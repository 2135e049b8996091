"""The promises of the store port, the same for every backend: single documents, conflicts, follow-ups, counters."""

import asyncio

import pytest

from aex.store.port import (
    MAX_DOCUMENT_BYTES,
    MAX_ID_BYTES,
    AlreadyExists,
    Document,
    ForeignCollection,
    InvalidDocument,
    Put,
    Store,
    Stored,
    StoreError,
    StoreUnavailable,
    VersionConflict,
)
from tests.app.store.harness import Harness

ODD_IDS = [
    "a",
    "a/b",
    "/",
    ".",
    "..",
    "__proto__",
    "__id7__",
    "a b",
    "%2F",
    "a%b",
    "ä-日本-😀",
    "'; DROP TABLE things; --",
    "$set",
    "a.b",
    "line\nbreak",
    "nul\0inside",
    "x" * MAX_ID_BYTES,
    "é" * (MAX_ID_BYTES // 2),
]

EVERYTHING: Document = {
    "none": None,
    "yes": True,
    "no": False,
    "zero": 0,
    "one": 1,
    "big": 2**63 - 1,
    "small": -(2**63),
    "ratio": 0.1,
    "whole": 1.0,
    "tiny": 5e-324,
    "text": 'ä-日本-😀-\0-\u2028-"-\\',
    "empty": "",
    "list": [1, "two", 3.5, None, True, {"in": ["list"]}],
    "no_list": [],
    "map": {"a b": 1, "ä": {"deep": [{"er": None}]}, "x/y": 2},
    "no_map": {},
    "date_like": "2026-11-24T22:55:49.123456Z",
}


async def read(store: Store, id: str, collection: str = "things") -> Stored:
    found = await store.get(collection, id)
    assert found is not None
    return found


# --- one document ---


async def test_what_was_inserted_is_read_back(store: Store) -> None:
    written = await store.insert("things", "one", {"kind": "k", "rank": "r"})
    assert (written.id, written.doc) == ("one", {"kind": "k", "rank": "r"})
    assert await store.get("things", "one") == written
    assert await store.get("things", "one", stale_ok=True) == written
    assert await store.get("things", "two") is None


async def test_every_kind_of_value_comes_back_exactly(store: Store) -> None:
    await store.insert("things", "all", EVERYTHING)
    doc = (await read(store, "all")).doc
    assert doc == EVERYTHING
    assert {name: type(value) for name, value in doc.items()} == {n: type(v) for n, v in EVERYTHING.items()}


async def test_an_empty_document_is_a_document(store: Store) -> None:
    written = await store.insert("things", "empty", {})
    assert await store.get("things", "empty") == written


@pytest.mark.parametrize("id", ODD_IDS, ids=lambda i: ascii(i)[:20])
async def test_any_text_is_an_id(store: Store, id: str) -> None:
    written = await store.insert("things", id, {"kind": "odd", "rank": "r"})
    assert written.id == id
    assert await store.get("things", id) == written
    assert list(await store.get_many("things", [id])) == [id]
    page = await store.query("things", {"kind": "odd"}, order="rank", limit=5)
    assert page.items == [written]
    with pytest.raises(AlreadyExists):
        await store.insert("things", id, {})
    replaced = await store.replace(written, {"kind": "even"}, collection="things")
    assert replaced.id == id
    assert await store.delete("things", id)
    await store.increment("counters", id, {"n": 2})
    assert (await read(store, id, "counters")).doc == {"n": 2}


@pytest.mark.parametrize(
    "id", ["", "x" * (MAX_ID_BYTES + 1), "é" * MAX_ID_BYTES, "\ud800"], ids=["empty", "long", "bytes", "half"]
)
async def test_an_impossible_id_finds_nothing_and_is_refused(store: Store, id: str) -> None:
    assert await store.get("things", id) is None
    assert await store.get_many("things", [id, "other"]) == {}
    assert await store.delete("things", id) is False
    with pytest.raises(InvalidDocument):
        await store.insert("things", id, {})
    with pytest.raises(InvalidDocument):
        await store.increment("counters", id, {"n": 1})


async def test_a_big_document_is_kept_and_a_bigger_one_refused(store: Store) -> None:
    text = "ä" * ((MAX_DOCUMENT_BYTES - 100) // 2)
    await store.insert("things", "big", {"kind": "big", "rank": "1", "text": text})
    assert (await read(store, "big")).doc["text"] == text
    with pytest.raises(InvalidDocument, match="more than"):
        await store.insert("things", "bigger", {"text": text + "x" * 200})
    with pytest.raises(InvalidDocument, match="more than"):
        await store.insert("things", "small", {}, then=[Put("follow_ups", "f", {"text": text + "x" * 200})])
    assert await store.get_many("things", ["bigger", "small"]) == {}


BAD_DOCUMENTS = {
    "too big a number": {"n": 2**63},
    "deep number": {"m": {"n": [-(2**63) - 1]}},
    "nan": {"n": float("nan")},
    "infinity": {"m": {"n": float("inf")}},
    "list in list": {"n": [[1]]},
    "half a pair": {"n": "\ud800"},
    "underscore": {"_v": 1},
    "dotted": {"a.b": 1},
    "dollar": {"$set": 1},
    "dollar below": {"m": {"$set": 1}},
    "dot below": {"m": {"a.b": 1}},
    "empty key": {"m": {"": 1}},
    "number key": {"m": {1: 1}},
    "bytes": {"n": b"x"},
    "set": {"n": {1, 2}},
}


@pytest.mark.parametrize("doc", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS.keys())
async def test_what_some_backend_could_not_keep_is_refused_by_all(store: Store, doc: Document) -> None:
    with pytest.raises(InvalidDocument):
        await store.insert("things", "bad", doc)
    with pytest.raises(InvalidDocument):
        await store.insert("things", "bad", {}, then=[Put("follow_ups", "f", doc)])
    assert await store.get("things", "bad") is None
    good = await store.insert("things", "good", {})
    with pytest.raises(InvalidDocument):
        await store.replace(good, doc, collection="things")
    assert await read(store, "good") == good


async def test_nesting_is_bounded(store: Store) -> None:
    deep: Document = {"n": 1}
    for _ in range(40):
        deep = {"n": deep}
    with pytest.raises(InvalidDocument, match="deeper"):
        await store.insert("things", "deep", deep)


async def test_get_many_returns_what_exists(store: Store) -> None:
    for n in range(5):
        await store.insert("things", f"t{n}", {"n": n})
    found = await store.get_many("things", ["t3", "nobody", "t1", "t3"])
    assert {id: s.doc for id, s in found.items()} == {"t3": {"n": 3}, "t1": {"n": 1}}
    assert await store.get_many("things", []) == {}


async def test_get_many_takes_many(store: Store) -> None:
    await asyncio.gather(*(store.insert("things", f"t{n}", {"n": n}) for n in range(0, 1100, 11)))
    found = await store.get_many("things", [f"t{n}" for n in range(1100)])
    assert sorted(s.doc["n"] for s in found.values()) == list(range(0, 1100, 11))  # pyright: ignore[reportArgumentType]


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


# --- ownership and life ---


async def test_a_foreign_collection_is_out_of_reach(store: Store) -> None:
    thing = await store.insert("things", "one", {})
    for attempt in (
        lambda c: store.insert(c, "x", {}),
        lambda c: store.insert("things", "x", {}, then=[Put(c, "y", {})]),
        lambda c: store.get(c, "x"),
        lambda c: store.get_many(c, ["x"]),
        lambda c: store.replace(thing, {}, collection=c),
        lambda c: store.replace(thing, {}, collection="things", then=[Put(c, "y", {})]),
        lambda c: store.delete(c, "x"),
        lambda c: store.query(c, {"kind": "x"}, order="rank", limit=1),
        lambda c: store.count(c, {"kind": "x"}),
        lambda c: store.increment(c, "x", {"n": 1}),
    ):
        with pytest.raises(ForeignCollection, match="somebody-else"):
            await attempt("foreign")
        with pytest.raises(ForeignCollection, match=r"collections\.toml"):
            await attempt("undeclared")
    assert await store.get("things", "x") is None
    assert await read(store, "one") == thing


async def test_ping_answers(store: Store) -> None:
    await store.ping()


async def test_a_closed_store_refuses(harness: Harness) -> None:
    store = await harness.open()
    thing = await store.insert("things", "one", {})
    await store.close()
    await store.close()
    for call in (
        store.ping(),
        store.get("things", "one"),
        store.insert("things", "two", {}),
        store.replace(thing, {}, collection="things"),
        store.delete("things", "one"),
        store.increment("counters", "c", {"n": 1}),
        store.count("things", {"kind": "k", "size": 1}),
    ):
        with pytest.raises(StoreUnavailable):
            await call


async def test_close_finishes_the_writes_that_wait(harness: Harness) -> None:
    if not harness.durable:
        pytest.skip("in memory: nothing outlives close")
    store = await harness.open()
    writes = [asyncio.ensure_future(store.insert("things", f"t{n}", {"n": n})) for n in range(100)]
    await asyncio.sleep(0)
    await store.close()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    again = await harness.open()
    found = await again.get_many("things", [f"t{n}" for n in range(100)])
    for n, outcome in enumerate(outcomes):
        assert isinstance(outcome, Stored | StoreError)
        assert isinstance(outcome, StoreError) or found[f"t{n}"] == outcome
    await again.close()


async def test_data_outlives_close(harness: Harness) -> None:
    if not harness.durable:
        pytest.skip("in memory: nothing outlives close")
    store = await harness.open()
    written = await store.insert("things", "one", EVERYTHING, then=[Put("follow_ups", "f", {"cause": "one"})])
    await store.increment("counters", "c", {"n": 7})
    await store.close()
    again = await harness.open()
    assert await read(again, "one") == written
    assert await again.count("follow_ups", {"cause": "one"}) == 1
    assert await again.increment("counters", "c", {"n": 1}) == {"n": 8}
    await again.replace(written, {"n": 2}, collection="things")
    await again.close()
