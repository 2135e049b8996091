"""The promises of queries, the same for every backend: order, bounds, pages, counts, and what is refused."""

import asyncio
import base64

import pytest

from aex.store.port import MAX_PAGE, BadCursor, Document, InvalidDocument, Page, Scalar, Store, UndeclaredQuery

TIMES = [f"2026-11-24T22:55:{n:02d}.{n:06d}Z" for n in range(20)]


def thing(rank: str, kind: str = "k", **more: Scalar) -> Document:
    return {"kind": kind, "rank": rank, **more}


def ids(page: Page) -> list[str]:
    return [item.id for item in page.items]


async def fill(store: Store, docs: dict[str, Document]) -> None:
    free = asyncio.Semaphore(24)  # a store refuses what it can not take in time

    async def insert(id: str, doc: Document) -> None:
        async with free:
            await store.insert("things", id, doc)

    await asyncio.gather(*(insert(id, doc) for id, doc in docs.items()))


async def pages(store: Store, where: dict[str, Scalar], order: str, limit: int) -> list[list[str]]:
    found: list[list[str]] = []
    cursor: str | None = None
    while True:
        page = await store.query("things", where, order=order, limit=limit, cursor=cursor)
        found.append(ids(page))
        if page.cursor is None:
            return found
        cursor = page.cursor


async def test_order_ascending_and_descending(store: Store) -> None:
    await fill(store, {f"t{n}": thing(TIMES[(n * 7) % 20]) for n in range(20)})
    up = ids(await store.query("things", {"kind": "k"}, order="rank", limit=100))
    assert up == sorted((f"t{n}" for n in range(20)), key=lambda id: TIMES[(int(id[1:]) * 7) % 20])
    assert ids(await store.query("things", {"kind": "k"}, order="-rank", limit=100)) == up[::-1]


async def test_ties_are_ordered_by_id(store: Store) -> None:
    names = ["b", "B", "a", "ä", "aa", "Z", "z", "10", "9", "日", "😀", "\uffff"]
    await fill(store, {id: thing("same") for id in names})
    up = ids(await store.query("things", {"kind": "k"}, order="rank", limit=100))
    assert up == sorted(names)  # code points, which is also the order of UTF-8
    assert await pages(store, {"kind": "k"}, "rank", 5) == [up[:5], up[5:10], up[10:]]
    down = ids(await store.query("things", {"kind": "k"}, order="-rank", limit=100))
    assert down == up[::-1]
    assert await pages(store, {"kind": "k"}, "-rank", 5) == [down[:5], down[5:10], down[10:]]


async def test_text_is_ordered_by_code_point(store: Store) -> None:
    ranks = ["", "A", "Z", "a", "b", "ä", "日", "\uffff", "😀"]
    await fill(store, {f"t{n}": thing(rank) for n, rank in enumerate(ranks)})
    assert ids(await store.query("things", {"kind": "k"}, order="rank", limit=100)) == [
        f"t{n}" for n in range(len(ranks))
    ]


async def test_only_equal_documents_are_found(store: Store) -> None:
    await fill(
        store,
        {
            "a": thing("1", flag=True),
            "b": thing("2", flag=False),
            "c": thing("3", kind="K", flag=True),
            "d": thing("4"),
            "e": {"rank": "5", "flag": True},
            "f": thing("6", flag=True),
        },
    )
    assert ids(await store.query("things", {"kind": "k"}, order="rank", limit=10)) == ["a", "b", "d", "f"]
    assert ids(await store.query("things", {"kind": "k", "flag": True}, order="rank", limit=10)) == ["a", "f"]
    assert ids(await store.query("things", {"flag": False, "kind": "k"}, order="rank", limit=10)) == ["b"]
    assert ids(await store.query("things", {"kind": "' OR 1=1 --"}, order="rank", limit=10)) == []
    assert ids(await store.query("things", {}, order="-rank", limit=10)) == ["f", "e", "d", "c", "b", "a"]


async def test_a_document_without_the_order_field_is_not_found(store: Store) -> None:
    await fill(
        store, {"a": thing("1"), "b": {"kind": "k"}, "c": {"kind": "k", "rank": None}, "d": {"kind": "k", "rank": 5}}
    )
    assert ids(await store.query("things", {"kind": "k"}, order="rank", limit=10)) == ["a"]
    assert ids(await store.query("things", {"kind": "k"}, order="-rank", limit=10)) == ["a"]


