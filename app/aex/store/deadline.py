"""A gate in front of a database that is reached over the network: a deadline for each call, a bound on how many wait.

Owns neither retries nor errors of a driver. A slow database must not pile up requests: beyond the bound they are
refused at once, and whoever waits is told at the deadline.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aex.store.port import StoreUnavailable


class Gate:
    """Lets at most `most` calls in, each for at most `seconds`."""

    def __init__(self, *, most: int = 1024, seconds: float = 8.0) -> None:
        self._most = most
        self._seconds = seconds
        self._inside = 0
        self._closed = False

    @asynccontextmanager
    async def enter(self) -> AsyncGenerator[None]:
        """One call. Raises `StoreUnavailable` when the gate is closed or full, or when the time is over."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._inside >= self._most:
            raise StoreUnavailable(f"{self._most} calls wait for the database already; try again later")
        self._inside += 1
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError as error:
            raise StoreUnavailable(f"the database did not answer within {self._seconds:g} s") from error
        finally:
            self._inside -= 1

    async def close(self) -> bool:
        """Let nobody in any more and wait for those inside. False if it was closed before."""
        if self._closed:
            return False
        self._closed = True
        for _ in range(int(self._seconds * 100)):
            if not self._inside:
                break
            await asyncio.sleep(0.01)
        return True
