"""Many at once, and crashes in the middle: nothing is lost and nothing happens twice (contract 11.6)."""

import asyncio
import contextlib

import httpx
import pytest

from aex.store.port import Store, StoreUnavailable
from tests.app.settlement.ledgers import bench
from tests.app.store.crashing import Crashed, CrashingStore, open_memory_store
from tests.app.support import error_code


async def test_defect_11_6_no_deposit_of_64_at_once_is_lost() -> None:
    async with bench() as b:
        answers = await asyncio.gather(*(b.deposit("tenant_a", "1.00") for _ in range(64)), b.fold())
        assert [a.status_code for a in answers if isinstance(a, httpx.Response)] == [201] * 64
        assert await b.balance("tenant_a") == "64"
        await b.fold()
        assert await b.balance("tenant_a") == "64"
        assert len({row["id"] for row in await b.rows("tenant_a")}) == 64
        await b.balanced()


async def test_64_deposits_at_once_with_one_key_are_one() -> None:
    async with bench() as b:
        answers = await asyncio.gather(*(b.deposit("tenant_a", "1.00", key="k") for _ in range(64)))
        assert len({a.json()["id"] for a in answers}) == 1
        assert await b.balance("tenant_a") == "1"


async def test_defect_11_6_16_settlements_of_one_contract_at_once_are_one() -> None:
    async with bench() as b:
        mixed = [b.settle(success=number % 4 != 3, agreed_price=str(10 + number % 2)) for number in range(16)]
        answers = await asyncio.gather(*mixed)
        won = [a for a in answers if a.status_code == 200]
        assert len(won) == 1
        assert {error_code(a) for a in answers if a.status_code != 200} == {"already_settled"}
        retries = await asyncio.gather(*(b.settle() for _ in range(16)))
        assert {a.status_code for a in retries} == {409}
        assert (await b.client.get("/v1/usage?tenant_id=tenant_c")).json()["count"] == 1
        report = await b.balanced()
        assert report["entries"] == 1


class Flaky:
    """A store whose every third write is lost before or after it was applied, with an error either way."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._writes = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def insert(self, *args: object, **kwargs: object) -> object:
        self._writes += 1
        if self._writes % 6 == 1:
            raise StoreUnavailable("lost before")
        stored = await self._inner.insert(*args, **kwargs)  # pyright: ignore[reportArgumentType]
        if self._writes % 6 == 4:
            raise StoreUnavailable("lost after")
        return stored


async def test_retries_after_an_unknown_outcome_book_once() -> None:
    async with bench(Flaky(await open_memory_store("aex-settlement"))) as b:  # pyright: ignore[reportArgumentType]
        for number in range(12):
            while (answer := await b.deposit("tenant_c", "20", key=str(number))).status_code != 201:
                assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
            while (answer := await b.settle(f"contract_{number}")).status_code not in {200, 409}:
                assert error_code(answer) == "store_unavailable"
        assert [await b.balance("tenant_c"), await b.balance("prov_p")] == ["120", "102"]
        await b.balanced()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("what", ["deposit", "settle", "fail"])
async def test_defect_11_6_a_crash_at_any_write_leaves_all_or_nothing_and_a_retry_completes_it(
    what: str, after: bool
) -> None:
    for crash_at in range(1, 20):
        inner = await open_memory_store("aex-settlement")
        crashing = CrashingStore(inner, crash_at, after=after)

        async def act(store: Store) -> int:
            async with bench(store) as b:
                if what == "deposit":
                    return (await b.deposit("tenant_c", "10", key="k")).status_code
                return (await b.settle(success=what == "settle")).status_code

        with contextlib.suppress(Crashed):
            await act(crashing)
        wanted = {"deposit": ["10", "0"], "settle": ["-10", "8.5"], "fail": ["0", "0"]}[what]
        async with bench(Unclosed(inner)) as b:  # pyright: ignore[reportArgumentType]
            report = await b.balanced()
            assert [await b.balance("tenant_c"), await b.balance("prov_p")] in (["0", "0"], wanted)
            assert report["entries"] == (1 if after or not crashing.crashed else 0)
        assert await act(Unclosed(inner)) in {200, 201, 409}  # pyright: ignore[reportArgumentType]
        async with bench(inner) as b:
            assert [await b.balance("tenant_c"), await b.balance("prov_p")] == wanted
            report = await b.balanced()
            assert report["entries"] == 1
        if not crashing.crashed:
            assert crash_at == 2, "a deposit or a settlement is one write"
            return
    pytest.fail("it never ended")


class Unclosed:
    """A store that the next process goes on with."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def close(self) -> None:
        """Nothing: see above."""