async def test_what_is_returned_is_the_document_and_its_version(store: Store) -> None:
    written = await store.insert("things", "a", thing("1", text="x"))
    page = await store.query("things", {"kind": "k"}, order="rank", limit=10, stale_ok=True)
    assert page == Page([written], None)
    replaced = await store.replace(page.items[0], thing("2"), collection="things")
    assert (await store.query("things", {"kind": "k"}, order="rank", limit=10)).items == [replaced]
    await store.delete("things", "a")
    assert (await store.query("things", {"kind": "k"}, order="rank", limit=10)).items == []


async def test_bounds_are_inclusive(store: Store) -> None:
    await fill(store, {f"t{n}": thing(TIMES[n]) for n in range(6)})

    async def found(order: str, **bounds: str) -> list[str]:
        return ids(await store.query("things", {"kind": "k"}, order=order, limit=10, **bounds))  # pyright: ignore[reportArgumentType]

    assert await found("rank", low=TIMES[2]) == ["t2", "t3", "t4", "t5"]
    assert await found("rank", high=TIMES[2]) == ["t0", "t1", "t2"]
    assert await found("-rank", low=TIMES[1], high=TIMES[3]) == ["t3", "t2", "t1"]
    assert await found("rank", low=TIMES[1], high=TIMES[3]) == ["t1", "t2", "t3"]
    assert await found("rank", low=TIMES[3], high=TIMES[1]) == []
    assert await found("rank", low="", high="") == []
    assert await found("rank", low="3") == []
    assert len(await found("rank", high="3")) == 6


