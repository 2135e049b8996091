"""A bounded cache with a time to live in which simultaneous misses for one key ask once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Keeps values for `seconds`, at most `limit` of them; the least recently used goes first.

    `load` may raise: errors are passed to everybody who waits and never kept. `keep` says which values are kept.
    """

    def __init__(
        self,
        seconds: float,
        limit: int,
        *,
        keep: Callable[[V], bool] = lambda _: True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._limit = limit
        self._keep = keep
        self._monotonic = monotonic
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        return len(self._values)

    async def get(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """The value for `key`, from `load` when none is young enough."""
        held = self._values.get(key)
        if held is not None:
            if held[0] > self._monotonic():
                self._values.move_to_end(key)
                return held[1]
            del self._values[key]
        task = self._loading.get(key)
        if task is None:
            task = asyncio.ensure_future(self._load(key, load))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._loaded(key, done))
        # Shielded: one caller that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, key: K) -> None:
        """Drops what is held for `key`."""
        self._values.pop(key, None)

    async def _load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        value = await load()
        if self._keep(value):
            self._values[key] = (self._monotonic() + self._seconds, value)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)
        return value

    def _loaded(self, key: K, task: asyncio.Task[V]) -> None:
        self._loading.pop(key, None)
        if not task.cancelled():
            task.exception()  # marked as seen: everybody who waited may have gone


__all__ = ["TimedCache"]
