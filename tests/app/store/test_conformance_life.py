"""Ownership, closing and opening again, the same for every backend."""

import asyncio

import pytest

from aex.store.port import (
    Document,
    ForeignCollection,
    Put,
    Store,
    Stored,
    StoreError,
    StoreUnavailable,
)
from tests.app.store.harness import Harness, read

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