@pytest.mark.parametrize("order", ["rank", "-rank"])
async def test_pages_within_bounds(store: Store, order: str) -> None:
    await fill(store, {f"t{n:02d}": thing(TIMES[n // 2]) for n in range(20)})
    expected = [f"t{n:02d}" for n in range(4, 14)]
    if order == "-rank":
        expected.reverse()
    found: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        page = await store.query(
            "things", {"kind": "k"}, order=order, limit=3, cursor=cursor, low=TIMES[2], high=TIMES[6]
        )
        found += ids(page)
        cursor = page.cursor
    assert cursor is None
    assert found == expected


@pytest.mark.parametrize(("total", "limit"), [(0, 1), (1, 1), (7, 1), (6, 3), (7, 3), (7, 7), (7, 100)])
async def test_pages_cover_everything_once(store: Store, total: int, limit: int) -> None:
    await fill(store, {f"t{n}": thing(TIMES[n // 2]) for n in range(total)})
    for order in ("rank", "-rank"):
        found = await pages(store, {"kind": "k"}, order, limit)
        assert all(len(page) == limit for page in found[:-1])
        assert found[-1] or total == 0  # no empty page at the end
        flat = [id for page in found for id in page]
        assert flat == sorted((f"t{n}" for n in range(total)), reverse=order == "-rank")


async def test_pages_stay_stable_while_others_write(store: Store) -> None:
    await fill(store, {f"t{n:02d}": thing(TIMES[n]) for n in range(0, 20, 2)})
    first = await store.query("things", {"kind": "k"}, order="-rank", limit=4)
    assert ids(first) == ["t18", "t16", "t14", "t12"]
    await fill(
        store, {"t19": thing(TIMES[19]), "t15": thing(TIMES[15]), "t12a": thing(TIMES[12]), "t07": thing(TIMES[7])}
    )
    await store.delete("things", "t12")  # the document that the cursor stands on
    second = await store.query("things", {"kind": "k"}, order="-rank", limit=4, cursor=first.cursor)
    assert ids(second) == ["t10", "t08", "t07", "t06"]
    third = await store.query("things", {"kind": "k"}, order="-rank", limit=4, cursor=second.cursor)
    assert (ids(third), third.cursor) == (["t04", "t02", "t00"], None)


async def test_inserts_during_paging_neither_repeat_nor_hide_what_was_there(store: Store) -> None:
    before = {f"t{n:03d}": thing(TIMES[n % 20]) for n in range(60)}
    await fill(store, before)

    async def insert_more() -> None:
        for n in range(40):
            await store.insert("things", f"u{n:03d}", thing(TIMES[n % 20]))

    writer = asyncio.ensure_future(insert_more())
    seen = [id for page in await pages(store, {"kind": "k"}, "rank", 7) for id in page]
    await writer
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)


async def test_count(store: Store) -> None:
    await fill(store, {f"t{n}": thing("r", size=n % 3) for n in range(10)} | {"x": thing("r", kind="other", size=1)})
    assert await store.count("things", {"kind": "k", "size": 0}) == 4
    assert await store.count("things", {"kind": "k", "size": 1}) == 3
    assert await store.count("things", {"kind": "k"}) == 10
    assert await store.count("things", {"kind": "nobody"}) == 0
    assert await store.count("things", {}) == 11


async def test_a_query_that_is_not_declared_is_refused(store: Store) -> None:
    await fill(store, {"a": thing("1", size=1)})
    for where, order in (
        ({"size": 1}, "rank"),
        ({"kind": "k"}, "size"),
        ({"kind": "k", "flag": True}, "-rank"),
        ({"kind": "k", "size": 1}, "rank"),
        ({}, "rank"),
        ({"kind": "k"}, ""),
        ({"kind": "k"}, "--rank"),
    ):
        with pytest.raises(UndeclaredQuery, match=r"things: add .*collections\.toml"):
            await store.query("things", where, order=order, limit=1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UndeclaredQuery, match=r'equal = \["flag"\]'):
        await store.count("things", {"flag": True})


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, float("nan"), "\ud800", 2**63], ids=str)
async def test_what_backends_do_not_compare_alike_is_refused(store: Store, value: Scalar) -> None:
    with pytest.raises(InvalidDocument):
        await store.query("things", {"kind": value}, order="rank", limit=1)
    with pytest.raises(InvalidDocument):
        await store.count("things", {"kind": value})


@pytest.mark.parametrize("limit", [0, -1, MAX_PAGE + 1])
async def test_a_wrong_limit_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(InvalidDocument, match="limit"):
        await store.query("things", {"kind": "k"}, order="rank", limit=limit)


async def test_the_largest_page(store: Store) -> None:
    await fill(store, {f"t{n:04d}": thing("r") for n in range(MAX_PAGE + 1)})
    page = await store.query("things", {"kind": "k"}, order="rank", limit=MAX_PAGE)
    assert (len(page.items), page.cursor is None) == (MAX_PAGE, False)
    rest = await store.query("things", {"kind": "k"}, order="rank", limit=MAX_PAGE, cursor=page.cursor)
    assert (ids(rest), rest.cursor) == ([f"t{MAX_PAGE:04d}"], None)


async def test_a_cursor_works_only_for_its_own_query(store: Store) -> None:
    await fill(store, {f"t{n}": thing(TIMES[n], flag=True) for n in range(4)})
    page = await store.query("things", {"kind": "k"}, order="rank", limit=2)
    cursor = page.cursor
    assert cursor is not None
    for where, order in (
        ({"kind": "other"}, "rank"),
        ({"kind": "k"}, "-rank"),
        ({"kind": "k", "flag": True}, "rank"),
        ({}, "-rank"),
    ):
        with pytest.raises(BadCursor):
            await store.query("things", where, order=order, limit=2, cursor=cursor)  # pyright: ignore[reportArgumentType]
    raw = base64.urlsafe_b64decode(cursor + "==")
    changed = base64.urlsafe_b64encode(raw.replace(b"t1", b"t3")).decode().rstrip("=")
    for bad in (
        "",
        "x",
        "????",
        "ä",
        "🙂",
        cursor[:-3],
        cursor + "A",
        cursor[1:],
        changed,
        "A" * 10_000,
        "e30",
        "bnVsbA",
    ):
        with pytest.raises(BadCursor):
            await store.query("things", {"kind": "k"}, order="rank", limit=2, cursor=bad)


async def test_a_cursor_outlives_its_process(store: Store) -> None:
    await fill(store, {"ä\n/%": thing("1"), "日": thing("1"), "z": thing("2")})
    page = await store.query("things", {"kind": "k"}, order="rank", limit=1)
    assert page.cursor is not None
    assert page.cursor.isascii()
    assert not set(page.cursor) & set("/+=&? ")  # goes into a query string as it is
    assert await pages(store, {"kind": "k"}, "rank", 1) == [["ä\n/%"], ["日"], ["z"]]
