"""A gate in front of a database that is reached over the network: a deadline for each call, a bound on how many wait.

Owns neither retries nor errors of a driver. A slow database must not pile up requests: beyond the bound they are
refused at once, and whoever waits is told at the deadline: also when the driver
turns a cancellation into a second try, so that its call has to be left to end by itself.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

from aex.store.port import StoreUnavailable

T = TypeVar("T")


class Gate:
    """Lets at most `most` calls in, and answers each within `seconds`."""

    def __init__(self, *, most: int = 1024, seconds: float = 8.0) -> None:
        self._most = most
        self._seconds = seconds
        self._inside: set[asyncio.Task[object]] = set()
        self._closed = False

    async def run(self, call: Callable[[], Coroutine[None, None, T]]) -> T:
        """What `call` returns. Raises `StoreUnavailable` when the gate is closed or full, or the time is over."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if len(self._inside) >= self._most:
            raise StoreUnavailable(f"{self._most} calls wait for the database already; try again later")
        task = asyncio.create_task(call())
        self._inside.add(task)
        task.add_done_callback(self._leave)
        try:
            await asyncio.wait({task}, timeout=self._seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done() and not task.cancelled():
            return task.result()
        task.cancel()
        raise StoreUnavailable(f"the database did not answer within {self._seconds:g} s")

    async def close(self) -> bool:
        """Let nobody in any more, and wait for those inside until their deadline. False if it was closed before."""
        if self._closed:
            return False
        self._closed = True
        if self._inside:
            await asyncio.wait(set(self._inside), timeout=self._seconds)
        return True

    def _leave(self, task: "asyncio.Task[object]") -> None:
        self._inside.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits for it any more
