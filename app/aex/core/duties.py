"""Background duties of a service: small idempotent functions that say how many things they did.

Run in a loop where instances live on, or all at once by `POST /internal/v1/duties/run` where a scheduler calls.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from aex.core.errors import ApiError
from aex.core.logging import get_logger
from aex.core.metrics import Metrics

log = get_logger(__name__)

Duty = Callable[[], Awaitable[int]]
"""One run; returns how many things it did."""


class DutyRoster:
    """The duties of one service."""

    def __init__(self, metrics: Metrics) -> None:
        self._duties: dict[str, Duty] = {}
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    def add(self, name: str, duty: Duty) -> None:
        """Registers `duty` under `name`, a lower-case word for logs and metrics."""
        self._duties[name] = duty

    def __bool__(self) -> bool:
        return bool(self._duties)

    async def run_all(self) -> dict[str, int | str]:
        """Runs each duty once; one that fails is reported and does not keep the others from running."""
        report: dict[str, int | str] = {}
        for name, duty in self._duties.items():
            try:
                count = await duty()
            except Exception as error:
                # A peer that is away is no bug: one line a round, not a traceback.
                expected = isinstance(error, ApiError)
                reason = error.message if expected else type(error).__name__
                log.warning("duty failed", duty=name, reason=reason, exc_info=None if expected else error)
                self._metrics.duty_failed(name)
                report[name] = f"failed: {type(error).__name__}"
                continue
            self._metrics.duty(name, count)
            report[name] = count
        return report

    def start(self, interval: float) -> None:
        """Starts the loop, if there is anything to do; `interval` seconds between runs, with jitter."""
        if self._duties:
            self._task = asyncio.create_task(self._loop(interval))

    async def stop(self) -> None:
        """Ends the loop; a duty in the middle is cancelled, which it must survive anyway."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _loop(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            await self.run_all()


__all__ = ["Duty", "DutyRoster"]
