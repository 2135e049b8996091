"""The cache asks once for many, forgets in time, is bounded, and keeps no errors."""

import asyncio

import pytest

from aex.core.cache import TimedCache


class Source:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.error is not None:
            raise self.error
        return self.asked


async def test_simultaneous_misses_ask_once() -> None:
    cache, source = TimedCache[str, int](10, 10), Source()
    assert await asyncio.gather(*(cache.get("k", source) for _ in range(9))) == [1] * 9


async def test_errors_reach_everybody_and_are_not_kept() -> None:
    cache, source = TimedCache[str, int](10, 10), Source()
    source.error = ValueError("away")
    results = await asyncio.gather(*(cache.get("k", source) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, ValueError) for result in results) and source.asked == 1
    source.error = None
    assert await cache.get("k", source) == 2


async def test_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    cache, source = TimedCache[str, int](10, 10), Source()
    first = asyncio.create_task(cache.get("k", source))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get("k", source))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == 1 and source.asked == 1


async def test_the_least_recently_used_goes_first() -> None:
    cache, source = TimedCache[str, int](10, 2), Source()
    for key in ("a", "b", "a", "c"):
        await cache.get(key, source)
    assert len(cache) == 2 and source.asked == 3
    await cache.get("a", source)
    assert source.asked == 3
    await cache.get("b", source)
    assert source.asked == 4


async def test_values_expire_and_can_be_forgotten() -> None:
    now = [0.0]
    cache, source = TimedCache[str, int](10, 2, monotonic=lambda: now[0]), Source()
    assert await cache.get("k", source) == 1
    now[0] = 9.9
    assert await cache.get("k", source) == 1
    now[0] = 10.0
    assert await cache.get("k", source) == 2
    cache.forget("k")
    assert await cache.get("k", source) == 3
