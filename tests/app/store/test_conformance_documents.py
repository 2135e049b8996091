"""What every backend keeps: values, ids, sizes, and what all refuse alike."""

import asyncio

import pytest

from aex.store.port import (
    MAX_DOCUMENT_BYTES,
    MAX_ID_BYTES,
    AlreadyExists,
    Document,
    InvalidDocument,
    Put,
    Store,
)
from tests.app.store.harness import read

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
