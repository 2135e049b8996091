"""The gate in front of a database: bounded in number and in time."""

import asyncio
import contextlib

import pytest

from aex.store.deadline import Gate
from aex.store.port import StoreUnavailable


async def nothing() -> None:
    """Answers at once."""


async def test_who_waits_too_long_is_told() -> None:
    gate = Gate(most=2, seconds=0.05)
    with pytest.raises(StoreUnavailable, match=r"within 0\.05 s"):
        await gate.run(lambda: asyncio.sleep(5))
    await gate.run(nothing)


async def test_also_when_the_call_does_not_let_itself_be_cancelled() -> None:
    async def stubborn() -> None:
        for _ in range(2):  # as a driver that takes a cancellation for a lost connection, and tries again
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.4)
        raise KeyError("later")

    gate = Gate(most=1, seconds=0.05)
    began = asyncio.get_running_loop().time()
    with pytest.raises(StoreUnavailable, match="within"):
        await gate.run(stubborn)
    assert asyncio.get_running_loop().time() - began < 0.3
    with pytest.raises(StoreUnavailable, match="1 calls wait"):  # it still takes its place
        await gate.run(nothing)
    await asyncio.sleep(0.6)
    await gate.run(nothing)


async def test_who_would_be_one_too_many_is_told_at_once() -> None:
    gate = Gate(most=2, seconds=5)
    release = asyncio.Event()
    inside = [asyncio.create_task(gate.run(release.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="2 calls wait"):
        await gate.run(nothing)
    release.set()
    assert await asyncio.gather(*inside) == [True, True]
    await gate.run(nothing)


async def test_an_error_inside_passes_and_frees_the_place() -> None:
    async def fail() -> None:
        raise KeyError

    gate = Gate(most=1, seconds=5)
    for _ in range(3):
        with pytest.raises(KeyError):
            await gate.run(fail)
    await gate.run(nothing)


async def test_a_cancelled_caller_cancels_its_call() -> None:
    cancelled: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    gate = Gate(most=1, seconds=5)
    caller = asyncio.create_task(gate.run(work))
    await asyncio.sleep(0.01)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.sleep(0)
    await gate.run(nothing)
    assert cancelled == [True]


async def test_closing_waits_for_those_inside_and_lets_nobody_in() -> None:
    gate = Gate(most=5, seconds=5)
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.append("work")

    task = asyncio.create_task(gate.run(work))
    await asyncio.sleep(0)
    assert await gate.close() is True
    assert done == ["work"]
    await task
    assert await gate.close() is False
    with pytest.raises(StoreUnavailable, match="closed"):
        await gate.run(nothing)
