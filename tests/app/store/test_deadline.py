"""The gate in front of a database: bounded in number and in time."""

import asyncio

import pytest

from aex.store.deadline import Gate
from aex.store.port import StoreUnavailable


async def test_who_waits_too_long_is_told() -> None:
    gate = Gate(most=2, seconds=0.05)
    with pytest.raises(StoreUnavailable, match=r"within 0\.05 s"):
        async with gate.enter():
            await asyncio.sleep(5)
    async with gate.enter():
        pass


async def test_who_would_be_one_too_many_is_told_at_once() -> None:
    gate = Gate(most=2, seconds=5)
    release = asyncio.Event()

    async def stay() -> None:
        async with gate.enter():
            await release.wait()

    inside = [asyncio.create_task(stay()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="2 calls wait"):
        await stay()
    release.set()
    await asyncio.gather(*inside)
    await stay()


async def test_an_error_inside_passes_and_frees_the_place() -> None:
    gate = Gate(most=1, seconds=5)
    for _ in range(3):
        with pytest.raises(KeyError):
            async with gate.enter():
                raise KeyError
    async with gate.enter():
        pass


async def test_closing_waits_for_those_inside_and_lets_nobody_in() -> None:
    gate = Gate(most=5, seconds=5)
    done: list[str] = []

    async def work() -> None:
        async with gate.enter():
            await asyncio.sleep(0.05)
            done.append("work")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert await gate.close() is True
    assert done == ["work"]
    await task
    assert await gate.close() is False
    with pytest.raises(StoreUnavailable, match="closed"):
        async with gate.enter():
            pass
