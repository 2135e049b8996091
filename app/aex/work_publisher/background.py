"""Work that goes on after the answer, bounded in number and ended with the process. Nothing may depend on it."""

import asyncio
from collections.abc import Awaitable, Callable

from aex.core.logging import get_logger

log = get_logger(__name__)


class Background:
    """A few tasks at a time; what does not fit is left to whoever sweeps."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Starts `work` unless `limit` others are under way; returns whether it did."""
        if len(self._tasks) >= self._limit:
            return False
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def settled(self) -> None:
        """Returns when everything that was started has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Ends what is under way."""
        for task in self._tasks:
            task.cancel()
        await self.settled()

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            log.warning("background work failed; a sweep will repeat it", exc_info=error)


__all__ = ["Background"]
